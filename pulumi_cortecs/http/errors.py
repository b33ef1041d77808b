"""The errors of requests to a vendor, by the question whether the request may have cost money.

CloudError
├── ConfigurationError    we cannot even ask: credentials or base URL missing or unfit
├── UnreachableError      no connection came about: the vendor was asked nothing
├── NoTokenError          no access token was to be had: the request itself was not carried out
├── AnswerLostError       asked, and no whole answer came back
├── BadAnswerError        answered "success" with something that is not what the vendor documents
└── RefusedError          answered with an error status
    ├── UnauthorizedError     401, 403
    │   └── CredentialsRefusedError   any refusal to give a token: the request itself was not sent
    ├── NotFoundError         404
    └── UnavailableError      408, 409, 425, 429, 5xx
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class CloudError(Exception):
    """A request to a vendor failed. The text never contains a credential."""

    may_have_taken_effect = False
    """Whether the request may have been carried out nevertheless, and must not be sent again without checking first."""

    transient = False
    """Whether the same request may succeed a little later."""


class ConfigurationError(CloudError):
    """Credentials or a base URL are missing, come from two sources, or cannot be used."""


class UnreachableError(CloudError):
    """No connection was made, so the request had no effect."""

    transient = True


class NoTokenError(CloudError):
    """The vendor issued no access token, for a temporary reason; the request that needed it was not sent."""

    transient = True


class AnswerLostError(CloudError):
    """The request was sent, and the connection broke or timed out before the answer was complete."""

    may_have_taken_effect = True
    transient = True


class BadAnswerError(CloudError):
    """The vendor reported success in a form that it does not document (malformed JSON, a field of a wrong type)."""

    may_have_taken_effect = True
    transient = True


class RefusedError(CloudError):
    """The vendor answered with an error.

    `status` is the HTTP status, `vendor_message` the vendor's text (shortened), `request_id` the vendor's id of the
    request or None, `code` the vendor's word for the error, "" for none.
    """

    code = ""

    def __init__(self, text: str, *, status: int, vendor_message: str, request_id: str | None) -> None:
        super().__init__(text)
        self.status = status
        self.vendor_message = vendor_message
        self.request_id = request_id


class UnauthorizedError(RefusedError):
    """The credentials were refused (401, or by the token endpoint) or do not suffice (403)."""


class CredentialsRefusedError(UnauthorizedError):
    """The vendor refused an access token for these credentials; the request that needed it was not sent."""


class NotFoundError(RefusedError):
    """The vendor does not know this path (404), or the id is invalid."""


class UnavailableError(RefusedError):
    """The vendor could not decide: it was busy, in a conflict, or failing."""

    may_have_taken_effect = True
    transient = True

    def __init__(
        self, text: str, *, status: int, vendor_message: str, request_id: str | None, retry_after: float | None = None
    ) -> None:
        """`retry_after` is in seconds, None if the vendor named no time."""
        super().__init__(text, status=status, vendor_message=vendor_message, request_id=request_id)
        self.retry_after = retry_after


def none_if_unknown(ask: Callable[[], T]) -> T | None:
    """The answer of `ask`, None where it raises NotFoundError."""
    try:
        return ask()
    except NotFoundError:
        return None
