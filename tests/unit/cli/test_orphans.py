"""`pulumi-cortecs orphans` against the simulator, with a `pulumi` that answers from files."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import cli
from pulumi_cortecs.lifecycle.journal import Journal, ResourceKey
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import account_of, bought, ids
from tests.engine.packages import forks
from tests.unit.journals import LABELS, labelled
from tests.unit.stacked import Backend, creating, endpoint_row, installed, row

DEV, PROD = "organization/shop/dev", "organization/shop/prod"
LISTS = "GET /api/v1/instances"
Run = Callable[..., Result]
URN = "urn:pulumi:dev::{}::pulumi-python:dynamic/cortecs:Instance::chat"
OF_BLOG = ResourceKey("file://there", URN.format("blog"))


@pytest.fixture
def environment(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    return {
        **sim.env(),
        "PATH": installed(tmp_path / "bin"),
        "PULUMI_CORTECS_LIST_LAG": "0",
        "PULUMI_CORTECS_STATE_DIR": str(tmp_path / "orders"),
    }


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    """A backend with one stack that has nothing."""
    backend = Backend(tmp_path / "states")
    backend.put(DEV)
    return backend


@pytest.fixture
def run(environment: dict[str, str], backend: Backend) -> Run:
    """Runs the command, by default against all stacks of the backend."""

    def run(*arguments: str, code: int, env: dict[str, str | None] | None = None) -> Result:
        where = () if "--stack" in arguments else ("--all-stacks",)
        command = ["orphans", *where, "--backend-url", backend.url, *arguments]
        result = CliRunner().invoke(cli.app, command, env={**environment, **(env or {})})
        assert result.exit_code == code, result.output
        return result

    return run


def test_what_this_machine_has_noted_of_a_purchase_is_shown(run: Run, sim: Simulator, tmp_path: Path) -> None:
    instance_id = old(sim)
    journal = Journal(tmp_path / "orders")
    key = ResourceKey("file://here", "urn:pulumi:dev::shop::pulumi-python:dynamic/cortecs:Instance::chat")
    journal.record_bought(journal.record(key, account_of(sim), (), frozenset(), None), instance_id)
    journal.close()
    (one,) = json.loads(run("--json", code=3).stdout)["orphans"]
    assert one["remarks"] == ["bought here for chat by a run that was ended"]


def test_whom_to_ask_is_shown_when_the_stack_is_gone(run: Run, sim: Simulator, tmp_path: Path) -> None:
    instance_id, other = old(sim), old(sim)
    labelled(tmp_path / "orders", account_of(sim), instance_id)
    by_id = {row["id"]: row["labels"] for row in json.loads(run("--json", code=3).stdout)["orphans"]}
    assert by_id == {instance_id: LABELS.merged, other: {}}
    lines = [line for line in run(code=3).stdout.splitlines() if "│" in line]
    labels = "".join(line.split("│")[-2] for line in lines).replace(" ", "")
    assert labels == "stack=dev,commit=0123456789ab…,team=search"


def test_what_was_read_is_said_and_that_another_backend_was_not(
    run: Run, backend: Backend, sim: Simulator, tmp_path: Path
) -> None:
    instance_id, hint = old(sim), "; an instance of a project with another backend (--backend-url) looks like nobody's"
    states = f"read: the states of 1 stack at {backend.url}, and "
    assert f"{states}no journal, for {tmp_path / 'orders'} has none{hint}\n" in run(code=3).stdout
    labelled(tmp_path / "orders", account_of(sim), instance_id)
    backend.put(DEV, row(instance_id))
    assert f"{states}the journal in {tmp_path / 'orders'}\n" in run(code=0).stdout


def test_a_backend_that_no_option_names_is_named(
    environment: dict[str, str], backend: Backend, sim: Simulator, tmp_path: Path
) -> None:
    old(sim)
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\nbackend: {{url: '{backend.url}'}}\n")
    # the `pulumi` of these tests reads no project file
    named = environment["PATH"].split(os.pathsep)[0] + "/pulumi"
    Path(named).write_text(Path(named).read_text().replace("${PULUMI_BACKEND_URL#*://}", str(backend.directory)))
    command = ["orphans", "--cwd", str(tmp_path)]
    result = CliRunner().invoke(cli.app, command, env={**environment, "PULUMI_BACKEND_URL": ""})
    assert f"read: the states of 1 stack at {backend.url}, and" in result.stdout, result.output


@pytest.mark.parametrize(
    ("stack", "is_read"),
    [("organization/shop/dev", True), ("organization/blog/dev", False), ("organization/shop/prod", False)],
)
def test_an_instance_of_a_stack_that_was_not_read_names_it(
    run: Run, backend: Backend, sim: Simulator, tmp_path: Path, stack: str, *, is_read: bool
) -> None:
    backend.put("organization/else/where")
    backend.put(stack)
    of_shop = ResourceKey("file://here", URN.format("shop"))
    labelled(tmp_path / "orders", account_of(sim), old(sim), Labels({}, {"stack": "dev", "project": "shop"}), of_shop)
    (orphan,) = json.loads(run("--stack", stack, "--json", code=3).stdout)["orphans"]
    reason = "bought for stack dev of project shop, whose state was not read"
    assert orphan["held_back"] == (None if is_read else reason)


def test_what_was_bought_for_a_stack_that_was_not_read_is_only_deleted_by_its_id(
    run: Run, sim: Simulator, tmp_path: Path
) -> None:
    """Another project's state is in a backend of its own: its running instance looks like an orphan."""
    theirs, orphan = old(sim), old(sim)
    labelled(tmp_path / "orders", account_of(sim), theirs, key=OF_BLOG)
    shown = run("--delete", "--yes", "--include-young", code=3).stdout
    assert "1 of them held back (bought for a stack that was not read): --delete needs the ids\n" in shown
    assert f"{orphan} is gone" in shown
    assert ids(sim) == [theirs]
    run("--delete", "--yes", theirs, code=0)
    assert ids(sim) == []


