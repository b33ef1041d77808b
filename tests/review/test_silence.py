"""A program without changes has no changes in its report, whatever moved around it."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from typing import Any

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.policy.pinned import PinnedPrices, load_pinned
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import read_preview
from pulumi_cortecs.review.wording import verdict
from tests.review.generated import CORTECS, GCORE, VOLUME, Events, cortecs, gcore, volume
from tests.review.recorded import CATALOGUE, STREAMS

ROUNDS, CATALOGUES = 250, 10
PINNED = load_pinned(STREAMS, CATALOGUE).get()
HARDWARE = [row.hardware_type_id for row in PINNED.hardware_types("cortecs")]
FLAVORS = [row.hardware_type_id for row in PINNED.hardware_types("gcore")]


def moved(chance: random.Random) -> PinnedPrices:
    """A catalogue with other prices, in which some of the hardware is missing."""
    lists = {}
    for cloud, prices in PINNED.price_lists.items():
        rows = [row for row in prices.hardware_types if chance.random() < 0.9] or list(prices.hardware_types)
        factor = chance.randint(1, 30)
        lists[cloud] = replace(
            prices,
            hardware_types=tuple(
                replace(
                    row,
                    price_per_hour=Money(row.price_per_hour.amount * factor, row.currency),
                    price_per_minute=Money(row.price_per_minute.amount * factor, row.currency),
                )
                for row in rows
            ),
            models=(),
        )
    return PinnedPrices(Catalogue(lists))


def bought(chance: random.Random) -> tuple[str, dict[str, Any]]:
    state = chance.choice(["running", "stopped"])
    return chance.choice(
        [
            (CORTECS, cortecs(chance.choice(HARDWARE), chance.randint(1, 8), state)),
            (GCORE, gcore(chance.choice(FLAVORS), 0, chance.randint(1, 4), state)),
            (VOLUME, volume(chance.randint(1, 100))),
        ]
    )


def unchanged_program(chance: random.Random) -> Events:
    """Events with quotes of other days, a refresh without drift, and updates of what another SDK writes."""
    events = Events()
    for number in range(chance.randint(1, 6)):
        resource_type, inputs = bought(chance)
        quoted = {**inputs, "quote": {"hourly_total": str(chance.randint(1, 9)), "currency": "EUR", "source": "live"}}
        newer = {**quoted, "__provider": f"of SDK {chance.random()}"}
        if chance.random() < 0.3:
            events.step("refresh", f"r{number}", quoted, quoted, resource_type=resource_type)
        if chance.random() < 0.2:
            diffs = ["__provider", "quote"]
            events.step("update", f"r{number}", quoted, newer, resource_type=resource_type, diffs=diffs)
        else:
            events.step("same", f"r{number}", quoted, chance.choice([quoted, newer]), resource_type=resource_type)
    chance.shuffle(events.lines)
    return events.end()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3, 4))])
def test_an_unchanged_program_has_no_change_over_moved_prices_new_catalogues_and_other_sdks(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(ROUNDS):
        report = make_report(
            [read_preview(io.BytesIO(unchanged_program(chance).encode()))], moved(chance), catalogue_name=""
        )
        assert not report.has_changes
        assert not report.changes_cost
        assert not any(stack.drift for stack in report.stacks)
        assert report.exit_code == 0
        assert verdict(report).startswith("no change in cost")


def test_a_violation_without_a_change_is_not_silent() -> None:
    events = Events().step("same", "chat", cortecs(), cortecs()).violation("chat").end(result="failed")
    report = make_report([read_preview(io.BytesIO(events.encode()))], PinnedPrices(PINNED), catalogue_name="")
    assert (report.has_changes, report.exit_code) == (False, 5)
