"""The plans that the chaos suite draws."""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import FaultKind
from pulumi_cortecs.simulator.control import FaultRequest, SettingsRequest
from tests.chaos.books import Finding, Kind
from tests.chaos.clouds import CLOUDS, CORTECS, SHADEFORM, ChaosCloud, parts
from tests.chaos.plan import (
    CLOCKS,
    DRAWN,
    Command,
    Death,
    Moment,
    Odds,
    Plan,
    WayOn,
    draw_plan,
    lie,
    seed_of,
)
from tests.chaos.program import Edit, Entry, Program, VolumeEntry
from tests.chaos.rounds import Result
from tests.chaos.tally import Tally, write_between_marks

PLANS = {
    name: [draw_plan(seed_of(1, number), Odds(), cloud) for number in range(300)] for name, cloud in CLOUDS.items()
}
MANY = PLANS["cortecs"]

WORDS = [
    "up of 4, ^C ^C, ordering 1, then up, then destroy",
    "refresh of 4, provider killed, some time 0.44, exclusive, then destroy",
    "up (replace, deleting first) of 4, ^C, answered 1, exclusive, then destroy",
]
"""Some of the plans as they were before there were volumes."""


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> ChaosCloud:
    """Every cloud on which rounds are played."""
    return CLOUDS[request.param]


def test_a_seed_gives_the_same_plan_again() -> None:
    assert [draw_plan(plan.seed, Odds()) for plan in MANY] == MANY


def test_every_kind_of_death_moment_edit_command_and_way_on_is_drawn(cloud: ChaosCloud) -> None:
    plans = PLANS[cloud.name]
    assert {plan.death for plan in plans} == set(Death)
    assert {plan.moment for plan in plans} == set(Moment)
    assert {plan.edit for plan in plans} == {None, *cloud.edits}
    assert {plan.command for plan in plans} == set(Command)
    assert {plan.way_on for plan in plans} == set(WayOn)


def test_every_edit_is_one_of_some_cloud() -> None:
    assert {edit for cloud in CLOUDS.values() for edit in cloud.edits} == set(Edit)


def test_every_fault_of_the_catalogue_that_can_happen_is_in_every_plan(cloud: ChaosCloud) -> None:
    kinds = [kind for kind in DRAWN if kind in cloud.case.faults]
    assert all([fault.kind for fault in plan.faults] == kinds for plan in PLANS[cloud.name])
    assert [fault.kind for fault in MANY[0].faults] == list(DRAWN)


@pytest.mark.parametrize("kind", sorted(FaultKind))
def test_every_kind_of_fault_has_parameters_that_the_simulator_takes(kind: FaultKind) -> None:
    for seed in range(20):
        FaultRequest.model_validate({"kind": kind.value, **dict(lie(kind, random.Random(seed)))})


@pytest.mark.parametrize("knobs", CLOCKS)
def test_clocks_are_knobs_of_the_simulator(knobs: Mapping[str, float]) -> None:
    assert SettingsRequest.model_validate(knobs).model_dump(exclude_none=True) == knobs


def test_the_odds_are_heeded() -> None:
    sure = Odds(faults=0.5, lost_journal=1.0, destroy=1.0)
    plans = [draw_plan(seed_of(1, number), sure) for number in range(20)]
    assert {(plan.fault_rate, plan.lost_journal, plan.way_on, plan.death) for plan in plans} == {
        (0.5, True, WayOn.DESTROY, Death.ALL)
    }


def test_moments_are_such_as_the_command_has() -> None:
    for plan in MANY:
        if plan.moment in (Moment.ORDERED, Moment.ORDERING, Moment.ANSWERED, Moment.WAITING):
            assert 1 <= plan.which <= plan.orders


def test_every_program_is_one(cloud: ChaosCloud) -> None:
    for plan in PLANS[cloud.name]:
        assert _names(plan.before) != []
        ast.parse(cloud.source(plan.program))


def test_endings_are_matched_by_their_paths() -> None:
    assert parts(SHADEFORM.case.delete) == ("POST", "/v1/instances/*/delete")
    assert [parts(route)[1] for route in CORTECS.endings] == ["/api/v1/instances/stop", "/api/v1/instances/*"]


def test_an_edit_changes_one_resource() -> None:
    program = Program((Entry("a", 4000), Entry("b", 4000, volume="v")), volumes=(VolumeEntry("v", 100),))
    assert _names(program.with_edit(Edit.ADD)) == ["a", "b", "b-too"]
    assert _names(program.with_edit(Edit.REMOVE)) == ["a"]
    assert program.with_edit(Edit.REPLACE).entries[1].variant == 4100
    assert program.with_edit(Edit.STOP).entries[1].state == "stopped"
    assert program.with_edit(Edit.RESTART).entries[1].restart_trigger == "again"
    assert program.with_edit(Edit.LABEL).entries[1].label == "new"
    assert program.with_edit(Edit.RESIZE).volumes == (VolumeEntry("v", 200),)
    assert [entry.volume for entry in program.with_edit(Edit.ADD).entries] == ["", "v", ""]
    assert all(program.with_edit(edit).entries[0] == Entry("a", 4000) for edit in Edit)


