"""The evasion suite against who reads words from outside: what a vendor, a state or a page on the web says is shown as
it is, and takes no longer to read than it is long."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pulumi_cortecs.cli.output import exit_failed, make_table, print_json, print_lines
from pulumi_cortecs.cortecs.kind import ARGUMENTS
from pulumi_cortecs.cost.catalogue import MAX_BYTES, Catalogue, CatalogueError, dump, load
from pulumi_cortecs.cost.catalogue_rows import _TextLoader
from pulumi_cortecs.cost.limits_file import MAX_BYTES as LARGEST_LIMITS
from pulumi_cortecs.cost.limits_file import LimitsFileError, limits_in_force
from pulumi_cortecs.http.errors import BadAnswerError
from pulumi_cortecs.http.network import read_network
from pulumi_cortecs.policy.rule import Level
from pulumi_cortecs.policy.rules.duration import TTL_REQUIRED
from pulumi_cortecs.policy.testing import PackTester, cortecs_instance, sample_catalogue
from pulumi_cortecs.provider.properties import read_properties
from pulumi_cortecs.simulator.local_requests import foreign_origin
from pulumi_cortecs.stacks.import_file import names_for_models
from tests.policy.attempts import Attempts
from tests.unit.cortecs.test_client import instance_body, scripted, scripted_market
from tests.unit.simulator.test_local_requests import HOSTS, PAGES

ODD = {
    "an escape": "chat\x1b[2K\x1b[1Ahidden",
    "a carriage return": "chat\rhidden",
    "a C1 control": "chat\x9b2K",
    "a line break": "chat\nfree",
    "text from right to left": "chat\u202efree",
    "nothing that is seen": "chat\u200b",
}
PRICE = {"price_per_hour": 1.2, "price_per_minute": 0.02, "currency": "EUR"}


def got_through(call: Callable[[], Any]) -> bool:
    """Returns whether an answer is taken as it is, or shown as it is where it is refused."""
    try:
        call()
    except BadAnswerError as error:
        return not str(error).isprintable()
    return True


def hardware(**cells: Any) -> dict[str, Any]:
    row = {"hardware_type_id": "A", "price_info": PRICE, "hardware_info": {"gpu_type": "G"}}
    return {"hardware_types": [{**row, **cells}]}


@pytest.mark.parametrize("name", ODD)
def test_ids_are_printable_at_the_border(name: str, attempts: Attempts) -> None:
    odd = ODD[name]
    configs = {"model": {"model_id": "m", "hardware_configs": {odd: {}}}}
    recommended = {"model": {"model_id": "m", "recommended_config": odd}}
    calls: dict[str, Callable[[], Any]] = {
        "the id of an instance": lambda: scripted({"instances": [instance_body(instance_id=odd)]}).instances(),
        "the id of what was bought": lambda: scripted({"instance": instance_body(instance_id=odd)}).instance("i-1"),
        "the id of a model": lambda: scripted_market({"models": [{"model_id": odd}]}).model_ids(),
        "the id of a model with its story": lambda: scripted_market({"models": [{"model_id": odd}]}).models(),
        "hardware of a model": lambda: scripted_market(configs).model("m"),
        "hardware that is recommended": lambda: scripted_market(recommended).model("m"),
        "the id of hardware": lambda: scripted_market(hardware(hardware_type_id=odd)).hardware_types(),
    }
    attempts.batch({f"{name} in {where}": got_through(call) for where, call in calls.items()})


@pytest.mark.parametrize("name", ODD)
def test_other_words_are_written_out_so_that_an_instance_stays_visible(name: str, attempts: Attempts) -> None:
    odd = ODD[name]
    body = instance_body(
        instance_args={"model_id": odd, "hardware_type_id": odd, "billing_interval": odd},
        instance_status={"status": odd, "started_at": odd, "stopped_at": odd},
        base_url=odd,
        worker_statuses=[{"init_progress": {"current_step": 1, "num_steps": 5, "description": odd}}],
    )
    instance = scripted({"instances": [body]}).instances()["i-1"]
    args, status = instance.instance_args, instance.instance_status
    progress = instance.worker_statuses[0].init_progress
    assert progress is not None
    gpu = scripted_market(hardware(hardware_info={"gpu_type": odd})).hardware_types()["A"].gpu_type
    words = {
        "what was ordered": f"{args.model_id}{args.hardware_type_id}{args.billing_interval}",
        "a status": f"{status.status}{status.started_at}{status.stopped_at}",
        "an address": str(instance.base_url),
        "progress": str(progress.description),
        "the type of a GPU": str(gpu),
    }
    attempts.batch({f"{name} in {where}": not text.isprintable() for where, text in words.items()})


@pytest.mark.parametrize("name", ODD)
def test_a_command_prints_what_is_printable(name: str, attempts: Attempts, capsys: pytest.CaptureFixture[str]) -> None:
    odd = ODD[name]

    def table() -> None:
        shown = make_table(odd, "id")
        shown.add_row(odd)
        print_lines(shown)

    def as_json() -> None:
        print_json({"id": odd})

    for where, show in {
        "a table": table,
        "a line": lambda: print_lines(odd),
        "JSON": as_json,
        "an error": lambda: exit_failed(odd),
    }.items():
        show()
        out, err = capsys.readouterr()
        lines = (out + err).split("\n")
        through = not all(line.isprintable() for line in lines) or "free" in lines
        attempts.tried(f"{name} in {where}", through=through)
        if where == "JSON":
            assert json.loads(out) == {"id": odd}


def test_no_page_on_the_web_is_answered_by_a_simulator(attempts: Attempts) -> None:
    attempts.batch({f"a simulator asked as {host!r}": foreign_origin({"host": host}) == "" for host in HOSTS})
    asked = {"host": "127.0.0.1:3000"}
    attempts.batch(
        {f"a simulator asked by a page, {headers}": foreign_origin({**asked, **headers}) == "" for headers in PAGES}
    )
    attempts.tried("a simulator asked without a Host", through=foreign_origin({}) == "")


class Counted(str):
    """A text that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


