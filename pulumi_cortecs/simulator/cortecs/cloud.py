"""The simulated Cortecs: the effects of start, stop, restart and delete on instances, ledger and balance."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.cortecs.boot_plan import BootPlan, plan_boot
from pulumi_cortecs.simulator.cortecs.fleet import Fleet, StaleView, View
from pulumi_cortecs.simulator.cortecs.instances import CortecsRun, PurchasedArgs, Status, VirtualInstance
from pulumi_cortecs.simulator.cortecs.market import HardwareOffer, ModelOffer, SimulatedMarket, hf_name
from pulumi_cortecs.simulator.cortecs.orders import StartOrder, out_of_stock_error, require_stock, validate_order
from pulumi_cortecs.simulator.cortecs.serializers import Json, instance_json
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings
from pulumi_cortecs.simulator.cortecs.supply import Supply, plan_supply
from pulumi_cortecs.simulator.cortecs.tokens import Credential, Token, Tokens
from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    DELETE_FAULTS,
    ORDER_FAULTS,
    SERVING_FAULTS,
    STOP_FAULTS,
    SUPPLY_FAULTS,
    Fault,
    FaultKind,
    FaultTarget,
    ReusedId,
)
from pulumi_cortecs.simulator.lags import Lag, last_lag
from pulumi_cortecs.simulator.openai_api import ServedModel
from pulumi_cortecs.simulator.world import World

BASE = "/api/v1"
CURRENCY = "EUR"


class SimulatedCortecs:
    """The instances of all accounts, and their market."""

    name = CortecsRun.cloud

    def __init__(self, world: World):
        self.world = world
        self.market = SimulatedMarket(
            world.table("cortecs hardware types", HardwareOffer), world.table("cortecs models", ModelOffer)
        )
        self.tokens = Tokens(
            world.wall, world.table("cortecs credentials", Credential), world.table("cortecs tokens", Token)
        )
        self._fleet = Fleet(world.table("cortecs instances", VirtualInstance), world.table("cortecs echoes", StaleView))
        world.ledger.keep(self.name, world.table("runs", CortecsRun))
        world.join(self)

    @property
    def settings(self) -> CortecsSettings:
        """The current settings."""
        return self.world.settings_of(CortecsSettings)

    def reset(self) -> None:
        """Empties the cloud, and restores the original market. Clients and their tokens stay valid."""
        self.market.restock()
        self._fleet.clear()

    def settle(self, now: datetime) -> None:
        """End the runs whose scheduled stop is due by `now`, at the scheduled moment."""
        for instance, end in self._fleet.due(now):
            self._halt(instance, end.at)
            if end.vanishes:
                self._fleet.remove(instance)

    def true_states(self) -> dict[str, Json]:
        """The true state of all instances of all accounts, by their ids."""
        return {instance.instance_id: self.true_state(instance) for instance in self.all_instances()}

    def true_state(self, instance: VirtualInstance) -> Json:
        """The true state of an instance, including values that lists do not show."""
        return {
            **instance_json(instance, self.world.now(), self.world.serving.origin_of(instance.instance_id)),
            "cloud": self.name,
            "account": instance.account,
            "listed_from": timestamp(instance.listed_from),
            "found_from": timestamp(instance.found_from),
            "stuck_at_step": instance.boot.stuck_at_step,
            "ends_at": timestamp(instance.ends.at) if instance.ends else None,
        }

    def expire_tokens(self) -> None:
        """Invalidate all access tokens."""
        self.tokens.expire_all()

    def all_instances(self) -> list[VirtualInstance]:
        """All instances of all accounts in their true state, lag or not."""
        self.world.now()
        return list(self._fleet)

    def get_any(self, instance_id: str) -> VirtualInstance | None:
        """An instance of any account, in its true state."""
        self.world.now()
        return self._fleet.get(instance_id)

    def list_visible(self, account: str) -> list[View]:
        """An account's instances as its list shows them."""
        return self._fleet.list_visible(account, self.world.now())

    def find_visible(self, account: str, instance_id: str) -> View:
        """An instance as the answer by id shows it. Raises ApiError for an unknown id, and for another account's."""
        view = self._fleet.find_visible(account, instance_id, self.world.now())
        if view is None:
            raise self._unknown_error(instance_id)
        return view

    def start(self, account: str, order: StartOrder) -> VirtualInstance:
        """Buy and boot an instance; returns it as the answer shows it. Raises ApiError for a refused order."""
        args = validate_order(order, self.market, self.settings)
        now = self.world.now()
        target = replace(_fault_target("POST", "/instances/start", args), new_instance=True)
        plan = self._check_order(account, args, target, now)
        supply = self._plan_supply(account, args, target)
        instance = VirtualInstance(
            account=account,
            instance_id=supply.instance_id or self.world.new_id(),
            args=supply.args,
            boot=plan.boot,
            listed_from=plan.listed_from,
            found_from=plan.found_from,
            ends=plan.ends,
            late=plan.late,
        )
        if supply.made:
            self._fleet.keep_stale_view(instance, now, Lag())  # an earlier instance of that id is not shown any more
            self._begin(instance, self._take_matching(target, SERVING_FAULTS))
        return replace(instance, instance_id=supply.answered_id or instance.instance_id)

    def restart(self, account: str, instance_id: str) -> VirtualInstance:
        """Boot a stopped instance again, at today's price. Raises ApiError for one that is not stopped."""
        instance = self._require_own(account, instance_id)
        now = self.world.now()
        status = instance.status(now)
        if status is not Status.STOPPED:
            raise ApiError(400, f"Instance {instance_id} is already {status.value}.")
        require_stock(instance.args.hardware_type_id, self.market)
        target = _fault_target("POST", "/instances/restart", instance.args, instance_id)
        plan = self._check_order(account, instance.args, target, now)
        args = self._plan_supply(account, instance.args, target).args
        restarted = replace(instance, args=args, boot=plan.boot, stopped_at=None, ends=plan.ends, late=plan.late)
        self._begin(restarted, self._take_matching(target, SERVING_FAULTS))
        self._fleet.keep_stale_view(instance, now, plan.late)
        return restarted

    def stop(self, account: str, instance_id: str) -> VirtualInstance:
        """End a run at once; stopping a stopped instance changes nothing."""
        instance = self._require_own(account, instance_id)
        now, settings = self.world.now(), self.settings
        status = instance.status(now)
        required = {Status.STOPPED: settings.stop_stopped_status, Status.PENDING: settings.stop_pending_status}
        if required.get(status, 200) != 200:
            raise ApiError(required[status], f"Instance {instance_id} is {status.value}.")
        return instance if status is Status.STOPPED else self._stop_with_lag(instance, now, "/instances/stop")

    def stop_all(self, account: str) -> list[str]:
        """End every run of an account, pending ones too; returns the ids of the stopped instances."""
        now = self.world.now()
        ended = [instance for instance in self._fleet if instance.account == account and instance.stopped_at is None]
        for instance in ended:
            self._stop_with_lag(instance, now, "/instances/stop-all")
        return [instance.instance_id for instance in ended]

    def delete(self, account: str, instance_id: str) -> None:
        """Delete a stopped instance. Raises ApiError for one that is not stopped."""
        instance = self._require_own(account, instance_id)
        now = self.world.now()
        status = instance.status(now)
        if status is not Status.STOPPED:
            raise ApiError(400, f"Instance {instance_id} is {status.value}: only stopped instances can be deleted.")
        self._delete_with_lag(instance, now, f"/instances/{instance_id}")

    def delete_all(self, account: str, *, force: bool) -> list[str]:
        """Delete an account's stopped instances, or with `force` all of them; returns the ids."""
        now = self.world.now()
        removable = [
            instance
            for instance in self._fleet
            if instance.account == account and (force or instance.status(now) is Status.STOPPED)
        ]
        for instance in removable:
            self._delete_with_lag(self._halt(instance, now), now, "/instances/delete-all")
        return [instance.instance_id for instance in removable]

    def stop_from_outside(self, instance_id: str) -> Json:
        """Stop an instance, as a user does in the vendor's console; returns its true state. Raises ApiError for an
        unknown id."""
        return self.true_state(self._halt(self._require(instance_id), self.world.now()))

    def place(self, account: str, instance_id: str, order: StartOrder, *, age: float, stopped: bool) -> VirtualInstance:
        """Place an instance that was started `age` seconds ago under this id, independent of balance and faults.

        Raises ApiError for an invalid order, and for an id that is taken."""
        if self.get_any(instance_id) is not None:
            raise ApiError(400, f"instance_id {instance_id!r} is taken.")
        args, now = validate_order(order, self.market, self.settings), self.world.now()
        try:
            boot = plan_boot((), self.settings, now - timedelta(seconds=age)).boot
        except OverflowError:
            raise ApiError(400, f"age {age:g}: the start is before the calendar begins.") from None
        instance = VirtualInstance(
            account, instance_id, args, boot, listed_from=boot.started_at, found_from=boot.started_at
        )
        self._begin(instance)
        return self._halt(instance, now) if stopped else instance

    def vanish(self, instance_id: str) -> None:
        """Remove an instance, running or not, without a request of a client. Raises ApiError for an unknown id."""
        self._fleet.remove(self._halt(self._require(instance_id), self.world.now()))

    def balance(self, account: str) -> Money:
        """The remaining prepaid balance. Running instances can take it below zero, because the vendor documents no
        other behaviour."""
        billed = self.world.ledger.totals(self.world.now(), account).get(CURRENCY, Money.zero(CURRENCY))
        return Money(self.settings.initial_balance, CURRENCY) - billed

    def find_served_model(self, instance_id: str) -> ServedModel | None:
        """The model that answers below `/serve/{instance_id}`."""
        instance = self.get_any(instance_id)
        if instance is None:
            return None
        return ServedModel(
            instance_id=instance_id,
            status=instance.status(self.world.now()).value,
            model_name=hf_name(instance.args.model_id),
            model_id=instance.args.model_id,
            context_length=instance.args.context_length,
            started_at=instance.boot.started_at,
            ready_at=instance.boot.ready_at,
        )

    def _require(self, instance_id: str) -> VirtualInstance:
        instance = self.get_any(instance_id)
        if instance is None:
            raise ApiError(404, f"instance_id {instance_id!r}: no such instance.")
        return instance

    def _require_own(self, account: str, instance_id: str) -> VirtualInstance:
        """An account's instance in its true state: requests for a change do not see the lag of lists."""
        now = self.world.now()
        instance = self._fleet.get(instance_id)
        if instance is None or instance.account != account or instance.found_from > now:
            raise self._unknown_error(instance_id)
        return instance

    def _unknown_error(self, instance_id: str) -> ApiError:
        return ApiError(self.settings.unknown_id_status, f"instance_id {instance_id!r}: no such instance.")

    def _check_order(self, account: str, args: PurchasedArgs, target: FaultTarget, now: datetime) -> BootPlan:
        """Check the balance and the faults; returns the plan of the boot. Raises ApiError if the order is refused."""
        status = self.settings.empty_balance_status
        if status != 200 and (balance := self.balance(account)) <= Money.zero(CURRENCY):
            raise ApiError(status, f"The balance is {balance}: it must be above zero to start an instance.")

        def count_workers() -> int:
            others = [
                instance for instance in self._fleet if instance.account == account and instance.stopped_at is None
            ]
            return args.num_workers + sum(other.args.num_workers for other in others)

        for fault in self._take_matching(replace(target, workers=count_workers), ORDER_FAULTS):
            raise _fault_error(fault, args)
        return plan_boot(self._take_matching(target, BOOT_FAULTS), self.settings, now)

    def _plan_supply(self, account: str, args: PurchasedArgs, target: FaultTarget) -> Supply:
        def list_reusable(of: str) -> list[str]:
            # a dict, so that an id that occurs twice has its last place
            mine = {instance.instance_id: instance for instance in self._fleet if instance.account == account}
            if ReusedId(of) is ReusedId.EXISTING:
                return list(mine)
            runs = {run.instance_id: run for run in self.world.ledger if run.account == account}
            return [instance_id for instance_id in runs if self._fleet.get(instance_id) is None]

        faults = self._take_matching(replace(target, reusable=list_reusable), SUPPLY_FAULTS)
        return plan_supply(args, faults, self.market, list_reusable)

    def _take_matching(self, target: FaultTarget, kinds: Collection[FaultKind]) -> list[Fault]:
        return self.world.faults.take_matching(target, kinds)

    def _begin(self, instance: VirtualInstance, serving_faults: Iterable[Fault] = ()) -> None:
        self._fleet.put(instance)
        self.world.serving.begin(instance.instance_id, serving_faults, instance.boot.started_at)
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

    def _stop_with_lag(self, instance: VirtualInstance, now: datetime, path: str) -> VirtualInstance:
        lag = last_lag(
            self._take_matching(_fault_target("POST", path, instance.args, instance.instance_id), STOP_FAULTS)
        )
        stopped = self._halt(instance, now)
        self._fleet.keep_stale_view(instance, now, lag)
        return stopped

    def _delete_with_lag(self, instance: VirtualInstance, now: datetime, path: str) -> None:
        lag = last_lag(
            self._take_matching(_fault_target("DELETE", path, instance.args, instance.instance_id), DELETE_FAULTS)
        )
        self._fleet.remove(instance)
        self._fleet.keep_stale_view(instance, now, lag)

    def _halt(self, instance: VirtualInstance, at: datetime) -> VirtualInstance:
        """End the run at that moment, unless it has ended before."""
        if instance.stopped_at is not None:
            return instance
        self.world.ledger.end(instance.instance_id, at)
        self.world.serving.end(instance.instance_id)
        stopped = replace(instance, stopped_at=at, ends=None, late=Lag())
        self._fleet.put(stopped)
        return stopped


def matched_by(args: PurchasedArgs) -> Mapping[str, str]:
    """The arguments by which faults can match."""
    return {"model_id": args.model_id}


def _fault_target(method: str, path: str, args: PurchasedArgs, instance_id: str | None = None) -> FaultTarget:
    return FaultTarget(method, f"{BASE}{path}", BASE, instance_id, matched_by(args))


def _fault_error(fault: Fault, args: PurchasedArgs) -> ApiError:
    if fault.kind is FaultKind.OUT_OF_STOCK:
        return out_of_stock_error(args.hardware_type_id, fault.status)
    if fault.kind is FaultKind.INSUFFICIENT_FUNDS:
        return ApiError(fault.status, "The balance does not suffice to start an instance.")
    return ApiError(fault.status, f"The quota of {fault.number('limit'):g} workers is used up.")
