"""Buying exactly one: whatever happens to answers, lists and neighbours, nothing is bought twice or lost unnamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cortecs.cortecs.client import ApiInstance, ApiInstanceArgs, CortecsClient
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import (
    AnswerLostError,
    BadAnswerError,
    CloudError,
    CredentialsRefusedError,
    NoTokenError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)
from pulumi_cortecs.lifecycle.clock import SystemClock
from pulumi_cortecs.lifecycle.cloud import Arguments
from pulumi_cortecs.lifecycle.journal import Journal, Progress
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NotBoughtError,
    PurchasedInstance,
    Purchases,
    RefusedOrderError,
)
from pulumi_cortecs.simulator import Simulator
from tests.unit.fakes import CrowdClock, FakeAccount, FakeClock, FakeCloud, Machine, refused
from tests.unit.journals import CHAT, new_journal, order_log

LAG = 3.0
SMALL, LARGE = ("small",), ("large",)
BYSTANDER = "bystander"


def lost(words: str = "the line broke") -> CloudError:
    return AnswerLostError(words)


def busy(status: int = 503) -> CloudError:
    return UnavailableError(f"busy ({status})", status=status, vendor_message="busy", request_id=None)


def malformed() -> CloudError:
    return BadAnswerError("half an answer")


class Room:
    """A shop with one account, whose clock is turned by whoever sleeps."""

    def __init__(self, lag: float = LAG, clock: FakeClock | CrowdClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.account = FakeAccount(self.clock, lag=lag)
        self.account.put(BYSTANDER, arguments=(BYSTANDER,))  # an account without anything is listed twice
        self.cloud = FakeCloud(self.account, lag, began=lambda machine: machine.known_from, now=self.clock.now)
        self.poller: Poller[Machine] = Poller(self.cloud, self.clock)
        self.journal = new_journal(self.clock)
        self.journal.record_clock_difference("ours", 0.0)
        notes = order_log(self.cloud, self.poller, self.clock, journal=self.journal)
        self.purchases = Purchases(self.cloud, self.poller, self.clock, notes)
        self.began_at = self.clock.now()

    def buy(self, order: Callable[[], Machine] | None = None, arguments: Arguments = SMALL) -> str:
        def takes_a_moment() -> Machine:
            self.clock.sleep(0.1)
            return order() if order else self.account.start(*arguments)

        return self.purchases.buy(CHAT, arguments, {"carried_out": takes_a_moment}).instance_id

    def bought_but(self, error: CloudError, arguments: Arguments = SMALL) -> Callable[[], Machine]:
        """An order that is carried out, and whose answer is an error."""

        def order() -> Machine:
            self.account.start(*arguments)
            raise error

        return order

    @property
    def passed(self) -> float:
        return self.clock.now() - self.began_at

    @property
    def owned(self) -> set[str]:
        return set(self.account.machines) - {BYSTANDER}


def fails(error: BaseException) -> Callable[[], Machine]:
    """An order that is not carried out."""

    def order() -> Machine:
        raise error

    return order


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_purchase_is_one_order_and_returns_at_once(room: Room) -> None:
    assert room.buy() == "id-998"
    assert room.account.asked == ["list", "start"]
    assert room.passed == pytest.approx(0.1)


def test_many_purchases_in_a_row_look_at_the_account_once_in_half_a_second(room: Room) -> None:
    began_at = room.clock.now()
    assert {room.buy() for _ in range(40)} == room.owned
    assert room.account.asked.count("list") <= 1 + 2 * (room.clock.now() - began_at)


def test_one_wrong_list_after_long_trouble_does_not_rule_out_a_purchase(room: Room) -> None:
    def order() -> Machine:
        machine = room.account.start(*SMALL)
        room.account.down = (room.clock.now(), room.clock.now() + 2 * LAG)
        room.clock.at(2 * LAG, lambda: setattr(room.account, "wrong", 2))
        raise lost(machine.instance_id)

    assert {room.buy(order)} == room.owned


def test_an_instance_older_than_the_order_is_not_taken(room: Room) -> None:
    room.account.put("somebody-elses")
    room.account.wrong = 2
    with pytest.raises(NotBoughtError):
        room.buy(fails(lost()))


@pytest.mark.parametrize(
    "error",
    [
        CredentialsRefusedError("no", status=401, vendor_message="no", request_id=None),
        UnreachableError("no way"),
        NoTokenError("no token"),
        KeyError("a bug of ours"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_order_that_had_no_effect_fails_as_it_is_without_a_look(error: BaseException, room: Room) -> None:
    with pytest.raises(type(error)) as raised:
        room.buy(fails(error))
    assert raised.value is error
    assert room.account.asked == ["list"]
    # and the purchase does not wait for it
    assert room.buy(room.bought_but(lost())) == "id-998"


@pytest.mark.parametrize("error", [RefusedError, UnauthorizedError])
def test_an_account_that_cannot_be_listed_is_not_bought_in(error: type[RefusedError], room: Room) -> None:
    room.account.trouble = [error("no", status=401, vendor_message="no", request_id=None)]
    with pytest.raises(error):
        room.buy()
    assert room.owned == set()


DOUBTS = [lost(), malformed(), *[busy(status) for status in (408, 409, 425, 429, 500, 502, 503, 504)]]


@pytest.mark.parametrize("error", DOUBTS, ids=str)
def test_an_order_whose_answer_is_lost_is_found_and_not_repeated(error: CloudError, room: Room) -> None:
    room.account.put("older", arguments=SMALL)
    assert {room.buy(room.bought_but(error))} == room.owned - {"older"}
    assert room.account.asked.count("start") == 1
    assert room.passed <= LAG + 1


@pytest.mark.parametrize("error", DOUBTS, ids=str)
def test_an_order_that_was_not_executed_is_recognized_after_three_lags(error: CloudError, room: Room) -> None:
    room.account.put("older", arguments=SMALL)
    with pytest.raises(NotBoughtError, match="nothing was started") as raised:
        room.buy(fails(error))
    assert str(error) in str(raised.value)
    assert room.owned == {"older"}
    assert 3 * LAG < room.passed < 4 * LAG


def test_an_answer_with_the_id_of_an_older_instance_names_no_purchase(room: Room) -> None:
    before = room.account.start("small")
    room.clock.advance(LAG + 10)

    def answered_otherwise() -> Machine:
        room.account.start("small")
        return before

    bought = room.buy(answered_otherwise)
    assert bought != before.instance_id
    assert room.owned == {bought, before.instance_id}


def test_an_id_that_was_given_out_before_is_given_out_again(room: Room) -> None:
    """To one that is gone. An order that was closed long ago must not make every `up` buy one more."""
    first = room.buy()
    room.journal.confirm("ours", first)
    room.journal.close()
    gone = room.account.machines.pop(first)
    room.clock.advance(LAG + 10)

    def answered_with_it_again() -> Machine:
        room.account.machines[first] = gone
        return gone

    fresh = Journal(room.journal.file.parent, lambda: room.clock.utc_now().timestamp())
    cloud = FakeCloud(room.account, LAG)  # which reports no time
    buying = Purchases(cloud, room.poller, room.clock, order_log(cloud, room.poller, room.clock, journal=fresh))
    bought = buying.buy(CHAT, SMALL, {"carried_out": answered_with_it_again})
    assert bought.instance_id == first
    fresh.close()


def test_what_was_ordered_with_other_arguments_is_not_it(room: Room) -> None:
    def order() -> Machine:
        room.account.start(*LARGE)
        raise lost()

    with pytest.raises(NotBoughtError):
        room.buy(order)


def test_what_the_vendor_does_not_tell_may_well_be_it() -> None:
    """Else a lost order whose echo is incomplete would be called "not bought", and bought again."""
    room = Room()

    def order() -> Machine:
        room.account.start(None)
        raise lost()

    assert {room.buy(order)} == room.owned


def test_an_instance_is_given_to_one_order_only_even_if_it_fits_two() -> None:
    room = Room()

    def order() -> Machine:
        room.account.start(None)
        raise lost()

    small = room.buy(order, SMALL)
    with pytest.raises(NotBoughtError):
        room.buy(fails(lost()), LARGE)
    large = room.buy(order, LARGE)
    assert {small, large} == room.owned


def test_somebody_elses_new_instance_beside_ours_makes_it_unclear(room: Room) -> None:
    def order() -> Machine:
        room.account.start(*SMALL)
        room.account.start(*SMALL)
        raise lost()

    with pytest.raises(AmbiguousPurchaseError, match="the line broke") as raised:
        room.buy(order)
    assert raised.value.candidates == ("id-997", "id-998")


def test_an_account_that_cannot_be_listed_afterwards_makes_it_unclear(room: Room) -> None:
    room.account.trouble = [None, *[busy()] * 9999]
    with pytest.raises(
        AmbiguousPurchaseError, match=r"the line broke, and the account cannot be listed.*busy"
    ) as raised:
        room.buy(room.bought_but(lost()))
    assert raised.value.candidates == ()
    assert 60 <= room.passed < 62


def test_credentials_that_are_refused_afterwards_make_it_unclear_at_once(room: Room) -> None:
    room.account.trouble = [None, UnauthorizedError("who", status=401, vendor_message="who", request_id=None)]
    with pytest.raises(AmbiguousPurchaseError, match="cannot be listed to see whether it was started: who"):
        room.buy(room.bought_but(lost()))
    assert room.passed == pytest.approx(0.1)


def test_passing_trouble_with_the_list_is_weathered(room: Room) -> None:
    room.account.trouble = [None, busy(), lost(), None, busy(), busy()]
    assert {room.buy(room.bought_but(lost()))} == room.owned


def test_a_lost_order_does_not_take_what_was_bought_before_it(room: Room) -> None:
    first = room.buy()
    with pytest.raises(NotBoughtError):
        room.buy(fails(lost()))
    assert room.owned == {first}


@dataclass(frozen=True)
class Plan:
    """An order: sent `at`, carried out after `acts` seconds (None: never), its answer or its loss after `ends`.

    `echo` are the arguments as the vendor reports them; a `foreign` plan is an order of another customer.
    """

    at: float = 0.0
    acts: float | None = 0.5
    ends: float = 2.0
    lost: bool = False
    arguments: Arguments = SMALL
    echo: Arguments | None = None
    foreign: bool = False


@dataclass(frozen=True)
class Outcome:
    """The instance or the error of a buyer, and the time in seconds after the beginning."""

    instance_id: str | None
    error: Exception | None
    at: float

    @property
    def named(self) -> tuple[str, ...]:
        return self.error.candidates if isinstance(self.error, AmbiguousPurchaseError) else ()


def play(*plans: Plan, lag: float = 0.0, down: tuple[float, float] = (0.0, 0.0)) -> tuple[Room, list[Outcome]]:
    """All orders in threads of their own, on one clock; the list is `down` from the one time to the other."""
    clock = CrowdClock(len(plans))
    room = Room(lag, clock)
    room.account.down = (room.began_at + down[0], room.began_at + down[1])

    def carry_out(plan: Plan) -> Outcome:
        def order() -> Machine:
            machine = None
            if plan.acts is not None:
                clock.sleep(plan.acts)
                machine = room.account.start(*(plan.echo or plan.arguments))
            clock.sleep(plan.ends - (plan.acts or 0.0))
            if plan.lost or machine is None:
                raise lost() if plan.lost else refused(400)
            return machine

        bought, failed = None, None
        try:
            clock.sleep(plan.at)
            if plan.foreign:
                order()
            else:
                bought = room.purchases.buy(CHAT, plan.arguments, {"carried_out": order}).instance_id
        except (CloudError, NotBoughtError, RefusedOrderError, AmbiguousPurchaseError) as error:
            failed = error
        finally:
            at = room.passed
            clock.leave()
        return Outcome(bought, failed, at)

    with ThreadPoolExecutor(len(plans)) as pool:
        outcomes = list(pool.map(carry_out, plans))
    room.journal.close()
    return room, outcomes


def test_a_lost_order_does_not_take_what_another_answer_is_about() -> None:
    answered, unanswered = Plan(ends=4), Plan(acts=None, ends=2, lost=True)
    room, (first, second) = play(answered, unanswered)
    assert {first.instance_id} == room.owned
    assert isinstance(second.error, NotBoughtError)


def test_a_lost_order_waits_for_the_answers_that_are_on_their_way() -> None:
    room, (first, second) = play(Plan(ends=40), Plan(ends=2, lost=True))
    assert {first.instance_id, second.instance_id} == room.owned
    assert len(room.owned) == 2
    assert 40 <= second.at <= 41


def test_a_long_wait_for_an_answer_leaves_patience_for_a_list_in_trouble() -> None:
    room, (first, second) = play(Plan(ends=100), Plan(acts=None, ends=2, lost=True), down=(100, 103))
    assert {first.instance_id} == room.owned
    assert isinstance(second.error, NotBoughtError)


def test_an_answer_that_never_comes_makes_it_unclear_in_the_end() -> None:
    room, (_, second) = play(Plan(ends=10_000), Plan(acts=None, ends=2, lost=True))
    assert set(second.named) == room.owned
    assert 300 < second.at < 310


def test_an_order_that_began_after_the_look_is_not_waited_for() -> None:
    """In a large stack something is always in flight."""
    stream = [Plan(at=n, ends=1.5, arguments=LARGE) for n in range(100)]
    room, (lost_one, *_others) = play(Plan(ends=2, lost=True), *stream)
    assert lost_one.instance_id in room.owned
    assert lost_one.at < 5


def test_two_lost_orders_that_were_carried_out_get_one_each() -> None:
    room, outcomes = play(Plan(lost=True), Plan(lost=True))
    assert sorted(outcome.instance_id or "" for outcome in outcomes) == sorted(room.owned)
    assert len(room.owned) == 2


def test_of_two_lost_orders_of_which_one_was_carried_out_one_is_not_bought() -> None:
    room, outcomes = play(Plan(lost=True), Plan(acts=None, lost=True))
    assert {outcome.instance_id for outcome in outcomes} - {None} == room.owned
    assert [type(outcome.error) for outcome in outcomes if outcome.error] == [NotBoughtError]


def test_two_lost_orders_and_three_new_instances_are_unclear_for_both() -> None:
    _, (first, second, _) = play(Plan(lost=True), Plan(lost=True), Plan(foreign=True))
    assert first.named == second.named == ("id-996", "id-997", "id-998")


def test_different_lost_orders_do_not_share_out_what_fits_both() -> None:
    """The echo names no size. Whoever looks second must not take what the first one was not sure of."""
    vague = Plan(lost=True, arguments=LARGE, echo=(None,))
    _, (first, second) = play(Plan(acts=None, lost=True, arguments=SMALL), vague)
    assert first.named == second.named == ("id-998",)


def test_an_order_whose_instance_another_took_waits_for_the_others() -> None:
    """The second sees what the first has started, before its own shows in the list."""
    first, second = Plan(acts=0.2, ends=1, lost=True), Plan(at=3, acts=0.2, ends=1, lost=True)
    room, outcomes = play(first, second, lag=LAG)
    assert {outcome.instance_id for outcome in outcomes} == room.owned
    assert len(room.owned) == 2


def test_an_order_leaves_to_others_what_only_they_can_take() -> None:
    """The second was sent when the first one's was in the list already, and so cannot take that."""
    first, second = Plan(acts=0.2, ends=10, lost=True), Plan(at=6, acts=0.2, ends=4.1, lost=True)
    refused_meanwhile = Plan(at=9, acts=None, ends=1.2)  # the second waits for its answer; the first has waited longer
    room, outcomes = play(first, second, refused_meanwhile)
    assert {outcome.instance_id for outcome in outcomes[:2]} == room.owned
    assert len(room.owned) == 2


