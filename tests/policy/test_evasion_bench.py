"""The evasion suite without an engine: what a program, a catalogue, limits and exemptions may say, put before the packs
as they really run, through pulumi-policy's proxies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pulumi_cortecs.cli import app
from pulumi_cortecs.cost.catalogue import CatalogueError, dump, read
from pulumi_cortecs.policy.pinned import SHIPPED, PinnedPrices, pinned
from pulumi_cortecs.policy.rule import Level
from pulumi_cortecs.policy.testing import (
    ENDPOINT,
    INSTANCE,
    MISSING,
    ConfigurationRefusedError,
    PackTester,
    Resource,
    assert_allowed,
    cortecs_instance,
    resource,
    sample_catalogue,
    secret,
    unknown,
)
from tests.policy.attempts import Attempts
from tests.policy.conftest import POLICIES
from tests.unit.policy.test_limits import DEMO, granted

QWEN = "Qwen--Qwen2-7B-Instruct"
LLAMA = "meta-llama--Meta-Llama-3.1-8B-Instruct"
OUTPUT = {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
"""How the engine writes an output value."""
CHEAP = {"hourly_total": "0.01", "currency": "EUR", "source": "live"}
THREE = cortecs_instance(num_workers=3)
"""One worker too many, and nothing else."""


def workers(value: Any) -> Resource:
    return cortecs_instance(num_workers=value)


def hardware(value: Any) -> Resource:
    return cortecs_instance(model_id=LLAMA, hardware_type_id=value)


def spelled(value: str) -> Resource:
    return cortecs_instance(hardware_type_id=value)


REGISTERED: Mapping[str, Resource] = {
    "workers: 0": workers(0),
    "workers: -1": workers(-1),
    "workers: 1.5": workers(1.5),
    "workers: 9": workers(9),
    "workers: '8'": workers("8"),
    "workers: '1'": workers("1"),
    "workers: 1e9": workers(1e9),
    "workers: True": workers(True),
    "workers: not a number": workers(float("nan")),
    "workers: infinite": workers(float("inf")),
    "workers: null": workers(None),
    "workers: left out": workers(MISSING),
    "workers: unknown": workers(unknown()),
    "workers: secret": workers(secret(8)),
    "workers: secret within a secret": workers(secret(secret(8))),
    "workers: an unknown secret": workers(secret(unknown())),
    "workers: an output": workers({**OUTPUT, "value": 8}),
    "workers: an output without a value": workers(OUTPUT),
    "workers: a list": workers([1]),
    "workers: an object": workers({"value": 1}),
    "workers: other digits": workers("１"),
    "hardware: forbidden": hardware("NVIDIA_H100_1"),
    "hardware: secret": hardware(secret("NVIDIA_H100_1")),
    "hardware: unknown": hardware(unknown()),
    "hardware: an unknown secret": hardware(secret(unknown())),
    "hardware: left out": hardware(MISSING),
    "hardware: null": hardware(None),
    "hardware: empty": hardware(""),
    "hardware: a list": hardware(["NVIDIA_L4_2"]),
    "hardware: an object": hardware({"NVIDIA_L4_2": True}),
    "hardware: a number": hardware(4),
    "hardware: an output": hardware({**OUTPUT, "value": "NVIDIA_H100_1"}),
    "hardware: a pattern": spelled("NVIDIA_L4_*"),
    "hardware: lower case": spelled("nvidia_l4_1"),
    "hardware: a space behind": spelled("NVIDIA_L4_1 "),
    "hardware: a space before": spelled(" NVIDIA_L4_1"),
    "hardware: a line break behind": spelled("NVIDIA_L4_1\n"),
    "hardware: a zero byte behind": spelled("NVIDIA_L4_1\0"),
    "hardware: a zero-width space": spelled("NVIDIA_L4_1\u200b"),
    "hardware: a full-width digit": spelled("NVIDIA_L４_1"),
    "hardware: a Greek capital": spelled("ΝVIDIA_L4_1"),
    "hardware: written from right to left": spelled("\u202eNVIDIA_L4_1"),
    "hardware: in no catalogue": spelled("NVIDIA_B300_8"),
    "model: forbidden": cortecs_instance(model_id=LLAMA, hardware_type_id="NVIDIA_L4_2"),
    "model: unknown": cortecs_instance(model_id=unknown()),
    "model: left out": cortecs_instance(model_id=MISSING),
    "model: in no catalogue": cortecs_instance(model_id="Qwen--Qwen9-900B"),
    "model: a Cyrillic letter": cortecs_instance(model_id="Qw\u0435n--Qwen2-7B-Instruct"),
    "model: on hardware that is not for it": cortecs_instance(model_id="Qwen--Qwen2-7B-Instruct/../x"),
    "billing: by the hour": cortecs_instance(billing_interval="per_hour"),
    "billing: unheard of": cortecs_instance(billing_interval="per_year"),
    "billing: upper case": cortecs_instance(billing_interval="PER_MINUTE"),
    "billing: left out": cortecs_instance(billing_interval=MISSING),
    "billing: unknown": cortecs_instance(billing_interval=unknown()),
    "stopped now, running later": cortecs_instance(num_workers=8, state="stopped"),
    "a forged quote": cortecs_instance(num_workers=8, quote=CHEAP),
    "a forged quote, of some catalogue": cortecs_instance(num_workers=8, quote={**CHEAP, "source": "catalogue"}),
    "a quote of nothing": cortecs_instance(num_workers=8, quote={**CHEAP, "hourly_total": "0"}),
    "an adopted one": cortecs_instance(num_workers=8, adopt_id="6f9b0ef1-0000-4000-8000-000000000000"),
    "another stack's name": cortecs_instance(num_workers=8, stack="dev"),
    "a name with a URN in it": cortecs_instance("x::pulumi:pulumi:Stack::chat", num_workers=8),
    "ignored hardware": cortecs_instance(ignore_changes=["hardware_type_id"]),
    "ignored with quotes around": cortecs_instance(ignore_changes=['["hardware_type_id"]']),
    "ignored with a star": cortecs_instance(ignore_changes=["*"]),
    "ignored with a path": cortecs_instance(ignore_changes=["quote.hourly_total"]),
    "ignored in another case": cortecs_instance(ignore_changes=["Hardware_type_id"]),
    "ignored beside what may be": cortecs_instance(ignore_changes=["state", "num_workers"]),
    "a foreign class": cortecs_instance(provider="gASVNwAAAAAAAACM"),
    "our class and a byte": cortecs_instance(provider=cortecs_instance().provider + "\n"),
    "our endpoint's class": cortecs_instance(provider=resource(ENDPOINT).provider),
    "no class at all": cortecs_instance(provider=None),
    "a class that is unknown": cortecs_instance(provider=unknown()),
    "a class that is secret": cortecs_instance(provider=secret(cortecs_instance().provider)),
    "an endpoint by somebody else": resource(ENDPOINT, provider="gASVNwAAAAAAAACM", state="running"),
    "another dynamic type": resource("pulumi-python:dynamic/rows:Row", num_workers=8),
    "another dynamic type, in capitals": resource("pulumi-python:dynamic/Cortecs:Instance", num_workers=8),
    "our class under another type": resource(
        "pulumi-python:dynamic/rows:Row", provider=cortecs_instance().provider, num_workers=8
    ),
    "a dynamic type without a name": resource("pulumi-python:dynamic:Resource", num_workers=8),
    "a dynamic type of another language": resource("pulumi-nodejs:dynamic:Resource", num_workers=8),
    "properties that cannot be read": cortecs_instance(model_id=dict.fromkeys(OUTPUT, "no such thing")),
}
"""By name, one resource that is to be refused, in a preview and in an `up`."""


HALVES: Mapping[str, Any] = {
    pack: json.loads((POLICIES / pack / "limits" / "demo.json").read_text()) for pack in ("hardware", "cost")
}


def refused(limits: Mapping[str, Any], *resources: Resource, catalogue: PinnedPrices | None = None) -> bool:
    """Whether the pack guard stops these, in a preview and in an `up`."""
    return stopped(PackTester("guard", limits, catalogue=catalogue), *resources)


def stopped(bench: PackTester, *resources: Resource) -> bool:
    """Whether a pack stops these, in a preview and in an `up`; one that refuses its limits stops everything."""
    try:
        return bench.preview(*resources).denied and bench.up(*resources).denied
    except ConfigurationRefusedError:
        return True


@pytest.mark.parametrize("name", REGISTERED)
def test_it_is_refused_by_guard_and_by_its_halves(name: str, attempts: Attempts) -> None:
    halves = any(stopped(PackTester(pack, limits), REGISTERED[name]) for pack, limits in HALVES.items())
    attempts.tried(name, through=not (refused(DEMO, REGISTERED[name]) and halves))


@pytest.mark.parametrize("number", [0, -1])
def test_the_pack_hardware_alone_refuses_workers_that_are_none(number: int, attempts: Attempts) -> None:
    bench = PackTester("hardware", HALVES["hardware"])
    attempts.tried(f"workers: {number}, and no pack that counts money", through=not stopped(bench, workers(number)))


def test_what_is_allowed_goes_through() -> None:
    for bench in (PackTester("guard", DEMO), *(PackTester(pack, limits) for pack, limits in HALVES.items())):
        assert_allowed(bench.preview(cortecs_instance()))
        assert_allowed(bench.up(cortecs_instance(), resource(ENDPOINT, state="running")))
    for spelled_out in ({"num_workers": secret(2)}, {"hardware_type_id": secret("NVIDIA_L4_1")}, {"model_id": QWEN}):
        assert_allowed(PackTester("guard", DEMO).up(cortecs_instance(**spelled_out)))
    assert not refused(granted(rule="workers-max"), THREE)


LIMITS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "a typo in a rule": {**DEMO, "workers-maxx": {"most": 2}},
    "a typo in a key": {**DEMO, "workers-max": {"mots": 2}},
    "a key too many": {**DEMO, "workers-max": {"most": 2, "at_most": 99}},
    "a rule that nothing is said of": {name: config for name, config in DEMO.items() if name != "workers-max"},
    "a rule without settings": {**DEMO, "hardware-allowed": {}},
    "a number as a text": {**DEMO, "workers-max": {"most": "99"}},
    "a number that is none": {**DEMO, "workers-max": {"most": float("nan")}},
    "an infinite number": {**DEMO, "workers-max": {"most": float("inf")}},
    "a number below zero": {**DEMO, "workers-max": {"most": -1}},
    "half a worker": {**DEMO, "workers-max": {"most": 8.5}},
    "true for a number": {**DEMO, "workers-max": {"most": True}},
    "all: disabled": {**DEMO, "all": "disabled"},
    "all: advisory": {**DEMO, "all": "advisory"},
    "all: remediate": {**DEMO, "all": "remediate"},
    "all, with settings": {**DEMO, "all": {"not_limited": "why not"}},
    "a rule disabled": {**DEMO, "workers-max": "disabled"},
    "a level lowered": {**DEMO, "workers-max": {"most": 2, "enforcementLevel": "advisory"}},
    "a level of remediation": {**DEMO, "provider-authentic": "remediate"},
    "not limited, without a reason": {**DEMO, "workers-max": {"not_limited": " "}},
    "not limited, for a reason that nobody sees": {**DEMO, "workers-max": {"not_limited": "\u200b"}},
    "not limited, and limited": {**DEMO, "workers-max": {"not_limited": "why not", "most": 99}},
    "not limited: provider-authentic": {**DEMO, "provider-authentic": {"not_limited": "why not"}},
    "not limited: catalogue-digest": {**DEMO, "catalogue-digest": {"not_limited": "why not"}},
    "unknown in previews: never mind": {**DEMO, "workers-max": {"most": 2, "unknown_in_preview": "disabled"}},
    "unknown in previews: a guard": {**DEMO, "provider-authentic": {"unknown_in_preview": "advisory"}},
    "a currency missing": {**DEMO, "instance-hourly-cap": {"per_hour": ["99.00 USD"]}},
    "a budget's currency missing": {**DEMO, "stack-monthly-budget": {"per_month": ["99000.00 USD"]}},
    "two amounts in one currency": {**DEMO, "instance-hourly-cap": {"per_hour": ["5.00 EUR", "500.00 EUR"]}},
    "an amount without a currency": {**DEMO, "instance-hourly-cap": {"per_hour": ["500.00"]}},
    "an amount that is a number": {**DEMO, "instance-hourly-cap": {"per_hour": [500.0]}},
    "an amount of nothing": {**DEMO, "instance-hourly-cap": {"per_hour": ["0.00 EUR"]}},
    "an amount with an exponent": {**DEMO, "instance-hourly-cap": {"per_hour": ["5e9 EUR"]}},
    "an amount that is not finite": {**DEMO, "instance-hourly-cap": {"per_hour": ["Infinity EUR"]}},
    "an amount in other digits": {**DEMO, "instance-hourly-cap": {"per_hour": ["５.00 EUR"]}},
    "hardware of no cloud": {**DEMO, "hardware-allowed": {"allowed": {}}},
    "hardware of another cloud": {**DEMO, "hardware-allowed": {"allowed": {"gcore": ["NVIDIA_L4_1"]}}},
    "hardware by a pattern": {**DEMO, "hardware-allowed": {"allowed": {"cortecs": ["NVIDIA_*"]}}},
    "hardware with a space": {**DEMO, "hardware-allowed": {"allowed": {"cortecs": ["NVIDIA_L4_1 "]}}},
    "a text for a list": {**DEMO, "model-allowed": {"allowed": "*"}},
    "a model with one sign of any kind": {**DEMO, "model-allowed": {"allowed": ["Qwen/Qwen?-7B-Instruct"]}},
    "a model with a sign from a list": {**DEMO, "model-allowed": {"allowed": ["[Q]wen/*"]}},
    "a model without a sign from a list": {**DEMO, "model-allowed": {"allowed": ["[!x]*"]}},
    "a catalogue of another name": {**DEMO, "catalogue-digest": {"flie": "simulator.lock.yaml"}},
}
"""By name, limits under which nothing is bought, however harmless."""


@pytest.mark.parametrize("name", LIMITS)
def test_odd_limits_let_nothing_through(name: str, attempts: Attempts) -> None:
    attempts.tried(f"limits: {name}", through=not refused(LIMITS[name], cortecs_instance()))


def test_our_own_type_on_the_list_of_other_types_changes_nothing(attempts: Attempts) -> None:
    limits = {**DEMO, "unknown-dynamic-type": {"allowed": [INSTANCE]}}
    through = not refused(limits, cortecs_instance(provider="gASVNwAAAAAAAACM")) or not refused(limits, THREE)
    attempts.tried("limits: our own type among other types that are allowed", through=through)


EXEMPTIONS: Mapping[str, Mapping[str, Any]] = {
    "expired": {"until": "2020-01-31"},
    "until a day that is none": {"until": "2030-02-31"},
    "until some time": {"until": "2030-01-31T23:59:59"},
    "for ever": {"until": "*"},
    "without an end": {"until": MISSING},
    "without an owner": {"owner": MISSING},
    "with an empty owner": {"owner": " "},
    "without a reason": {"reason": MISSING},
    "without a price": {"up_to": MISSING},
    "at any price": {"up_to": "*"},
    "up to less than it costs": {"up_to": "3.59 EUR"},
    "up to more, in another currency": {"up_to": "99.00 USD"},
    "for everything": {"resource": "*"},
    "for every stack": {"resource": "urn:pulumi:*::tests::*::chat"},
    "for every project": {"resource": "urn:pulumi:test::*::*::chat"},
    "for every name": {"resource": "urn:pulumi:test::tests::*::*"},
    "for every name of four letters": {"resource": "urn:pulumi:test::tests::*::????"},
    "for names with one sign of any kind": {"resource": "urn:pulumi:test::tests::*::cha?"},
    "for names with a sign from a list": {"resource": "urn:pulumi:test::tests::*::[a-z]hat"},
    "for names without a sign from a list": {"resource": "urn:pulumi:test::tests::*::[!x]*"},
    "for another resource": {"resource": "urn:pulumi:test::tests::*::chat2"},
    "for another stack": {"resource": "urn:pulumi:prod::tests::*::chat"},
    "from every rule": {"rule": "*"},
    "from another rule": {"rule": "instance-hourly-cap"},
    "from a rule that there is not": {"rule": "worker-max"},
    "from a guard": {"rule": "provider-authentic"},
    "from a budget": {"rule": "stack-hourly-budget"},
    "from exemptions-valid": {"rule": "exemptions-valid"},
    "with a key too many": {"level": "disabled"},
}
"""By name, what is changed in an exemption that would let one worker too many through."""


@pytest.mark.parametrize("name", EXEMPTIONS)
def test_odd_exemptions_let_nothing_through(name: str, attempts: Attempts) -> None:
    limits = granted(**{"rule": "workers-max", **EXEMPTIONS[name]})
    (exemption,) = limits["exemptions-valid"]["exemptions"]
    limits["exemptions-valid"] = {
        "exemptions": [{key: value for key, value in exemption.items() if value is not MISSING}]
    }
    attempts.tried(f"an exemption: {name}", through=not refused(limits, THREE))


class Below(Resource):
    """A resource whose type stands in its `name`, with all that is above it."""

    @property
    def urn(self) -> str:
        return f"urn:pulumi:test::tests::{self.name}"


@pytest.mark.parametrize("kind", [f"team::chat${INSTANCE}", f"{INSTANCE}::chat${INSTANCE}"])
def test_an_exemption_is_not_for_what_lies_below_a_component_of_that_name(kind: str, attempts: Attempts) -> None:
    limits = granted(rule="workers-max", resource="urn:pulumi:test::tests::*::chat*")
    below = Below(INSTANCE, f"{kind}::eight", THREE.properties, THREE.provider)
    attempts.tried(f"an exemption: for chat*, and {kind}::eight", through=not refused(limits, below))


WRITTEN: Mapping[str, str] = {
    "a rule twice": '{"workers-max": {"most": 2}, "workers-max": {"most": 99}}',
    "a key of a rule twice": '{"workers-max": {"most": 2, "most": 99}}',
    "a rule twice, once with an escape": '{"workers-max": {"most": 2}, "workers\\u002dmax": {"most": 99}}',
    "a key of an exemption twice": '{"exemptions-valid": {"exemptions": [{"rule": "x", "rule": "vram-range"}]}}',
    "a key twice in what nobody reads": '{"no-such-rule": {"x": {"y": 1, "y": 2}}}',
}
"""By name, a limits file that a reviewer and the engine's reader take for different things."""


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_can_be_read_in_two_ways_does_not_pass_the_review(
    name: str, folder: Path, attempts: Attempts
) -> None:
    (folder / "limits.json").write_text(WRITTEN[name])
    result = CliRunner().invoke(app, ["policy", "check", str(folder / "limits.json")])
    attempts.tried(f"limits: {name}", through=result.exit_code == 0 or "duplicate key" not in result.output)


