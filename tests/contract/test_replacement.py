"""The second check of a replacement: no old inputs, the program's raw arguments, and the policies have gone home.

What is bought in the end must be what the first check came to and the policies judged, or nothing at all.
"""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.host import UNKNOWN, CallFailedError, Checked, Host, Resource

QWEN = "Qwen/Qwen2-7B-Instruct"


def _review(resource: Resource, news: dict[str, Any], olds: dict[str, Any]) -> Checked:
    """The first check of an existing instance, and the diff in which the engine shows what policies made of it."""
    checked = resource.check(news, olds)
    resource.diff({**olds, "instance_id": "i"}, checked.inputs)
    return checked


def _running(resource: Resource, **arguments: Any) -> dict[str, Any]:
    """The inputs of an instance that has been there before this process."""
    return {**resource.check({"model_id": QWEN, **arguments}).inputs}


def test_the_second_check_keeps_what_the_first_one_carried_over(shared_host: Host) -> None:
    resource = shared_host.instance()
    olds = _running(resource, hardware_type_id="NVIDIA_L40S_1", context_length=4096)
    news = {"model_id": QWEN, "num_workers": 2}
    first = _review(resource, news, olds)
    assert first.inputs["hardware_type_id"] == "NVIDIA_L40S_1"
    second = resource.check(news)
    assert second == first
    assert second.inputs["context_length"] == 4096


def test_the_same_arguments_written_otherwise_are_the_same(shared_host: Host) -> None:
    resource = shared_host.instance()
    first = _review(resource, {"model_id": QWEN, "num_workers": 2.0}, _running(resource))
    assert resource.check({"model_id": "Qwen--Qwen2-7B-Instruct", "num_workers": 2}) == first


def _ignoring_changes(resource: Resource) -> Checked:
    """The first check of a program that says L40S, with `ignore_changes` holding on to L4."""
    olds = _running(resource)
    return _review(resource, {"model_id": QWEN, "hardware_type_id": "NVIDIA_L4_1", "num_workers": 2}, olds)


def test_ignored_changes_do_not_come_back_in_a_replacement(shared_host: Host) -> None:
    resource = shared_host.instance()
    _ignoring_changes(resource)
    raw = resource.check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1", "num_workers": 2})
    (reason,) = raw.reasons("hardware_type_id")
    assert "reviewed with 'NVIDIA_L4_1', and the program says 'NVIDIA_L40S_1'" in reason
    assert len(raw.failures) == 1


def test_what_a_policy_changed_does_not_come_back_in_a_replacement(shared_host: Host) -> None:
    resource = shared_host.instance()
    olds = _running(resource)
    news = {"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1", "num_workers": 8}
    first = resource.check(news, olds)
    assert first.failures == ()
    remediated = {**first.inputs, "hardware_type_id": "NVIDIA_L4_1", "num_workers": 2}
    resource.diff({**olds, "instance_id": "i"}, remediated)
    raw = resource.check(news)
    assert [name for name, _ in raw.failures] == ["hardware_type_id", "num_workers"]
    (reason,) = raw.reasons("num_workers")
    assert "reviewed with 2, and the program says 8" in reason


def test_create_buys_nothing_that_was_not_judged(host: Host, simulator: Simulator) -> None:
    resource = host.instance()
    olds = _running(resource)
    first = resource.check({"model_id": QWEN, "num_workers": 2}, olds)
    with pytest.raises(CallFailedError, match="num_workers would differ from what the plan showed; nothing was bought"):
        resource.create({**first.inputs, "num_workers": 8})
    assert simulator.control.instances() == ()
    assert resource.create(first.inputs).id == simulator.control.instances()[0].instance_id


def test_a_replacement_that_no_diff_has_shown_is_refused(shared_host: Host) -> None:
    """replacement_trigger and replace_with: a policy's remediation comes after the first check, and without a call."""
    resource = shared_host.instance()
    news = {"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1"}
    resource.check(news, _running(resource))
    (reason,) = resource.check(news).reasons("model_id")
    assert "replace an instance without a diff" in reason
    _review(resource, news, _running(resource))
    resource.check(news, _running(resource))  # a diff of before confirms nothing
    assert resource.check(news).reasons("model_id")


def test_what_one_resource_was_judged_with_binds_no_other(shared_host: Host) -> None:
    resource = shared_host.instance()
    resource.check({"model_id": QWEN, "num_workers": 2}, _running(resource))
    other = shared_host.instance()
    assert other.check({"model_id": QWEN, "num_workers": 3}).failures == ()


def test_the_diff_of_a_refresh_binds_nothing(shared_host: Host) -> None:
    resource = shared_host.instance()
    olds = _running(resource)
    resource.diff({**olds, "state": "stopped"}, olds)
    assert resource.check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1"}).failures == ()


def test_wrong_arguments_are_refused_in_the_second_check_too(shared_host: Host) -> None:
    resource = shared_host.instance()
    _review(resource, {"model_id": QWEN, "num_workers": 2}, _running(resource))
    raw = resource.check({"model_id": QWEN, "num_workers": 9, "colour": "red", "quote": {}})
    assert {name for name, _ in raw.failures} == {"num_workers", "colour", "quote"}


@pytest.mark.parametrize("key", ["model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers"])
def test_a_preview_with_an_unknown_argument_is_no_departure(shared_host: Host, key: str) -> None:
    resource = shared_host.instance()
    news = {"model_id": QWEN, key: UNKNOWN}
    first = resource.check(news, _running(resource))
    assert first.inputs[key] == UNKNOWN
    resource.diff(_running(resource), first.inputs)
    second = resource.check(news)
    assert second == first
    assert second.failures == ()


def test_a_known_departure_is_seen_beside_an_unknown_argument(shared_host: Host) -> None:
    resource = shared_host.instance()
    _review(resource, {"model_id": QWEN, "context_length": UNKNOWN, "num_workers": 2}, _running(resource))
    raw = resource.check({"model_id": QWEN, "context_length": UNKNOWN, "num_workers": 3})
    assert [name for name, _ in raw.failures] == ["num_workers"]


def test_a_stopped_instance_is_not_replaced_whatever_asks_for_it(host: Host, simulator: Simulator) -> None:
    # replace_on_changes=["restart_trigger"]: nothing of the purchase changes, and still another would be bought
    resource = host.instance()
    olds = {**_running(resource), "state": "stopped"}
    news = {"model_id": QWEN, "state": "stopped", "restart_trigger": "now"}
    first = _review(resource, news, olds)
    assert first.failures == ()
    (reason,) = resource.check(news).reasons("state")
    assert "a stopped instance cannot be replaced" in reason
    with pytest.raises(CallFailedError, match="nothing was bought"):
        resource.create(first.inputs)
    assert simulator.control.instances() == ()
