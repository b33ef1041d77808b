"""A probe, over real sockets: its four outcomes, its bounds, and what it never sends."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from pulumi_cortecs.http import probe as module
from pulumi_cortecs.http.probe import MAX_ANSWER_BYTES, Answer, Outcome, ProbeSpec, probe
from tests.unit.fakes import FakeClock

KEY = "a-secret-key"
MODEL = "Qwen/Qwen2-7B-Instruct"
Reply = tuple[int, bytes]


class Endpoint:
    """A server on this machine that answers by a script: `reply` gets method, path and body."""

    def __init__(self, reply: Callable[[str, str, Any], Reply]) -> None:
        self.requests: list[tuple[str, str, str | None, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                outer.requests.append((self.command, self.path, self.headers.get("Authorization"), body))
                status, content = reply(self.command, self.path, body)
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(reply: Callable[[str, str, Any], Reply]) -> Iterator[Endpoint]:
    endpoint = Endpoint(reply)
    try:
        yield endpoint
    finally:
        endpoint.close()


def models(*names: str) -> bytes:
    return json.dumps({"data": [{"id": name} for name in names]}).encode()


@pytest.fixture(autouse=True)
def _own_client() -> Iterator[None]:
    module.probe_client.cache_clear()
    yield
    module.probe_client().close()
    module.probe_client.cache_clear()


def test_an_instance_that_serves_one_token_has_answered() -> None:
    with serving(lambda method, path, body: (200, models(MODEL))) as endpoint:
        assert probe(endpoint.url, MODEL, ProbeSpec()).outcome is Outcome.ANSWERED
    assert [(method, path) for method, path, _, _ in endpoint.requests] == [
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
    ]
    assert endpoint.requests[1][3]["model"] == MODEL
    assert endpoint.requests[1][3]["max_tokens"] == 1


def test_the_name_of_the_model_is_that_of_the_instances_own_list() -> None:
    with serving(lambda method, path, body: (200, models("served-name"))) as endpoint:
        probe(endpoint.url, MODEL, ProbeSpec())
    assert endpoint.requests[1][3]["model"] == "served-name"


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"data": 3}', b'{"data": [7]}', b'{"data": [{"id": 7}]}'])
def test_an_odd_list_of_models_leaves_the_name_as_it_is(content: bytes) -> None:
    with serving(lambda method, path, body: (200, content)) as endpoint:
        probe(endpoint.url, MODEL, ProbeSpec())
    assert endpoint.requests[1][3]["model"] == MODEL


def test_models_that_are_listed_before_they_answer_are_not_ready() -> None:
    with serving(lambda method, path, body: (200 if method == "GET" else 503, models(MODEL))) as endpoint:
        answer = probe(endpoint.url, MODEL, ProbeSpec())
    assert answer == Answer(Outcome.NOT_YET, f"POST {endpoint.url}/chat/completions is answered with 503")


def test_without_a_model_the_list_is_enough() -> None:
    with serving(lambda method, path, body: (200, models(MODEL))) as endpoint:
        assert probe(endpoint.url, "", ProbeSpec()).outcome is Outcome.ANSWERED
    assert len(endpoint.requests) == 1


def test_a_path_is_asked_at_the_address_without_its_version() -> None:
    with serving(lambda method, path, body: (204 if path == "/health?full=1" else 404, b"")) as endpoint:
        assert probe(endpoint.url, MODEL, ProbeSpec(path="/health?full=1")).outcome is Outcome.ANSWERED
        assert probe(f"{endpoint.url}/", MODEL, ProbeSpec(path="/other")).outcome is Outcome.NOT_YET
    assert [method for method, _, _, _ in endpoint.requests] == ["GET", "GET"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.ANSWERED),
        (299, Outcome.ANSWERED),
        (301, Outcome.NOT_YET),
        (307, Outcome.NOT_YET),
        (400, Outcome.NOT_YET),
        (401, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (404, Outcome.NOT_YET),
        (429, Outcome.NOT_YET),
        (500, Outcome.NOT_YET),
        (503, Outcome.NOT_YET),
    ],
)
def test_the_status_decides_and_no_redirect_is_followed(status: int, outcome: Outcome) -> None:
    with serving(lambda method, path, body: (status, b"")) as endpoint:
        assert probe(endpoint.url, "", ProbeSpec(key=KEY)).outcome is outcome
    assert len(endpoint.requests) == 1


def test_the_key_is_a_bearer_token_and_in_no_text() -> None:
    with serving(lambda method, path, body: (401, KEY.encode())) as endpoint:
        how = ProbeSpec(key=KEY)
        answer = probe(endpoint.url, MODEL, how)
    assert endpoint.requests[0][2] == f"Bearer {KEY}"
    assert KEY not in f"{answer} {how}"


def test_a_key_is_never_sent_over_plain_http_to_another_machine() -> None:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"data": []})

    module.probe_client.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "probe_client", lambda: httpx.Client(transport=httpx.MockTransport(handle)))
        for url in ("http://10.1.2.3:8000/v1", "https://instance.example/v1", "http://127.0.0.1:1/v1"):
            probe(url, "", ProbeSpec(key=KEY))
    assert ["Authorization" in request.headers for request in sent] == [False, True, True]


def test_a_port_on_which_nothing_listens_is_not_ready_yet() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert probe(f"http://127.0.0.1:{port}/v1", MODEL, ProbeSpec()).outcome is Outcome.NOT_YET


def test_plain_http_behind_a_tls_url_is_unreachable() -> None:
    with serving(lambda method, path, body: (200, b"")) as endpoint:
        assert probe(endpoint.url.replace("http:", "https:"), MODEL, ProbeSpec()).outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/v1", "ftp://host/v1", "", "http://[::1", "nonsense"])
def test_a_name_or_a_url_that_leads_nowhere_is_unreachable(url: str) -> None:
    assert probe(url, MODEL, ProbeSpec()).outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectTimeout("no answer"), Outcome.UNREACHABLE),
        (httpx.ProxyError("403 Forbidden"), Outcome.UNREACHABLE),
        (httpx.ConnectError("refused"), Outcome.NOT_YET),
        (httpx.ReadError("reset"), Outcome.NOT_YET),
        (httpx.ReadTimeout("silent"), Outcome.NOT_YET),
        (httpx.RemoteProtocolError("garbage"), Outcome.NOT_YET),
        (httpx.PoolTimeout("full"), Outcome.NOT_YET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_after_the_connection_is_not_ready_yet(error: Exception, outcome: Outcome) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "probe_client", lambda: httpx.Client(transport=httpx.MockTransport(handle)))
        assert probe("https://instance.example/v1", MODEL, ProbeSpec()).outcome is outcome


@pytest.mark.parametrize("number", sorted(module._NO_ROUTE))
def test_a_network_without_a_route_is_unreachable(number: int) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("all attempts failed") from OSError(number, "no route")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "probe_client", lambda: httpx.Client(transport=httpx.MockTransport(handle)))
        assert probe("https://instance.example/v1", MODEL, ProbeSpec()).outcome is Outcome.UNREACHABLE


def test_an_endless_answer_is_read_no_further_than_its_beginning() -> None:
    class Endless(httpx.SyncByteStream):
        chunks = 0

        def __iter__(self) -> Iterator[bytes]:
            while True:
                self.chunks += 1
                yield b"x" * 4096

    stream = Endless()
    with pytest.MonkeyPatch.context() as patch:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=stream))
        patch.setattr(module, "probe_client", lambda: httpx.Client(transport=transport))
        assert probe("https://instance.example/v1", "", ProbeSpec()).outcome is Outcome.ANSWERED
    assert stream.chunks == MAX_ANSWER_BYTES // 4096


def test_an_answer_that_drips_ends_at_the_time_limit() -> None:
    clock = FakeClock()

    class Dripping:
        """A network stream, of which each read takes five seconds."""

        def __init__(self) -> None:
            self.answer = iter(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
            self.closed = False

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            clock.advance(5)
            return bytes([next(self.answer)])

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            pass

        def close(self) -> None:
            self.closed = True

        def get_extra_info(self, info: str) -> Any:
            return None

    class Network:
        def connect_tcp(self, *_: Any, **__: Any) -> Any:
            return Dripping()

        def sleep(self, seconds: float) -> None:
            pass

    from pulumi_cortecs.http.network import read_network

    client = httpx.Client(transport=read_network({}).transport(httpx.Limits(), Network()), trust_env=False)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch, client:
        patch.setattr(module, "probe_client", lambda: client)
        began = clock.now()
        assert probe("http://127.0.0.1:1/v1", MODEL, ProbeSpec(), clock.now).outcome is Outcome.NOT_YET
    assert clock.now() - began <= module.ANSWER_SECONDS + 5
