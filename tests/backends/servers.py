"""State backends on this machine: a folder, S3 as moto's server tells it, and Debian's Postgres, on loopback only.

`python -m tests.backends.servers` exits 0 when a Postgres is installed.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx

Environment = Mapping[str, str]
NewBackend = Callable[[], Environment]
"""Makes an empty backend; the environment that names it."""

_LONGEST: Final = 60.0
_POSTGRES: Final = Path("/usr/lib/postgresql")
_USER: Final = "states"
_OWNER: Final = "postgres"
"""Who runs the server where we are root, which Postgres refuses."""


@contextmanager
def folder() -> Iterator[NewBackend]:
    """The folder that each scene has of its own."""
    yield dict


@contextmanager
def s3() -> Iterator[NewBackend]:
    """A bucket for each backend, in one server in this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    numbers = count(1)

    def new() -> Environment:
        host, port = server.get_host_and_port()
        bucket = f"states-{next(numbers)}"
        httpx.put(f"http://{host}:{port}/{bucket}", timeout=_LONGEST, trust_env=False).raise_for_status()
        options = f"endpoint=http://{host}:{port}&s3ForcePathStyle=true&region=us-east-1"
        return {
            "PULUMI_BACKEND_URL": f"s3://{bucket}?{options}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }

    try:
        yield new
    finally:
        server.stop()


@contextmanager
def postgres() -> Iterator[NewBackend]:
    """A database for each backend, in one cluster in a folder that is gone afterwards."""
    programs = postgres_programs()
    if programs is None:
        raise FileNotFoundError("there is no Postgres: install Debian's package postgresql")
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(directory, _OWNER)
        owner = {"user": _OWNER, "group": _OWNER, "extra_groups": []}
    port = _free_port()
    address = ("-h", "127.0.0.1", "-p", str(port))

    def run(program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(programs / program), *arguments]
        return subprocess.run(
            command, cwd=directory, capture_output=True, timeout=_LONGEST, check=False, env=_plain(), **owner
        )

    made = run("initdb", "-D", str(directory / "data"), "-U", _USER, "--auth", "trust", "--no-sync", "-E", "UTF8")
    assert made.returncode == 0, made.stderr
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(directory / "data"), *address, "-k", str(directory), "-F"],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_plain(),
            **owner,
        )
    numbers = count(1)

    def new() -> Environment:
        database = f"states{next(numbers)}"
        done = run("createdb", *address, "-U", _USER, database)
        assert done.returncode == 0, done.stderr
        return {"PULUMI_BACKEND_URL": f"postgres://{_USER}@127.0.0.1:{port}/{database}?sslmode=disable"}

    try:
        until = time.monotonic() + _LONGEST
        while run("pg_isready", *address).returncode != 0:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Postgres does not start: {(directory / 'log').read_text()}")
            time.sleep(0.1)
        yield new
    finally:
        server.send_signal(signal.SIGINT)  # it ends at once, whoever is connected
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(timeout=10)
        shutil.rmtree(directory, ignore_errors=True)


KINDS: Final[Mapping[str, Callable[[], AbstractContextManager[NewBackend]]]] = {
    "file": folder,
    "s3": s3,
    "postgres": postgres,
}


def postgres_programs() -> Path | None:
    """Where `initdb` and the others are, None where there are none."""
    paths = sorted(_POSTGRES.glob("*/bin/initdb"))
    if paths:
        return paths[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _plain() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    sys.exit(postgres_programs() is None)
