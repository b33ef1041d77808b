"""The part of its call stack that a registered resource leaves in the state.

Pulumi's SDK sends the whole stack with each resource, down to the interpreter's start, and the engine writes it again
at every step of an `up`. A reader needs the newest frames only. Declared at a program's top level, an Instance's row
has 2,960 bytes with the whole stack and 1,819 with two frames, an Endpoint's 3,229 and 1,705 without any: two fifths of
both (`tests/engine/test_row_size.py` holds the bound).

The SDK has no option for that, so the one function that collects the frames is wrapped. The limit is a context
variable: it holds for the resource that is being constructed, in no other thread and for no other resource. Where the
SDK has no such function any more, rows are longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from pulumi.runtime import resource as _sdk

USER_FRAMES: Final = 2
"""The line of our constructor, which the SDK takes for the resource's position, and the user's line that called it."""

NO_FRAMES: Final = 0
"""For an Endpoint: the Instance's row says where both are from."""

_limit: ContextVar[int | None] = ContextVar("pulumi_cortecs_stack_trace", default=None)


@contextmanager
def limited_stack_trace(newest: int) -> Iterator[None]:
    """A block in which a resource that is registered leaves at most `newest` frames."""
    token = _limit.set(newest)
    try:
        yield
    finally:
        _limit.reset(token)


def _limited(collect: Callable[[], Any]) -> Callable[[], Any]:
    """The SDK's function, and what exceeds the limit cut off its result."""

    @wraps(collect)
    def collect_newest() -> Any:
        trace = collect()
        if (limit := _limit.get()) is not None:
            del trace.frames[limit:]
        return trace

    return collect_newest


if hasattr(_sdk, "_get_stack_trace"):
    _sdk._get_stack_trace = _limited(_sdk._get_stack_trace)
