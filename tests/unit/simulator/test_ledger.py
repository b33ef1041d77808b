from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware
from pulumi_cortecs.simulator.cortecs.instances import CortecsRun
from pulumi_cortecs.simulator.ledger import Run, RunLedger

NOON = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)
L4 = PricedHardware("NVIDIA_L4_1", Money(Decimal("1.2"), "EUR"), Money(Decimal("0.02"), "EUR"), cloud="cortecs")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def run(instance_id: str = "id-1", **changed: object) -> Run:
    begun = CortecsRun("sim", instance_id, L4, BillingInterval.PER_MINUTE, 1, started_at=NOON, billed_from=NOON)
    return replace(begun, **changed)  # type: ignore[arg-type]


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def test_an_open_run_accrues_and_a_closed_one_does_not() -> None:
    ledger = RunLedger()
    ledger.begin(run())
    assert ledger.totals(at(60)) == {"EUR": euro("0.02")}
    assert ledger.totals(at(61)) == {"EUR": euro("0.04")}
    ledger.end("id-1", at(61))
    assert ledger.totals(at(10_000)) == {"EUR": euro("0.04")}


def test_every_run_of_an_instance_is_billed_for_itself() -> None:
    ledger = RunLedger()
    for start in (0, 600):
        ledger.begin(run(started_at=at(start), billed_from=at(start)))
        ledger.end("id-1", at(start + 1))
    assert ledger.totals(at(1000)) == {"EUR": euro("0.04")}


def test_two_currencies_are_never_added() -> None:
    dollars = PricedHardware("X", Money(Decimal(6), "USD"), Money(Decimal("0.1"), "USD"), cloud="cortecs")
    ledger = RunLedger()
    ledger.begin(run())
    ledger.begin(run("id-2", hardware=dollars))
    assert ledger.totals(at(60)) == {"EUR": euro("0.02"), "USD": Money(Decimal("0.1"), "USD")}


def test_totals_of_one_account_leave_the_others_out() -> None:
    ledger = RunLedger()
    ledger.begin(run())
    ledger.begin(run("id-2", account="other", num_workers=3))
    assert ledger.totals(at(60), "other") == {"EUR": euro("0.06")}


def test_a_run_whose_bill_never_begins_costs_nothing() -> None:
    assert run(billed_from=None).amount(at(1e6)) == euro("0")


def test_a_run_that_ended_before_its_bill_began_costs_nothing() -> None:
    assert run(billed_from=at(30), ended_at=at(10)).amount(at(100)) == euro("0")


def test_an_instance_cannot_run_twice_at_once() -> None:
    ledger = RunLedger()
    ledger.begin(run())
    with pytest.raises(ValueError, match="open run"):
        ledger.begin(run())


def test_ending_what_does_not_run_changes_nothing() -> None:
    ledger = RunLedger()
    ledger.begin(run())
    ledger.end("id-1", at(60))
    ledger.end("id-1", at(600))
    ledger.end("unknown", at(600))
    assert [entry.ended_at for entry in ledger] == [at(60)]
