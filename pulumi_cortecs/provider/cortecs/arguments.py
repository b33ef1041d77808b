"""What a program may say about an Instance, and what holds where it says nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.durations import seconds_in
from pulumi_cortecs.provider.cortecs.properties import (
    BadValueError,
    Problem,
    Reader,
    identifier,
    one_of,
    read_properties,
    text,
    whole_number,
)

PURCHASE: Final = ("model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers")
"""What decides what is bought: a change of any of these is a replacement."""

IN_PLACE: Final = ("state", "restart_trigger", "ttl", "on_timeout")
"""What changes without a new instance."""

OPTIONAL: Final = ("ttl", "adopt_id")
"""What is in no plan and no state while it has its default: each property there costs time at every step of an `up`."""

INPUTS: Final = (*PURCHASE, *IN_PLACE, "adopt_id", "quote")
"""All that check can settle."""

BILLING_INTERVALS: Final = ("per_minute", "per_hour")
STATES: Final = ("running", "stopped")
ON_TIMEOUT: Final = ("keep", "stop", "delete")
MOST_WORKERS: Final = 8
LONGEST_READY_TIMEOUT: Final = 7 * 24 * 3600
"""In seconds: how long an Endpoint may be told to wait."""

_MODEL_ID = re.compile(r"[^\s/]+(/[^\s/]+)?")
_LONGEST_TTL: Final = 366 * 24 * 3600
_DEFAULTS: Final = {
    "billing_interval": "per_minute",
    "num_workers": 1,
    "state": "running",
    "restart_trigger": "",
    "ttl": "",
    "on_timeout": "keep",
    "adopt_id": "",
}
_REQUIRED: Final = {"model_id": "which model should the instance serve?"}


def read_arguments(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The arguments given, normalised (`/` in the model as `--`, whole numbers as ints), and what is wrong with them.

    What is left out, unknown or wrong is treated as `read_properties` says.
    """
    return read_properties(news, _READERS, required=_REQUIRED, owner="an Instance")


def default(key: str) -> Any:
    """What an argument is when it is left out, for those whose default no market decides."""
    return _DEFAULTS[key]


def without_defaults(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The same as plans and states have it."""
    return {key: value for key, value in inputs.items() if key not in OPTIONAL or value != default(key)}


def same(one: Any, other: Any) -> bool:
    """Whether two values of an argument mean the same: the host passes every number as a float."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _model_id(value: Any) -> str:
    model_id = text(value)
    if not _MODEL_ID.fullmatch(model_id) or not model_id.isprintable():
        raise BadValueError(f"must be a model id such as Qwen/Qwen2-7B-Instruct; got {model_id!r}")
    return model_id.replace("/", "--")


def _ttl(value: Any) -> str:
    duration = text(value)
    seconds = seconds_in(duration)
    if duration and (seconds is None or not 1 <= seconds <= _LONGEST_TTL):
        raise BadValueError(f"must be a duration such as 8h, 90m or 7d, of at most 366d; got {duration!r}")
    return duration


def _adopt_id(value: Any) -> str:
    return identifier(value) if value != "" else ""


_READERS: Final[Mapping[str, Reader]] = {
    "model_id": _model_id,
    "hardware_type_id": identifier,
    "context_length": whole_number(1),
    "billing_interval": one_of(*BILLING_INTERVALS),
    "num_workers": whole_number(1, MOST_WORKERS),
    "state": one_of(*STATES),
    "restart_trigger": text,
    "ttl": _ttl,
    "on_timeout": one_of(*ON_TIMEOUT),
    "adopt_id": _adopt_id,
}
