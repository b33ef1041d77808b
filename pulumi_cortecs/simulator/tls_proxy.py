"""A proxy for clients whose https URL cannot be changed: it answers CONNECT for the vendors' hosts, and nothing else.

It ends the TLS of the client with a certificate of its own authority, and passes the request on to the simulator. The
authority is made at the start, and its key exists in memory only, so nobody else can sign for a client that trusts it.
Each connection carries one request.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LOOPBACK = "127.0.0.1"
_HTTPS = ":443"
_TIMEOUT = 60
_MAX_HEAD = 65536
_MAX_BODY = 32 * 1024 * 1024
_CHUNK = 65536
_VALID = timedelta(days=30)
_REPLACED = ("host:", "connection:")


@dataclass(frozen=True)
class TlsProxy:
    """A listening proxy, and the certificate of its authority."""

    url: str
    ca_file: Path


@contextmanager
def tls_proxy(hosts: Sequence[str], simulator_port: int) -> Iterator[TlsProxy]:
    """A block during which a proxy on the loopback leads these hosts to the simulator."""
    with tempfile.TemporaryDirectory(prefix="pulumi-cortecs-simulator-") as folder:
        ca_file = Path(folder, "ca.pem")
        context = _tls_context(hosts, ca_file)
        with _Server(hosts, simulator_port, context) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="tls proxy", daemon=True)
            thread.start()
            try:
                yield TlsProxy(f"http://{_LOOPBACK}:{server.server_address[1]}", ca_file)
            finally:
                server.shutdown()
                thread.join()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hosts: Sequence[str], simulator_port: int, context: ssl.SSLContext):
        self.authorities = frozenset(f"{host}{_HTTPS}" for host in hosts)
        self.simulator = (_LOOPBACK, simulator_port)
        self.context = context
        super().__init__((_LOOPBACK, 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a client that goes away, or does not trust the certificate, says so itself."""


class _Handler(StreamRequestHandler):
    server: _Server
    timeout = _TIMEOUT
    rbufsize = 0  # what follows the head is TLS, and must stay in the socket

    def handle(self) -> None:
        method, _, rest = _read_head(self.rfile.readline)[0].partition(" ")
        if method != "CONNECT" or rest.partition(" ")[0].lower() not in self.server.authorities:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self.server.context.wrap_socket(self.connection, server_side=True) as client:
            self._pass_on(client)

    def _pass_on(self, client: ssl.SSLSocket) -> None:
        with client.makefile("rb") as reading, socket.create_connection(self.server.simulator, _TIMEOUT) as simulator:
            first, *headers = _read_head(reading.readline)
            kept = [header for header in headers if not header.lower().startswith(_REPLACED)]
            host, port = self.server.simulator
            lines = [first, f"Host: {host}:{port}", "Connection: close", *kept, "", ""]
            simulator.sendall("\r\n".join(lines).encode("latin-1") + reading.read(_content_length(kept)))
            while answer := simulator.recv(_CHUNK):
                client.sendall(answer)


def _read_head(read_line: Callable[[int], bytes]) -> list[str]:
    """The lines of a request before its body. Raises ConnectionError for too long a one."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        line = read_line(_MAX_HEAD)
        head += line
        if not line or len(head) > _MAX_HEAD:
            raise ConnectionError("the request ends in its head, or has too long a one")
    return head.decode("latin-1").rstrip("\r\n").split("\r\n")


def _content_length(headers: Sequence[str]) -> int:
    """The length of the body. Raises ConnectionError for too long a one, and for one that does not tell its length."""
    values = {name.strip().lower(): value.strip() for name, _, value in (header.partition(":") for header in headers)}
    length = values.get("content-length", "0")
    if "transfer-encoding" in values or not length.isdecimal() or int(length) > _MAX_BODY:
        raise ConnectionError("the request has no length, or too great a one")
    return int(length)


def _tls_context(hosts: Sequence[str], ca_file: Path) -> ssl.SSLContext:
    """The server's side of TLS for these hosts; the certificate of the authority is written into the file."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("pulumi-cortecs simulator, for tests only")
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=0))
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    leaf = _certificate(_name(hosts[0]), ca_name, key, ca_key, names)
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle, chain = tempfile.mkstemp(dir=ca_file.parent)  # ssl reads keys from files only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(private + leaf.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(chain)
    finally:
        os.unlink(chain)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
        .sign(signing_key, hashes.SHA256())
    )
