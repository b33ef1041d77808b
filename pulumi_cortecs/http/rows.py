"""The rows of programs that are a vendor's objects as they are: only the dataclass names their fields."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import AfterValidator, create_model

from pulumi_cortecs.http.api_client import WireModel
from pulumi_cortecs.http.wire import Told, Words


@cache
def read_as(form: Any) -> Any:
    """The type of a vendor's object that is read as this frozen dataclass: a field that may be None is informative, and
    texts are Words unless they are an Id. The metadata `told_as` of a field is its name at the vendor."""
    hints = get_type_hints(form, include_extras=True)
    told_as = {part.name: str(part.metadata.get("told_as", part.name)) for part in fields(form)}
    field_types: dict[str, Any] = {key: _field_of(hints[name]) for name, key in told_as.items()}
    model = create_model(form.__name__, __base__=WireModel, **field_types)
    return Annotated[
        model, AfterValidator(lambda row: form(**{name: getattr(row, key) for name, key in told_as.items()}))
    ]


def _field_of(hint: Any) -> tuple[Any, Any]:
    if type(None) not in get_args(hint):
        return (Words if hint is str else hint, ...)
    (value_type,) = (part for part in get_args(hint) if part is not type(None))
    return (Told[Words if value_type is str else value_type], None)  # type: ignore[misc]
