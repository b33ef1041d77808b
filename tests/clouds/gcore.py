"""Gcore as the suites that are the same for every cloud know it. Only a name replaces there: all else changes in
place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pulumi_cortecs.gcore.kind import INSTANCE
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    CONTAINER_FAULTS,
    DELETE_FAULTS,
    REQUEST_FAULTS,
    TASK_FAULTS,
    FaultKind,
)
from pulumi_cortecs.simulator.gcore import GCORE as SIMULATED
from pulumi_cortecs.simulator.gcore import SimulatedGcore
from pulumi_cortecs.simulator.gcore.changes import Changes
from pulumi_cortecs.simulator.gcore.cloud import BASE, KEY, PROJECT
from pulumi_cortecs.simulator.gcore.deployments import DEFAULT_PROJECT, Deployment
from pulumi_cortecs.simulator.gcore.errors import error_json
from pulumi_cortecs.simulator.gcore.quota import quota_json
from pulumi_cortecs.simulator.gcore.requests import CreateRequest, UpdateRequest
from pulumi_cortecs.simulator.gcore.tasks import task_json
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

_DEPLOYMENTS: Final = f"{PROJECT}/deployments"
_HERE: Final = _DEPLOYMENTS.format(project_id=DEFAULT_PROJECT).removeprefix(BASE)
_FLAVORS, _CAPACITY, _REGIONS = "/v3/inference/flavors", "/v3/inference/capacity", "/v1/regions"
_TASKS: Final = "/v1/tasks/"
_VERBS: Final = {"start": RESTART, "stop": STOP, "logs": BY_ID}
_METHODS: Final = {"POST": START, "PATCH": UPDATE, "DELETE": DELETE, "GET": BY_ID}
_OURS: Final = ("give_up_after",)
"""The arguments of programs that the vendor does not get."""
SMALL: Final = "inference-4vcpu-16gib"
PROGRAM: Final = {
    "flavor_name": SMALL,
    "image": "vllm/vllm-openai:v0.10.0",
    "listening_port": 8000,
    "containers": [{"region_id": 7, "scale": {"min": 1, "max": 1}}],
    "give_up_after": 15,
}
_COMPARED: Final = ("flavor_name", "image", "listening_port", "timeout", "credentials_name", "description", "envs")


class StagedGcore(Staged):
    """The simulator's own cloud, reached by a function call."""

    base = BASE
    lists = frozenset({_HERE, _FLAVORS, _CAPACITY, _REGIONS})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.cloud = SimulatedGcore(world)
        self._changes = Changes(self.cloud)

    def operation(self, method: str, path: str) -> str:
        if path.startswith(_TASKS):
            return BY_ID
        if not path.startswith(_HERE) or path.endswith("/check_limits"):
            return MARKET
        return _VERBS.get(path.rpartition("/")[2]) or (LIST if (method, path) == ("GET", _HERE) else _METHODS[method])

    def subject(self, path: str, body: Json) -> str:
        return path.removeprefix(_HERE).strip("/").partition("/")[0] if path.startswith(_HERE) else ""

    def error_body(self, error: ApiError) -> Json:
        return dict(error_json(error, "a-request"))

    def answered(self, method: str, path: str, headers: Mapping[str, str], body: Json) -> Json:
        if headers.get("Authorization") != f"APIKey {KEY}":
            raise ApiError(401, "The key in Authorization: APIKey is missing or not valid.")
        asked, cloud, name = self.operation(method, path), self.cloud, self.subject(path, body)
        if asked == MARKET:
            return self._market(path, body)
        if asked == LIST:
            return _page(cloud.list_json(DEFAULT_PROJECT))
        if path.startswith(_TASKS):
            return task_json(cloud.task(path.removeprefix(_TASKS)), self.world.now())
        if path.endswith("/logs"):
            return _page(cloud.logs(DEFAULT_PROJECT, name)[::-1])
        if asked == BY_ID:
            return cloud.info_json(DEFAULT_PROJECT, name)
        if asked == START:
            return {"tasks": self._changes.create(DEFAULT_PROJECT, CreateRequest.model_validate(body))}
        if asked == UPDATE:
            return {"tasks": self._changes.update(DEFAULT_PROJECT, name, UpdateRequest.model_validate(body))}
        if asked == DELETE:
            return {"tasks": self._changes.delete(DEFAULT_PROJECT, name)}
        (self._changes.start if asked == RESTART else self._changes.stop)(DEFAULT_PROJECT, name)
        return {}

    def _market(self, path: str, body: Json) -> Json:
        market = self.cloud.market
        if path == _FLAVORS:
            return _page([{"name": name} for name in market.flavors])
        if path == _REGIONS:
            return _page([{"id": region.id, "slug": region.slug} for region in market.regions.values()])
        if path == _CAPACITY:
            return _page([{"region_id": region, "capacity": self._room(region)} for region in market.regions])
        replicas = sum(row["scale"]["max"] for row in body["containers"])
        if path.endswith("/check_limits"):
            return quota_json(self.cloud.quotas(body["flavor_name"], replicas))
        price = market.flavors[body["flavor_name"]].price_per_hour * replicas
        return {"price_status": "show", "currency_code": "USD", "price_per_hour": float(price)}

    def _room(self, region_id: int) -> list[Json]:
        market = self.cloud.market
        return [{"flavor_name": name, "capacity": market.capacity(region_id, name)} for name in market.flavors]

    def every(self) -> Mapping[str, Real]:
        self.world.now()
        return {one.id: _real(one) for one in self.cloud.fleet if one.deleted_at is None}

    def order(self, arguments: Arguments) -> str:
        said = {key: value for key, value in arguments.items() if key not in _OURS}
        request = {"name": f"console-{self.world.new_id()[:8]}", **said}
        self._changes.create(DEFAULT_PROJECT, CreateRequest.model_validate(request))
        return str(request["name"])

    def vanish(self, instance_id: str) -> None:
        self.cloud.vanish(instance_id)

    def reprice(self, cents: int) -> None:
        self.cloud.market.reprice(SMALL, Decimal(cents) / 100)

    def stop_from_outside(self, instance_id: str) -> None:
        self.cloud.stop_from_outside(instance_id)


