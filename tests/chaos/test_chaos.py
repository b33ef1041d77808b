"""Some rounds of the chaos suite: those whose death comes when something has been bought that no state knows yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.stacks import engine
from tests.chaos.books import Kind
from tests.chaos.clouds import CORTECS, SHADEFORM, ChaosCloud
from tests.chaos.pace import Pace
from tests.chaos.plan import Command, Death, Moment, Odds, Plan, WayOn, draw_plan
from tests.chaos.program import Entry, Program, VolumeEntry
from tests.chaos.rounds import Result, play

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(
    ("death", "way_on"),
    [
        (Death.CLI, WayOn.UP),
        (Death.PROVIDER, WayOn.DESTROY),
        (Death.ALL, WayOn.UP),
    ],
)
def test_a_purchase_whose_answer_met_nobody_is_neither_lost_nor_made_twice(death: Death, way_on: WayOn) -> None:
    result = _play(_plan(death, Moment.ORDERED, way_on))
    assert result.in_window > 0
    assert result.findings == ()


@pytest.mark.long
def test_the_same_holds_where_nothing_can_be_stopped_and_orders_have_a_tag() -> None:
    result = _play(_plan(Death.ALL, Moment.ORDERED, WayOn.UP, SHADEFORM))
    assert result.in_window > 0
    assert result.findings == ()


def test_a_volume_is_found_again_without_a_journal() -> None:
    result = _play(_with_a_volume(lost_journal=True))
    assert result.in_window > 1
    assert result.findings == ()


@pytest.mark.long
def test_the_suite_notices_when_the_names_of_volumes_are_forgotten() -> None:
    result = _play(_with_a_volume(lost_journal=False), broken="name")
    assert {finding.kind for finding in result.findings} == {Kind.DOUBLE}


def test_what_is_waited_for_is_in_the_state() -> None:
    result = _play(_plan(Death.ALL, Moment.WAITING, WayOn.UP))
    assert result.landed
    assert result.findings == ()


def test_the_suite_notices_when_orders_are_forgotten() -> None:
    result = _play(_plan(Death.ALL, Moment.ORDERED, WayOn.UP), broken="intent")
    assert {finding.kind for finding in result.findings} == {Kind.DOUBLE}
    assert result.failed


def _with_a_volume(*, lost_journal: bool) -> Plan:
    """An instance, a volume, and another instance that waits for the volume."""
    entries = (Entry("a", 4000), Entry("b", 4000, volume="v", delete_first=True))
    plan = _plan(Death.ALL, Moment.ORDERED, WayOn.UP, SHADEFORM)
    program = Program(entries, volumes=(VolumeEntry("v", 100),))
    return replace(plan, before=program, lost_journal=lost_journal, exclusive=lost_journal)


def _play(plan: Plan, broken: str = "") -> Result:
    lines: list[str] = []
    result = play(plan, engine(), Pace(), broken=broken, tell=lines.append)
    print("\n".join(lines))
    return result


def _plan(death: Death, moment: Moment, way_on: WayOn, cloud: ChaosCloud = CORTECS) -> Plan:
    """Two instances that nothing distinguishes."""
    return replace(
        draw_plan(1, Odds(faults=0.0, lost_journal=0.0, exclusive=0.0, two_clocks=0.0), cloud),
        before=Program((Entry("a", 4000), Entry("b", 4000))),
        edit=None,
        command=Command.UP,
        death=death,
        moment=moment,
        which=2,
        hold=1.0,
        delay=0.0,
        refresh_always=True,
        way_on=way_on,
    )
