"""The account of a host process: an explicit Provider comes before the environment, as a whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought
from tests.contract.host import CallFailedError, Host

B, SECRET_OF_B = "key-of-b", "secret-of-account-b"
NOWHERE = "https://cortecs.invalid/api/v1"
StartHost = Callable[..., Host]


@pytest.fixture
def base_url(simulator: Simulator) -> str:
    simulator.control.register(B, SECRET_OF_B, "acct-b")
    return simulator.base_url


def arguments(base_url: str, **more: str) -> dict[str, str]:
    """The configuration that a Provider with credentials sends."""
    return {
        "cortecs:provider:source": "arguments",
        "cortecs:clientId": B,
        "cortecs:clientSecret": SECRET_OF_B,
        "cortecs:apiBaseUrl": base_url,
        **more,
    }


NAMES = {
    "cortecs:provider:source": "environment",
    "cortecs:provider:clientId": "B_ID",
    "cortecs:provider:clientSecret": "B_SECRET",
    "cortecs:provider:apiBaseUrl": "B_URL",
}


def account_of(simulator: Simulator) -> str:
    (only,) = simulator.control.instances()
    return only.account


def test_a_providers_credentials_beat_those_of_the_environment(
    start_host: StartHost, simulator: Simulator, base_url: str
) -> None:
    host = start_host()
    host.configure(arguments(base_url))
    chat = host.instance()
    made = chat.buy({"model_id": QWEN})
    assert account_of(simulator) == "acct-b"
    assert chat.read(made).id == made.id
    chat.delete(made)
    assert simulator.control.instances() == ()
    assert SECRET_OF_B not in host.printed()


def test_named_variables_beat_the_usual_ones(start_host: StartHost, simulator: Simulator, base_url: str) -> None:
    host = start_host({"B_ID": B, "B_SECRET": SECRET_OF_B, "B_URL": base_url, "CORTECS_API_BASE_URL": NOWHERE})
    host.configure(NAMES)
    host.instance().buy({"model_id": QWEN})
    assert account_of(simulator) == "acct-b"


@pytest.mark.parametrize("missing", ["B_ID", "B_SECRET"])
def test_a_named_variable_that_is_not_set_buys_nothing(
    start_host: StartHost, simulator: Simulator, base_url: str, missing: str
) -> None:
    host = start_host({"B_ID": B, "B_SECRET": SECRET_OF_B, "B_URL": base_url, missing: ""})
    host.configure(NAMES)
    with pytest.raises(CallFailedError, match=f"nothing was bought: .*{missing} is not set") as raised:
        host.instance().buy({"model_id": QWEN})
    assert SECRET_OF_B not in f"{raised.value} {host.printed()}"
    assert simulator.control.instances() == ()


def test_an_incomplete_provider_is_not_completed_from_the_environment(
    start_host: StartHost, simulator: Simulator, base_url: str
) -> None:
    host = start_host()
    host.configure(arguments(base_url, **{"cortecs:clientSecret": ""}))
    with pytest.raises(CallFailedError, match=r"nothing was bought: .*client_secret of the Provider is not set"):
        host.instance().buy({"model_id": QWEN})
    assert simulator.control.instances() == ()


def test_a_providers_market_is_its_own(start_host: StartHost, base_url: str) -> None:
    # the default account's market is out of reach, and is not asked
    host = start_host({"CORTECS_API_BASE_URL": NOWHERE})
    host.configure(arguments(base_url))
    checked = host.instance().check({"model_id": QWEN})
    assert (checked.failures, checked.inputs["quote"]["hourly_total"]) == ((), "1.20")


def test_a_stacks_config_without_a_provider_gives_way_to_the_environment(
    start_host: StartHost, simulator: Simulator
) -> None:
    host = start_host()
    stack = {"cortecs:clientId": "nobody", "cortecs:clientSecret": "no-secret-at-all", "cortecs:apiBaseUrl": NOWHERE}
    host.configure(stack)
    host.instance().buy({"model_id": QWEN})
    assert account_of(simulator) == "sim"


@pytest.mark.parametrize("call", ["read", "update", "delete"])
def test_an_explicit_providers_account_is_bound_by_the_account_rule(
    start_host: StartHost, simulator: Simulator, base_url: str, call: str
) -> None:
    made = bought(simulator)
    host = start_host()
    host.configure(arguments(base_url))
    chat = host.instance()
    wanted = {key: value for key, value in made.outs.items() if key not in ("instance_id", "account", "expires_at")}
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: chat.read(made),
        "update": lambda: chat.update(made, {**wanted, "state": "stopped"}),
        "delete": lambda: chat.delete(made),
    }
    with pytest.raises(CallFailedError, match="was created with other credentials"):
        calls[call]()
    (untouched,) = simulator.control.instances()
    assert (untouched.instance_id, untouched.account) == (made.id, "sim")
    assert untouched.status != "stopped"


def test_diff_notices_credentials_that_are_not_those_of_the_state(start_host: StartHost, simulator: Simulator) -> None:
    made, base_url = bought(simulator), simulator.base_url
    host = start_host()
    assert host.instance().diff(made.outs, INPUTS).changes is False
    host = start_host({"CORTECS_CLIENT_ID": "", "CORTECS_CLIENT_SECRET": ""})
    assert host.instance().diff(made.outs, INPUTS).changes is False  # a preview without credentials
    host = start_host()
    host.configure(arguments(base_url))
    assert host.instance().diff(made.outs, INPUTS).changes is True
    assert simulator.control.requests().count("POST /api/v1/oauth2/token") == 1  # that of the purchase
