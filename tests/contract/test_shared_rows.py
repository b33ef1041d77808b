"""An instance that another row has: reported by a check, released by a deletion, never stopped for another stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, INSTANCE, CallFailedError, Host, Made, hosting, urn
from tests.contract.states import FOLDER, unreadable, write

THEIRS = urn(INSTANCE, "theirs")
ELSEWHERE = THEIRS.replace(":test::", ":prod::")


@pytest.fixture
def made(simulator: Simulator) -> Made:
    """An instance that an earlier `up` bought."""
    return bought(simulator)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The folder with the states of the backend; they cannot be read yet."""
    unreadable(tmp_path / "states")
    return tmp_path / "states"


@pytest.fixture
def start(simulator: Simulator, file: Path, engine: FakeEngine, tmp_path: Path) -> Iterator[Callable[[], Host]]:
    """Starts provider processes of one `up`, which have one journal."""
    environment = {**simulator.env(), "PULUMI_CORTECS_STATE_DIR": str(tmp_path / "journal"), FOLDER: str(file)}
    with ExitStack() as stack:
        yield lambda: stack.enter_context(hosting(environment, engine=engine.address, before=IMPATIENT))


def row(urn_: str, made: Made, **more: Any) -> dict[str, Any]:
    return {"urn": urn_, "instance_id": made.id, **more}


def adopts(made: Made) -> dict[str, Any]:
    return {"model_id": QWEN, "adopt_id": made.id}


def test_adopting_what_a_row_of_the_stack_has_is_said_and_allowed(
    start: Callable[[], Host], made: Made, file: Path, engine: FakeEngine
) -> None:
    write(file, test=[row(THEIRS, made)])
    resource = start().instance("mine")
    assert resource.create(resource.check(adopts(made)).inputs).id == made.id
    (warning,) = engine.notes
    assert warning.startswith(f"{made.id}, which this resource adopts, belongs to {THEIRS}")


@pytest.mark.parametrize("warns", [True, False], ids=["by its own row", "in a state that cannot be read"])
def test_adopting_what_nobody_else_is_known_to_have_is_quiet(
    start: Callable[[], Host], made: Made, file: Path, engine: FakeEngine, warns: bool
) -> None:
    resource = start().instance("mine")
    if warns:
        write(file, test=[row(resource.urn, made), row(THEIRS, made, more={"external": True})])
    assert resource.check(adopts(made)).failures == ()
    assert engine.notes == []


def test_what_another_row_keeps_is_not_ended(
    start: Callable[[], Host], made: Made, file: Path, engine: FakeEngine, simulator: Simulator
) -> None:
    mine = start().instance("mine")
    write(file, test=[row(THEIRS, made), row(mine.urn, made)])
    mine.delete(made)
    assert [instance.status for instance in simulator.control.instances()] != ["stopped"]
    assert ids(simulator) == [made.id]
    assert engine.notes == [f"{made.id} was not deleted: {THEIRS} has it, too, and keeps it"]


@pytest.mark.parametrize("together", [True, False], ids=["one provider", "two providers"])
def test_the_last_row_that_goes_ends_it(
    start: Callable[[], Host], made: Made, file: Path, simulator: Simulator, together: bool
) -> None:
    first = start()
    second = first if together else start()
    mine, theirs = first.instance("mine"), second.instance("theirs")
    write(file, test=[row(theirs.urn, made), row(mine.urn, made)])
    mine.delete(made)
    theirs.delete(made)  # the row of the first may or may not be gone by now
    assert ids(simulator) == []
    assert simulator.control.ledger().open == ()


def test_a_row_that_hands_over_to_one_that_is_replaced_is_not_waited_for(
    start: Callable[[], Host], made: Made, file: Path, simulator: Simulator
) -> None:
    """The check of `theirs` says that it keeps what it has adopted, and then something else replaces it."""
    host = start()
    mine, theirs = host.instance("mine"), host.instance("theirs")
    write(file, test=[row(theirs.urn, made, more={"delete": True}), row(mine.urn, made)])
    assert theirs.check({"model_id": QWEN}, {**INPUTS, "adopt_id": made.id}).failures == ()
    mine.delete(made)
    assert ids(simulator) == [made.id]
    theirs.delete(made)
    assert ids(simulator) == []


