from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pulumi_cortecs.simulator.clock import VirtualClock

NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)


class RealTime:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def real() -> RealTime:
    return RealTime()


def elapsed(clock: VirtualClock) -> float:
    return (clock.now() - NOON).total_seconds()


def test_a_real_second_makes_speed_virtual_ones(real: RealTime) -> None:
    clock = VirtualClock(60, start=NOON, monotonic=real)
    real.seconds += 2
    assert elapsed(clock) == 120


def test_a_new_speed_does_not_change_what_has_passed(real: RealTime) -> None:
    clock = VirtualClock(10, start=NOON, monotonic=real)
    real.seconds += 1
    clock.run_at(100)
    assert elapsed(clock) == 10
    real.seconds += 1
    assert elapsed(clock) == 110


def test_a_paused_clock_moves_by_steps_only(real: RealTime) -> None:
    clock = VirtualClock(start=NOON, monotonic=real)
    real.seconds += 5
    clock.pause()
    real.seconds += 1000
    clock.advance(2.5)
    assert elapsed(clock) == 7.5
    clock.resume()
    real.seconds += 1
    assert elapsed(clock) == 8.5


def test_pausing_twice_loses_no_time(real: RealTime) -> None:
    clock = VirtualClock(start=NOON, monotonic=real)
    clock.pause()
    real.seconds += 10
    clock.pause()
    clock.resume()
    assert elapsed(clock) == 0


def test_times_are_whole_milliseconds(real: RealTime) -> None:
    clock = VirtualClock(start=NOON, monotonic=real)
    clock.advance(60.0004)
    assert clock.now() == NOON + timedelta(seconds=60)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e15])
def test_impossible_steps_are_refused(seconds: float, real: RealTime) -> None:
    clock = VirtualClock(start=NOON, monotonic=real)
    with pytest.raises(ValueError, match=r"forward|calendar"):
        clock.advance(seconds)
    assert elapsed(clock) == 0


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_impossible_speeds_are_refused(speed: float, real: RealTime) -> None:
    with pytest.raises(ValueError, match="positive"):
        VirtualClock(speed, monotonic=real)
    clock = VirtualClock(7, monotonic=real)
    with pytest.raises(ValueError, match="positive"):
        clock.run_at(speed)
    assert clock.speed == 7
