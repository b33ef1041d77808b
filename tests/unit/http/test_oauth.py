"""One token for everybody: asked for once, renewed in time and once when refused, and never a reason to buy twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, new_client
from pulumi_cortecs.http.authentication import ClientCredentials
from pulumi_cortecs.http.errors import (
    CloudError,
    NoTokenError,
    RefusedError,
    UnauthorizedError,
)
from tests.unit.fakes import Answer, FakeClock, answer, breaks

SECRET = "p'a\"ss/w+örd\\of sixteen"
MANY = 16


class Done(WireModel):
    ok: bool


class Vendor:
    """Gives out tokens and accepts only the latest. `grants` and `things` are answers that come first, if any; `hold`
    is called with each answer before it goes out."""

    def __init__(self, expires_in: float = 3600) -> None:
        self.expires_in = expires_in
        self.grants: list[Answer] = []
        self.things: list[Answer] = []
        self.token = "none yet"
        self.tokens_asked = 0
        self.sent: list[str] = []
        self.hold: Callable[[httpx.Response], object] = lambda _response: None
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        response = self._answer(request)
        self.hold(response)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            if request.url.path.endswith("/oauth2/token"):
                self.tokens_asked += 1
                if self.grants:
                    return self.grants.pop(0)(request)
                self.token = f"token-{self.tokens_asked}"
                body = {"access_token": self.token, "token_type": "Bearer", "expires_in": self.expires_in}
                return httpx.Response(200, json=body)
            self.sent.append(request.headers.get("authorization", ""))
            if self.things:
                return self.things.pop(0)(request)
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return httpx.Response(401, json={"error": "expired"})
            return httpx.Response(200, json={"ok": True})


class Client:
    """A core that signs against `vendor`, and the clock of its tokens."""

    def __init__(self, vendor: Vendor) -> None:
        self.clock = FakeClock()
        self.core = ApiClient("Acme", "https://vendor.example", new_client(httpx.MockTransport(vendor)))
        self.credentials = ClientCredentials(self.core, "me", SECRET, clock=self.clock.now)
        self.core.auth = self.credentials

    def read(self) -> Done:
        return self.core.call("GET", "/things", Done, retry=Retry.IDEMPOTENT)

    def buy(self) -> Done:
        return self.core.call("POST", "/things", Done, retry=Retry.IF_NEVER_SENT, body={})


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def at_once(work: Callable[[], object]) -> list[object]:
    """The results or errors of `work` in many threads that began together."""
    start = threading.Barrier(MANY, timeout=10)

    def run_task(_: int) -> object:
        start.wait()
        try:
            return work()
        except CloudError as error:
            return error

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(run_task, range(MANY)))


def test_many_threads_ask_for_one_token(vendor: Vendor) -> None:
    client = Client(vendor)
    assert at_once(client.read) == [Done(ok=True)] * MANY
    assert vendor.tokens_asked == 1


def test_a_refused_token_is_renewed_once_for_all_threads(vendor: Vendor) -> None:
    client = Client(vendor)
    client.read()
    vendor.token = "taken back"
    together = threading.Barrier(MANY, timeout=10)
    refusals = iter(range(MANY))

    def until_all_are_refused(response: httpx.Response) -> None:
        if response.status_code == 401 and next(refusals, None) is not None:
            together.wait()

    vendor.hold = until_all_are_refused
    assert at_once(client.read) == [Done(ok=True)] * MANY
    assert vendor.tokens_asked == 2


def test_a_purchase_whose_token_is_refused_is_not_sent_again_by_itself(vendor: Vendor) -> None:
    """A 401 is the vendor's word for "not carried out", and the word alone is no proof: who buys looks first."""
    client = Client(vendor)
    client.read()
    vendor.token = "taken back"
    vendor.sent.clear()
    with pytest.raises(UnauthorizedError, match="expired") as raised:
        client.buy()
    assert raised.value.status == 401
    assert vendor.sent == ["Bearer token-1"]


def test_a_purchase_that_is_sent_again_after_a_look_has_a_new_token(vendor: Vendor) -> None:
    client = Client(vendor)
    client.read()
    vendor.token = "taken back"
    vendor.sent.clear()
    with pytest.raises(UnauthorizedError):
        client.buy()
    assert client.buy() == Done(ok=True)
    assert vendor.sent == ["Bearer token-1", "Bearer token-2"]


