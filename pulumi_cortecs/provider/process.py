"""Three additions to Pulumi's host process: it serves many calls at once, ends its waits at the first ^C, and exits
with its engine. Like host.py this depends on internals of Pulumi's host. Each piece reports whether it could be
installed; without it the process is an ordinary one: four calls at a time, waits that end at the second ^C, a process
that lives until the engine kills it."""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any, Final

from pulumi_cortecs._engine_watch import watch_engine

THREADS: Final = 64
_GRACE: Final = 1800.0
"""Seconds: far more than a purchase, the search for its lost answer and its undoing can take together.

Each has limits of its own, and an exit in the middle of them would leave an instance running that no state knows.
"""

_METHODS: Final = frozenset({"Check", "Diff", "Create", "Read", "Update", "Delete"})

interrupted = threading.Event()
"""Set when waits are to end: at the first ^C, or when the engine is gone."""

_lock = threading.Lock()
_call_count = 0
_idle = threading.Condition(_lock)


def install(switched_off: str = "") -> dict[str, bool]:
    """Installs all three pieces, from within a call of the host, and returns which of them could be. `switched_off`
    names those to leave alone, separated by commas (PULUMI_CORTECS_HOST_WITHOUT, for tests of the fallbacks)."""
    without = {name.strip() for name in switched_off.split(",")}
    pieces: dict[str, Callable[[], bool]] = {
        "pool": grow_thread_pool,
        "interrupt": handle_cancel,
        "engine": exit_with_engine,
    }
    return {name: name not in without and piece() for name, piece in pieces.items()}


@functools.cache
def install_once() -> dict[str, bool]:
    """Calls `install` once per process, with the environment's switches."""
    return install(os.environ.get("PULUMI_CORTECS_HOST_WITHOUT", ""))


def grow_thread_pool() -> bool:
    """Lets the host serve more calls at once: an instance that boots for long does not block the others."""
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


def handle_cancel() -> bool:
    """Makes the host's Cancel, which the engine calls at the first ^C, end the waits."""
    frame = find_method_frame()
    servicer = frame.f_locals.get("self") if frame is not None else None
    cancel: Any = getattr(type(servicer), "Cancel", None)
    try:
        # gRPC keeps the method that it was given at the start: a new function on the class would never be called
        cancel.__code__ = _cancel.__code__
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def exit_with_engine() -> bool:
    """Exits when the engine is gone, but never in the middle of a call: a purchase is undone first."""
    return watch_engine(engine_address(), _exit_when_idle)


@functools.cache
def preload(cloud: str) -> None:
    """Imports the modules that calls need, except the vendor's client with pydantic: the first request imports it, and
    a preview without changes sends none. A deletion needs the client (`cloud` is the package of the cloud), and the
    state of its stack, which the CLI reads meanwhile."""
    frame = find_method_frame()
    deletes = frame is not None and frame.f_code.co_name == "Delete"
    with quick_imports():
        if frame is not None and deletes:
            session: Any = import_module("pulumi_cortecs.provider.session")
            session.current().read_rows_ahead(str(getattr(frame.f_locals["request"], "urn", "")))
        for module in ("endpoint", "instance", "instance_check"):
            import_module(f"pulumi_cortecs.provider.{module}")
        if deletes:
            import_module(f"{cloud}.cloud")


@contextmanager
def quick_imports() -> Iterator[None]:
    """A block of many imports, for which the engine's first call waits: without garbage collection, for nothing of what
    is imported is garbage, and without httpx's own command line, which imports rich (docs/performance.md). Only a host
    process is changed: a user's program, which asks data sources, keeps its collector as it is.
    """
    if find_method_frame() is None:
        yield
        return
    modules: dict[str, Any] = sys.modules
    modules.setdefault("httpx._main", None)  # httpx works without this module
    count = len(modules)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    if len(modules) > count:  # frozen garbage is never freed: a process that opens many accounts would grow for ever
        gc.freeze()


def engine_address() -> str:
    """The address ("127.0.0.1:4000") of the engine that has started this host, or ""."""
    return sys.argv[-1] if len(sys.argv) > 1 else ""


def find_method_frame() -> FrameType | None:
    """The frame of the host's gRPC method that this thread serves; None outside of a host."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in _METHODS and {"request", "context"} <= frame.f_locals.keys():
            return frame
        frame = frame.f_back
    return None


class TrackedCall:
    """Counts a call while it runs: `with TrackedCall(): ...`."""

    def __enter__(self) -> None:
        global _call_count
        with _lock:
            _call_count += 1

    def __exit__(self, *_: object) -> None:
        global _call_count
        with _lock:
            _call_count -= 1
            _idle.notify_all()


def _exit_when_idle() -> None:
    interrupted.set()
    with _idle:
        _idle.wait_for(lambda: _call_count == 0, timeout=_GRACE)
    os._exit(0)  # the host's main thread waits for ever, and the engine that would stop it is gone


def _cancel(self, request, context):  # type: ignore[no-untyped-def]
    """The body that the host's Cancel gets; it can use nothing of this module but by importing."""
    from google.protobuf import empty_pb2

    from pulumi_cortecs.provider.process import interrupted

    interrupted.set()
    return empty_pb2.Empty()
