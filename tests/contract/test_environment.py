"""Variables that cannot be used never keep a bill running: a deletion warns and goes on, a purchase names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS as SETTLED
from tests.contract.bought import bought, ids
from tests.contract.engine import FakeEngine
from tests.contract.host import CallFailedError, Host, Made

StartHost = Callable[..., Host]
INPUTS = {"model_id": "Qwen/Qwen2-7B-Instruct"}
OURS = {
    "PULUMI_CORTECS_LIST_LAG": "x",
    "PULUMI_CORTECS_POLL_INTERVAL": "soon",
    "PULUMI_CORTECS_STATE_DIR": "orders",
}
NETWORK = {
    "NO_PROXY": "[::1]",
    "ALL_PROXY": "socks://127.0.0.1:9",
    "HTTPS_PROXY": "http://me:pa#ss@127.0.0.1:port",
    "SSL_CERT_FILE": "/nowhere/certificates.pem",
    "SSLKEYLOGFILE": "/nowhere/keys",
}


@pytest.fixture
def made(simulator: Simulator) -> Made:
    """An instance that an earlier `up` bought."""
    return bought(simulator)


@pytest.mark.parametrize("name", OURS)
def test_a_variable_that_cannot_be_used_is_refused_by_what_buys(
    start_host: StartHost, simulator: Simulator, name: str
) -> None:
    resource = start_host({name: OURS[name]}).instance()
    checked = resource.check(INPUTS)
    assert checked.failures == ()  # `destroy --run-program` checks, too
    with pytest.raises(CallFailedError, match=f"^nothing was bought: {name}.*{OURS[name]}") as raised:
        resource.create(checked.inputs)
    assert "unexpected" not in str(raised.value)
    assert ids(simulator) == []


def test_what_starts_refuses_it_and_what_stops_does_not(
    start_host: StartHost, simulator: Simulator, made: Made
) -> None:
    resource = start_host({"PULUMI_CORTECS_LIST_LAG": "x"}).instance()
    stopped = resource.update(made, {**SETTLED, "state": "stopped"})
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]
    with pytest.raises(CallFailedError, match=r"^nothing was changed: PULUMI_CORTECS_LIST_LAG: got"):
        resource.update(stopped, SETTLED)
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]


def test_refresh_and_destroy_warn_once_and_go_on(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine, made: Made
) -> None:
    resource = start_host({**OURS, **NETWORK}, engine=engine.address).instance()
    assert resource.read(made).id == made.id
    resource.delete(made)
    assert ids(simulator) == []
    (warning,) = engine.messages
    assert all(name in warning for name in OURS)
    assert not any(name in warning for name in NETWORK)  # to this machine nothing of it matters
    assert "buys nothing" in warning


def test_without_a_home_everything_works_after_one_warning(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    homeless = {"HOME": "relative", "XDG_STATE_HOME": "", "PULUMI_CORTECS_STATE_DIR": ""}
    no_entry = "import os\nos.getuid = lambda: 4_000_000_123"  # among the machine's users
    resource = start_host(homeless, engine=engine.address, before=no_entry).instance()
    made = resource.buy(INPUTS)
    assert resource.read(made).id == made.id
    resource.delete(made)
    assert ids(simulator) == []
    (warning,) = engine.messages
    assert "no home" in warning
    assert "Set PULUMI_CORTECS_STATE_DIR" in warning


def test_proxies_and_certificates_are_no_matter_on_this_machine(
    start_host: StartHost, simulator: Simulator, tmp_path: Path
) -> None:
    resource = start_host({**NETWORK, "PULUMI_CORTECS_STATE_DIR": str(tmp_path)}).instance()
    resource.delete(resource.buy(INPUTS))
    assert ids(simulator) == []
