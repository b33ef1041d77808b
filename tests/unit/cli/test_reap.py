"""`pulumi-cortecs reap` and `import-file` against the simulator, with a `pulumi` that answers from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from pulumi_cortecs import cli
from pulumi_cortecs.cli.reap import find_expired
from pulumi_cortecs.cli.survey import Survey, labels_by_id
from pulumi_cortecs.cortecs.client import CortecsClient
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle.cloud import OrderRef
from pulumi_cortecs.lifecycle.expiry import ExpiryError
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.acme import ACME
from tests.contract.bought import account_of, bought, ids
from tests.unit.fakes import FakeClock
from tests.unit.journals import LABELS, labelled
from tests.unit.lifecycle.test_orphans import listed, owns, state
from tests.unit.stacked import Backend, installed, row

DEV, PROD = "organization/shop/dev", "organization/shop/prod"
LONG_AGO = "2020-01-01T00:00:00Z"
ANSWER = {"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "instances": []}
"""Serves as a token and as an empty list."""
Run = Callable[..., Result]


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(tmp_path / "states")


@pytest.fixture
def environment(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    knobs = {"PULUMI_CORTECS_LIST_LAG": "0", "PULUMI_CORTECS_STATE_DIR": str(tmp_path / "orders")}
    return {**sim.env(), **knobs, "PATH": installed(tmp_path / "bin")}


@pytest.fixture
def reap(environment: dict[str, str], backend: Backend) -> Run:
    """Runs the command against all stacks of the backend."""

    def run(*arguments: str, code: int) -> Result:
        command = ["reap", "--all-stacks", "--backend-url", backend.url, *arguments]
        result = CliRunner().invoke(cli.app, command, env=environment)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def import_file(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs the command; it writes import.json into the test's folder."""

    def run(*arguments: str, code: int) -> Result:
        command = ["import-file", "--output", str(tmp_path / "import.json"), *arguments]
        result = CliRunner().invoke(cli.app, command, env=environment)
        assert result.exit_code == code, result.output
        return result

    return run


def until(sim: Simulator, hours: int) -> str:
    """The time in so many hours by the vendor's clock, as a state has it."""
    return f"{sim.control.clock().now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def statuses(sim: Simulator) -> dict[str, str]:
    return {instance.instance_id: instance.status for instance in sim.control.instances()}


def test_without_anything_that_is_over_it_exits_with_0(reap: Run, backend: Backend, sim: Simulator) -> None:
    backend.put(DEV, row(bought(sim).id, expires_at=until(sim, 1)), row(bought(sim).id))
    bought(sim)  # unowned, and therefore for `orphans` to find
    assert reap("--delete", "--yes", code=0).stdout.startswith(
        "no instances past the ttl among 3 instances of cortecs:"
    )
    assert len(ids(sim)) == 3


def test_what_is_over_is_listed_and_left_alone(reap: Run, backend: Backend, sim: Simulator) -> None:
    over = bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, -1)))
    (line,) = [line for line in reap(code=3).stdout.splitlines() if over in line]
    assert "chat" in line
    assert "1.20 EUR" in line
    (one,) = json.loads(reap("--json", code=3).stdout)["expired"]
    assert (one["id"], one["hourly"], one["currency"], one["ended"]) == (over, "1.20", "EUR", None)
    assert one["owners"] == [{"stack": DEV, "name": "chat", "protected": False}]
    assert ids(sim) == [over]


def test_whom_to_ask_is_shown(reap: Run, backend: Backend, sim: Simulator, tmp_path: Path) -> None:
    over, other = bought(sim).id, bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, -1)), row(other, expires_at=until(sim, -2)))
    assert "labels" not in reap(code=3).stdout
    labelled(tmp_path / "orders", account_of(sim), over)
    by_id = {one["id"]: one["labels"] for one in json.loads(reap("--json", code=3).stdout)["expired"]}
    assert by_id == {over: LABELS.merged, other: {}}
    assert "team=search" in reap(code=3).stdout


