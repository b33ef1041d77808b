"""Create: one purchase per call, whatever happens to the answer, and an id at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, ids
from tests.contract.host import IMPATIENT, CallFailedError, Host
from tests.contract.patience import until
from tests.contract.proxy import Answer, Proxy, Sent

START = "POST /api/v1/instances/start"
ARGUMENTS: dict[str, Any] = {
    "model_id": "Qwen--Qwen2-7B-Instruct",
    "hardware_type_id": "NVIDIA_L4_2",
    "context_length": 4096,
    "billing_interval": "per_hour",
    "num_workers": 2,
    "restart_trigger": "one",
}


def test_outputs_are_the_inputs_with_id_and_account(host: Host, simulator: Simulator) -> None:
    resource = host.instance()
    inputs = resource.check(ARGUMENTS).inputs
    made = resource.create(inputs)
    account = made.outs.pop("account")
    assert account.startswith("cortecs:")
    purchase_labels = {"stack": "test", "project": "tests"}
    assert made.outs == {**inputs, "instance_id": made.id, "purchase_labels": purchase_labels}
    (instance,) = simulator.control.instances()
    assert instance.instance_id == made.id
    bought = {key: getattr(instance, key) for key in ARGUMENTS if key != "restart_trigger"}
    assert bought == {key: value for key, value in ARGUMENTS.items() if key != "restart_trigger"}


def test_the_order_is_sent_as_the_vendor_documents_it(start_host: Callable[..., Host], proxy: Proxy) -> None:
    host = start_host(proxy.env())
    host.instance().buy(ARGUMENTS)
    (body,) = proxy.bodies("/instances/start")
    assert body == {key: value for key, value in ARGUMENTS.items() if key != "restart_trigger"}
    assert [type(body[key]) for key in ("context_length", "num_workers")] == [int, int]


def test_an_expired_token_is_renewed_and_one_instance_bought(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("token_expiry", path="/instances/start", count=1)
    made = host.instance().buy({"model_id": QWEN})
    assert ids(simulator) == [made.id]


def test_what_sold_out_since_the_check_is_refused_in_the_vendors_words(host: Host, simulator: Simulator) -> None:
    resource = host.instance()
    simulator.control.set_available("NVIDIA_L4_1", False)
    with pytest.raises(
        CallFailedError, match=r"'NVIDIA_L4_1' is not available at the moment; nothing new is listed so far"
    ):
        resource.create(INPUTS)
    assert ids(simulator) == []


def test_refused_credentials_buy_nothing(start_host: Callable[..., Host], simulator: Simulator) -> None:
    host = start_host({"CORTECS_CLIENT_SECRET": "not-the-secret"})
    with pytest.raises(CallFailedError, match=r"^nothing was bought: .* 401: The client credentials are not valid"):
        host.instance().buy({"model_id": QWEN})
    assert ids(simulator) == []


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (("CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET"), "no Cortecs credentials: set CORTECS_CLIENT_ID"),
        (("CORTECS_CLIENT_ID",), "CORTECS_CLIENT_ID is not set"),
        (("CORTECS_CLIENT_SECRET",), "CORTECS_CLIENT_SECRET is not set"),
    ],
)
def test_without_credentials_a_preview_works_and_create_refuses(
    start_host: Callable[..., Host], simulator: Simulator, missing: tuple[str, ...], message: str
) -> None:
    resource = start_host(dict.fromkeys(missing, "")).instance()
    checked = resource.check({"model_id": QWEN})
    assert checked.failures == ()
    with pytest.raises(CallFailedError, match=f"^nothing was bought: .*{message}"):
        resource.create(checked.inputs)
    assert ids(simulator) == []


def test_a_vendor_that_cannot_be_reached_sells_nothing(start_host: Callable[..., Host]) -> None:
    host = start_host({"CORTECS_API_BASE_URL": "http://127.0.0.1:1/api/v1"}, before=IMPATIENT)
    with pytest.raises(CallFailedError, match=r"^nothing was bought: .*Cortecs at \S+ cannot be reached"):
        host.instance().create(INPUTS)


def test_when_it_cannot_be_told_whether_something_was_bought_it_is_said(
    start_host: Callable[..., Host], simulator: Simulator, proxy: Proxy
) -> None:
    def credentials_are_withdrawn_behind_the_order(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if sent.path == "/instances/start":
            simulator.control.register("sim", "another secret", "sim")
            simulator.control.expire_tokens()
            return Answer(500, {"error": "no idea"})
        return answer

    proxy.rewrite = credentials_are_withdrawn_behind_the_order
    with pytest.raises(CallFailedError) as failed:
        start_host(proxy.env()).instance().buy({"model_id": QWEN})
    simulator.control.register("sim", "sim", "sim")
    assert "it is unknown whether an instance was bought" in str(failed.value)
    assert "it searches for the instance before it buys anything" in str(failed.value)
    assert len(ids(simulator)) == 1


def test_a_create_whose_caller_is_gone_undoes_its_purchase(
    start_host: Callable[..., Host], simulator: Simulator, proxy: Proxy
) -> None:
    host = start_host(proxy.env())
    with proxy.holding("/instances/start") as until_bought:
        call = host.stub.Create.future(host.instance().create_request(INPUTS))
        until_bought()
        assert len(ids(simulator)) == 1
        host.sees_the_end_of(call)
    until(lambda: ids(simulator) == [])
    ledger = simulator.control.ledger()
    assert len(ledger.entries) == 1
    assert ledger.open == ()


def test_a_create_whose_caller_is_gone_before_the_order_sends_none(
    start_host: Callable[..., Host], simulator: Simulator, proxy: Proxy
) -> None:
    host = start_host(proxy.env())
    with proxy.holding("/instances/") as until_listed:
        call = host.stub.Create.future(host.instance().create_request(INPUTS))
        until_listed()
        host.sees_the_end_of(call)
    # when this one is done, the other, which began before it, would have sent its order, too
    host.instance("another").create(INPUTS)
    assert simulator.control.requests().count(START) == 1


def test_calls_that_queue_behind_others_are_not_taken_for_gone(host: Host, simulator: Simulator) -> None:
    # the host serves four calls at a time
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=0.3)
    calls = [host.stub.Create.future(host.instance().create_request(INPUTS), timeout=20) for _ in range(9)]
    assert len({call.result().id for call in calls}) == len(ids(simulator)) == 9


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"state": "stopped"}, "a new instance is always booted"),
        ({"num_workers": 1.5}, "num_workers must be a whole number"),
        ({"num_workers": 9}, "num_workers must be 1..8"),
        ({"context_length": "8"}, "context_length must be a whole number"),
        ({"billing_interval": "per_day"}, "billing_interval must be per_minute or per_hour"),
        ({"hardware_type_id": None}, "hardware_type_id is missing"),
        ({"quote": None}, "quote is missing"),
        ({"colour": "red"}, "colour is not an argument"),
    ],
)
def test_create_buys_only_what_a_check_can_have_come_to(
    host: Host, simulator: Simulator, changed: dict[str, Any], message: str
) -> None:
    # a policy's remediation comes after check, and on a new resource nothing else looks at what it made
    inputs = {**INPUTS, **changed}
    with pytest.raises(CallFailedError, match=f"^refused.*{message}"):
        host.instance().create({key: value for key, value in inputs.items() if value is not None})
    assert simulator.control.requests().count(START) == 0


@pytest.mark.parametrize(
    ("remediated", "quote"),
    [
        ({"hardware_type_id": "NVIDIA_L4_1"}, ("1.20", "1.20")),
        ({"num_workers": 2}, ("2.10", "4.20")),
        ({"hardware_type_id": "NVIDIA_L4_2", "billing_interval": "per_hour"}, ("2.40", "2.40")),
    ],
)
def test_a_new_resource_changed_by_a_policy_is_quoted_as_it_is_bought(
    host: Host, remediated: dict[str, Any], quote: tuple[str, str]
) -> None:
    resource = host.instance()
    checked = resource.check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1"})
    assert checked.inputs["quote"]["hourly_total"] == "2.10"
    made = resource.create({**checked.inputs, **remediated})
    assert (made.outs["quote"]["price_per_hour"], made.outs["quote"]["hourly_total"]) == quote


def test_a_new_resource_changed_by_a_policy_is_not_bought_without_a_price(
    start_host: Callable[..., Host], simulator: Simulator
) -> None:
    simulator.control.withdraw_hardware("NVIDIA_L4_1")
    resource = start_host().instance()
    checked = resource.check({"model_id": QWEN, "hardware_type_id": "NVIDIA_L40S_1"})
    with pytest.raises(CallFailedError, match=r"^nothing was bought: Cortecs has no price for NVIDIA_L4_1"):
        resource.create({**checked.inputs, "hardware_type_id": "NVIDIA_L4_1"})
    assert simulator.control.requests().count(START) == 0


def test_the_price_is_asked_for_once_more_before_the_order(
    start_host: Callable[..., Host], simulator: Simulator
) -> None:
    resource = start_host().instance()
    checked = resource.check({"model_id": QWEN})
    before = simulator.control.requests().count("GET /api/v1/hardware-types")
    assert resource.create(checked.inputs).outs["quote"] == checked.inputs["quote"]
    assert simulator.control.requests().count("GET /api/v1/hardware-types") == before + 1
    resource.buy({"model_id": QWEN})
    assert simulator.control.requests().count("GET /api/v1/hardware-types") == before + 1  # one list serves both


def test_credentials_may_come_from_the_stacks_configuration(
    start_host: Callable[..., Host], simulator: Simulator
) -> None:
    host = start_host(dict.fromkeys(simulator.env(), ""))
    config = {"clientId": "sim", "clientSecret": "sim", "apiBaseUrl": simulator.base_url}
    host.configure({f"cortecs:{key}": value for key, value in config.items()})
    made = host.instance().buy({"model_id": QWEN})
    assert ids(simulator) == [made.id]


def test_url_from_the_environment_and_key_from_the_stack_is_refused(
    start_host: Callable[..., Host], simulator: Simulator
) -> None:
    host = start_host({"CORTECS_CLIENT_ID": "", "CORTECS_CLIENT_SECRET": ""})
    host.configure({"cortecs:clientId": "sim", "cortecs:clientSecret": "sim"})
    with pytest.raises(CallFailedError, match="take both from one place"):
        host.instance().buy({"model_id": QWEN})
    assert ids(simulator) == []
