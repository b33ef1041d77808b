"""Who may call, and for how long a token says so.

Expiry runs on real time, whatever the virtual clock's speed: a client compares `expires_in` with its own clock, and
at a thousandfold speed a token in virtual time would be dead before its first use. `expire_all` is for tests.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from pulumi_cortecs.simulator.clock import Monotonic

DEFAULT_CLIENT = "sim"
TOKEN_PREFIX = "sim-token-"
"""What every access token begins with, so that one that leaks can be found."""


@dataclass(frozen=True)
class Credential:
    """A client's secret, and the account it opens. Several clients can open one account: a rotated key."""

    client_secret: str = field(repr=False)
    account: str


@dataclass(frozen=True)
class _Token:
    account: str
    good_until: float


class Tokens:
    """Client credentials and the access tokens given out for them. They survive a reset of the clouds."""

    def __init__(self, monotonic: Monotonic):
        self._monotonic = monotonic
        self._credentials = {DEFAULT_CLIENT: Credential("sim", DEFAULT_CLIENT)}
        self._tokens: dict[str, _Token] = {}

    def register(self, client_id: str, credential: Credential) -> None:
        """Makes a further client known, or gives a known one another secret."""
        self._credentials[client_id] = credential

    def grant(self, client_id: str, client_secret: str, real_seconds: float) -> str | None:
        """A new access token, or None for an unknown client or a wrong secret."""
        credential = self._credentials.get(client_id)
        if credential is None or not secrets.compare_digest(credential.client_secret.encode(), client_secret.encode()):
            return None
        now = self._monotonic()
        self._tokens = {token: entry for token, entry in self._tokens.items() if entry.good_until > now}
        token = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
        self._tokens[token] = _Token(credential.account, now + real_seconds)
        return token

    def account_of(self, token: str) -> str | None:
        """The account a token opens, or None for one that is unknown or has expired."""
        entry = self._tokens.get(token)
        return entry.account if entry and entry.good_until > self._monotonic() else None

    def expire_all(self) -> None:
        """From this moment no token given out so far is good any more."""
        self._tokens.clear()