def test_a_deletion_that_failed_leaves_a_row_that_keeps_it(
    start: Callable[[], Host], made: Made, file: Path, simulator: Simulator
) -> None:
    host = start()
    mine, theirs = host.instance("mine"), host.instance("theirs")
    write(file, test=[row(theirs.urn, made), row(mine.urn, made)])
    mine.delete(made)
    simulator.control.fault("server_error", path="/instances/stop")
    with pytest.raises(CallFailedError, match="may still exist and be billed"):
        theirs.delete(made)
    simulator.control.clear_faults()
    theirs.delete(made)
    assert ids(simulator) == []


def test_a_state_that_cannot_be_read_ends_what_is_deleted_and_says_so_once(
    start: Callable[[], Host], made: Made, engine: FakeEngine, simulator: Simulator
) -> None:
    host, other = start(), bought(simulator)
    host.instance("mine").delete(made)
    host.instance("other").delete(other)
    assert ids(simulator) == []
    (warning,) = engine.notes
    assert "the state of this stack cannot be read (pulumi stack export" in warning


def inferred(made: Made) -> Made:
    return Made(made.id, {**made.outs, "inferred": True})


def test_an_inferred_id_that_another_stack_has_is_let_go(
    start: Callable[[], Host], made: Made, file: Path, engine: FakeEngine, simulator: Simulator
) -> None:
    mine = start().instance("mine")
    write(file, test=[row(mine.urn, made)], prod=[row(ELSEWHERE, made)])
    mine.delete(inferred(made))
    assert ids(simulator) == [made.id]
    (warning,) = engine.notes
    assert f"{made.id} was not deleted: {ELSEWHERE} in stack organization/tests/prod has it" in warning


def test_an_id_that_was_told_asks_no_other_stack(
    start: Callable[[], Host], made: Made, file: Path, simulator: Simulator
) -> None:
    mine = start().instance("mine")
    write(file, test=[row(mine.urn, made)], prod=[row(ELSEWHERE, made)])
    mine.delete(made)
    assert ids(simulator) == []


def test_an_inferred_id_is_ended_with_a_warning_if_stacks_are_unreadable(
    start: Callable[[], Host], made: Made, engine: FakeEngine, simulator: Simulator
) -> None:
    start().instance("mine").delete(inferred(made))
    assert ids(simulator) == []
    assert any("the backend's other stacks cannot be read (pulumi stack export" in message for message in engine.notes)


@pytest.mark.parametrize("change", [{"state": "stopped"}, {"restart_trigger": "now"}])
def test_an_inferred_id_that_another_stack_has_is_not_stopped(
    start: Callable[[], Host], made: Made, file: Path, simulator: Simulator, change: dict[str, str]
) -> None:
    mine = start().instance("mine")
    write(file, prod=[row(ELSEWHERE, made)])
    with pytest.raises(
        CallFailedError, match=f"{made.id} was not stopped: .*theirs in stack organization/tests/prod has it"
    ):
        mine.update(inferred(made), {**INPUTS, **change})
    assert simulator.control.requests().count("POST /api/v1/instances/stop") == 0


@pytest.mark.parametrize("on_timeout", ["stop", "delete"])
def test_a_wait_that_times_out_leaves_what_another_stack_has(
    start: Callable[[], Host], simulator: Simulator, made: Made, file: Path, on_timeout: str
) -> None:
    simulator.control.pause()
    try:
        host = start()
        host.instance("mine").diff(inferred(made).outs, INPUTS, made.id)
        write(file, prod=[row(ELSEWHERE, made)])
        wanted = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 1}
        with pytest.raises(
            CallFailedError,
            match=r"left as it is, whatever on_timeout says: .* in stack .*/prod has it",
        ):
            host.endpoint("mine").create({**wanted, "on_timeout": on_timeout})
    finally:
        simulator.control.resume()
    assert len(simulator.control.ledger().open) == 1


def test_inferred_stays_with_its_row(start: Callable[[], Host], made: Made) -> None:
    resource = start().instance("mine")
    read = resource.read(inferred(made))
    assert read.outs["inferred"] is True
    assert read.inputs is not None
    assert "inferred" not in read.inputs
    assert resource.update(read, {**INPUTS, "restart_trigger": "now"}).outs["inferred"] is True
    assert "inferred" not in resource.read(made).outs
