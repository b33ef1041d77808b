"""The strict reader of configuration files: no coercion, no unknown key, no duplicate key; all problems by their place.

It loads pydantic, so a provider's process imports it only where there is a file to read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from pulumi_cortecs.cost.money import Money, MoneyError
from pulumi_cortecs.cost.suggestions import closest_match, join_names

M = TypeVar("M", bound=BaseModel)

_ALLOWED: Final = {
    "bool_type": "true or false",
    "dict_type": "a mapping of names",
    "list_type": "a list",
    "model_type": "a mapping of names",
    "string_type": "a string without surrounding spaces",
    "tuple_type": "a list",
}
"""By type of pydantic's error, in the words of a file."""
_MAX_PROBLEMS: Final = 20


class StrictModel(BaseModel):
    """A mapping in a file, the base of each kind of mapping."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, protected_namespaces=()
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, data: Any, handler: Callable[[Any], M]) -> M:
        try:
            return handler(data)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)[:_MAX_PROBLEMS]
            raise ValidationError.from_exception_data(
                cls.__name__,
                [
                    InitErrorDetails(
                        type=PydanticCustomError("explained", _text(problem, cls.model_fields)),
                        loc=problem["loc"],
                        input=problem["input"],
                    )
                    for problem in problems
                ],
            ) from None


def parse_json(content: bytes, error_class: type[ValueError], parse_float: Callable[[str], Any] = Decimal) -> Any:
    """A JSON file in which each key stands once. Raises the error class."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in pairs:
            if key in members:
                raise error_class(
                    f"duplicate key {_shown(key)}; leave one: some programs take the last one, some the first"
                )
            members[key] = value
        return members

    def no_number(text: str) -> Any:
        raise ValueError(f"not a number: {text}")

    try:
        return json.loads(content.decode(), object_pairs_hook=unique, parse_float=parse_float, parse_constant=no_number)
    except error_class:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise error_class(f"is not valid JSON: {error}") from None


def read_model(model: type[M], data: Any, error_class: type[ValueError]) -> M:
    """The data of a file as a model. Raises the error class, naming all problems."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise error_class("; ".join(problems_in(error))) from None


def problems_in(error: ValidationError) -> list[str]:
    """The problems in an error of a StrictModel, a line each, at most twenty."""
    return [
        f"{place}: {problem['msg']}" if (place := _place(problem["loc"])) else problem["msg"]
        for problem in error.errors(include_url=False, include_context=False)
    ]


def invalid(value: Any, allowed: str) -> ValueError:
    """The error of a value: what it is, and what is allowed."""
    return ValueError(f"got {_shown(value)}; must be {allowed}")


def parse_name(value: Any) -> str:
    """A string without surrounding spaces. Raises ValueError for anything else."""
    if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
        raise invalid(value, "a string without surrounding spaces")
    return value


def parse_money(value: Any) -> Money:
    """ "12.50 EUR" as Money. Raises ValueError for anything else."""
    try:
        return Money.read(value)
    except MoneyError:
        raise invalid(value, "an amount with its currency, such as '12.50 EUR', of at most 20 digits") from None


Name: TypeAlias = Annotated[str, AfterValidator(parse_name)]
"""A string without surrounding spaces."""


def _text(problem: ErrorDetails, keys: Iterable[str]) -> str:
    match problem["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            near = closest_match(str(problem["loc"][-1]), keys)
            return "unknown key; " + (f"did you mean {near}?" if near else f"allowed: {join_names(sorted(keys))}")
        case "value_error" | "explained":
            return problem["msg"].removeprefix("Value error, ")
        case kind if kind in _ALLOWED:
            return str(invalid(problem["input"], _ALLOWED[kind]))
        case _:
            return f"got {_shown(problem['input'])}; must {problem['msg'].partition(' should ')[2]}"


def _place(parts: Iterable[int | str]) -> str:
    """ "hardware_types[3].price_per_hour"."""
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part if part.isprintable() else repr(part):.100}"
        for part in parts
    )
    return place.removeprefix(".")


def _shown(value: Any) -> str:
    return f"{str(value) if isinstance(value, Decimal) else repr(value):.100}"
