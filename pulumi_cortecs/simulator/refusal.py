"""What a simulated cloud says when it does not do what it was asked."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """A request is refused with `status`; `message` goes into the body, in the shape of the API that was called.

    `code` is a short machine-readable word for those APIs that have one; `headers` are sent along; an HTML `page` is
    sent instead of the API's own body, by what stands in between.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        page: str | None = None,
    ):
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})
        self.page = page