def _page(rows: Sequence[Any]) -> Json:
    return {"count": len(rows), "results": list(rows)}


def _real(deployment: Deployment) -> Real:
    """A deployment with its arguments as check spells them; programs leave out what the vendor fills in."""
    arguments = deployment.arguments
    containers = [
        {"region_id": row["region_id"], "scale": {end: row["scale"][end] for end in ("min", "max")}}
        for row in arguments["containers"]
    ]
    shown = {key: arguments[key] for key in _COMPARED}
    lists = {"api_keys": arguments["api_keys"], "command": arguments["command"] or []}
    regions = deployment.replicas.values()
    never_ready = deployment.containers_from is None or any(None in row.ready_at or row.error for row in regions)
    return Real(
        {"name": deployment.name, "containers": containers, **shown, **lists},
        stopped=not deployment.enabled,
        stuck=deployment.enabled and never_ready,
    )


GCORE: Final = CloudCase(
    instance="gcore.InferenceDeployment",
    endpoint="gcore.Endpoint",
    kind=lambda: INSTANCE,
    simulated=SIMULATED,
    staged=StagedGcore,
    programs=(
        PROGRAM,
        {**PROGRAM, "containers": [{"region_id": 7, "scale": {"min": 1, "max": 3}}]},
        {
            **PROGRAM,
            "flavor_name": "inference-16vcpu-232gib-1xl40s-48gb",
            "containers": [
                {"region_id": 7, "scale": {"min": 1, "max": 1}},
                {"region_id": 26, "scale": {"min": 0, "max": 2}},
            ],
            "command": ["serve"],  # one word: of several the vendor reports one text
            "description": "first",
            "envs": {"FIRST": "a", "SECOND": "b"},
        },
        {**PROGRAM, "image": "vllm/vllm-openai:v0.11.0", "timeout": 60, "envs": {"SECOND": "c"}},
    ),
    adopting=PROGRAM,
    updated={"description": "again", "envs": {"AGAIN": "yes"}},
    replacing={"name": "another-name"},
    # a name shows what exists: what check has made is taken over by it, and what the program gives is refused
    unneeded=frozenset({"refused-note", "state", "clock", "closed"}),
    order=f"POST {_DEPLOYMENTS}",
    list=f"GET {_DEPLOYMENTS}",
    one=f"GET {_DEPLOYMENTS}/{{name}}",
    delete=f"DELETE {_DEPLOYMENTS}/{{name}}",
    never=frozenset({TOKEN}),
    faults=tuple(
        kind
        for kind in FaultKind
        if kind
        in {*REQUEST_FAULTS, *BOOT_FAULTS, *DELETE_FAULTS, *TASK_FAULTS, *CONTAINER_FAULTS, FaultKind.QUOTA_EXCEEDED}
        - {FaultKind.TOKEN_EXPIRY}
    ),
    fields=("", "name", "status", "containers"),
    knobs=tuple(
        {"gcore_task_seconds": 1.5, **knob}
        for knob in (
            {},
            {"gcore_exists_from": "started"},
            {"gcore_exists_from": "finished"},
            {"gcore_create_at_zero": True},
            {"gcore_patched_envs": "merge"},
            {"gcore_stale_after_patch_seconds": 1.9},
            {"gcore_stale_after_patch_seconds": 1.9, "gcore_stale_arguments": False},
            {"gcore_billed_from": "started"},
            {"gcore_quota_status": 400},
        )
    ),
    task_seconds=6.0,
    currency="USD",
)
