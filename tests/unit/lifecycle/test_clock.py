"""Real clocks: time moves forward, and one kind of sleep can be ended from outside."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pulumi_cortecs.lifecycle.clock import Clock, InterruptedWaitError, InterruptibleClock, SystemClock


@pytest.mark.parametrize(
    "clock", [SystemClock(), InterruptibleClock(threading.Event())], ids=["plain", "interruptible"]
)
def test_sleeping_lets_time_pass(clock: Clock) -> None:
    before = clock.now()
    clock.sleep(0.01)
    assert 0.01 <= clock.now() - before < 5
    clock.sleep(-1)  # a deadline that is over already


def test_whoever_sleeps_is_woken_by_an_interruption() -> None:
    interrupted = threading.Event()
    clock = InterruptibleClock(interrupted)
    with ThreadPoolExecutor(4) as pool:
        sleepers = [pool.submit(clock.sleep, 60) for _ in range(4)]
        interrupted.set()
        for sleeper in sleepers:
            with pytest.raises(InterruptedWaitError):
                sleeper.result(timeout=10)
    with pytest.raises(InterruptedWaitError):
        clock.sleep(0)  # and every further sleep ends at once
