"""The life of an instance, as the real engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

from pulumi_cortecs.simulator import Simulator, running
from tests.engine.programs import NOTHING, fleet, one_instance
from tests.engine.pulumi import Stack

MakeStack = Callable[[Mapping[str, str]], Stack]
LIST = "GET /api/v1/instances"


def test_preview_shows_what_will_be_bought_and_its_price_and_buys_nothing(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    text = stack.preview("--diff").text
    assert 'hardware_type_id: "NVIDIA_L4_1"' in text
    assert 'hourly_total    : "1.20"' in text
    assert simulator.control.instances() == ()


def test_up_answers_at_base_url_and_destroy_ends_the_bill(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    outputs = stack.outputs()
    assert outputs["status"] == "running"
    question = {"model": "Qwen/Qwen2-7B-Instruct", "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx.post(f"{outputs['base_url']}/chat/completions", json=question, trust_env=False)
    assert answer.status_code == 200
    assert "simulator" in answer.json()["choices"][0]["message"]["content"]
    stack.destroy()
    assert simulator.control.instances() == ()
    assert simulator.control.ledger().open == ()
    assert stack.resources() == []


def test_the_drift_alarm_is_quiet_until_somebody_stops_the_instance(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    stack.drift(expect=0)
    stack.preview("--expect-no-changes")
    (instance_id,) = stack.instance_ids()
    simulator.control.stop(instance_id)
    stack.drift(expect=7)
    shown = stack.preview("--refresh", "--diff").text
    assert '~ state: "stopped" => "running"' in shown
    stack.up("--refresh")
    assert stack.instance_ids() == {instance_id}
    assert stack.outputs()["status"] == "running"
    stack.drift(expect=0)


def test_an_instance_that_vanished_is_made_anew(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (lost,) = stack.instance_ids()
    simulator.control.vanish(lost)
    stack.refresh()
    assert stack.resources("Instance") == []
    stack.up()
    (replacement,) = stack.instance_ids()
    assert replacement != lost
    assert [instance.instance_id for instance in simulator.control.instances()] == [replacement]


def test_stopping_and_starting_happen_in_place(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    ids = stack.instance_ids()
    stack.program(one_instance("state='stopped'"))
    stack.up()
    # an output that is None is not listed
    outputs = stack.outputs()
    assert (outputs.get("base_url"), outputs["status"]) == (None, "stopped")
    stack.drift(expect=0)
    assert simulator.control.ledger().open == ()
    stack.program(one_instance())
    stack.up()
    assert stack.instance_ids() == ids
    assert stack.outputs()["base_url"].startswith("http")


def test_a_new_restart_trigger_restarts_in_place(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance("restart_trigger='one'"))
    stack.up()
    ids = stack.instance_ids()
    stack.program(one_instance("restart_trigger='two'"))
    stack.up()
    assert stack.instance_ids() == ids
    assert len(simulator.control.ledger().entries) == 2
    assert stack.outputs()["status"] == "running"
    stack.drift(expect=0)


def test_a_replacement_is_a_swap_without_a_gap(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (old,) = stack.instance_ids()
    stack.program(one_instance("hardware_type_id='NVIDIA_L4_2'"))
    stack.up()
    (new,) = stack.instance_ids()
    assert new != old
    assert stack.outputs()["base_url"].endswith(f"/serve/{new}/v1")
    assert [instance.instance_id for instance in simulator.control.instances()] == [new]
    entries = {entry.instance_id: entry for entry in simulator.control.ledger().entries}
    assert entries[old].ended_at is not None
    boot = simulator.control.settings()["boot_seconds"]
    assert (entries[old].ended_at - entries[new].started_at).total_seconds() >= boot
    stack.drift(expect=0)


def test_a_failed_wait_keeps_the_instance_and_the_next_up_resumes(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    stack.program(one_instance(options="custom_timeouts=pulumi.CustomTimeouts(create='1s')"))
    failed = stack.up(expect=1).text
    assert "was not ready within 1 s" in failed
    assert "1.20 EUR/h" in failed
    assert "Traceback" not in failed
    (kept,) = stack.instance_ids()
    simulator.control.clear_faults()
    simulator.control.stop(kept)  # what is stuck stays stuck until it is restarted
    stack.up("--refresh")
    assert stack.instance_ids() == {kept}
    assert stack.outputs()["status"] == "running"
    assert len(simulator.control.instances()) == 1


def test_removing_it_from_the_program_deletes_it(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    stack.program(NOTHING)
    stack.up()
    assert simulator.control.instances() == ()


def test_all_reads_of_a_refresh_are_one_list_call(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(30))
    stack.up()
    before = simulator.control.requests().count(LIST)
    stack.refresh()
    assert simulator.control.requests().count(LIST) - before == 1


def test_the_list_calls_of_a_wait_do_not_grow_with_the_fleet(make_stack: MakeStack) -> None:
    with running(boot=3) as simulator:
        stack = make_stack({**simulator.env(), "PULUMI_CORTECS_POLL_INTERVAL": "1"})
        stack.program(fleet(40))
        stack.up()
        assert len(simulator.control.instances()) == 40
        # one look before buying, one per second of the boot, and some slack for a slow machine
        assert simulator.control.requests().count(LIST) <= 12
