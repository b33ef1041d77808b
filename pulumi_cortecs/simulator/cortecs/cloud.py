"""The simulated Cortecs account: what start, stop, restart and delete do to instances, ledger and balance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.cortecs.instances import Boot, Instance, InstanceArgs, Status
from pulumi_cortecs.simulator.cortecs.market import Market, hf_name
from pulumi_cortecs.simulator.cortecs.orders import Order, accepted, in_stock
from pulumi_cortecs.simulator.cortecs.tokens import Tokens
from pulumi_cortecs.simulator.faults import Call, FaultKind
from pulumi_cortecs.simulator.ledger import Run
from pulumi_cortecs.simulator.refusal import Refused
from pulumi_cortecs.simulator.serving import Served
from pulumi_cortecs.simulator.world import World

BASE = "/api/v1"
CURRENCY = "EUR"


class CortecsCloud:
    """All accounts' instances, and the market they rent from."""

    def __init__(self, world: World):
        self.world = world
        self.tokens = Tokens(world.monotonic)
        world.join(self)

    def reset(self) -> None:
        """An empty cloud with the original market. Clients and their tokens stay good."""
        self.market = Market()
        self._instances: dict[str, Instance] = {}
        self._stops_due: dict[str, datetime] = {}

    def settle(self, now: datetime) -> None:
        """Stops from outside that were due by `now` happen, at the moment they were due."""
        for instance_id, due in [(each, due) for each, due in self._stops_due.items() if due <= now]:
            self._halt(self._instances[instance_id], due)

    def every(self) -> list[Instance]:
        """All instances of all accounts as they really are, lag or not."""
        self.world.now()
        return list(self._instances.values())

    def anyones(self, instance_id: str) -> Instance | None:
        """An instance whosever it is, as it really is."""
        self.world.now()
        return self._instances.get(instance_id)

    def listed(self, account: str) -> list[Instance]:
        """What the list shows: an account's instances without those that a list lag still hides."""
        now = self.world.now()
        return [each for each in self._instances.values() if each.account == account and each.listed_from <= now]

    def found(self, account: str, instance_id: str) -> Instance:
        """An account's instance by its id. Raises Refused for an unknown one, and for another account's."""
        now = self.world.now()
        instance = self._instances.get(instance_id)
        if instance is None or instance.account != account or instance.found_from > now:
            raise Refused(self.world.settings.unknown_id_status, f"There is no instance {instance_id!r}.")
        return instance

    def start(self, account: str, order: Order) -> Instance:
        """Buys and boots a new instance. Raises Refused for an order that cannot be filled."""
        args = accepted(order, self.market, self.world.settings)
        now = self.world.now()
        boot, lag, lag_by_id, stop_after = self._boot(args, now, new=True)
        instance = Instance(
            account=account,
            instance_id=self.world.new_id(),
            args=args,
            boot=boot,
            listed_from=now + timedelta(seconds=lag),
            found_from=now + timedelta(seconds=lag_by_id),
        )
        self._begin(instance, stop_after)
        return instance

    def restart(self, account: str, instance_id: str) -> Instance:
        """Boots a stopped instance again, at today's price. Raises Refused for one that is not stopped."""
        instance = self.found(account, instance_id)
        now = self.world.now()
        status = instance.status(now)
        if status is not Status.STOPPED:
            raise Refused(400, f"Instance {instance_id} is already {status.value}.")
        in_stock(instance.args.hardware_type_id, self.market)
        boot, _, _, stop_after = self._boot(instance.args, now, new=False)
        again = replace(instance, boot=boot, stopped_at=None)
        self._begin(again, stop_after)
        return again

    def stop(self, account: str, instance_id: str) -> Instance:
        """Ends a run at once; stopping a stopped instance changes nothing."""
        instance = self.found(account, instance_id)
        now, settings = self.world.now(), self.world.settings
        status = instance.status(now)
        required = {Status.STOPPED: settings.stop_stopped_status, Status.PENDING: settings.stop_pending_status}
        if required.get(status, 200) != 200:
            raise Refused(required[status], f"Instance {instance_id} is {status.value}.")
        return instance if status is Status.STOPPED else self._halt(instance, now)

    def stop_all(self, account: str) -> list[str]:
        """Ends every run of an account, pending ones too; the ids of those it ended."""
        now = self.world.now()
        ended = [each for each in self._instances.values() if each.account == account and each.stopped_at is None]
        for instance in ended:
            self._halt(instance, now)
        return [instance.instance_id for instance in ended]

    def delete(self, account: str, instance_id: str) -> None:
        """Forgets a stopped instance. Raises Refused for one that is not stopped."""
        instance = self.found(account, instance_id)
        status = instance.status(self.world.now())
        if status is not Status.STOPPED:
            raise Refused(400, f"Instance {instance_id} is {status.value}: only stopped instances can be deleted.")
        self._forget([instance])

    def delete_all(self, account: str, *, force: bool) -> list[str]:
        """Forgets an account's stopped instances, or with `force` all of them, ending their runs; the ids."""
        now = self.world.now()
        doomed = [
            each
            for each in self._instances.values()
            if each.account == account and (force or each.status(now) is Status.STOPPED)
        ]
        self._forget(doomed)
        return [instance.instance_id for instance in doomed]

    def stop_from_outside(self, instance_id: str) -> Instance:
        """What somebody does in the vendor's console. Raises Refused for an unknown id."""
        instance = self._really(instance_id)
        return instance if instance.stopped_at is not None else self._halt(instance, self.world.now())

    def vanish(self, instance_id: str) -> None:
        """An instance is gone, running or not, and no client asked for it. Raises Refused for an unknown id."""
        self._forget([self._really(instance_id)])

    def balance(self, account: str) -> Money:
        """What is left of the prepaid balance; nothing is documented about zero, so it goes on below it."""
        billed = self.world.ledger.totals(self.world.now(), account).get(CURRENCY, Money.zero(CURRENCY))
        return Money(self.world.settings.initial_balance, CURRENCY) - billed

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

    def _boot(self, args: InstanceArgs, now: datetime, *, new: bool) -> tuple[Boot, float, float, float | None]:
        """How this boot goes, the lag in lists and by id, and after how many seconds it is stopped from outside."""
        stuck_at, lag, lag_by_id, stop_after = None, 0.0, 0.0, None
        path = f"{BASE}/instances/{'start' if new else 'restart'}"
        call = Call("POST", path, BASE, args.model_id, new_instance=new)
        for fault in self.world.faults.hitting_boot(call):
            if fault.kind is FaultKind.STUCK_BOOT:
                stuck_at = int(fault.parameter("step"))
            elif fault.kind is FaultKind.LIST_LAG:
                lag = fault.parameter("seconds")
                lag_by_id = lag if fault.parameter("by_id") else 0.0
            elif fault.kind is FaultKind.STOP_FROM_OUTSIDE:
                stop_after = fault.parameter("seconds")
        settings = self.world.settings
        boot = Boot(now, settings.boot_seconds, settings.worker_stagger_seconds, stuck_at)
        return boot, lag, lag_by_id, stop_after

    def _begin(self, instance: Instance, stop_after: float | None) -> None:
        self._instances[instance.instance_id] = instance
        boot, args = instance.boot, instance.args
        if stop_after is not None:
            self._stops_due[instance.instance_id] = boot.started_at + timedelta(seconds=stop_after)
        self.world.ledger.begin(
            Run(
                account=instance.account,
                instance_id=instance.instance_id,
                hardware=self.market.offers[args.hardware_type_id].hardware,
                billing_interval=args.billing_interval,
                num_workers=args.num_workers,
                started_at=boot.started_at,
                billed_from=boot.started_at if self.world.settings.bill_pending else boot.ready_at,
            )
        )

    def _halt(self, instance: Instance, at: datetime) -> Instance:
        self._stops_due.pop(instance.instance_id, None)
        self.world.ledger.end(instance.instance_id, at)
        stopped = replace(instance, stopped_at=at)
        self._instances[instance.instance_id] = stopped
        return stopped

    def _forget(self, instances: Iterable[Instance]) -> None:
        now = self.world.now()
        for instance in instances:
            self._halt(instance, now)
            del self._instances[instance.instance_id]
