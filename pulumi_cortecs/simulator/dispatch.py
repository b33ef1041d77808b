"""The way of a request to its route: both forms of a path, and routes that are built when they are first asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, cast

from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class FinalSlashes:
    """Middleware that leads a path with a final slash to the route without it, but for those below `kept`.

    Neither form redirects to the other, because clients drop their Authorization header on redirects.
    """

    def __init__(self, app: ASGIApp, *kept: str) -> None:
        self._app = app
        self._kept = tuple(f"{prefix}/" for prefix in kept)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(self._kept):
            scope["path"] = scope["path"].removesuffix("/")  # in place: routes leave notes in the scope for the log
        await self._app(scope, receive, send)


def built_when_asked(route_class: type[APIRoute]) -> type[APIRoute]:
    """A route class that makes a route of `route_class` at its first request.

    The framework takes half a millisecond for each, and most simulators are asked for a few of their hundred routes.
    """

    class BuiltWhenAsked(Route):
        def __init__(self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str], **options: Any) -> None:
            super().__init__(path, _FirstAsked(lambda: route_class(path, endpoint, methods=[*methods], **options)))
            self.methods = {*methods}

    return cast(type[APIRoute], BuiltWhenAsked)  # routers call it, and nothing else


class _FirstAsked:
    def __init__(self, build: Callable[[], APIRoute]) -> None:
        self._build = build

    @cached_property
    def _route(self) -> APIRoute:
        return self._build()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._route.app(scope, receive, send)
