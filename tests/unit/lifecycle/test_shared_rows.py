"""An instance that two rows have is let go of by all but the last of them, which ends it: never by none."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.journal import Journal
from pulumi_cortecs.lifecycle.releases import Releases
from pulumi_cortecs.lifecycle.shared_rows import DeletionPlan, SharedRows
from pulumi_cortecs.lifecycle.stack_state import StateRow
from tests.unit.fakes import FakeStates

A, B, C = (f"urn:pulumi:test::tests::Instance::{name}" for name in "abc")
StartProcess = Callable[[], SharedRows]


@pytest.fixture
def states() -> FakeStates:
    return FakeStates()


@pytest.fixture
def start(states: FakeStates, tmp_path: Path) -> StartProcess:
    """Starts provider processes of one machine."""
    return lambda: SharedRows(lambda: states, Releases(Journal(tmp_path)), states.now)


def keeper(going: DeletionPlan) -> str | None:
    assert going.problem == ""
    return None if going.keeper is None else going.keeper.urn


def test_unshared_instances_end_and_100_deletions_read_the_state_once(
    states: FakeStates, start: StartProcess, tmp_path: Path
) -> None:
    for number in range(100):
        states.has("test", f"{A}{number}", f"id-{number}")
    process = start()
    for number in range(100):
        assert process.plan_deletion(f"id-{number}", f"{A}{number}") == DeletionPlan()
    assert states.read == ["test"]
    assert list(tmp_path.iterdir()) == []


def test_what_a_row_that_stays_has_is_let_go(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x")
    states.has("test", B, "x")
    assert keeper(start().plan_deletion("x", B)) == A


def test_an_instance_of_another_cloud_with_the_same_id_keeps_nothing(states: FakeStates, start: StartProcess) -> None:
    """Otherwise the first of the two rows would leave its instance behind, which goes on to cost money."""
    states.has("test", A.replace("Instance", "elsewhere:Instance"), "1")
    states.has("other", A.replace("Instance", "elsewhere:Instance"), "1")
    states.has("test", A, "1")
    assert start().plan_deletion("1", A) == DeletionPlan()
    assert start().rows_sharing("1", A) == []
    assert start().find_in_other_stack("1", A) is None


def test_an_instance_of_another_project_with_the_same_name_keeps_nothing(
    states: FakeStates, start: StartProcess
) -> None:
    prod = "urn:pulumi:prod::tests::Instance::c"
    for stack, urn, account in (("test", A, "key@1"), ("test", B, "key@2"), ("prod", prod, "key@2")):
        states.has(stack, urn, "x", outputs={"account": account})
    assert start().plan_deletion("x", A) == DeletionPlan()
    assert start().find_in_other_stack("x", A) is None
    assert start().find_in_other_stack("x", B) is not None


def test_who_only_looks_at_an_instance_keeps_nothing(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x", external=True)
    states.has("test", B, "x")
    assert start().plan_deletion("x", B) == DeletionPlan()


def test_a_row_that_is_not_in_the_state_lets_go_of_what_another_has(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x")
    assert keeper(start().plan_deletion("x", B)) == A


@pytest.mark.parametrize("processes", [1, 2], ids=["one provider", "two providers"])
def test_the_last_of_two_rows_that_go_one_after_the_other_ends_it(
    states: FakeStates, start: StartProcess, processes: int
) -> None:
    rows = [states.has("test", A, "x"), states.has("test", B, "x")]
    started = [start() for _ in range(processes)]
    assert keeper(started[0].plan_deletion("x", A)) == B
    states.gone(rows[0])
    assert keeper(started[-1].plan_deletion("x", B)) is None


@pytest.mark.parametrize("processes", [1, 2], ids=["one provider", "two providers"])
def test_two_rows_that_go_at_the_same_moment_never_both_let_go(
    states: FakeStates, start: StartProcess, processes: int
) -> None:
    states.has("test", A, "x")
    states.has("test", B, "x")
    started = [start() for _ in range(processes)]
    for process in started:
        process.plan_deletion("none of them", A)  # the first reading of each
    second: list[DeletionPlan] = []
    states.meanwhile = lambda: second.append(started[-1].plan_deletion("x", B))
    first = started[0].plan_deletion("x", A)
    assert None in (keeper(first), keeper(second[0]))


def test_of_three_rows_in_any_order_one_ends_it(start: StartProcess, states: FakeStates) -> None:
    for number, order in enumerate(permutations((A, B, C))):
        instance_id = f"x{number}"
        rows = {urn: states.has("test", urn, instance_id) for urn in order}
        process = start()
        ended = []
        for urn in order:
            if keeper(process.plan_deletion(instance_id, urn)) is None:
                ended.append(urn)
            states.gone(rows[urn])
        assert ended == [order[-1]]


def test_a_replaced_row_lets_go_of_what_its_successor_has(states: FakeStates, start: StartProcess) -> None:
    """`up --replace` with adopt_id: one URN, one id, two rows."""
    states.has("test", A, "x", doomed=True)
    states.has("test", A, "x")
    states.has("test", B, "x")
    process = start()
    assert keeper(process.plan_deletion("x", A)) is not None
    states.gone(states.stacks["test"][0])
    assert keeper(process.plan_deletion("x", B)) == A


def test_the_last_row_of_one_urn_ends_it(states: FakeStates, start: StartProcess) -> None:
    rows = [states.has("test", A, "x", doomed=True), states.has("test", A, "x")]
    process = start()
    assert keeper(process.plan_deletion("x", A)) == A
    states.gone(rows[0])
    assert keeper(process.plan_deletion("x", A)) is None


def test_a_row_whose_deletion_failed_keeps_it_again(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x")
    states.has("test", B, "x")
    process = start()
    failed = process.plan_deletion("x", A)
    process.cancel_deletion(failed)
    assert keeper(process.plan_deletion("x", B)) == A


def test_what_a_dead_process_let_go_counts_for_nothing(states: FakeStates, tmp_path: Path) -> None:
    """Its row is in the state yet: the engine has not written down that it went."""
    states.has("test", A, "x")
    states.has("test", B, "x")
    dying = Journal(tmp_path)
    assert keeper(SharedRows(lambda: states, Releases(dying), states.now).plan_deletion("x", A)) == B
    dying.close()
    assert keeper(SharedRows(lambda: states, Releases(Journal(tmp_path)), states.now).plan_deletion("x", B)) == A


def test_a_row_that_the_engine_is_deleting_keeps_nothing(states: FakeStates, start: StartProcess) -> None:
    """Also where its process has another journal."""
    states.has("test", A, "x", deleting=True)
    states.has("test", B, "x", deleting=True)
    assert keeper(start().plan_deletion("x", B)) is None


def test_a_state_that_cannot_be_read_is_said_and_asked_for_once(states: FakeStates, start: StartProcess) -> None:
    states.trouble = "no CLI"
    process = start()
    assert [process.plan_deletion("x", urn) for urn in (A, B)] == [DeletionPlan(problem="no CLI")] * 2
    assert states.read == ["test"]


def test_a_second_reading_that_fails_leaves_the_first(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x")
    states.has("test", B, "x")
    process = start()
    process.plan_deletion("another", C)
    states.trouble = "no CLI"
    assert keeper(process.plan_deletion("x", A)) == B
    assert keeper(process.plan_deletion("x", B)) is None


def test_a_journal_that_cannot_be_used_is_said(states: FakeStates, tmp_path: Path) -> None:
    states.has("test", A, "x")
    states.has("test", B, "x")
    (tmp_path / "file").write_text("")
    broken = Journal(tmp_path / "file" / "folder")
    assert "cannot be used" in SharedRows(lambda: states, Releases(broken), states.now).plan_deletion("x", A).problem


@pytest.mark.parametrize("seed", range(100))
def test_however_rows_and_processes_interleave_nobody_is_left_with_it(
    states: FakeStates, start: StartProcess, seed: int
) -> None:
    """Some rows go, each from any of two processes, and any may come in the middle of another's reading."""
    chance = random.Random(seed)
    rows = [states.has("test", urn, "x") for urn in (A, B, C)]
    leaving = rows[: chance.randint(1, 3)]
    chance.shuffle(leaving)
    started = [start(), start()]
    for process in started:
        process.plan_deletion("none of them", A)  # the first reading of each
    remaining, ended = list(leaving), []

    def one_goes() -> None:
        if not remaining:
            return
        row = remaining.pop()
        if chance.random() < 0.7:
            states.meanwhile = one_goes
        if keeper(chance.choice(started).plan_deletion("x", row.urn)) is None:
            ended.append(row.urn)
        states.gone(row)

    while remaining:
        one_goes()
    assert bool(ended) == (len(leaving) == 3)