def test_exemptions_that_are_no_list_let_nothing_through(attempts: Attempts) -> None:
    limits = {**DEMO, "exemptions-valid": {"exemptions": {"rule": "workers-max"}}}
    attempts.tried("an exemption: no list", through=not refused(limits, THREE))


H100 = "    - hardware_type_id: NVIDIA_H100_1\n"
CHEAPER = (
    ("price_per_hour: '4.50'", "price_per_hour: '0.50'"),
    ("price_per_minute: '0.075'", "price_per_minute: '0.0083'"),
)
CATALOGUES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "a price of zero": (("price_per_hour: '1.20'", "price_per_hour: '0'"), ("'0.02'", "'0'")),
    "a price below zero": (("price_per_hour: '1.20'", "price_per_hour: '-1.20'"), ("'0.02'", "'-0.02'")),
    "a price that is not a number": (("price_per_hour: '1.20'", "price_per_hour: 'NaN'"),),
    "an infinite price": (("price_per_hour: '1.20'", "price_per_hour: 'Infinity'"),),
    "a price in other digits": (("price_per_hour: '1.20'", "price_per_hour: '１.20'"),),
    "no price": (("      price_per_hour: '1.20'\n", ""), ("      price_per_minute: '0.02'\n", "")),
    "another currency": (("currency: EUR", "currency: USD"),),
    "a second currency in a row": ((H100, f"{H100}      currency: USD\n"),),
    "a row twice": (("hardware_type_id: NVIDIA_L4_2", "hardware_type_id: NVIDIA_L4_1"),),
    "another cloud": (("  cortecs:", "  gcore:"),),
    "another version": (("version: 1", "version: 2"),),
    "no models": (("Qwen--Qwen2-7B-Instruct", "Qwen--Qwen2-7B"),),
}
"""By name, what is changed in the simulator's catalogue, its digest made right again."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack's folder."""
    (tmp_path / "pack").mkdir()
    return tmp_path / "pack"


