"""The proxy for clients with the vendors' own https URLs."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running
from pulumi_cortecs.simulator.tls_proxy import TlsProxy, tls_proxy

HOSTS = [host for cloud in Simulator.__dataclass_fields__["clouds"].default for host in cloud.hosts]
SHADEFORM = "https://api.shadeform.ai/v1"


@pytest.fixture
def proxy() -> Iterator[TlsProxy]:
    with running() as sim, tls_proxy(HOSTS, sim.port) as started:
        yield started


def client_of(proxy: TlsProxy) -> httpx.Client:
    trusted = ssl.create_default_context(cafile=str(proxy.ca_file))
    return httpx.Client(proxy=proxy.url, verify=trusted, trust_env=False, timeout=10, headers={"X-API-KEY": "sim"})


def test_the_vendors_own_urls_lead_to_the_simulator(proxy: TlsProxy) -> None:
    with client_of(proxy) as client:
        key = client.post(f"{SHADEFORM}/sshkeys/add", json={"name": "n" * 100_000, "public_key": "k"})
        assert key.status_code == 200
        assert key.json()["id"] in client.get(f"{SHADEFORM}/sshkeys").text
        assert len(client.get(f"{SHADEFORM}/instances/types").json()["instance_types"]) == 85
        assert client.get("https://cortecs.ai/api/v1/models").json()["models"]


@pytest.mark.parametrize("url", ["https://example.org/", "https://api.shadeform.ai:8443/", "https://127.0.0.1/"])
def test_no_other_host_is_reached(url: str, proxy: TlsProxy) -> None:
    with client_of(proxy) as client, pytest.raises(httpx.ProxyError, match="403"):
        client.get(url)


def test_plain_requests_are_refused(proxy: TlsProxy) -> None:
    with client_of(proxy) as client:
        assert client.get("http://api.shadeform.ai/v1/instances").status_code == 403


def test_only_who_knows_the_authority_trusts_it(proxy: TlsProxy) -> None:
    with httpx.Client(proxy=proxy.url, trust_env=False) as client, pytest.raises(httpx.ConnectError, match="CERT"):
        client.get(f"{SHADEFORM}/instances/types")


def test_no_key_is_on_disk_and_nothing_is_left(proxy: TlsProxy) -> None:
    folder = proxy.ca_file.parent
    assert list(folder.iterdir()) == [proxy.ca_file]
    assert "PRIVATE" not in proxy.ca_file.read_text()


def test_the_file_and_the_port_are_gone_at_the_end() -> None:
    with running() as sim, tls_proxy(HOSTS, sim.port) as proxy:
        folder = Path(proxy.ca_file.parent)
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(proxy.url, trust_env=False)
