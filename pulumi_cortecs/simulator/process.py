"""The simulator as a program: it announces its port, exits at a signal, and does not outlive its parent."""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulumi_cortecs.simulator.embedded import Simulator, environment, running
from pulumi_cortecs.simulator.server import HOST

_PARENT_CHECK_SECONDS = 0.25
_LAST_PORT = 65535
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")


class PortTakenError(Exception):
    """Another program listens on the port."""


def serve(
    *,
    port: int,
    speed: float | None,
    boot: float | None,
    token_ttl: float | None,
    state: Path | None,
    port_file: Path | None,
    parent_pid: int | None,
    quiet: bool,
    tls_proxy: bool = False,
) -> None:
    """Serves until SIGINT or SIGTERM, or until the process `parent_pid` is gone; then every connection is cut.

    Once it listens it writes the port into `port_file` and prints "simulator listening on URL" as its first line; with
    `tls_proxy` the second has the variables for clients with the vendors' own URLs. Raises PortTakenError, StateError,
    OSError for a port file that cannot be written, and ModuleNotFoundError without what `tls_proxy` needs.
    """
    _log_to_stderr(quiet=quiet)
    try:
        with (
            _stop_event() as stop_event,
            running(port=port, speed=speed, boot=boot, token_ttl=token_ttl, state=state) as simulator,
            _published_port(simulator.port, port_file),
            _proxy_variables(simulator, tls_proxy=tls_proxy) as variables,
        ):
            sys.stdout.write(f"simulator listening on {simulator.url}\n{variables}")
            sys.stdout.flush()
            _wait(stop_event, parent_pid)
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            raise PortTakenError(_taken_text(port)) from None
        raise


def exports(port: int, shell: Mapping[str, str]) -> str:
    """The lines that point a shell at a simulator on `port`, past a proxy of the shell's environment."""
    variables = {**environment(port), **_without_proxy(shell)}
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def _taken_text(port: int) -> str:
    command = f"pulumi-cortecs simulator --port {port + 1 if port < _LAST_PORT else port - 1}"
    return (
        f"port {port} is taken by another program, perhaps a simulator; run `{command}`, and point its clients there "
        f'with `eval "$({command} --print-env)"`'
    )


def _without_proxy(shell: Mapping[str, str]) -> dict[str, str]:
    """The exceptions from the proxies of a shell, with this machine among them: the engine and its programs talk by
    loopback, too. None without a proxy."""
    if not any(value for name, value in shell.items() if name.lower() in _PROXIES):
        return {}
    entries = (shell.get("no_proxy") or shell.get("NO_PROXY", "")).split(",")
    direct = ",".join(dict.fromkeys([*filter(None, map(str.strip, entries)), HOST, "localhost"]))
    return dict.fromkeys(("no_proxy", "NO_PROXY"), direct)  # curl reads one, gRPC the other


@contextmanager
def _proxy_variables(simulator: Simulator, *, tls_proxy: bool) -> Iterator[str]:
    """A block during which a TLS proxy listens, if one is wanted, with the line that points clients at it."""
    if not tls_proxy:
        yield ""
        return
    from pulumi_cortecs.simulator import tls_proxy as proxies  # needs a library that nothing else here does

    hosts = [host for cloud in simulator.clouds for host in cloud.hosts]
    with proxies.tls_proxy(hosts, simulator.port) as proxy:
        yield f"tls proxy: export HTTPS_PROXY={proxy.url} SSL_CERT_FILE={proxy.ca_file}\n"


@contextmanager
def _published_port(port: int, port_file: Path | None) -> Iterator[None]:
    """A block during which the file contains the port."""
    if port_file is None:
        yield
        return
    _write_at_once(port_file, f"{port}\n")
    try:
        yield
    finally:
        port_file.unlink(missing_ok=True)


def _write_at_once(path: Path, text: str) -> None:
    """Writes the file in one step, so that readers never see half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.replace(name, path)


@contextmanager
def _stop_event() -> Iterator[threading.Event]:
    stop_event = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop_event.set()

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop_event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait(stop_event: threading.Event, parent_pid: int | None) -> None:
    if parent_pid is None:
        stop_event.wait()
        return
    # a dead direct parent stays visible as a zombie until it is reaped, but this process gets another parent at once
    direct = os.getppid() == parent_pid
    while not stop_event.wait(_PARENT_CHECK_SECONDS):
        if (os.getppid() != parent_pid) if direct else not _is_alive(parent_pid):
            return


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # the process exists and belongs to another user
    return True


def _log_to_stderr(*, quiet: bool) -> None:
    logger = logging.getLogger("pulumi_cortecs.simulator")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    if quiet:
        logging.getLogger("pulumi_cortecs.simulator.requests").setLevel(logging.WARNING)
