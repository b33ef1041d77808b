"""Names of Gcore's deployments: each is the account's only one, made by check or given by the program, and proves an
order only as far as nobody else may have chosen it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.clouds.case import route_match as at
from tests.clouds.gcore import GCORE, PROGRAM
from tests.contract.bought import ids
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made, urn
from tests.contract.states import unreadable, write
from tests.contract.test_every_cloud import killed_while_it_buys, next_host, orders

__all__ = ["next_host"]
StartHost = Callable[..., Host]
GIVEN = {**PROGRAM, "name": "given"}


def in_the_state(folder: Path, made: Made) -> None:
    """Writes a state in which the resource "chat" has the deployment."""
    row = {"urn": urn(GCORE.token, "chat", GCORE.token), "instance_id": made.id, "more": {"type": GCORE.token}}
    write(folder / "states", test=[row])


def test_a_name_is_free_again_once_a_refresh_has_found_it_gone(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    made = resource.buy(PROGRAM)
    simulator.control.vanish(made.id)
    assert resource.read(made).id == ""
    assert resource.buy(PROGRAM).id == made.id
    assert (ids(simulator), orders(simulator, GCORE)) == ([made.id], 2)


def test_a_name_is_free_again_whatever_the_journal_says_of_its_last_bearer(
    next_host: StartHost, simulator: Simulator
) -> None:
    host, program = next_host(), {**PROGRAM, "name": "again"}
    made = host.instance("chat", of=GCORE).buy(program)
    host.instance("chat", of=GCORE).diff(made.outs, made.outs, made.id)  # a row has it, so that its order is closed
    simulator.control.vanish("again")
    assert host.instance("other", of=GCORE).buy(program).id == "again"
    assert ids(simulator) == ["again"]


def test_a_lost_answer_is_found_under_a_name_that_was_gone(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    made = resource.buy(PROGRAM)
    resource.diff(made.outs, made.outs, made.id)  # a row has it
    simulator.control.vanish(made.id)
    assert resource.read(made).id == ""  # a refresh
    simulator.control.fault("lost_answer", **at(GCORE.order), count=1)
    assert (resource.buy(PROGRAM).id, ids(simulator)) == (made.id, [made.id])


def test_a_lost_answer_is_found_though_lists_still_show_the_last_bearer_of_the_name(
    host: Host, simulator: Simulator
) -> None:
    resource = host.instance(of=GCORE)
    made = resource.buy(PROGRAM)
    simulator.control.fault("delete_lag", seconds=60)
    resource.delete(made)
    simulator.control.fault("lost_answer", **at(GCORE.order), count=1)
    assert (resource.buy(PROGRAM).id, ids(simulator)) == (made.id, [made.id])


@pytest.mark.parametrize(("program", "inferred"), [(PROGRAM, False), ({**PROGRAM, "name": "lost"}, True)])
def test_only_a_generated_name_proves_an_order_without_an_answer(
    host: Host, simulator: Simulator, program: dict[str, object], inferred: bool
) -> None:
    simulator.control.fault("lost_answer", **at(GCORE.order), count=1)
    made = host.instance(of=GCORE).buy(program)
    assert made.outs.get("inferred", False) is inferred
    assert ids(simulator) == [made.id]


def test_a_generated_name_is_the_same_in_a_plan_and_its_up_and_another_at_each_replacement(
    next_host: StartHost, tmp_path: Path, simulator: Simulator
) -> None:
    made, names = next_host().instance("chat", of=GCORE).buy(PROGRAM), list[str]()
    for _ in range(3):  # `up --replace`: the engine ignores the old state
        names.append(made.id)
        in_the_state(tmp_path, made)
        previewed = next_host().instance("chat", of=GCORE).check(PROGRAM).inputs
        resource, old = next_host().instance("chat", of=GCORE), made
        assert resource.check(PROGRAM).inputs["name"] == previewed["name"]
        made = resource.create(previewed)
        resource.delete(old)
    assert len({*names, made.id}) == 4
    assert ids(simulator) == [made.id]


def test_a_given_name_that_exists_is_refused_with_what_takes_it_over(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    with simulator.gcore_client() as console:
        order = {key: value for key, value in GIVEN.items() if key != "give_up_after"}
        console.post("/cloud/v3/inference/1/deployments", json=order).raise_for_status()
    with pytest.raises(CallFailedError, match=r"'given' exists already .*adopt_id='given' takes it over\. Nothing was"):
        start_host(before=IMPATIENT).instance(of=GCORE).buy(GIVEN)
    assert orders(simulator, GCORE) == 1  # that in the console
    assert host.instance(of=GCORE).buy({**GIVEN, "adopt_id": "given"}).id == "given"


def test_a_given_name_cannot_be_replaced_by_itself(next_host: StartHost, tmp_path: Path, simulator: Simulator) -> None:
    made = next_host().instance("chat", of=GCORE).buy(GIVEN)
    in_the_state(tmp_path, made)
    with pytest.raises(CallFailedError, match="chat of stack test has it; set delete_before_replace=True"):
        next_host().instance("chat", of=GCORE).buy(GIVEN)
    assert (ids(simulator), orders(simulator, GCORE)) == (["given"], 1)


@pytest.mark.parametrize("program", [PROGRAM, GIVEN])
def test_a_row_whose_deployment_is_gone_does_not_end_its_replacement(
    next_host: StartHost, tmp_path: Path, simulator: Simulator, program: dict[str, object]
) -> None:
    made = next_host().instance("chat", of=GCORE).buy(program)
    in_the_state(tmp_path, made)
    simulator.control.vanish(made.id)
    with pytest.raises(CallFailedError, match=rf"{made.id}' is the id of urn:.*; run `pulumi up --refresh`"):
        next_host().instance("chat", of=GCORE).buy(program)  # `up --replace`, which then deletes the row by its id
    assert orders(simulator, GCORE) == 1
    write(tmp_path / "states", test=[])
    assert next_host().instance("chat", of=GCORE).buy(program).id == made.id


@pytest.mark.parametrize("program", [PROGRAM, GIVEN])
def test_what_may_be_replaced_is_not_taken_over_while_no_state_can_be_read(
    next_host: StartHost, tmp_path: Path, simulator: Simulator, program: dict[str, object]
) -> None:
    host = next_host()
    made = host.instance("chat", of=GCORE).buy(program)
    in_the_state(tmp_path, made)
    next_host().instance("chat", of=GCORE).diff(made.outs, made.outs, made.id)  # the state has it: its order is closed
    unreadable(tmp_path / "states")
    with pytest.raises(CallFailedError, match="because the state cannot be read; run `pulumi up` again when it can"):
        next_host().instance("chat", of=GCORE).buy(program)
    assert orders(simulator, GCORE) == 1


def test_a_generated_name_finds_what_another_machine_has_bought(
    next_host: StartHost, simulator: Simulator, tmp_path: Path
) -> None:
    (instance_id,) = killed_while_it_buys(next_host("one"), simulator, GCORE, "chat")
    write(tmp_path / "states", test=[])
    assert next_host("two").instance("chat", of=GCORE).buy(PROGRAM).id == instance_id
    assert orders(simulator, GCORE) == 1


def test_a_given_name_alone_proves_nothing_on_another_machine(next_host: StartHost, simulator: Simulator) -> None:
    made = next_host("one").instance("chat", of=GCORE).buy(GIVEN)
    with pytest.raises(CallFailedError, match=r"no order of this resource has created it.*adopt_id='given'"):
        next_host("two").instance("chat", of=GCORE).buy(GIVEN)
    assert ids(simulator) == [made.id]


def test_a_409_for_a_given_name_claims_nothing(next_host: StartHost, simulator: Simulator) -> None:
    simulator.control.fault("server_error", **at(GCORE.order), status=409, after_side_effect=True)
    with pytest.raises(CallFailedError, match=r"it is unknown whether 'given' was bought: .*409.*adopt_id='given'"):
        next_host().instance("chat", of=GCORE).buy(GIVEN)
    simulator.control.clear_faults()
    with pytest.raises(CallFailedError, match="no order of this resource has created it"):  # anybody's may be there
        next_host().instance("chat", of=GCORE).buy(GIVEN)
    assert next_host().instance("chat", of=GCORE).buy({**GIVEN, "adopt_id": "given"}).id == "given"
    assert (ids(simulator), orders(simulator, GCORE)) == (["given"], 1)


def test_what_chose_the_name_after_a_deletion_elsewhere_is_never_shown_changed_or_deleted(
    next_host: StartHost, simulator: Simulator
) -> None:
    host = next_host("one")
    ours, wait = host.instance("chat", of=GCORE), host.endpoint("chat", of=GCORE)
    made = ours.buy(GIVEN)
    waiting = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 60, "ready": "status"}
    row = wait.create(waiting)
    simulator.control.vanish("given")
    simulator.control.advance(3600)
    theirs = next_host("two").instance("other", of=GCORE)
    bought = theirs.buy({**GIVEN, "image": "theirs:1"})
    host = next_host("one")
    ours, wait = host.instance("chat", of=GCORE), host.endpoint("chat", of=GCORE)
    changed = {**ours.check(GIVEN, made.outs).inputs, "description": "ours"}
    steps = r"pulumi state delete --target-dependents urn:\S+::chat` forgets.*adopt_id='given' then takes over"
    for act in (
        lambda: ours.read(made),
        lambda: wait.read(row),
        lambda: ours.update(made, changed),
        lambda: ours.delete(made),
    ):
        with pytest.raises(CallFailedError, match=rf"'given' was created at .*{steps}"):
            act()
    ours.diff(made.outs, made.outs, made.id)  # an `up` in which only the wait is new
    deadline = {**waiting, "ready_timeout": 1, "on_timeout": "delete", "ready": "answer"}
    for wanted in (waiting, {**waiting, "state": "stopped"}, deadline):
        with pytest.raises(CallFailedError, match=rf"'given' was created at .*{steps}"):
            wait.update(row, wanted)
    assert theirs.read(bought).outs["image"] == "theirs:1"
    assert ids(simulator) == ["given"]


def test_a_deployment_that_is_changed_stopped_and_started_stays_the_same(
    start_host: StartHost, simulator: Simulator
) -> None:
    resource = start_host(before=IMPATIENT).instance(
        of=GCORE
    )  # another test has had the name adopted in the shared one
    made = resource.buy(GIVEN)
    for program in ({**GIVEN, "image": "vllm:2"}, {**GIVEN, "state": "stopped"}, GIVEN):
        simulator.control.advance(3600)
        made = resource.update(made, resource.check(program, made.outs).inputs)
        assert resource.read(made).outs["created_at"] == made.outs["created_at"]
    resource.delete(made)
    assert ids(simulator) == []


@pytest.mark.parametrize("has_row", [True, False])
def test_a_name_that_another_chose_once_it_was_free_is_no_earlier_purchase(
    next_host: StartHost, simulator: Simulator, has_row: bool
) -> None:
    host = next_host()
    made = host.instance("chat", of=GCORE).buy(GIVEN)
    if has_row:
        host.instance("chat", of=GCORE).diff(made.outs, made.outs, made.id)
    host.process.kill()
    simulator.control.vanish(made.id)
    simulator.control.advance(3600)
    with simulator.gcore_client() as console:
        order = {key: value for key, value in GIVEN.items() if key != "give_up_after"}
        console.post("/cloud/v3/inference/1/deployments", json=order).raise_for_status()
    with pytest.raises(CallFailedError, match=r"'given' exists already .*; no order of this resource has created it"):
        next_host(before=IMPATIENT).instance("chat", of=GCORE).buy(GIVEN)
