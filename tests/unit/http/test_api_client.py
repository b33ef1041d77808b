"""One HTTP core: what is sent once, what is sent again, what an error says, and what it never says."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import httpcore
import httpx
import pytest
import stamina
import stamina.instrumentation

from pulumi_cortecs.http.api_client import MAX_ANSWER_SECONDS, ApiClient, Retry, WireModel, new_client
from pulumi_cortecs.http.base_url import check_base_url
from pulumi_cortecs.http.errors import (
    AnswerLostError,
    BadAnswerError,
    CloudError,
    ConfigurationError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)
from pulumi_cortecs.http.network import Network
from pulumi_cortecs.simulator import Simulator
from tests.unit.fakes import Answer, Script, answer, breaks

BASE = "https://vendor.example/api/v1"


class Inner(WireModel):
    count: int


class Thing(WireModel):
    name: str
    rows: tuple[Inner, ...] = ()


def core(script: Script) -> ApiClient:
    return ApiClient("Acme", BASE, new_client(httpx.MockTransport(script)))


def read(script: Script) -> Thing:
    return core(script).call("GET", "/things/1", Thing, retry=Retry.IDEMPOTENT)


def buy(script: Script) -> Thing:
    return core(script).call("POST", "/things", Thing, retry=Retry.IF_NEVER_SENT, body={"name": "n"})


def refusal(*answers: Answer) -> RefusedError:
    with pytest.raises(RefusedError) as raised:
        read(Script(*answers))
    return raised.value


GOOD = answer(200, {"name": "n"})


@pytest.mark.parametrize(
    ("status", "kind", "doubtful"),
    [
        (301, RefusedError, False),
        (400, RefusedError, False),
        (401, UnauthorizedError, False),
        (402, RefusedError, False),
        (403, UnauthorizedError, False),
        (404, NotFoundError, False),
        (408, UnavailableError, True),
        (409, UnavailableError, True),
        (410, RefusedError, False),
        (422, RefusedError, False),
        (425, UnavailableError, True),
        (429, UnavailableError, True),
        (500, UnavailableError, True),
        (502, UnavailableError, True),
        (503, UnavailableError, True),
        (599, UnavailableError, True),
    ],
)
def test_a_status_says_whether_it_may_have_cost_money(status: int, kind: type[RefusedError], doubtful: bool) -> None:
    with pytest.raises(RefusedError) as raised:
        buy(Script(answer(status, {"error": "no"})))
    assert type(raised.value) is kind
    assert raised.value.may_have_taken_effect is doubtful
    assert raised.value.transient is doubtful
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "Out of stock"}, "Out of stock"),
        ({"message": "Out of stock"}, "Out of stock"),
        ({"detail": "Out of stock"}, "Out of stock"),
        ({"error": {"message": "Out of stock", "code": 7}}, "Out of stock"),
        ({"error": {"code": 7}}, "{'code': 7}"),
        ({"error": "", "message": "Out of stock"}, "Out of stock"),
        ({"error": None, "detail": "Out of stock"}, "Out of stock"),
        ({"error": True, "message": "Out of stock"}, "Out of stock"),
        ({"detail": [{"msg": "too many"}]}, "[{'msg': 'too many'}]"),
        ({"detail": [{"msg": "too many", "input": {"envs": "a-secret"}}]}, "[{'msg': 'too many'}]"),
        ({"error": {"code": 7, "instance": {"value": "a-secret"}}}, "{'code': 7}"),
        ({"unexpected": "key"}, "Bad Request"),
        ({}, "Bad Request"),
        ([], "Bad Request"),
        ("just words", "Bad Request"),
        ("<html><body>Blocked</body></html>", "Bad Request"),
        (b"\xff\xfe\x00", "Bad Request"),
        (b"", "Bad Request"),
        ("[" * 100_000, "Bad Request"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_error_has_the_vendors_own_words(body: Any, words: str) -> None:
    error = refusal(answer(400, body))
    assert error.vendor_message == words
    assert str(error) == f"Acme answered GET /things/1 with 400: {words}"


def test_the_vendors_full_stop_ends_no_sentence_of_ours() -> None:
    error = refusal(answer(400, {"error": "Out of stock."}))
    assert (str(error), error.vendor_message) == ("Acme answered GET /things/1 with 400: Out of stock", "Out of stock.")


def test_a_status_without_a_name_still_has_words() -> None:
    assert refusal(answer(499)).vendor_message == "no message"


def test_the_vendors_words_are_one_short_printable_line() -> None:
    message = refusal(answer(400, {"error": "first\nsecond\t\x1b[31mred\x00" + "x" * 10_000})).vendor_message
    assert message.startswith("first second [31mred x")
    assert message.endswith("...")
    assert len(message) == 300
    assert message.isprintable()


@pytest.mark.parametrize("header", ["X-Request-Id", "request-id", "cf-ray"])
def test_the_vendors_request_id_is_kept(header: str) -> None:
    error = refusal(answer(400, {"error": "no"}, {header: "abc-123"}))
    assert error.request_id == "abc-123"
    assert str(error).endswith("no (request id abc-123)")


def test_no_request_id_is_none() -> None:
    assert refusal(answer(400, {"error": "no"}, {"X-Request-Id": ""})).request_id is None


class Signed:
    """Signs with a secret that nothing may show."""

    secret = "s3cr3t/with+odd=characters"

    def signer(self, *, for_order: bool = False) -> httpx.Auth:
        return httpx.BasicAuth("me", self.secret)

    def refused(self, signer: httpx.Auth) -> None:
        """Does nothing: there is no other secret."""

    def redact(self, text: str) -> str:
        return text.replace(self.secret, "[redacted]")


@pytest.mark.parametrize("before", [0, 10, 280, 290, 296, 299, 305])
def test_no_part_of_an_echoed_secret_is_shown_wherever_the_words_are_cut(before: int) -> None:
    signed = core(Script(answer(400, {"error": "." * before + Signed.secret}, {"x-request-id": Signed.secret})))
    signed.auth = Signed()
    with pytest.raises(RefusedError) as raised:
        signed.call("GET", "/things/1", Thing, retry=Retry.IDEMPOTENT)
    assert "s3c" not in f"{raised.value} {raised.value!r} {raised.value.vendor_message} {raised.value.request_id}"


def test_a_secret_echoed_in_an_answer_or_an_error_is_not_shown() -> None:
    echoes = Script(answer(200, {"rows": {Signed.secret: 1}}), breaks(httpx.ReadError, f"bad header {Signed.secret}"))
    signed = core(echoes)
    signed.auth = Signed()
    for kind in (BadAnswerError, AnswerLostError):
        with pytest.raises(kind) as raised:
            signed.call("POST", "/things", Thing, retry=Retry.IF_NEVER_SENT)
        assert "s3c" not in str(raised.value)


TRANSIENT: list[Answer] = [
    breaks(httpx.ReadTimeout),
    breaks(httpx.WriteTimeout),
    breaks(httpx.ReadError),
    breaks(httpx.RemoteProtocolError),
    answer(408),
    answer(429, headers={"Retry-After": "1"}),
    answer(500),
    answer(503),
    answer(200, "{"),
    answer(200, "<html>"),
    answer(200, {"name": 7}),
]
IDS = [
    "read timeout",
    "write timeout",
    "reset",
    "hung up",
    "408",
    "429",
    "500",
    "503",
    "half JSON",
    "HTML",
    "wrong type",
]


@pytest.mark.parametrize("trouble", TRANSIENT, ids=IDS)
def test_a_safe_request_is_sent_again_in_passing_trouble(trouble: Answer) -> None:
    script = Script(trouble, trouble, trouble, GOOD)
    assert read(script).name == "n"
    assert len(script.requests) == 4


@pytest.mark.parametrize("trouble", TRANSIENT, ids=IDS)
def test_a_safe_request_is_given_up_after_four_times(trouble: Answer) -> None:
    script = Script(trouble)
    with pytest.raises(CloudError):
        read(script)
    assert len(script.requests) == 4


@pytest.mark.parametrize("trouble", [*TRANSIENT, answer(409), answer(425)], ids=[*IDS, "409", "425"])
def test_what_may_have_bought_something_is_sent_exactly_once(trouble: Answer) -> None:
    script = Script(trouble)
    with pytest.raises(CloudError) as raised:
        buy(script)
    assert len(script.requests) == 1
    assert raised.value.may_have_taken_effect


NEVER_SENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError]


@pytest.mark.parametrize("error", NEVER_SENT)
def test_what_never_left_is_sent_again_even_where_it_buys(error: type[httpx.TransportError]) -> None:
    script = Script(breaks(error), breaks(error), breaks(error), GOOD)
    assert buy(script).name == "n"
    assert len(script.requests) == 4


@pytest.mark.parametrize("error", NEVER_SENT)
def test_a_vendor_that_cannot_be_reached_has_done_nothing(error: type[httpx.TransportError]) -> None:
    script = Script(breaks(error))
    with pytest.raises(UnreachableError, match=r"cannot be reached") as raised:
        buy(script)
    assert not raised.value.may_have_taken_effect
    assert len(script.requests) == 4


def test_a_purchase_that_was_sent_after_all_is_not_sent_a_third_time() -> None:
    script = Script(breaks(httpx.ConnectError), breaks(httpx.ReadTimeout), GOOD)
    with pytest.raises(AnswerLostError):
        buy(script)
    assert len(script.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_no_is_not_asked_again(status: int) -> None:
    script = Script(answer(status), GOOD)
    with pytest.raises(RefusedError):
        read(script)
    assert len(script.requests) == 1


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The pauses before retries, as they would be; the first one ends the test's request."""
    waited: list[float] = []

    def note(details: stamina.instrumentation.RetryDetails) -> None:
        waited.append(details.wait_for)
        raise InterruptedError

    stamina.set_testing(False)
    stamina.instrumentation.set_on_retry_hooks([note])
    yield waited
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("20", 20.0), ("86400", 20.0), ("9" * 300, 20.0)],
)
def test_retry_after_is_honoured_up_to_a_limit(header: str, seconds: float, waits: list[float]) -> None:
    with pytest.raises(InterruptedError):
        read(Script(answer(429, headers={"Retry-After": header})))
    assert waits == [seconds]


