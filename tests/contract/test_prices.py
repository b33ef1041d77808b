"""What is shown is what is bought: prices that move between a preview, its `up`, and the order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.simulator import Simulator
from tests.clouds.gcore import GCORE
from tests.contract.bought import QWEN, ids
from tests.contract.engine import FakeEngine
from tests.contract.host import CallFailedError, Host, Made, Resource
from tests.contract.proxy import Answer, Proxy, Sent

L4 = "NVIDIA_L4_1"
LIST = "GET /api/v1/hardware-types"
StartHost = Callable[..., Host]


@pytest.fixture
def new_process(start_host: StartHost, tmp_path: Path, engine: FakeEngine) -> Callable[[], Host]:
    """Starts another process with the same state directory, as each command of the CLI does."""
    return lambda: start_host({"PULUMI_CORTECS_STATE_DIR": str(tmp_path)}, engine=engine.address)


def _preview(host: Host, **arguments: object) -> None:
    assert host.instance("chat").check({"model_id": QWEN, **arguments}).failures == ()


def test_a_price_that_rose_since_the_preview_is_refused_and_taken_as_shown_from_then_on(
    new_process: Callable[[], Host], simulator: Simulator
) -> None:
    _preview(new_process())
    simulator.control.reprice(L4, "1.50")
    with pytest.raises(CallFailedError) as failed:
        new_process().instance("chat").buy({"model_id": QWEN})
    assert str(failed.value.text).startswith("nothing was bought: its price rose: 1.20 EUR/h was shown at 20")
    assert "and now it is 1.50 EUR/h; price_tolerance allows 0 %" in str(failed.value.text)
    assert ids(simulator) == []
    made = new_process().instance("chat").buy({"model_id": QWEN})
    assert made.outs["quote"]["hourly_total"] == "1.50"


def test_a_rise_within_the_tolerance_and_a_fall_are_bought_and_reported(
    new_process: Callable[[], Host], simulator: Simulator, engine: FakeEngine
) -> None:
    for price, tolerance in (("1.32", 10), ("0.90", 0)):
        simulator.control.reprice(L4, "1.20")
        name, program = f"chat-{price}", {"model_id": QWEN, "price_tolerance": tolerance}
        assert new_process().instance(name).check(program).failures == ()
        simulator.control.reprice(L4, price)
        made = new_process().instance(name).buy(program)
        assert made.outs["quote"]["hourly_total"] == price
        (line,) = [message for message in engine.messages if "was shown at" in message]
        assert line.startswith(f"the price is {price} EUR/h now; 1.20 EUR/h was shown at 20")
        engine.lines.clear()


def test_without_a_preview_the_price_of_this_runs_check_counts(
    new_process: Callable[[], Host], simulator: Simulator
) -> None:
    resource = new_process().instance("chat")
    checked = resource.check({"model_id": QWEN})
    simulator.control.reprice(L4, "1.50")
    with pytest.raises(CallFailedError, match=r"1.20 EUR/h was shown, and now it is 1.50 EUR/h"):
        resource.create(checked.inputs)


def test_the_preview_of_other_arguments_or_another_resource_does_not_count(
    new_process: Callable[[], Host], simulator: Simulator
) -> None:
    host = new_process()
    _preview(host, context_length=1000)
    assert host.instance("other").check({"model_id": QWEN}).failures == ()
    simulator.control.reprice(L4, "1.50")
    assert new_process().instance("chat").buy({"model_id": QWEN}).outs["quote"]["hourly_total"] == "1.50"


def test_a_refusal_of_one_leaves_the_others(new_process: Callable[[], Host], simulator: Simulator) -> None:
    host = new_process()
    _preview(host)
    simulator.control.reprice(L4, "1.50")
    host = new_process()
    with pytest.raises(CallFailedError):
        host.instance("chat").buy({"model_id": QWEN})
    assert host.instance("another").buy({"model_id": QWEN}).id in ids(simulator)


def test_max_price_refuses_in_the_preview_and_at_the_order(
    new_process: Callable[[], Host], simulator: Simulator
) -> None:
    resource = new_process().instance("chat")
    (reason,) = resource.check({"model_id": QWEN, "max_price": "1.10 EUR"}).reasons("max_price")
    assert reason == "is 1.10 EUR, and the price is 1.20 EUR/h; raise it, or choose other hardware"
    (reason,) = resource.check({"model_id": QWEN, "max_price": "9 USD"}).reasons("max_price")
    assert "the price is in EUR" in reason
    checked = resource.check({"model_id": QWEN, "max_price": "1.30 EUR", "price_tolerance": 100})
    simulator.control.reprice(L4, "1.50")
    with pytest.raises(CallFailedError, match=r"max_price is 1.30 EUR, and the price is 1.50 EUR/h"):
        resource.create(checked.inputs)
    assert ids(simulator) == []


def test_one_list_of_prices_serves_all_orders_of_five_seconds(
    new_process: Callable[[], Host], simulator: Simulator
) -> None:
    host = new_process()
    checked = [host.instance().check({"model_id": QWEN}).inputs for _ in range(5)]
    before = simulator.control.requests().count(LIST)
    for inputs in checked:
        host.instance().create(inputs)
    assert simulator.control.requests().count(LIST) == before + 1


def test_a_price_that_moves_between_the_question_and_the_order_is_noticed_in_the_wait(
    start_host: StartHost, simulator: Simulator, proxy: Proxy, engine: FakeEngine
) -> None:
    def moving(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.path == "/instances/start":
            simulator.control.reprice(L4, "1.80")
        return pass_on()

    proxy.rewrite = moving
    host = start_host(proxy.env(), engine=engine.address)
    made = host.instance("chat").buy({"model_id": QWEN})
    wanted = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20}
    outs = host.endpoint("chat").create(wanted).outs
    assert outs["price_difference"] == "quoted 1.20 EUR/h, Cortecs' price is 1.80 EUR/h"
    assert f"the price of {made.id} differs: {outs['price_difference']}" in engine.messages
    again = host.endpoint("chat").update(Made("some-id", outs), {**wanted, "ready_timeout": 30})
    assert again.outs["price_difference"] == outs["price_difference"]


def test_what_runs_does_not_see_a_moved_price(new_process: Callable[[], Host], simulator: Simulator) -> None:
    host = new_process()
    made = host.instance("chat").buy({"model_id": QWEN})
    simulator.control.reprice(L4, "9.60")
    before = simulator.control.requests()
    host = new_process()
    inputs = {key: value for key, value in made.outs.items() if key not in ("instance_id", "account")}
    checked = host.instance("chat").check({"model_id": QWEN, "max_price": "1.20 EUR"}, inputs)
    assert checked.failures == ()
    assert host.instance("chat").diff(made.outs, checked.inputs, made.id).changes is False
    assert simulator.control.requests() == before


def test_the_row_says_the_price_and_what_a_change_makes_of_it(
    new_process: Callable[[], Host], simulator: Simulator, engine: FakeEngine
) -> None:
    resource = new_process().instance("chat")
    program = {"model_id": QWEN}
    olds = resource.check(program).inputs
    for changed in (
        program,
        {**program, "num_workers": 2},
        {**program, "context_length": 8000},
        {**program, "ttl": "8h"},
    ):
        resource.check(changed, olds)
    resource.check({**program, "state": "stopped"}, olds)
    resource.check(program, {**olds, "state": "stopped"})
    rows = [line.message for line in engine.lines if line.ephemeral]
    assert rows == [
        "1.20 EUR/h",
        "1.20 -> 2.40 EUR/h; both are billed while swapping",
        "1.20 EUR/h; both are billed while swapping",
        "1.20 -> 0.00 EUR/h",
        "0.00 -> 1.20 EUR/h",
    ]


def test_the_row_says_what_a_change_in_place_interrupts(new_process: Callable[[], Host], engine: FakeEngine) -> None:
    chat, scaled = new_process().instance("chat"), new_process().instance("scaled", of=GCORE)
    program = {"model_id": QWEN}
    olds = chat.check(program).inputs
    for change in ({"restart_trigger": "1"}, {"restart_trigger": "1", "state": "stopped"}):
        chat.check({**program, **change}, olds)
    olds = scaled.check(GCORE.programs[0]).inputs
    (row,) = olds["containers"]
    for changes in (
        {"image": "another/image"},
        {"flavor_name": "inference-8vcpu-32gib"},
        {"containers": [{**row, "scale": {"min": 1, "max": 2}}]},
        {"description": "d"},
    ):
        scaled.check({**GCORE.programs[0], **changes}, olds)
    rows = [line.message for line in engine.lines if line.ephemeral]
    assert rows == [
        "1.20 EUR/h",
        "interrupts the service",
        "1.20 -> 0.00 EUR/h",
        "0.12 USD/h",
        "interrupts the service",
        "0.12 -> 0.24 USD/h; interrupts the service",
        "0.12 -> 0.24 USD/h",
    ]


def test_the_row_of_a_volume_says_it_too(new_process: Callable[[], Host], engine: FakeEngine) -> None:
    token = TOKENS["shadeform.Volume"]
    volume = Resource(new_process(), token, "data", parent=token)
    program = {"cloud": "hyperstack", "region": "montreal-canada-2", "size_in_gb": 100}
    olds = volume.check(program).inputs
    for change in ({}, {"size_in_gb": 200}, {"name": "other"}, {"size_in_gb": 300, "max_price": "0.02 USD"}):
        volume.check({**program, **change}, olds)
    assert [line.message for line in engine.lines if line.ephemeral] == [
        "0.01 USD/h",
        "0.01 -> 0.02 USD/h; both are billed while swapping",
        "0.01 USD/h; both are billed while swapping",
    ]
