"""An API key in a header, as most vendors want it: good until the vendor says otherwise, and never renewed."""

from __future__ import annotations

from collections.abc import Generator

import httpx

from pulumi_cortecs.http.words import redact


class ApiKey(httpx.Auth):
    """Signs requests with a key under the name of a header. An Authentication (`http.py`)."""

    def __init__(self, header: str, key: str) -> None:
        self._header = header
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """What httpx asks before it sends."""
        request.headers[self._header] = self._key
        yield request

    def signer(self, *, for_order: bool = False) -> httpx.Auth:
        """The key."""
        return self

    def refused(self, signer: httpx.Auth) -> None:
        """There is no other key to sign with."""

    def redact(self, text: str) -> str:
        """`text` without the key, plain or as JSON, Python and URLs write it."""
        return redact(text, (self._key,))