def test_another_stack_that_has_it_is_found(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x")
    states.has("test", B, "x")
    theirs = states.has("prod", "urn:pulumi:prod::tests::Instance::a", "x")
    states.has("dev", "urn:pulumi:dev::tests::Instance::a", "y")
    assert start().find_in_other_stack("x", A) == theirs
    assert start().find_in_other_stack("y", "urn:pulumi:dev::tests::Instance::a") is None


def test_of_two_stacks_that_delete_it_at_the_same_time_one_at_least_ends_it(
    states: FakeStates, start: StartProcess
) -> None:
    """Each would otherwise leave it to the other, and it would cost money without a row."""
    process = start()
    mine = states.has("test", A, "x")
    theirs = states.has("prod", "urn:pulumi:prod::tests::Instance::a", "x")
    assert process.find_in_other_stack("x", A) == theirs
    states.stacks["prod"].remove(theirs)
    states.has("prod", theirs.urn, "x", deleting=True)
    asked_at = states.now()
    assert process.find_in_other_stack("x", A) is None
    assert states.not_before > asked_at  # an earlier reading may lack that deletion
    assert start().find_in_other_stack("x", theirs.urn) == mine


def test_others_of_the_stack_are_those_under_other_names(states: FakeStates, start: StartProcess) -> None:
    states.has("test", A, "x", doomed=True)
    other: StateRow = states.has("test", B, "x")
    assert start().rows_sharing("x", A) == [other]
    assert start().rows_sharing("x", C) == [*states.stacks["test"]]
