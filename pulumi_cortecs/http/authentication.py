"""Authentication of requests to a vendor: by an API key, or by an OAuth2 token that all threads share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx
from pydantic import Field

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel
from pulumi_cortecs.http.errors import (
    CloudError,
    CredentialsRefusedError,
    NoTokenError,
    RefusedError,
    UnauthorizedError,
)
from pulumi_cortecs.http.text import redact

_RENEWAL_MARGIN: Final = 60.0
_ORDER_MARGIN: Final = 60.0
"""Seconds by which an order's token outlives another request's: a 401 to an order requires a check."""

_TOKENS_KEPT = 8


class _Token(WireModel):
    # refuse a secret that no header can carry, because the HTTP library's error would quote it
    access_token: str = Field(pattern=r"^[\x21-\x7e]+$")
    expires_in: float


class ApiKey(httpx.Auth):
    """Signs requests with a key in a header, as most vendors require. The key is valid until the vendor refuses it."""

    def __init__(self, header: str, key: str, scheme: str = "") -> None:
        """`scheme` is the word before the key, "Bearer". Of a key ID$TOKEN the token is a secret of its own."""
        self._header = header
        self._key = key
        self._value = f"{scheme} {key}" if scheme else key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The hook that httpx calls before it sends a request."""
        request.headers[self._header] = self._value
        yield request

    def signer(self, *, for_order: bool = False) -> httpx.Auth:
        """The key."""
        return self

    def refused(self, signer: httpx.Auth) -> None:
        """Does nothing, because it has only one key."""

    def redact(self, text: str) -> str:
        """`text` without the key, plain or in the spelling of JSON, Python and URLs."""
        return redact(text, (self._key, self._key.rpartition("$")[2]))


class ClientCredentials:
    """Signs requests with a bearer token for `client_id` (OAuth2 client credentials). Threads may share it.

    The token is renewed a minute before it expires (or at half of its life, if that is shorter), because a request
    fails if its token expires in flight. For an order it is renewed another minute earlier, or, if it does not live
    that long, a minute before it expires; a new one is requested if it lives less than that.
    """

    def __init__(
        self, core: ApiClient, client_id: str, client_secret: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`core` sends unsigned requests to the vendor; `clock` returns seconds."""
        self._core = core
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._asked_at = 0.0
        self._good_until = 0.0
        self._good_for_orders_until = 0.0
        self._issued_tokens: tuple[str, ...] = ()
        self._failures = 0
        self._failure: CloudError | None = None

    def signer(self, *, for_order: bool = False) -> httpx.Auth:
        """The signer of one request. Raises UnauthorizedError or NoTokenError when no token can be had."""
        return _BearerAuth(self.token(for_order=for_order))

    def refused(self, signer: httpx.Auth) -> None:
        """Discards the token of a request that was answered 401, if it is still in use."""
        with self._lock:
            if isinstance(signer, _BearerAuth) and signer.token == self._token:
                self._token = None

    def redact(self, text: str) -> str:
        """`text` without the secret and the latest tokens, plain or as JSON, Python and URLs write them.

        It removes former tokens, too: another thread may have renewed the token, and a late answer quotes the one
        before.
        """
        return redact(text, (self._client_secret, *self._issued_tokens))

    def token(self, *, for_order: bool = False) -> str:
        """A valid token that was not refused.

        Concurrent threads share one renewal, and its failure. Raises UnauthorizedError if the vendor refuses the
        credentials, NoTokenError if it issues none for another reason.
        """
        failures, came_at = self._failures, self._clock()
        with self._lock:
            if self._token is not None and self._is_good(came_at if for_order else None):
                return self._token
            if self._failure is not None and self._failures != failures:
                raise self._failure  # of the renewal that this thread waited for
            asked_at = self._clock()
            try:
                granted = self._request_token()
            except CloudError as error:
                self._failures, self._failure = self._failures + 1, error
                raise
            life = granted.expires_in
            self._asked_at = asked_at
            self._good_until = asked_at + max(life - _RENEWAL_MARGIN, life / 2)
            self._good_for_orders_until = asked_at + max(
                life - _RENEWAL_MARGIN - _ORDER_MARGIN, min(life - _ORDER_MARGIN, life / 2)
            )
            self._token = granted.access_token
            self._issued_tokens = (*self._issued_tokens, granted.access_token)[-_TOKENS_KEPT:]
            return self._token

    def _is_good(self, order_came_at: float | None) -> bool:
        if order_came_at is None:
            return self._clock() < self._good_until
        # no token is newer than the one that was issued while this thread waited
        return self._clock() < self._good_for_orders_until or self._asked_at > order_came_at

    def _request_token(self) -> _Token:
        body = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        try:
            return self._core.call("POST", "/oauth2/token", _Token, retry=Retry.IDEMPOTENT, body=body, signed=False)
        except CloudError as error:
            text = f"no access token: {error}"
            if isinstance(error, RefusedError) and not error.transient:
                # the standard's status for bad credentials is 400; a 404 here says nothing about the request to sign
                raise CredentialsRefusedError(
                    str(error) if isinstance(error, UnauthorizedError) else text,
                    status=error.status,
                    vendor_message=error.vendor_message,
                    request_id=error.request_id,
                ) from None
            raise NoTokenError(text) from None


class _BearerAuth(httpx.Auth):
    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request
