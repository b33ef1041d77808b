"""The error answers of a simulated cloud: its own, or those of a web filter between it and the client.

A web filter blocks the vendor's answer, so a request that it blocks may have been carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus

STATUS_WITHOUT_BODY = 304
"""The only status from 300 on whose answer must not have a body."""
_REDIRECTS = range(300, 400)
_WORDS = {
    460: "The client closed the connection.",
    499: "The client closed the request.",
}
_PAGE = """<!DOCTYPE html>
<html><head><title>Access denied</title></head>
<body><h1>Access denied</h1>
<p>The page you asked for was blocked by the web filter of your organization ({status}, category: uncategorized).</p>
<p><a href="{place}">Details</a></p></body></html>
"""


class ApiError(Exception):
    """A request is refused with `status`; `message` goes into the body, in the shape of the API that was called.

    `code` is a short machine-readable word for APIs that have one; `headers` are added to the answer; an HTML `page`
    replaces the API's own body, as a web filter sends it.
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


class ErrorBody(str, Enum):
    """The body of a refusal: the vendor's error as `json`, or a web filter's block page in `html`."""

    JSON = "json"
    HTML = "html"


def blocked_error(status: int, body: ErrorBody, origin: str) -> ApiError:
    """The refusal with that status; one of 3xx leads to a page of this same origin, which does not exist."""
    place = f"{origin}/blocked"
    headers = {"Location": place} if status in _REDIRECTS else {}
    page = _PAGE.format(status=status, place=place) if body is ErrorBody.HTML else None
    return ApiError(status, _message(status), headers=headers, page=page)


def _message(status: int) -> str:
    if status >= 500:
        return "Something went wrong on the server."
    try:
        return _WORDS.get(status) or f"{HTTPStatus(status).phrase}."
    except ValueError:
        return "The request was refused."
