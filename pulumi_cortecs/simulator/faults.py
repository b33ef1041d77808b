"""The table of faults: what goes wrong, and which request, order, boot or change it hits.

| kind | hits | what happens | parameters with their defaults |
|---|---|---|---|
| `lost_request` | any request | the connection is cut before anything was done | - |
| `lost_answer` | any request | everything is done, then the connection is cut | - |
| `server_error` | any request | an error or a redirect (`status` 300 to 599, not 304), before the side effect or after it; its body is the vendor's error in `json`, or a web filter's page in `html` | `status` 500, `after_side_effect` false, `body` json |
| `too_many_requests` | any request | 429 with Retry-After (seconds) before the side effect | `retry_after` 1 |
| `malformed_json` | any request | everything is done, and the answer ends in the middle | - |
| `wrong_shape` | any request | a good answer stays valid JSON but is `missing` a field, or has `null` or a `wrong_type` in it; or it is an empty `array` | `how` missing, `field` "" |
| `empty_list` | requests for lists | a 200 in which all lists are empty, whatever there is | - |
| `slow_answer` | any request | the answer is late, and so is the side effect if it is to come after | `real_seconds` 1, `after_side_effect` true |
| `drip` | any request | everything is done, and the answer's body comes a byte every so many seconds | `real_seconds` 5 |
| `bomb` | any request | everything is done, and the answer is gzip that unpacks to so many more megabytes of spaces, a thousandth of that on the wire | `megabytes` 600 |
| `token_expiry` | requests with a token | all tokens expire before the request is looked at: 401 | - |
| `out_of_stock` | start, restart | the order is refused, although the hardware is listed as available | `status` 400 |
| `insufficient_funds` | start, restart | the order is refused, whatever the balance says | `status` 402 |
| `quota_exceeded` | start, restart | the order is refused if the account's workers that are not stopped would be more than `limit` with it | `status` 403, `limit` 0 |
| `other_argument` | start, restart | what is made, listed and billed differs in this `argument` from the order; "" is some other value than the one ordered | `argument` hardware_type_id, `value` "" |
| `reused_id` | start, once there is such an id | a new instance gets the id of the latest `deleted` one; or the answer names the latest `existing` one, and what was bought stands under an id of its own or, without `makes`, is not bought | `of` deleted, `makes` true |
| `stuck_boot` | start, restart | pending for ever, at a step from 1 to 4 | `step` 3 |
| `boot_failure` | start, restart | pending turns into stopped at the end of a step from 1 to 4: there is no failed state | `step` 3 |
| `stop_from_outside` | start, restart | it is stopped from outside so many seconds after the start | `seconds` 0 |
| `reclaim` | start, restart | the vendor takes it back so many seconds after it began to run: it is stopped, or vanishes | `seconds` 60, `vanish` false |
| `list_lag` | start | the new instance is missing from lists for a while; with `by_id` its id is unknown too | `seconds` 3, `by_id` false |
| `not_answering` | start, restart | the instance runs, but for so many seconds from then on its API below /serve answers with `status`; `seconds` -1: for ever | `seconds` 60, `status` 503 |
| `unreachable` | start, restart | it runs, but its `base_url` is an address that cannot be reached: `tls` is https on the simulator's plain port, `black_hole` a port that never takes a connection, `name` a host that does not exist, `refused` a port on which nothing listens | `how` refused |
| `old_container` | restart | for so many seconds from the restart the API below /serve answers as before the restart, whether the instance runs yet or not | `seconds` 10 |
| `status_lag` | start, stop, restart | lists show the status before the change, and the progress of a boot, late; with `by_id` the answer by id too | `seconds` 3, `by_id` false |
| `delete_lag` | delete | the deleted instance stays in lists for a while; with `by_id` it is found by its id too | `seconds` 3, `by_id` false |
| `task_error` | changes with a task | the task ends in an error with this `message`; nothing is done, unless `after_side_effect` | `message` Internal error, `after_side_effect` false |
| `no_task` | changes with a task | everything is done, and the answer names no task | - |
| `container_error` | start, restart, in each region | the containers of the region never get ready, and show this `message` | `message` Failed to pull image |

Seconds are virtual unless they say real. `field` names a key at any depth, or several with commas between; "" means all
keys of the outermost object. The first end of a run is its only one: what was stopped in time is not stopped or taken
back again.
"""  # noqa: E501 - a row of a table is one line

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fnmatch import fnmatchcase
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator


class FaultKind(str, Enum):
    """The kinds of faults: of requests, orders, boots, tasks and changes of an instance."""

    LOST_REQUEST = "lost_request"
    LOST_ANSWER = "lost_answer"
    SERVER_ERROR = "server_error"
    TOO_MANY_REQUESTS = "too_many_requests"
    MALFORMED_JSON = "malformed_json"
    WRONG_SHAPE = "wrong_shape"
    EMPTY_LIST = "empty_list"
    SLOW_ANSWER = "slow_answer"
    DRIP = "drip"
    BOMB = "bomb"
    TOKEN_EXPIRY = "token_expiry"

    OUT_OF_STOCK = "out_of_stock"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    QUOTA_EXCEEDED = "quota_exceeded"

    OTHER_ARGUMENT = "other_argument"
    REUSED_ID = "reused_id"

    STUCK_BOOT = "stuck_boot"
    BOOT_FAILURE = "boot_failure"
    STOP_FROM_OUTSIDE = "stop_from_outside"
    RECLAIM = "reclaim"
    LIST_LAG = "list_lag"

    NOT_ANSWERING = "not_answering"
    UNREACHABLE = "unreachable"
    OLD_CONTAINER = "old_container"

    STATUS_LAG = "status_lag"
    DELETE_LAG = "delete_lag"

    TASK_ERROR = "task_error"
    NO_TASK = "no_task"
    CONTAINER_ERROR = "container_error"


class ReusedId(str, Enum):
    """The former owner of a reused id: a `deleted` instance, or an `existing` one."""

    DELETED = "deleted"
    EXISTING = "existing"


class Unreachable(str, Enum):
    """The ways in which an instance's address cannot be reached."""

    TLS = "tls"
    BLACK_HOLE = "black_hole"
    NAME = "name"
    REFUSED = "refused"


ORDER_FAULTS = frozenset({FaultKind.OUT_OF_STOCK, FaultKind.INSUFFICIENT_FUNDS, FaultKind.QUOTA_EXCEEDED})
"""Faults that refuse an order."""
SUPPLY_FAULTS = frozenset({FaultKind.OTHER_ARGUMENT, FaultKind.REUSED_ID})
"""Faults that change the result of an order."""
BOOT_FAULTS = frozenset(
    {
        FaultKind.STUCK_BOOT,
        FaultKind.BOOT_FAILURE,
        FaultKind.STOP_FROM_OUTSIDE,
        FaultKind.RECLAIM,
        FaultKind.LIST_LAG,
        FaultKind.STATUS_LAG,
    }
)
"""Faults that change the course of a run, at its start or restart."""
SERVING_FAULTS = frozenset({FaultKind.NOT_ANSWERING, FaultKind.UNREACHABLE, FaultKind.OLD_CONTAINER})
"""Faults of an instance's own API, from its start or restart."""
STOP_FAULTS = frozenset({FaultKind.STATUS_LAG})
"""Faults that change how a stop shows."""
DELETE_FAULTS = frozenset({FaultKind.DELETE_LAG})
"""Faults that change how a deletion shows."""
TASK_FAULTS = frozenset({FaultKind.TASK_ERROR, FaultKind.NO_TASK})
"""Faults of the task that the answer to a change names."""
CONTAINER_FAULTS = frozenset({FaultKind.CONTAINER_ERROR})
"""Faults of the containers of one region, from their start or restart."""
REQUEST_FAULTS = frozenset(FaultKind).difference(
    ORDER_FAULTS,
    SUPPLY_FAULTS,
    BOOT_FAULTS,
    SERVING_FAULTS,
    STOP_FAULTS,
    DELETE_FAULTS,
    TASK_FAULTS,
    CONTAINER_FAULTS,
)
"""Faults of any request."""

Parameter = bool | int | float | str

