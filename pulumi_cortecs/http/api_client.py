"""The HTTP client of all vendors. Every request has a time limit, only safe requests are retried, answers must have the
documented shape, and errors quote the vendor but never a credential."""

from __future__ import annotations

import functools
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from enum import Enum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Protocol, TypeVar

import httpx
import pydantic
import stamina

from pulumi_cortecs.http.deadline import Clock, limit_duration
from pulumi_cortecs.http.errors import (
    AnswerLostError,
    BadAnswerError,
    CloudError,
    NotFoundError,
    NoTokenError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)
from pulumi_cortecs.http.network import network_problems, read_network
from pulumi_cortecs.http.text import one_line, redact

ModelT = TypeVar("ModelT", bound="WireModel")

_TIMEOUT = httpx.Timeout(connect=5.0, read=30.0, write=10.0, pool=30.0)
_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=16)
MAX_ANSWER_SECONDS: Final = 60.0
"""Seconds for one whole request, from the connection to the last byte of its answer."""

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Bytes of an answer's body, decompressed: about ten thousand times the answer for an account with one instance."""

_ENCODINGS: Final = ("", "identity", "gzip", "deflate")
"""The accepted content encodings, applied once: others have far higher compression ratios."""

_BUSY = frozenset({408, 409, 425, 429})
_MAX_RETRY_AFTER = 20.0
_CLOCKS_AGREE = 10.0
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")
_TELLING: Final = frozenset(
    ("code", "detail", "error", "errors", "field", "loc", "message", "msg", "path", "reason", "status", "title", "type")
)
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # the proxy refused the connection: it has seen only a host name
    httpx.UnsupportedProtocol,
)


class WireModel(pydantic.BaseModel):
    """A vendor's object. Unknown fields are ignored; a wrong type is refused by name, never converted."""

    model_config = pydantic.ConfigDict(
        strict=True, frozen=True, extra="ignore", protected_namespaces=(), defer_build=True
    )


class Retry(Enum):
    """The rule for a repetition of a request whose outcome is unknown."""

    IDEMPOTENT = "a repetition does no harm"
    """Reads, and changes that are the same when made twice."""
    IF_NEVER_SENT = "it may have bought an instance"
    """It is sent again only if it certainly was not sent (no connection)."""


class Authentication(Protocol):
    """The authentication of requests to a vendor."""

    def signer(self, *, for_order: bool = False) -> httpx.Auth:
        """The signer of one request; `for_order`: one that stays valid for longer. Raises CloudError if it cannot sign
        now, before the request is sent."""
        ...

    def refused(self, signer: httpx.Auth) -> None:
        """Takes a signer out of use after a 401 to its request: the next signer uses other credentials."""
        ...

    def redact(self, text: str) -> str:
        """`text` without secrets, which a vendor may have echoed."""
        ...


@functools.cache
def shared_client() -> httpx.Client:
    """The connection pool of this process, made at its first use; httpx clients may be used by many threads."""
    return new_client()


def new_client(
    transport: httpx.BaseTransport | None = None, environment: Mapping[str, str] | None = None
) -> httpx.Client:
    """A client with our time limits; `transport` is the seam for tests, `environment` the process's unless given.

    It keeps no cookies, so that only the token identifies the account. `network.py` reads proxies and certificates from
    the environment, and raises nothing.
    """
    return httpx.Client(
        timeout=_TIMEOUT,
        transport=transport or read_network(os.environ if environment is None else environment).transport(_LIMITS),
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "pulumi-cortecs", "Accept-Encoding": "gzip, deflate"},
    )