def test_the_journal_says_for_which_stack_an_instance_was_bought_whatever_labels_say(
    run: Run, sim: Simulator, tmp_path: Path
) -> None:
    instance_id = old(sim)
    labelled(tmp_path / "orders", account_of(sim), instance_id, Labels({"project": "shop", "stack": "dev"}), OF_BLOG)
    run("--delete", "--yes", code=3)
    assert ids(sim) == [instance_id]


def test_without_labels_the_table_has_no_column_for_them(run: Run, sim: Simulator) -> None:
    old(sim)
    (header,) = [line for line in run(code=3).stdout.splitlines() if "┃" in line]
    assert "remarks" in header
    assert "labels" not in header


BROKEN: dict[str, str | None] = {
    "PULUMI_CORTECS_LIST_LAG": "x",
    "PULUMI_CORTECS_STATE_DIR": "orders",
    "NO_PROXY": "[::1]",
    "ALL_PROXY": "socks://127.0.0.1:9",
    "SSL_CERT_FILE": "/nowhere/certificates.pem",
}


def test_unusable_variables_are_warned_of_and_stop_no_deletion(run: Run, sim: Simulator, tmp_path: Path) -> None:
    old(sim)
    result = run("--delete", "--yes", code=0, env={**BROKEN, "XDG_STATE_HOME": str(tmp_path / "state")})
    assert sim.control.instances() == ()
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    assert [warning.split()[1].rstrip(":") for warning in warnings] == list(BROKEN)[:2]
    assert "This command ignores it" in warnings[0]


