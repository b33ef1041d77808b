"""Read: drift shows through the inputs, and gone is what good answers of the same account say is gone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import QWEN, bought
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.proxy import Answer, Proxy, Sent

LIST = "GET /api/v1/instances"
StartHost = Callable[..., Host]
_SDK = tuple(int(part) for part in version("pulumi").split(".")[:2])
GETTABLE = pytest.mark.skipif(_SDK < (3, 268), reason="older hosts look for a provider in recorded outputs only")


@pytest.fixture
def made(simulator: Simulator) -> Made:
    """An instance that an earlier `up` bought."""
    return bought(simulator, restart_trigger="one")


@pytest.fixture
def refreshing(start_host: StartHost) -> Host:
    """The process of a later refresh."""
    return start_host()


def _inputs(made: Made) -> dict[str, Any]:
    return {key: value for key, value in made.outs.items() if key not in ("instance_id", "account", "expires_at")}


def test_what_is_stopped_reads_as_stopped(made: Made, refreshing: Host, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    read = refreshing.instance("chat").read(made)
    assert read.inputs == {**_inputs(made), "state": "stopped"}
    assert read.outs == {**made.outs, "state": "stopped"}


def test_a_moved_price_is_no_drift(made: Made, refreshing: Host, simulator: Simulator) -> None:
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    simulator.control.withdraw_model("Qwen--Qwen2-7B-Instruct")
    assert refreshing.instance("chat").read(made) == Made(made.id, made.outs, _inputs(made))


def test_all_reads_of_a_refresh_share_one_list(start_host: StartHost, simulator: Simulator) -> None:
    made = [bought(simulator) for _ in range(5)]
    refreshing, before = start_host(), simulator.control.requests().count(LIST)
    assert [refreshing.instance(f"n{n}").read(instance).id for n, instance in enumerate(made)] == [
        instance.id for instance in made
    ]
    assert simulator.control.requests().count(LIST) - before == 1


@pytest.mark.parametrize("exists", [True, False])
def test_refused_credentials_never_make_anything_gone(
    made: Made, refreshing: Host, simulator: Simulator, exists: bool
) -> None:
    if not exists:
        simulator.control.vanish(made.id)
    simulator.control.register("sim", "another secret", "sim")
    with pytest.raises(CallFailedError, match=r"the state stays as it was: .* 401"):
        refreshing.instance("chat").read(made)


def test_rubbish_by_id_never_makes_anything_gone(made: Made, start_host: StartHost, proxy: Proxy) -> None:
    def hidden_and_rubbish(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.path.endswith(made.id):
            return Answer(200, {"instance": None})
        return Answer(200, {"instances": []}) if sent.path == "/instances/" else pass_on()

    proxy.rewrite = hidden_and_rubbish
    with pytest.raises(CallFailedError, match=r"the state stays as it was: .*in an undocumented form"):
        start_host(proxy.env(), before=IMPATIENT).instance("chat").read(made)


def test_without_credentials_the_state_stays(made: Made, start_host: StartHost) -> None:
    blind = start_host({"CORTECS_CLIENT_ID": "", "CORTECS_CLIENT_SECRET": ""})
    with pytest.raises(CallFailedError, match="the state stays as it was: no Cortecs credentials"):
        blind.instance("chat").read(made)


@pytest.mark.parametrize("exists", [True, False])
def test_another_account_never_makes_anything_gone(
    made: Made, start_host: StartHost, simulator: Simulator, exists: bool
) -> None:
    if not exists:
        simulator.control.vanish(made.id)
    simulator.control.register("somebody", "else", "somebody")
    other = start_host({"CORTECS_CLIENT_ID": "somebody", "CORTECS_CLIENT_SECRET": "else"})
    with pytest.raises(CallFailedError) as failed:
        other.instance("chat").read(made)
    assert made.outs["account"] in str(failed.value)
    assert "do not show it: use the credentials of its account" in str(failed.value)


def test_a_rotated_key_of_the_same_account_goes_on(made: Made, start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.register("rotated", "key", "sim")
    rotated = start_host({"CORTECS_CLIENT_ID": "rotated", "CORTECS_CLIENT_SECRET": "key"}).instance("chat")
    read = rotated.read(made)
    assert read.id == made.id
    assert read.outs["account"] != made.outs["account"]
    assert {**read.outs, "account": None} == {**made.outs, "account": None}
    rotated.delete(read)
    assert simulator.control.instances() == ()


@GETTABLE
@pytest.mark.parametrize("stopped", [False, True])
def test_get_finds_out_everything_by_itself(made: Made, refreshing: Host, simulator: Simulator, stopped: bool) -> None:
    if stopped:
        simulator.control.stop(made.id)
    got = refreshing.instance("found").get(made.id, {"model_id": QWEN})
    wanted = {**made.outs, "restart_trigger": "", "state": "stopped" if stopped else "running"}
    assert (got.id, got.outs) == (made.id, wanted)


@GETTABLE
def test_get_of_what_does_not_exist_is_an_error(host: Host) -> None:
    with pytest.raises(CallFailedError, match="Cortecs instance 'no-such-id' does not exist in this account"):
        host.instance().get("no-such-id", {"model_id": QWEN})


@GETTABLE
def test_get_works_for_hardware_that_is_not_offered_any_more(
    made: Made, refreshing: Host, simulator: Simulator
) -> None:
    simulator.control.withdraw_hardware("NVIDIA_L4_1")
    got = refreshing.instance("found").get(made.id, {"model_id": QWEN})
    assert set(got.outs) == set(made.outs)


def test_a_model_spelled_with_a_slash_is_the_same_model(made: Made, start_host: StartHost, proxy: Proxy) -> None:
    def spelled_otherwise(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body.get("instances", []):
            row["instance_args"]["model_id"] = QWEN
        return answer

    proxy.rewrite = spelled_otherwise
    read = start_host(proxy.env()).instance("chat").read(made)
    assert read.inputs == _inputs(made)


def test_what_the_vendor_does_not_tell_stays_as_recorded(made: Made, start_host: StartHost, proxy: Proxy) -> None:
    # the vendor's own examples omit the workers
    def forgetful(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body.get("instances", []):
            row["instance_args"] = {"model_id": "Qwen--Qwen2-7B-Instruct", "context_length": None}
        return answer

    proxy.rewrite = forgetful
    read = start_host(proxy.env()).instance("chat").read(made)
    assert read.inputs == _inputs(made)


def _with_status(word: str) -> Callable[[Sent, Callable[[], Answer]], Answer]:
    def rewrite(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if isinstance(answer.body, dict):
            for row in [*answer.body.get("instances", []), answer.body.get("instance")]:
                if row:
                    row["instance_status"]["status"] = word
        return answer

    return rewrite


@pytest.mark.parametrize("resource", ["instance", "endpoint"])
def test_a_status_that_nobody_knows_is_an_error_that_shows_the_word(
    made: Made, start_host: StartHost, proxy: Proxy, resource: str
) -> None:
    proxy.rewrite = _with_status("hibernating")
    reading = getattr(start_host(proxy.env()), resource)("chat")
    recorded = made if resource == "instance" else Made("some-id", {"instance_id": made.id, "state": "running"})
    with pytest.raises(CallFailedError, match=r"so the state stays as it was: .*'hibernating'; known are"):
        reading.read(recorded)


WAITED_FOR: dict[str, Any] = {"state": "running", "spec_digest": "", "ready_timeout": 20}


def test_an_endpoint_reads_as_it_was(made: Made, host: Host, refreshing: Host) -> None:
    waited = host.endpoint("chat").create({**WAITED_FOR, "instance_id": made.id})
    read = refreshing.endpoint("chat").read(waited)
    assert read == Made(waited.id, waited.outs, {**WAITED_FOR, "instance_id": made.id})


def test_an_endpoint_of_a_stopped_instance_reads_as_stopped(
    made: Made, host: Host, refreshing: Host, simulator: Simulator
) -> None:
    waited = host.endpoint("chat").create({**WAITED_FOR, "instance_id": made.id})
    simulator.control.stop(made.id)
    read = refreshing.endpoint("chat").read(waited)
    assert read.inputs == {**WAITED_FOR, "instance_id": made.id, "state": "stopped"}
    assert (read.outs["state"], read.outs["status"], read.outs["base_url"]) == ("stopped", "stopped", "")
    assert read.outs["stopped_at"].endswith("Z")


def test_an_endpoint_in_the_middle_of_a_boot_reads_as_pending(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    made = bought(simulator)
    read = host.endpoint("slow").read(Made("some-id", {**WAITED_FOR, "instance_id": made.id}))
    assert (read.outs["state"], read.outs["status"], read.outs["base_url"]) == ("running", "pending", "")


def test_an_endpoint_is_gone_with_its_instance(made: Made, host: Host, simulator: Simulator) -> None:
    simulator.control.vanish(made.id)
    read = host.endpoint("chat").read(Made("some-id", {**WAITED_FOR, "instance_id": made.id}))
    assert (read.id, read.outs) == ("", {})


def test_an_address_that_a_stopped_instance_still_shows_is_not_passed_on(
    made: Made, start_host: StartHost, simulator: Simulator, proxy: Proxy
) -> None:
    def keeps_its_address(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body.get("instances", []):
            row["base_url"] = "http://127.0.0.1/serve/v1"
        return answer

    simulator.control.stop(made.id)
    proxy.rewrite = keeps_its_address
    read = start_host(proxy.env()).endpoint("chat").read(Made("some-id", {**WAITED_FOR, "instance_id": made.id}))
    assert (read.outs["status"], read.outs["base_url"]) == ("stopped", "")
