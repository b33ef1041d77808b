"""A filter that only lets local requests through: those of programs on this machine, and of the simulator's own pages.

A browser lets any page on the web send requests to the loopback, and the page's own host name may be made to resolve to
the loopback too (DNS rebinding).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("pulumi_cortecs.simulator")

_OWN: Final = re.compile(r"(127(\.[0-9]{1,3}){3}|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
"""Allowed hosts, with any port, because a port may be forwarded. Instances have loopback addresses of their own."""
_OWN_PAGES: Final = ("same-origin", "none")


class LocalRequestsOnly:
    """Middleware that answers 403 to requests for another host name, and to requests of a foreign page."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = foreign_origin(Headers(scope=scope)) if scope["type"] == "http" else ""
        if reason:
            log.warning("refused: %s", reason)
            await JSONResponse({"error": f"{reason}; the simulator only serves requests of its own machine."}, 403)(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)


def foreign_origin(headers: Mapping[str, str]) -> str:
    """The reason why a request with these headers (names in lower case) is foreign; "" for a local one."""
    host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
    if not _OWN.fullmatch(host):
        return f"Host: got {host[:100]!r}; allowed: 127.0.0.1 and the like, localhost, [::1]"
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return f"Origin: got {origin[:100]!r}, a foreign page"
    if site is not None and site not in _OWN_PAGES:
        return f"Sec-Fetch-Site: got {site[:100]!r}, so a foreign page sent the request"
    return ""
