"""What the states of stacks say about instances: which ones they own, only look at, or were about to buy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """An Instance in a state. `external` is one that is only looked at (`Instance.get`): nothing would ever end it.
    `expires_at` is as the state has it, None where there is none; `account` is the fingerprint of the account that it
    was bought with."""

    stack: str
    urn: str
    instance_id: str
    external: bool = False
    protected: bool = False
    expires_at: object = None
    account: object = None

    @property
    def name(self) -> str:
        """What the program calls it."""
        return _name(self.urn)


@dataclass(frozen=True)
class PendingPurchase:
    """A creation that has begun, and of which the state knows no end: it goes on, or was killed in the middle."""

    stack: str
    urn: str
    arguments: Mapping[str, object]

    @property
    def name(self) -> str:
        """What the program calls it."""
        return _name(self.urn)


@dataclass(frozen=True)
class StackState:
    """One stack's state. `backend` is where it lies, without credentials. `updating` says whether some command works on
    it now or was killed, None where the backend does not tell."""

    name: str
    backend: str
    rows: tuple[Row, ...] = ()
    pending: tuple[PendingPurchase, ...] = ()
    updating: bool | None = None


def _name(urn: str) -> str:
    return urn.split("::", 3)[-1]