@pytest.mark.parametrize(
    "header", [None, "", "soon", "-5", "nan", "inf", "9" * 400, "²", "Wed, 21 Oct 2015 07:28:00 GMT"]
)
def test_without_a_usable_retry_after_the_backoff_decides(header: str | None, waits: list[float]) -> None:
    headers = {} if header is None else {"Retry-After": header.encode("latin-1")}
    with pytest.raises(InterruptedError):
        read(Script(lambda _request: httpx.Response(503, headers=headers)))
    (pause,) = waits
    assert 0.2 <= pause <= 0.5


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": 7}, "name: "),
        ({}, "name: "),
        ({"name": "n", "rows": [{"count": 1}, {"count": "2"}]}, "rows.1.count: "),
        ({"name": "n", "rows": [{"count": 1.5}]}, "rows.0.count: "),
        ({"name": "n", "rows": [{"count": True}]}, "rows.0.count: "),
        ([], "the body: "),
        ("{", "the body: "),
        (b"", "name: "),
    ],
)
def test_a_wrong_type_is_named_by_its_place(body: Any, where: str) -> None:
    with pytest.raises(BadAnswerError) as raised:
        read(Script(answer(200, body)))
    assert f"in an undocumented form: {where}" in str(raised.value)


def test_an_error_of_status_200_is_none_of_an_answer_that_is_not_read() -> None:
    refused = core(Script(answer(200, {"error": {"message": "not now"}})))
    with pytest.raises(BadAnswerError, match="Acme answered POST /things with 200, and: not now"):
        refused.call("POST", "/things", WireModel, retry=Retry.IF_NEVER_SENT)
    done = core(Script(answer(200, {"error": None, "message": "done"})))
    done.call("POST", "/things", WireModel, retry=Retry.IF_NEVER_SENT)


