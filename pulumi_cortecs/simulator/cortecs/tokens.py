"""Client credentials and access tokens.

Tokens expire in real time, at any speed of the virtual clock: a client compares `expires_in` with its own clock, and at
a thousandfold speed a token in virtual time would expire before its first use. `expire_all` is for tests.

Only digests are kept, so that a state file gives no access.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from hashlib import sha256

DEFAULT_CLIENT = "sim"
TOKEN_PREFIX = "sim-token-"
"""The prefix of all access tokens, so that a leaked one can be found."""


@dataclass(frozen=True)
class Credential:
    """A client's secret as a digest, and its account. Several clients can share an account: a rotated key."""

    secret_digest: str
    account: str


@dataclass(frozen=True)
class Token:
    """The account of an access token, and its expiry in Unix seconds of real time."""

    account: str
    good_until: float


class Tokens:
    """Client credentials, and access tokens by their digests. They survive a reset of the clouds.

    `wall` is the seam for tests: the real time in Unix seconds.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        credentials: MutableMapping[str, Credential] | None = None,
        tokens: MutableMapping[str, Token] | None = None,
    ):
        self._wall = wall
        self._credentials: MutableMapping[str, Credential] = {} if credentials is None else credentials
        self._tokens: MutableMapping[str, Token] = {} if tokens is None else tokens
        if not self._credentials:
            self.register(DEFAULT_CLIENT, DEFAULT_CLIENT, DEFAULT_CLIENT)

    def register(self, client_id: str, client_secret: str, account: str) -> None:
        """Add a client, or change the secret of one."""
        self._credentials[client_id] = Credential(_digest(client_secret), account)

    def grant(self, client_id: str, client_secret: str, real_seconds: float) -> str | None:
        """A new access token, or None for an unknown client or a wrong secret."""
        credential = self._credentials.get(client_id)
        if credential is None or not secrets.compare_digest(credential.secret_digest, _digest(client_secret)):
            return None
        now = self._wall()
        for expired in [digest for digest, token in self._tokens.items() if token.good_until <= now]:
            del self._tokens[expired]
        access_token = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
        self._tokens[_digest(access_token)] = Token(credential.account, now + real_seconds)
        return access_token

    def account_of(self, token: str) -> str | None:
        """The account of a token, or None for an unknown or expired one."""
        entry = self._tokens.get(_digest(token))
        return entry.account if entry and entry.good_until > self._wall() else None

    def expire_all(self) -> None:
        """Invalidate all tokens."""
        self._tokens.clear()


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
