"""The base of every vendor's typed client."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import httpx
from pydantic import create_model

from pulumi_cortecs.http.api_client import ApiClient, ModelT, Retry, WireModel, shared_client
from pulumi_cortecs.http.errors import NotFoundError
from pulumi_cortecs.http.text import require_path_part
from pulumi_cortecs.http.wire import Offers, Whole

R = TypeVar("R", bound=WireModel)


@cache
def _listing(name: str, row: Any, all_count: bool) -> type[WireModel]:
    fields: dict[str, Any] = {name: (Whole[row] if all_count else Offers[row], ...)}
    return create_model(name, __base__=WireModel, **fields)


class VendorApi:
    """The API of one vendor under one base URL. A subclass has a method for each request, which calls `self._core`.

    `vendor` is its name in texts. `refusals` are its words for refusals that no repetition changes, as in ApiClient.
    `reserved` are the ids that would turn a resource's path into another request.
    """

    vendor: ClassVar[str]
    refusals: ClassVar[frozenset[str]] = frozenset()
    reserved: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, base_url: str, client: httpx.Client | None = None) -> None:
        """`client` has the connections: by default those of the process."""
        self._core = ApiClient(self.vendor, base_url, client or shared_client(), refusals=self.refusals)

    @property
    def base_url(self) -> str:
        """The base URL of its requests."""
        return self._core.base_url

    def vendor_time(self) -> float | None:
        """The time of the vendor's own clock, in seconds since 1970; None before its first answer."""
        return self._core.vendor_time()

    def vendor_date(self) -> float | None:
        """The date of the vendor's last answer, in seconds since 1970, independent of this machine's clock; None before
        its first."""
        return self._core.vendor_date()

    def _get(self, path: str, answer: type[ModelT]) -> ModelT:
        """The answer to a read."""
        return self._core.call("GET", path, answer, retry=Retry.IDEMPOTENT)

    def _rows(self, path: str, name: str, row: type[R], *, all_count: bool = True) -> list[R]:
        """The rows of an answer `{name: [...]}`. Unless `all_count`, unreadable ones are left out, but not all."""
        answer: Any = self._get(path, _listing(name, row, all_count))
        rows: list[R] = getattr(answer, name)
        return rows

    def _act(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """A change that may be sent twice; the content of its answer is ignored."""
        self._core.call(method, path, WireModel, retry=Retry.IDEMPOTENT, body=body)

    def _order(self, path: str, answer: type[ModelT], body: dict[str, Any], secrets: Sequence[str] = ()) -> ModelT:
        """The answer to an order, which is not sent again once the vendor may have received it."""
        return self._core.call("POST", path, answer, retry=Retry.IF_NEVER_SENT, body=body, secrets=secrets)

    def _path(self, kind: str, resource_id: str) -> str:
        """The path of a resource, /instances/ID. Raises NotFoundError, without a request, for an id that would be
        another path: "delete-all" would delete all instances."""
        try:
            return f"/{kind}/{quote(require_path_part(resource_id, self.reserved), safe='')}"
        except ValueError:
            text = f"{resource_id!r} is not a valid id at {self.vendor}"
            raise NotFoundError(text, status=404, vendor_message=text, request_id=None) from None
