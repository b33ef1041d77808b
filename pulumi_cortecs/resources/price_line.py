"""One line per run with the hourly cost of all that the program declares: `5 instances, 6.00 EUR/h`.

It is said by the program, because a provider cannot: it sees one resource at a time, and its process ends with its last
answer. The CLI shows the line under Diagnostics, above the question of `pulumi up`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.settings import get_engine

_PROGRAM: Final = "pulumi.runtime.stack"
"""The module of the program's own task, which waits for all others."""


class PriceLine:
    """The quotes of one program."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, pulumi.Output[Any], pulumi.Output[Any] | None]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, noun: str, quote: pulumi.Output[Any], state: pulumi.Output[Any] | None) -> None:
        """Counts a resource, an "instance" or a "volume", with its quote and its `state`, None if it has none."""
        self._rows.append((noun, quote, state))
        if self._task is None or self._task.done():
            # not an output, for which the program would wait: whatever happens here, the program ends
            self._task = asyncio.ensure_future(self._report())

    async def _report(self) -> None:
        """Says the line when nothing of Pulumi's is left that could declare a further resource."""
        while running := [task for task in asyncio.all_tasks() if task is not self._task and _is_awaited(task)]:
            await asyncio.wait(running)
        rows = [(noun, await _value(quote), await _value(state)) for noun, quote, state in self._rows]
        with suppress(Exception):  # the engine may be gone, and nothing depends on the line
            pulumi.log.info(line(rows))


def count(noun: str, quote: pulumi.Output[Any], state: pulumi.Output[Any] | None = None) -> None:
    """Counts a resource of the running program in its line; nothing in tests with mocks."""
    engine: Any = get_engine()
    if engine is None or isinstance(engine, MockEngine):
        return
    with suppress(RuntimeError):  # no event loop: no program is running
        loop = asyncio.get_running_loop()
        _lines.setdefault(loop, PriceLine()).add(noun, quote, state)


def line(rows: Iterable[tuple[str, Any, Any]]) -> str:
    """The line for resources with their quotes and states, None for an unknown one. It counts what is billed."""
    from pulumi_cortecs.cost.quote import costs_nothing  # imported only for a program that has a price

    nouns, unpriced, stopped = Counter[str](), 0, 0
    ceilings, floors = dict[str, Decimal](), dict[str, Decimal]()
    for noun, quote, state in rows:
        nouns[noun] += 1
        is_free = costs_nothing(state)
        stopped += is_free
        try:
            most = Decimal(0) if is_free else Decimal(quote["hourly_total"])
            least = Decimal(0) if is_free else Decimal(quote.get("hourly_min", most))
            currency = str(quote["currency"])
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            unpriced += 1
            continue
        ceilings[currency] = ceilings.get(currency, Decimal(0)) + most
        floors[currency] = floors.get(currency, Decimal(0)) + least
    counts = " and ".join(f"{number} {noun}{'s' * (number > 1)}" for noun, number in nouns.items())
    sums = [_sum_text(floors[currency], ceilings[currency], currency) for currency in sorted(ceilings)]
    rest = [f"{unpriced} not priced yet"] if unpriced else []
    return ", ".join([counts, " and ".join([*sums, *rest])]) + (f"; {stopped} stopped" if stopped else "")


def _sum_text(floor: Decimal, ceiling: Decimal, currency: str) -> str:
    from pulumi_cortecs.cost.money import Money

    least = "" if floor == ceiling else f"{Money(floor, currency).decimal_string()} to "
    return f"{least}{Money(ceiling, currency)}/h"


async def _value(output: pulumi.Output[Any] | None) -> Any:
    """The value; None for an unknown one."""
    try:
        return await output.future() if output is not None and await output.is_known() else None
    except Exception:  # its resource has failed, which the CLI shows
        return None


def _is_awaited(task: asyncio.Task[Any]) -> bool:
    """Returns whether the program ends only after this task: a registration, or an output."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    module = "" if frame is None else str(frame.f_globals.get("__name__"))
    return module.startswith("pulumi.") and module != _PROGRAM


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, PriceLine] = WeakKeyDictionary()
"""By the event loop: each program, also an inline one, has its own."""