@pytest.mark.parametrize("digits", [101, 8000, 1_000_000])
def test_a_ttl_is_refused_for_its_length_before_it_is_read(digits: int, attempts: Attempts) -> None:
    for ttl in ("1" * digits, "1" * digits + "d", "1s" * digits, "0." + "0" * digits + "1d"):
        _, problems = read_properties({"model_id": "m", "ttl": ttl}, ARGUMENTS)
        attempts.tried(f"a ttl of {len(ttl)} characters for the provider", through=not problems)
        verdict = PackTester([TTL_REQUIRED], {"ttl-required": {"at_most": "24h"}}).preview(cortecs_instance(ttl=ttl))
        (text,) = verdict.of("ttl-required", Level.MANDATORY)
        through = f"is of {len(ttl)} characters, too long for a duration" not in text
        attempts.tried(f"a ttl of {len(ttl)} characters for a pack", through=through)


def test_the_keys_of_a_catalogue_are_not_compared_with_each_other(attempts: Attempts) -> None:
    counted = [(yaml.ScalarNode("s", Counted(f"key-{number}")), yaml.ScalarNode("s", "1")) for number in range(2000)]
    loader = _TextLoader("")
    try:
        assert len(loader.construct_mapping(yaml.MappingNode("m", counted))) == 2000
    finally:
        loader.dispose()
    attempts.tried("a catalogue of many keys", through=Counted.compared > 10 * len(counted))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CATALOGUES = {
    "names that are used again": (BOMB + "version: *i\n", "is named and used again"),
    "a scalar that is used again": ("version: &a 1\nsha256: *a\n", "is named and used again"),
    "a file without end": ("#" * (MAX_BYTES + 1), "kB, the limit of a catalogue"),
}


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_catalogue_is_as_long_as_its_file(name: str, tmp_path: Path, attempts: Attempts) -> None:
    text, says = CATALOGUES[name]
    path = tmp_path / "catalogue.lock.yaml"
    path.write_text(text)
    with pytest.raises(CatalogueError, match=says) as refused:
        load(path)
    attempts.tried(f"a catalogue with {name}", through=len(str(refused.value)) > 1000)


def test_a_catalogue_that_cannot_be_read_again_is_not_written(attempts: Attempts) -> None:
    prices = sample_catalogue().price_lists["cortecs"]
    rows = tuple(replace(row, provenance="x" * MAX_BYTES) for row in prices.hardware_types)
    with pytest.raises(CatalogueError, match="kB, the limit of a catalogue"):
        dump(Catalogue({prices.cloud: replace(prices, hardware_types=rows)}))
    attempts.tried("a vendor with more rows than a file may have", through=False)


def test_memory_that_is_a_gigabyte_to_write_out_is_no_answer(attempts: Attempts) -> None:
    for ram in ("1e999999999", "1e-999999999", "1" * 1_000_000):
        odd = hardware(hardware_info={"gpu_type": "G", "num_gpus": 1, "gpu_ram_gb": ram})
        through = got_through(scripted_market(odd).hardware_types)
        attempts.tried(f"{ram[:12]} GB of memory", through=through)


def test_limits_of_the_machine_have_an_end(tmp_path: Path, attempts: Attempts) -> None:
    path = tmp_path / "limits.json"
    path.write_text(" " * LARGEST_LIMITS + '{"cortecs": {"allowed_models": []}}')
    with pytest.raises(LimitsFileError, match="kB, the limit of a limits file"):
        limits_in_force("cortecs", {}, path)
    attempts.tried("limits of the machine without end", through=False)


def test_a_list_of_many_alike_is_named_in_one_pass(attempts: Attempts) -> None:
    names = names_for_models(["Qwen--Chat"] * 20_000)
    assert names[:3] == ["chat", "chat-2", "chat-3"]
    assert len(set(names)) == 20_000
    assert names_for_models(["a--Chat-2", "a--Chat", "a--Chat"]) == ["chat-2", "chat", "chat-3"]
    attempts.tried("an account with many instances of one model", through=False)


NO_PROXIES = ["host:\u00b2", "host:" + "4" * 5000, "[" + ":443" * 5000, "[::1]:443", "[::1"]


@pytest.mark.parametrize("entry", NO_PROXIES)
def test_no_entry_of_no_proxy_stands_between_a_bill_and_its_end(entry: str, attempts: Attempts) -> None:
    network = read_network({"HTTPS_PROXY": "http://proxy.example:8080", "NO_PROXY": entry})
    attempts.tried(f"NO_PROXY={entry[:20]}", through=network.is_direct("cortecs.ai", 443))
