"""What a program may say about an Instance, and what holds where it says nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.provider.arguments import LIFE_CYCLE
from pulumi_cortecs.provider.kind import MARKET, Argument, ArgumentTable, Problem, Required
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
MOST_WORKERS: Final = 8

_MODEL_ID = re.compile(r"[^\s/]+(/[^\s/]+)?")


def read_arguments(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The arguments given, normalised (`/` in the model as `--`, whole numbers as ints), and what is wrong with them.

    What is left out, unknown or wrong is treated as `read_properties` says.
    """
    return read_properties(news, ARGUMENTS)


def default(key: str) -> Any:
    """What an argument is when it is left out, for those whose default no market decides."""
    return ARGUMENTS.defaults[key]


def _model_id(value: Any) -> str:
    model_id = text(value)
    if not _MODEL_ID.fullmatch(model_id) or not model_id.isprintable():
        raise BadValueError(f"must be a model id such as Qwen/Qwen2-7B-Instruct; got {model_id!r}")
    return model_id.replace("/", "--")


ARGUMENTS: Final = ArgumentTable(
    "an Instance",
    {
        "model_id": Argument(_model_id, Required("which model should the instance serve?")),
        "hardware_type_id": Argument(identifier, MARKET, priced=True),
        "context_length": Argument(whole_number(1), MARKET),
        "billing_interval": Argument(one_of(*BILLING_INTERVALS), "per_minute", priced=True),
        "num_workers": Argument(whole_number(1, MOST_WORKERS), 1, priced=True),
        **LIFE_CYCLE,
    },
)
PURCHASE: Final = ARGUMENTS.replacing
