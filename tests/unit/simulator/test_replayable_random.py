"""Chance that can be gone on with."""

from __future__ import annotations

from pulumi_cortecs.simulator.world import ReplayableRandom


def test_a_new_source_goes_on_where_the_last_one_was() -> None:
    whole, broken = {"seed": 7}, {"seed": 7}
    uninterrupted = ReplayableRandom("ids", whole)
    assert [uninterrupted.random() for _ in range(6)] == [ReplayableRandom("ids", broken).random() for _ in range(6)]


def test_seeds_and_names_tell_sources_apart() -> None:
    firsts = {ReplayableRandom(name, {"seed": seed}).bytes16() for name in ("ids", "chances") for seed in range(50)}
    assert len(firsts) == 100


def test_one_source_does_not_disturb_another() -> None:
    tally = {"seed": 1}
    undisturbed = ReplayableRandom("ids", {"seed": 1}).bytes16()
    ReplayableRandom("chances", tally).random()
    assert ReplayableRandom("ids", tally).bytes16() == undisturbed


def test_chances_are_spread_evenly() -> None:
    chance = ReplayableRandom("chances", {"seed": 3})
    drawn = [chance.random() for _ in range(2000)]
    assert all(0 <= number < 1 for number in drawn)
    assert 0.47 < sum(drawn) / len(drawn) < 0.53
    assert 150 < sum(number < 0.1 for number in drawn) < 250