class ApiClient:
    """Speaks JSON to one vendor under one base URL. Threads may share it."""

    auth: Authentication | None = None

    def __init__(
        self,
        vendor: str,
        base_url: str,
        client: httpx.Client,
        calendar: Callable[[], float] | None = None,
        clock: Clock = time.monotonic,
        refusals: frozenset[str] = frozenset(),
    ) -> None:
        """`calendar` returns seconds since 1970 (the machine's by default), `clock` monotonic seconds. `refusals` are
        the vendor's words (`error_code`, `exception_class`) for a refusal that no repetition changes, whatever their
        HTTP status."""
        self.vendor = vendor
        self.base_url = base_url
        self._client = client
        self._calendar = calendar or (lambda: time.time())
        self._clock = clock
        self._refusals = refusals
        self._clock_sample: tuple[float, float, float] | None = None

    def vendor_time(self) -> float | None:
        """The time by the vendor's own clock, in seconds since 1970; None before its first dated answer, and if this
        machine's clock was set, or the machine slept, since its last.

        This machine's clock may differ by minutes, so the vendor's times have to be compared with this one.
        """
        if self._clock_sample is None:
            return None
        date, calendar, monotonic = self._clock_sample
        passed = time.monotonic() - monotonic
        return date + passed if abs(self._calendar() - calendar - passed) < _CLOCKS_AGREE else None

    def vendor_date(self) -> float | None:
        """The date of the vendor's last answer, in whole seconds since 1970, independent of this machine's clock; None
        before its first dated answer."""
        return None if self._clock_sample is None else self._clock_sample[0]

    def call(
        self,
        method: str,
        path: str,
        answer: type[ModelT],
        *,
        retry: Retry,
        body: dict[str, Any] | None = None,
        params: dict[str, str] | None = None,
        signed: bool = True,
        secrets: Sequence[str] = (),
    ) -> ModelT:
        """Sends one request, signed with `auth` unless `signed` is False, and returns its answer. `secrets` are those
        of the body, which a vendor may quote in an error.

        Raises CloudError (see http/errors.py). A safe request is repeated up to four times over some seconds, with
        jittered back-off and the vendor's Retry-After, and once more when its token is refused; one that may buy only
        after a failed connection. No request takes longer than MAX_ANSWER_SECONDS.
        """
        auth = self.auth if signed else None

        def again(error: Exception) -> bool | float:
            if isinstance(error, UnreachableError):
                return True
            if isinstance(error, NoTokenError) or not (isinstance(error, CloudError) and error.transient):
                return False  # the token request has retries of its own
            if retry is Retry.IF_NEVER_SENT:
                return False
            if isinstance(error, UnavailableError) and error.retry_after is not None:
                return min(error.retry_after, _MAX_RETRY_AFTER)
            return True

        for attempt in stamina.retry_context(
            on=again, attempts=4, timeout=60.0, wait_initial=0.2, wait_max=3.0, wait_jitter=0.3
        ):
            with attempt:
                send = functools.partial(self._send, method, path, answer, body, params, secrets)
                return self._send_signed(auth, retry, send)
        raise AssertionError("stamina lets the last exception through")

    def _send_signed(
        self, auth: Authentication | None, retry: Retry, send: Callable[[httpx.Auth | None], ModelT]
    ) -> ModelT:
        """Calls `send` with a signer. A refused token is never used again. Only a safe request is repeated with another
        token: the vendor may have carried out a refused order, so the caller has to check first."""
        if auth is None:
            return send(None)
        signer = auth.signer(for_order=retry is Retry.IF_NEVER_SENT)
        try:
            return send(signer)
        except UnauthorizedError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                raise
            auth.refused(signer)
            if retry is Retry.IF_NEVER_SENT:
                raise
        signer = auth.signer()
        try:
            return send(signer)
        except UnauthorizedError as error:
            if error.status == httpx.codes.UNAUTHORIZED:
                auth.refused(signer)
            raise

    def _send(
        self,
        method: str,
        path: str,
        answer: type[ModelT],
        body: dict[str, Any] | None,
        params: dict[str, str] | None,
        secrets: Sequence[str],
        signer: httpx.Auth | None,
    ) -> ModelT:
        try:
            with (
                limit_duration(MAX_ANSWER_SECONDS, self._clock),
                self._client.stream(
                    method, f"{self.base_url}{path}", json=body, params=params, auth=signer
                ) as response,
            ):
                content = _read_content(response)
        except _NEVER_SENT as error:
            text = f"{self.vendor} at {self.base_url} cannot be reached: {self._error_text(error)}"
            # an unusable variable of the environment may be the reason
            raise UnreachableError("; ".join((text, *network_problems(self.base_url, os.environ)))) from None
        except (httpx.RequestError, httpx.StreamError) as error:
            raise AnswerLostError(
                f"{self.vendor} did not complete its answer to {method} {path}: {self._error_text(error)}"
            ) from None
        self._record_clock(response.headers.get("date"))
        if not response.is_success:
            raise self._refused_error(method, path, response, content or b"", secrets)
        if content is None:
            raise BadAnswerError(
                f"{self.vendor} answered {method} {path} with more than {MAX_ANSWER_BYTES // 2**20} MB, or in an "
                "encoding that was not requested; the rest was not read"
            )
        if answer is WireModel and _error_body(content).get("error"):  # nothing else of it is read
            message = self._redacted(_vendor_message(content) or "an error", secrets)
            raise BadAnswerError(f"{self.vendor} answered {method} {path} with {response.status_code}, and: {message}")
        try:
            return answer.model_validate_json(content or b"{}")
        except pydantic.ValidationError as error:
            raise BadAnswerError(
                f"{self.vendor} answered {method} {path} in an undocumented form: {self._redacted(_error_place(error))}"
            ) from None

    def _refused_error(
        self, method: str, path: str, response: httpx.Response, content: bytes, secrets: Sequence[str]
    ) -> RefusedError:
        code = _error_code(content)
        message = self._redacted(_vendor_message(content) or response.reason_phrase or "no message", secrets)
        error = self._error_of_status(method, path, response, message, is_final=code in self._refusals)
        error.code = code
        return error

    def _error_of_status(
        self, method: str, path: str, response: httpx.Response, message: str, *, is_final: bool
    ) -> RefusedError:
        status = response.status_code
        named = next((response.headers[h] for h in _REQUEST_ID_HEADERS if response.headers.get(h)), None)
        request_id = self._redacted(named) if named else None
        suffix = f" (request id {request_id})" if request_id else ""
        words = message if message.endswith("...") else message.rstrip(".")  # the message continues after it
        text = f"{self.vendor} answered {method} {path} with {status}: {words}{suffix}"
        if status in (401, 403):
            return UnauthorizedError(text, status=status, vendor_message=message, request_id=request_id)
        if status == 404:
            return NotFoundError(text, status=status, vendor_message=message, request_id=request_id)
        if not is_final and (status in _BUSY or status >= 500):
            wait = _seconds(response.headers.get("retry-after"))
            return UnavailableError(
                text, status=status, vendor_message=message, request_id=request_id, retry_after=wait
            )
        return RefusedError(text, status=status, vendor_message=message, request_id=request_id)

    def _record_clock(self, date: str | None) -> None:
        with suppress(ValueError, OverflowError):
            if date:
                self._clock_sample = parsedate_to_datetime(date).timestamp(), self._calendar(), time.monotonic()

    def _error_text(self, error: Exception) -> str:
        return self._redacted(str(error) or type(error).__name__)

    def _redacted(self, text: str, secrets: Sequence[str] = ()) -> str:
        """The vendor's text as an error may show it, without these secrets. It is redacted before it is shortened, or
        half a secret could remain."""
        text = redact(text, secrets)
        return one_line(self.auth.redact(text) if self.auth else text)


