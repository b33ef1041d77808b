"""The wrapper of every route: count the request, apply faults, shape errors, and save the state.

The state is saved before the client can learn of it, by an answer or by a closed connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from pulumi_cortecs.simulator.api_error import ApiError, ErrorBody, blocked_error
from pulumi_cortecs.simulator.corruption import WrongShape, bomb, corrupt, drips, with_empty_lists
from pulumi_cortecs.simulator.dispatch import built_when_asked
from pulumi_cortecs.simulator.faults import Fault, FaultKind, FaultTarget
from pulumi_cortecs.simulator.request_log import FailedRequest
from pulumi_cortecs.simulator.request_model import validation_text
from pulumi_cortecs.simulator.world import World

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_Endpoint = Callable[..., Coroutine[Any, Any, Response]]
CONTROL = "/_sim"
DROPPED = "simulator.dropped"


class Api(Protocol):
    """The properties that the routes of one simulated API share.

    `base` is the common prefix of its paths. `by_path_only`: only faults with a path affect its requests. `lists` are
    the templates of the routes that answer a GET with a list.
    """

    base: str
    by_path_only: bool
    lists: frozenset[str]

    def error_body(self, error: ApiError) -> dict[str, Any]:
        """The body of an error."""

    def known_query(self, template: str) -> Iterable[str]:
        """The query parameters that a route has."""

    def subject(self, path: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str]]:
        """The instance of a request, by the parameters in its path and its body, and the arguments of the order, for
        matching faults."""

    def expire_tokens(self) -> None:
        """Makes every access token invalid."""


class Connections(Protocol):
    """The server's open connections."""

    def drop(self, client: tuple[str, int]) -> Coroutine[Any, Any, None]:
        """Closes the connection from `client` without sending more."""


def simulated_route(api: Api, world: World) -> type[APIRoute]:
    """The route class for an API's router."""

    class SimulatedRoute(APIRoute):
        def get_route_handler(self) -> _Handler:
            inner = super().get_route_handler()
            template = self.path_format.rstrip("/")

            async def check_and_handle(request: Request) -> Response:
                await _check_shape(request, api.known_query(template), has_body=self.body_field is not None)
                return await inner(request)

            async def respond(request: Request) -> Response:
                world.request_log.count(request.method, template)
                is_list = request.method == "GET" and template in api.lists
                response, reason = await _with_faults(check_and_handle, request, api, world, is_list=is_list)
                if response.status_code >= 400:
                    failed_request = FailedRequest(request.method, request.url.path, response.status_code, reason)
                    world.request_log.record_refusal(request.method, template, failed_request)
                return response

            return respond

    return built_when_asked(SimulatedRoute)


RouteDecorator = Callable[[str, str], Callable[[_Endpoint], _Endpoint]]


def both_forms(router: APIRouter, *dependencies: Any) -> RouteDecorator:
    """A decorator for endpoints of a router, each with these dependencies: a path stands for both of its forms, without
    and with a final slash (dispatch.py)."""

    def route(method: str, path: str) -> Callable[[_Endpoint], _Endpoint]:
        def add(endpoint: _Endpoint) -> _Endpoint:
            router.add_api_route(path, endpoint, methods=[method], response_model=None, dependencies=dependencies)
            return endpoint

        return add

    return route


def control_route(world: World) -> type[APIRoute]:
    """The route class for the control of the simulator itself: no faults, and no counting."""

    class ControlRoute(APIRoute):
        def get_route_handler(self) -> _Handler:
            inner = super().get_route_handler()

            async def respond(request: Request) -> Response:
                return (await _outcome(inner, request, _control_error, world))[0]

            return respond

    return built_when_asked(ControlRoute)


def _control_error(error: ApiError) -> dict[str, Any]:
    return {"error": error.message}


async def _with_faults(
    handler: _Handler, request: Request, api: Api, world: World, *, is_list: bool
) -> tuple[Response, str]:
    faults = world.faults.take_matching(await _fault_target(request, api, is_list=is_list))

    async def handle_with_faults(request: Request) -> Response:
        for fault in faults:
            await _before(fault, request, api, world)
        return await handler(request)

    response, reason = await _outcome(handle_with_faults, request, api.error_body, world)
    if DROPPED not in request.scope:
        for fault in faults:
            response = await _after(fault, request, response, api, world)
        for fault in faults:
            response = _with_delivery(fault, response)
    return response, reason