def test_without_a_home_everything_works_after_one_warning(
    run: Run, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    old(sim)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    homeless: dict[str, str | None] = {"HOME": None, "XDG_STATE_HOME": None, "PULUMI_CORTECS_STATE_DIR": None}
    result = run("--delete", "--yes", code=0, env=homeless)
    assert sim.control.instances() == ()
    (warning,) = result.stderr.splitlines()
    assert "no home" in warning
    assert "PULUMI_CORTECS_STATE_DIR" in warning


def test_what_a_run_that_goes_on_has_bought_is_held_back(run: Run, sim: Simulator, tmp_path: Path) -> None:
    instance_id = old(sim)
    journal = Journal(tmp_path / "orders")
    key = ResourceKey("file://here", "urn:pulumi:dev::shop::pulumi-python:dynamic/cortecs:Instance::chat")
    journal.record_bought(journal.record(key, account_of(sim), (), frozenset(), None), instance_id)
    (one,) = json.loads(run("--json", "--delete", "--yes", code=3).stdout)["orphans"]
    assert (one["held_back"], one["remarks"]) == ("awaited", ["bought here for chat by a run that goes on"])
    assert ids(sim) == [instance_id]
    journal.close()
    run("--delete", "--yes", instance_id, code=0)
    assert ids(sim) == []
    # or the next `up` would go on asking for it
    assert Journal(tmp_path / "orders").open_orders() == []


def test_a_journal_that_cannot_be_read_is_told_and_hides_nothing(run: Run, sim: Simulator, tmp_path: Path) -> None:
    instance_id = old(sim)
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "orders.sqlite3").write_text("no database, but long enough to be looked at" * 20)
    result = run(code=3)
    assert "the purchases in the journal of this machine are not shown" in result.stderr
    assert "the labels in the journal of this machine are not shown" in result.stderr
    assert instance_id in result.output


def old(sim: Simulator, **order: Any) -> str:
    """An instance that has run for an hour and half a minute; the clock stands still."""
    instance_id = bought(sim, **order).id
    sim.control.advance(3630)
    return instance_id


def printed(result: Result) -> Any:
    return json.loads(result.stdout)


def orphan_ids(result: Result) -> list[str]:
    return [row["id"] for row in printed(result)["orphans"]]


def test_without_orphans_it_exits_with_0(run: Run, backend: Backend, sim: Simulator) -> None:
    backend.put(DEV, row(old(sim)))
    assert run(code=0).stdout.startswith("no orphans among 1 instance of cortecs:")


def test_what_no_stack_owns_is_listed_with_what_it_costs(run: Run, backend: Backend, sim: Simulator) -> None:
    backend.put(DEV, row(old(sim)))
    orphan = old(sim, num_workers=2)
    shown = run(code=3).stdout
    (line,) = [line for line in shown.splitlines() if orphan in line]
    cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
    assert cells[1:] == [
        *("Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", "2", "running", "1h00m", "2.40 EUR", "2.44 EUR", ""),
    ]
    assert "1 orphan among 2 instances" in shown
    assert "compared with 1 stack; 2.40 EUR/h, 2.44 EUR so far\n" in shown
    assert len(ids(sim)) == 2


@pytest.mark.parametrize("fields", ["num_workers,worker_statuses", "billing_interval", "hardware_type_id"])
def test_what_is_not_told_is_no_default_and_has_no_price(run: Run, sim: Simulator, fields: str) -> None:
    orphan, name = old(sim, num_workers=8), fields.split(",")[0]
    sim.control.fault("wrong_shape", path="/instances*", field=fields)
    document = printed(run("--json", code=3))
    (one,) = document["orphans"]
    assert [one[key] for key in (name, "hourly", "so_far", "currency")] == [None] * 4
    assert (document["total"], document["unpriced"]) == ([], 1)
    shown = run("--adopt", orphan, code=3).stdout
    (line,) = [line for line in shown.splitlines() if orphan in line and "│" in line]
    assert line.count("unknown") == 2
    assert line.count("?") == (name != "billing_interval")
    assert f"    # {name}=...,  # Cortecs does not report it\n" in shown


def test_an_orphan_of_which_nothing_is_told_is_listed_and_ended(run: Run, sim: Simulator) -> None:
    orphan = old(sim, num_workers=8)
    sim.control.fault("wrong_shape", path="/instances*", field="instance_args,worker_statuses")
    assert orphan in run("--adopt", orphan, code=3).stdout
    run("--delete", orphan, "--yes", code=0)
    assert ids(sim) == []