def test_what_was_named_to_somebody_is_not_given_to_a_later_order() -> None:
    """The person who has read its id may be deleting it just now."""
    unclear = [Plan(lost=True), Plan(foreign=True)]
    _, (first, _, later) = play(*unclear, Plan(at=2.1, acts=None, ends=0.1, lost=True))
    assert first.named == ("id-997", "id-998")
    assert isinstance(later.error, NotBoughtError)


plans = st.builds(
    Plan,
    at=st.sampled_from([0.0, 0.1, 1.0, 3.0]),
    acts=st.sampled_from([None, 0.2, 1.0]),
    ends=st.sampled_from([1.0, 2.0, 5.0]),
    lost=st.booleans(),
    arguments=st.sampled_from([SMALL, LARGE]),
    foreign=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(plans, min_size=1, max_size=6), st.sampled_from([0.0, LAG]))
def test_whatever_is_lost_nothing_is_bought_unseen_or_given_twice(orders: list[Plan], lag: float) -> None:
    """The account holds the instances that were returned, those that were named, and the foreign ones."""
    room, outcomes = play(*orders, lag=lag)
    returned = [outcome.instance_id for outcome in outcomes if outcome.instance_id]
    named = {instance_id for outcome in outcomes for instance_id in outcome.named}
    foreign = sum(plan.foreign and plan.acts is not None for plan in orders)
    assert len(returned) == len(set(returned))
    assert not named & set(returned)
    assert len(room.owned - set(returned) - named) <= foreign
    for plan, outcome in zip(orders, outcomes, strict=True):
        if outcome.instance_id:
            assert room.account.machines[outcome.instance_id].arguments == plan.arguments
        if not plan.foreign and not plan.lost and not (foreign and plan.acts is None):
            assert (outcome.instance_id is not None) == (plan.acts is not None)
    if not foreign:
        assert set(returned) == room.owned
        not_bought = [plan for plan, outcome in zip(orders, outcomes, strict=True) if outcome.error]
        assert len(not_bought) == sum(plan.acts is None for plan in orders if not plan.foreign) + sum(
            plan.foreign for plan in orders if plan.acts is None or plan.lost
        )


