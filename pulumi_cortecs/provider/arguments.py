"""The arguments that instances of every cloud have: those that control the life cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from pulumi_cortecs.lifecycle.labels import LABEL_NAME, MAX_LABELS, clip_value
from pulumi_cortecs.lifecycle.times import parse_duration
from pulumi_cortecs.provider.formats import money
from pulumi_cortecs.provider.kind import Argument, ArgumentTable, Change
from pulumi_cortecs.provider.named_arguments import NamedArguments, arguments_of, optional
from pulumi_cortecs.provider.properties import (
    InvalidValueError,
    equal_values,
    identifier,
    integer,
    is_unknown,
    one_of,
    string,
    without_float,
)

if TYPE_CHECKING:
    from pulumi import Input

State: TypeAlias = Literal["running", "stopped"]
OnTimeout: TypeAlias = Literal["keep", "stop", "delete"]
Ready: TypeAlias = Literal["answer", "status"]

LABELS: Final = "labels"
MAX_READY_TIMEOUT: Final = 7 * 24 * 3600
"""Seconds: the longest wait of an Endpoint."""

_MAX_PERCENT: Final = 1000
_MAX_TTL: Final = 366 * 24 * 3600


def _ttl(value: Any) -> str:
    duration = string(value)
    seconds = parse_duration(duration)
    if duration and (seconds is None or not 1 <= seconds <= _MAX_TTL):
        raise InvalidValueError(f"must be a duration such as 8h, 90m or 7d, of at most 366d; got {duration!r}")
    return duration


def _adopt_id(value: Any) -> str:
    return identifier(value) if value != "" else ""


def _path(value: Any) -> str:
    path = string(value)
    if path and (not path.startswith("/") or not path.isascii() or not path.isprintable() or set(" #\\") & set(path)):
        raise InvalidValueError(
            f"must be a path such as /health, of printable ASCII without spaces and #; got {path!r}"
        )
    return path


def _bearer_token(value: Any) -> str:
    token = string(value)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidValueError("must be printable ASCII without spaces")
    return token


def read_labels(value: Any) -> dict[str, Any]:
    """An object of names and strings, each cut to what a label may have; one that only `up` will know stays unknown."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(f'must be an object such as {{"team": "search"}}; got {without_float(value)!r}')
    if len(value) > MAX_LABELS:
        raise InvalidValueError(f"must be at most {MAX_LABELS} labels; got {len(value)}")
    labels: dict[str, Any] = {}
    for name, text in value.items():
        if not LABEL_NAME.fullmatch(str(name)):
            raise InvalidValueError(f"must have names of 1 to 63 letters, digits and . _ / -; got {name!r}")
        if not is_unknown(text) and not isinstance(text, str):
            raise InvalidValueError(f"{name}: must be a string; got {without_float(text)!r}")
        labels[name] = text if is_unknown(text) else clip_value(text)
    return labels


ENDPOINT_PORT: Final = "endpoint_port"
"""The container's port of an Endpoint's address, where a cloud maps several."""


GIVE_UP_AFTER: Final = "give_up_after"
"""The seconds after which an unchanged error of the vendor's ends a wait, where a cloud reports such errors."""


def _always_running(value: Any) -> str:
    if string(value) != "running":
        raise InvalidValueError(
            f"must be 'running'; got {value!r}. Instances of this cloud cannot be stopped: keep it running, or remove "
            "the resource, which deletes it"
        )
    return "running"


class PurchaseArgs(NamedArguments):
    """`max_price`: the highest price to buy at, per hour and for all of it, "2.10 EUR". `price_tolerance`: the whole
    percents (0 by default) by which the price may exceed the one that the preview showed."""

    max_price: Input[str] | None = optional(money, Change.NOTHING, default="")
    price_tolerance: Input[int] | None = optional(integer(0, _MAX_PERCENT), Change.NOTHING, default=0)


class LifeCycleArgs(PurchaseArgs):
    """`state`: `running` (default) or `stopped`. `restart_trigger`: any string; a change restarts in place. `ttl`: the
    lifetime, "8h" or "7d", counted from the purchase or from the change of `ttl`; recorded as `expires_at`.
    `on_timeout`: the action after a failed wait: `keep` (default), `stop` or `delete`. `adopt_id`: the id of a running
    instance to take over instead of buying one; the other arguments must match it. `ready`: `answer` (default) waits
    until the instance itself answers, `status` only for the vendor's status. `ready_path`: a path such as `/health`
    that answers when it is ready; by default its models are asked for. `ready_key`: the API key for these requests; a
    secret. `labels`: names and values that tell whose instance it is, {"team": "search"}; no place for secrets."""

    state: Input[State] | None = optional(one_of(*get_args(State)), Change.UPDATE, default="running", in_state=True)
    restart_trigger: Input[str] | None = optional(string, Change.UPDATE, default="", interrupts=True)
    ttl: Input[str] | None = optional(_ttl, Change.UPDATE, default="")
    on_timeout: Input[OnTimeout] | None = optional(
        one_of(*get_args(OnTimeout)), Change.UPDATE, default="keep", in_state=True
    )
    adopt_id: Input[str] | None = optional(_adopt_id, Change.NOTHING, default="")
    ready: Input[Ready] | None = optional(one_of(*get_args(Ready)), Change.NOTHING, default="answer")
    ready_path: Input[str] | None = optional(_path, Change.NOTHING, default="")
    ready_key: Input[str] | None = optional(_bearer_token, Change.NOTHING, default="", secret=True)
    labels: Input[Mapping[str, Input[str]]] | None = optional(read_labels, Change.UPDATE, default={})


class LifeCycleWithoutStopArgs(LifeCycleArgs):
    """`state` is `running` here, because no instance can be stopped, and `on_timeout` is `keep` or `delete`."""

    state: Input[State] | None = optional(_always_running, Change.UPDATE, default="running", in_state=True)
    on_timeout: Input[OnTimeout] | None = optional(
        one_of("keep", "delete"), Change.UPDATE, default="keep", in_state=True
    )


LIFE_CYCLE: Final[Mapping[str, Argument]] = arguments_of(LifeCycleArgs)
"""The arguments at the end of each table."""
READINESS: Final = {key: LIFE_CYCLE[key] for key in ("ready", "ready_path", "ready_key")}
"""The arguments of an Instance and its Endpoint that say when it counts as ready (lifecycle/readiness.py)."""


def can_stop(arguments: ArgumentTable) -> bool:
    """Returns whether these instances can be stopped."""
    return arguments["state"] is LIFE_CYCLE["state"]


def vendor_arguments(arguments: ArgumentTable) -> tuple[str, ...]:
    """The names of the arguments that describe an instance at its vendor."""
    return tuple(key for key in arguments if key not in LIFE_CYCLE)


def updatable_by_vendor(arguments: ArgumentTable) -> tuple[str, ...]:
    """The names of the arguments that the vendor changes in place (`CanUpdate`)."""
    return tuple(key for key in arguments.updatable if key not in LIFE_CYCLE)


def vendor_changes(arguments: ArgumentTable, olds: Mapping[str, Any], news: Mapping[str, Any]) -> frozenset[str]:
    """The names of the arguments that the vendor has to change now; an argument that is not in `news` stays as it
    is."""
    defaults = arguments.defaults
    updated = (key for key in updatable_by_vendor(arguments) if key in news)
    return frozenset(key for key in updated if not equal_values(olds.get(key, defaults.get(key)), news[key]))