def test_json_has_the_documented_shape_and_amounts_as_strings(run: Run, backend: Backend, sim: Simulator) -> None:
    orphan = old(sim)
    shared = bought(sim).id
    backend.put(DEV, row(orphan, external=True), row(shared), pending=[creating("chat", model_id="another")])
    backend.put(PROD, row(shared, protect=True))
    page = (Path(__file__).parents[3] / "docs" / "orphans.md").read_text(encoding="utf-8")
    (shape,) = re.findall(r"^```json\n(.*?)^```$", page, re.M | re.S)
    document, documented = printed(run("--json", code=3)), json.loads(shape)
    assert document["orphans"][0]["labels"] == {}
    document["orphans"][0]["labels"] = documented["orphans"][0]["labels"]
    assert _kinds(document) == _kinds(documented)
    assert document["total"] == [{"currency": "EUR", "hourly": "1.20", "so_far": "1.22"}]
    told_of_both = [(row["stack"], row["backend"], row["instances"]) for row in document["stacks"]]
    assert told_of_both == [(DEV, backend.url, 1), (PROD, backend.url, 1)]
    assert (document["stacks"][0]["pending"], document["stacks"][0]["locked"]) == (["chat"], False)
    rows = [{"stack": DEV, "name": "chat", "protected": False}, {"stack": PROD, "name": "chat", "protected": True}]
    assert document["shared"] == [{"cloud": "cortecs", "id": shared, "owners": rows}]
    (one,) = document["orphans"]
    assert (one["id"], one["hourly"], one["so_far"]) == (orphan, "1.20", "1.22")
    assert one["age_seconds"] in (3629, 3630)  # the vendor's clock has whole seconds
    assert one["remarks"] == [f"only looked at by {DEV}"]