def test_labels_at_the_vendor_count_more_than_those_of_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine may have changed them."""
    monkeypatch.setenv("PULUMI_CORTECS_STATE_DIR", str(tmp_path))
    with running(simulated=[ACME.simulated]) as simulator:
        for name, value in simulator.env().items():
            monkeypatch.setenv(name, value)
        account = accounts.account(ACME.kind(), {})
        inputs = {"plan": "small", "zone": "north", "label": "", "labels": {"team": "ads", "own": "yes"}}
        instance_id = account.cloud.create(inputs, OrderRef("1", "key")).instance_id
        labelled(tmp_path, account.fingerprint, instance_id)
        account.poller.snapshot(max_age=0)
        assert labels_by_id(account) == {instance_id: {**LABELS.merged, "team": "ads", "own": "yes"}}


def test_delete_ends_it_and_says_what_pulumi_makes_of_that(reap: Run, backend: Backend, sim: Simulator) -> None:
    over, kept = bought(sim).id, bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, -1)), row(kept, expires_at=until(sim, 1)))
    shown = reap("--delete", "--yes", code=0).stdout
    assert f"{over} is gone\n`pulumi refresh` shows them gone." in shown
    assert ids(sim) == [kept]


def test_stop_stops_it_once(reap: Run, backend: Backend, sim: Simulator) -> None:
    over = bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, -1)))
    assert f"{over} is stopped and costs nothing" in reap("--stop", "--yes", code=0).stdout
    assert statuses(sim) == {over: "stopped"}
    assert "is stopped" not in reap("--stop", "--yes", code=0).stdout
    reap(code=3)


def test_the_later_end_of_two_counts(reap: Run, backend: Backend, sim: Simulator) -> None:
    shared = bought(sim).id
    backend.put(DEV, row(shared, expires_at=until(sim, -1)))
    backend.put(PROD, row(shared, expires_at=until(sim, 1)))
    reap("--delete", "--yes", code=0)
    backend.put(PROD, row(shared, expires_at=until(sim, -2)))
    (one,) = json.loads(reap("--json", code=3).stdout)["expired"]
    assert one["remarks"] == ["the latest of its ends counts"]
    assert ids(sim) == [shared]


def test_what_is_protected_is_only_ended_when_told_so(reap: Run, backend: Backend, sim: Simulator) -> None:
    over = bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, -1), protect=True))
    reap("--delete", "--yes", code=3)
    assert ids(sim) == [over]
    reap("--delete", "--yes", "--include-protected", code=0)
    assert ids(sim) == []


@pytest.mark.parametrize("broken", ["an end that nobody can read", "a state that nobody can read"])
def test_what_cannot_be_read_ends_nothing(reap: Run, backend: Backend, sim: Simulator, broken: str) -> None:
    over = bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, -1)))
    if broken.startswith("an end"):
        backend.put(PROD, row(over, expires_at="soon"))
    else:
        backend.breaks(PROD, "no")
        backend.says(PROD, "{")
    assert reap("--delete", "--yes", code=1).stderr.startswith("Error: ")
    assert ids(sim) == [over]


def test_the_vendors_clock_says_what_is_over(reap: Run, backend: Backend, sim: Simulator) -> None:
    over = bought(sim).id
    backend.put(DEV, row(over, expires_at=until(sim, 24)))
    reap(code=0)
    sim.control.advance(86_401)  # on loopback, where a simulator may be a day ahead
    document = json.loads(reap("--json", code=3).stdout)
    assert [row["id"] for row in document["expired"]] == [over]
    assert document["checked_at"] == until(sim, 0)


def far_off(sim: Simulator, ahead: timedelta) -> Survey:
    """A look at an account whose vendor is on another machine, with a clock that is that much ahead of this one's."""
    clock = FakeClock()
    headers = {"Date": format_datetime(clock.utc_now() + ahead, usegmt=True)}
    answers = httpx.MockTransport(lambda _: httpx.Response(200, json=ANSWER, headers=headers))
    client = CortecsClient(Credentials("cortecs", "https://vendor.example/v1", ("sim", "sim")), new_client(answers))
    cloud = CortecsCloud(client, "", 0, lambda _: None)
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in sim.env().items():
            environment.setenv(variable, value)
        account = replace(accounts.account(INSTANCE), cloud=cloud, clock=clock)
    client.instances()
    return Survey(INSTANCE, account, (listed("i"),), (state(owns("i", expires_at=LONG_AGO)),), account.vendor_now())


