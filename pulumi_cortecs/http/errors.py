"""The errors between us and a vendor, sorted by the one question that matters: may it have cost money?

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


class CloudError(Exception):
    """Something between us and a vendor went wrong. Its text never holds a credential."""

    may_have_taken_effect = False
    """Whether the request may have been carried out nevertheless. Then it must not be sent again without checking
    first."""

    transient = False
    """Whether the same request may well succeed a little later."""


class ConfigurationError(CloudError):
    """Credentials or a base URL are missing, come from two sources, or cannot be used."""


class UnreachableError(CloudError):
    """No connection came about, so nothing can have happened at the vendor."""

    transient = True


class NoTokenError(CloudError):
    """The vendor gave no access token, for a passing reason; the request that needed it was not carried out."""

    transient = True


class AnswerLostError(CloudError):
    """The request went out, and the connection broke or timed out before a whole answer had arrived."""

    may_have_taken_effect = True
    transient = True


class BadAnswerError(CloudError):
    """The vendor reported success in a form that it does not document (malformed JSON, a field of a wrong type)."""

    may_have_taken_effect = True
    transient = True


class RefusedError(CloudError):
    """The vendor answered with an error.

    `status` is the HTTP status, `vendor_message` the vendor's own words (shortened), `request_id` the vendor's id of
    the request or None.
    """

    def __init__(self, text: str, *, status: int, vendor_message: str, request_id: str | None) -> None:
        super().__init__(text)
        self.status = status
        self.vendor_message = vendor_message
        self.request_id = request_id


class UnauthorizedError(RefusedError):
    """The credentials were refused (401, or in exchange for a token) or do not suffice (403)."""


class CredentialsRefusedError(UnauthorizedError):
    """The vendor gave no access token for these credentials; the request that needed it was not sent."""


class NotFoundError(RefusedError):
    """The vendor knows nothing under this path (404), or gives out no such id."""


class UnavailableError(RefusedError):
    """The vendor could not say yes or no: it was busy, in conflict with itself, or broken."""

    may_have_taken_effect = True
    transient = True

    def __init__(
        self, text: str, *, status: int, vendor_message: str, request_id: str | None, retry_after: float | None = None
    ) -> None:
        """`retry_after` is in seconds, None where the vendor named no time."""
        super().__init__(text, status=status, vendor_message=vendor_message, request_id=request_id)
        self.retry_after = retry_after
