"""The probe of an endpoint: a request to the instance itself, because a vendor's "running" does not prove that it can
answer."""

from __future__ import annotations

import errno
import functools
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import httpx

from pulumi_cortecs.http.base_url import is_loopback_url
from pulumi_cortecs.http.deadline import limit_duration
from pulumi_cortecs.http.network import read_network
from pulumi_cortecs.http.text import one_line

CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 30.0
"""Seconds for one request, from the connection to the end of its answer."""
MAX_ANSWER_BYTES: Final = 64 * 1024
"""Bytes of an answer that are read; what comes after them is not needed."""

_TIMEOUT = httpx.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS, write=10.0, pool=CONNECT_SECONDS)
_LIMITS = httpx.Limits(max_connections=1024, max_keepalive_connections=0)
_NO_ROUTE: Final = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ETIMEDOUT}
)
_PROMPT: Final = [{"role": "user", "content": "Hi"}]


class Outcome(Enum):
    """The result of a probe."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """401 or 403: something is there, and asks for another key."""
    NOT_YET = "not yet"
    UNREACHABLE = "unreachable"
    """No connection is possible from this machine: no route, a name or TLS that fails, connection attempts that time
    out."""


@dataclass(frozen=True)
class Answer:
    """The outcome of a probe, and its reason as text, without a key."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class ProbeSpec:
    """The request of a probe. `path` replaces the two requests of OpenAI's API; it begins with a slash and follows the
    address without its `/v1`. `key` is a bearer token, or "". `port` is the container's port to ask, 0 for the only
    one."""

    path: str = ""
    key: str = field(default="", repr=False)
    port: int = 0


@functools.cache
def probe_client() -> httpx.Client:
    """The HTTP client of all probes: not the vendors', so that no slow endpoint keeps a vendor's request waiting."""
    from pulumi_cortecs.http.api_client import new_client  # not before the first probe: it imports pydantic

    return new_client(read_network(os.environ).transport(_LIMITS))


def probe(base_url: str, model: str, how: ProbeSpec, clock: Callable[[], float] = time.monotonic) -> Answer:
    """Asks an OpenAI-compatible endpoint once: for its models, and then `model` ("" for none) for one token; or for the
    path of `how`.

    Raises nothing. No redirect is followed, and the key is sent only over TLS or to this machine.
    """
    try:
        is_loopback, scheme = is_loopback_url(base_url), httpx.URL(base_url).scheme
    except (httpx.InvalidURL, ValueError):
        return Answer(Outcome.UNREACHABLE, f"{base_url!r} is not a URL")
    headers = {"Accept-Encoding": "identity"}
    if how.key and (scheme == "https" or is_loopback):
        headers["Authorization"] = f"Bearer {how.key}"
    if how.path:
        answer, _ = _ask("GET", base_url.rstrip("/").removesuffix("/v1") + how.path, headers, None, clock)
        return answer
    url = base_url.rstrip("/")
    answer, content = _ask("GET", f"{url}/models", headers, None, clock)
    if answer.outcome is not Outcome.ANSWERED or not model:
        return answer
    body = {"model": _served_name(content, model), "messages": _PROMPT, "max_tokens": 1}
    answer, _ = _ask("POST", f"{url}/chat/completions", headers, body, clock)
    return answer


def _ask(method: str, url: str, headers: dict[str, str], body: Any, clock: Callable[[], float]) -> tuple[Answer, bytes]:
    """The outcome of one request, and the beginning of a successful answer."""
    what = f"{method} {url}"
    try:
        with (
            limit_duration(ANSWER_SECONDS, clock),
            probe_client().stream(method, url, headers=headers, json=body, timeout=_TIMEOUT) as response,
        ):
            content = _read_beginning(response.iter_bytes())
    except (httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:
        return Answer(Outcome.UNREACHABLE, _failed_text(what, error)), b""
    except httpx.ConnectError as error:
        outcome = Outcome.UNREACHABLE if _is_unreachable(error) else Outcome.NOT_YET
        return Answer(outcome, _failed_text(what, error)), b""
    except (httpx.HTTPError, httpx.StreamError, ValueError) as error:
        return Answer(Outcome.NOT_YET, _failed_text(what, error)), b""
    reason = f"{what} is answered with {response.status_code}"
    if response.is_success:
        return Answer(Outcome.ANSWERED, reason), content
    refused = response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
    return Answer(Outcome.REFUSED if refused else Outcome.NOT_YET, reason), b""


def _read_beginning(chunks: Iterator[bytes]) -> bytes:
    content = b""
    for chunk in chunks:
        content += chunk
        if len(content) >= MAX_ANSWER_BYTES:
            break
    return content[:MAX_ANSWER_BYTES]


def _served_name(content: bytes, model: str) -> str:
    """The name of the model in the endpoint's own list, which may spell it otherwise; `model` if there is none."""
    try:
        names = [card["id"] for card in json.loads(content)["data"]]
    except (ValueError, RecursionError, KeyError, TypeError):
        return model
    return model if model in names or not names or not isinstance(names[0], str) else names[0]


def _is_unreachable(error: BaseException) -> bool:
    """Returns whether a failed connection is due to the way, and not to a server that is not listening yet."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (socket.gaierror, ssl.SSLError)):
            return True
        if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _failed_text(what: str, error: Exception) -> str:
    return one_line(f"{what}: {error or type(error).__name__}")
