"""Purchases while prices move: before, between and after the three questions (preview, check, order). What is bought
must cost no more than was shown, or the difference must be reported."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from unittest import mock

from tests.acme import api as acme
from tests.clouds.case import MARKET, START, CloudCase
from tests.promises.boots import Tally
from tests.promises.stage import Stage, stage

CENTS: Final = (48, 54, 60, 60, 66, 72, 120)
"""Prices per hour, which sixty minutes divide."""
DAY: Final = 86_400.0


class _Market:
    """The price of what is bought here, in cents per hour; `move` draws another one."""

    def __init__(self, staged: Stage, chance: random.Random) -> None:
        self._stage, self._chance = staged, chance
        self.cents = 60
        self.set(60)

    def set(self, cents: int) -> None:
        self.cents = cents
        self._stage.cloud.reprice(cents)

    def move(self, probability: float) -> None:
        """Moves the price, or not."""
        if self._chance.random() < probability:
            self.set(self._chance.choice(CENTS))


def play(case: CloudCase, directory: Path, seed: int, purchases: int, *, until_wrong: bool = False) -> Tally:
    """Plays `purchases` purchases, each of which follows from the seed and its number;
    `until_wrong`: not further than to the first that is wrong."""
    tally = Tally()
    with stage(case, directory) as staged, _own_plans():
        for number in range(purchases):
            chance = random.Random(f"{seed} {number}")
            outcome, wrong = _play(staged, f"n{number}", chance)
            tally.outcomes[outcome] += 1
            tally.wrong += [f"seed {seed}, purchase {number}: {text}" for text in wrong]
            if until_wrong and tally.wrong:
                break
    return tally


@contextmanager
def _own_plans() -> Iterator[None]:
    with mock.patch.dict(acme.PLANS):
        yield


def _play(staged: Stage, name: str, chance: random.Random) -> tuple[str, list[str]]:
    market = _Market(staged, chance)
    market.set(chance.choice(CENTS))
    tolerance, most = chance.choice((0, 0, 0, 10, 25)), chance.choice((None, None, 60, 72))
    program: dict[str, Any] = dict(staged.case.programs[0])
    if tolerance:
        program["price_tolerance"] = tolerance
    if most is not None:
        program["max_price"] = f"{Decimal(most) / 100} {staged.case.currency}"
    shown, words = None, f"tolerance {tolerance}, max_price {most}"
    for _ in range(chance.choice((0, 1, 1, 2))):  # previews
        staged.new_process()
        refused = staged.call("Check", staged.urn(name), olds={}, news=program).failures
        if not refused:
            shown = market.cents
        waited = chance.choice((10.0, 10.0, 3600.0, DAY + 60))
        staged.clock.advance(waited)
        shown = None if waited > DAY else shown
        market.move(0.4)
    staged.new_process()
    checked = staged.call("Check", staged.urn(name), olds={}, news=program)
    if checked.failures:
        too_dear = most is not None and market.cents > most
        return "refused by check", [] if too_dear else [f"refused by check at {market.cents}: {words}"]
    shown = market.cents if shown is None else shown
    if chance.random() < 0.3:  # another resource of the same process is bought before it
        staged.cloud.vanish(staged.buy(f"{name}-first", {**staged.case.programs[0], "price_tolerance": 1000}).id)
    market.move(0.3)
    staged.clock.advance(chance.choice((6.0, 8.0, 20.0)))
    return _order(staged, name, market, chance, checked.inputs, shown, tolerance, most)


def _order(
    staged: Stage,
    name: str,
    market: _Market,
    chance: random.Random,
    inputs: Any,
    shown: int,
    tolerance: int,
    most: int | None,
) -> tuple[str, list[str]]:
    asked: list[int] = []
    ordered_at: list[int] = []
    moves_before_order, moves_after = chance.random() < 0.3, chance.random() < 0.2

    def point(when: str, request: str, subject: str) -> None:
        if when == "done" and request == MARKET:
            asked.append(market.cents)
        if when == "before" and request == START:
            market.move(1.0 if moves_before_order else 0.0)
            ordered_at.append(market.cents)
        if when == "done" and request == START and moves_after:
            market.move(1.0)

    staged.point = point
    staged.lines.clear()
    allowed = Decimal(shown) * (1 + Decimal(tolerance) / 100)
    words = f"{shown} shown, tolerance {tolerance}, max_price {most}, asked {asked}"
    try:
        bought = staged.call("Create", staged.urn(name), properties=inputs)
    except Exception as error:
        staged.point = lambda *_: None
        reasons = bool(asked) and (asked[-1] > allowed or (most is not None and asked[-1] > most))
        wrong = [] if reasons else [f"refused for nothing, {words}: {error}"]
        if ordered_at:
            wrong.append(f"ordered and refused, {words}")
        return "refused by create", wrong
    if not asked or not ordered_at:
        staged.point = lambda *_: None
        staged.cloud.vanish(bought.id)
        return "bought", [f"bought without a question or an order, {words}"]
    question, wrong = asked[-1], []
    if question > allowed or (most is not None and question > most):
        wrong.append(f"bought at {question}, {words}")
    if question != shown and not any("was shown" in line for line in staged.lines):
        wrong.append(f"a price of {question} instead of the shown one was not reported, {words}")
    props = {"instance_id": bought.id, "state": "running", "spec_digest": "", "ready_timeout": 60}
    staged.lines.clear()
    outs = staged.call("Create", staged.endpoint_urn(name), properties=props).outs
    staged.point = lambda *_: None
    noticed = outs["price_difference"] != "" and any("differs" in line for line in staged.lines)
    billed = ordered_at[-1] if staged.case.reports_price else market.cents
    if noticed != (billed != question):
        wrong.append(f"billed {billed} after the order, {question} before it, noticed: {noticed}")
    if ordered_at[-1] != question and market.cents == ordered_at[-1] and not noticed:
        wrong.append(f"ordered at {ordered_at[-1]}, {question} before it, and not noticed")
    staged.cloud.vanish(bought.id)
    moved = "the price moved before the order" if ordered_at[-1] != question else "bought"
    return moved, wrong
