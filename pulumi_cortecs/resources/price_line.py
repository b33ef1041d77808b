"""One line per run with the hourly cost of all that the program declares: `5 instances, 6.00 EUR/h`.

It is said by the program, because a provider cannot: it sees one resource at a time, and its process ends with its last
answer. The CLI shows the line under Diagnostics, above the question of `pulumi up`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
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
        self._quotes: list[tuple[str, pulumi.Output[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, noun: str, quote: pulumi.Output[Any]) -> None:
        """Counts a resource, an "instance" or a "volume", with its quote."""
        self._quotes.append((noun, quote))
        if self._task is None or self._task.done():
            # not an output, for which the program would wait: whatever happens here, the program ends
            self._task = asyncio.ensure_future(self._report())

    async def _report(self) -> None:
        """Says the line when nothing of Pulumi's is left that could declare a further resource."""
        while running := [task for task in asyncio.all_tasks() if task is not self._task and _is_awaited(task)]:
            await asyncio.wait(running)
        rows = [(noun, await _value(quote)) for noun, quote in self._quotes]
        with suppress(Exception):  # the engine may be gone, and nothing depends on the line
            pulumi.log.info(line(rows))


def count(noun: str, quote: pulumi.Output[Any]) -> None:
    """Counts a resource of the running program in its line; nothing in tests with mocks."""
    engine: Any = get_engine()
    if engine is None or isinstance(engine, MockEngine):
        return
    with suppress(RuntimeError):  # no event loop: no program is running
        loop = asyncio.get_running_loop()
        _lines.setdefault(loop, PriceLine()).add(noun, quote)


def line(rows: Iterable[tuple[str, Any]]) -> str:
    """The line for resources and their quotes, None for an unknown one."""
    nouns, unpriced = Counter[str](), 0
    ceilings, floors = dict[str, Decimal](), dict[str, Decimal]()
    for noun, quote in rows:
        nouns[noun] += 1
        try:
            stopped = "while_stopped" in quote
            most = Decimal(0) if stopped else Decimal(quote["hourly_total"])
            least = Decimal(0) if stopped else Decimal(quote.get("hourly_min", most))
            currency = str(quote["currency"])
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            unpriced += 1
            continue
        ceilings[currency] = ceilings.get(currency, Decimal(0)) + most
        floors[currency] = floors.get(currency, Decimal(0)) + least
    counts = " and ".join(f"{number} {noun}{'s' * (number > 1)}" for noun, number in nouns.items())
    sums = [_sum_text(floors[currency], ceilings[currency], currency) for currency in sorted(ceilings)]
    rest = [f"{unpriced} not priced yet"] if unpriced else []
    return ", ".join([counts, " and ".join([*sums, *rest])])


def _sum_text(floor: Decimal, ceiling: Decimal, currency: str) -> str:
    from pulumi_cortecs.cost.money import Money  # imported only for a program that has a price

    least = "" if floor == ceiling else f"{Money(floor, currency).decimal_string()} to "
    return f"{least}{Money(ceiling, currency)}/h"


async def _value(quote: pulumi.Output[Any]) -> Mapping[str, Any] | None:
    try:
        is_known = await quote.is_known()
        value = await quote.future() if is_known else None
    except Exception:  # its resource has failed, which the CLI shows
        return None
    return value if isinstance(value, Mapping) else None


def _is_awaited(task: asyncio.Task[Any]) -> bool:
    """Returns whether the program ends only after this task: a registration, or an output."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    module = "" if frame is None else str(frame.f_globals.get("__name__"))
    return module.startswith("pulumi.") and module != _PROGRAM


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, PriceLine] = WeakKeyDictionary()
"""By the event loop: each program, also an inline one, has its own."""
