"""The evasion suite where Cortecs does not report what an instance is, as its own examples do not tell the workers: a
program claims something small, and a pack or the machine's limits are to believe it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy.testing import MISSING, cortecs_instance
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, machine_limits
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made, hosting
from tests.contract.test_intents import killed_when_it_has_bought
from tests.contract.test_untold import CLAIMS, WORKERS, eight, omit, says
from tests.engine.pulumi import Stack
from tests.policy.attempts import Attempts
from tests.policy.conftest import ENGINE, guarded
from tests.policy.evading import HEADER
from tests.policy.test_evasion_bench import refused
from tests.unit.policy.test_limits import DEMO

CAP = {"instance_hourly_cap": "1.20 EUR"}
CEILING = {"account_hourly_ceiling": "99.00 EUR"}
DECIDED_BY = {
    WORKERS: CAP,
    "billing_interval": CAP,
    "hardware_type_id": {"allowed_hardware": ["NVIDIA_L4_1"]},
    "model_id": {"allowed_models": [QWEN]},
}
"""Fields that are not told, and limits that they decide."""


class Machine:
    """Whoever uses it, and its limits: both change from one attempt to the next."""

    def __init__(self, simulator: Simulator, directory: Path, start: Callable[[dict[str, str]], Host]) -> None:
        self._simulator = simulator
        self._file = directory / "limits.json"
        self._start = start
        self._environment = {"PULUMI_CORTECS_STATE_DIR": str(directory / "orders")}

    def host(self, limits: Mapping[str, Any] | None = None) -> Host:
        """A provider that knows nothing yet, under limits if there are any."""
        self.limit(limits or {})
        named = {} if limits is None else {"PULUMI_CORTECS_LIMITS": str(self._file)}
        return self._start({**self._environment, **named})

    def limit(self, limits: Mapping[str, Any]) -> None:
        """Replaces the limits, which are read each time."""
        self._file.write_text(machine_limits(self._simulator, **limits), encoding="utf-8")


@pytest.fixture
def machine(simulator: Simulator, tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(
            simulator,
            tmp_path,
            lambda more: stack.enter_context(hosting({**simulator.env(), **more}, before=IMPATIENT)),
        )


def succeeds(call: Callable[..., Any], *arguments: Any) -> bool:
    """Returns whether a check, a create or an update is not refused."""
    try:
        return not getattr(call(*arguments), "failures", ())
    except CallFailedError:
        return False


def row(made: Made, **changed: Any) -> Made:
    """The row of an instance that was adopted as one worker, by a version that believed it."""
    outs = {**INPUTS, "adopt_id": made.id, "instance_id": made.id, "state": "stopped", **changed}
    return Made(made.id, {key: value for key, value in outs.items() if value is not MISSING})


def test_a_pack_sees_it_missing(machine: Machine, simulator: Simulator, attempts: Attempts) -> None:
    host = machine.host()
    for stopped in (True, False):
        made = eight(simulator, stopped=stopped)
        for fields in (*DECIDED_BY, f"instance_args,{WORKERS}"):
            omit(simulator, fields)
            claims = {**CLAIMS, "num_workers": 1 if WORKERS in fields else 8}
            checked = host.instance().check(says(made, **claims))
            simulator.control.clear_faults()
            inputs = {key: checked.inputs.get(key, MISSING) for key in (*INPUTS, "adopt_id")}
            name = f"{fields} not told of {'a stopped' if stopped else 'a running'} instance"
            attempts.tried(name, through=not (checked.failures or refused(DEMO, cortecs_instance(**inputs))))
    made = eight(simulator)
    omit(simulator, WORKERS)
    checked = host.instance().check({"model_id": QWEN}, row(made).outs)
    inputs = {key: checked.inputs.get(key, MISSING) for key in (*INPUTS, "adopt_id")}
    attempts.tried(
        "a start by what the row of an adopted one says", through=not refused(DEMO, cortecs_instance(**inputs))
    )


@pytest.mark.parametrize("fields", DECIDED_BY)
def test_limits_that_are_decided_by_it_refuse_to_adopt(
    machine: Machine, simulator: Simulator, attempts: Attempts, fields: str
) -> None:
    limits, host = DECIDED_BY[fields], machine.host({"allowed_hardware": ["NVIDIA_L4_1"], "allowed_models": [QWEN]})
    for stopped in (True, False):
        made = eight(simulator, stopped=stopped)
        machine.limit({"instance_hourly_cap": "99.00 EUR"} if limits is not CAP else {"allowed_models": [QWEN]})
        omit(simulator, fields)
        program = says(made, **{**CLAIMS, "num_workers": 1 if fields == WORKERS else 8})
        inputs = host.instance().check(program).inputs
        machine.limit(limits)
        outcomes = {
            "a check": succeeds(host.instance().check, program),
            "an `up`": succeeds(host.instance().create, inputs),
        }
        state = "stopped" if stopped else "running"
        attempts.batch(
            {f"{fields} not told in {what} that adopts what is {state}": yes for what, yes in outcomes.items()}
        )
        simulator.control.clear_faults()


def test_limits_refuse_to_start_what_was_adopted(machine: Machine, simulator: Simulator, attempts: Attempts) -> None:
    made, host = eight(simulator), machine.host(CAP)
    omit(simulator, WORKERS)
    rows = {"one worker": row(made), "nothing": row(made, num_workers=MISSING, quote={})}
    for limits in (CAP, CEILING):
        machine.limit(limits)
        for what, adopted in rows.items():
            news = {**adopted.outs, "state": "running"}
            name = f"a start under {next(iter(limits))}, by a row that says {what}"
            program = {"model_id": QWEN, "num_workers": 1}
            attempts.tried(f"{name}: a check", through=succeeds(host.instance().check, program, adopted.outs))
            attempts.tried(f"{name}: an `up`", through=succeeds(host.instance().update, adopted, news))
    machine.limit(CAP)
    read = host.instance().get(made.id, {"model_id": QWEN, "num_workers": 1}).inputs or {}
    through = succeeds(host.instance().check, {"model_id": QWEN, "num_workers": 1}, read)
    attempts.tried("a start of what was imported", through=through)
    simulator.control.clear_faults()
    omit(simulator, "num_workers")  # each worker is listed nonetheless
    bought = Made(made.id, {**row(made, adopt_id=MISSING).outs})
    attempts.tried("a row that says that it bought one", through=succeeds(host.instance().update, bought, INPUTS))
    assert simulator.control.requests().count("POST /api/v1/instances/restart") == 0
    omit(simulator, WORKERS)
    assert succeeds(host.instance().update, bought, INPUTS)  # nothing is left to tell it from an honest row
    name = "a forged state that says that eight stopped workers were bought as one, where Cortecs tells no workers"
    attempts.out_of_reach(name, stopped_by="a state that the author of a change cannot write")


@pytest.mark.parametrize("limits", [CAP, CEILING, None], ids=["cap", "ceiling", "no limits"])
def test_what_a_journal_names_is_not_started(
    machine: Machine, simulator: Simulator, attempts: Attempts, limits: dict[str, str] | None
) -> None:
    made = killed_when_it_has_bought(machine.host())
    simulator.control.stop(made.id)
    omit(simulator, WORKERS)
    with pytest.raises(CallFailedError, match=rf"{made.id}, .* is not taken over: .*Cortecs does not report"):
        machine.host(limits).instance("chat").create(INPUTS)
    started = simulator.control.requests().count("POST /api/v1/instances/restart") > 0
    attempts.tried(f"what a journal names, under {limits}", through=started)


def test_the_sum_of_the_account_refuses(machine: Machine, simulator: Simulator, attempts: Attempts) -> None:
    eight(simulator, stopped=False)
    host = machine.host(CEILING)
    for fields in (*(fields for fields in DECIDED_BY if fields != "model_id"), f"instance_args,{WORKERS}"):
        omit(simulator, fields)
        outcomes = {
            "a check": succeeds(host.instance().check, {"model_id": QWEN}),
            "an `up`": succeeds(host.instance().create, INPUTS),
        }
        attempts.batch({f"{fields} not told of what the account runs: {what}": yes for what, yes in outcomes.items()})
        simulator.control.clear_faults()


@ENGINE
def test_eight_stopped_workers_that_nobody_tells(stack: Stack, simulator: Simulator, attempts: Attempts) -> None:
    made = eight(simulator)
    omit(simulator, WORKERS)
    claim = f"make('small', num_workers=1, state=STATE, adopt_id={made.id!r})\n"
    stack.program(HEADER + "STATE = 'stopped'\n" + claim)
    run = guarded(stack, "guard").up(expect=1)
    refusal = "num_workers is not given"
    attempts.tried("eight stopped workers as one: adopted under a pack", through=refusal not in run.text)
    stack.up(expect=0)
    stack.program(HEADER + "STATE = 'running'\n" + claim)
    guarded(stack, "guard").up(expect=1)
    file = stack.directory / "machine.json"
    file.write_text(machine_limits(simulator, **CAP))
    run = stack.up(expect=1, env={"PULUMI_CORTECS_LIMITS": str(file)})
    assert "(Cortecs does not report num_workers)" in run.text
    started = simulator.control.requests().count("POST /api/v1/instances/restart") > 0
    attempts.tried("eight stopped workers as one: started under a pack", through=started)
    attempts.tried("eight stopped workers as one: started under the machine's limits", through=started)
