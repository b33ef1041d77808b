"""Diff: five arguments replace, two change in place, and nothing else is a change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.host import UNKNOWN, Diffed, Host

INPUTS: dict[str, Any] = {
    "model_id": "Qwen--Qwen2-7B-Instruct",
    "hardware_type_id": "NVIDIA_L4_1",
    "context_length": 32000,
    "billing_interval": "per_minute",
    "num_workers": 1,
    "state": "running",
    "restart_trigger": "",
    "quote": {"hourly_total": "1.20", "currency": "EUR"},
}
OUTPUTS = {**INPUTS, "instance_id": "i"}
CHANGES: dict[str, Any] = {
    "model_id": "cortecs--phi-4-FP8-Dynamic",
    "hardware_type_id": "NVIDIA_L4_2",
    "context_length": 16000,
    "billing_interval": "per_hour",
    "num_workers": 2,
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_purchase_replaces(shared_host: Host, key: str) -> None:
    diffed = shared_host.instance().diff(OUTPUTS, {**INPUTS, key: CHANGES[key]})
    # None: the engine works out the details, and replace_on_changes counts
    assert diffed == Diffed(changes=None, replaces=(key,))


def test_every_changed_argument_is_named(shared_host: Host) -> None:
    assert shared_host.instance().diff(OUTPUTS, {**INPUTS, **CHANGES}).replaces == tuple(CHANGES)


@pytest.mark.parametrize(("key", "value"), [("state", "stopped"), ("restart_trigger", "now")])
def test_state_and_restart_trigger_change_in_place(shared_host: Host, key: str, value: str) -> None:
    assert shared_host.instance().diff(OUTPUTS, {**INPUTS, key: value}) == Diffed(changes=None, replaces=())


@pytest.mark.parametrize("key", [*CHANGES, "state", "restart_trigger"])
def test_an_unknown_may_be_a_change(shared_host: Host, key: str) -> None:
    diffed = shared_host.instance().diff(OUTPUTS, {**INPUTS, key: UNKNOWN})
    assert diffed == Diffed(changes=None, replaces=(key,) if key in CHANGES else ())


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({}, {"quote": {"hourly_total": "9.99"}}, id="the quote"),
        pytest.param({"instance_id": "other"}, {}, id="the instance's id"),
        pytest.param({"__provider": "what an older version pickled"}, {}, id="the pickled provider"),
        pytest.param({"of_a_newer_version": 1}, {}, id="an output that we do not know"),
    ],
)
def test_nothing_else_is_a_change(shared_host: Host, olds: dict[str, Any], news: dict[str, Any]) -> None:
    diffed = shared_host.instance().diff({**OUTPUTS, **olds}, {**INPUTS, **news})
    assert diffed == Diffed(changes=False, replaces=())


WAITED_FOR: dict[str, Any] = {"instance_id": "i", "state": "running", "spec_digest": "", "ready_timeout": 1200}
READY = {
    **WAITED_FOR,
    "base_url": "http://127.0.0.1/v1",
    "status": "running",
    "worker_statuses": [],
    "started_at": "2025-01-01T00:00:00Z",
    "stopped_at": "",
}


@pytest.mark.parametrize(
    ("key", "value"), [("instance_id", "another"), ("state", "stopped"), ("spec_digest", "d"), ("instance_id", UNKNOWN)]
)
def test_an_endpoint_follows_its_instance_in_place(shared_host: Host, key: str, value: str) -> None:
    assert shared_host.endpoint().diff(READY, {**WAITED_FOR, key: value}) == Diffed(changes=None, replaces=())


@pytest.mark.parametrize(
    "olds",
    [
        pytest.param({"status": "pending", "base_url": ""}, id="a refresh during the boot"),
        pytest.param({"status": "stopped", "base_url": ""}, id="stopped from outside"),
        pytest.param({"base_url": ""}, id="running without an address"),
    ],
)
def test_an_endpoint_that_never_got_ready_is_waited_for(shared_host: Host, olds: dict[str, str]) -> None:
    assert shared_host.endpoint().diff({**READY, **olds}, WAITED_FOR) == Diffed(changes=True, replaces=())


@pytest.mark.parametrize(
    ("olds", "news"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({}, {"ready_timeout": 60}, id="how long a wait may take"),
        pytest.param({"worker_statuses": [{}]}, {}, id="the workers"),
        pytest.param({"__provider": "what an older version pickled"}, {}, id="the pickled provider"),
        pytest.param({"state": "stopped", "status": "stopped", "base_url": ""}, {"state": "stopped"}, id="stopped"),
    ],
)
def test_an_endpoint_with_nothing_to_wait_for_is_left_alone(
    shared_host: Host, olds: dict[str, Any], news: dict[str, Any]
) -> None:
    assert shared_host.endpoint().diff({**READY, **olds}, {**WAITED_FOR, **news}) == Diffed(changes=False, replaces=())
