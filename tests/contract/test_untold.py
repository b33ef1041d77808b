"""Arguments that Cortecs does not report are not a default, and in no inputs; its own examples omit the workers.

That limits and packs refuse it is tried in tests/policy/test_evasion_untold.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids, machine_limits
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.test_intents import killed_when_it_has_bought

RESTART = "POST /api/v1/instances/restart"
WORKERS = "num_workers,worker_statuses"
CAP = {"instance_hourly_cap": "1.20 EUR"}
CEILING = {"account_hourly_ceiling": "99.00 EUR"}
FIELDS = (WORKERS, "billing_interval", "hardware_type_id", "model_id")
Limited = Callable[..., Host]


@pytest.fixture
def limited(start_host: Callable[..., Host], simulator: Simulator, engine: FakeEngine, tmp_path: Path) -> Limited:
    """Starts hosts of one machine; without limits where none are given."""

    def start(limits: dict[str, Any] | None = None) -> Host:
        environment = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / "orders")}
        if limits is not None:
            (tmp_path / "limits.json").write_text(machine_limits(simulator, **limits), encoding="utf-8")
            environment["PULUMI_CORTECS_LIMITS"] = str(tmp_path / "limits.json")
        return start_host(environment, before=IMPATIENT, engine=engine.address)

    return start


def omit(simulator: Simulator, fields: str) -> None:
    """From now on no answer about an instance has these."""
    simulator.control.fault("wrong_shape", path="/instances*", field=fields)


def eight(simulator: Simulator, *, stopped: bool = True) -> Made:
    made = bought(simulator, num_workers=8)
    if stopped:
        simulator.control.stop(made.id)
        return Made(made.id, {**made.outs, "state": "stopped"})
    return made


def says(made: Made, **claims: Any) -> dict[str, Any]:
    """The arguments of a program that adopts the instance."""
    return {**{key: INPUTS[key] for key in ("model_id",)}, "adopt_id": made.id, "state": made.outs["state"], **claims}


CLAIMS: dict[str, Any] = {
    key: INPUTS[key] for key in ("num_workers", "billing_interval", "hardware_type_id", "context_length")
}


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "running"])
def test_it_is_in_no_inputs_whatever_the_program_says(
    limited: Limited, simulator: Simulator, engine: FakeEngine, fields: str, stopped: bool
) -> None:
    made, (name, *_) = eight(simulator, stopped=stopped), fields.split(",")
    omit(simulator, fields)
    resource = limited().instance()
    claims = {**CLAIMS, "num_workers": 8 if name != "num_workers" else 1}
    checked = resource.check(says(made, **claims))
    assert checked.failures == ()
    assert name not in checked.inputs
    (warning,) = engine.notes
    assert warning.startswith(f"Cortecs does not report {name} of {made.id}: the program's values cannot be checked")
    outs = resource.create(checked.inputs).outs
    assert name not in outs
    assert ("hourly_total" in outs["quote"]) is (name == "model_id")


def test_without_a_word_of_the_program_it_is_required(host: Host, simulator: Simulator) -> None:
    made = eight(simulator)
    omit(simulator, f"{WORKERS},billing_interval")
    checked = host.instance().check(says(made))
    told_not = f"is required: Cortecs does not report it of {made.id}"
    assert checked.failures == (("billing_interval", told_not), ("num_workers", told_not))


def test_the_workers_that_are_listed_count_as_told(limited: Limited, simulator: Simulator) -> None:
    made = eight(simulator)
    omit(simulator, "num_workers")
    (reason,) = limited().instance().check(says(made, num_workers=1)).reasons("num_workers")
    assert "has 8, not 1" in reason
    checked = limited(CAP).instance().check(says(made))
    assert "the instance costs 9.60 EUR/h" in checked.reasons("hardware_type_id")[0]


def test_limits_that_are_not_decided_by_it_do_not(limited: Limited, simulator: Simulator) -> None:
    made = eight(simulator)
    omit(simulator, WORKERS)
    host = limited({"allowed_hardware": ["NVIDIA_L4_1"], **CEILING})  # stopped, it adds nothing to the account
    checked = host.instance().check(says(made, num_workers=1))
    assert checked.failures == ()
    assert host.instance().create(checked.inputs).id == made.id


def test_without_limits_it_is_started_as_something_that_nobody_knows(
    limited: Limited, simulator: Simulator, engine: FakeEngine
) -> None:
    made = eight(simulator)
    omit(simulator, WORKERS)
    olds = {**INPUTS, "adopt_id": made.id, "state": "stopped"}
    row = Made(made.id, {**olds, "instance_id": made.id})
    resource = limited().instance()
    checked = resource.check({"model_id": QWEN}, olds)
    assert checked.failures == ()
    assert "num_workers" not in checked.inputs
    assert checked.inputs["quote"] == {}
    (warning,) = engine.notes
    assert "does not report num_workers" in warning
    assert resource.diff(row.outs, checked.inputs, made.id).replaces == ()
    started = resource.update(row, checked.inputs)
    assert "num_workers" not in started.outs
    later = {key: value for key, value in started.outs.items() if key not in ("instance_id", "account")}
    kept = resource.check({"model_id": QWEN, "num_workers": 4}, later)  # its workers are unknown: nothing follows
    assert kept == type(kept)(later, ())
    assert resource.diff(started.outs, kept.inputs, made.id).changes is False
    assert resource.read(started).outs == started.outs
    other = resource.check({"model_id": QWEN, "context_length": 4096}, later)  # is bought instead, and ordered whole
    assert (other.failures, other.inputs["num_workers"], other.inputs["quote"]) == ((), 1, INPUTS["quote"])
    resource.delete(started)
    assert ids(simulator) == []


def test_what_the_row_itself_has_bought_is_started_by_what_it_ordered(limited: Limited, simulator: Simulator) -> None:
    made = bought(simulator)
    simulator.control.stop(made.id)
    row = Made(made.id, {**made.outs, "state": "stopped"})
    omit(simulator, WORKERS)
    host = limited({**CAP, **CEILING})
    checked = host.instance().check({"model_id": QWEN}, {**INPUTS, "state": "stopped"})
    assert checked.failures == ()
    assert host.instance().update(row, checked.inputs).outs["num_workers"] == 1


def test_unless_the_vendor_tells_otherwise(limited: Limited, simulator: Simulator) -> None:
    made = eight(simulator)
    omit(simulator, "num_workers")
    with pytest.raises(CallFailedError, match="num_workers: 1 was reviewed, Cortecs reports 8"):
        limited(CAP).instance().update(made, INPUTS)
    assert simulator.control.requests().count(RESTART) == 0


def test_what_runs_is_taken_over_without_limits_and_it_is_said(
    limited: Limited, simulator: Simulator, engine: FakeEngine
) -> None:
    made = killed_when_it_has_bought(limited())
    omit(simulator, WORKERS)
    assert limited().instance("chat").create(INPUTS).id == made.id
    assert "Cortecs does not report its num_workers, so that cannot be checked" in engine.notes[-1]


def test_the_sum_of_the_account_names_it(limited: Limited, simulator: Simulator) -> None:
    running = eight(simulator, stopped=False)
    omit(simulator, WORKERS)
    host = limited(CEILING)
    (reason,) = host.instance().check({"model_id": QWEN}).reasons("hardware_type_id")
    assert f"running instances of the account have no price: {running.id}" in reason
    with pytest.raises(CallFailedError, match="have no price"):
        host.instance().create(INPUTS)
    assert ids(simulator) == [running.id]


def test_what_is_read_by_its_id_says_no_default_and_counts_as_adopted(limited: Limited, simulator: Simulator) -> None:
    made = eight(simulator)
    omit(simulator, f"{WORKERS},billing_interval")
    resource = limited().instance()
    got = resource.get(made.id, {"model_id": QWEN, "num_workers": 1})
    assert got.inputs is not None
    assert {"num_workers", "billing_interval"}.isdisjoint(got.outs)
    assert (got.outs["quote"], got.outs["adopt_id"]) == ({}, made.id)
    host = limited(CAP)
    checked = host.instance().check({"model_id": QWEN, "num_workers": 1}, got.inputs)
    assert "Cortecs does not report" in "; ".join(reason for _, reason in checked.failures)


def test_such_a_row_is_not_replaced_by_what_nobody_knows(host: Host, simulator: Simulator) -> None:
    """replace_on_changes: the second check must not fill in a worker."""
    made = eight(simulator, stopped=False)
    omit(simulator, WORKERS)
    resource = host.instance()
    row = {key: value for key, value in INPUTS.items() if key != "num_workers"} | {"adopt_id": made.id, "quote": {}}
    first = resource.check({"model_id": QWEN, "restart_trigger": "2"}, row)
    resource.diff({**row, "instance_id": made.id}, first.inputs, made.id)
    (reason,) = resource.check({"model_id": QWEN, "restart_trigger": "2"}).reasons("num_workers")
    assert "is unknown for the instance to replace" in reason
