"""OAuth2 client credentials: one token for all threads, renewed before it runs out and once when it is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import httpx

from pulumi_cortecs.clouds.errors import CloudError, NoTokenError, UnreachableError
from pulumi_cortecs.clouds.http import HttpCore, Resend, WireModel

_SKEW = 60.0
_REDACTED = "[redacted]"


class _Token(WireModel):
    access_token: str
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

    def signer(self) -> httpx.Auth:
        """What signs one request, and sends it once more with a new token when the vendor answers 401.

        Raises UnauthorizedError, UnreachableError or NoTokenError when there is no token to sign with.
        """
        self.token()
        return _BearerAuth(self)

    def redact(self, text: str) -> str:
        """`text` without the secret and the current token."""
        for secret in (self._client_secret, self._token):
            if secret:
                text = text.replace(secret, _REDACTED)
        return text

    def token(self, *, refused: str | None = None) -> str:
        """A token that is good for now and is not `refused`.

        All threads that come with the same refused one share one renewal. Raises UnauthorizedError when the vendor
        refuses the credentials, UnreachableError or NoTokenError when it cannot tell.
        """
        with self._lock:
            if self._token is not None and self._token != refused and self._clock() < self._good_until:
                return self._token
            asked_at = self._clock()
            body = {
                "client_id": self._client_id,
                "client_secret": self._client_secret,
                "grant_type": "client_credentials",
            }
            granted = self._ask(body)
            self._good_until = asked_at + max(granted.expires_in - _SKEW, granted.expires_in / 2)
            self._token = granted.access_token
            return self._token

    def _ask(self, body: dict[str, str]) -> _Token:
        try:
            return self._core.call("POST", "/oauth2/token", _Token, resend=Resend.SAFE, body=body, signed=False)
        except UnreachableError:
            raise
        except CloudError as error:
            if error.transient:
                raise NoTokenError(f"no access token: {error}") from None
            raise


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
