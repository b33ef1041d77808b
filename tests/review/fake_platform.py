"""GitHub's, GitLab's and Bitbucket's API of comments on loopback, as strict as they are: a token, lengths, ids that
grow, pages of 100."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-job-0123456789"
HEAD = "a" * 40
MAX_CHARACTERS = {"github": 65_536, "gitlab": 1_000_000, "bitbucket": 32_767}


@dataclass
class Remark:
    """One comment. `author` is "us" for those that our token wrote."""

    id: int
    author: str
    body: str


@dataclass
class FakePlatform:
    """What the server keeps. Each comment has the number of its pull request."""

    url: str = ""
    head: dict[int, str] = field(default_factory=lambda: {7: HEAD})
    forks: dict[int, str] = field(default_factory=dict)
    """The repositories of pull requests, where they are not those of "stranger/r"."""
    remarks: dict[int, dict[int, Remark]] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses for the next writes instead of what they would get; they are carried out nevertheless if below 500."""
    artifact: bytes = b""
    """The archive of the run 55."""
    last_id: int = 100
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, author: str, body: str, number: int = 7) -> int:
        """Adds a comment, and returns its id."""
        self.last_id += 1
        self.remarks.setdefault(number, {})[self.last_id] = Remark(self.last_id, author, body)
        return self.last_id

    def of(self, author: str, number: int = 7) -> list[Remark]:
        """The comments of an author."""
        return [remark for remark in self.remarks.get(number, {}).values() if remark.author == author]

    def find(self, comment_id: int) -> tuple[dict[int, Remark], Remark] | None:
        """A comment, and those of the same pull request."""
        for remarks in self.remarks.values():
            if comment_id in remarks:
                return remarks, remarks[comment_id]
        return None


@contextmanager
def fake_platform() -> Iterator[FakePlatform]:
    """A server that runs within the block."""
    platform = FakePlatform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            with platform.lock:
                status, answer = _answer(platform, self.command, self.path, dict(self.headers), body)
                if self.command != "GET" and not self.path.endswith("/graphql"):
                    platform.writes.append((self.command, self.path))
            content = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(ConnectionError):  # a client may take no more
                self.wfile.write(content)
                self.wfile.flush()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(platform: FakePlatform, method: str, target: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    split = urlsplit(target)
    which, _, path = split.path.strip("/").partition("/")
    if TOKEN not in (headers.get("PRIVATE-TOKEN"), headers.get("Authorization", "").removeprefix("Bearer ")):
        return 401, {"message": f"Bad credentials: {headers}"}
    if path == "graphql":
        return 200, {"data": {"viewer": {"login": "us"}}}
    if path == "user":
        return 200, {"id": 1, "uuid": "us"}
    if path.startswith("repos/o/r/actions/"):
        listed = {"artifacts": [{"id": 9}] if platform.artifact else []}
        return 200, platform.artifact if path.endswith("/artifacts/9/zip") else listed
    query = {name: values[-1] for name, values in parse_qs(split.query).items()}
    found = re.fullmatch(_PATHS[which], path)
    if found is None:
        return 404, {"message": "Not Found"}
    return _route(platform, which, method, found.groupdict(), query, body)


_PATHS = {
    "github": r"repos/o/r/(?:pulls(?:/(?P<pull>\d+))?|issues/(?P<number>\d+)/comments|"
    r"issues/comments/(?P<comment>\d+))",
    "gitlab": r"projects/12/merge_requests/(?:(?P<pull>\d+)|(?P<number>\d+)/notes(?:/(?P<comment>\d+))?)",
    "bitbucket": r"repositories/o/r/pullrequests/(?:(?P<pull>\d+)|(?P<number>\d+)/comments(?:/(?P<comment>\d+))?)",
}


def _route(
    platform: FakePlatform, which: str, method: str, place: dict[str, str | None], query: dict[str, str], body: Any
) -> tuple[int, Any]:
    if place["comment"] is not None:
        return _change(platform, which, method, int(place["comment"]), body)
    if place["number"] is not None and method == "POST":
        text = _text(which, body)
        if len(text) > MAX_CHARACTERS[which] or not text:
            return 422, {"message": "body is too long"}
        status = platform.answers.pop(0) if platform.answers else 201
        if status >= 500:
            return status, {"message": "server error"}
        comment_id = platform.say("us", text, int(place["number"]))
        return (201, {"id": comment_id}) if status == 201 else (status, {"message": "lost"})
    if method != "GET":
        return 405, {"message": "Method Not Allowed"}
    if place["number"] is not None:
        remarks = [_shown(which, remark) for remark in platform.remarks.get(int(place["number"]), {}).values()]
        return 200, _page(which, remarks, query)
    if place["pull"] is None:
        repos = {number: {"full_name": platform.forks.get(number, "stranger/r")} for number in platform.head}
        pulls = [{"number": n, "head": {"sha": sha, "repo": repos[n]}} for n, sha in platform.head.items()]
        return 200, _page(which, pulls, query)
    sha = platform.head[int(place["pull"])]
    shown = {"number": int(place["pull"]), "head": {"sha": sha}, "sha": sha}
    return 200, {**shown, "source": {"commit": {"hash": sha[:12]}}}


def _change(platform: FakePlatform, which: str, method: str, comment_id: int, body: Any) -> tuple[int, Any]:
    found = platform.find(comment_id)
    if found is None:
        return 404, {"message": "Not Found"}
    remarks, remark = found
    if method == "DELETE":
        del remarks[comment_id]
        return 204, None
    if method != ("PATCH" if which == "github" else "PUT"):
        return 405, {"message": "Method Not Allowed"}
    text = _text(which, body)
    if len(text) > MAX_CHARACTERS[which]:
        return 422, {"message": "body is too long"}
    remark.body = text
    return 200, {"id": comment_id}


def _text(which: str, body: Any) -> str:
    return str(body["content"]["raw"] if which == "bitbucket" else body["body"])


def _shown(which: str, remark: Remark) -> dict[str, Any]:
    number = 1 if remark.author == "us" else 2
    if which == "github":
        return {"id": remark.id, "body": remark.body, "user": {"login": remark.author}}
    if which == "gitlab":
        return {"id": remark.id, "body": remark.body, "system": False, "author": {"id": number}}
    return {"id": remark.id, "content": {"raw": remark.body}, "user": {"uuid": remark.author}, "deleted": False}


def _page(which: str, rows: list[Any], query: dict[str, str]) -> Any:
    size = int(query.get("pagelen" if which == "bitbucket" else "per_page", "30"))
    start = (int(query.get("page", "1")) - 1) * size
    rows = rows[start : start + size]
    return {"values": rows} if which == "bitbucket" else rows