def _kinds(document: Any) -> Any:
    """The keys of a document with the types of their values, without a type where a value is null."""
    if isinstance(document, dict):
        return {key: _kinds(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_kinds(item) for item in document[:1]]
    return None if document is None else type(document).__name__


def test_a_price_that_is_not_offered_is_unknown_and_never_nothing(run: Run, sim: Simulator) -> None:
    old(sim)
    sim.control.withdraw_hardware("NVIDIA_L4_1")
    shown = run(code=3).stdout
    assert shown.count("unknown") == 3
    assert "1 of unknown price" in shown


def test_an_endpoint_is_no_owner(run: Run, backend: Backend, sim: Simulator) -> None:
    orphan = old(sim)
    backend.put(DEV, endpoint_row(orphan))
    assert orphan_ids(run("--json", code=3)) == [orphan]


@pytest.mark.parametrize("more", [{"delete": True}, {"urn": "urn:pulumi:x::y::z::name"}])
def test_any_row_is_an_owner(run: Run, backend: Backend, sim: Simulator, more: dict[str, Any]) -> None:
    owned, orphan = old(sim), old(sim)
    backend.put("organization/other/prod", row(owned, **more))
    assert orphan_ids(run("--json", code=3)) == [orphan]


def test_delete_ends_all_that_were_found_and_nothing_else(run: Run, backend: Backend, sim: Simulator) -> None:
    kept = old(sim)
    orphans = {old(sim), old(sim)}
    backend.put(DEV, row(kept))
    shown = run("--delete", "--yes", code=0).stdout
    assert set(re.findall(r"^(\S+) is gone$", shown, re.M)) == orphans
    assert ids(sim) == [kept]
    assert {entry.instance_id for entry in sim.control.ledger().open} == {kept}


def test_delete_takes_ids(run: Run, sim: Simulator) -> None:
    first, second = old(sim), old(sim)
    run("--delete", second, "--yes", code=0)
    assert ids(sim) == [first]


def test_an_id_that_was_not_found_stops_everything(run: Run, backend: Backend, sim: Simulator) -> None:
    owned, orphan = old(sim), old(sim)
    backend.put(DEV, row(owned))
    output = run("--delete", orphan, owned, "--yes", code=1).stderr
    assert output == f"Error: not among the orphans, so nothing was done: {owned}\n"
    assert ids(sim) == [owned, orphan]


def test_a_young_one_is_only_ended_when_told_so(run: Run, sim: Simulator) -> None:
    orphan, young = old(sim), bought(sim).id
    output = run("--delete", "--yes", code=3).stdout
    assert "1 of them held back (young, awaited, or a locked stack's): --delete needs --include-young" in output
    assert ids(sim) == [young]
    assert f"{orphan} is gone" in output
    run("--delete", "--yes", "--include-young", code=0)
    assert ids(sim) == []


def test_what_a_locked_stack_may_be_taking_over_is_only_ended_when_told_so(
    run: Run, backend: Backend, sim: Simulator
) -> None:
    orphan = old(sim)
    backend.put(DEV, pending=[creating("chat", adopt_id=orphan)])
    backend.lock("shop", "dev")
    (one,) = printed(run("--json", code=3))["orphans"]
    assert one["held_back"] == f"{DEV} is locked"
    shown = run("--delete", "--yes", code=3).stdout
    assert f"{DEV}: the creation of chat never ended; it goes on, or was killed" in shown
    assert ids(sim) == [orphan]


def test_one_that_cannot_be_ended_is_said_to_be_and_the_others_are_ended(run: Run, sim: Simulator) -> None:
    stuck, other = old(sim), old(sim)
    sim.control.fault("lost_request", method="POST", path="/api/v1/instances/stop", instance_id=stuck)
    result = run("--delete", "--yes", stuck, code=1)
    assert result.stderr.startswith(f"Error: {stuck}: it may still be billed: ")
    assert ids(sim) == [stuck, other]
    document = printed(run("--delete", "--yes", "--json", code=1))
    assert {row["id"]: row["gone"] for row in document["orphans"]} == {stuck: False, other: True}
    assert ids(sim) == [stuck]


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [("server_error", {}), ("malformed_json", {}), ("wrong_shape", {"how": "missing", "field": "instance_status"})],
)
def test_a_list_that_fails_is_never_acted_on(run: Run, sim: Simulator, fault: str, parameters: dict[str, Any]) -> None:
    orphan = old(sim)
    sim.control.fault(fault, method="GET", path=f"{LISTS.split()[1]}*", **parameters)
    assert "Error: " in run("--delete", "--yes", code=1).stderr
    sim.control.clear_faults()
    assert ids(sim) == [orphan]


@pytest.mark.parametrize("lies", [2, 3])  # a single one is seen through
def test_an_empty_list_is_not_taken_for_an_empty_account(run: Run, backend: Backend, sim: Simulator, lies: int) -> None:
    owned = bought(sim)
    backend.put(DEV, {**row(owned.id), "outputs": owned.outs})
    old(sim)
    sim.control.fault("empty_list", path=LISTS.split()[1], count=lies)
    assert "list of the instances is incomplete" in run(code=1).stderr
    run(code=3)


def test_what_is_too_new_to_be_listed_is_no_reason_to_doubt_the_list(
    run: Run, backend: Backend, sim: Simulator
) -> None:
    sim.control.fault("list_lag", seconds=5)
    owned = bought(sim)
    backend.put(DEV, {**row(owned.id), "outputs": owned.outs})
    assert run(code=0).stdout.startswith("no orphans among no instances of cortecs:")


def test_a_stack_that_cannot_be_read_is_never_passed_over(run: Run, backend: Backend, sim: Simulator) -> None:
    orphan = old(sim)
    backend.put("organization/shop/prod", row("x"))
    backend.says(DEV, '{"version": 3, "deployment": {"resources": [{')
    assert f"Error: the state of {DEV} cannot be read" in run("--delete", "--yes", code=1).stderr
    assert ids(sim) == [orphan]


