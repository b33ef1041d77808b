"""Arguments that a vendor changes in place: sent once, quoted and allowed where they cost, beside any other update.

The kind is Cortecs' own, but that its workers and its context length change in place; the vendor is the simulator, and
the changes are written into its answers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import CreateResult

from pulumi_cortecs.cortecs.client import ApiInstance, CortecsClient
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.cortecs.kind import ARGUMENTS, INSTANCE
from pulumi_cortecs.cost import Money
from pulumi_cortecs.http import api_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle import state_directory
from pulumi_cortecs.lifecycle.cloud import CanUpdate
from pulumi_cortecs.provider import accounts, instance, instance_check, session
from pulumi_cortecs.provider.kind import ArgumentTable, Change, InstanceKind
from pulumi_cortecs.simulator import Simulator

PROGRAM = {"model_id": "Qwen/Qwen2-7B-Instruct"}
UPDATED = ("num_workers", "context_length")
Olds = Mapping[str, Any]


@dataclass
class Vendor:
    """A vendor with the changes that were requested, by id."""

    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def changed(self, live: ApiInstance) -> ApiInstance:
        for instance_id, args in self.sent:
            if instance_id == live.instance_id:
                live = live.model_copy(update={"instance_args": live.instance_args.model_copy(update=dict(args))})
        return live


class UpdatingCloud(CortecsCloud, CanUpdate[ApiInstance]):
    """Cortecs, could it change what there is."""

    vendor: Vendor

    def update(self, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
        self.vendor.sent.append((instance_id, {key: int(inputs[key]) for key in changed}))

    def list_instances(self) -> Mapping[str, ApiInstance]:
        return {key: self.vendor.changed(live) for key, live in super().list_instances().items()}

    def get_instance(self, instance_id: str) -> ApiInstance | None:
        live = super().get_instance(instance_id)
        return None if live is None else self.vendor.changed(live)


@dataclass(frozen=True)
class Program:
    """A program with one Instance, run again and again."""

    kind: InstanceKind
    vendor: Vendor

    def up(self, made: CreateResult | None = None, **says: Any) -> CreateResult:
        """Check, and create or update, as an `up` does it. Raises InstanceError."""
        if made is None:
            return instance.create(self.kind, self.checked({}, **says))
        return self.update(made, self.checked(made.outs or {}, **says))

    def checked(self, olds: Olds, **says: Any) -> dict[str, Any]:
        """The inputs after a check without failures."""
        checked = self.check(olds, **says)
        assert [failure.reason for failure in checked.failures] == []
        return checked.inputs

    def check(self, olds: Olds, **says: Any) -> Any:
        inputs = {key: value for key, value in olds.items() if key in self.kind.inputs}
        return instance_check.check(self.kind, inputs, {**PROGRAM, **says})

    def update(self, made: CreateResult, inputs: Olds) -> CreateResult:
        return CreateResult(made.id, instance.update(self.kind, made.id, made.outs or {}, inputs).outs)


@pytest.fixture
def program(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "CORTECS_"))]:
        monkeypatch.delenv(name)
    ours = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path), "PULUMI_CORTECS_LIST_LAG": "0.1"}
    for name, value in {**simulator.env(), **ours, "PULUMI_BACKEND_URL": "file:///nowhere"}.items():
        monkeypatch.setenv(name, value)
    vendor = Vendor()

    def connect(
        credentials: Credentials, list_lag: float, price: Callable[[Mapping[str, Any]], Money | None]
    ) -> UpdatingCloud:
        cloud = UpdatingCloud(CortecsClient(credentials), credentials.fingerprint, list_lag, price)
        cloud.vendor = vendor
        return cloud

    rows = {key: replace(row, change=Change.UPDATE) if key in UPDATED else row for key, row in ARGUMENTS.rows.items()}
    before = session.current()
    session.activate(session.Session())
    yield Program(replace(INSTANCE, arguments=ArgumentTable("an Instance", rows), connect=connect), vendor)
    session.current().journal.close()
    api_client.shared_client().close()
    api_client.shared_client.cache_clear()
    session.activate(before)


@pytest.fixture
def ceiling(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what an hour of the account may cost."""

    def limit(hourly: str) -> None:
        limits = {"allowed_base_urls": [simulator.base_url], "account_hourly_ceiling": hourly}
        (tmp_path / "limits.json").write_text(json.dumps({"cortecs": limits}))
        monkeypatch.setenv("PULUMI_CORTECS_LIMITS", str(tmp_path / "limits.json"))
        # a simulator of another test may have had the same port, and so the same account in the machine's ledger
        monkeypatch.setattr(state_directory, "MACHINE_DIRECTORY", tmp_path / "machine")

    return limit


