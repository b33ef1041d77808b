"""Long steps give signs of life, short ones do not chatter."""

from __future__ import annotations

from io import StringIO

from tools.engine.progress import Progress, Steps


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_long_step_says_so_every_beat_and_how_long_it_took() -> None:
    clock, log = Clock(), StringIO()
    steps = Steps(Progress(log, beat=20, clock=clock), total=7)
    with steps.step("building") as heartbeat:
        for _ in range(50):
            clock.now += 1
            heartbeat()
    assert log.getvalue().splitlines() == [
        "engine: [1/7] building",
        "engine: [1/7] building ... 20s",
        "engine: [1/7] building ... 40s",
        "engine: [1/7] done in 50s",
    ]


def test_a_short_step_is_one_line() -> None:
    clock, log = Clock(), StringIO()
    steps = Steps(Progress(log, clock=clock), total=2)
    for text in ("first", "second"):
        with steps.step(text) as heartbeat:
            clock.now += 0.9
            heartbeat()
    assert log.getvalue().splitlines() == ["engine: [1/2] first", "engine: [2/2] second"]