@pytest.mark.parametrize(("hours", "theirs"), [(-2, "2029-12-31T22:"), (2, "2030-01-01T02:")])
def test_away_from_loopback_two_clocks_that_differ_end_nothing(sim: Simulator, hours: int, theirs: str) -> None:
    with pytest.raises(ExpiryError, match=f"Cortecs says {theirs}.*this machine 2030-01-01T00:16:40Z"):
        find_expired(far_off(sim, timedelta(hours=hours)))


def test_away_from_loopback_clocks_that_agree_tell_what_is_over(sim: Simulator) -> None:
    (one,) = find_expired(far_off(sim, timedelta(0)))
    assert one.instance.instance_id == "i"


@pytest.mark.parametrize("how", ["--delete", "--stop"])
def test_what_two_rows_own_is_reported_and_never_ended(reap: Run, backend: Backend, sim: Simulator, how: str) -> None:
    shared, over = bought(sim).id, bought(sim).id
    backend.put(DEV, row(shared, expires_at=until(sim, -1)), row(over, "night", expires_at=until(sim, -1)))
    backend.put(PROD, row(shared, "answers", expires_at=until(sim, -2)))
    shown = reap(how, "--yes", "--include-protected", code=3).stdout
    assert f"{shared} is owned by chat in {DEV} and answers in {PROD}, so this command never deletes it" in shown
    assert f"{over} is " in shown
    assert statuses(sim)[shared] != "stopped"
    document = json.loads(reap("--json", code=3).stdout)
    held_back = {row["id"]: row["held_back"] for row in document["expired"]}
    assert held_back[shared] == f"owned by chat in {DEV} and answers in {PROD}"
    assert [row["id"] for row in document["shared"]] == [shared]


@pytest.mark.parametrize("arguments", [("--delete",), ("--stop", "--json"), ("--delete", "--stop", "--yes")])
def test_what_makes_no_sense_is_refused(reap: Run, arguments: tuple[str, ...]) -> None:
    reap(*arguments, code=2)


def test_the_file_has_two_linked_entries_for_each_instance(import_file: Run, sim: Simulator, tmp_path: Path) -> None:
    made = [bought(sim).id, bought(sim, num_workers=2).id]
    sim.control.advance(3600)
    result = import_file(*made, code=0)
    entries: list[dict[str, Any]] = json.loads((tmp_path / "import.json").read_text())["resources"]
    assert [(entry["logicalName"], entry.get("parent")) for entry in entries] == [
        ("qwen2-7b-instruct", None),
        ("qwen2-7b-instruct", "qwen2-7b-instruct"),
        ("qwen2-7b-instruct-2", None),
        ("qwen2-7b-instruct-2", "qwen2-7b-instruct-2"),
    ]
    assert len({entry["name"] for entry in entries}) == 4
    assert [entry["id"] for entry in entries[::2]] == made
    assert all(entry["inputs"]["__provider"] == entry["outputs"]["__provider"] for entry in entries)
    compile(result.stdout, "program", "exec")
    assert "booting" not in result.stderr
    assert ids(sim) == made


def test_names_can_be_given_and_a_booting_one_is_said_to_be(import_file: Run, sim: Simulator) -> None:
    made = bought(sim).id
    result = import_file(made, "--name", "chat", code=0)
    assert result.stdout.startswith('from pulumi_cortecs import Instance\n\nInstance(\n    "chat",\n')
    assert f"{made} is still booting" in result.stderr


def test_an_id_that_the_account_does_not_have_writes_nothing(import_file: Run, sim: Simulator, tmp_path: Path) -> None:
    failure = import_file(bought(sim).id, "no-such-id", code=1).stderr
    assert failure == "Error: Cortecs instance 'no-such-id' does not exist in this account\n"
    assert not (tmp_path / "import.json").exists()


def test_a_file_that_cannot_be_written_is_an_error(import_file: Run, sim: Simulator, tmp_path: Path) -> None:
    nowhere = tmp_path / "missing" / "import.json"
    assert "Error: " in import_file(bought(sim).id, "--output", str(nowhere), code=1).stderr


@pytest.mark.parametrize(
    "arguments", [("a", "a"), ("a", "b", "--name", "x"), ("a", "b", "--name", "x", "--name", "x"), ()]
)
def test_ids_and_names_have_to_go_together(import_file: Run, arguments: tuple[str, ...]) -> None:
    import_file(*arguments, code=2)
