"""Acme, the cloud of `tests/acme`, as the suites that are the same for every cloud know it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.control_client import LedgerEntry, RowReaders, SimulatedInstance, entry_fields
from pulumi_cortecs.simulator.faults import REQUEST_FAULTS, FaultKind
from pulumi_cortecs.simulator.routing import simulated_route
from pulumi_cortecs.simulator.vendor import OpenCloud, Vendor
from pulumi_cortecs.simulator.world import World
from tests.acme.api import BASE, KEY, PLANS, Acme, Order, routes
from tests.acme.kind import INSTANCE
from tests.clouds.asgi import answer
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


def _opened(world: World) -> OpenCloud:
    acme = Acme(world)
    return OpenCloud([routes(acme, simulated_route(acme, world))], acme.served)


SIMULATED: Final = Vendor(
    name=Acme.name,
    open=_opened,
    environment=lambda url: {"ACME_API_BASE_URL": f"{url}{BASE}", "ACME_API_KEY": KEY},
    arguments={},
    matched_by=(),
    boot_steps=1,
    rows=RowReaders(
        lambda row: LedgerEntry(**entry_fields(row)),
        lambda row: SimulatedInstance(row["cloud"], row["id"], "sim", row["status"], row),
    ),
)


class StagedAcme(Staged):
    """Its own routes without the simulator's around them, driven without an event loop."""

    base = BASE
    lists = frozenset({"/machines", "/plans", "/disks"})

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.acme = Acme(world)
        self._app = FastAPI(openapi_url=None, exception_handlers={ApiError: _refused})
        self._app.include_router(routes(self.acme, APIRoute))

    def operation(self, method: str, path: str) -> str:
        operations = {"POST": START, "PATCH": UPDATE, "DELETE": DELETE, "GET": BY_ID if path.count("/") > 1 else LIST}
        return MARKET if path == "/plans" else operations[method]

    def subject(self, path: str, body: Json) -> str:
        return path.removeprefix("/machines").removeprefix("/").removeprefix("plans")

    def answered(self, method: str, path: str, headers: Mapping[str, str], body: Json) -> Json:
        status, content = answer(
            self._app, method, f"{BASE}{path}", headers, json.dumps(body).encode() if body else b""
        )
        answer_body: Json = json.loads(content)
        if status >= 400:
            raise ApiError(status, str(answer_body))
        return answer_body

    def every(self) -> Mapping[str, Real]:
        keys = INSTANCE.arguments.keys() & Order.model_fields.keys()
        return {id: Real({key: machine[key] for key in keys}) for id, machine in self.acme.machines.items()}

    def order(self, arguments: Arguments) -> str:
        return self.acme.order(Order(**{"zone": "north", **arguments}))

    def vanish(self, instance_id: str) -> None:
        self.acme.vanish(instance_id)

    def reprice(self, cents: int) -> None:
        PLANS["small"] = cents


async def _refused(request: Request, refused: Any) -> Response:
    return JSONResponse({"message": refused.message}, refused.status)


ACME: Final = CloudCase(
    instance="acme.Instance",
    endpoint="acme.Endpoint",
    kind=lambda: INSTANCE,
    simulated=SIMULATED,
    staged=StagedAcme,
    programs=({"plan": "small"}, {"plan": "large"}, {"plan": "small", "zone": "south", "label": "first"}),
    adopting={},
    updated={"label": "again"},
    order=f"POST {BASE}/machines",
    list=f"GET {BASE}/machines",
    one=f"GET {BASE}/machines/{{id}}",
    delete=f"DELETE {BASE}/machines/{{id}}",
    never=frozenset({STOP, RESTART, TOKEN}),
    faults=tuple(
        kind for kind in FaultKind if kind in {*REQUEST_FAULTS, FaultKind.LIST_LAG} - {FaultKind.TOKEN_EXPIRY}
    ),
    fields=("", "id", "status"),
    unneeded=frozenset({"clock"}),  # the tag decides which order an instance belongs to, not the time
)