def test_volumes_are_drawn_where_there_are_some() -> None:
    assert all(plan.before.volumes == () and not plan.before.has_key for plan in MANY)
    plans = PLANS[SHADEFORM.name]
    assert Counter(len(plan.before.volumes) for plan in plans).keys() == {0, 1, 2}
    assert {plan.before.has_key for plan in plans} == {True, False}
    mounting = [entry for plan in plans for entry in plan.before.entries if entry.volume]
    assert mounting
    assert all(entry.delete_first for entry in mounting)
    for plan in plans:
        mounted = [entry.volume for entry in plan.program.entries if entry.volume]
        assert len(mounted) == len(set(mounted))
        assert set(mounted) <= {volume.name for volume in plan.program.volumes}


def test_volumes_are_among_the_orders() -> None:
    resized = [plan for plan in PLANS[SHADEFORM.name] if plan.edit is Edit.RESIZE]
    assert {plan.orders - plan.before.mounted(plan.before.volumes[-1].name) for plan in resized} == {1}
    first = [plan for plan in PLANS[SHADEFORM.name] if plan.begins_empty]
    assert all(plan.orders == len(plan.before.entries) + len(plan.before.volumes) for plan in first)


def test_the_volumes_change_no_plan_of_a_cloud_without_them() -> None:
    assert [plan.words() for plan in MANY[1:4]] == WORDS


def test_a_round_with_a_lost_journal_counts_like_any_other() -> None:
    double = (Finding(Kind.DOUBLE, "x"),)
    assert Tally([Result(_with(lost_journal=True), findings=double), Result(_with(lost_journal=True))]).failed == 1


def test_half_of_the_accounts_are_exclusive_and_some_have_two_clocks() -> None:
    assert 0.4 < sum(plan.exclusive for plan in MANY) / len(MANY) < 0.6
    assert {plan.exclusive for plan in MANY if plan.lost_journal} == {True, False}
    assert {tuple(plan.clocks.items()) for plan in MANY} == {(), *(tuple(clocks.items()) for clocks in CLOCKS)}


def test_refusals_are_told_apart_by_account_and_reason() -> None:
    shared = Result(_with(exclusive=False), refused={"by a pending creation": 2}, ways_on={"adopt": 1, "clear": 1})
    alone = Result(_with(exclusive=True), refused={"by an order": 1}, findings=(Finding(Kind.REFUSED_FOR_NOTHING),))
    table = Tally([shared, alone]).table()
    assert "in a shared account: 1 rounds; refused: 2 by a pending creation; without a candidate: in 0" in table
    assert "in an exclusive account: 1 rounds; refused: 1 by an order; without a candidate: in 1" in table
    assert "ways on: 1 adopt, 1 clear." in table
    assert (shared.failed, alone.failed) == (False, True)


def test_a_program_can_take_over_what_a_refusal_names() -> None:
    program = Program((Entry("a", 4000), Entry("b", 4000))).adopting("b", "some-id")
    assert [entry.adopt_id for entry in program.entries] == ["", "some-id"]
    assert "adopt_id='some-id'" in CORTECS.source(program)
    assert program.adopting("b", "").entries[1].adopt_id == ""


def test_a_table_has_a_row_per_kind_of_death() -> None:
    table = Tally([Result(plan, landed=True, in_window=1) for plan in MANY]).table()
    counted = Counter(plan.death for plan in MANY)
    for death, number in counted.items():
        assert f"| {death.value} | {number} | {number} | {number} | 0 | 0 | 0 | 0 | 0 | 0 |" in table


def test_a_report_goes_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- rounds: begin -->\nold\n<!-- rounds: end -->\n\nafter\n")
    write_between_marks(page, "rounds", "new")
    write_between_marks(page, "cycles", "more")
    text = page.read_text()
    assert text.startswith("before\n\n<!-- rounds: begin -->\n\nnew\n\n<!-- rounds: end -->\n\nafter\n")
    assert text.endswith("<!-- cycles: begin -->\n\nmore\n\n<!-- cycles: end -->\n")


def _names(program: Program) -> list[str]:
    return [entry.name for entry in program.entries]


def _with(**wanted: bool) -> Plan:
    return next(plan for plan in MANY if all(getattr(plan, name) is value for name, value in wanted.items()))
