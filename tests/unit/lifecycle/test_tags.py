"""With the tag of its order on each instance, no list is compared with the orders: the tag decides.

The vendor answers an order with an id only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_cortecs.http.errors import AnswerLostError, UnauthorizedError
from pulumi_cortecs.lifecycle.cloud import Arguments, OrderAnswer, OrderMatch, OrderRef, OrderSpec, TagsOrders
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.journal import Journal, ResourceKey
from pulumi_cortecs.lifecycle.ledger import SharedLedger
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.order_recovery import ArgumentsChangedError, OrderRecovery
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.purchases import (
    AmbiguousPurchaseError,
    NotBoughtError,
    PurchasedInstance,
    Purchases,
    RefusedOrderError,
)
from pulumi_cortecs.lifecycle.spend_guard import SpendGuard
from pulumi_cortecs.lifecycle.unclaimed import UnclaimedPurchaseError, find_unclaimed
from tests.unit.fakes import A_PRICE, FakeAccount, FakeClock, FakeCloud, Machine
from tests.unit.journals import CHAT, FakeStates, refuse

LAG = 3.0
SMALL, LARGE = ("small",), ("large",)
PENDING = {"arguments": list(SMALL)}


class Killed(BaseException):
    """A process ends here."""


@dataclass
class TaggedAccount(FakeAccount):
    """An account whose machines bear what their order was stamped with."""

    stamp: OrderRef | None = None
    tags: dict[str, OrderRef] = field(default_factory=dict)

    def start(self, *arguments: object) -> Machine:
        machine = super().start(*arguments)
        if self.stamp is not None:
            self.tags[machine.instance_id] = self.stamp
        return machine


class TaggingCloud(TagsOrders[Machine], FakeCloud):
    """A cloud over this account, which answers with the id only."""

    account: TaggedAccount

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[Machine]:
        self.account.stamp = order
        try:
            return OrderAnswer(super().create(inputs, order).instance_id)
        finally:
            self.account.stamp = None

    def order_ref(self, instance: Machine) -> OrderRef | None:
        return self.account.tags.get(instance.instance_id)

    def reported_inputs(self, instance: Machine) -> Mapping[str, Any]:
        return {"arguments": list(instance.arguments)}


class World:
    """An account, the states of a backend, and machines that each have a journal."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.account = TaggedAccount(self.clock, lag=LAG)
        self.account.put("bystander")
        self.states = FakeStates(self.clock)
        self.directory = directory
        self.runs: list[Run] = []

    def run(self, fingerprint: str = "ours", machine: str = "here", *, exclusive: bool = False) -> Run:
        """A process of the provider's on that machine."""
        run = Run(self, fingerprint, self.directory / machine, exclusive)
        self.runs.append(run)
        return run

    def bought(self) -> set[str]:
        """The ids of existing instances with a tag."""
        return self.account.machines.keys() & self.account.tags.keys()


