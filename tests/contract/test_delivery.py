"""The arguments of an instance that a vendor reports are compared with the ordered ones, and judged under its id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids, machine_limits
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.proxy import Answer, Proxy, Sent

StartHost = Callable[..., Host]
STOP, RESTART = "POST /api/v1/instances/stop", "POST /api/v1/instances/restart"
OTHER: list[dict[str, Any]] = [
    {"hardware_type_id": "NVIDIA_L4_2"},
    {"num_workers": 2},
    {"model_id": "microsoft/phi-4"},
    {"context_length": 1000},
    {"billing_interval": "per_hour"},
]
"""What may come instead of what was ordered."""


def _instead(proxy: Proxy, came: dict[str, Any]) -> None:
    """Makes the vendor report other arguments than were ordered."""

    def rewrite(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if isinstance(answer.body, dict):
            for row in [*answer.body.get("instances", []), answer.body.get("instance")]:
                if row:
                    row["instance_args"].update(came)
        return answer

    proxy.rewrite = rewrite


@pytest.mark.parametrize("came", OTHER, ids=lambda came: next(iter(came)))
def test_what_came_instead_gets_into_the_state_and_is_said_with_both(
    start_host: StartHost, proxy: Proxy, simulator: Simulator, engine: FakeEngine, came: dict[str, Any]
) -> None:
    _instead(proxy, came)
    resource = start_host(proxy.env(), engine=engine.address, before=IMPATIENT).instance("chat")
    made = resource.buy({"model_id": QWEN})
    assert ids(simulator) == [made.id]
    ((key, value),) = came.items()
    assert made.outs[key] == INPUTS[key]  # else the next `up` would replace it by itself
    (warning,) = engine.notes
    shown = value.replace("/", "--") if isinstance(value, str) else value
    ordered = QWEN if key == "model_id" else INPUTS[key]  # as the program writes it
    assert warning.startswith(
        f"{made.id} is not what was ordered: {key} {ordered!r} was ordered, {shown!r} was delivered. It exists "
        "and costs "
    )
    assert f"`pulumi up --replace {resource.urn}` orders it again" in warning


def test_what_came_is_judged_by_the_limits(
    start_host: StartHost, proxy: Proxy, engine: FakeEngine, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.json"
    believed = {"allowed_base_urls": [proxy.env()["CORTECS_API_BASE_URL"]]}
    allowed = {"allowed_hardware": ["NVIDIA_L4_1"], "instance_hourly_cap": "2.00 EUR"}
    limits.write_text(machine_limits(proxy.simulator, **allowed, **believed))
    _instead(proxy, {"hardware_type_id": "NVIDIA_L4_2"})
    env = {**proxy.env(), "PULUMI_CORTECS_LIMITS": str(limits)}
    made = start_host(env, engine=engine.address, before=IMPATIENT).instance().buy({"model_id": QWEN})
    (warning,) = engine.notes
    assert "It exists and costs 2.40 EUR/h, which the limits do not allow: NVIDIA_L4_2 is not allowed by" in warning
    assert "the cap per instance is 2.00 EUR" in warning
    assert made.id


def test_an_error_while_a_purchase_is_judged_keeps_no_id_out_of_the_state(
    start_host: StartHost, proxy: Proxy, simulator: Simulator, engine: FakeEngine, tmp_path: Path
) -> None:
    _instead(proxy, {"hardware_type_id": "NVIDIA_L4_2"})
    fails = "import pulumi_cortecs.provider.accounts as m\ndef f(kind, inputs): raise KeyError('odd')\n"
    before = f"{IMPATIENT}\n{fails}m.hourly_price = f"
    made = start_host(proxy.env(), engine=engine.address, before=before).instance().buy({"model_id": QWEN})
    assert ids(simulator) == [made.id]
    (warning,) = engine.notes
    assert "It exists and may be billed (its price and the limits of this machine were not checked: 'odd')" in warning


def test_an_unreadable_answer_keeps_no_id_out_of_the_state(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    fails = "import pulumi_cortecs.cortecs.cloud as m\ndef f(self, instance): raise KeyError('odd')\n"
    before = f"{IMPATIENT}\n{fails}m.CortecsCloud.reported_inputs = f"
    made = start_host(engine=engine.address, before=before).instance().buy({"model_id": QWEN})
    assert ids(simulator) == [made.id]
    assert engine.notes == [f"{made.id} was bought, but Cortecs' description of it could not be read: 'odd'"]


@pytest.mark.parametrize("later", [False, True], ids=["in the same up", "in a later up"])
def test_what_came_instead_is_not_waited_for(
    start_host: StartHost, proxy: Proxy, simulator: Simulator, later: bool
) -> None:
    simulator.control.pause()
    try:
        _instead(proxy, {"hardware_type_id": "NVIDIA_L4_2", "num_workers": 2})
        host = start_host(proxy.env(), before=IMPATIENT)
        resource = host.instance("chat")
        made = resource.buy({"model_id": QWEN})
        if later:
            host = start_host(proxy.env(), before=IMPATIENT)
            assert host.instance("chat").diff(made.outs, INPUTS, made.id).changes is False
        wanted = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20}
        with pytest.raises(CallFailedError) as failed:
            host.endpoint("chat").create(wanted)
    finally:
        simulator.control.resume()
    assert failed.value.text == (
        f"{made.id} is not what was ordered, so the Endpoint does not wait for it: hardware_type_id 'NVIDIA_L4_1' "
        "was ordered, "
        "'NVIDIA_L4_2' was delivered; num_workers 1 was ordered, 2 was delivered. It exists and costs 4.80 EUR/h. "
        f"`pulumi up --replace {resource.urn}` orders it again and deletes this one, `pulumi destroy` deletes it"
    )


def test_what_the_vendor_does_not_tell_is_no_difference(
    start_host: StartHost, proxy: Proxy, engine: FakeEngine
) -> None:
    _instead(proxy, {"num_workers": None, "context_length": None, "model_id": QWEN})
    start_host(proxy.env(), engine=engine.address, before=IMPATIENT).instance().buy({"model_id": QWEN})
    assert engine.notes == []


def forged(simulator: Simulator) -> Made:
    """A state, which its author can write, says that a big machine is the usual small one."""
    made = bought(simulator, hardware_type_id="NVIDIA_L40S_1")
    return Made(made.id, {**INPUTS, **{key: made.outs[key] for key in ("instance_id", "account")}})


def test_what_is_not_what_was_judged_is_not_started(host: Host, simulator: Simulator) -> None:
    made = forged(simulator)
    simulator.control.stop(made.id)
    stopped = Made(made.id, {**made.outs, "state": "stopped"})
    with pytest.raises(CallFailedError, match="'NVIDIA_L4_1' was reviewed, Cortecs reports 'NVIDIA_L40S_1'"):
        host.instance().update(stopped, INPUTS)
    assert simulator.control.requests().count(RESTART) == 0


def test_what_is_not_what_was_judged_is_not_restarted(host: Host, simulator: Simulator) -> None:
    made = forged(simulator)
    with pytest.raises(CallFailedError, match=r"nothing was started: .* Cortecs reports 'NVIDIA_L40S_1'"):
        host.instance().update(made, {**INPUTS, "restart_trigger": "now"})
    assert simulator.control.requests().count(STOP) == 0
    assert len(simulator.control.ledger().open) == 1


def test_what_is_not_what_the_state_says_can_be_stopped(host: Host, simulator: Simulator) -> None:
    host.instance().update(forged(simulator), {**INPUTS, "state": "stopped"})
    assert simulator.control.ledger().open == ()


def test_a_purchase_unlike_the_state_is_ended_without_one_more_request(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    host, honest = start_host(engine=engine.address), bought(simulator)

    def requests_of(made: Made) -> int:
        before = simulator.control.requests()
        host.instance().delete(made)
        after = simulator.control.requests()
        return sum(after.counts.values()) - sum(before.counts.values())

    requests_of(honest)  # with the token
    usual = requests_of(bought(simulator))
    message_count = len(engine.notes)
    made = forged(simulator)
    assert requests_of(made) <= usual
    assert ids(simulator) == []
    assert engine.notes[message_count:] == [
        f"{made.id}, which is deleted here, differed from the state: hardware_type_id is 'NVIDIA_L40S_1', not "
        "'NVIDIA_L4_1'"
    ]


def test_an_adopted_one_is_judged_by_the_limits_as_what_it_is(
    start_host: StartHost, simulator: Simulator, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text(machine_limits(simulator, allowed_hardware=["NVIDIA_L4_1"]))
    made = bought(simulator, hardware_type_id="NVIDIA_L40S_1")
    resource = start_host({"PULUMI_CORTECS_LIMITS": str(limits)}).instance()
    with pytest.raises(CallFailedError, match="is not what the plan showed, so it was not adopted: hardware_type_id"):
        resource.create({**INPUTS, "adopt_id": made.id})
    with pytest.raises(CallFailedError, match="NVIDIA_L40S_1 is not allowed"):
        resource.create({**INPUTS, "hardware_type_id": "NVIDIA_L40S_1", "adopt_id": made.id})
