"""The arguments that instances of every cloud have: those that control the life cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.labels import LABEL_NAME, MAX_LABELS, clip_value
from pulumi_cortecs.lifecycle.times import parse_duration
from pulumi_cortecs.provider.formats import money
from pulumi_cortecs.provider.kind import Argument, ArgumentTable, Change, Reader
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

STATES: Final = ("running", "stopped")
ON_TIMEOUT: Final = ("keep", "stop", "delete")
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


def optional(
    read: Reader, default: Any, change: Change, *, priced: bool = False, interrupts: bool = False, secret: bool = False
) -> Argument:
    """An argument that plans and states omit while it has its default, unless it interrupts the service: then a preview
    of any change could not tell whether the Endpoint waits again."""
    return Argument(read, default, change, priced, interrupts, secret, in_state_if_default=interrupts)


READINESS: Final[Mapping[str, Argument]] = {
    "ready": optional(one_of("answer", "status"), "answer", Change.NOTHING),
    "ready_path": optional(_path, "", Change.NOTHING),
    "ready_key": optional(_bearer_token, "", Change.NOTHING, secret=True),
}
"""The arguments of an Instance and its Endpoint that say when it counts as ready (lifecycle/readiness.py)."""


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


LIFE_CYCLE: Final[Mapping[str, Argument]] = {
    "state": Argument(one_of(*STATES), "running", Change.UPDATE),
    "restart_trigger": Argument(string, "", Change.UPDATE, interrupts=True),
    "ttl": optional(_ttl, "", Change.UPDATE),
    "on_timeout": Argument(one_of(*ON_TIMEOUT), "keep", Change.UPDATE),
    "adopt_id": optional(_adopt_id, "", Change.NOTHING),
    "max_price": optional(money, "", Change.NOTHING),
    "price_tolerance": optional(integer(0, _MAX_PERCENT), 0, Change.NOTHING),
    **READINESS,
    LABELS: optional(read_labels, {}, Change.UPDATE),
}
"""The arguments at the end of each table."""
LIFE_CYCLE_WITHOUT_STOP: Final[Mapping[str, Argument]] = {
    "state": Argument(_always_running, "running", Change.UPDATE),
    "ttl": LIFE_CYCLE["ttl"],
    "on_timeout": Argument(one_of("keep", "delete"), "keep", Change.UPDATE),
    **{key: LIFE_CYCLE[key] for key in ("adopt_id", "max_price", "price_tolerance", *READINESS, LABELS)},
}
"""The same where instances cannot be stopped."""


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