def test_fields_that_we_do_not_know_are_no_trouble() -> None:
    thing = read(Script(answer(200, {"name": "n", "new": {"field": 1}, "rows": [{"count": 1, "more": None}]})))
    assert thing == Thing(name="n", rows=(Inner(count=1),))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    script = Script(answer(status, headers={"Location": "https://elsewhere.example/"}), GOOD)
    signed = core(script)
    signed.auth = Signed()
    with pytest.raises(RefusedError) as raised:
        signed.call("GET", "/things/1", Thing, retry=Retry.IDEMPOTENT)
    assert raised.value.status == status
    assert [request.url.host for request in script.requests] == ["vendor.example"]


def test_every_part_of_a_request_has_a_time_limit() -> None:
    with new_client() as client:
        limits = client.timeout
    assert None not in (limits.connect, limits.read, limits.write, limits.pool)


def told_the_time(date: str | None, calendar: Callable[[], float] = time.time) -> ApiClient:
    """A core that has had one answer."""
    headers = {} if date is None else {"Date": date}
    script = Script(answer(200, {"name": "it"}, headers))
    core = ApiClient("Acme", BASE, new_client(httpx.MockTransport(script)), calendar)
    assert core.vendor_time() is None
    core.call("GET", "/thing", Thing, retry=Retry.IDEMPOTENT)
    return core