def hourly_total(made: CreateResult) -> str:
    """The cost of an hour in the state."""
    return str((made.outs or {})["quote"]["hourly_total"])


def test_what_costs_more_is_quoted_anew_and_sent_once(program: Program) -> None:
    made = program.up()
    assert hourly_total(made) == "1.20"
    changed = program.up(made, num_workers=3)
    assert (hourly_total(changed), program.vendor.sent) == ("3.60", [(made.id, {"num_workers": 3})])


def test_two_changes_at_once_do_not_pass_the_ceiling_that_has_room_for_one(
    program: Program, ceiling: Callable[[str], None]
) -> None:
    both = [program.up(), program.up()]
    ceiling("6.60 EUR")  # 2.40 runs, and each of them would cost 2.40 more
    news = [program.checked(instance.outs or {}, num_workers=3) for instance in both]
    program.update(both[0], news[0])
    with pytest.raises(instance.InstanceError, match=r"^\S+ was not changed: the account would cost "):
        program.update(both[1], news[1])
    assert len(program.vendor.sent) == 1


def test_only_the_difference_has_to_fit_under_the_ceiling(program: Program, ceiling: Callable[[str], None]) -> None:
    made = program.up()
    ceiling("3.00 EUR")
    assert hourly_total(program.up(made, num_workers=2)) == "2.40"
    (failure,) = program.check(made.outs or {}, num_workers=3).failures
    assert "exceeded by" in failure.reason


def test_a_change_to_less_needs_no_room(program: Program, ceiling: Callable[[str], None]) -> None:
    made = program.up(num_workers=3)
    ceiling("3.60 EUR")
    assert hourly_total(program.up(made, num_workers=1)) == "1.20"


@pytest.mark.parametrize("also", ["a start", "a restart"])
def test_a_change_goes_together_with_a_start_or_a_restart(program: Program, also: str) -> None:
    made = program.up()
    if also == "a start":
        made = program.up(made, state="stopped")
    changed = program.up(made, num_workers=2, restart_trigger="" if also == "a start" else "again")
    assert (hourly_total(changed), program.vendor.sent) == ("2.40", [(made.id, {"num_workers": 2})])


def test_what_is_stopped_is_quoted_and_needs_no_room(program: Program, ceiling: Callable[[str], None]) -> None:
    made = program.up(program.up(), state="stopped")
    ceiling("0.01 EUR")
    assert hourly_total(program.up(made, state="stopped", num_workers=3)) == "3.60"


def test_what_a_policy_makes_of_a_change_is_quoted_anew(program: Program) -> None:
    made = program.up()
    checked = program.checked(made.outs or {}, num_workers=2)
    assert hourly_total(program.update(made, {**checked, "num_workers": 4, "price_tolerance": 100})) == "4.80"


def test_what_the_market_has_decided_stays_where_the_program_leaves_it_out(program: Program) -> None:
    made = program.up(context_length=8000)
    assert program.checked(made.outs or {})["context_length"] == 8000
    assert program.vendor.sent == []


def test_ids_of_another_cloud_are_not_asked_for(
    program: Program, simulator: Simulator, ceiling: Callable[[str], None]
) -> None:
    ceiling("1000 EUR")
    elsewhere = replace(INSTANCE, token="elsewhere", credentials=replace(INSTANCE.credentials, cloud="elsewhere"))
    accounts.confirm_known(elsewhere, "12345", "elsewhere:account")
    program.checked({})
    assert simulator.control.requests().count("GET /api/v1/instances/{instance_id}") == 0
