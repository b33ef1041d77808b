"""When a balance is said to run out: after how many requests, in which words, and how often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from pulumi_cortecs.cortecs.client import ApiInstance, ApiInstanceStatus, CortecsClient
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.provider.balance import BalanceWatch
from pulumi_cortecs.provider.session import run_in_thread
from tests.unit.fakes import FakeClock, refused

EACH = Money.of("1.20", "EUR")


class Bank(CortecsCloud):
    """Cortecs without a network: `left` or `trouble` is its answer, and `prices` are those of what runs."""

    def __init__(self, left: str, prices: Mapping[str, Money | None] | None = None, currency: str = "EUR") -> None:
        client = CortecsClient(Credentials("cortecs", "http://127.0.0.1:1", ("id", "secret")))
        super().__init__(client, "fingerprint", 5.0, lambda inputs: None)
        self.left = Money.of(left, currency)
        self.prices = dict(prices or {})
        self.trouble: CloudError | None = None
        self.status = "running"
        self.asked: list[str] = []

    def balance(self) -> Money:
        self.asked.append("balance")
        if self.trouble is not None:
            raise self.trouble
        return self.left

    def list_instances(self) -> Mapping[str, ApiInstance]:
        self.asked.append("list")
        status = ApiInstanceStatus(status=self.status)
        return {key: ApiInstance(instance_id=key, instance_status=status) for key in self.prices}

    def hourly_price(self, instance: ApiInstance) -> Money | None:
        return self.prices[instance.instance_id]


def now(work: Callable[[], object]) -> None:
    work()


def watch(bank: Bank, in_background: Callable[[Callable[[], object]], object] = now) -> BalanceWatch:
    return BalanceWatch(bank, Poller(bank, FakeClock()), in_background)


def test_the_warning_names_balance_time_and_both_costs() -> None:
    assert watch(Bank("12.30", {"a": EACH})).add("urn", EACH) == (
        "the balance of 12.30 EUR lasts about 5 h for what runs (1.20 EUR/h) and what this run buys (1.20 EUR/h)"
    )


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ("28.80", None),
        ("28.79", "lasts about 23 h"),
        ("2.40", "lasts about 2 h"),
        ("2.39", "lasts about 119 min"),
        ("0.01", "lasts about 0 min"),
        ("0.00", "does not last"),
        ("-3.00", "the balance of -3.00 EUR does not last"),
    ],
)
def test_a_day_is_long_enough(left: str, words: str | None) -> None:
    text = watch(Bank(left)).add("urn", EACH)
    assert (text is None) if words is None else (words in str(text))


def test_what_a_run_buys_adds_up_and_a_resource_counts_once() -> None:
    ours = watch(Bank("72.00"))
    assert ours.add("a", EACH) is None
    assert ours.add("b", EACH) is None
    assert ours.add("b", EACH) is None  # the second check of a replacement
    assert "20 h for what runs (0.00 EUR/h) and what this run buys (3.60 EUR/h)" in str(ours.add("c", EACH))


def test_it_is_said_again_only_below_half_of_the_time() -> None:
    ours = watch(Bank("21.60"))
    warned = [number for number in range(1, 13) if ours.add(f"urn {number}", EACH)]
    assert warned == [1, 3, 7]  # 18 h, 6 h, 2 h 34 min
    empty = watch(Bank("0.00"))
    assert [bool(empty.add(f"urn {number}", EACH)) for number in range(3)] == [True, False, False]


def test_a_hundred_purchases_are_one_balance_and_one_list() -> None:
    bank = Bank("1.00")
    ours = watch(bank)
    for number in range(100):
        ours.add(f"urn {number}", EACH)
    assert sorted(bank.asked) == ["balance", "list"]


def test_what_does_not_run_or_has_no_price_costs_nothing() -> None:
    stopped = Bank("12.00", {"a": EACH})
    stopped.status = "stopped"
    assert "what runs (0.00 EUR/h)" in str(watch(stopped).add("urn", EACH))
    assert "what runs (1.20 EUR/h)" in str(watch(Bank("12.00", {"a": None, "b": EACH})).add("urn", EACH))


def test_what_cannot_be_read_is_no_warning_and_not_asked_for_again() -> None:
    for bank in (Bank("1.00"), Bank("1.00", {"a": EACH})):
        bank.trouble = refused(403) if not bank.prices else None
        bank.status = "a new word"
        ours = watch(bank)
        assert ours.add("a", EACH) is None
        assert ours.add("b", EACH) is None
        assert bank.asked.count("balance") == 1


def test_another_currency_is_no_warning() -> None:
    assert watch(Bank("1.00", currency="USD")).add("urn", EACH) is None
    assert watch(Bank("1.00", {"a": Money(Decimal(1), "USD")})).add("urn", EACH) is None


def test_nothing_that_costs_nothing_is_worth_a_warning() -> None:
    assert watch(Bank("0.00")).add("urn", Money.zero("EUR")) is None


def test_balance_and_list_are_asked_for_at_the_same_time() -> None:
    meet = threading.Barrier(2, timeout=10)

    class Both(Bank):
        def balance(self) -> Money:
            meet.wait()
            return super().balance()

        def list_instances(self) -> Mapping[str, ApiInstance]:
            meet.wait()
            return super().list_instances()

    assert watch(Both("1.00"), run_in_thread).add("urn", EACH) is not None


def test_a_vendor_that_does_not_answer_in_time_is_not_waited_for_again() -> None:
    bank, works = Bank("1.00"), list[Callable[[], object]]()
    ours = BalanceWatch(bank, Poller(bank, FakeClock()), works.append, patience=0.01)
    assert ours.add("a", EACH) is None
    for work in works:
        work()
    assert ours.add("b", EACH) is None
    assert len(works) == 2
