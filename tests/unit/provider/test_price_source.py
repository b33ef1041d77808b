"""The source that a quote names: the vendor only where its own host answered."""

from __future__ import annotations

import pytest

from pulumi_cortecs import _abi
from pulumi_cortecs.provider.accounts import price_source


@pytest.mark.parametrize("cloud", ["cortecs", "shadeform", "gcore"])
def test_a_price_is_live_only_from_the_vendors_own_host(cloud: str) -> None:
    kind = _abi.instance_kinds()[cloud]
    assert price_source(kind, kind.credentials.default_url) == "live"
    for url in ("http://127.0.0.1:3000/v1", "https://localhost", "http://[::1]:80"):
        assert price_source(kind, url) == "simulator"
    assert price_source(kind, "https://proxy.example:8443/v1") == "proxy.example"
    assert price_source(kind, f"{kind.credentials.default_url.replace('https://', 'https://not-')}") != "live"
