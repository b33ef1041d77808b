"""The way to a vendor: in any environment nothing raises, no part of a password is shown, and servers on this machine
are asked directly."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import httpx
import pytest

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, new_client
from pulumi_cortecs.http.errors import UnreachableError
from pulumi_cortecs.http.network import extra_certificates, is_loopback, network_problems, read_network
from pulumi_cortecs.simulator import Simulator

VENDOR = "https://vendor.example/api/v1"
PASSWORD = "pa#s/s?w@rd"


def proxy_of(environment: dict[str, str]) -> tuple[str, tuple[str, str] | None] | None:
    proxy = read_network(environment).proxy
    return None if proxy is None else (str(proxy.url), proxy.auth)


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTP_PROXY": "http://one:1"}, None),
        ({"HTTPS_PROXY": "http://one:1"}, "http://one:1"),
        ({"HTTPS_PROXY": "one:1"}, "http://one:1"),
        ({"HTTPS_PROXY": "https://one:1/"}, "https://one:1"),
        ({"HTTPS_PROXY": " http://one "}, "http://one"),
        ({"HTTPS_PROXY": "http://[::1]:1"}, "http://[::1]:1"),
        ({"https_proxy": "http://one:1", "HTTPS_PROXY": "http://two:2"}, "http://one:1"),
        ({"ALL_PROXY": "http://one:1"}, "http://one:1"),
        ({"ALL_PROXY": "socks://one:1", "https_proxy": "http://two:2"}, "http://two:2"),
        ({"all_proxy": "http://one:1", "HTTPS_PROXY": "http://two:2"}, "http://two:2"),
    ],
)
def test_the_proxy_is_the_one_for_https_else_the_one_for_all(environment: dict[str, str], url: str | None) -> None:
    network = read_network(environment)
    assert (None if network.proxy is None else str(network.proxy.url)) == url
    assert network.problems == ()


@pytest.mark.parametrize(
    ("value", "auth"),
    [
        ("http://me:secret@one:1", ("me", "secret")),
        ("http://me:pa%23ss@one:1", ("me", "pa#ss")),
        (f"http://me:{PASSWORD}@one:1", ("me", PASSWORD)),
        (f"me:{PASSWORD}@one:1", ("me", PASSWORD)),
        ("http://me:50%@one:1", ("me", "50%")),
        ("http://me@one:1", ("me", "")),
    ],
)
def test_a_password_need_not_be_encoded(value: str, auth: tuple[str, str]) -> None:
    assert proxy_of({"HTTPS_PROXY": value}) == ("http://one:1", auth)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value",
    [
        f"ftp://somebody:{PASSWORD}@one:1",
        f"http://somebody:{PASSWORD}@one:port",
        f"http://somebody:{PASSWORD}@one:99999",
        f"http://somebody:{PASSWORD}@one:0",
        f"http://somebody:{PASSWORD}@:1",
        f"http://somebody:{PASSWORD}@one two:1",
        f"http://somebody:{PASSWORD}@[::1:1",
        f"http://somebody:{PASSWORD}@",
        "http://somebody:pa#s/s?w",
        "\x1b[31m://one",
    ],
)
def test_a_proxy_that_is_none_is_left_out_and_named_without_its_user(name: str, value: str) -> None:
    network = read_network({name: value})
    assert network.proxy is None
    (problem,) = network.problems
    assert problem.startswith(f"{name}: ")
    assert problem.isprintable()
    for part in ("pa#", "s/s", "w@rd", "somebody:"):
        assert part not in f"{problem} {network!r}"


def test_a_socks_proxy_works_or_is_named() -> None:
    for scheme in ("socks", "socks5", "socks5h"):
        network = read_network({"ALL_PROXY": f"{scheme}://me:{PASSWORD}@one:1"})
        try:
            import socksio  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
        except ImportError:
            (problem,) = network.problems
            assert problem.startswith(f"ALL_PROXY: '{scheme}://one' needs a package that is not installed")
        else:
            assert network.proxy is not None
            assert str(network.proxy.url) == f"{'socks5' if scheme == 'socks5' else 'socks5h'}://one:1"


@pytest.mark.parametrize(
    ("entries", "host", "direct"),
    [
        ("", "vendor.example", False),
        ("*", "vendor.example", True),
        ("vendor.example", "vendor.example", True),
        ("VENDOR.example", "vendor.EXAMPLE", True),
        ("example", "vendor.example", True),
        (".vendor.example", "vendor.example", True),
        ("*.example", "vendor.example", True),
        ("endor.example", "vendor.example", False),
        ("vendor.example:443", "vendor.example", True),
        ("vendor.example:8443", "vendor.example", False),
        ("https://vendor.example", "vendor.example", True),
        ("all://vendor.example", "vendor.example", True),
        ("http://vendor.example", "vendor.example", False),
        ("[::1]", "vendor.example", False),
        ("[::1],vendor.example", "vendor.example", True),
        ("::1, 10.0.0.0/8 , vendor.example", "vendor.example", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.1/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("fd00::/8", "fd00::5", True),
        ("[fd00::]/8", "11.1.2.3", False),
        ("[fd00::5]", "fd00::5", True),
        ("[fd00::5]:443", "fd00::5", True),
        ("[fd00::5]:8443", "fd00::5", False),
        ("fd00::/999,[,],:,://,http://[,%%%", "vendor.example", False),
        ("", "localhost", True),
        ("", "127.0.0.1", True),
        ("", "::1", True),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_means_names_addresses_and_blocks(name: str, entries: str, host: str, direct: bool) -> None:
    network = read_network({name: entries, "HTTPS_PROXY": "http://one:1"})
    assert network.is_direct(host) is direct
    assert network.problems == ()


@contextmanager
def refusing_proxy() -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that refuses everything; yields its port and the requests."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    asked.append(connection.recv(65536))
                    if not asked[-1]:
                        return
                    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], asked
        finally:
            socket.create_connection(listener.getsockname()).close()
            thread.join(timeout=10)


def test_a_vendor_is_asked_through_the_proxy_with_its_password() -> None:
    with refusing_proxy() as (port, asked):
        environment = {"HTTPS_PROXY": f"http://me:{PASSWORD}@127.0.0.1:{port}", "NO_PROXY": "[::1],10.0.0.0/8"}
        with new_client(environment=environment) as client, pytest.raises(UnreachableError, match="407") as raised:
            ApiClient("Acme", VENDOR, client).call("GET", "/things", WireModel, retry=Retry.IDEMPOTENT)
    assert asked[0].startswith(b"CONNECT vendor.example:443 HTTP/1.1\r\n")
    assert base64.b64encode(f"me:{PASSWORD}".encode()) in asked[0]
    assert "rd" not in str(raised.value).partition("reached")[2]


BROKEN = {
    "NO_PROXY": "[::1],fd00::/999,%",
    "no_proxy": "[::1]",
    "ALL_PROXY": "socks://127.0.0.1:9",
    "HTTPS_PROXY": f"http://somebody:{PASSWORD}@127.0.0.1:port",
    "HTTP_PROXY": "://",
    "SSL_CERT_FILE": "/nowhere/certificates.pem",
    "SSL_CERT_DIR": "/nowhere",
    "SSLKEYLOGFILE": "/nowhere/keys",
}


def test_to_this_machine_nothing_of_it_matters(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BROKEN.items():
        monkeypatch.setenv(name, value)
    with new_client() as client:
        here = ApiClient("Acme", simulator.base_url, client)
        assert here.call("GET", "/models/", WireModel, retry=Retry.IDEMPOTENT) == WireModel()
    assert network_problems(simulator.base_url, BROKEN) == ()


def test_elsewhere_each_bad_value_is_named_in_one_line() -> None:
    problems = network_problems(VENDOR, BROKEN)
    assert [problem.partition(":")[0] for problem in problems] == ["HTTPS_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"]
    assert "'/nowhere/certificates.pem' is not a readable file of certificates: No such file" in problems[1]
    assert "'/nowhere' is not a readable folder" in problems[2]


def test_who_cannot_be_reached_is_told_with_what_may_be_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    core = ApiClient("Acme", VENDOR, new_client(httpx.MockTransport(unreachable)))
    with pytest.raises(UnreachableError, match=r"no route; SSL_CERT_FILE: '/nowhere/certificates.pem'"):
        core.call("GET", "/things", WireModel, retry=Retry.IDEMPOTENT)


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    network = read_network({"SSL_CERT_FILE": str(empty)})
    assert network.ca_file is None
    assert str(empty) in network.problems[0]


def test_certificates_that_are_named_are_used(tmp_path: Path) -> None:
    bundle = certifi.where()
    network = read_network({"SSL_CERT_FILE": bundle, "SSL_CERT_DIR": str(tmp_path)})
    assert (network.ca_file, network.ca_folder, network.problems) == (bundle, None, ())
    network = read_network({"SSL_CERT_DIR": str(tmp_path)})
    assert (network.ca_file, network.ca_folder, network.problems) == (None, str(tmp_path), ())


@pytest.mark.parametrize("environment", [{}, {"HTTPS_PROXY": "http://127.0.0.1:9"}, BROKEN], ids=str)
def test_certificates_are_always_verified(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifi, "where", certifi.core.where)  # all authorities, not only the one of tests/conftest.py
    transport = read_network(environment).transport(httpx.Limits())
    for part in vars(transport).values() if environment == {"HTTPS_PROXY": "http://127.0.0.1:9"} else [transport]:
        if isinstance(part, httpx.HTTPTransport):
            context = part._pool._ssl_context
            assert context is not None
            assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
            assert context.cert_store_stats()["x509_ca"] > 50


def test_the_source_of_additional_certificates_is_reported(tmp_path: Path) -> None:
    own = Path(certifi.where())
    both = {"SSL_CERT_FILE": str(own), "SSL_CERT_DIR": str(tmp_path)}
    assert extra_certificates("https://cortecs.ai/api/v1", both) == {"SSL_CERT_FILE": str(own)}
    assert extra_certificates("https://cortecs.ai", {"SSL_CERT_DIR": str(tmp_path)}) == {"SSL_CERT_DIR": str(tmp_path)}
    assert extra_certificates("https://cortecs.ai", {}) == {}
    assert extra_certificates("http://127.0.0.1:3000/api/v1", both) == {}


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.64.3.2", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("127.0.0.1.example.com", False),
        ("127.1", False),
        ("example.com", False),
    ],
)
def test_any_loopback_address_is_this_machine_and_asked_without_a_proxy(host: str, is_here: bool) -> None:
    assert read_network({"HTTPS_PROXY": "http://one:1"}).is_direct(host) == is_here
    assert is_loopback(host) == is_here
