"""What a program may say about an Instance, read strictly: a wrong type, an unknown key or an odd number is named and
refused, never bent into shape."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi.output import Unknown

PURCHASE: Final = ("model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers")
"""What decides what is bought: a change of any of these is a replacement."""

BILLING_INTERVALS: Final = ("per_minute", "per_hour")
STATES: Final = ("running", "stopped")
MOST_WORKERS: Final = 8
_PROVIDER_KEY: Final = "__provider"
_MODEL_ID = re.compile(r"[^\s/]+(/[^\s/]+)?")
_DEFAULTS: Final = {"billing_interval": "per_minute", "num_workers": 1, "state": "running", "restart_trigger": ""}


@dataclass(frozen=True)
class Problem:
    """Why an argument was refused. `property` names the argument."""

    property: str
    reason: str


class BadArgumentError(ValueError):
    """One argument's value cannot be used; the text says what would be."""


Reader = Callable[[Any], Any]


def read_arguments(news: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The arguments given, normalised (`/` in the model as `--`, whole numbers as ints), and what is wrong with them.

    An argument that was left out is not in the result; one that only `up` will know is an Unknown in it.
    """
    given: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in news.items():
        if key == _PROVIDER_KEY or value is None:
            continue
        reader = _READERS.get(key)
        if reader is None:
            problems.append(Problem(key, _unknown_key(key)))
        elif isinstance(value, Unknown):
            given[key] = value
        else:
            try:
                given[key] = reader(value)
            except BadArgumentError as error:
                problems.append(Problem(key, str(error)))
    if "model_id" not in given and not any(problem.property == "model_id" for problem in problems):
        problems.append(Problem("model_id", "is required: which model should the instance serve?"))
    return given, problems


def default(key: str) -> Any:
    """What an argument is when it is left out, for those whose default no market decides."""
    return _DEFAULTS[key]


def same(one: Any, other: Any) -> bool:
    """Whether two values of an argument mean the same: the host passes every number as a float."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def whole_number(value: Any, low: int, high: int | None) -> int:
    """`value` as an int in low..high. Raises BadArgumentError for anything but a whole, finite number in there."""
    limits = f"{low}..{high}" if high is not None else f"{low} or more"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadArgumentError(f"must be a whole number, {limits}; got {_shown(value)}")
    if not math.isfinite(value) or value != int(value):
        raise BadArgumentError(f"must be a whole number, {limits}; got {value}")
    number = int(value)
    if number < low or (high is not None and number > high):
        raise BadArgumentError(f"must be {limits}; got {number}")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadArgumentError(f"must be a string; got {_shown(value)}")
    return value


def _model_id(value: Any) -> str:
    text = _text(value)
    if not _MODEL_ID.fullmatch(text) or not text.isprintable():
        raise BadArgumentError(f"must be a model id such as Qwen/Qwen2-7B-Instruct; got {text!r}")
    return text.replace("/", "--")


def _name(value: Any) -> str:
    text = _text(value)
    if not text or text != text.strip() or not text.isprintable():
        raise BadArgumentError(f"must be an id without spaces around it; got {text!r}")
    return text


def _one_of(*allowed: str) -> Reader:
    def reader(value: Any) -> str:
        text = _text(value)
        if text not in allowed:
            raise BadArgumentError(f"must be {' or '.join(allowed)}; got {text!r}")
        return text

    return reader


def _unknown_key(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, _READERS, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_READERS)}"
    return f"is no argument of an Instance{hint}"


def _shown(value: Any) -> str:
    kind = {str: "the string", bool: "the boolean", list: "the list", dict: "the object"}.get(type(value), "")
    return f"{kind} {value!r}".strip()


_READERS: Final[Mapping[str, Reader]] = {
    "model_id": _model_id,
    "hardware_type_id": _name,
    "context_length": lambda value: whole_number(value, 1, None),
    "billing_interval": _one_of(*BILLING_INTERVALS),
    "num_workers": lambda value: whole_number(value, 1, MOST_WORKERS),
    "state": _one_of(*STATES),
    "restart_trigger": _text,
}
