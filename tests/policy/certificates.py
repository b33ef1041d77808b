"""Servers with certificates of all kinds, which keep what they are sent behind a handshake. `openssl` makes the
certificates."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_CONFIG: Final = """
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
"""
_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_HERE: Final = "DNS:localhost,IP:127.0.0.1"
_NOW: Final = ("20200101000000Z", "20991231000000Z")
_KINDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "good": (_HERE, *_NOW),
    "of another host": ("DNS:vendor.example", *_NOW),
    "expired": (_HERE, "20200101000000Z", "20210101000000Z"),
    "not valid yet": (_HERE, "20980101000000Z", "20991231000000Z"),
}
"""By name: whom it is for, and from when to when it is valid."""


@dataclass
class Server:
    """A server of this machine: `received` is what came through its TLS."""

    port: int
    received: list[bytes] = field(default_factory=list)


def make(folder: Path) -> dict[str, Path]:
    """Certificates with their keys, by what is the matter with them, all by the authority "ca" but "self-signed"."""
    (folder / "index.txt").touch()
    (folder / "ca.cnf").write_text(_CONFIG)
    names = {"ca": "own authority", "self-signed": "localhost"}
    for name, subject in names.items():
        options = ("-subj", f"/CN={subject}", "-days", "36500", "-addext", f"subjectAltName={_HERE}")
        _openssl(folder, "req", "-x509", *_KEY, *options, "-keyout", f"{name}.key", "-out", f"{name}.crt")
    for name, (alternative, start, end) in _KINDS.items():
        (folder / "extensions").write_text(f"subjectAltName={alternative}\n")
        _openssl(folder, "req", "-new", *_KEY, "-subj", "/CN=localhost", "-keyout", f"{name}.key", "-out", "request")
        signed = ("-cert", "ca.crt", "-keyfile", "ca.key", "-in", "request", "-out", f"{name}.crt", "-notext")
        valid = ("-startdate", start, "-enddate", end, "-extfile", "extensions")
        _openssl(folder, "ca", "-batch", "-config", "ca.cnf", *signed, *valid)
    return {name: folder / f"{name}.crt" for name in (*names, *_KINDS)}


@contextmanager
def serving(certificate: Path) -> Iterator[Server]:
    """A server with that certificate for the length of the block. It answers all with 403."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, context, server), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)


def _serve(listener: socket.socket, context: ssl.SSLContext, server: Server) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(10)
            with context.wrap_socket(connection, server_side=True) as secured:
                if received := secured.recv(65_536):
                    server.received.append(received)
                    secured.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, timeout=30, check=True)
