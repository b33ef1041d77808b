"""The output for a person who waits: a line per step, and signs of life in long ones, for logs that look dead."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

#: Called by whatever waits, as often as it likes; prints now and then.
Heartbeat = Callable[[], None]


@dataclass(frozen=True)
class Progress:
    """Lines on `stream` (stderr: stdout holds nothing but the path)."""

    stream: TextIO
    beat: float = 20.0  # seconds between two signs of life
    clock: Callable[[], float] = time.monotonic

    def say(self, line: str) -> None:
        print(f"engine: {line}", file=self.stream, flush=True)

    def heartbeat(self, text: str) -> Heartbeat:
        """A function that says `text ... 40s` whenever another `beat` seconds have gone by."""
        start = self.clock()
        last_line = start

        def maybe_say() -> None:
            nonlocal last_line
            now = self.clock()
            if now - last_line >= self.beat:
                last_line = now
                self.say(f"{text} ... {now - start:.0f}s")

        return maybe_say


@dataclass
class Steps:
    """A known number of steps, counted as they begin."""

    progress: Progress
    total: int
    started: int = field(default=0, init=False)

    @contextmanager
    def step(self, text: str) -> Iterator[Heartbeat]:
        """Announces a step, and says how long it took if that was a second or more. One that fails says no more."""
        self.started += 1
        label = f"[{self.started}/{self.total}]"
        start = self.progress.clock()
        self.progress.say(f"{label} {text}")
        yield self.progress.heartbeat(f"{label} {text}")
        took = self.progress.clock() - start
        if took >= 1:
            self.progress.say(f"{label} done in {took:.0f}s")