class Run:
    """A process of the provider's."""

    def __init__(self, world: World, fingerprint: str, directory: Path, exclusive: bool) -> None:
        self.world, clock = world, world.clock
        self.journal = Journal(directory, lambda: clock.utc_now().timestamp())
        # all machines began long ago, by a vendor's clock that is known to be right: no time is to count
        self.journal.record_clock_difference(fingerprint, 0.0)
        self.cloud = TaggingCloud(world.account, LAG, fingerprint, began=lambda _: 0.0, now=clock.now)
        poller = Poller(self.cloud, clock)
        self.told: list[str] = []
        self.log = OrderLog(self.cloud, self.journal, poller, clock, refuse)
        self.recovery = OrderRecovery(
            self.log,
            creations=Creations(lambda: world.states, clock, self.told.append),
            is_exclusive=lambda: exclusive,
            warn=self.told.append,
        )
        self.purchases = Purchases(self.cloud, poller, clock, self.log)
        self.commitments = SpendGuard(self.cloud, poller, clock, SharedLedger(directory, "ours"))

    def create(
        self, key: ResourceKey = CHAT, arguments: Arguments = SMALL, order: Callable[[], Machine] | None = None
    ) -> PurchasedInstance[Machine]:
        """Recovers or buys as Instance.create does."""
        earlier = self.recovery.recover(key, arguments, self.world.clock.now())
        inputs = {"arguments": arguments} if order is None else {"carried_out": order}
        return earlier or self.purchases.buy(key, arguments, inputs)

    def killed(self, key: ResourceKey = CHAT, arguments: Arguments = SMALL, *, carried_out: bool = True) -> str:
        """Kills the run before an answer comes; returns the id that it bought, "" for none."""
        before = self.world.bought()

        def order() -> Machine:
            if carried_out:
                self.world.account.start(*arguments)
            raise Killed

        with pytest.raises(Killed):
            self.create(key, arguments, order)
        self.dies()
        return "".join(self.world.bought() - before)

    def dies(self) -> None:
        self.journal.close()

    def answers_with(self, error: BaseException, arguments: Arguments = SMALL) -> Callable[[], Machine]:
        """An order that is carried out and answered with an error; an alike foreign machine comes too."""

        def order() -> Machine:
            self.world.account.start(*arguments)
            self.world.account.stamp = None
            self.world.account.start(*arguments)
            raise error

        return order


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    for run in world.runs:
        run.dies()


def resource(number: int) -> ResourceKey:
    return ResourceKey(CHAT.backend, f"{CHAT.urn}-{number}")


def test_an_answer_that_tells_the_id_only_is_a_purchase(world: World) -> None:
    bought = world.run().create()
    assert {bought.instance_id} == world.bought()
    assert (bought.instance, bought.inferred) == (None, False)


def test_an_order_has_its_own_token_and_a_resource_one_key_everywhere(world: World) -> None:
    first, second = world.run().create().instance_id, world.run(machine="there").create().instance_id
    tags = world.account.tags
    assert tags[first].token != tags[second].token
    assert tags[first].key == tags[second].key == CHAT.digest != resource(2).digest


def test_a_lost_answer_is_found_by_its_tag_beside_an_alike_one(world: World) -> None:
    run = world.run()
    bought = run.create(order=run.answers_with(AnswerLostError("the line broke")))
    assert {bought.instance_id} == world.bought()
    assert not bought.inferred
    (order,) = run.journal.open_orders()
    assert (order.instance_id, order.inferred) == (bought.instance_id, False)


def test_a_lost_answer_that_bought_nothing_takes_no_alike_one(world: World) -> None:
    def nothing_but_anothers() -> Machine:
        world.account.stamp = None
        world.account.start(*SMALL)
        raise AnswerLostError("the line broke")

    with pytest.raises(NotBoughtError):
        world.run().create(order=nothing_but_anothers)


@pytest.mark.parametrize("status", [401, 402])
def test_what_was_refused_and_carried_out_is_found_and_not_bought_again(world: World, status: int) -> None:
    run = world.run()
    error = UnauthorizedError("no", status=status, vendor_message="no", request_id=None)
    try:
        instance_id = run.create(order=run.answers_with(error)).instance_id
    except RefusedOrderError:  # it was not listed yet
        run.dies()
        instance_id = world.run().create().instance_id
    assert {instance_id} == world.bought()


def test_an_order_that_is_sent_once_more_has_another_token(world: World) -> None:
    """The vendor may carry out the first one as well, when the search for it has ended."""
    errors = [UnauthorizedError("no", status=401, vendor_message="no", request_id=None)]

    def order() -> Machine:
        if errors:
            raise errors.pop()
        return world.account.start(*SMALL)

    bought = world.run().purchases.buy(CHAT, SMALL, {"carried_out": order}, number=31).instance_id
    assert world.account.tags[bought].token != "1f"


def test_what_a_killed_run_has_bought_is_taken_over_beside_alike_ones(world: World) -> None:
    bought = world.run().killed()
    world.account.start(*SMALL)
    world.clock.advance(10 * LAG)
    at = world.clock.now()
    bought_before = world.run().create()
    assert (bought_before.instance_id, bought_before.inferred) == (bought, False)
    assert world.clock.now() == at  # the tag decides: no wait is needed


