"""The types of a vendor's fields: strict where a wrong value would cost money, tolerant where it only informs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from pulumi_cortecs.http.text import escape_unprintable, require_identifier

T = TypeVar("T")


def read_or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """What `read` reads; None for an odd value."""
    try:
        return read(value)
    except ValidationError:
        return None


def read_or_empty(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """What `read` reads; {} for null, and for an odd value."""
    return read_or_none(value, read) or {}


def read_rows(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """The readable rows of a list; [] for null."""
    try:
        return read([] if value is None else value)
    except ValidationError as error:
        if not isinstance(value, list):
            raise
        odd = {detail["loc"][0] for detail in error.errors()}
        return read([row for number, row in enumerate(value) if number not in odd])


# informative fields may be null or odd: an instance must stay visible, or it could not be deleted
Told = Annotated[T | None, WrapValidator(read_or_none)]
Rows = Annotated[list[T], WrapValidator(read_rows)]
Object = Annotated[dict[str, Any], WrapValidator(read_or_empty)]
# a vendor that is written in Go writes an empty list as null
Whole = Annotated[list[T], BeforeValidator(lambda value: [] if value is None else value)]
Id = Annotated[str, AfterValidator(require_identifier)]
# the digits that the vendor has written: in a tolerant field they arrive as a float
Number = Annotated[
    Decimal, BeforeValidator(lambda value: Decimal(str(value)) if type(value) in (int, float) else value)
]
Words = Annotated[str, AfterValidator(escape_unprintable)]
