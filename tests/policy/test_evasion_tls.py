"""The evasion suite against the way to the vendor: a server that is not who it says gets no credential, and nothing in
an environment makes us talk to it.

What got through is what came out of such a server's TLS.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from pulumi_cortecs.cortecs.client import CortecsClient
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import CloudError
from tests.contract.bought import INPUTS
from tests.contract.host import IMPATIENT, CallFailedError, Made, hosting
from tests.policy.attempts import Attempts
from tests.policy.certificates import Server, make, serving

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates: not tried")

SECRET = "a-secret-of-the-account"
WITHOUT_CHECKS = """
openssl_conf = init
[init]
ssl_conf = connections
[connections]
system_default = defaults
[defaults]
VerifyMode = None
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By what is the matter with them."""
    return make(tmp_path_factory.mktemp("certificates"))


def url(server: Server) -> str:
    return f"https://127.0.0.1:{server.port}/api/v1"


def error_of(server: Server, environment: Mapping[str, str]) -> str:
    """The error of a client that asks a server for a list."""
    with new_client(environment=environment) as http, pytest.raises(CloudError) as failed:
        CortecsClient(Credentials("cortecs", url(server), ("me", SECRET)), http).instances()
    return str(failed.value)


@pytest.mark.parametrize("name", ["self-signed", "of another host", "expired", "not valid yet"])
def test_a_server_that_is_not_who_it_says_gets_nothing(
    certificates: dict[str, Path], name: str, attempts: Attempts
) -> None:
    with serving(certificates[name]) as server:
        assert "certificate" in error_of(server, {"SSL_CERT_FILE": str(certificates["ca"])})
    attempts.tried(f"a server whose certificate is {name}", through=server.received != [])


def test_a_server_that_is_who_it_says_gets_what_it_needs(certificates: dict[str, Path]) -> None:
    with serving(certificates["good"]) as server:
        error_of(server, {"SSL_CERT_FILE": str(certificates["ca"])})
    assert b"/oauth2/token" in b"".join(server.received)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nothing", ""),
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_CERT_FILE", "/no/such/file"),
        ("SSL_CERT_FILE", "no"),
        ("SSL_CERT_DIR", "/dev"),
        ("SSL_CERT_DIR", "/no/such/folder"),
    ],
)
def test_no_variable_has_certificates_not_looked_at(
    certificates: dict[str, Path], name: str, value: str, attempts: Attempts
) -> None:
    with serving(certificates["self-signed"]) as server:
        assert "certificate" in error_of(server, {name: value})
    attempts.tried(f"a self-signed certificate, and {name}={value}", through=server.received != [])


def test_no_switch_of_other_programs_has_certificates_not_looked_at(
    certificates: dict[str, Path], tmp_path: Path, attempts: Attempts
) -> None:
    (tmp_path / "openssl.cnf").write_text(WITHOUT_CHECKS)
    bundle = str(certificates["self-signed"])
    switches = {
        "OPENSSL_CONF": str(tmp_path / "openssl.cnf"),
        "PYTHONHTTPSVERIFY": "0",
        "CURL_CA_BUNDLE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    }
    with serving(certificates["self-signed"]) as server:
        account = {"CORTECS_API_BASE_URL": url(server), "CORTECS_CLIENT_ID": "me", "CORTECS_CLIENT_SECRET": SECRET}
        with hosting({**account, **switches}, before=IMPATIENT) as host, pytest.raises(CallFailedError) as failed:
            host.instance().read(Made("i-1", {**INPUTS, "instance_id": "i-1"}))
    assert "certificate" in str(failed.value)
    attempts.batch({f"a self-signed certificate, and {name}": server.received != [] for name in switches})
