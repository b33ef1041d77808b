"""What nobody owns is asked about before anything is bought, and each way on that the text names goes on."""

from __future__ import annotations

from pathlib import Path

from pulumi_cortecs.simulator import Simulator
from tests.engine.advice import assert_seen
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack
from tests.engine.test_recovery import killed_while_buying

ORDERS = "/instances/start"


def test_a_refused_order_that_was_carried_out_is_found_by_the_next_up(stack: Stack, simulator: Simulator) -> None:
    """A web filter answers in the vendor's place, and the list is behind."""
    simulator.control.fault("list_lag", path=ORDERS, seconds=60)
    simulator.control.fault("server_error", path=ORDERS, count=1, status=403, after_side_effect=True, body="html")
    stack.program(one_instance())
    assert_seen("an order was refused", stack.up(expect=1).text)
    (bought,) = simulator.control.instances()
    assert f"{bought.instance_id} is taken over" in stack.up().text
    assert (
        stack.instance_ids()
        == {bought.instance_id}
        == {instance.instance_id for instance in simulator.control.instances()}
    )


def test_without_its_journal_a_killed_runs_possible_purchase_is_named(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    stack.program(one_instance())
    (left,) = killed_while_buying(stack, simulator, 1)
    stack.environment["PULUMI_CORTECS_STATE_DIR"] = str(tmp_path / "another machine")
    text = stack.up(expect=1).text
    assert_seen("killed, and its journal lost", text)
    assert f"{left} (1.20 EUR/h)" in text
    assert "pulumi refresh --clear-pending-creates" in text
    stack.program(one_instance(f"adopt_id={left!r}"))
    stack.up()
    assert stack.instance_ids() == {left} == {instance.instance_id for instance in simulator.control.instances()}


def test_in_an_exclusive_account_it_is_taken_over(stack: Stack, simulator: Simulator, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"cortecs": {"account_is_exclusive": true}}')
    stack.environment["PULUMI_CORTECS_LIMITS"] = str(limits)
    stack.program(one_instance())
    (left,) = killed_while_buying(stack, simulator, 1)
    stack.environment["PULUMI_CORTECS_STATE_DIR"] = str(tmp_path / "another machine")
    assert f"{left} is taken over" in stack.up().text
    (row,) = stack.resources("Instance")
    assert row["outputs"]["inferred"] is True
    assert stack.drift(expect=0)
    assert [instance.instance_id for instance in simulator.control.instances()] == [left]


def test_what_the_journal_knows_and_no_state_has_any_more_is_asked_about(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    (row,) = stack.resources("Instance")
    stack.run("state", "delete", row["urn"], "--target-dependents", "--yes")
    text = stack.up(expect=1).text
    assert_seen("bought, and then the state was lost", text)
    assert len(simulator.control.instances()) == 1
    stack.program(one_instance(f"adopt_id={row['id']!r}"))
    stack.up()
    assert stack.instance_ids() == {row["id"]} == {instance.instance_id for instance in simulator.control.instances()}