def test_a_token_that_an_order_was_refused_with_is_used_by_nobody_again(vendor: Vendor) -> None:
    client = Client(vendor)
    vendor.things = [answer(401)]
    with pytest.raises(UnauthorizedError):
        client.buy()
    client.read()
    assert vendor.sent == ["Bearer token-1", "Bearer token-2"]


def test_a_refusal_of_an_older_token_leaves_the_one_in_use_alone(vendor: Vendor) -> None:
    credentials = Client(vendor).credentials
    older = credentials.signer()
    credentials.refused(older)
    newer = credentials.token()
    credentials.refused(older)
    assert credentials.token() == newer
    assert vendor.tokens_asked == 2


def test_what_is_safe_is_sent_twice_at_most_with_refused_tokens(vendor: Vendor) -> None:
    vendor.things = [answer(401, {"error": "who are you"})] * 9
    client = Client(vendor)
    with pytest.raises(UnauthorizedError, match="who are you"):
        client.read()
    assert vendor.sent == ["Bearer token-1", "Bearer token-2"]


def test_a_403_leaves_the_token_in_use(vendor: Vendor) -> None:
    vendor.things = [answer(403)]
    client = Client(vendor)
    with pytest.raises(UnauthorizedError):
        client.read()
    client.read()
    assert vendor.sent == ["Bearer token-1", "Bearer token-1"]


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [(3600, 3480.0), (240, 120.0), (200, 100.0), (120, 60.0), (100, 40.0), (61, 1.0)],
)
def test_an_orders_token_lives_a_minute_longer_than_anothers(expires_in: float, renewed_after: float) -> None:
    vendor = Vendor(expires_in)
    client = Client(vendor)
    client.read()
    client.clock.advance(renewed_after * 0.99)
    client.buy()
    assert vendor.tokens_asked == 1
    client.clock.advance(renewed_after * 0.01 + 1e-6)
    client.buy()
    assert vendor.sent == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_an_order_gets_a_new_token_where_none_lives_for_a_minute(vendor: Vendor) -> None:
    vendor.expires_in = 59
    client = Client(vendor)
    for _ in range(3):
        client.clock.advance(1)
        client.buy()
    assert vendor.sent == ["Bearer token-1", "Bearer token-2", "Bearer token-3"]


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [(3600, 3540.0), (121, 61.0), (120, 60.0), (100, 50.0), (10, 5.0), (0.5, 0.25)],
)
def test_a_token_is_renewed_a_minute_before_it_ends_or_at_half_of_its_life(
    expires_in: float, renewed_after: float
) -> None:
    vendor = Vendor(expires_in)
    client = Client(vendor)
    client.read()
    client.clock.advance(renewed_after * 0.99)
    client.read()
    assert vendor.tokens_asked == 1
    client.clock.advance(renewed_after * 0.01 + 1e-6)
    client.read()
    assert vendor.tokens_asked == 2
    assert vendor.sent == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("expires_in", [0, -5])
def test_a_token_without_a_life_is_asked_for_anew_each_time(expires_in: float) -> None:
    vendor = Vendor(expires_in)
    client = Client(vendor)
    for _ in range(3):
        assert client.read() == Done(ok=True)
    assert 3 <= vendor.tokens_asked <= 6


PASSING: list[Answer] = [
    breaks(httpx.ConnectError),
    breaks(httpx.ReadTimeout),
    breaks(httpx.RemoteProtocolError),
    answer(429),
    answer(500),
    answer(200, "<html>"),
    answer(200, {"token_type": "Bearer"}),
    answer(200, {"access_token": "", "expires_in": 3600}),
    answer(200, {"access_token": "two\nlines", "expires_in": 3600}),
    answer(200, {"access_token": "schlüssel", "expires_in": 3600}),
    answer(200, {"access_token": "t", "expires_in": "soon"}),
]
WORDS = ["unreachable", "timeout", "hung up", "429", "500", "HTML", "none", "empty", "two lines", "not ASCII", "no end"]


@pytest.mark.parametrize("trouble", PASSING, ids=WORDS)
def test_no_token_for_a_passing_reason_means_that_nothing_was_bought(vendor: Vendor, trouble: Answer) -> None:
    vendor.grants = [trouble] * 99
    with pytest.raises(NoTokenError) as raised:
        Client(vendor).buy()
    assert not raised.value.may_have_taken_effect
    assert raised.value.transient
    assert (vendor.tokens_asked, vendor.sent) == (4, [])