PARAMETERS: dict[FaultKind, dict[str, Parameter]] = {
    FaultKind.LOST_REQUEST: {},
    FaultKind.LOST_ANSWER: {},
    FaultKind.SERVER_ERROR: {"status": 500, "after_side_effect": False, "body": "json"},
    FaultKind.TOO_MANY_REQUESTS: {"retry_after": 1},
    FaultKind.MALFORMED_JSON: {},
    FaultKind.WRONG_SHAPE: {"how": "missing", "field": ""},
    FaultKind.EMPTY_LIST: {},
    FaultKind.SLOW_ANSWER: {"real_seconds": 1, "after_side_effect": True},
    FaultKind.DRIP: {"real_seconds": 5},
    FaultKind.BOMB: {"megabytes": 600},
    FaultKind.TOKEN_EXPIRY: {},
    FaultKind.OUT_OF_STOCK: {"status": 400},
    FaultKind.INSUFFICIENT_FUNDS: {"status": 402},
    FaultKind.QUOTA_EXCEEDED: {"status": 403, "limit": 0},
    FaultKind.OTHER_ARGUMENT: {"argument": "hardware_type_id", "value": ""},
    FaultKind.REUSED_ID: {"of": "deleted", "makes": True},
    FaultKind.STUCK_BOOT: {"step": 3},
    FaultKind.BOOT_FAILURE: {"step": 3},
    FaultKind.STOP_FROM_OUTSIDE: {"seconds": 0},
    FaultKind.RECLAIM: {"seconds": 60, "vanish": False},
    FaultKind.LIST_LAG: {"seconds": 3, "by_id": False},
    FaultKind.NOT_ANSWERING: {"seconds": 60, "status": 503},
    FaultKind.UNREACHABLE: {"how": "refused"},
    FaultKind.OLD_CONTAINER: {"seconds": 10},
    FaultKind.STATUS_LAG: {"seconds": 3, "by_id": False},
    FaultKind.DELETE_LAG: {"seconds": 3, "by_id": False},
    FaultKind.TASK_ERROR: {"message": "Internal error", "after_side_effect": False},
    FaultKind.NO_TASK: {},
    FaultKind.CONTAINER_ERROR: {"message": "Failed to pull image"},
}
"""The parameters of each kind with their defaults; seconds are virtual unless their name has `real`."""


@dataclass(frozen=True)
class FaultMatch:
    """The filter of a fault; a field that is None matches everything.

    `path` is a glob, of the whole path or of the part after the vendor's base ("/instances/start", "/instances/*"). The
    request that starts an instance has no instance id yet. `arguments` are those of the instance's order.
    """

    method: str | None = None
    path: str | None = None
    instance_id: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        method: str | None = None,
        path: str | None = None,
        instance_id: str | None = None,
        **arguments: str | None,
    ) -> FaultMatch:
        """A match from the fields of a request, among them the arguments of an order; None is left out."""
        return cls(method, path, instance_id, {name: value for name, value in arguments.items() if value is not None})

    def to_dict(self) -> dict[str, str]:
        """The arguments of `of`, without those that are None."""
        fields = {"method": self.method, "path": self.path, "instance_id": self.instance_id, **self.arguments}
        return {name: value for name, value in fields.items() if value is not None}


def _read_match(match: Any) -> Any:
    """A match of a state file; an earlier version has the arguments beside the other fields."""
    return FaultMatch.of(**match) if isinstance(match, dict) and "arguments" not in match else match


@dataclass(frozen=True)
class FaultTarget:
    """The target that is matched: a request, or the effect of a request on an instance.

    `base` is the common prefix of its API's paths; `arguments` are those of its order by which faults can match;
    `by_path_only` excludes faults without a path; `workers` is the number of workers that the account would have
    running or pending; `reusable` has the ids that can be reused, the latest last: of a "deleted" instance, or of an
    "existing" one.
    """

    method: str
    path: str
    base: str
    instance_id: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    authorized: bool = False
    new_instance: bool = False
    for_list: bool = False
    by_path_only: bool = False
    workers: Callable[[], int] = field(default=lambda: 0, compare=False)  # counted only for a quota
    reusable: Callable[[str], Sequence[str]] = field(default=lambda of: (), compare=False)


