"""The base of all request bodies: strict JSON, where an unknown field is an error and "1" is not a number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class RequestModel(BaseModel):
    """The base of all bodies: no unknown fields, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), allow_inf_nan=False)


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
    if not where:
        return "A JSON object is required as the body, with the content type application/json."
    field = _dotted_path(where)
    if kind == "extra_forbidden":
        return f"{field}: unknown field"
    if kind == "missing":
        return f"{field}: required"
    return f"{field}: {error['msg']}"


def _dotted_path(where: Sequence[object]) -> str:
    return ".".join(str(part) for part in where)