QWEN = "Qwen--Qwen2-7B-Instruct"
ORDER = ApiInstanceArgs(
    model_id=QWEN,
    hardware_type_id="NVIDIA_L4_1",
    context_length=32000,
    billing_interval="per_minute",
    num_workers=2,
)
ORDERED = tuple(ORDER.model_dump().values())


class Shop:
    """Purchases in the simulator, over real connections."""

    def __init__(self, client: CortecsClient, lag: float) -> None:
        self.client = client
        cloud, clock = CortecsCloud(client, "ours", lag, lambda _: None), SystemClock()
        poller = Poller(cloud, clock)
        self.purchases = Purchases(cloud, poller, clock, order_log(cloud, poller, clock))

    def buy(self, order: ApiInstanceArgs = ORDER) -> str:
        bought: PurchasedInstance[ApiInstance] = self.purchases.buy(
            CHAT, tuple(order.model_dump().values()), order.model_dump()
        )
        return bought.instance_id


@pytest.fixture
def shop(simulator: Simulator) -> Iterator[Shop]:
    with new_client() as http:
        yield Shop(CortecsClient(Credentials("cortecs", simulator.base_url, ("sim", "sim")), http), lag=0.15)


START = {"path": "/instances/start"}
AFTER: list[tuple[str, dict[str, Any]]] = [
    ("lost_answer", {}),
    ("malformed_json", {}),
    ("server_error", {"after_side_effect": True, "status": 502}),
]


