"""The types of fields in a vendor's answers. Informative fields may be null or odd: an instance must stay visible, or
it could not be deleted."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from pulumi_cortecs.http.text import escape_unprintable, require_identifier, require_path_part

T = TypeVar("T")


def is_no_time(value: object) -> bool:
    """Returns whether a time is Go's zero time, which stands for one that has not come."""
    return isinstance(value, str) and value.startswith("0001-01-01T00:00:00")


def path_part(reserved: frozenset[str]) -> AfterValidator:
    """The check that an id can be a part of a path, and is none of the `reserved`: a resource under another id could
    not be deleted."""
    return AfterValidator(lambda text: require_path_part(text, reserved))


def _read_or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


def _read_or_empty(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    return _read_or_none(value, read) or {}


def _read_rows(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read([] if value is None else value)
    except ValidationError as error:
        if not isinstance(value, list):
            raise
        odd = {detail["loc"][0] for detail in error.errors()}
        return read([row for number, row in enumerate(value) if number not in odd])


def _read_offers(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    return _read_rows(value, read) or read(value or [])


Told = Annotated[T | None, WrapValidator(_read_or_none)]
"""An informative value; None for null and for an odd one."""
Rows = Annotated[list[T], WrapValidator(_read_rows)]
"""The readable rows of a list; [] for null."""
Offers = Annotated[list[T], WrapValidator(_read_offers)]
"""The same, and an error if there are rows and none is readable: then the market is unknown."""
Object = Annotated[dict[str, Any], WrapValidator(_read_or_empty)]
"""An informative object; {} for null and for an odd value."""
Whole = Annotated[list[T], BeforeValidator(lambda value: [] if value is None else value)]
"""A list of which each row counts; [] for null, as a vendor that is written in Go writes an empty list."""
Id = Annotated[str, AfterValidator(require_identifier)]
"""An id, which is sent back and compared."""
Number = Annotated[
    Decimal, BeforeValidator(lambda value: Decimal(str(value)) if type(value) in (int, float) else value)
]
"""A decimal in a tolerant field, where it arrives as a float: the digits that the vendor has written."""
Words = Annotated[str, AfterValidator(escape_unprintable)]
"""A text for a person."""
Time = Annotated[Told[Words], BeforeValidator(lambda value: None if is_no_time(value) else value)]
"""A time as text; None for one that has not come."""
