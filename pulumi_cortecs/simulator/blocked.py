"""What a request is answered that is turned away: by the vendor, or by a web filter that stands in between.

A web filter answers when it has seen the vendor's answer, so what it turns away may have been carried out.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

from pulumi_cortecs.simulator.refusal import Refused

NO_BODY = 304
"""The one status from 300 on whose answer must not have a body."""
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


class Body(str, Enum):
    """The body of a refusal: the vendor's error as `json`, or a web filter's block page in `html`."""

    JSON = "json"
    HTML = "html"


def turned_away(status: int, body: Body, origin: str) -> Refused:
    """The refusal with that status; one of 3xx leads to a page of this same origin, which does not exist."""
    place = f"{origin}/blocked"
    headers = {"Location": place} if status in _REDIRECTS else {}
    page = _PAGE.format(status=status, place=place) if body is Body.HTML else None
    return Refused(status, _message(status), headers=headers, page=page)


def _message(status: int) -> str:
    if status >= 500:
        return "Something went wrong on the server."
    try:
        return _WORDS.get(status) or f"{HTTPStatus(status).phrase}."
    except ValueError:
        return "The request was refused."