@pytest.mark.parametrize(("fault", "parameters"), AFTER)
def test_the_simulators_lost_answers_are_found(
    fault: str, parameters: dict[str, Any], shop: Shop, simulator: Simulator
) -> None:
    simulator.control.fault(fault, count=1, **START, **parameters)
    # 9 virtual seconds are 0.15 real ones
    simulator.control.fault("list_lag", count=1, seconds=6)
    bought = shop.buy()
    assert [instance.instance_id for instance in simulator.control.instances()] == [bought]


@pytest.mark.parametrize(
    ("fault", "parameters"), [("lost_request", {}), ("server_error", {}), ("too_many_requests", {})]
)
def test_the_simulators_lost_requests_are_known_to_be_lost(
    fault: str, parameters: dict[str, Any], shop: Shop, simulator: Simulator
) -> None:
    simulator.control.fault(fault, count=1, **START, **parameters)
    with pytest.raises(NotBoughtError):
        shop.buy()
    assert simulator.control.instances() == ()
    assert shop.buy()


def test_among_many_threads_each_instance_has_one_buyer_whatever_is_lost(shop: Shop, simulator: Simulator) -> None:
    for fault, parameters in AFTER:
        simulator.control.fault(fault, count=3, **START, **parameters)
    simulator.control.fault("lost_request", count=3, **START)
    simulator.control.fault("token_expiry", count=2, **START)
    simulator.control.fault("list_lag", probability=0.5, seconds=6)

    def buy_one(number: int) -> str | Exception:
        try:
            return shop.buy(ORDER if number % 2 else ORDER.model_copy(update={"num_workers": 1}))
        except (NotBoughtError, AmbiguousPurchaseError) as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(buy_one, range(24)))
    bought = [result for result in results if isinstance(result, str)]
    assert sorted(bought) == sorted(instance.instance_id for instance in simulator.control.instances())
    assert [type(result) for result in results if not isinstance(result, str)] == [NotBoughtError] * 3