@pytest.mark.parametrize("trouble", PASSING, ids=WORDS)
def test_no_renewal_for_a_passing_reason_means_the_same(vendor: Vendor, trouble: Answer) -> None:
    client = Client(vendor)
    client.read()
    client.clock.advance(3500)  # good for what is read, and not for an order
    vendor.sent, vendor.grants = [], [trouble] * 99
    with pytest.raises(NoTokenError) as raised:
        client.buy()
    assert not raised.value.may_have_taken_effect
    assert vendor.sent == []
    assert vendor.tokens_asked == 1 + 4


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405])
def test_a_refused_token_is_a_credentials_error_whatever_the_status(vendor: Vendor, status: int) -> None:
    """The error is not about the request to be signed: a 404 from here was taken for "no such instance"."""
    vendor.grants = [answer(status, {"error": "invalid_client"})] * 9
    client = Client(vendor)
    for ask in (client.read, client.buy):
        with pytest.raises(UnauthorizedError, match="invalid_client") as raised:
            ask()
        assert not raised.value.may_have_taken_effect
        assert raised.value.status == status
    assert (vendor.tokens_asked, vendor.sent) == (2, [])


def test_threads_that_wait_for_a_token_share_the_failure_to_get_one(vendor: Vendor) -> None:
    come = threading.Semaphore(0)
    client = Client(vendor)

    def until_all_have_come(_response: httpx.Response) -> None:
        for _ in range(MANY):
            assert come.acquire(timeout=10)
        come.release(MANY)

    def ask() -> str:
        come.release()
        return client.credentials.token()

    vendor.grants = [answer(503)] * 99
    vendor.hold = until_all_have_come
    assert [type(result) for result in at_once(ask)] == [NoTokenError] * MANY
    # four for the first one; who had come and not yet looked may find it settled, and ask once more
    assert vendor.tokens_asked <= 8


def test_who_comes_after_a_failure_asks_again(vendor: Vendor) -> None:
    vendor.grants = [answer(503)] * 4
    client = Client(vendor)
    with pytest.raises(NoTokenError):
        client.read()
    assert client.read() == Done(ok=True)


def shown(error: Exception) -> str:
    parts: list[Any] = [error, repr(error)]
    while error.__context__ is not None and not error.__suppress_context__:
        error = error.__context__  # type: ignore[assignment]
        parts.append(error)
    return " ".join(map(str, parts)) + str(getattr(parts[0], "vendor_message", ""))


@pytest.mark.parametrize(
    "echo",
    [
        lambda body: {"error": f"bad secret {body['client_secret']}"},
        lambda body: {"error": {"received": body}},
        lambda body: {"detail": [{"input": body}]},
        lambda body: {"message": "x" * 290 + body["client_secret"]},
        lambda body: {"error": json.dumps(body)},
        lambda body: {"error": "https://x.example/?secret=" + quote(body["client_secret"], safe="")},
    ],
)
def test_a_secret_echoed_by_the_token_endpoint_is_not_shown(vendor: Vendor, echo: Callable[[Any], Any]) -> None:
    for status in (401, 500):
        vendor.grants = [lambda request: httpx.Response(status, json=echo(json.loads(request.content)))] * 4  # noqa: B023
        with pytest.raises((UnauthorizedError, NoTokenError)) as raised:
            Client(vendor).buy()
        words = shown(raised.value)
        assert "p'a" not in words
        assert "sixteen" not in words


def test_a_token_that_a_header_cannot_carry_is_not_quoted(vendor: Vendor) -> None:
    vendor.grants = [answer(200, {"access_token": "very-secret\nX-Evil: 1", "expires_in": 60})] * 4
    with pytest.raises(NoTokenError) as raised:
        Client(vendor).read()
    assert "very-secret" not in shown(raised.value)


def test_neither_the_token_of_now_nor_the_one_before_is_shown(vendor: Vendor) -> None:
    client = Client(vendor)
    client.read()
    client.clock.advance(3600)
    client.read()
    vendor.things = [answer(400, {"error": "token-1 was given, token-2 is right"})]
    with pytest.raises(RefusedError) as raised:
        client.read()
    assert raised.value.vendor_message == "[redacted] was given, [redacted] is right"


def test_a_word_too_short_to_be_a_secret_leaves_the_vendors_words_alone(vendor: Vendor) -> None:
    simulated = ClientCredentials(Client(vendor).core, "sim", "sim")
    assert simulated.redact("the simulator is busy") == "the simulator is busy"
