"""The life cycle under attack, without an engine: whatever is interleaved, killed or lost, the books agree."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.cortecs import judged
from pulumi_cortecs.simulator.faults import FaultKind
from tests.stateful.breaks import BREAKS, NEEDED
from tests.stateful.engine import Stack
from tests.stateful.playing import theatre_in
from tests.stateful.rounds import DEATHS, DRAWN, KINDS, QWEN, most_of, parameters, played
from tests.stateful.scene import Death, Scene, Theatre, Victim
from tests.stateful.user import User
from tests.stateful.wire import START

_ROUNDS = 80
_ROUNDS_UNTIL_CAUGHT = 100
_ROUNDS_ALIKE = 80
_NAMES = ("a", "b", "c")

_kinds = st.sampled_from(KINDS)
_which = st.integers(0, 1)
_deaths = st.none() | st.builds(
    lambda victim, when, number: Death(victim, when[0], when[1], number),
    st.sampled_from(Victim),
    st.sampled_from(DEATHS),
    st.integers(1, 4),
)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    """Where rounds are played."""
    with theatre_in(tmp_path) as made:
        yield made


class LifeCycle(RuleBasedStateMachine):
    """Two stacks in an account in which somebody else has an instance, too."""

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

    @rule(kind=st.sampled_from(DRAWN), probability=st.sampled_from((0.05, 0.2, 0.5)), seed=st.integers(0, 99))
    def goes_wrong(self, kind: FaultKind, probability: float, seed: int) -> None:
        self.scene.fault(kind, min(probability, most_of(kind)), **parameters(kind, random.Random(seed)))

    @rule()
    def goes_well_again(self) -> None:
        self.scene.quiet()

    @rule(seconds=st.sampled_from((0.1, 1.0, 5.0, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self.scene.passes(seconds)

    @rule(which=st.integers(0, 5), vanishes=st.booleans())
    def somebody_meddles(self, which: int, vanishes: bool) -> None:
        ids = sorted(self.scene.alive())
        if ids:
            cloud = self.scene.cloud
            (cloud.vanish if vanishes else cloud.stop_from_outside)(ids[which % len(ids)])

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert self.scene.findings == []

    def teardown(self) -> None:
        """However it went: an `up` gets there, and nothing is left after `destroy` and `orphans --delete`."""
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


def test_rounds_that_follow_from_their_seeds_leave_nothing_behind(theatre: Theatre) -> None:
    results = [played(theatre, seed) for seed in range(_ROUNDS)]
    assert [result.line() for result in results if result.failed] == []


def test_what_a_killed_run_ordered_alike_is_taken_once_each(theatre: Theatre) -> None:
    wrong = []
    for seed in range(_ROUNDS_ALIKE):
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


@pytest.mark.parametrize("name", BREAKS)
def test_a_protection_that_is_switched_off_is_noticed(tmp_path: Path, name: str) -> None:
    with theatre_in(tmp_path, name) as theatre:
        assert any(played(theatre, seed, NEEDED.get(name)).failed for seed in range(_ROUNDS_UNTIL_CAUGHT))


def test_a_round_can_be_had_again(theatre: Theatre) -> None:
    played(theatre, 1)
    first, again = played(theatre, 0), played(theatre, 0)
    assert first == again


def test_a_new_process_knows_nothing_of_another(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    one, other = (scene._host(machine, None) for machine in range(2))
    one.enter()
    accounts.account()
    judged.remember("some urn", {})
    other.enter()
    assert (accounts._accounts, judged.of("some urn")) == ({}, None)
    one.enter()
    assert judged.of("some urn") is not None
    scene.close()
