"""Who is answered: programs of this machine, and pages of the simulator's own in a browser. A browser lets any page on
the web send requests to the loopback, and a name of that page's may be made to lead there (DNS rebinding)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("pulumi_cortecs.simulator")

_OWN: Final = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
"""With any port: somebody may forward one."""
_OWN_PAGES: Final = ("same-origin", "none")


class OwnVisitors:
    """Lets through what is sent to this machine by name, and by no page of somebody else's; all else is a 403."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = stranger(Headers(scope=scope)) if scope["type"] == "http" else ""
        if why:
            log.warning("refused: %s", why)
            await JSONResponse({"error": f"{why}; the simulator answers its own machine only."}, 403)(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)


def stranger(headers: Mapping[str, str]) -> str:
    """Why a request with these headers (names in lower case) is somebody else's, "" where it is not."""
    host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
    if not _OWN.fullmatch(host):
        return f"Host is {host[:100]!r}, which is none of 127.0.0.1, localhost and [::1]"
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return f"Origin is {origin[:100]!r}, a page of somebody else's"
    if site is not None and site not in _OWN_PAGES:
        return f"Sec-Fetch-Site is {site[:100]!r}, so a page of somebody else's sent it"
    return ""