def test_what_a_destroy_ends_meanwhile_is_no_orphan(run: Run, backend: Backend, sim: Simulator, tmp_path: Path) -> None:
    orphan = old(sim)
    ends_it = f"#!/bin/sh\n{sys.executable} - <<'END'\n" + (
        f"import urllib.request as r\nr.urlopen(r.Request('{sim.url}/_sim/instances/{orphan}', method='DELETE'))\nEND\n"
        'echo \'{"version": 3, "deployment": {}}\'\n'
    )
    path = installed(tmp_path / "later", ends_it)
    shown = run("--stack", DEV, code=0, env={"PATH": path}).stdout
    assert "no orphans" in shown


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"CORTECS_CLIENT_ID": None, "CORTECS_CLIENT_SECRET": None}, "no Cortecs credentials: set CORTECS_CLIENT_ID"),
        ({"CORTECS_CLIENT_SECRET": "wrong"}, "The client credentials are not valid"),
        ({"PATH": "/nowhere"}, "no pulumi CLI on PATH"),
    ],
)
def test_what_it_needs_is_said(run: Run, env: dict[str, str | None], text: str) -> None:
    failure = run(code=1, env=env).stderr
    assert failure.startswith("Error: ")
    assert failure.count("\n") == 1
    assert text in failure


def test_unless_a_stack_is_named_it_reads_all_of_them(
    environment: dict[str, str], backend: Backend, sim: Simulator
) -> None:
    backend.put("organization/shop/prod", row(old(sim)))
    every = CliRunner().invoke(cli.app, ["orphans", "--backend-url", backend.url], env=environment)
    assert (every.exit_code, "compared with 2 stacks" in every.stdout) == (0, True), every.output
    one = CliRunner().invoke(cli.app, ["orphans", "--stack", DEV, "--backend-url", backend.url], env=environment)
    assert (one.exit_code, "compared with 1 stack;" in one.stdout) == (3, True), one.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--delete",),
        ("some-id",),
        ("--delete", "--adopt", "--yes"),
        ("--stack", DEV, "--all-stacks"),
        ("--delete", "--json"),
        ("--keep",),
        ("--keep", "--delete", "--yes", "some-id"),
        ("--keep", "--adopt", "some-id"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    run: Run, sim: Simulator, arguments: tuple[str, ...]
) -> None:
    orphan = old(sim)
    asked = sim.control.requests().count(LISTS)
    run(*arguments, code=2)
    assert (ids(sim), sim.control.requests().count(LISTS)) == ([orphan], asked)


