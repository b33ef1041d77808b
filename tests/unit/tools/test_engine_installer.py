"""The official installer: bounded when it cannot be reached, distrusted when it can."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest

from tools.engine import installer
from tools.engine.installer import Installer, InstallerFailed
from tools.engine.progress import Progress

Serve = Callable[[bytes], str]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves one body on the loopback: `serve(body)` returns its URL; an empty body is a 404."""
    servers: list[tuple[HTTPServer, threading.Thread]] = []

    def start(body: bytes) -> str:
        class Script(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if body else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Script)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/install.sh"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of a server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/install.sh"


@pytest.fixture
def dripping() -> Iterator[str]:
    """The URL of a server that sends a byte now and then, so that no socket ever runs into its time limit."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\n#!")
                while not over.wait(0.05):
                    client.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/install.sh"
        over.set()
        thread.join()


def test_a_server_that_never_answers_costs_no_more_than_the_limit(silence: str) -> None:
    started = time.monotonic()
    with pytest.raises(InstallerFailed, match="could not be reached"):
        installer.fetch(silence, within=0.3)
    assert time.monotonic() - started < 30  # without the limit it would take for ever


def test_a_server_that_dribbles_costs_no_more_than_the_limit(dripping: str) -> None:
    started = time.monotonic()
    with pytest.raises(InstallerFailed, match=r"could not be reached within 0\.3 s"):
        installer.fetch(dripping, within=0.3)
    assert time.monotonic() - started < 30  # without the limit it would take for ever


def test_nobody_there_and_not_found_are_said_as_such(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InstallerFailed, match="refused"):
        installer.fetch(f"http://127.0.0.1:{port}/", within=5)
    with pytest.raises(InstallerFailed, match="answered 404 Not Found"):
        installer.fetch(serve(b""), within=5)
    with pytest.raises(InstallerFailed, match="could not be reached"):
        installer.fetch("no url at all", within=5)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><title>Please log in</title>", b"rm -rf /\n"])
def test_what_is_no_script_is_not_run(serve: Serve, body: bytes) -> None:
    with pytest.raises(InstallerFailed, match="did not answer with a shell script"):
        installer.fetch(serve(body), within=5)


def test_an_endless_script_is_not_run(serve: Serve) -> None:
    with pytest.raises(InstallerFailed, match="more than 1048576 bytes"):
        installer.fetch(serve(b"#!" + b" " * (1 << 20)), within=5)


def test_the_script_is_told_version_and_place_and_writes_only_there(serve: Serve, tmp_path: Path) -> None:
    script = b"""#!/bin/sh
echo "$@" > told
mktemp > made
"""
    bin_dir = installer.install(Installer(serve(script)), tmp_path, {"PATH": "/usr/bin:/bin"}, Progress(StringIO()))
    root = tmp_path / "installed"
    assert bin_dir == root / "bin"
    assert (tmp_path / "told").read_text() == f"--no-edit-path --install-root {root} --version 3.259.0\n"
    assert (tmp_path / "made").read_text().startswith(str(tmp_path))


def test_a_script_that_fails_or_hangs_is_a_failed_attempt(serve: Serve, tmp_path: Path) -> None:
    env, quiet = {"PATH": "/usr/bin:/bin"}, Progress(StringIO())
    failing = Installer(serve(b"#!/bin/sh\necho no such release >&2; exit 1\n"))
    hanging = Installer(serve(b"#!/bin/sh\nsleep 60\n"), run=0.2)
    for one, reason in ((failing, "no such release"), (hanging, r"was not done after 0\.2 s")):
        workspace = tmp_path / reason[:2]
        workspace.mkdir()
        with pytest.raises(InstallerFailed, match=reason):
            installer.install(one, workspace, env, quiet)


def test_the_environment_moves_the_installer_its_limit_and_switches_it_off() -> None:
    official = Installer.from_environment({})
    assert (official.url, official.reach) == ("https://get.pulumi.com/install.sh", 5.0)
    moved = {"PULUMI_CORTECS_ENGINE_INSTALLER_URL": "file:///x", "PULUMI_CORTECS_ENGINE_INSTALLER_SECONDS": "0.5"}
    assert Installer.from_environment(moved) == Installer("file:///x", 0.5)
    with pytest.raises(InstallerFailed, match="switched off"):
        Installer.from_environment({"PULUMI_CORTECS_ENGINE_INSTALLER_URL": "off"})
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        with pytest.raises(InstallerFailed, match=f"={wrong} is not a number of seconds"):
            Installer.from_environment({"PULUMI_CORTECS_ENGINE_INSTALLER_SECONDS": wrong})