def test_what_others_bought_is_not_taken_while_its_own_is_not_listed_yet(room: Room) -> None:
    """Another machine's purchase is in the list at once, and the own one only after the lag."""

    def order() -> Machine:
        room.account.start(*SMALL)
        foreign = Machine("foreign", SMALL, "pending", known_from=room.clock.now())
        room.account.machines[foreign.instance_id] = foreign
        raise lost()

    with pytest.raises(AmbiguousPurchaseError) as raised:
        room.buy(order)
    assert raised.value.candidates == ("foreign", "id-998")


def test_an_unresolved_order_of_before_explains_no_new_instance_while_one_is_left_that_may_be_its_own(
    room: Room,
) -> None:
    left = [room.account.start(*SMALL).instance_id]
    before = frozenset({BYSTANDER})
    earlier = Journal(room.journal.file.parent, lambda: room.clock.utc_now().timestamp())
    number = earlier.record(CHAT, "ours", SMALL, before, None)
    earlier.close()  # the process is gone, and its answer was lost
    room.journal.advance(number, Progress.LOST)
    room.clock.sleep(2 * LAG)

    def order() -> Machine:
        machine = room.account.start(*SMALL)
        room.account.machines["foreign"] = Machine("foreign", SMALL, "pending", known_from=room.clock.now())
        raise lost(machine.instance_id)

    with pytest.raises(AmbiguousPurchaseError) as raised:
        room.buy(order)
    assert left[0] not in raised.value.candidates
    assert "foreign" in raised.value.candidates