def test_the_vendors_clock_is_told_by_its_answers() -> None:
    vendor_time = told_the_time("Thu, 01 Jan 2032 00:00:00 GMT").vendor_time()
    assert vendor_time is not None
    assert 0 <= vendor_time - datetime(2032, 1, 1, tzinfo=timezone.utc).timestamp() < 60


@pytest.mark.parametrize("date", [None, "", "soon", "Thu, 99 Jan 2032 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT"])
def test_without_a_date_the_vendors_clock_is_not_known(date: str | None) -> None:
    assert told_the_time(date).vendor_time() is None


@pytest.mark.parametrize("by", [-3600.0, 3600.0])
def test_a_clock_of_ours_that_was_set_says_nothing_of_the_vendors(by: float) -> None:
    off = [0.0]
    core = told_the_time("Thu, 01 Jan 2032 00:00:00 GMT", lambda: time.time() + off[0])
    off[0] = by
    assert core.vendor_time() is None


def test_no_cookie_of_one_account_goes_with_the_request_of_another() -> None:
    script = Script(answer(200, {"name": "n"}, {"Set-Cookie": "session=of-account-a; Path=/"}))
    shared = core(script)
    for _ in range(2):
        shared.call("GET", "/things/1", Thing, retry=Retry.IDEMPOTENT)
    assert [request.headers.get("cookie") for request in script.requests] == [None, None]


def test_plain_http_to_this_machine_goes_through_no_proxy(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with new_client() as client:
        here = ApiClient("Acme", simulator.base_url, client)
        assert here.call("GET", "/models/", WireModel, retry=Retry.IDEMPOTENT) == WireModel()


class Passing:
    """A clock that goes on by some seconds at each look."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"


class Dripping(httpcore.NetworkBackend):
    """A network whose peer sends `first` at once, and then one byte every seven seconds for ever."""

    def __init__(self, first: bytes, then: bytes) -> None:
        self.first, self.then, self.passed, self.reads = first, then, 0.0, 0

    def now(self) -> float:
        return self.passed

    def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        drips = self

        class Stream(httpcore.MockStream):
            def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
                drips.reads += 1
                if drips.first:
                    data, drips.first = drips.first[:max_bytes], drips.first[max_bytes:]
                    return data
                assert timeout is not None
                if timeout < 7:
                    drips.passed += timeout
                    raise httpcore.ReadTimeout("timed out")
                drips.passed += 7
                return drips.then[drips.reads % len(drips.then) :][:1]

        return Stream([])


@pytest.mark.parametrize(
    ("first", "then"),
    [(HEAD, b"x"), (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"), (b"", b"H"), (HEAD.replace(b"200", b"400"), b"x")],
    ids=["body", "headers", "status", "the body of a refusal"],
)
@pytest.mark.parametrize("retry", Retry)
def test_an_answer_that_drips_is_not_waited_for_beyond_its_deadline(first: bytes, then: bytes, retry: Retry) -> None:
    drips = Dripping(first, then)
    client = new_client(Network().transport(httpx.Limits(), drips), {})
    core = ApiClient("Acme", "http://localhost", client, clock=drips.now)
    with pytest.raises(AnswerLostError, match="not complete its answer to POST /things") as raised:
        attempts_of(core, "POST", retry)
    assert raised.value.may_have_taken_effect
    assert drips.passed == MAX_ANSWER_SECONDS


def attempts_of(core: ApiClient, method: str, retry: Retry) -> Thing:
    """The first attempt of a call only: repeated ones are other tests'."""
    with stamina.set_testing(True, attempts=1):
        return core.call(method, "/things", Thing, retry=retry)


def test_an_answer_without_an_end_is_not_waited_for_on_a_real_connection() -> None:
    """The server sends as much as it can, and for each look at the clock five seconds pass."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pour() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(HEAD)
                while True:
                    connection.sendall(b"x" * 1000)

        thread = threading.Thread(target=pour)
        thread.start()
        with new_client() as client:
            core = ApiClient("Acme", f"http://127.0.0.1:{listener.getsockname()[1]}", client, clock=Passing(5.0))
            with pytest.raises(AnswerLostError, match="not complete within 60 s"):
                core.call("POST", "/things", Thing, retry=Retry.IF_NEVER_SENT)
        thread.join(timeout=10)
        assert not thread.is_alive()


class Pieces(httpx.SyncByteStream):
    """A body that comes in pieces, and how many were taken."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.taken, self.closed = pieces, 0, False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece

    def close(self) -> None:
        self.closed = True


def bomb(megabytes: int, size: int = 4096) -> Pieces:
    """So many megabytes of spaces, compressed to a thousandth."""
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()
    return Pieces([packed[at : at + size] for at in range(0, len(packed), size)])


@pytest.mark.parametrize("retry", Retry)
def test_a_small_answer_that_becomes_a_huge_one_is_left_unread(retry: Retry) -> None:
    body = bomb(200)
    packed = Script(lambda _request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body))
    with pytest.raises(BadAnswerError, match="with more than 32 MB") as raised:
        attempts_of(core(packed), "POST", retry)
    assert raised.value.may_have_taken_effect
    assert body.taken <= len(body.pieces) * 40 / 200
    assert body.closed


