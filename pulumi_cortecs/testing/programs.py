"""Runs a Pulumi program under mocks from its first line to its last output, and cleans up after it.

Pulumi's `set_mocks` works on the whole process. It leaves event loops open (a ResourceWarning each), settings that the
next test inherits, and outputs that a test has to await. Here a program has its own thread, context and event loop,
which end with it.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pulumi
from pulumi import runtime
from pulumi.runtime.settings import set_root_resource

_THREADS: Final = 4


def run_program(
    mocks: runtime.Mocks,
    program: str | Path | Callable[[], Any],
    *,
    config: Mapping[str, str] | None,
    project: str,
    stack: str,
) -> dict[str, Any]:
    """The exports of the program, as plain values. Raises the program's exceptions. May be called from within an event
    loop."""
    steps = program if callable(program) else _steps_in(Path(program))

    def work() -> dict[str, Any]:
        runtime.configure(runtime.Settings(project=project, stack=stack))
        if config is not None:
            runtime.set_all_config(dict(config))
        with _event_loop() as loop:
            runtime.set_mocks(mocks, project=project, stack=stack, preview=False)
            # run_in_stack makes its own loop, and also serves the async programs of newer SDKs
            set_root_resource(None)  # type: ignore[arg-type]
            return loop.run_until_complete(_exports_of(steps))

    with ThreadPoolExecutor(1, "pulumi-program") as thread:
        return thread.submit(contextvars.copy_context().run, work).result()


async def _exports_of(steps: Callable[[], Any]) -> dict[str, Any]:
    roots: list[Any] = []

    async def inside() -> None:
        roots.append(runtime.get_root_resource())
        returned = steps()
        if inspect.isawaitable(returned):
            returned = await returned
        if isinstance(returned, Mapping):
            for name, value in returned.items():
                pulumi.export(name, value)

    await runtime.run_in_stack(inside)
    return await pulumi.Output.from_input(roots[0].outputs).future() or {}


@contextmanager
def _event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """This thread's loop. Pulumi's mocks make one for each thread that they register resources in, and close none."""
    loops = [asyncio.new_event_loop()]
    asyncio.set_event_loop(loops[0])
    # run_in_stack raises a failure once; asyncio would print it again for each dependent output
    loops[0].set_exception_handler(lambda _loop, _context: None)

    def begin() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    registering = ThreadPoolExecutor(_THREADS, "pulumi-mocks", initializer=begin)
    loops[0].set_default_executor(registering)
    try:
        yield loops[0]
    finally:
        _cancel_all(loops[0])
        registering.shutdown()
        asyncio.set_event_loop(None)
        for loop in loops:
            loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that a failed program left; the loop would complain about each."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))


def _steps_in(path: Path) -> Callable[[], None]:
    file = (path / "__main__.py" if path.is_dir() else path).resolve()

    def steps() -> None:
        with _at_home(file.parent):
            runpy.run_path(str(file), run_name="__main__")

    return steps


@contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    """A block in which the program finds its files and modules as under Pulumi; the next run imports its modules
    again."""
    before, modules = os.getcwd(), set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        os.chdir(before)
        for name in sys.modules.keys() - modules:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and folder in Path(origin).parents:
                del sys.modules[name]
