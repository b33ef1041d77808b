"""The promises of every cloud: the price of a program, and that nothing is bought twice, lost, or ended unseen.

A new cloud's part in it is a case of `tests/clouds/case.py`; tests of one cloud alone stand in the files beside this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.clouds.case import CloudCase
from tests.clouds.case import route_match as at
from tests.clouds.every import EVERY
from tests.contract.bought import ids
from tests.contract.host import IMPATIENT, CallFailedError, Diffed, Host, Made, Resource
from tests.contract.patience import until
from tests.contract.states import FOLDER

StartHost = Callable[..., Host]


@pytest.fixture
def resource(host: Host, simulator: Simulator, cloud: CloudCase) -> Resource:
    """An Instance of a host that has been there for a while."""
    return host.instance(of=cloud)


@pytest.fixture
def made(resource: Resource, cloud: CloudCase) -> Made:
    """An instance that an earlier `up` has bought."""
    return resource.buy(cloud.programs[0])


@pytest.fixture
def refreshing(start_host: StartHost, made: Made, cloud: CloudCase) -> Resource:
    """The same resource in a process that has not seen it yet."""
    return start_host(before=IMPATIENT).instance("chat", of=cloud)


def orders(simulator: Simulator, cloud: CloudCase) -> int:
    """The number of orders so far."""
    return simulator.control.requests().count(cloud.order)


# -- create


def test_create_returns_at_once_and_waits_for_nothing(
    start_host: StartHost, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.pause()
    resource = start_host().instance(of=cloud)
    inputs, lists = resource.check(cloud.programs[0]).inputs, simulator.control.requests().count(cloud.list)
    made = resource.create(inputs)  # the vendor's time stands still, so a wait would have no end
    assert ids(simulator) == [made.id]
    requests = simulator.control.requests()
    # a look before, so that what is ours can be told should the answer get lost; two, because it showed nothing, unless
    # check has looked for the name already
    looks = 1 if cloud.has_names else 2
    assert (requests.count(cloud.order), requests.count(cloud.list) - lists, requests.count(cloud.one)) == (1, looks, 0)


def test_outputs_are_the_inputs_with_id_and_account(resource: Resource, cloud: CloudCase) -> None:
    inputs = resource.check(cloud.programs[1]).inputs
    made = resource.create(inputs)
    account = made.outs.pop("account")
    assert account.startswith(f"{cloud.name}:")
    assert bool(made.outs.pop("task", "")) == bool(cloud.task_seconds)
    assert bool(made.outs.pop("created_at", "")) == cloud.has_names
    purchase_labels = {"stack": "test", "project": "tests"}
    assert made.outs == {**inputs, "instance_id": made.id, "purchase_labels": purchase_labels}


LOST: dict[str, dict[str, Any]] = {
    "the connection breaks behind the order": {"kind": "lost_answer"},
    "a 500 behind the order": {"kind": "server_error", "after_side_effect": True},
    "a 503 behind the order": {"kind": "server_error", "status": 503, "after_side_effect": True},
    "a 409 behind the order": {"kind": "server_error", "status": 409, "after_side_effect": True},
    "half an answer": {"kind": "malformed_json"},
}


@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_is_one_instance_and_its_id(
    host: Host, made: Made, simulator: Simulator, cloud: CloudCase, fault: str
) -> None:
    before = orders(simulator, cloud)
    simulator.control.fault(**LOST[fault], **at(cloud.order))
    instance = host.instance(of=cloud).buy(cloud.programs[0])
    assert set(ids(simulator)) == {made.id, instance.id}
    assert instance.outs["instance_id"] == instance.id
    assert orders(simulator, cloud) == before + 1


def test_equal_orders_with_lost_answers_get_one_instance_each(
    host: Host, made: Made, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.fault("lost_answer", **at(cloud.order), count=2)
    with ThreadPoolExecutor(4) as pool:
        instances = list(pool.map(lambda _: host.instance(of=cloud).buy(cloud.programs[0]), range(4)))
    assert len({instance.id for instance in instances}) == 4
    assert {made.id, *(instance.id for instance in instances)} == set(ids(simulator))


NOT_CARRIED_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "the connection breaks before the order": ({"kind": "lost_request"}, "shows that nothing was started"),
    "a 500 before the order": ({"kind": "server_error"}, "with 500"),
    "a 429 before the order": ({"kind": "too_many_requests"}, "with 429"),
    "a 400": ({"kind": "server_error", "status": 400}, "with 400: Bad Request; nothing new is listed so far"),
    "a 403": ({"kind": "server_error", "status": 403}, "with 403: Forbidden; nothing new is listed so far"),
}


@pytest.mark.parametrize("fault", NOT_CARRIED_OUT)
def test_an_order_that_was_not_carried_out_is_an_error_and_no_instance(
    resource: Resource, simulator: Simulator, cloud: CloudCase, fault: str
) -> None:
    kind, message = NOT_CARRIED_OUT[fault]
    simulator.control.fault(**kind, **at(cloud.order))
    with pytest.raises(CallFailedError) as failed:
        resource.buy(cloud.programs[0])
    assert failed.value.text is not None
    assert failed.value.text.startswith("nothing was bought: ") or "nothing new is listed" in message
    assert message in failed.value.text
    assert ids(simulator) == []
    assert orders(simulator, cloud) == 1


def test_nothing_is_ordered_while_the_account_cannot_be_listed(
    start_host: StartHost, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.fault("server_error", **at(cloud.list))
    with pytest.raises(CallFailedError, match=r"^nothing was bought: .* answered GET \S+ with 500"):
        start_host(before=IMPATIENT).instance(of=cloud).buy(cloud.programs[0])
    assert orders(simulator, cloud) == 0


@pytest.mark.parametrize("changed", [{"state": "stopped"}, {"quote": None}, {"colour": "red"}])
def test_create_buys_only_what_a_check_can_have_come_to(
    resource: Resource, simulator: Simulator, cloud: CloudCase, changed: dict[str, Any]
) -> None:
    inputs = {**resource.check(cloud.programs[0]).inputs, **changed}
    with pytest.raises(CallFailedError):
        resource.create({key: value for key, value in inputs.items() if value is not None})
    assert orders(simulator, cloud) == 0


def test_up_without_a_network_says_why_nothing_is_bought(start_host: StartHost, cloud: CloudCase) -> None:
    """Not what is missing: the check's warning is at another place."""
    url = cloud.kind().credentials.url.variable
    resource = start_host({url: "http://127.0.0.1:1"}, before=IMPATIENT).instance("chat", of=cloud)
    checked = resource.check(cloud.programs[0])
    assert checked.failures == ()
    with pytest.raises(
        CallFailedError, match=r"^nothing was bought: its price could not be asked for: .*cannot be reached"
    ):
        resource.create(checked.inputs)


