"""Ready means answered, and what is shown is what is bought: some boots and purchases of each cloud, and breaks that
they notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from pulumi_cortecs.http.probe import Answer, Outcome
from pulumi_cortecs.lifecycle import readiness
from pulumi_cortecs.lifecycle.readiness import Readiness, ReadyBy
from pulumi_cortecs.lifecycle.shown_prices import ShownPrices
from pulumi_cortecs.provider import accounts, endpoint, quote_records
from tests.clouds.case import CloudCase
from tests.clouds.cortecs import CORTECS
from tests.clouds.every import EVERY
from tests.promises import boots, prices

BOOTS, PURCHASES = 30, 60


@pytest.mark.parametrize("cloud", EVERY.values(), ids=EVERY)
def test_no_boot_counts_as_ready_without_an_answer_or_a_warning(cloud: CloudCase, tmp_path: Path) -> None:
    tally = boots.play(cloud, tmp_path, 1, BOOTS)
    assert tally.wrong == []
    assert {"answer", "status", "error"} <= tally.outcomes.keys()


@pytest.mark.parametrize("cloud", EVERY.values(), ids=EVERY)
def test_no_purchase_costs_more_than_was_shown(cloud: CloudCase, tmp_path: Path) -> None:
    tally = prices.play(cloud, tmp_path, 1, PURCHASES)
    assert tally.wrong == []
    assert tally.outcomes.keys() == {
        "bought",
        "refused by check",
        "refused by create",
        "the price moved before the order",
    }


def _always(outcome: Outcome) -> Callable[..., Any]:
    judge = Readiness._judge

    def judged(self: Readiness[Any], answer: Answer, *rest: Any, **more: Any) -> bool:
        return judge(self, Answer(outcome if answer.outcome is not Outcome.ANSWERED else answer.outcome), *rest, **more)

    return judged


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (Readiness, "_judge", _always(Outcome.REFUSED)),
        (Readiness, "_judge", _always(Outcome.UNREACHABLE)),
        (Readiness, "_judge", _always(Outcome.NOT_YET)),
        (Readiness, "_judge", lambda self, *_, **__: self._set_ready(ReadyBy.ANSWER)),
        (readiness, "UNREACHABLE_SECONDS", 30.0),
        (readiness, "PAUSES", (0.5,)),
    ],
)
def test_a_break_of_readiness_is_noticed(target: Any, name: str, value: Any, tmp_path: Path) -> None:
    with mock.patch.object(target, name, value):
        assert boots.play(CORTECS, tmp_path, 1, BOOTS, until_wrong=True).wrong != []


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (quote_records, "require_shown", lambda *_: None),
        (quote_records, "max_price_problem", lambda *_: ""),
        (ShownPrices, "latest", lambda *_: None),
        (ShownPrices, "record", lambda *_: None),
        (accounts, "MAX_PRICE_AGE", 3600.0),
        (endpoint, "_price_difference", lambda *_: ""),
    ],
)
def test_a_break_of_prices_is_noticed(target: Any, name: str, value: Any, tmp_path: Path) -> None:
    with mock.patch.object(target, name, value):
        assert prices.play(CORTECS, tmp_path, 1, PURCHASES, until_wrong=True).wrong != []
