"""A route is built at its first request, and answers both forms of its path."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from pulumi_cortecs.simulator.dispatch import FinalSlashes, built_when_asked


def asked(built: list[str], *requests: tuple[str, str]) -> list[Any]:
    """The answers, or their statuses, to requests to a few routes; `built` gets the paths of those that are built."""

    class Noted(APIRoute):
        def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
            built.append(path)
            super().__init__(path, endpoint, **options)

    router = APIRouter(prefix="/things", route_class=built_when_asked(Noted), redirect_slashes=False)

    @router.get("/{number}", response_model=None)
    async def one(number: int) -> dict[str, Any]:
        return {"number": number}

    @router.post("", response_model=None)
    async def add(name: str) -> dict[str, Any]:
        return {"name": name}

    app = FastAPI(redirect_slashes=False)
    app.router.routes.extend(router.routes)

    async def send() -> list[Any]:
        transport = httpx.ASGITransport(FinalSlashes(app, "/things/kept"))
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            answers = [await client.request(*request) for request in requests]
        return [answer.json() if answer.is_success else answer.status_code for answer in answers]

    return asyncio.run(send())


def test_what_is_not_asked_is_not_built() -> None:
    built: list[str] = []
    assert asked(built) == []
    assert asked(built, ("GET", "/things/7"), ("GET", "/things/8")) == [{"number": 7}, {"number": 8}]
    assert built == ["/things/{number}"]


def test_another_method_is_not_answered() -> None:
    assert asked([], ("HEAD", "/things/7"), ("POST", "/things/7"), ("GET", "/things")) == [405, 405, 405]


def test_a_final_slash_makes_no_difference_but_below_what_is_kept() -> None:
    paths = ("/things/7/", "/things/7//", "/things/kept/")
    assert asked([], *(("GET", path) for path in paths)) == [{"number": 7}, 404, 404]
    assert asked([], ("POST", "/things/?name=a")) == [{"name": "a"}]
