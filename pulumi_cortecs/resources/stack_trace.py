"""The part of a resource's call stack that the state keeps.

Pulumi's SDK sends the whole stack with each resource, down to the interpreter's start, and the engine writes it again
at every step of an `up`. A reader needs the newest frames only. Declared at a program's top level, an Instance's row
has 2,960 bytes with the whole stack and 1,819 with two frames, an Endpoint's 3,229 and 1,705 without any: two fifths of
both (`tests/engine/test_row_size.py` holds the bound).

The SDK has no option for this, so the function that collects the frames is wrapped. The limit is a context variable: it
applies only to the resource that is being constructed, and to no other thread. With an SDK that lacks this function,
rows are longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from pulumi.runtime import resource as _sdk

USER_FRAMES: Final = 2
"""Two frames: the line of the constructor, which the SDK records as the resource's position, and the user's line that
called it."""

NO_FRAMES: Final = 0
"""No frames, for an Endpoint: the Instance's row has the position of both."""

_limit: ContextVar[int | None] = ContextVar("pulumi_cortecs_stack_trace", default=None)


@contextmanager
def limited_stack_trace(newest: int) -> Iterator[None]:
    """A block in which a registered resource keeps at most `newest` frames."""
    token = _limit.set(newest)
    try:
        yield
    finally:
        _limit.reset(token)


def _limited(collect: Callable[[], Any]) -> Callable[[], Any]:
    """The SDK's function, with its result cut to the limit."""

    @wraps(collect)
    def collect_newest() -> Any:
        trace = collect()
        if (limit := _limit.get()) is not None:
            del trace.frames[limit:]
        return trace

    return collect_newest


if hasattr(_sdk, "_get_stack_trace"):
    _sdk._get_stack_trace = _limited(_sdk._get_stack_trace)