def test_what_is_listed_late_is_waited_for(world: World) -> None:
    bought = world.run().killed()
    assert world.run().create().instance_id == bought


def test_what_a_killed_run_has_bought_with_other_arguments_is_named(world: World) -> None:
    bought = world.run().killed()
    with pytest.raises(ArgumentsChangedError, match=bought):
        world.run().create(arguments=LARGE)


def test_a_rotated_key_finds_a_lost_purchase_of_the_same_account(world: World) -> None:
    world.account.machines.clear()
    bought = world.run().killed()
    world.clock.advance(LAG + 1)
    assert world.run("rotated").create().instance_id == bought


def test_a_renamed_resource_takes_over_its_purchase_after_a_second_kill(
    world: World,
) -> None:
    bought = world.run().killed()
    again = world.run()
    again.journal.take_over(again.journal.open_orders()[0], resource(2))
    again.dies()
    assert world.run().create(resource(2)).instance_id == bought


def test_of_two_that_bear_one_orders_tag_none_is_taken(world: World) -> None:
    bought = world.run().killed()
    twin = world.account.start(*SMALL).instance_id
    world.account.tags[twin] = world.account.tags[bought]
    with pytest.raises(AmbiguousPurchaseError) as unclear:
        world.run().create()
    assert set(unclear.value.candidates) == {bought, twin}


def test_what_is_left_behind_is_told_by_its_tag(world: World) -> None:
    bought = world.run().killed()
    world.account.start(*SMALL)
    world.clock.advance(LAG + 1)
    run = world.run()
    (leftover,) = find_unclaimed(run.log, run.recovery.creations, CHAT)
    assert leftover.instance_ids == (bought,)


def begun_elsewhere(world: World, arguments: Arguments = SMALL) -> str:
    """Kills another machine, whose journal is lost, while it creates the resource; returns the id that it bought."""
    world.states.began({"arguments": list(arguments)})
    bought = world.run(machine="there").killed(arguments=arguments)
    world.clock.advance(60)
    world.states.began(PENDING)  # and this run's own
    return bought


def test_what_another_machine_has_bought_is_taken_over_by_its_key(world: World) -> None:
    bought = begun_elsewhere(world)
    world.account.start(*SMALL)
    run = world.run()
    taken_over = run.create()
    assert (taken_over.instance_id, taken_over.inferred) == (bought, False)
    assert [order.instance_id for order in run.journal.open_orders()] == [bought]


def test_in_a_replacement_the_old_one_bears_the_same_key_and_is_not_taken(world: World) -> None:
    old = world.run().create().instance_id
    world.states.has(old)
    new = begun_elsewhere(world)
    assert world.run(machine="third").create().instance_id == new != old


def test_a_replacement_that_bought_nothing_does_not_take_the_old_one(world: World) -> None:
    old = world.run().create().instance_id
    world.states.has(old)
    world.states.began(PENDING)
    world.clock.advance(60)
    world.states.began(PENDING)
    run = world.run(machine="third")
    assert run.create().instance_id != old
    assert len(world.bought()) == 2


def test_what_this_process_has_been_shown_is_not_taken_by_its_key(world: World) -> None:
    old = world.run().create().instance_id  # its row is in no state that can be read
    world.states.began(PENDING)
    world.clock.advance(60)
    world.states.began(PENDING)
    run = world.run(machine="third")
    run.journal.confirm("ours", old)
    assert run.create().instance_id != old


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_name_in_no_state_is_asked_about_unless_the_account_is_exclusive(world: World, exclusive: bool) -> None:
    """The project was renamed, and the machine of the journal is gone."""
    bought = begun_elsewhere(world)
    world.account.tags[bought] = replace(world.account.tags[bought], key=ResourceKey("", "a name of before").digest)
    run = world.run(exclusive=exclusive)
    if exclusive:
        assert run.create().instance_id == bought
    else:
        with pytest.raises(UnclaimedPurchaseError, match=bought):
            run.create()
    assert world.bought() == {bought}


