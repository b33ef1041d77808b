"""A man in the middle between a provider and the simulator: sees what is sent, and changes what is answered.

For answers that the simulator, being faithful, would never give: an undocumented status word, a secret echoed
in an error, an address on an instance that is stopped.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from pulumi_cortecs.simulator import Simulator

_OF_ACCOUNTS = ("Authorization", "X-API-KEY")
"""The headers that name an account."""


@dataclass(frozen=True)
class Sent:
    """One request as the provider sent it. `path` begins behind the API's base; `body` is {} where there was none."""

    method: str
    path: str
    authorization: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One answer, the simulator's or another one."""

    status: int
    body: Any


Rewrite = Callable[[Sent, Callable[[], Answer]], Answer]
"""Gets the request and a way to pass it on to the simulator; returns what the provider is to see."""


@dataclass
class Proxy:
    """A running proxy. `rewrite` may be replaced at any time, and so may `date`, the `Date` of all answers: None is
    the simulator's, whose clock may be hours ahead."""

    simulator: Simulator
    port: int
    rewrite: Rewrite = lambda sent, passed_on: passed_on()
    sent: list[Sent] = field(default_factory=list)
    date: str | None = None

    @contextmanager
    def holding(self, path: str) -> Iterator[Callable[[], None]]:
        """For the length of the block what is sent to `path` is passed on, and its answer held back until the block
        ends. Gives a way to wait until the first such answer is there."""
        answered, goes_on = threading.Event(), threading.Event()

        def held(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
            answer = pass_on()
            if sent.path == path:
                answered.set()
                goes_on.wait(timeout=30)
            return answer

        def until_answered() -> None:
            assert answered.wait(timeout=30), f"nobody has asked for {path}"

        self.rewrite = held
        try:
            yield until_answered
        finally:
            goes_on.set()

    def env(self) -> dict[str, str]:
        """The environment that points a provider here, whatever the cloud."""
        here = f"http://127.0.0.1:{self.port}"
        return {name: value.replace(self.simulator.url, here) for name, value in self.simulator.env().items()}

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The bodies of the requests to one path."""
        return [sent.body for sent in self.sent if sent.path == path]

    def tokens(self) -> set[str]:
        """All access tokens that were used."""
        return {sent.authorization.removeprefix("Bearer ") for sent in self.sent if sent.authorization}


@contextmanager
def between(simulator: Simulator) -> Iterator[Proxy]:
    """A proxy in front of the simulator, for the length of the block."""
    dates: list[str] = []
    with httpx.Client(trust_env=False, timeout=30) as onwards:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.removeprefix("/api").removeprefix("/v1")
                sent = Sent(self.command, path, self.headers.get("Authorization") or "", json.loads(raw or b"{}"))
                proxy.sent.append(sent)

                headers = {name: self.headers[name] for name in _OF_ACCOUNTS if name in self.headers}
                url = f"{simulator.url}{self.path}"

                def passed_on() -> Answer:  # perhaps while the next request is served
                    answer = onwards.request(sent.method, url, json=sent.body if raw else None, headers=headers)
                    dates.append(answer.headers["Date"])
                    return Answer(answer.status_code, answer.json() if answer.content else {})

                answer = proxy.rewrite(sent, passed_on)
                data = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = serve

            def date_time_string(self, timestamp: float | None = None) -> str:
                simulated = dates[-1] if dates else super().date_time_string(timestamp)
                return simulated if proxy.date is None else proxy.date

            def log_message(self, format: str, *args: Any) -> None:
                """Prints nothing: a test's output is its own."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        proxy = Proxy(simulator, server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