@dataclass(frozen=True)
class Fault:
    """One row of the table: `count` limits how often it happens (None: always), `happened` counts it."""

    fault_id: str
    kind: FaultKind
    match: Annotated[FaultMatch, BeforeValidator(_read_match)] = field(default_factory=FaultMatch)
    probability: float = 1.0
    count: int | None = None
    parameters: dict[str, Parameter] = field(default_factory=dict)
    happened: int = 0

    def parameter(self, name: str) -> Parameter:
        """The value of a parameter, or the kind's default."""
        return self.parameters.get(name, PARAMETERS[self.kind][name])

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.parameter(name))

    @property
    def status(self) -> int:
        """The HTTP status, for kinds that have one."""
        return int(self.parameter("status"))

    @property
    def after_side_effect(self) -> bool:
        """True if the request is carried out before the fault shows."""
        return bool(self.parameters.get("after_side_effect", PARAMETERS[self.kind].get("after_side_effect", False)))


def matches(match: FaultMatch, target: FaultTarget) -> bool:
    """Returns whether the filter matches the target. A slash at the end of a path makes no difference."""
    if match.method is not None and match.method.upper() != target.method:
        return False
    if any(target.arguments.get(name) != value for name, value in match.arguments.items()):
        return False
    if match.instance_id is not None and match.instance_id != target.instance_id:
        return False
    if match.path is None:
        return not target.by_path_only
    path, pattern = target.path.rstrip("/"), match.path.rstrip("/")
    return fnmatchcase(path, pattern) or fnmatchcase(path.removeprefix(target.base), pattern)


def _applies_to(fault: Fault, target: FaultTarget) -> bool:
    """Returns whether the kind can happen to the target: for example, a request without a token cannot have an expired
    one."""
    if fault.kind is FaultKind.TOKEN_EXPIRY:
        return target.authorized
    if fault.kind is FaultKind.EMPTY_LIST:
        return target.for_list
    if fault.kind is FaultKind.QUOTA_EXCEEDED:
        return target.workers() > fault.number("limit")
    if fault.kind is FaultKind.REUSED_ID:
        return target.new_instance and bool(target.reusable(str(fault.parameter("of"))))
    if fault.kind is FaultKind.OLD_CONTAINER:
        return not target.new_instance
    return fault.kind is not FaultKind.LIST_LAG or target.new_instance


class RandomSource(Protocol):
    """A source of random numbers."""

    def random(self) -> float:
        """At least 0 and below 1."""


class FaultTable:
    """The faults in force, kept in `faults` by their ids; `tally` has the next number of an id."""

    def __init__(
        self,
        chance: RandomSource,
        faults: MutableMapping[str, Fault] | None = None,
        tally: MutableMapping[str, int] | None = None,
    ):
        self._chance = chance
        self._faults: MutableMapping[str, Fault] = {} if faults is None else faults
        self._tally: MutableMapping[str, int] = {} if tally is None else tally

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def add(
        self,
        kind: FaultKind,
        match: FaultMatch,
        *,
        probability: float = 1.0,
        count: int | None = None,
        parameters: dict[str, Parameter] | None = None,
    ) -> Fault:
        """Add a fault, in force at once."""
        number = self._tally.get("faults added", 0) + 1
        self._tally["faults added"] = number
        fault = Fault(f"fault-{number}", kind, match, probability, count, parameters or {})
        self._faults[fault.fault_id] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """Remove one fault; returns False for an unknown id."""
        return self._faults.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def take_matching(self, target: FaultTarget, kinds: Collection[FaultKind] = REQUEST_FAULTS) -> list[Fault]:
        """The faults of these kinds that happen to this target, in the order they were added; each is counted."""
        return [
            self._count(fault)
            for fault in list(self._faults.values())
            if fault.kind in kinds
            and matches(fault.match, target)
            and _applies_to(fault, target)
            and self._happens(fault)
        ]

    def _happens(self, fault: Fault) -> bool:
        if fault.count is not None and fault.happened >= fault.count:
            return False
        return fault.probability >= 1 or self._chance.random() < fault.probability

    def _count(self, fault: Fault) -> Fault:
        counted = replace(fault, happened=fault.happened + 1)
        self._faults[fault.fault_id] = counted
        return counted