def _read_content(response: httpx.Response) -> bytes | None:
    """The complete body; None if it is too large, or has an encoding that was not requested. Raises
    httpx.RequestError."""
    if response.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        return None
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _error_body(content: bytes) -> Mapping[str, Any]:
    try:
        body: Any = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    return body if isinstance(body, dict) else {}


def _error_code(content: bytes) -> str:
    """The vendor's word for an error; "" for none."""
    body = _error_body(content)
    codes = (body.get(key) for key in ("error_code", "exception_class"))
    return next((code for code in codes if isinstance(code, str)), "")


def _vendor_message(content: bytes) -> str:
    """The vendor's text of an error, from `error`, `message` or `detail`; "" for none."""
    body = _error_body(content)
    for key in ("error", "message", "detail"):
        words = body.get(key)
        if isinstance(words, dict):
            words = words.get("message") or words
        if words and isinstance(words, (str, dict, list)):  # not the "error": true that some vendors add to a message
            return str(_telling(words) or "")
    return ""


def _telling(words: Any) -> Any:
    """The parts of a structured error that say what is wrong: others may quote a request, or an object with secrets."""
    if isinstance(words, dict):
        return {key: _telling(value) for key, value in words.items() if key in _TELLING}
    return [_telling(word) for word in words] if isinstance(words, list) else words


def _error_place(error: pydantic.ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the body"
    return f"{place}: {first['msg']}"


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; the back-off covers its other form, a date."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
