"""Everything cortecs-py's client can do, done against the simulator by the client itself, unmodified.

Runs in a process of its own, because two versions of one package cannot be imported into the same: the tests beside it
start it with PYTHONPATH, CORTECS_* and the simulator's URL. Prints one line per scenario; exits with 1 if one failed.
"""

from __future__ import annotations

import inspect
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any
from unittest import mock

import requests
from cortecs_py import Cortecs
from cortecs_py.schemas import InstanceArgs

from pulumi_cortecs.simulator import Control

QWEN = "Qwen/Qwen2-7B-Instruct"
FAST = {"poll_interval": 0.01}

control = Control(sys.argv[1])
called: set[str] = set()


class Recorded:
    """The client, noting which of its methods were called."""

    def __init__(self, **credentials: str) -> None:
        self.client = Cortecs(**credentials)

    def __getattr__(self, name: str) -> Any:
        called.add(name)
        return getattr(self.client, name)


def refused(call: Callable[..., object], *args: object, status: int, **options: object) -> None:
    """The call ends in the client's HTTPError with this status."""
    text = "nothing"
    try:
        call(*args, **options)
    except requests.exceptions.HTTPError as error:
        text = str(error)
    assert text.startswith(f"HTTP error occurred: {status} "), text


def fails(kind: type[Exception], call: Callable[..., object], *args: object, **options: object) -> None:
    """The call ends in this error."""
    try:
        call(*args, **options)
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


def start_waits_until_running(cortecs: Any) -> None:
    instance = cortecs.start(QWEN, **FAST)
    assert instance.instance_status.status == "running"
    assert instance.instance_args.hf_name == QWEN
    assert instance.instance_args == InstanceArgs(
        model_id="Qwen--Qwen2-7B-Instruct",
        hardware_type_id="NVIDIA_L4_1",
        context_length=32000,
        billing_interval="per_minute",
        num_workers=1,
    )
    assert instance.worker_statuses[0].init_progress["current_step"] == 5
    served = requests.get(f"{instance.base_url}/models", timeout=10).json()
    assert [card["id"] for card in served["data"]] == [QWEN]


def start_takes_every_argument(cortecs: Any) -> None:
    instance = cortecs.start(QWEN, "NVIDIA_L4_2", 2000, "per_hour", 3, poll=False)
    assert instance.instance_status.status == "pending"
    assert instance.base_url is None
    assert len(instance.worker_statuses) == 3
    args = instance.instance_args
    assert (args.hardware_type_id, args.context_length, args.billing_interval, args.num_workers) == (
        "NVIDIA_L4_2",
        2000,
        "per_hour",
        3,
    )
    assert cortecs.poll_instance(instance.instance_id, **FAST).instance_args == args


def a_start_that_cannot_be_is_refused(cortecs: Any) -> None:
    refused(cortecs.start, "nobody/nothing", poll=False, status=400)
    refused(cortecs.start, QWEN, "NVIDIA_H100_2", poll=False, status=400)
    refused(cortecs.start, QWEN, context_length=40000, poll=False, status=400)
    refused(cortecs.start, QWEN, num_workers=9, poll=False, status=400)
    assert cortecs.get_all_instances() == []


def a_stuck_boot_times_out_and_goes_on_billing(cortecs: Any) -> None:
    control.fault("stuck_boot", step=3)
    fails(TimeoutError, cortecs.start, QWEN, poll_interval=0.001, max_retries=5)
    (left,) = cortecs.get_all_instances()
    assert left.instance_status.status == "pending"
    assert len(control.ledger().open) == 1


def a_boot_stopped_from_outside_is_an_error(cortecs: Any) -> None:
    control.fault("stop_from_outside", seconds=5)
    fails(RuntimeError, cortecs.start, QWEN, **FAST)
    (left,) = cortecs.get_all_instances()
    fails(RuntimeError, cortecs.poll_instance, left.instance_id, **FAST)


def stop_is_done_at_once_and_restart_runs_again(cortecs: Any) -> None:
    instance_id = cortecs.start(QWEN, **FAST).instance_id
    refused(cortecs.restart, instance_id, status=400)
    stopped = cortecs.stop(instance_id)
    assert stopped.instance_status.status == "stopped"
    assert stopped.instance_status.stopped_at >= stopped.instance_status.started_at
    assert stopped.base_url is None
    again = cortecs.restart(instance_id, **FAST)
    assert (again.instance_id, again.instance_status.status) == (instance_id, "running")
    assert again.instance_status.stopped_at is None


def states_can_be_asked_for(cortecs: Any) -> None:
    control.pause()
    instance_id = cortecs.start(QWEN, num_workers=2, poll=False).instance_id
    assert cortecs.get_instance(instance_id).instance_id == instance_id
    assert cortecs.get_instance_status(instance_id).status == "pending"
    assert cortecs.get_running_instances() == []
    control.resume()
    assert cortecs.poll_instance(instance_id, **FAST).instance_status.status == "running"
    assert len(cortecs.get_worker_statuses(instance_id)) == 2
    assert [instance.instance_id for instance in cortecs.get_running_instances()] == [instance_id]
    cortecs.stop(instance_id)
    assert [worker.init_progress for worker in cortecs.get_worker_statuses(instance_id)] == [None, None]
    refused(cortecs.get_instance, "nope", status=404)