def test_what_bears_the_name_of_another_resource_is_not_asked_about(world: World) -> None:
    world.states.began(PENDING, urn=resource(1).urn)
    theirs = world.run(machine="there").killed(resource(1))
    world.states.began(PENDING)
    world.clock.advance(60)
    world.states.began(PENDING)
    assert world.run().create().instance_id != theirs


def test_two_that_bear_the_resources_key_are_asked_about(world: World) -> None:
    bought = {begun_elsewhere(world), world.account.start(*SMALL).instance_id}
    world.account.tags.update({instance_id: OrderRef(instance_id, CHAT.digest) for instance_id in bought})
    with pytest.raises(UnclaimedPurchaseError) as refusal:
        world.run(machine="third").create()
    assert all(instance_id in str(refusal.value) for instance_id in bought)
    assert world.bought() == bought


def test_what_was_begun_with_other_arguments_is_asked_about(world: World) -> None:
    bought = begun_elsewhere(world, LARGE)
    with pytest.raises(UnclaimedPurchaseError, match=bought):
        world.run().create()


@pytest.mark.parametrize("is_there", [True, False])
def test_in_the_ledger_an_order_only_counts_as_what_bears_its_tag(world: World, is_there: bool) -> None:
    run = world.run()
    world.account.lag = 0.0
    with suppress(Killed), run.commitments.reserve(lambda _: None, A_PRICE, SMALL) as commitment:
        run.purchases.buy(CHAT, SMALL, {"carried_out": run.answers_with(Killed())}, number=commitment.entry.number)
    (bought,) = world.bought()
    if not is_there:
        del world.account.machines[bought]
    world.clock.advance(0.1)
    spending = run.commitments.spending(A_PRICE)
    assert (bought in spending.running, len(spending.pending)) == (is_there, 0 if is_there else 1)


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from(["answered", "lost", "killed", "never sent", "elsewhere"]), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_whatever_happens_each_resource_has_its_own_purchase_and_one_only(plans: list[str], foreign: int) -> None:
    with TemporaryDirectory() as directory:
        world = World(Path(directory))
        saved: dict[ResourceKey, str] = {}
        for number, plan in enumerate(plans):
            key = resource(number)
            arguments = (f"kind {number}",)
            world.states.began({"arguments": list(arguments)}, key.urn)
            run = world.run(machine="there" if plan == "elsewhere" else "here")
            if plan in ("killed", "never sent", "elsewhere"):
                run.killed(key, arguments, carried_out=plan != "never sent")
                continue
            order = run.answers_with(AnswerLostError("the line broke"), arguments) if plan == "lost" else None
            saved[key] = run.create(key, arguments, order).instance_id
            world.states.pending.pop()
            world.states.has(saved[key], key.urn)
            run.dies()
        for number in range(foreign):
            world.account.start(f"kind {number}")
        run = world.run()
        for number in range(len(plans)):
            world.clock.advance(60)
            key = resource(number)
            if key not in saved:
                arguments = (f"kind {number}",)
                world.states.began({"arguments": list(arguments)}, key.urn)
                saved[key] = run.create(key, arguments).instance_id
        tags = world.account.tags
        assert {key: tags[instance_id].key for key, instance_id in saved.items()} == {key: key.digest for key in saved}
        assert world.bought() == set(saved.values())
        for run in world.runs:
            run.dies()


@pytest.mark.parametrize(
    ("instance_id", "token", "match"),
    [
        ("ours", "1f", OrderMatch.YES),
        ("ours", "2e", OrderMatch.NO),
        ("ours", "", OrderMatch.NO),
        ("untagged", "1f", OrderMatch.NO),
    ],
)
def test_only_the_orders_own_token_says_that_it_is_its(instance_id: str, token: str, match: OrderMatch) -> None:
    cloud = TaggingCloud(TaggedAccount(FakeClock(), tags={"ours": OrderRef("1f", CHAT.digest)}))
    assert cloud.match(Machine(instance_id, SMALL), OrderSpec(SMALL, token)) is match