def changed(folder: Path, *changes: tuple[str, str], signed: bool = True) -> PinnedPrices:
    """The simulator's catalogue with pieces replaced; `signed`: and with its digest made anew."""
    text = (SHIPPED / "simulator.lock.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = folder / "catalogue.lock.yaml"
    file.write_text(text)
    if signed:
        with suppress(CatalogueError):
            file.write_text(dump(read(file)))
    return pinned(folder)


@pytest.mark.parametrize("name", CATALOGUES)
def test_odd_catalogues_let_nothing_through(name: str, folder: Path, attempts: Attempts) -> None:
    catalogue = changed(folder, *CATALOGUES[name])
    attempts.tried(f"a catalogue: {name}", through=not refused(DEMO, cortecs_instance(), catalogue=catalogue))


def test_a_swapped_cut_or_old_catalogue_lets_nothing_through(folder: Path, attempts: Attempts) -> None:
    assert not refused(DEMO, cortecs_instance(), catalogue=changed(folder))
    attempts.tried(
        "a catalogue: edited",
        through=not refused(DEMO, cortecs_instance(), catalogue=changed(folder, *CHEAPER, signed=False)),
    )
    text = (SHIPPED / "simulator.lock.yaml").read_text()
    cut = {"half of it": text[: len(text) // 2], "nothing in it": "", "a list": "- 1\n", "no text": "\0\1"}
    for name, content in cut.items():
        (folder / "catalogue.lock.yaml").write_text(content)
        through = not refused(DEMO, cortecs_instance(), catalogue=pinned(folder))
        attempts.tried(f"a catalogue: {name}", through=through)
    (folder / "catalogue.lock.yaml").unlink()
    attempts.tried("a catalogue: none", through=not refused(DEMO, cortecs_instance(), catalogue=pinned(folder)))

    changed(folder, *CHEAPER)
    swapped = pinned(folder, sha256=sample_catalogue().digest)
    attempts.tried("a catalogue: swapped", through=not refused(DEMO, cortecs_instance(), catalogue=swapped))

    now = sample_catalogue().as_of
    aging = {**DEMO, "catalogue-fresh": {"warn_after": "14d", "block_after": "45d"}}
    for name, moment in (("stale", now + timedelta(days=46)), ("of the day after tomorrow", now - timedelta(days=2))):
        bench = PackTester("guard", aging, now=moment)
        attempts.tried(f"a catalogue: {name}", through=not stopped(bench, cortecs_instance()))
    assert_allowed(PackTester("guard", aging, now=now).preview(cortecs_instance()))


def in_a_row(count: int, **arguments: Any) -> list[Resource]:
    return [cortecs_instance(f"n{number}", **arguments) for number in range(count)]


TOGETHER: Mapping[str, list[Resource]] = {
    "nine small ones": in_a_row(9),
    "nine small ones, stopped": in_a_row(9, state="stopped"),
    "nine small ones, secret": in_a_row(9, num_workers=secret(1)),
    "nine small ones, of two accounts' worth of names": [*in_a_row(4), *(cortecs_instance(f"b{n}") for n in range(5))],
    "an unknown before a violation": [cortecs_instance("a", num_workers=unknown()), THREE],
    "a violation before an unknown": [THREE, cortecs_instance("a", num_workers=unknown())],
    "one that has no price among others": [*in_a_row(2), cortecs_instance("odd", billing_interval="per_year")],
}
"""By name, resources that are to be refused together."""


@pytest.mark.parametrize("name", TOGETHER)
def test_they_are_refused_together(name: str, attempts: Attempts) -> None:
    attempts.tried(f"together: {name}", through=not refused(DEMO, *TOGETHER[name]))


def test_one_unknown_hides_no_violation_of_another(attempts: Attempts) -> None:
    verdict = PackTester("guard", DEMO).preview(*TOGETHER["an unknown before a violation"])
    named = {
        finding.urn
        for finding in verdict.findings
        if finding.rule == "workers-max" and finding.level is Level.MANDATORY
    }
    attempts.tried("an unknown that comes first hides the rest", through=THREE.urn not in named)


STATES: Mapping[str, Mapping[str, Any]] = {
    "what the program has no more": {"held": in_a_row(7)},
    "what waits for its deletion": {"waiting": in_a_row(7)},
    "both": {"held": in_a_row(3), "waiting": in_a_row(4)},
    "its predecessors, each with another trigger": {
        "held": [cortecs_instance(f"new {number}", restart_trigger="before") for number in range(5)],
        "waiting": [cortecs_instance(f"new {number}") for number in range(2)],
    },
    "what is in no catalogue": {"held": [cortecs_instance("odd", hardware_type_id="NVIDIA_OLD_1")]},
    "what is secret": {"held": [cortecs_instance("odd", num_workers=None)]},
    "what cannot be read, though it must be": {"unreadable": "the bucket is away"},
}
"""By name, a state beside which five new ones are too many: eleven are within twice the budget of a month."""


@pytest.mark.parametrize("name", STATES)
def test_a_budget_is_not_spent_a_third_time(name: str, attempts: Attempts) -> None:
    required = {**DEMO["stack-monthly-budget"], "state": "required"}
    limits = {**DEMO, "stack-monthly-budget": required}
    new = [cortecs_instance(f"new {number}") for number in range(5)]
    assert not refused(limits, *new)
    through = not stopped(PackTester("guard", limits, **STATES[name]), *new)
    attempts.tried(f"a budget beside {name}", through=through)


def test_a_rename_at_a_full_budget_goes_through() -> None:
    bench = PackTester("guard", DEMO, held=in_a_row(5))
    assert not stopped(bench, *(cortecs_instance(f"new {number}") for number in range(5)))
