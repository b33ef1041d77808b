"""OAuth2 client credentials: one token for all threads, renewed before it runs out and once when it is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from urllib.parse import quote

import httpx
from pydantic import Field

from pulumi_cortecs.clouds.errors import CloudError, NoTokenError, RefusedError, UnauthorizedError
from pulumi_cortecs.clouds.http import HttpCore, Resend, WireModel

_SKEW = 60.0
_REDACTED = "[redacted]"
_TOKENS_KEPT = 8
_SHORTEST_SECRET = 6
"""Characters. A shorter one (the simulator's is "sim") is no secret, and blacking it out would maim other words."""


class _Token(WireModel):
    # what a header cannot carry is refused here: the HTTP library's complaint would quote it
    access_token: str = Field(pattern=r"^[\x21-\x7e]+$")
    expires_in: float


class ClientCredentials:
    """Signs requests with a bearer token for `client_id`. Threads may share it.

    The token is renewed a minute before it ends (or at half of its life, if that is shorter), because one that ends
    in flight fails the request it signs.
    """

    def __init__(
        self, core: HttpCore, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`core` speaks to the vendor unsigned; `clock` gives seconds."""
        self._core = core
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._good_until = 0.0
        self._granted: tuple[str, ...] = ()
        self._failures = 0
        self._failure: CloudError | None = None

    def signer(self) -> httpx.Auth:
        """What signs one request, and sends it once more with a new token when the vendor answers 401.

        Raises UnauthorizedError or NoTokenError when there is no token to sign with.
        """
        self.token()
        return _BearerAuth(self)

    def redact(self, text: str) -> str:
        """`text` without the secret and the latest tokens, plain or as JSON, Python and URLs write them.

        Not just the current token: the answer to a request that another thread outran may quote the one before.
        """
        for secret in (self._client_secret, *self._granted):
            if len(secret) < _SHORTEST_SECRET:
                continue
            for written in {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")}:
                text = text.replace(written, _REDACTED)
        return text

    def token(self, *, refused: str | None = None) -> str:
        """A token that is good for now and is not `refused`.

        All threads that come with the same refused one share one renewal, and its failure. Raises UnauthorizedError
        when the vendor refuses the credentials, NoTokenError when it cannot tell.
        """
        failures = self._failures
        with self._lock:
            if self._token is not None and self._token != refused and self._clock() < self._good_until:
                return self._token
            if self._failure is not None and self._failures != failures:
                raise self._failure  # of the one who asked while we waited: a queue must not knock one by one
            asked_at = self._clock()
            try:
                granted = self._ask()
            except CloudError as error:
                self._failures, self._failure = self._failures + 1, error
                raise
            self._good_until = asked_at + max(granted.expires_in - _SKEW, granted.expires_in / 2)
            self._token = granted.access_token
            self._granted = (*self._granted, granted.access_token)[-_TOKENS_KEPT:]
            return self._token

    def _ask(self) -> _Token:
        body = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        try:
            return self._core.call("POST", "/oauth2/token", _Token, resend=Resend.SAFE, body=body, signed=False)
        except UnauthorizedError:
            raise
        except CloudError as error:
            text = f"no access token: {error}"
            if isinstance(error, RefusedError) and not error.transient:
                # 400 is the standard's word for bad credentials; a 404 here says nothing about what is to be signed
                raise UnauthorizedError(
                    text, status=error.status, vendor_message=error.vendor_message, request_id=error.request_id
                ) from None
            raise NoTokenError(text) from None


class _BearerAuth(httpx.Auth):
    def __init__(self, source: ClientCredentials) -> None:
        self._source = source

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._source.token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # refused before anything was done, so sending it once more is safe even where it buys something
            request.headers["Authorization"] = f"Bearer {self._source.token(refused=token)}"
            yield request
