"""The simulated Cortecs account: what start, stop, restart and delete do to instances, ledger and balance."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.cortecs.answers import Json, instance_json
from pulumi_cortecs.simulator.cortecs.fate import Fate, fate, lag
from pulumi_cortecs.simulator.cortecs.fleet import Echo, Fleet, Seen
from pulumi_cortecs.simulator.cortecs.instances import Instance, InstanceArgs, Late, Status
from pulumi_cortecs.simulator.cortecs.market import Market, Model, Offer, hf_name
from pulumi_cortecs.simulator.cortecs.orders import Order, accepted, in_stock, out_of_stock
from pulumi_cortecs.simulator.cortecs.runs import CortecsRun
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings
from pulumi_cortecs.simulator.cortecs.supply import Supply, supplied
from pulumi_cortecs.simulator.cortecs.tokens import Credential, Token, Tokens
from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    DELETE_FAULTS,
    ORDER_FAULTS,
    STOP_FAULTS,
    SUPPLY_FAULTS,
    Call,
    Fault,
    FaultKind,
)
from pulumi_cortecs.simulator.refusal import Refused
from pulumi_cortecs.simulator.serving import Served
from pulumi_cortecs.simulator.supplied import Reused
from pulumi_cortecs.simulator.timestamps import timestamp
from pulumi_cortecs.simulator.world import World

BASE = "/api/v1"
CURRENCY = "EUR"


class CortecsCloud:
    """All accounts' instances, and the market they rent from."""

    name = CortecsRun.cloud

    def __init__(self, world: World):
        self.world = world
        self.market = Market(world.shelf("cortecs hardware types", Offer), world.shelf("cortecs models", Model))
        self.tokens = Tokens(
            world.wall, world.shelf("cortecs credentials", Credential), world.shelf("cortecs tokens", Token)
        )
        self._fleet = Fleet(world.shelf("cortecs instances", Instance), world.shelf("cortecs echoes", Echo))
        world.ledger.keep(self.name, world.shelf("runs", CortecsRun))
        world.join(self)

    @property
    def settings(self) -> CortecsSettings:
        """The knobs as they are now."""
        return self.world.settings_of(CortecsSettings)

    def reset(self) -> None:
        """An empty cloud with the original market. Clients and their tokens stay good."""
        self.market.restock()
        self._fleet.clear()

    def settle(self, now: datetime) -> None:
        """Runs that were to end by themselves by `now` end, at the moment they were due."""
        for instance, end in self._fleet.due(now):
            self._halt(instance, end.at)
            if end.vanishes:
                self._fleet.remove(instance)

    def truths(self) -> dict[str, Json]:
        """All instances of all accounts as they really are, by their ids."""
        return {each.instance_id: self.truth(each) for each in self.every()}

    def truth(self, instance: Instance) -> Json:
        """An instance as it really is, and what lists do not show of it."""
        return {
            **instance_json(instance, self.world.now(), self.world.origin),
            "cloud": self.name,
            "account": instance.account,
            "listed_from": timestamp(instance.listed_from),
            "found_from": timestamp(instance.found_from),
            "stuck_at_step": instance.boot.stuck_at_step,
            "ends_at": timestamp(instance.ends.at) if instance.ends else None,
        }

    def expire_tokens(self) -> None:
        """Every access token given out so far is refused from now on."""
        self.tokens.expire_all()

    def every(self) -> list[Instance]:
        """All instances of all accounts as they really are, lag or not."""
        self.world.now()
        return list(self._fleet)

    def anyones(self, instance_id: str) -> Instance | None:
        """An instance whosever it is, as it really is."""
        self.world.now()
        return self._fleet.get(instance_id)

    def listed(self, account: str) -> list[Seen]:
        """What the list shows of an account's instances."""
        return self._fleet.listed(account, self.world.now())

    def found(self, account: str, instance_id: str) -> Seen:
        """What the answer by id shows. Raises Refused for an unknown id, and for another account's."""
        seen = self._fleet.found(account, instance_id, self.world.now())
        if seen is None:
            raise self._unknown(instance_id)
        return seen

    def start(self, account: str, order: Order) -> Instance:
        """Buys and boots a new instance; what the answer says of it. Raises Refused for an order that is not filled."""
        args = accepted(order, self.market, self.settings)
        now = self.world.now()
        call = replace(_call("POST", "/instances/start", args), new_instance=True)
        going = self._ordered(account, args, call, now)
        supply = self._supplied(account, args, call)
        instance = Instance(
            account=account,
            instance_id=supply.instance_id or self.world.new_id(),
            args=supply.args,
            boot=going.boot,
            listed_from=going.listed_from,
            found_from=going.found_from,
            ends=going.ends,
            late=going.late,
        )
        if supply.made:
            self._fleet.echo(instance, now, Late())  # an earlier one of that id does not show any more
            self._begin(instance)
        return replace(instance, instance_id=supply.answered_id or instance.instance_id)

    def restart(self, account: str, instance_id: str) -> Instance:
        """Boots a stopped instance again, at today's price. Raises Refused for one that is not stopped."""
        instance = self._own(account, instance_id)
        now = self.world.now()
        status = instance.status(now)
        if status is not Status.STOPPED:
            raise Refused(400, f"Instance {instance_id} is already {status.value}.")
        in_stock(instance.args.hardware_type_id, self.market)
        call = _call("POST", "/instances/restart", instance.args, instance_id)
        going = self._ordered(account, instance.args, call, now)
        args = self._supplied(account, instance.args, call).args
        again = replace(instance, args=args, boot=going.boot, stopped_at=None, ends=going.ends, late=going.late)
        self._begin(again)
        self._fleet.echo(instance, now, going.late)
        return again

    def stop(self, account: str, instance_id: str) -> Instance:
        """Ends a run at once; stopping a stopped instance changes nothing."""
        instance = self._own(account, instance_id)
        now, settings = self.world.now(), self.settings
        status = instance.status(now)
        required = {Status.STOPPED: settings.stop_stopped_status, Status.PENDING: settings.stop_pending_status}
        if required.get(status, 200) != 200:
            raise Refused(required[status], f"Instance {instance_id} is {status.value}.")
        return instance if status is Status.STOPPED else self._stop(instance, now, "/instances/stop")

    def stop_all(self, account: str) -> list[str]:
        """Ends every run of an account, pending ones too; the ids of those it ended."""
        now = self.world.now()
        ended = [each for each in self._fleet if each.account == account and each.stopped_at is None]
        for instance in ended:
            self._stop(instance, now, "/instances/stop-all")
        return [instance.instance_id for instance in ended]

    def delete(self, account: str, instance_id: str) -> None:
        """Forgets a stopped instance. Raises Refused for one that is not stopped."""
        instance = self._own(account, instance_id)
        now = self.world.now()
        status = instance.status(now)
        if status is not Status.STOPPED:
            raise Refused(400, f"Instance {instance_id} is {status.value}: only stopped instances can be deleted.")
        self._delete(instance, now, f"/instances/{instance_id}")

    def delete_all(self, account: str, *, force: bool) -> list[str]:
        """Forgets an account's stopped instances, or with `force` all of them, ending their runs; the ids."""
        now = self.world.now()
        doomed = [
            each for each in self._fleet if each.account == account and (force or each.status(now) is Status.STOPPED)
        ]
        for instance in doomed:
            self._delete(self._halt(instance, now), now, "/instances/delete-all")
        return [instance.instance_id for instance in doomed]

    def stop_from_outside(self, instance_id: str) -> Instance:
        """What somebody does in the vendor's console. Raises Refused for an unknown id."""
        instance = self._really(instance_id)
        return instance if instance.stopped_at is not None else self._halt(instance, self.world.now())

    def put(self, account: str, instance_id: str, order: Order, *, age: float, stopped: bool) -> Instance:
        """An instance that was started `age` seconds ago under an id that is known from elsewhere, whatever balance and
        faults say. Raises Refused for an order that is not filled, and for an id that is taken."""
        if self.anyones(instance_id) is not None:
            raise Refused(400, f"instance_id {instance_id!r} is taken.")
        args, now = accepted(order, self.market, self.settings), self.world.now()
        try:
            boot = fate((), self.settings, now - timedelta(seconds=age)).boot
        except OverflowError:
            raise Refused(400, f"age {age:g}: that is before the calendar begins.") from None
        instance = Instance(account, instance_id, args, boot, listed_from=boot.started_at, found_from=boot.started_at)
        self._begin(instance)
        return self._halt(instance, now) if stopped else instance

    def vanish(self, instance_id: str) -> None:
        """An instance is gone, running or not, and no client asked for it. Raises Refused for an unknown id."""
        self._fleet.remove(self._halt(self._really(instance_id), self.world.now()))

    def balance(self, account: str) -> Money:
        """What is left of the prepaid balance; running instances take it below zero, as nothing else is documented."""
        billed = self.world.ledger.totals(self.world.now(), account).get(CURRENCY, Money.zero(CURRENCY))
        return Money(self.settings.initial_balance, CURRENCY) - billed

    def served(self, instance_id: str) -> Served | None:
        """What answers below `/serve/{instance_id}`."""
        instance = self.anyones(instance_id)
        if instance is None:
            return None
        return Served(
            instance_id=instance_id,
            status=instance.status(self.world.now()).value,
            model_name=hf_name(instance.args.model_id),
            model_id=instance.args.model_id,
            context_length=instance.args.context_length,
            started_at=instance.boot.started_at,
        )

    def _really(self, instance_id: str) -> Instance:
        instance = self.anyones(instance_id)
        if instance is None:
            raise Refused(404, f"There is no instance {instance_id!r}.")
        return instance

    def _own(self, account: str, instance_id: str) -> Instance:
        """An account's instance as it really is: what asks for a change is not served from where lists come from."""
        now = self.world.now()
        instance = self._fleet.get(instance_id)
        if instance is None or instance.account != account or instance.found_from > now:
            raise self._unknown(instance_id)
        return instance

    def _unknown(self, instance_id: str) -> Refused:
        return Refused(self.settings.unknown_id_status, f"There is no instance {instance_id!r}.")

    def _ordered(self, account: str, args: InstanceArgs, call: Call, now: datetime) -> Fate:
        """How the run goes that may begin now. Raises Refused where the balance or a fault says no."""
        status = self.settings.empty_balance_status
        if status != 200 and (balance := self.balance(account)) <= Money.zero(CURRENCY):
            raise Refused(status, f"The balance is {balance}: it must be above zero to start an instance.")

        def workers() -> int:
            others = [each for each in self._fleet if each.account == account and each.stopped_at is None]
            return args.num_workers + sum(each.args.num_workers for each in others)

        for fault in self._hitting(replace(call, workers=workers), ORDER_FAULTS):
            raise _no(fault, args)
        return fate(self._hitting(call, BOOT_FAULTS), self.settings, now)

    def _supplied(self, account: str, args: InstanceArgs, call: Call) -> Supply:
        def reusable(of: str) -> list[str]:
            # a dict, because an id that came twice stands where it came last
            mine = {each.instance_id: each for each in self._fleet if each.account == account}
            if Reused(of) is Reused.EXISTING:
                return list(mine)
            runs = {run.instance_id: run for run in self.world.ledger if run.account == account}
            return [each for each in runs if self._fleet.get(each) is None]

        faults = self._hitting(replace(call, reusable=reusable), SUPPLY_FAULTS)
        return supplied(args, faults, self.market, reusable)

    def _hitting(self, call: Call, kinds: Collection[FaultKind]) -> list[Fault]:
        return self.world.faults.hitting(call, kinds)

    def _begin(self, instance: Instance) -> None:
        self._fleet.put(instance)
        boot, args = instance.boot, instance.args
        self.world.ledger.begin(
            CortecsRun(
                account=instance.account,
                instance_id=instance.instance_id,
                hardware=self.market.offers[args.hardware_type_id].hardware,
                billing_interval=args.billing_interval,
                num_workers=args.num_workers,
                started_at=boot.started_at,
                billed_from=boot.started_at if self.settings.bill_pending else boot.ready_at,
            )
        )

    def _stop(self, instance: Instance, now: datetime, path: str) -> Instance:
        late = _latest(self._hitting(_call("POST", path, instance.args, instance.instance_id), STOP_FAULTS))
        stopped = self._halt(instance, now)
        self._fleet.echo(instance, now, late)
        return stopped

    def _delete(self, instance: Instance, now: datetime, path: str) -> None:
        late = _latest(self._hitting(_call("DELETE", path, instance.args, instance.instance_id), DELETE_FAULTS))
        self._fleet.remove(instance)
        self._fleet.echo(instance, now, late)

    def _halt(self, instance: Instance, at: datetime) -> Instance:
        """Stopped at that moment, unless it was before."""
        if instance.stopped_at is not None:
            return instance
        self.world.ledger.end(instance.instance_id, at)
        stopped = replace(instance, stopped_at=at, ends=None, late=Late())
        self._fleet.put(stopped)
        return stopped


def matched_by(args: InstanceArgs) -> Mapping[str, str]:
    """The arguments that faults may be matched by."""
    return {"model_id": args.model_id}


def _call(method: str, path: str, args: InstanceArgs, instance_id: str | None = None) -> Call:
    return Call(method, f"{BASE}{path}", BASE, instance_id, matched_by(args))


def _no(fault: Fault, args: InstanceArgs) -> Refused:
    if fault.kind is FaultKind.OUT_OF_STOCK:
        return out_of_stock(args.hardware_type_id, fault.status)
    if fault.kind is FaultKind.INSUFFICIENT_FUNDS:
        return Refused(fault.status, "The balance does not suffice to start an instance.")
    return Refused(fault.status, f"The quota of {fault.number('limit'):g} workers is used up.")


def _latest(lags: Iterable[Fault]) -> Late:
    return lag(next(reversed(list(lags)), None))