async def _before(fault: Fault, request: Request, api: Api, world: World) -> None:
    if fault.kind is FaultKind.LOST_REQUEST:
        await _drop(request, world)
        raise ApiError(499, "The connection was dropped.")
    if fault.kind is FaultKind.TOKEN_EXPIRY:
        api.expire_tokens()
    if fault.kind is FaultKind.TOO_MANY_REQUESTS:
        seconds = f"{fault.number('retry_after'):g}"
        raise ApiError(429, "Too many requests.", headers={"Retry-After": seconds})
    if fault.after_side_effect:
        return
    if fault.kind is FaultKind.SERVER_ERROR:
        raise _server_error(fault, world)
    if fault.kind is FaultKind.SLOW_ANSWER:
        await asyncio.sleep(fault.number("real_seconds"))


async def _after(fault: Fault, request: Request, response: Response, api: Api, world: World) -> Response:
    if fault.kind is FaultKind.LOST_ANSWER:
        await _drop(request, world)
    if isinstance(response, JSONResponse):  # a stream has no body yet
        response = _corrupted(fault, response)
    if not fault.after_side_effect:
        return response
    if fault.kind is FaultKind.SERVER_ERROR:
        return _error_response(_server_error(fault, world), api.error_body)
    if fault.kind is FaultKind.SLOW_ANSWER:
        await asyncio.sleep(fault.number("real_seconds"))
    return response


def _corrupted(fault: Fault, response: JSONResponse) -> Response:
    body, status = bytes(response.body), response.status_code
    if fault.kind is FaultKind.MALFORMED_JSON:
        return Response(body[: len(body) // 2], status, media_type="application/json")
    if status != 200:
        return response
    if fault.kind is FaultKind.WRONG_SHAPE:
        shape = WrongShape(fault.parameter("how"))
        return JSONResponse(corrupt(json.loads(body), shape, str(fault.parameter("field"))))
    return JSONResponse(with_empty_lists(json.loads(body))) if fault.kind is FaultKind.EMPTY_LIST else response


def _with_delivery(fault: Fault, response: Response) -> Response:
    """The response, wrapped by a fault that changes its delivery, if any."""
    if fault.kind not in (FaultKind.DRIP, FaultKind.BOMB) or isinstance(response, StreamingResponse):
        return response
    body, headers = bytes(response.body), dict(response.headers)
    if fault.kind is FaultKind.DRIP:
        return StreamingResponse(drips(body, fault.number("real_seconds")), response.status_code, headers)
    if "content-encoding" in headers:  # compressed once, as the header says
        return response
    packed = bomb(body, int(fault.number("megabytes")))
    headers |= {"content-encoding": "gzip", "content-length": str(len(packed))}
    return Response(packed, response.status_code, headers)


def _server_error(fault: Fault, world: World) -> ApiError:
    return blocked_error(fault.status, ErrorBody(fault.parameter("body")), world.origin)


async def _outcome(
    handler: _Handler, request: Request, error_body: Callable[[ApiError], dict[str, Any]], world: World
) -> tuple[Response, str]:
    try:
        return await handler(request), ""
    except ApiError as error:
        return _error_response(error, error_body), error.message
    except RequestValidationError as invalid:
        wrong = ApiError(400, validation_text(invalid), code="invalid_request")
    except HTTPException:
        wrong = ApiError(400, "The request cannot be read.", code="invalid_request")
    finally:
        world.save()
    return _error_response(wrong, error_body), wrong.message


def _error_response(error: ApiError, error_body: Callable[[ApiError], dict[str, Any]]) -> Response:
    if error.page is not None:
        return HTMLResponse(error.page, error.status, headers=error.headers)
    return JSONResponse(error_body(error), error.status, headers=error.headers)


async def _check_shape(request: Request, known_query: Iterable[str], *, has_body: bool) -> None:
    unknown = sorted(set(request.query_params) - set(known_query))
    if unknown:
        raise ApiError(400, f"{unknown[0]}: unknown query parameter")
    if not has_body and (await request.body()).strip() not in (b"", b"{}", b"null"):
        raise ApiError(400, "This route takes no body.")


async def _fault_target(request: Request, api: Api, *, is_list: bool) -> FaultTarget:
    instance_id, arguments = api.subject(request.path_params, await _json_object(request))
    return FaultTarget(
        method=request.method,
        path=request.url.path,
        base=api.base,
        instance_id=instance_id,
        arguments=arguments,
        authorized="authorization" in request.headers,
        for_list=is_list,
        by_path_only=api.by_path_only,
    )


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


async def _drop(request: Request, world: World) -> None:
    world.save()
    connections: Connections | None = getattr(request.app.state, "connections", None)
    if connections is None or request.client is None:
        raise ConnectionAbortedError("cannot drop the connection: none is registered for this request")
    request.scope[DROPPED] = True
    await connections.drop((request.client.host, request.client.port))
