"""The routes of deployments and tasks (docs/apis/gcore.md#endpoints)."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.gcore.cloud import PROJECT, SimulatedGcore
from pulumi_cortecs.simulator.gcore.paging import page
from pulumi_cortecs.simulator.routing import RouteDecorator


def add_deployment_routes(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    """The routes of deployments."""

    @route("GET", f"{PROJECT}/deployments")
    async def all_deployments(request: Request, project_id: int) -> Response:
        return JSONResponse(page(request.query_params, [], cloud.settings.gcore_page_size))