def answering(answer: str, backend: Backend, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs `orphans --delete` at a terminal that gives that answer."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pulumi_cortecs.cli", "orphans", "--stack", DEV, "--backend-url", backend.url]
    try:
        os.write(ours, f"{answer}\n".encode())
        return subprocess.run(
            [*command, "--delete"],
            stdin=theirs,
            env={**os.environ, **environment, **forks(backend.directory)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(("answer", "code"), [("n", 3), ("y", 0)])
def test_somebody_at_a_terminal_is_asked(
    environment: dict[str, str], backend: Backend, sim: Simulator, answer: str, code: int
) -> None:
    old(sim)
    done = answering(answer, backend, environment)
    assert "Delete 1 instance for good? [y/N]" in done.stderr
    assert (done.returncode, len(ids(sim))) == (code, 0 if code == 0 else 1)


def test_what_an_up_takes_over_while_somebody_is_asked_is_not_ended(
    environment: dict[str, str], backend: Backend, sim: Simulator, tmp_path: Path
) -> None:
    adopted = old(sim)
    backend.put("later", row(adopted))
    nothing_at_first = (
        f'#!/bin/sh\nif mkdir {tmp_path}/asked 2>/dev/null; then echo \'{{"version": 3, "deployment": {{}}}}\'\n'
        f"else cat {backend.directory}/said/later; fi\n"
    )
    path = installed(tmp_path / "adopting", nothing_at_first)
    done = answering("y", backend, {**environment, "PATH": path})
    assert "Delete 1 instance for good?" in done.stderr
    assert (done.returncode, ids(sim)) == (0, [adopted])


def test_what_two_rows_own_is_reported_and_never_ended(run: Run, backend: Backend, sim: Simulator) -> None:
    shared = old(sim)
    backend.put(DEV, row(shared))
    backend.put(PROD, row(shared, "answers"))
    text = f"{shared} is owned by chat in {DEV} and answers in {PROD}, so this command never deletes it"
    assert text in run("--delete", "--yes", "--include-young", code=3).stdout
    orphan = old(sim)
    assert f"{orphan} is gone" in run("--delete", "--yes", code=3).stdout
    run("--delete", "--yes", shared, code=1)
    assert ids(sim) == [shared]


def test_what_is_kept_is_no_orders_any_more(run: Run, backend: Backend, sim: Simulator, tmp_path: Path) -> None:
    owned, orphan, unknown = old(sim), old(sim), old(sim)
    backend.put(DEV, row(owned))
    journal = Journal(tmp_path / "orders")
    key = ResourceKey("file://here", "urn:pulumi:dev::shop::pulumi-python:dynamic/cortecs:Instance::chat")
    for instance_id in (owned, orphan):
        journal.record_bought(journal.record(key, account_of(sim), (), frozenset(), None), instance_id)
    journal.close()
    shown = run("--keep", owned, orphan, unknown, code=0).stdout
    assert [line.split(" is kept: ")[0] for line in shown.splitlines()] == [owned, orphan, unknown]
    journal = Journal(tmp_path / "orders")
    assert (journal.open_orders(), journal.instance_ids(account_of(sim))) == ([], {owned, orphan, unknown})
    journal.close()
    assert ids(sim) == [owned, orphan, unknown]


def test_to_keep_something_no_stack_has_to_be_named(environment: dict[str, str], sim: Simulator) -> None:
    kept = old(sim)
    result = CliRunner().invoke(cli.app, ["orphans", "--keep", kept, "--json"], env={**environment, "PATH": "/nowhere"})
    assert result.exit_code == 0, result.output
    assert printed(result)["kept"] == [kept]


def test_what_the_account_does_not_have_cannot_be_kept(run: Run, sim: Simulator, tmp_path: Path) -> None:
    kept = old(sim)
    output = run("--keep", kept, "no-such-id", code=1).stderr
    assert output == "Error: no-such-id: no such Cortecs instance in this account, so nothing was done\n"
    assert Journal(tmp_path / "orders").instance_ids(account_of(sim)) == frozenset()


def test_a_journal_that_cannot_be_written_keeps_nothing(run: Run, sim: Simulator, tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "orders.sqlite3").write_text("no database, but long enough to be looked at" * 20)
    assert run("--keep", old(sim), code=1).stderr.startswith("Error: ")


def test_lines_for_adoption_have_the_labels_of_the_program_that_bought_it(
    run: Run, sim: Simulator, tmp_path: Path
) -> None:
    instance_id = old(sim)
    labelled(tmp_path / "orders", account_of(sim), instance_id)
    shown = run("--adopt", instance_id, code=3).stdout
    assert "    labels={'team': 'search'},\n" in shown
    assert "# labels" not in shown


def test_adopt_prints_a_program(run: Run, sim: Simulator) -> None:
    running, stopped = old(sim), old(sim, num_workers=2)
    sim.control.stop(stopped)
    shown = run("--adopt", running, stopped, code=3).stdout
    assert f'    context_length=32000,\n    adopt_id="{running}",\n    # ttl=...,  # a policy' in shown
    assert f'    num_workers=2,\n    state="stopped",\n    adopt_id="{stopped}",\n' in shown
    assert f"pulumi-cortecs import-file {running} {stopped}\n" in shown
    document = printed(run("--adopt", "--json", stopped, code=3))
    assert {row["id"]: "program" in row for row in document["orphans"]} == {running: False, stopped: True}
