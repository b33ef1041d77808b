"""The routes of docs/apis/gcore.md#endpoints; each module of routes adds its own."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Depends
from starlette.requests import Request

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.gcore.catalogue_routes import add_catalogue_routes
from pulumi_cortecs.simulator.gcore.cloud import BASE, PROJECT, SimulatedGcore
from pulumi_cortecs.simulator.gcore.deployment_routes import add_deployment_routes, add_task_routes
from pulumi_cortecs.simulator.gcore.deployments import deployment_id, matched_by
from pulumi_cortecs.simulator.gcore.errors import error_json
from pulumi_cortecs.simulator.gcore.paging import PAGED
from pulumi_cortecs.simulator.gcore.plain_routes import add_plain_routes
from pulumi_cortecs.simulator.routing import both_forms, simulated_route

_SCHEME = "apikey"
QUERIES: Mapping[str, Iterable[str]] = {
    f"{PROJECT}/deployments": PAGED,
    f"{PROJECT}/deployments/{{name}}/logs": (*PAGED, "order_by", "region_id"),
    f"{PROJECT}/api_keys": PAGED,
    f"{PROJECT}/registry_credentials": PAGED,
    f"{PROJECT}/secrets": PAGED,
    f"{BASE}/v3/inference/flavors": PAGED,
    f"{BASE}/v3/inference/models": (*PAGED, "order_by"),
    f"{BASE}/v3/inference/capacity": (),
    f"{BASE}/v1/projects": (*PAGED, "include_deleted", "name", "order_by"),
    f"{BASE}/v1/regions": (*PAGED, "display_name", "order_by", "product", "show_volume_types"),
}
"""The query parameters of the routes that answer with a list."""


class GcoreApi:
    """The properties of the vendor's API: the shape of its errors, and the arguments by which faults match."""

    base = BASE
    by_path_only = False
    lists = frozenset(QUERIES)

    def __init__(self, cloud: SimulatedGcore):
        self._cloud = cloud

    def error_body(self, error: ApiError) -> dict[str, Any]:
        return dict(error_json(error, self._cloud.world.new_id()))

    def known_query(self, template: str) -> Iterable[str]:
        return QUERIES.get(template, ())

    def subject(self, path: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str]]:
        name, project = path.get("name") or body.get("name"), str(path.get("project_id", ""))
        if not isinstance(name, str) or not project.isdecimal():
            return None, {}
        deployment = self._cloud.get(int(project), name)
        return deployment_id(int(project), name), matched_by(deployment.arguments if deployment else body)

    def expire_tokens(self) -> None:
        """Does nothing, because a key has no end."""


def gcore_router(cloud: SimulatedGcore) -> APIRouter:
    """All routes below `/cloud`."""

    async def check_access(request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not cloud.has_key(key.strip()):
            raise ApiError(401, "The key in Authorization: APIKey is missing or not valid.")
        project = request.path_params.get("project_id")
        if project is not None and str(project).isdecimal():
            cloud.check_project(int(project))

    router = APIRouter(
        route_class=simulated_route(GcoreApi(cloud), cloud.world),
        redirect_slashes=False,
        dependencies=[Depends(check_access)],
    )
    for add_routes in (add_deployment_routes, add_task_routes, add_plain_routes, add_catalogue_routes):
        add_routes(both_forms(router), cloud)
    return router
