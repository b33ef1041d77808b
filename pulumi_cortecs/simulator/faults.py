"""What is made to go wrong, and which request or boot it hits: a table of faults and the rule that matches them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase


class FaultKind(str, Enum):
    """The faults there are. The first group hits requests, the second the boot of an instance."""

    LOST_REQUEST = "lost_request"
    LOST_ANSWER = "lost_answer"
    SERVER_ERROR = "server_error"
    TOO_MANY_REQUESTS = "too_many_requests"
    MALFORMED_JSON = "malformed_json"
    SLOW_ANSWER = "slow_answer"
    TOKEN_EXPIRY = "token_expiry"

    STUCK_BOOT = "stuck_boot"
    LIST_LAG = "list_lag"
    STOP_FROM_OUTSIDE = "stop_from_outside"


BOOT_FAULTS = frozenset({FaultKind.STUCK_BOOT, FaultKind.LIST_LAG, FaultKind.STOP_FROM_OUTSIDE})

PARAMETERS: dict[FaultKind, dict[str, float | bool]] = {
    FaultKind.LOST_REQUEST: {},
    FaultKind.LOST_ANSWER: {},
    FaultKind.SERVER_ERROR: {"status": 500, "after_side_effect": False},
    FaultKind.TOO_MANY_REQUESTS: {"retry_after": 1},
    FaultKind.MALFORMED_JSON: {},
    FaultKind.SLOW_ANSWER: {"real_seconds": 1, "after_side_effect": True},
    FaultKind.TOKEN_EXPIRY: {},
    FaultKind.STUCK_BOOT: {"step": 3},
    FaultKind.LIST_LAG: {"seconds": 3, "by_id": False},
    FaultKind.STOP_FROM_OUTSIDE: {"seconds": 0},
}
"""The parameters of each kind with their defaults; seconds are virtual unless they say real."""


@dataclass(frozen=True)
class Match:
    """What a fault hits; a field that is None hits everything.

    `path` is a glob, of the whole path or of what follows the vendor's base ("/instances/start", "/instances/*").
    Boot faults look at `model_id` only: the request that begins a boot has no instance id yet.
    """

    method: str | None = None
    path: str | None = None
    model_id: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class Call:
    """What is matched: a request, or the boot that a request began.

    `base` is what all paths of its API begin with; `by_path_only` keeps off faults that name no path.
    """

    method: str
    path: str
    base: str
    model_id: str | None = None
    instance_id: str | None = None
    authorized: bool = False
    new_instance: bool = False
    by_path_only: bool = False


@dataclass
class Fault:
    """One row of the table: `count` is how often it may still happen (None: always), `happened` how often it has."""

    fault_id: str
    kind: FaultKind
    match: Match = field(default_factory=Match)
    probability: float = 1.0
    count: int | None = None
    parameters: dict[str, float | bool] = field(default_factory=dict)
    happened: int = 0

    def parameter(self, name: str) -> float:
        """The value given, or the kind's default."""
        return self.parameters.get(name, PARAMETERS[self.kind][name])

    @property
    def after_side_effect(self) -> bool:
        """Whether the request is carried out before the fault shows."""
        return bool(self.parameters.get("after_side_effect", PARAMETERS[self.kind].get("after_side_effect", False)))


def matches(match: Match, call: Call) -> bool:
    """Whether a call is one of those that `match` describes. A slash at the end makes no difference."""
    if match.method is not None and match.method.upper() != call.method:
        return False
    if match.model_id is not None and match.model_id != call.model_id:
        return False
    if match.instance_id is not None and match.instance_id != call.instance_id:
        return False
    if match.path is None:
        return not call.by_path_only
    path, pattern = call.path.rstrip("/"), match.path.rstrip("/")
    return fnmatchcase(path, pattern) or fnmatchcase(path.removeprefix(call.base), pattern)


def _concerns(kind: FaultKind, call: Call) -> bool:
    """A request without a token cannot find it expired; an instance that was listed before does not lag again."""
    if kind is FaultKind.TOKEN_EXPIRY:
        return call.authorized
    return kind is not FaultKind.LIST_LAG or call.new_instance


class FaultTable:
    """The faults in force. Chance comes from a seeded generator, so that runs can be replayed."""

    def __init__(self, chance: random.Random):
        self._chance = chance
        self._faults: dict[str, Fault] = {}
        self._added = 0

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def add(
        self,
        kind: FaultKind,
        match: Match,
        *,
        probability: float = 1.0,
        count: int | None = None,
        parameters: dict[str, float | bool] | None = None,
    ) -> Fault:
        """A new row, in force at once."""
        self._added += 1
        fault = Fault(f"fault-{self._added}", kind, match, probability, count, parameters or {})
        self._faults[fault.fault_id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """Takes one row out; False when there is none of that id."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Takes all rows out."""
        self._faults.clear()

    def hitting(self, call: Call) -> list[Fault]:
        """The request faults that happen to this call, in the order they were added; each is counted."""
        return self._drawn(call, boot=False)

    def hitting_boot(self, call: Call) -> list[Fault]:
        """The boot faults that happen to the boot that this call begins; each is counted."""
        return self._drawn(call, boot=True)

    def _drawn(self, call: Call, *, boot: bool) -> list[Fault]:
        return [
            fault
            for fault in self._faults.values()
            if (fault.kind in BOOT_FAULTS) is boot
            and _concerns(fault.kind, call)
            and matches(fault.match, call)
            and self._happens(fault)
        ]

    def _happens(self, fault: Fault) -> bool:
        if fault.count is not None and fault.happened >= fault.count:
            return False
        if fault.probability < 1 and self._chance.random() >= fault.probability:
            return False
        fault.happened += 1
        return True
