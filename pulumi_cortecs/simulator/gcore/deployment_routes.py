"""The routes of deployments and tasks (docs/apis/gcore.md#endpoints)."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.gcore.changes import Changes
from pulumi_cortecs.simulator.gcore.cloud import BASE, PROJECT, SimulatedGcore
from pulumi_cortecs.simulator.gcore.errors import invalid
from pulumi_cortecs.simulator.gcore.paging import page
from pulumi_cortecs.simulator.gcore.requests import CreateRequest, UpdateRequest
from pulumi_cortecs.simulator.gcore.tasks import task_json
from pulumi_cortecs.simulator.routing import RouteDecorator

_DEPLOYMENTS = f"{PROJECT}/deployments"
_ORDERS = ("time.desc", "time.asc")


def add_deployment_routes(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    """The routes of deployments."""
    changes = Changes(cloud)

    @route("GET", _DEPLOYMENTS)
    async def all_deployments(request: Request, project_id: int) -> Response:
        return _paged(request, cloud, cloud.list_json(project_id))

    @route("POST", _DEPLOYMENTS)
    async def create(project_id: int, body: CreateRequest) -> Response:
        return JSONResponse({"tasks": changes.create(project_id, body)})

    @route("GET", f"{_DEPLOYMENTS}/{{name}}")
    async def one_deployment(project_id: int, name: str) -> Response:
        return JSONResponse(cloud.info_json(project_id, name))

    @route("PATCH", f"{_DEPLOYMENTS}/{{name}}")
    async def update(project_id: int, name: str, body: UpdateRequest) -> Response:
        return JSONResponse({"tasks": changes.update(project_id, name, body)})

    @route("DELETE", f"{_DEPLOYMENTS}/{{name}}")
    async def delete(project_id: int, name: str) -> Response:
        return JSONResponse({"tasks": changes.delete(project_id, name)})

    @route("POST", f"{_DEPLOYMENTS}/{{name}}/start")
    async def start(project_id: int, name: str) -> Response:
        changes.start(project_id, name)
        return Response(status_code=204)

    @route("POST", f"{_DEPLOYMENTS}/{{name}}/stop")
    async def stop(project_id: int, name: str) -> Response:
        changes.stop(project_id, name)
        return Response(status_code=204)

    @route("GET", f"{_DEPLOYMENTS}/{{name}}/logs")
    async def logs(request: Request, project_id: int, name: str) -> Response:
        order, region = request.query_params.get("order_by", _ORDERS[0]), request.query_params.get("region_id")
        if order not in _ORDERS:
            raise invalid(f"order_by: got {order[:20]!r}; allowed: {', '.join(_ORDERS)}")
        rows = [row for row in cloud.logs(project_id, name) if region in (None, str(row["region_id"]))]
        return _paged(request, cloud, rows if order == "time.asc" else rows[::-1])


def add_task_routes(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    """The route of tasks."""

    @route("GET", f"{BASE}/v1/tasks/{{task_id}}")
    async def one_task(task_id: str) -> Response:
        return JSONResponse(task_json(cloud.task(task_id), cloud.world.now()))


def _paged(request: Request, cloud: SimulatedGcore, rows: list[dict[str, object]]) -> Response:
    return JSONResponse(page(request.query_params, rows, cloud.settings.gcore_page_size))
