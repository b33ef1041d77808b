"""Shadeform as the suites that are the same for every cloud know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pulumi_cortecs.shadeform.kind import INSTANCE
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    DELETE_FAULTS,
    REQUEST_FAULTS,
    FaultKind,
)
from pulumi_cortecs.simulator.shadeform import SHADEFORM as SIMULATED
from pulumi_cortecs.simulator.shadeform import SimulatedShadeform, serializers
from pulumi_cortecs.simulator.shadeform.cloud import BASE
from pulumi_cortecs.simulator.shadeform.instances import Status
from pulumi_cortecs.simulator.shadeform.requests import CreateRequest, CreateVolumeRequest, UpdateRequest
from pulumi_cortecs.simulator.shadeform.routes import KEY
from pulumi_cortecs.simulator.world import World
from tests.clouds.case import (
    BY_ID,
    DELETE,
    LIST,
    MARKET,
    RESTART,
    START,
    STOP,
    TOKEN,
    UPDATE,
    Arguments,
    CloudCase,
    Json,
    Real,
    Staged,
)

A6000: Final = {"cloud": "massedcompute", "region": "kansascity-usa-1", "shade_instance_type": "A6000"}
_ORDERED: Final = ("cloud", "region", "shade_instance_type", "name")
_VERBS: Final = {"info": BY_ID, "update": UPDATE, "restart": RESTART, "delete": DELETE}


class StagedShadeform(Staged):
    """The simulator's own cloud, reached by a function call."""

    base = BASE
    lists = frozenset({"/instances", "/instances/types", "/volumes", "/volumes/types"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.cloud = SimulatedShadeform(world)

    def operation(self, method: str, path: str) -> str:
        if path in ("/instances", "/volumes"):
            return LIST
        if path.endswith("/types"):
            return MARKET
        return START if path.endswith("/create") else _VERBS[path.rpartition("/")[2]]

    def subject(self, path: str, body: Json) -> str:
        parts = path.strip("/").split("/")
        return parts[1] if len(parts) > 2 else ""

    def answered(self, method: str, path: str, headers: Mapping[str, str], body: Json) -> Json:
        asked, cloud = self.operation(method, path), self.cloud
        if path == "/instances/types":
            return {"instance_types": [serializers.type_json(offer) for offer in cloud.market]}
        if headers.get("X-API-KEY") != KEY:
            raise ApiError(401, "The key in X-API-KEY is missing or not valid.")
        if path.startswith("/volumes"):
            return self._storage(asked, self.subject(path, body), body)
        if asked == LIST:
            return {"instances": [cloud.list_json(view) for view in cloud.list_visible()]}
        if asked == START:
            return {"id": cloud.create(CreateRequest(**body)).instance_id}
        instance_id = self.subject(path, body)
        if asked == BY_ID:
            return cloud.info_json(cloud.find_visible(instance_id))
        if asked == UPDATE:
            cloud.update(instance_id, UpdateRequest(**body).changes)
        elif asked == RESTART:
            cloud.restart(instance_id)
        else:
            cloud.delete(instance_id)
        return {}

    def _storage(self, asked: str, volume_id: str, body: Json) -> Json:
        cloud = self.cloud
        self.world.now()  # instances that are gone let their volumes go
        if asked == MARKET:
            return {"volume_types": [serializers.volume_type_json(kind) for kind in cloud.market.volume_types]}
        if asked == LIST:
            return {"volumes": [cloud.volume_json(volume) for volume in cloud.volumes]}
        if asked == START:
            return {"id": cloud.create_volume(CreateVolumeRequest(**body))}
        if asked == BY_ID:
            return cloud.volume_json(cloud.volumes.require(volume_id))
        cloud.delete_volume(volume_id)
        return {}

    def volumes(self) -> Mapping[str, str]:
        self.world.now()
        return {volume.id: self.cloud.volume_json(volume)["mounted_by"] for volume in self.cloud.volumes}

    def every(self) -> Mapping[str, Real]:
        now = self.world.now()
        found = {id: self.cloud.get(id) for id in self.cloud.true_states()}
        return {
            id: Real(
                {key: instance.order[key] for key in _ORDERED},
                stuck=instance.boot.active_at is None or instance.status(now) is Status.ERROR,
            )
            for id, instance in found.items()
            if instance is not None and instance.deleting_at is None
        }

    def order(self, arguments: Arguments) -> str:
        return self.cloud.create(CreateRequest(**{"name": "console", **arguments})).instance_id

    def vanish(self, instance_id: str) -> None:
        self.cloud.vanish(instance_id)

    def reprice(self, cents: int) -> None:
        offer = self.cloud.market.find(A6000["cloud"], A6000["shade_instance_type"])
        assert offer is not None
        self.cloud.market.reprice(offer, cents)

    def stop_from_outside(self, instance_id: str) -> None:
        """Deletes it: nothing else ends its bill."""
        self.cloud.stop_from_outside(instance_id)


SHADEFORM: Final = CloudCase(
    instance="shadeform.Instance",
    endpoint="shadeform.Endpoint",
    kind=lambda: INSTANCE,
    simulated=SIMULATED,
    staged=StagedShadeform,
    programs=(
        A6000,
        {**A6000, "region": "desmoines-usa-1"},
        {**A6000, "shade_instance_type": "L40S", "name": "first", "tags": ["first"]},
    ),
    adopting={key: A6000[key] for key in ("cloud", "region", "shade_instance_type")},
    updated={"name": "again"},
    order=f"POST {BASE}/instances/create",
    list=f"GET {BASE}/instances",
    one=f"GET {BASE}/instances/{{instance_id}}/info",
    delete=f"POST {BASE}/instances/{{instance_id}}/delete",
    never=frozenset({STOP, RESTART, TOKEN}),
    faults=tuple(
        kind
        for kind in FaultKind
        if kind
        in {*REQUEST_FAULTS, *BOOT_FAULTS, *DELETE_FAULTS, FaultKind.OUT_OF_STOCK, FaultKind.INSUFFICIENT_FUNDS}
        - {FaultKind.TOKEN_EXPIRY, FaultKind.BOMB}
    ),
    fields=("", "id", "status"),
    unneeded=frozenset({"clock"}),  # the tag decides which order an instance belongs to, not the time
    currency="USD",
    reports_price=True,
    volume="shadeform.Volume",
    volume_programs=(
        {"cloud": "hyperstack", "region": "montreal-canada-2", "size_in_gb": 100},
        {"cloud": "hyperstack", "region": "montreal-canada-2", "shade_instance_type": "A6000"},
    ),
    serving={
        "launch_configuration": {
            "docker_configuration": {
                "image": "vllm/vllm-openai:latest",
                "port_mappings": [{"host_port": 8000, "container_port": 8000}],
            }
        }
    },
)
