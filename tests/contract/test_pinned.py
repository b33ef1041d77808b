"""Without the vendor a plan is made of the pinned catalogue, says so, and buys nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, ids
from tests.contract.catalogues import pinned_from
from tests.contract.engine import listening
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made

START = "POST /api/v1/instances/start"
NOWHERE = "http://127.0.0.1:1/api/v1"
BY_CATALOGUE = {**INPUTS, "quote": {**INPUTS["quote"], "source": "catalogue 2026-11-21"}}

Offline = Callable[..., Host]


@pytest.fixture
def offline(start_host: Callable[..., Host], tmp_path: Path) -> Offline:
    """Starts a host without a network, with a catalogue of the API that it would ask."""

    def start(engine: str | None = None, **environment: str) -> Host:
        path = str(pinned_from(NOWHERE, tmp_path / "pinned.yaml"))
        variables = {"CORTECS_API_BASE_URL": NOWHERE, "PULUMI_CORTECS_CATALOGUE": path, **environment}
        return start_host(variables, before=IMPATIENT, **({"engine": engine} if engine else {}))

    return start


def test_without_a_network_the_catalogue_prices_and_nothing_is_bought(offline: Offline) -> None:
    with listening() as engine:
        resource = offline(engine.address).instance("chat")
        checked = resource.check({"model_id": QWEN})
        assert (checked.inputs, checked.failures) == (BY_CATALOGUE, ())
        assert resource.check({"model_id": QWEN}) == checked
        (warning,) = [
            line for line in engine.lines if not line.ephemeral
        ]  # one for the process, not one for each instance
        assert f"the catalogue of 2026-11-21 from {NOWHERE}" in warning.message
        assert (warning.severity, warning.ephemeral) == (2, False)
        with pytest.raises(CallFailedError, match=r"^nothing was bought: its price is from the pinned catalogue 2026-"):
            resource.create(checked.inputs)


def test_what_is_not_in_the_catalogue_is_refused_by_name(offline: Offline) -> None:
    host = offline()
    (reason,) = host.instance().check({"model_id": "Qwen/Qwen2-7B-Instrukt"}).reasons("model_id")
    assert "did you mean Qwen--Qwen2-7B-Instruct?" in reason
    assert reason.endswith("(by the catalogue 2026-11-21: Cortecs cannot be reached)")
    too_long = host.instance().check({"model_id": QWEN, "context_length": 32769})
    assert "takes at most 32768 tokens" in too_long.reasons("context_length")[0]


def test_what_exists_is_left_to_a_market_that_can_be_reached(offline: Offline) -> None:
    host = offline()
    unchanged = host.instance().check({"model_id": QWEN}, INPUTS)
    assert (unchanged.inputs, unchanged.failures) == (INPUTS, ())
    for news, olds in (({"num_workers": 2}, INPUTS), ({}, {**INPUTS, "state": "stopped"})):
        with pytest.raises(CallFailedError, match="the purchase cannot be checked"):
            host.instance().check({"model_id": QWEN, **news}, olds)


def test_an_unusable_catalogue_is_an_error_only_where_it_is_needed(
    offline: Offline, simulator: Simulator, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing.yaml")
    with pytest.raises(CallFailedError, match=r"the purchase cannot be checked.*missing\.yaml: cannot be read"):
        offline(PULUMI_CORTECS_CATALOGUE=missing).instance().check({"model_id": QWEN})
    online = offline(PULUMI_CORTECS_CATALOGUE=missing, CORTECS_API_BASE_URL=simulator.base_url)
    assert online.instance().check({"model_id": QWEN}).inputs == INPUTS


def test_nothing_is_bought_at_a_catalogues_price_when_the_network_is_back(host: Host, simulator: Simulator) -> None:
    with pytest.raises(CallFailedError, match=r"^nothing was bought: its price is from the pinned catalogue "):
        host.instance().create(BY_CATALOGUE)
    assert simulator.control.requests().count(START) == 0
    assert ids(simulator) == []


def test_what_cannot_be_bought_anew_is_not_ended_before(offline: Offline) -> None:
    """`up --replace` with delete_before_replace: one check without old inputs, then the deletion."""
    resource = offline().instance()
    resource.check({"model_id": QWEN})
    with pytest.raises(
        CallFailedError, match=r"^i-1 was not deleted: Cortecs could not be reached when its replacement"
    ):
        resource.delete(Made("i-1", INPUTS))


def test_machine_limits_are_checked_as_far_as_possible_without_a_price(offline: Offline, tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    limits = {
        "allowed_base_urls": [NOWHERE],
        "allowed_hardware": ["NVIDIA_L4_1"],
        "account_hourly_ceiling": "1.00 EUR",
    }
    path.write_text(json.dumps({"cortecs": limits}), encoding="utf-8")
    host = offline(PULUMI_CORTECS_LIMITS=str(path))
    assert host.instance().check({"model_id": QWEN}).inputs == BY_CATALOGUE
    (reason,) = host.instance().check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L4_2"}).reasons("hardware_type_id")
    assert "NVIDIA_L4_2 is not allowed by " in reason