# -- read


def test_what_is_as_it_was_reads_as_it_was(made: Made, refreshing: Resource, cloud: CloudCase) -> None:
    inputs = {key: value for key, value in made.outs.items() if key in (*cloud.kind().arguments, "quote")}
    assert refreshing.read(made) == Made(made.id, made.outs, inputs)


def test_gone_takes_two_lists_and_the_answer_by_id(
    made: Made, refreshing: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.vanish(made.id)
    before = simulator.control.requests()
    read = refreshing.read(made)
    assert (read.id, read.outs) == ("", {})
    after = simulator.control.requests()
    assert after.count(cloud.list) - before.count(cloud.list) >= 2
    assert after.count(cloud.one) - before.count(cloud.one) >= 1


@pytest.mark.parametrize("by_id", [False, True])
def test_a_list_that_lags_does_not_make_an_instance_gone(
    host: Host, start_host: StartHost, simulator: Simulator, cloud: CloudCase, by_id: bool
) -> None:
    reading_host = start_host({"PULUMI_CORTECS_LIST_LAG": "25"})
    simulator.control.pause()
    simulator.control.fault("list_lag", seconds=18, by_id=by_id)
    made = host.instance(of=cloud).buy(cloud.programs[0])
    before = simulator.control.requests().count(cloud.list)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(reading_host.instance("chat", of=cloud).read, made)
        # two lists are nothing yet: the first look alone lists twice when it sees nothing at all
        until(lambda: reading.done() or simulator.control.requests().count(cloud.list) >= before + 3)
        simulator.control.advance(18)
        assert reading.result().id == made.id
    simulator.control.resume()


def _failing(cloud: CloudCase) -> Mapping[str, dict[str, Any]]:
    return {
        "the list fails": {"kind": "server_error", **at(cloud.list)},
        "the list is malformed": {"kind": "malformed_json", **at(cloud.list)},
        "the list is refused": {"kind": "server_error", "status": 403, **at(cloud.list)},
        "the answer by id fails": {"kind": "server_error", **at(cloud.one)},
        "no answer at all": {"kind": "lost_answer", "method": "GET"},
    }


FAILING = (
    "the list fails",
    "the list is malformed",
    "the list is refused",
    "the answer by id fails",
    "no answer at all",
)


@pytest.mark.parametrize(("fault", "kind"), [*((call, "instance") for call in FAILING), ("the list fails", "endpoint")])
def test_an_error_never_makes_anything_gone(
    made: Made, start_host: StartHost, simulator: Simulator, cloud: CloudCase, fault: str, kind: str
) -> None:
    simulator.control.vanish(made.id)
    simulator.control.fault(**_failing(cloud)[fault])
    recorded = made if kind == "instance" else Made("some-id", {"instance_id": made.id, "state": "running"})
    with pytest.raises(CallFailedError) as failed:
        getattr(start_host(before=IMPATIENT), kind)("chat", of=cloud).read(recorded)
    assert failed.value.text is not None
    assert failed.value.text.startswith(f"the status of {made.id} is unknown, so the state stays as it was: ")


# -- check, diff and update


def test_what_was_settled_once_stays_and_nobody_is_asked(
    made: Made, resource: Resource, refreshing: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    settled = resource.check(cloud.programs[0]).inputs
    before = sum(simulator.control.requests().counts.values())
    assert refreshing.check(cloud.programs[0], settled).inputs == settled
    assert sum(simulator.control.requests().counts.values()) == before


def test_another_purchase_replaces(made: Made, resource: Resource, cloud: CloudCase) -> None:
    news = resource.check(cloud.replacement, _settled(resource, cloud)).inputs
    replaced = resource.diff(made.outs, news, made.id).replaces
    assert set(replaced) == {key for key, value in cloud.replacement.items() if value != made.outs[key]} != set()


def test_what_changes_in_place_keeps_its_id_and_reads_as_it_was_wanted(
    made: Made, resource: Resource, refreshing: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    news = resource.check({**cloud.programs[0], **cloud.updated}, _settled(resource, cloud)).inputs
    assert resource.diff(made.outs, news, made.id) == Diffed(None, ())
    updated = resource.update(made, news)
    of_a_task = {"task": updated.outs["task"]} if cloud.task_seconds else {}
    assert updated == Made(made.id, {**made.outs, **cloud.updated, **of_a_task})
    assert ids(simulator) == [made.id]
    read = refreshing.read(updated)
    assert (read.outs, read.inputs) == (updated.outs, news)
    assert refreshing.diff(read.outs, news, made.id).changes is False


def _settled(resource: Resource, cloud: CloudCase) -> dict[str, Any]:
    return resource.check(cloud.programs[0]).inputs


# -- delete


def test_a_deleted_instance_costs_nothing_more(
    made: Made, host: Host, resource: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    other = host.instance(of=cloud).buy(cloud.programs[0])
    resource.delete(made)
    assert ids(simulator) == [other.id]
    assert [entry.instance_id for entry in simulator.control.ledger().open] == [other.id]


def test_what_is_gone_already_is_deleted_silently(made: Made, resource: Resource, simulator: Simulator) -> None:
    simulator.control.vanish(made.id)
    resource.delete(made)


def test_a_lost_answer_to_the_deletion_is_no_error(
    made: Made, resource: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.fault("lost_answer", **at(cloud.delete), count=1)
    resource.delete(made)
    assert ids(simulator) == []


def _in_doubt(cloud: CloudCase) -> Mapping[str, dict[str, Any]]:
    return {
        "deleting fails": {"kind": "server_error", **at(cloud.delete)},
        "deleting is refused": {"kind": "server_error", "status": 400, **at(cloud.delete)},
        "the list fails": {"kind": "server_error", **at(cloud.list)},
        "the list is refused": {"kind": "server_error", "status": 403, **at(cloud.list)},
        "the answer by id fails": {"kind": "server_error", **at(cloud.one)},
    }


@pytest.mark.parametrize(
    "fault",
    ["deleting fails", "deleting is refused", "the list fails", "the list is refused", "the answer by id fails"],
)
def test_a_deletion_in_doubt_is_an_error_and_can_be_repeated(
    made: Made, resource: Resource, simulator: Simulator, cloud: CloudCase, fault: str
) -> None:
    simulator.control.fault(**_in_doubt(cloud)[fault])
    vendor = cloud.kind().vendor
    with pytest.raises(CallFailedError) as failed:
        resource.delete(made)
    assert failed.value.text is not None
    assert failed.value.text.startswith(f"{made.id} may still exist and be billed: {vendor} ")
    assert "Run `pulumi destroy` again, or delete it in " in failed.value.text
    simulator.control.clear_faults()
    resource.delete(made)
    assert ids(simulator) == []


# -- the Endpoint


def _wanted(made: Made, ready_timeout: int = 20) -> dict[str, Any]:
    return {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": ready_timeout}


def test_an_endpoint_is_there_when_its_instance_is_ready(made: Made, host: Host, cloud: CloudCase) -> None:
    endpoint = host.endpoint(of=cloud).create(_wanted(made))
    assert (endpoint.outs["status"], endpoint.outs["ready_by"] != "") == (cloud.kind().ready_status, True)
    assert bool(endpoint.outs["base_url"]) != bool(cloud.serving)  # the program does not say it
    assert host.endpoint(of=cloud).diff(endpoint.outs, _wanted(made)).changes is False


def test_an_endpoint_in_another_status_is_waited_for_again(made: Made, host: Host, cloud: CloudCase) -> None:
    endpoint, ready = host.endpoint(of=cloud), cloud.kind().ready_status
    created = endpoint.create(_wanted(made))
    booting = Made(created.id, {**created.outs, "status": f"not {ready}"})  # as a refresh during a boot leaves it
    assert endpoint.diff(booting.outs, _wanted(made)).changes is True
    assert endpoint.update(booting, _wanted(made)).outs["status"] == ready


def test_when_the_time_is_up_it_is_said_what_it_costs(
    host: Host, resource: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.pause()
    made = resource.buy(cloud.programs[0])
    with pytest.raises(CallFailedError, match=f"{made.id} was not ready within 1 s; .* {cloud.currency}/h"):
        host.endpoint(of=cloud).create(_wanted(made, 1))
    simulator.control.resume()
    assert ids(simulator) == [made.id]


def test_an_instance_that_vanishes_during_the_wait_ends_it(
    host: Host, resource: Resource, simulator: Simulator, cloud: CloudCase
) -> None:
    simulator.control.pause()
    made = resource.buy(cloud.programs[0])
    with ThreadPoolExecutor(1) as pool:
        before = simulator.control.requests().count(cloud.list)
        waiting = pool.submit(host.endpoint(of=cloud).create, _wanted(made))
        simulator.control.advance(cloud.task_seconds)
        until(lambda: simulator.control.requests().count(cloud.list) >= before + 2)
        simulator.control.vanish(made.id)
        with pytest.raises(CallFailedError, match=f"{made.id} does not exist any more, so it costs nothing"):
            waiting.result()
    simulator.control.resume()


# -- adoption


def test_an_adopted_instance_is_not_bought_and_completes_the_arguments(
    host: Host, made: Made, simulator: Simulator, cloud: CloudCase
) -> None:
    before, adopting = orders(simulator, cloud), host.instance(of=cloud)
    checked = adopting.check({**cloud.adopting, "adopt_id": made.id})
    assert checked.failures == ()
    adopted = adopting.create(checked.inputs)
    assert (adopted.id, orders(simulator, cloud)) == (made.id, before)
    del made.outs["purchase_labels"]
    assert adopted.outs == {**made.outs, "adopt_id": made.id}


def test_an_adopted_instance_keeps_its_arguments_that_change_in_place(host: Host, cloud: CloudCase) -> None:
    program = cloud.programs[-1]
    made, adopting = host.instance(of=cloud).buy(program), host.instance(of=cloud)
    inputs = {**{key: program[key] for key in cloud.adopting}, "adopt_id": made.id}
    checked = adopting.check(inputs).inputs
    adopted = adopting.create(checked)
    del made.outs["purchase_labels"]
    assert adopted.outs == {**made.outs, "adopt_id": made.id}
    again = adopting.check(inputs, checked)
    assert adopting.diff(adopted.outs, again.inputs, made.id).changes is False


def test_what_is_said_of_an_adopted_instance_must_be_true(host: Host, made: Made, cloud: CloudCase) -> None:
    wrong = {key: value for key, value in cloud.programs[1].items() if value != made.outs[key]}
    assert wrong
    inputs = {**cloud.programs[1], "adopt_id": made.id}
    failures = host.instance(of=cloud).check(inputs).failures
    # what has a default of its own is no more than that where the program leaves it out
    assert set(wrong) <= {name for name, _ in failures}


def test_what_is_not_there_cannot_be_adopted(resource: Resource, simulator: Simulator, cloud: CloudCase) -> None:
    (reason,) = resource.check({**cloud.adopting, "adopt_id": "no-such-id"}).reasons("adopt_id")
    assert "'no-such-id'" in reason
    assert ids(simulator) == []


# -- what an ended run has bought


@pytest.mark.parametrize("cloud", [case for case in EVERY.values() if case.can_stop], ids=lambda case: case.name)
def test_a_start_above_max_price_is_refused_in_the_plan_and_at_the_start(host: Host, cloud: CloudCase) -> None:
    resource, program = host.instance(of=cloud), {**cloud.programs[0], "max_price": f"0.01 {cloud.currency}"}
    made = resource.buy(cloud.programs[0])
    inputs = {key: value for key, value in made.outs.items() if key in cloud.kind().inputs}
    stopped = resource.update(made, resource.check({**program, "state": "stopped"}, inputs).inputs)
    (reason,) = resource.check(program, {**inputs, "state": "stopped"}).reasons("max_price")
    assert f"is 0.01 {cloud.currency}, and the price is" in reason
    # a price that rose since the plan; and a plan that took a stopped one for running, because nobody refreshed
    for olds in (stopped, Made(made.id, {**stopped.outs, "state": "running"})):
        with pytest.raises(CallFailedError, match=f"{made.id} was not started: max_price is 0.01"):
            resource.update(olds, {**inputs, "max_price": program["max_price"], "restart_trigger": "now"})
    assert resource.read(stopped).outs["state"] == "stopped"


@pytest.fixture
def next_host(start_host: StartHost, tmp_path: Path) -> StartHost:
    """Starts hosts that share one journal, as those of one machine do; or, with a name, that of another machine."""

    def start(machine: str = "one", **options: str) -> Host:
        shared = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / machine), FOLDER: str(tmp_path / "states")}
        return start_host(shared, **options)

    return start


def _kill(host: Host) -> None:
    host.process.kill()
    host.process.wait(timeout=10)


def killed_while_it_buys(host: Host, simulator: Simulator, cloud: CloudCase, *names: str) -> list[str]:
    """Kills the host when the vendor has carried out these orders and not answered; the ids."""
    simulator.control.fault("slow_answer", **at(cloud.order), real_seconds=20)
    resources = [host.instance(name, of=cloud) for name in names]
    orders = [resource.create_request(resource.check(cloud.programs[0]).inputs) for resource in resources]
    calls = [host.stub.Create.future(order) for order in orders]
    until(lambda: len(ids(simulator)) == len(names))
    _kill(host)
    for call in calls:
        call.cancel()
    simulator.control.clear_faults()
    return ids(simulator)


def test_killed_while_it_buys_is_taken_over(next_host: StartHost, simulator: Simulator, cloud: CloudCase) -> None:
    instance_ids = killed_while_it_buys(next_host(), simulator, cloud, "chat")
    for _ in range(2):  # and again, when it has answered and no state has the answer
        host = next_host()
        assert host.instance("chat", of=cloud).buy(cloud.programs[0]).id == instance_ids[0]
        _kill(host)
    assert ids(simulator) == instance_ids
    assert orders(simulator, cloud) == 1


def test_a_killed_fleet_is_one_instance_each(next_host: StartHost, simulator: Simulator, cloud: CloudCase) -> None:
    names = [f"n{number}" for number in range(4)]
    instance_ids = killed_while_it_buys(next_host(), simulator, cloud, *names)
    later = next_host()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda name: later.instance(name, of=cloud).buy(cloud.programs[0]).id, names))
    assert sorted(made) == sorted(instance_ids) == sorted(ids(simulator))


def test_what_was_ordered_otherwise_is_refused_and_named(
    next_host: StartHost, simulator: Simulator, cloud: CloudCase
) -> None:
    (instance_id,) = killed_while_it_buys(next_host(), simulator, cloud, "chat")
    with pytest.raises(CallFailedError, match=f"^nothing was bought: .*{instance_id}.*adopt_id='{instance_id}'"):
        next_host().instance("chat", of=cloud).buy(cloud.replacement)
    assert ids(simulator) == [instance_id]


def test_what_was_deleted_is_not_taken_over(next_host: StartHost, simulator: Simulator, cloud: CloudCase) -> None:
    host = next_host()
    made = host.instance("chat", of=cloud).buy(cloud.programs[0])
    _kill(host)
    chat = next_host().instance("chat", of=cloud)
    chat.delete(made)
    assert [chat.buy(cloud.programs[0]).id] == ids(simulator)
    assert orders(simulator, cloud) == 2


# -- limits


def _limited(start_host: StartHost, folder: Path, base_url: str, cloud: CloudCase, **limits: Any) -> Host:
    file = folder / "limits.json"
    file.write_text(json.dumps({cloud.name: {"allowed_base_urls": [base_url], **limits}}))
    return start_host({"PULUMI_CORTECS_LIMITS": str(file)}, before=IMPATIENT)


@pytest.mark.parametrize("limit", ["instance_hourly_cap", "account_hourly_ceiling"])
def test_too_high_a_cost_is_refused_in_the_plan_and_at_the_purchase(
    start_host: StartHost, resource: Resource, simulator: Simulator, cloud: CloudCase, tmp_path: Path, limit: str
) -> None:
    amount = f"0.10 {cloud.currency}"
    inputs = resource.check(cloud.programs[0]).inputs
    base_url = simulator.env()[cloud.kind().credentials.url.variable]
    limited = _limited(start_host, tmp_path, base_url, cloud, **{limit: amount}).instance(of=cloud)
    ((argument, reason),) = limited.check(cloud.programs[0]).failures
    assert argument in cloud.kind().arguments
    assert amount in reason
    with pytest.raises(CallFailedError, match=f"^nothing was bought: .*{re.escape(amount)}"):
        limited.create(inputs)
    assert orders(simulator, cloud) == 0
