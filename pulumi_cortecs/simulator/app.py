"""The whole simulator as one ASGI application: vendors' routes, served models, control, and the request log."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulumi_cortecs.simulator.clouds import CLOUDS
from pulumi_cortecs.simulator.control import control_router
from pulumi_cortecs.simulator.dispatch import FinalSlashes
from pulumi_cortecs.simulator.instance_ports import InstanceAddresses
from pulumi_cortecs.simulator.local_requests import LocalRequestsOnly
from pulumi_cortecs.simulator.openai_api import SERVE, ServedModel, openai_router
from pulumi_cortecs.simulator.request_log import UNLISTED, FailedRequest
from pulumi_cortecs.simulator.routing import CONTROL, DROPPED, Connections
from pulumi_cortecs.simulator.vendor import Vendor
from pulumi_cortecs.simulator.world import World

log = logging.getLogger("pulumi_cortecs.simulator")
request_log = logging.getLogger("pulumi_cortecs.simulator.requests")


def simulator_app(world: World, connections: Connections | None = None, clouds: Sequence[Vendor] = CLOUDS) -> ASGIApp:
    """The application. Without `connections` (an in-process test client) faults cannot drop any."""
    open_clouds = [cloud.open(world) for cloud in clouds]

    def find_served_model(instance_id: str) -> ServedModel | None:
        models = (cloud.find_served_model(instance_id) for cloud in open_clouds)
        return next((model for model in models if model is not None), None)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.connections = connections
    routers = [router for cloud in open_clouds for router in cloud.routers]
    for router in (*routers, openai_router(world, find_served_model), control_router(world)):
        app.router.routes.extend(router.routes)

    async def answer_unlisted(request: Request, error: Exception) -> Response:
        return _unlisted_error(request, world)

    for status in (404, 405):
        app.add_exception_handler(status, answer_unlisted)
    app.add_exception_handler(HTTPException, _unreadable_error)
    app.add_exception_handler(Exception, _internal_error)
    addressed = InstanceAddresses(FinalSlashes(app, CONTROL, SERVE), world.ports, urlsplit(world.origin).port, SERVE)
    return RequestLogging(LocalRequestsOnly(addressed), world)


def _unlisted_error(request: Request, world: World) -> Response:
    """The answer to a request without a route. It is logged, because it is a bug in the client or in the simulator."""
    method, path = request.method, quote(request.url.path)
    log.warning("no such route: %s %s", method, path)
    if not path.startswith(f"{CONTROL}/"):
        world.request_log.count(method, UNLISTED)
        world.request_log.record_refusal(method, UNLISTED, FailedRequest(method, path, 404, "no such route"))
    return JSONResponse({"error": f"{method} {path}: no such route."}, 404)


async def _unreadable_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    return JSONResponse({"error": "The request cannot be read."}, status)


async def _internal_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "The simulator failed; its log has the traceback."}, 500)


class RequestLogging:
    """One line per request: method, path, status, milliseconds. Never header, query or body: they carry secrets.

    Each answer has the date of the simulated clouds, because clients compare the times in an answer with its date.
    """

    def __init__(self, app: ASGIApp, world: World):
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started_at, status, complete = time.perf_counter(), 0, False
        asked = f"{scope['method']} {quote(scope['path'])}"

        async def send_dated(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                date = format_datetime(self._world.reported_date(), usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await self._app(scope, receive, send_dated)
        except Exception:
            log.exception("failed: %s", asked)
            if not complete:  # else it was answered, and the connection stays open
                raise
        finally:
            outcome: Any = "dropped" if scope.get(DROPPED) else status
            milliseconds = (time.perf_counter() - started_at) * 1000
            request_log.info("%s %s %.1f ms", asked, outcome, milliseconds)
        return None
