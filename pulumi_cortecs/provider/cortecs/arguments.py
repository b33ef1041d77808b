"""What a program may say about an Instance, and what holds where it says nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.durations import seconds_in
from pulumi_cortecs.provider.kind import MARKET, Argument, ArgumentTable, Change, Problem, Required
from pulumi_cortecs.provider.properties import (
    BadValueError,
    identifier,
    one_of,
    read_properties,
    text,
    whole_number,
)

VENDOR: Final = "Cortecs"
BILLING_INTERVALS: Final = ("per_minute", "per_hour")
STATES: Final = ("running", "stopped")
ON_TIMEOUT: Final = ("keep", "stop", "delete")
MOST_WORKERS: Final = 8
LONGEST_READY_TIMEOUT: Final = 7 * 24 * 3600
"""In seconds: how long an Endpoint may be told to wait."""

_MODEL_ID = re.compile(r"[^\s/]+(/[^\s/]+)?")
_LONGEST_TTL: Final = 366 * 24 * 3600


def read_arguments(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The arguments given, normalised (`/` in the model as `--`, whole numbers as ints), and what is wrong with them.

    What is left out, unknown or wrong is treated as `read_properties` says.
    """
    return read_properties(news, ARGUMENTS)


def default(key: str) -> Any:
    """What an argument is when it is left out, for those whose default no market decides."""
    return ARGUMENTS.defaults[key]


def without_defaults(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The same as plans and states have it."""
    return ARGUMENTS.without_defaults(inputs)


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


ARGUMENTS: Final = ArgumentTable(
    "an Instance",
    {
        "model_id": Argument(_model_id, Required("which model should the instance serve?")),
        "hardware_type_id": Argument(identifier, MARKET, priced=True),
        "context_length": Argument(whole_number(1), MARKET),
        "billing_interval": Argument(one_of(*BILLING_INTERVALS), "per_minute", priced=True),
        "num_workers": Argument(whole_number(1, MOST_WORKERS), 1, priced=True),
        "state": Argument(one_of(*STATES), "running", Change.UPDATE),
        "restart_trigger": Argument(text, "", Change.UPDATE, interrupts=True),
        "ttl": Argument(_ttl, "", Change.UPDATE, in_state_if_default=False),
        "on_timeout": Argument(one_of(*ON_TIMEOUT), "keep", Change.UPDATE),
        "adopt_id": Argument(_adopt_id, "", Change.NOTHING, in_state_if_default=False),
    },
)
PURCHASE: Final = ARGUMENTS.replacing
IN_PLACE: Final = ARGUMENTS.updatable
OPTIONAL: Final = ARGUMENTS.omitted_when_default
INPUTS: Final = (*ARGUMENTS, "quote")
"""All that check can settle."""
