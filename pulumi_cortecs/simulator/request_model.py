"""The base of all request bodies: strict JSON, where an unknown field is an error and "1" is not a number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pulumi_cortecs.cost.suggestions import closest_match

_UNKNOWN: Final = "unknown_field"


class RequestModel(BaseModel):
    """The base of all bodies: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_fields(cls, value: object) -> object:
        """Refuses unknown fields itself: pydantic's own error does not have the nearest known one."""
        if cls.model_config.get("extra") == "forbid" and isinstance(value, Mapping):
            fields = {name: field.alias or name for name, field in cls.model_fields.items()}.values()
            if unknown := [str(name) for name in value if name not in fields]:
                near = {name: closest_match(name, fields, at_least=0.6) for name in unknown}
                raise PydanticCustomError(_UNKNOWN, "unknown", {"near": near})
        return value


def _whole(value: object) -> object:
    # engines such as Pulumi's know floats only, so 32000.0 is a whole number; 32000.5, "32000" and true are not
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _amount(value: object) -> object:
    # amounts are decimal strings, because a float's decimals are inexact
    try:
        return Decimal(value) if isinstance(value, str) else value
    except ArithmeticError:
        raise ValueError('expected a decimal string such as "1.20"') from None


def _ok_or_error(status: int) -> int:
    if status != 200 and not 400 <= status <= 599:
        raise ValueError("expected 200, or 400 to 599")
    return status


Integer = Annotated[int, BeforeValidator(_whole)]
Amount = Annotated[Decimal, BeforeValidator(_amount)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Shift = Annotated[float, Field(ge=-1e9, le=1e9)]
ErrorStatus = Annotated[Integer, Field(ge=400, le=599)]
AnyStatus = Annotated[Integer, AfterValidator(_ok_or_error)]


def validation_text(invalid: RequestValidationError) -> str:
    """The problems of an invalid request, in one line. Values are left out, because one of them may be a secret."""
    return "; ".join(_error_text(error) for error in invalid.errors())


def _error_text(error: dict[str, Any]) -> str:
    where, kind = list(error["loc"])[1:], error["type"]
    if kind == "json_invalid":
        return "The body is not JSON."
    if kind == "value_error" and not where:  # of the whole body's own validator
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == _UNKNOWN:
        near = error["ctx"]["near"].items()
        return "; ".join(
            f"{_dotted_path([*where, name])}: unknown field{(hint and f'; did you mean {hint}?') or ''}"
            for name, hint in near
        )
    if not where:
        missing = "with the content type application/json"
        if _is_json_object(error["input"]):
            return f"The body is a JSON object without its content type: send it {missing} (curl --json)."
        return f"A JSON object is required as the body, {missing}."
    field = _dotted_path(where)
    if kind == "missing":
        return f"{field}: required"
    return f"{field}: {str(error['msg']).removeprefix('Value error, ')}"


def _is_json_object(body: object) -> bool:
    try:
        return isinstance(body, (bytes, str)) and isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _dotted_path(where: Sequence[object]) -> str:
    return ".".join(str(part) for part in where)
