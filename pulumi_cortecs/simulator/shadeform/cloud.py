"""The simulated Shadeform: the effects of orders, updates, restarts and deletions on instances, volumes and ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    DELETE_FAULTS,
    ORDER_FAULTS,
    SERVING_FAULTS,
    STOP_FAULTS,
    Fault,
    FaultKind,
    FaultTarget,
)
from pulumi_cortecs.simulator.instance_ports import Address
from pulumi_cortecs.simulator.lags import last_lag
from pulumi_cortecs.simulator.openai_api import ServedModel
from pulumi_cortecs.simulator.shadeform import container, serializers
from pulumi_cortecs.simulator.shadeform.errors import conflict, insufficient_funds, not_found, out_of_stock
from pulumi_cortecs.simulator.shadeform.fleet import Echo, Fleet, View
from pulumi_cortecs.simulator.shadeform.instances import (
    Json,
    LifePlan,
    Status,
    VirtualInstance,
    docker_configuration,
    matched_by,
    plan_life,
)
from pulumi_cortecs.simulator.shadeform.market import CURRENCY, InstanceOffer, ShadeformMarket
from pulumi_cortecs.simulator.shadeform.orders import Order, validate_order
from pulumi_cortecs.simulator.shadeform.requests import CreateRequest, CreateVolumeRequest
from pulumi_cortecs.simulator.shadeform.runs import ShadeformRun
from pulumi_cortecs.simulator.shadeform.settings import ShadeformSettings
from pulumi_cortecs.simulator.shadeform.storage import ACCOUNT, SshKey, SshKeys, Volume, Volumes
from pulumi_cortecs.simulator.world import World

BASE = "/v1"
MIN_BALANCE = Money(Decimal(5), CURRENCY)


class SimulatedShadeform:
    """The one account: its instances, volumes and keys, and the market."""

    name = ShadeformRun.cloud

    def __init__(self, world: World):
        self.world = world
        self._fleet = Fleet(world.table("shadeform instances", VirtualInstance), world.table("shadeform echoes", Echo))
        self.market = ShadeformMarket(world.table("shadeform offers", InstanceOffer))
        self.ssh_keys = SshKeys(world.table("shadeform ssh keys", SshKey))
        self.volumes = Volumes(world.table("shadeform volumes", Volume), self.market, world.ledger)
        world.ledger.keep(self.name, world.table("shadeform runs", ShadeformRun))
        for instance in self._fleet:  # of a kept state, whose sockets are closed
            self._fleet.put(replace(instance, address=self._open(instance.instance_id, instance.container)))
        world.join(self)

    @property
    def settings(self) -> ShadeformSettings:
        """The current settings."""
        return self.world.settings_of(ShadeformSettings)

    def reset(self) -> None:
        """Empties the cloud, and restores the original market."""
        for instance in self._fleet:
            self.world.ports.release(instance.instance_id)
        self._fleet.clear()
        self.volumes.clear()
        self.market.restock()
        self.ssh_keys.reset()

    def settle(self, now: datetime) -> None:
        """Carry out the ends that are due by `now`, at their own moments."""
        for instance in self._fleet.due(now):
            self._change(instance)

    def true_states(self) -> dict[str, Json]:
        """The true state of all instances, by their ids."""
        self.world.now()
        return {instance.instance_id: self.true_state(instance) for instance in self._fleet}

    def true_state(self, instance: VirtualInstance) -> Json:
        """The true state of an instance."""
        return {
            **self.info_json(View(instance, self.world.clock.now())),
            "cloud": self.name,
            "provider": instance.offer.cloud,
            "account": ACCOUNT,
            "instance_id": instance.instance_id,
            "listed_from": timestamp(instance.listed_from),
            "found_from": timestamp(instance.found_from),
            "ends_at": timestamp(instance.scheduled_end.at) if instance.scheduled_end else None,
        }

    def expire_tokens(self) -> None:
        """Does nothing, because a key has no end."""

    def stop_from_outside(self, instance_id: str) -> Json:
        """Delete an instance, as a user does in the vendor's console; returns its true state."""
        return self.true_state(self._begin_deletion(self._require(instance_id), self.world.now()))

    def vanish(self, instance_id: str) -> None:
        """Remove an instance without a request of a client."""
        self._remove(self._begin_deletion(self._require(instance_id), self.world.now()))

    def get(self, instance_id: str) -> VirtualInstance | None:
        """An instance in its true state."""
        self.world.now()
        return self._fleet.get(instance_id)

    def list_visible(self) -> list[View]:
        """The instances as the list shows them."""
        return self._fleet.list_visible(self.world.now())

    def find_visible(self, instance_id: str) -> View:
        """An instance as the answer by id shows it. Raises ApiError for one that is not found."""
        view = self._fleet.find_visible(instance_id, self.world.now())
        if view is None:
            raise not_found("instance", instance_id)
        return view

    def list_json(self, view: View) -> Json:
        """A row of the list."""
        cost = self._cost(view.instance.run, view.instance.deleting_at)
        address = self._shown_address(view.instance)
        return serializers.instance_json(view.instance, view.as_of, address, cost, self.settings)

    def info_json(self, view: View) -> Json:
        """The answer by id."""
        return {**self.list_json(view), **serializers.info_fields(view.instance)}

    def volume_json(self, volume: Volume) -> Json:
        """A volume."""
        return serializers.volume_json(volume, self._fleet.mounted_by(volume.id), self._cost(volume.run, None))

    def create(self, request: CreateRequest) -> VirtualInstance:
        """Order an instance. Raises ApiError for a refused order."""
        now = self.world.now()
        order = validate_order(request, self.market, self.ssh_keys, self.volumes, self._fleet.mounted_by)
        target = replace(_target("/instances/create", order.arguments), new_instance=True)
        self._check_account(target)
        life = plan_life(self._take(target, BOOT_FAULTS), self.settings.boot_seconds, now)
        instance_id, assigned_id = self.world.new_id(), self.world.new_id()
        instance = VirtualInstance(
            instance_id=instance_id,
            cloud_assigned_id=assigned_id,
            order=order.arguments,
            launch_configuration=order.launch_configuration,
            ssh_key_id=order.key.id,
            offer=order.offer,
            run=self._run(instance_id, order, life),
            boot=life.boot,
            address=self._open(instance_id, docker_configuration(order.launch_configuration)),
            thresholds_since=now,
            listed_from=now + timedelta(seconds=life.unlisted.in_lists),
            found_from=now + timedelta(seconds=life.unlisted.by_id),
            end=life.end,
            late=life.late,
        )
        self._fleet.put(instance)
        self.world.serving.begin(instance_id, self._take(target, SERVING_FAULTS), now)
        self.world.ledger.begin(instance.run)
        return instance

    def update(self, instance_id: str, changes: dict[str, Any]) -> None:
        """Change name, tags, auto_delete and alert in place; None deletes."""
        instance, now = self._require_undeleted(instance_id), self.world.now()
        order = {**instance.order, **changes}
        since = now if "auto_delete" in changes else instance.thresholds_since
        self._fleet.put(replace(instance, order={**order, "tags": order["tags"] or []}, thresholds_since=since))

    def restart(self, instance_id: str) -> None:
        """Reboot an active instance; its status stays active."""
        instance, now = self._require_undeleted(instance_id), self.world.now()
        status = instance.status(now)
        if status is not Status.ACTIVE:
            raise conflict(f"instance {instance_id} is {status.value}")
        target = _target(f"/instances/{instance_id}/restart", instance.order, instance_id)
        self.world.serving.begin(instance_id, self._take(target, SERVING_FAULTS), now)
        self._fleet.put(replace(instance, answers_from=now + timedelta(seconds=self.settings.reboot_seconds)))

    def delete(self, instance_id: str) -> None:
        """Begin to delete an instance, which ends its bill; a second time changes nothing."""
        instance, now = self._require(instance_id), self.world.now()
        if instance.deleting_at is not None:
            return
        target = _target(f"/instances/{instance_id}/delete", instance.order, instance_id)
        late = last_lag(self._take(target, STOP_FAULTS))
        deleted = self._begin_deletion(replace(instance, late=late), now)
        self._fleet.keep_echo(deleted, last_lag(self._take(target, DELETE_FAULTS)), now)

    def create_volume(self, order: CreateVolumeRequest) -> str:
        """Create a volume; returns its id."""
        volume_id = self.world.new_id()
        self.volumes.create((volume_id, self.world.new_id()), order, self.settings, self.world.now())
        return volume_id

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume that no instance mounts."""
        now = self.world.now()
        self.volumes.delete(volume_id, now, mounted_by=self._fleet.mounted_by(volume_id))

    def delete_ssh_key(self, key_id: str) -> None:
        """Delete a key that no instance uses."""
        self.world.now()
        self.ssh_keys.delete(key_id, in_use=self._fleet.uses_key(key_id))

    def find_served_model(self, instance_id: str) -> ServedModel | None:
        """The model that the container of an instance serves; None without a container."""
        instance = self.get(instance_id)
        if instance is None or instance.container is None:
            return None
        server, now = container.server_of(instance.container), self.world.now()
        status = instance.status(now)
        is_up = status is Status.ACTIVE and (instance.answers_from is None or instance.answers_from <= now)
        return ServedModel(
            instance_id=instance_id,
            status="running" if is_up else "restarting" if status is Status.ACTIVE else status.value,
            model_name=server.name,
            model_id=server.model,
            context_length=server.context_length,
            started_at=instance.created_at,
            ready_at=instance.answers_from or instance.boot.active_at,
            api_key=server.api_key,
        )

    def _require(self, instance_id: str) -> VirtualInstance:
        """An instance in its true state: requests for a change do not see the lag of lists."""
        now, instance = self.world.now(), self._fleet.get(instance_id)
        if instance is None or instance.found_from > now:
            raise not_found("instance", instance_id)
        return instance

    def _require_undeleted(self, instance_id: str) -> VirtualInstance:
        instance = self._require(instance_id)
        if instance.deleting_at is not None:
            raise conflict(f"instance {instance_id} is deleting")
        return instance

    def _check_account(self, target: FaultTarget) -> None:
        """Raises ApiError for a fault that refuses the order, and for too low a balance."""
        for fault in self._take(target, ORDER_FAULTS - {FaultKind.QUOTA_EXCEEDED}):
            refusal = out_of_stock if fault.kind is FaultKind.OUT_OF_STOCK else insufficient_funds
            raise refusal(int(fault.parameters.get("status", 409)))
        billed = self.world.ledger.totals(self.world.now()).get(CURRENCY, Money.zero(CURRENCY))
        if Money(self.settings.shadeform_balance, CURRENCY) - billed < MIN_BALANCE:
            raise insufficient_funds()

    def _run(self, instance_id: str, order: Order, life: LifePlan) -> ShadeformRun:
        settings, offer, arguments = self.settings, order.offer, order.arguments
        return ShadeformRun(
            ACCOUNT,
            instance_id,
            resource="instance",
            product=f"{offer.cloud}/{arguments['region']}/{offer.shade_instance_type}",
            price_per_hour=offer.price if arguments["shade_cloud"] else Money.zero(CURRENCY),
            rounding=settings.shadeform_rounding,
            started_at=life.boot.started_at,
            billed_from=life.boot.billed_from(settings.shadeform_billing_start),
        )

    def _cost(self, run: ShadeformRun, ended_at: datetime | None) -> Money:
        """The cost that is shown, some time late."""
        at = self.world.clock.now() - timedelta(seconds=self.settings.cost_lag_seconds)
        return run.ended(None if ended_at is None else min(at, ended_at)).amount(at)

    def _open(self, instance_id: str, docker: Json | None) -> Address:
        ports = container.host_ports(docker)
        return self.world.ports.open(instance_id, ports, own_address=self.settings.own_addresses)

    def _shown_address(self, instance: VirtualInstance) -> Address:
        """The address, or that of a fault at which it cannot be reached."""
        origin = self.world.serving.origin_of(instance.instance_id)
        if origin == self.world.origin:
            return instance.address
        parts = urlsplit(origin)
        return Address(parts.hostname or "", dict.fromkeys(instance.address.ports, parts.port or 1))

    def _take(self, target: FaultTarget, kinds: Collection[FaultKind]) -> list[Fault]:
        return self.world.faults.take_matching(target, kinds)

    def _change(self, instance: VirtualInstance) -> None:
        """Carry out the change that is due."""
        end = instance.scheduled_end
        if instance.deleted_at is not None or end is None:
            return self._remove(instance)
        deleting = self._begin_deletion(instance, end.at)
        return self._remove(deleting) if end.vanishes else None

    def _begin_deletion(self, instance: VirtualInstance, at: datetime) -> VirtualInstance:
        """Make it deleting, which ends its bill, unless it is already."""
        if instance.deleting_at is not None:
            return instance
        self.world.ledger.end(instance.instance_id, at)
        gone_at = at + timedelta(seconds=self.settings.deleting_seconds)
        return self._fleet.put(replace(instance, deleting_at=at, deleted_at=gone_at))

    def _remove(self, instance: VirtualInstance) -> None:
        self.world.serving.end(instance.instance_id)
        self.world.ports.release(instance.instance_id)
        self._fleet.remove(instance)


def _target(path: str, order: Json, instance_id: str | None = None) -> FaultTarget:
    return FaultTarget("POST", f"{BASE}{path}", BASE, instance_id, matched_by(order))