def test_what_is_packed_and_not_too_large_is_read() -> None:
    packed = gzip.compress(b'{"name": "n"}' + b" " * 2**20)
    stream = Pieces([packed])
    script = Script(lambda _request: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream))
    assert read(script) == Thing(name="n")
    assert script.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "unheard-of"])
def test_what_is_packed_as_nobody_asked_for_is_left_unread(encoding: str) -> None:
    body = Pieces([b"x"] * 9)
    script = Script(lambda _request: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=body))
    with pytest.raises(BadAnswerError, match="an encoding that was not requested"):
        buy(script)
    assert (body.taken, body.closed) == (0, True)


def test_a_refusal_with_a_huge_body_is_a_refusal() -> None:
    packed = lambda _request: httpx.Response(400, headers={"Content-Encoding": "gzip"}, stream=bomb(64))  # noqa: E731
    error = refusal(packed)
    assert (error.status, error.vendor_message) == (400, "Bad Request")


def test_a_401_with_a_huge_body_is_left_unread_too() -> None:
    body = bomb(200)
    huge = lambda _request: httpx.Response(401, headers={"Content-Encoding": "gzip"}, stream=body)  # noqa: E731
    signed = core(Script(huge, GOOD))
    signed.auth = Signed()
    assert signed.call("GET", "/things/1", Thing, retry=Retry.IDEMPOTENT) == Thing(name="n")
    assert body.taken <= len(body.pieces) * 40 / 200


def test_threads_share_one_core() -> None:
    at_once = threading.Barrier(8, timeout=10)
    names: list[str] = []

    def meet(request: httpx.Request) -> httpx.Response:
        at_once.wait()  # the first answer comes when all have asked
        return httpx.Response(200, json={"name": request.url.path.rsplit("/", 1)[-1]})

    shared = core(Script(meet))
    threads = [
        threading.Thread(
            target=lambda n=n: names.append(shared.call("GET", f"/things/{n}", Thing, retry=Retry.IDEMPOTENT).name)
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == [str(n) for n in range(8)]


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://cortecs.ai/api/v1", "https://cortecs.ai/api/v1"),
        ("https://cortecs.ai/api/v1//", "https://cortecs.ai/api/v1"),
        ("HTTPS://cortecs.ai", "HTTPS://cortecs.ai"),
        ("http://localhost:3000/api/v1/", "http://localhost:3000/api/v1"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000/api/v1", "http://[::1]:3000/api/v1"),
    ],
)
def test_a_base_url_is_https_or_this_machine(url: str, checked: str) -> None:
    assert check_base_url(url, "THE_URL") == checked


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cortecs.ai/api/v1",
        "https://",
        "https:///api",
        " https://cortecs.ai",
        "https://cortecs.ai/\n",
        "https://cortecs.ai:port",
        "http://cortecs.ai/api/v1",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
        "ftp://cortecs.ai",
        "file:///etc/passwd",
        "https://cortecs.ai/api/v1?key=1",
        "https://cortecs.ai/api/v1#part",
    ],
)
def test_any_other_base_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="THE_URL") as raised:
        check_base_url(url, "THE_URL")
    assert repr(url) in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@cortecs.ai",
        "https://hunter2@cortecs.ai",
        "https://user:hunter2@cortecs.ai:no-port",
        "user:hunter2@cortecs.ai",
        "ftp://user:hunter2@cortecs.ai",
        "http://user:hunter2@localhost:3000",
    ],
)
def test_a_password_in_a_base_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must not carry credentials") as raised:
        check_base_url(url, "THE_URL")
    assert "hunter2" not in str(raised.value)