def ensure_takes_what_is_there(cortecs: Any) -> None:
    first = cortecs.ensure_instance(QWEN, **FAST)
    assert cortecs.ensure_instance(QWEN, **FAST).instance_id == first.instance_id
    second = cortecs.ensure_instance(QWEN, num_workers=2, **FAST)
    assert second.instance_id != first.instance_id
    third = cortecs.ensure_instance(QWEN, context_length=4000, poll=False)
    assert third.instance_status.status == "pending"
    waited = cortecs.ensure_instance(QWEN, context_length=4000, **FAST)
    assert (waited.instance_id, waited.instance_status.status) == (third.instance_id, "running")
    assert len(cortecs.get_all_instances()) == 3
    fails(ValueError, cortecs.ensure_instance, QWEN, context_length=40000)


def ensure_restarts_what_is_stopped(cortecs: Any) -> None:
    control.settings(boot_seconds=0)  # here the client polls every five seconds, whatever it was told
    first = cortecs.ensure_instance(QWEN, **FAST)
    cortecs.stop(first.instance_id)
    again = cortecs.ensure_instance(QWEN, **FAST)
    assert (again.instance_id, again.instance_status.status) == (first.instance_id, "running")


def stop_all_and_delete_all(cortecs: Any) -> None:
    assert cortecs.stop_all() is None
    assert cortecs.delete_all() == []
    one, two = (cortecs.start(QWEN, poll=False).instance_id for _ in range(2))
    assert set(cortecs.stop_all()) == {one, two}
    three = cortecs.start(QWEN, poll=False).instance_id
    assert set(cortecs.delete_all()) == {one, two}
    assert [instance.instance_id for instance in cortecs.get_all_instances()] == [three]
    assert cortecs.delete_all(force=True) == [three]
    assert cortecs.get_all_instances() == []
    assert control.ledger().open == ()


def delete_wants_a_stop_first_and_then_takes_it_at_once(cortecs: Any) -> None:
    instance_id = cortecs.start(QWEN, **FAST).instance_id
    refused(cortecs.delete, instance_id, status=400)
    cortecs.stop(instance_id)
    assert cortecs.delete(instance_id) == instance_id
    refused(cortecs.delete, instance_id, status=404)


def the_market_can_be_read_without_credentials(cortecs: Any) -> None:
    stranger = Recorded(client_id="nobody", client_secret="nothing")
    models = {model.model_id: model for model in stranger.get_all_models()}
    assert models["Qwen--Qwen2-7B-Instruct"].hf_name == QWEN
    assert "NVIDIA_L4_1" in models["Qwen--Qwen2-7B-Instruct"].hardware_configs
    priced = {
        hardware_type.hardware_type_id: hardware_type.price_info for hardware_type in stranger.get_all_hardware_types()
    }
    assert priced["NVIDIA_L4_1"] == {"price_per_hour": 1.2, "price_per_minute": 0.02, "currency": "EUR"}
    control.set_available("NVIDIA_L4_1", False)
    available = {hardware_type.hardware_type_id for hardware_type in stranger.get_available_hardware_types()}
    assert available == set(priced) - {"NVIDIA_L4_1"}
    refused(stranger.get_all_instances, status=401)
    assert cortecs.get_all_instances() == []


def a_token_is_used_until_it_expires(cortecs: Any) -> None:
    tokens = "POST /api/v1/oauth2/token"
    for _ in range(3):
        cortecs.get_all_instances()
    assert control.requests().count(tokens) == 1
    control.expire_tokens()
    refused(cortecs.get_all_instances, status=401)  # this client never asks for another on its own
    now = time.time()
    control.settings(token_ttl_real_seconds=60)
    short = Recorded()
    for seconds, asked in ((0, 2), (50, 2), (61, 3)):  # by the client's clock
        with mock.patch("time.time", return_value=now + seconds):
            short.get_all_instances()
        assert control.requests().count(tokens) == asked


def a_request_without_a_token_is_refused(cortecs: Any) -> None:
    refused(cortecs._get, "/instances/", auth_required=False, status=401)
    assert cortecs._get("/instances", auth_required=True) == {"instances": []}


SCENARIOS = [
    start_waits_until_running,
    start_takes_every_argument,
    a_start_that_cannot_be_is_refused,
    a_stuck_boot_times_out_and_goes_on_billing,
    a_boot_stopped_from_outside_is_an_error,
    stop_is_done_at_once_and_restart_runs_again,
    states_can_be_asked_for,
    ensure_takes_what_is_there,
    ensure_restarts_what_is_stopped,
    stop_all_and_delete_all,
    delete_wants_a_stop_first_and_then_takes_it_at_once,
    the_market_can_be_read_without_credentials,
    a_token_is_used_until_it_expires,
    a_request_without_a_token_is_refused,
]


def every_public_method_was_called() -> None:
    """New methods of a new version must not go unnoticed."""
    public = {name for name, _ in inspect.getmembers(Cortecs, inspect.isfunction) if not name.startswith("_")}
    assert public <= called, f"never called: {sorted(public - called)}"


def main() -> int:
    """Runs all scenarios, each from an empty cloud."""
    failed = 0
    for scenario in [*SCENARIOS, None]:
        control.reset(seed=1)
        name = scenario.__name__ if scenario else every_public_method_was_called.__name__
        try:
            scenario(Recorded()) if scenario else every_public_method_was_called()
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}")
        else:
            print(f"ok {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    with control:
        sys.exit(main())
