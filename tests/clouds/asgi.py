"""An application asked without a server and without an event loop: for those in which nothing waits."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp


def exchanged(app: ASGIApp, scope: Mapping[str, Any], body: bytes) -> list[dict[str, Any]]:
    """The messages with which it answers a request. `scope` goes before what requests have in common."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    common = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "root_path": "", "query_string": b""}
    asked = app({**common, "scheme": "http", "client": ("127.0.0.1", 1), **scope}, receive, send)
    with suppress(StopIteration):
        asked.send(None)  # type: ignore[attr-defined]
        raise AssertionError("it waits for something")
    return sent


def answer(app: ASGIApp, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Status and body of its answer to a request with a body in JSON."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"method": method, "path": path, "raw_path": path.encode()}
    sent = exchanged(app, {**scope, "headers": [*raw, (b"content-type", b"application/json")]}, body)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)
