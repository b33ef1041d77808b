"""Lists in pages, `limit` rows from `offset` on (docs/apis/gcore.md#lists)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams

from pulumi_cortecs.simulator.gcore.errors import invalid

PAGED = ("limit", "offset")
MAX_LIMIT = 1000


def page(query: QueryParams, rows: Sequence[Any], largest: int, *, default: int = MAX_LIMIT) -> dict[str, Any]:
    """The page of these rows that a query wants; `largest` is the setting `gcore_page_size`. Raises ApiError."""
    limit = min(_number(query, "limit", default, 1, MAX_LIMIT), largest)
    offset = _number(query, "offset", 0, 0, None)
    return {"count": len(rows), "results": list(rows[offset : offset + limit])}


def _number(query: QueryParams, name: str, default: int, least: int, most: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not text.isascii() or int(text) < least or (most is not None and int(text) > most):
        allowed = f"{least} to {most}" if most is not None else f"{least} or more"
        raise invalid(f"{name}: got {text[:20]!r}; allowed: {allowed}")
    return int(text)
