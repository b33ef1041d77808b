"""What a host process of ours does beyond the ordinary: it waits with many threads, hears the first ^C, and ends with
its engine. Like host.py this leans on internals of Pulumi's host; each piece says whether it could be done, and without
it the process is an ordinary one: four calls at a time, the second ^C, an end when somebody ends it."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from pulumi_cortecs._engine_watch import when_gone

THREADS: Final = 64
_GRACE: Final = 1800.0
"""Seconds, far above the longest that a purchase, the search for its lost answer and its undoing can take together.

Each has limits of its own, and an end in the middle would leave something running that no state knows.
"""

_METHODS: Final = frozenset({"Check", "Diff", "Create", "Read", "Update", "Delete"})

interrupted = threading.Event()
"""Set when the user wants no more waiting: at the first ^C, or when the engine is gone."""

_lock = threading.Lock()
_calls = 0
_none_left = threading.Condition(_lock)


def take_over(switched_off: str = "") -> dict[str, bool]:
    """Does all three, from within a call of the host; which of them could be done. `switched_off` names some, with
    commas between, that are left alone (PULUMI_CORTECS_HOST_WITHOUT, for tests of the fallbacks)."""
    without = {name.strip() for name in switched_off.split(",")}
    pieces: dict[str, Callable[[], bool]] = {
        "pool": widen_pool,
        "interrupt": hear_interrupts,
        "engine": end_with_engine,
    }
    return {name: name not in without and piece() for name, piece in pieces.items()}


@functools.cache
def taken_over() -> dict[str, bool]:
    """What could be done for this process, done at the first asking."""
    return take_over(os.environ.get("PULUMI_CORTECS_HOST_WITHOUT", ""))


def widen_pool() -> bool:
    """Lets the host serve more calls at once, so that instances that take long hold nobody else."""
    arguments: Any = getattr(threading.current_thread(), "_args", ())
    try:
        executor = arguments[0]()  # a worker thread is started with a weak reference to its executor
        if executor._max_workers < THREADS:
            executor._max_workers = THREADS
            for _ in range(executor._work_queue.qsize()):  # threads begin with a new call only, and these wait already
                executor._adjust_thread_count()
    except (AttributeError, IndexError, TypeError):
        return False
    return True


def hear_interrupts() -> bool:
    """Makes the host's Cancel, which the engine calls at the first ^C, end the waits."""
    cancel: Any = getattr(type(_servicer()), "Cancel", None)
    try:
        # gRPC keeps the method that it was given at the start: a new function on the class would never be called
        cancel.__code__ = _cancel.__code__
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def end_with_engine() -> bool:
    """Ends this process when the engine is gone, but never in the middle of a call: a purchase is undone first."""
    return when_gone(sys.argv[-1] if len(sys.argv) > 1 else "", _end_when_idle)


class InCall:
    """Counts a call while it is served: `with InCall(): ...`."""

    def __enter__(self) -> None:
        global _calls
        with _lock:
            _calls += 1

    def __exit__(self, *_: object) -> None:
        global _calls
        with _lock:
            _calls -= 1
            _none_left.notify_all()


def _end_when_idle() -> None:
    interrupted.set()
    with _none_left:
        _none_left.wait_for(lambda: _calls == 0, timeout=_GRACE)
    os._exit(0)  # the host's main thread waits for ever, and nobody is left to tell it to end


def _servicer() -> object:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in _METHODS and "self" in frame.f_locals and "request" in frame.f_locals:
            return frame.f_locals["self"]
        frame = frame.f_back
    return None


def _cancel(self, request, context):  # type: ignore[no-untyped-def]
    """The body that the host's Cancel gets; it can use nothing of this module but by importing."""
    from google.protobuf import empty_pb2

    from pulumi_cortecs.provider.process import interrupted

    interrupted.set()
    return empty_pb2.Empty()
