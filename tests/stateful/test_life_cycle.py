"""The life cycle under attack, without an engine: whatever is interleaved, killed or lost, the books agree."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pulumi_cortecs.cortecs.kind import ARGUMENTS, INSTANCE
from pulumi_cortecs.lifecycle.stack_state import StateUnreadableError
from pulumi_cortecs.provider import accounts, reviewed_inputs, session
from pulumi_cortecs.simulator.faults import FaultKind
from tests.clouds.case import START, UPDATE, CloudCase
from tests.clouds.cortecs import CORTECS, QWEN
from tests.clouds.every import EVERY
from tests.stateful.breaks import BREAKS, NEEDED
from tests.stateful.engine import Stack
from tests.stateful.playing import theatre_in
from tests.stateful.rounds import DEATHS, Odds, Result, most_of, parameters, play
from tests.stateful.scene import Death, Finding, Refusal, Scene, Theatre, Victim, Wrong
from tests.stateful.user import User
from tests.stateful.volumes import play_volume

_ROUNDS = 50
_ROUNDS_UNTIL_CAUGHT = 100
_ROUNDS_ALIKE = 80
_NAMES = ("a", "b", "c")
KINDS = CORTECS.programs


def _halves(rounds: int) -> pytest.MarkDecorator:
    """The seeds of so many rounds; the second half of them is `long`."""
    second = pytest.param(range(rounds // 2, rounds), marks=pytest.mark.long)
    return pytest.mark.parametrize("seeds", [range(rounds // 2), second], ids=["first", "second"])


def _needs(case: CloudCase, name: str) -> bool:
    """Returns whether a cloud does not do without this protection."""
    return name not in case.unneeded and (name != "volume" or bool(case.volume))


_kinds = st.sampled_from(KINDS)
_which = st.integers(0, 1)
_deaths = st.none() | st.builds(
    lambda victim, when, number: Death(victim, when[0], when[1], number),
    st.sampled_from(Victim),
    st.sampled_from([row for row in DEATHS if row[1] != UPDATE]),
    st.integers(1, 4),
)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    """The theatre of all rounds."""
    with theatre_in(tmp_path) as made:
        yield made


class LifeCycle(RuleBasedStateMachine):
    """Two stacks in an account in which a foreign instance runs, too."""

    theatre: Theatre

    @initialize(seed=st.integers(0, 1000), first=st.lists(_kinds, min_size=1, max_size=3), delete_first=st.booleans())
    def begins(self, seed: int, first: list[dict[str, object]], delete_first: bool) -> None:
        self.chance = random.Random(seed)
        self.scene = Scene(self.theatre, seed)
        self.user = User(self.scene, self.chance)
        self.stacks = [self.scene.stack("one"), self.scene.stack("two")]
        for stack in self.stacks:
            stack.delete_first = delete_first
            stack.program = dict(zip(_NAMES, first, strict=False))
        self.scene.foreigner(**first[0])
        self.scene.passes(60.0)

    @rule(which=_which, death=_deaths, refresh=st.booleans())
    def up(self, which: int, death: Death | None, refresh: bool) -> None:
        self.scene.command(self.stacks[which], "up", death=death, refresh=refresh)

    @rule(death=_deaths, refresh=st.booleans())
    def up_of_both_at_once(self, death: Death | None, refresh: bool) -> None:
        self.scene.commands((self.stacks[0], "up"), (self.stacks[1], "up"), death=death, refresh=refresh)

    @rule(which=_which, death=_deaths)
    def refresh(self, which: int, death: Death | None) -> None:
        self.scene.command(self.stacks[which], "refresh", death=death)

    @rule(which=_which, death=_deaths, refresh=st.booleans())
    def destroy(self, which: int, death: Death | None, refresh: bool) -> None:
        self.scene.command(self.stacks[which], "destroy", death=death, refresh=refresh)

    @rule(which=_which, name=st.sampled_from(_NAMES), kind=_kinds)
    def program_says(self, which: int, name: str, kind: dict[str, object]) -> None:
        self._edit(self.stacks[which], {name: kind})

    @rule(which=_which, name=st.sampled_from(_NAMES), state=st.sampled_from(("running", "stopped")))
    def program_wants_it(self, which: int, name: str, state: str) -> None:
        stack = self.stacks[which]
        if stack.row(name) is not None and name in stack.program:
            self._edit(stack, {name: {**stack.program[name], "state": state}})

    @rule(which=_which, name=st.sampled_from(_NAMES), trigger=st.integers(0, 9))
    def program_restarts_it(self, which: int, name: str, trigger: int) -> None:
        stack = self.stacks[which]
        if name in stack.program:
            self._edit(stack, {name: {**stack.program[name], "restart_trigger": str(trigger)}})

    @rule(which=_which, name=st.sampled_from(_NAMES))
    def program_leaves_out(self, which: int, name: str) -> None:
        stack = self.stacks[which]
        stack.program = {key: value for key, value in stack.program.items() if key != name}
        self.user.edited_after = True

    @rule(which=_which)
    def program_adopts(self, which: int) -> None:
        for instance_id in sorted(self.scene.foreign):
            self.scene.foreign.discard(instance_id)
            self._edit(self.stacks[which], {"adopted": {"model_id": QWEN, "adopt_id": instance_id}})

    @rule(kind=st.sampled_from(CORTECS.faults), probability=st.sampled_from((0.05, 0.2, 0.5)), seed=st.integers(0, 99))
    def goes_wrong(self, kind: FaultKind, probability: float, seed: int) -> None:
        self.scene.fault(kind, min(probability, most_of(kind)), **parameters(kind, random.Random(seed), CORTECS.fields))

    @rule()
    def goes_well_again(self) -> None:
        self.scene.quiet()

    @rule(seconds=st.sampled_from((0.1, 1.0, 5.0, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self.scene.passes(seconds)

    @rule(which=st.integers(0, 5), vanishes=st.booleans())
    def meddle_from_outside(self, which: int, vanishes: bool) -> None:
        ids = sorted(self.scene.alive())
        if ids:
            cloud = self.scene.cloud
            (cloud.vanish if vanishes else cloud.stop_from_outside)(ids[which % len(ids)])

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert self.scene.findings == []

    def teardown(self) -> None:
        """Checks that an `up` succeeds in the end, and that nothing is left after `destroy` and `orphans --delete`."""
        if not hasattr(self, "scene"):
            return
        try:
            if not self.scene.findings:
                self.user.goes_on_with_up(self.stacks)
                self.user.ends(self.stacks)
                assert self.scene.findings == []
        finally:
            self.scene.close()

    def _edit(self, stack: Stack, change: dict[str, dict[str, object]]) -> None:
        stack.program = {**stack.program, **change}
        self.user.edited_after = True


def test_whatever_is_interleaved_killed_or_lost_the_books_agree(theatre: Theatre) -> None:
    machine = type("LifeCycleHere", (LifeCycle,), {"theatre": theatre})
    limits = settings(
        max_examples=50,
        stateful_step_count=12,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=limits)


@_halves(_ROUNDS)
@pytest.mark.parametrize("cloud", EVERY)
def test_rounds_that_follow_from_their_seeds_leave_nothing_behind(tmp_path: Path, cloud: str, seeds: range) -> None:
    with theatre_in(tmp_path, case=EVERY[cloud]) as theatre:
        results = [play(theatre, seed) for seed in seeds]
    assert [result.line() for result in results if result.failed] == []


@_halves(_ROUNDS_ALIKE)
def test_what_a_killed_run_ordered_alike_is_taken_once_each(theatre: Theatre, seeds: range) -> None:
    wrong = []
    for seed in seeds:
        scene = Scene(theatre, seed)
        stack = scene.stack("stack")
        stack.program = {f"n{number}": KINDS[0] for number in range(4)}
        death = Death(Victim.HOST, "done", START, scene.chance.choice((1, 2)))
        scene.command(stack, "up", death=death)
        recovered = scene.command(stack, "up") or scene.command(stack, "up")
        if scene.findings or not recovered or len(scene.alive()) != len(stack.program):
            wrong.append((seed, scene.findings, scene.errors, len(scene.alive()), len(stack.program)))
        scene.close()
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "cloud"), [(name, cloud) for name in BREAKS for cloud in EVERY if _needs(EVERY[cloud], name)]
)
def test_a_protection_that_is_switched_off_is_noticed(tmp_path: Path, name: str, cloud: str) -> None:
    with theatre_in(tmp_path, name, EVERY[cloud]) as theatre:
        assert any(play(theatre, seed, NEEDED.get(name)).failed for seed in range(_ROUNDS_UNTIL_CAUGHT))


@_halves(_ROUNDS)
@pytest.mark.parametrize("lost_journal", [0.0, 1.0])
@pytest.mark.parametrize("cloud", [name for name, case in EVERY.items() if case.volume])
def test_a_volume_is_bought_once_mounted_and_deleted(
    tmp_path: Path, cloud: str, lost_journal: float, seeds: range
) -> None:
    with theatre_in(tmp_path, case=EVERY[cloud]) as theatre:
        scenes = [play_volume(theatre, seed, lost_journal) for seed in seeds]
    assert [finding for scene in scenes for finding in scene.findings] == []


def test_a_round_can_be_had_again(theatre: Theatre) -> None:
    play(theatre, 1)
    first, again = play(theatre, 0), play(theatre, 0)
    assert first == again


def test_a_new_process_knows_nothing_of_another(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    one, other = (scene.process(machine) for machine in range(2))
    one.enter()
    accounts.account(INSTANCE)
    reviewed_inputs.record("some urn", {})
    other.enter()
    assert (session.current().accounts, reviewed_inputs.get("some urn")) == ({}, None)
    one.enter()
    assert reviewed_inputs.get("some urn") is not None
    scene.close()


def test_a_creation_of_a_killed_engine_stays_in_the_state_until_cleared(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")
    stack.program = {"a": KINDS[0]}
    scene.command(stack, "up", death=Death(Victim.BOTH, "done", START))
    assert [name for name, _ in stack.pending] == ["a"]
    for command in ("up", "refresh", "up", "destroy"):
        assert scene.command(stack, command)
    stack.program = {"a": KINDS[1]}
    assert scene.command(stack, "up")
    assert [name for name, _ in stack.pending] == ["a"]
    stack.clear_pending()
    assert stack.pending == []
    scene.close()


def test_an_engine_that_outlives_its_provider_ends_the_creation(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")
    stack.program = {"a": KINDS[0]}
    assert not scene.command(stack, "up", death=Death(Victim.HOST, "done", START))
    assert stack.pending == []
    scene.close()


def test_a_creation_can_read_its_own_operation_and_those_of_earlier_runs(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack, other = scene.stack("stack"), scene.stack("other")
    other.program = {"a": KINDS[0]}
    assert scene.command(other, "up")
    stack.program = {"a": KINDS[0]}
    scene.command(stack, "up", death=Death(Victim.BOTH, "done", START))
    stack.pending.append(stack.pending[0])  # as while a second run creates it
    began_at = scene.crowd.now
    own, others = _read_by_a_process(scene, lambda: session.current().states.every_stack(stack.urn("a"), began_at))
    assert [creation.urn for creation in own.pending] == [stack.urn("a")] * 2
    assert own.pending[0].inputs["hardware_type_id"] == "NVIDIA_L4_1"
    assert (own.name, own.rows, own.read_at >= began_at) == ("stack", (), True)
    assert [(row.urn, row.instance_id, row.doomed) for row in others.rows] == [
        (other.urn("a"), other.rows[0].id, False)
    ]
    scene.close()


def test_one_reading_serves_all_who_came_before_it_began(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")

    def twice() -> tuple[float, float, float]:
        began_at = scene.crowd.now
        first = session.current().states.stack_of(stack.urn("a"), began_at).read_at
        again = session.current().states.stack_of(stack.urn("b"), began_at).read_at
        return first, again, session.current().states.stack_of(stack.urn("b"), scene.crowd.now).read_at

    first, again, later = _read_by_a_process(scene, twice)
    assert first == again < later
    scene.close()


def test_a_state_that_cannot_be_read_says_so_until_all_is_well(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")
    scene.unreadable = 1.0
    with pytest.raises(StateUnreadableError, match="the state of stack cannot be read"):
        _read_by_a_process(scene, lambda: session.current().states.stack_of(stack.urn("a")))
    scene.quiet()
    assert _read_by_a_process(scene, lambda: session.current().states.stack_of(stack.urn("a"))).name == "stack"
    scene.close()


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_process_is_told_whether_the_account_is_exclusive(theatre: Theatre, exclusive: bool) -> None:
    scene = Scene(theatre, 0, exclusive=exclusive)
    assert _read_by_a_process(scene, lambda: session.current().is_exclusive("cortecs")) is exclusive
    scene.close()


def test_names_that_change_are_in_the_urn(theatre: Theatre) -> None:
    stack = Stack("one")
    stack.name, stack.project = "two", "else"
    assert stack.urn("a").startswith("urn:pulumi:two::else::")


def test_up_replace_buys_a_new_one_and_ends_the_old(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")
    stack.program = {"a": KINDS[0], "b": KINDS[0]}
    assert scene.command(stack, "up")
    before = {row.name: row.id for row in stack.rows}
    stack.replace = {"a"}
    assert scene.command(stack, "up")
    after = {row.name: row.id for row in stack.rows}
    assert (before["a"] == after["a"], before["b"] == after["b"]) == (False, True)
    assert (set(scene.alive()), stack.replace) == (set(after.values()), set())
    scene.close()


_REFUSED = "a creation of an earlier run: {}. `pulumi-cortecs orphans --all-stacks {}`, `pulumi refresh {}`"


def test_a_refusal_without_anything_that_fits_is_wrong(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")
    stack.program = {"a": KINDS[0]}
    assert scene.command(stack, "up")
    _assert_refused(scene, stack, "b", stack.rows[0].id)
    assert [finding.wrong for finding in scene.findings] == [Wrong.REFUSED_FOR_NOTHING]
    scene.close()


@pytest.mark.parametrize(("exclusive", "wrong"), [(False, []), (True, [Wrong.REFUSED_ALONE])])
def test_refusing_for_a_pending_creation_is_wrong_in_an_exclusive_account(
    theatre: Theatre, exclusive: bool, wrong: list[Wrong]
) -> None:
    scene = Scene(theatre, 0, exclusive=exclusive)
    stack = scene.stack("stack")
    _assert_refused(scene, stack, "a", scene.foreigner(**KINDS[0]))
    assert [finding.wrong for finding in scene.findings] == wrong
    scene.close()


@pytest.mark.parametrize("way", ["adopt", "delete", "clear"])
def test_each_way_on_after_a_refusal_ends_with_one_owned_instance(theatre: Theatre, way: str) -> None:
    scene = Scene(theatre, 0)
    stack, user = scene.stack("stack"), User(scene, random.Random(0))
    stack.program = {"a": KINDS[0]}
    scene.command(stack, "up", death=Death(Victim.BOTH, "done", START))
    scene.lose_journal()
    (left,) = scene.alive()
    named = {
        "adopt": f"{left}: adopt_id",
        "delete": f"{left}: `pulumi-cortecs orphans --delete {left}`",
        "clear": f"{left}: `pulumi refresh --clear-pending-creates`",
    }
    user.follows_ways_on([Refusal(stack, "a", (left,), named[way])])
    assert (scene.counts[f"way on: {way}"], stack.pending == []) == (1, way == "clear")
    user.goes_on_with_up([stack])
    assert (scene.findings, len(scene.alive()), len(stack.rows)) == ([], 1, 1)
    assert (stack.rows[0].id == left) == (way == "adopt")
    scene.close()


def test_a_lost_journal_counts_like_any_other_round() -> None:
    assert Result(0, (Finding(Wrong.DOUBLE, "x after up"),), Counter({"journal lost": 1})).failed


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_how_often_a_journal_is_lost_can_be_said(theatre: Theatre, probability: float) -> None:
    counts = sum(
        (play(theatre, seed, Odds(lost_journal=probability, forged=0.0)).counts for seed in range(5)), Counter()
    )
    assert counts["journal lost"] == 5 * probability


def _read_by_a_process(scene: Scene, read: Callable[[], Any]) -> Any:
    """The result of a read in a provider process. Raises its error."""
    results: list[Any] = []
    host = scene.process()
    task = scene.crowd.spawn(lambda: results.append(read()), host)
    scene.crowd.join([task])
    host.end()
    if task.error is not None:
        raise task.error
    return results[0]


def _assert_refused(scene: Scene, stack: Stack, name: str, instance_id: str) -> None:
    """A creation that was refused because of an instance."""
    text = _REFUSED.format(instance_id, f"--delete {instance_id}", "--clear-pending-creates")
    inputs = {
        **dict.fromkeys(ARGUMENTS.replacing),
        "context_length": 32000,
        "billing_interval": "per_minute",
        "num_workers": 1,
    }
    scene.failed(stack, name, {**inputs, **KINDS[0]}, scene.crowd.now, text)
