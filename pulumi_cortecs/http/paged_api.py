"""The base of a client whose vendor answers lists page by page, `{"count": ..., "results": [...]}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from pulumi_cortecs.http.api_client import Retry, WireModel
from pulumi_cortecs.http.errors import BadAnswerError
from pulumi_cortecs.http.vendor_api import VendorApi
from pulumi_cortecs.http.wire import Told, Whole

R = TypeVar("R")
T = TypeVar("T")

_PAGE_SIZE: Final = 1000
_MAX_PAGES: Final = 50
"""Pages of a list: more rows than any account has, and an end if the vendor never says that it was the last."""


class Page(WireModel, Generic[R]):
    """One page of a list that has `count` rows."""

    count: int
    results: Whole[R]


class PagedApi(VendorApi):
    """The base of such a client."""

    def _all(self, path: str, page: type[Page[R]], params: Mapping[str, str] | None = None) -> list[R]:
        """All rows of a list, page by page. Raises BadAnswerError if the pages do not fit together: then a row may be
        missing."""
        rows: list[R] = []
        counts: set[int] = set()
        for _ in range(_MAX_PAGES):
            query = {"limit": str(_PAGE_SIZE), "offset": str(len(rows)), **(params or {})}
            answer = self._core.call("GET", path, page, retry=Retry.IDEMPOTENT, params=query)
            rows += answer.results
            counts.add(answer.count)
            if counts == {len(rows)}:
                return rows
            if not answer.results or counts != {answer.count} or len(rows) > answer.count:
                break
        totals = " and ".join(map(str, sorted(counts)))
        raise BadAnswerError(f"{self.vendor} answered GET {path} with {len(rows)} rows, and counts {totals}; try again")

    def _offers(self, path: str, row: type[T], params: Mapping[str, str] | None = None) -> list[T]:
        """The readable rows of a list of offers. Raises BadAnswerError if there are rows, and none is readable: then
        the market is unknown."""
        rows: list[T | None] = self._all(path, Page[Told[row]], params)  # type: ignore[valid-type]
        readable = [row for row in rows if row is not None]
        if rows and not readable:
            raise BadAnswerError(f"{self.vendor} answered GET {path} in an undocumented form: no row of it can be read")
        return readable
