"""Threads that take turns in virtual time: one runs at a time, the one whose wait ends first, so that any interleaving
can be played again from its seed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

_PATIENCE = 60.0


class Turns:
    """The virtual time of some threads."""

    def __init__(self) -> None:
        self._now = 0.0
        self._wakes: dict[int, float] = {}
        self._changed = threading.Condition()
        self._running: int | None = None

    def now(self) -> float:
        """Virtual seconds."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Lets the others run for so long."""
        me = threading.get_ident()
        with self._changed:
            self._wakes[me] = self._now + seconds
            self._next()
            if not self._changed.wait_for(lambda: self._running == me, _PATIENCE):
                raise TimeoutError("no turn")

    def play(self, runs: Sequence[Callable[[], None]]) -> None:
        """Runs all to their ends. Raises the first error of any."""
        errors: list[BaseException] = []
        here = threading.Barrier(len(runs) + 1)

        def play_one(run: Callable[[], None]) -> None:
            with self._changed:
                self._wakes[threading.get_ident()] = 0.0
            here.wait(_PATIENCE)
            try:
                self._start()
                run()
            except BaseException as error:
                errors.append(error)
            finally:
                with self._changed:
                    self._next()

        threads = [threading.Thread(target=play_one, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        here.wait(_PATIENCE)
        with self._changed:
            self._next()
        for thread in threads:
            thread.join(_PATIENCE)
        if errors:
            raise errors[0]

    def _start(self) -> None:
        me = threading.get_ident()
        with self._changed:
            if not self._changed.wait_for(lambda: self._running == me, _PATIENCE):
                raise TimeoutError("no turn")

    def _next(self) -> None:
        """Gives the turn to the thread that wakes first."""
        self._running = min(self._wakes, key=lambda thread: self._wakes[thread], default=None)
        if self._running is not None:
            self._now = max(self._now, self._wakes.pop(self._running))
        self._changed.notify_all()
