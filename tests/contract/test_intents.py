"""Hosts that are killed in the middle of a purchase, and those that come after them on the same machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids, machine_limits
from tests.contract.engine import FakeEngine
from tests.contract.host import INSTANCE, CallFailedError, Host, Made, Resource, urn
from tests.contract.patience import until
from tests.contract.proxy import Proxy
from tests.contract.states import FOLDER, write

OTHERWISE = {**INPUTS, "context_length": 4096}

Next = Callable[..., Host]


@pytest.fixture
def next_host(start_host: Callable[..., Host], tmp_path: Path) -> Next:
    """Starts hosts that share one journal, as those of one machine do."""
    machine = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / "state"), FOLDER: str(tmp_path / "states")}

    def start(environment: dict[str, str] | None = None, **options: str) -> Host:
        return start_host({**machine, **(environment or {})}, **options)

    return start


def kill(host: Host) -> None:
    host.process.kill()
    host.process.wait(timeout=10)


def killed_while_it_buys(host: Host, simulator: Simulator, name: str = "chat") -> str:
    """Kills the host when the vendor has started the instance and not answered; its id."""
    before = set(ids(simulator))
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=20)
    call = host.stub.Create.future(host.instance(name).create_request(INPUTS))
    until(lambda: len(ids(simulator)) == len(before) + 1)
    kill(host)
    call.cancel()
    simulator.control.clear_faults()
    (instance_id,) = set(ids(simulator)) - before
    return instance_id


def killed_when_it_has_bought(host: Host, name: str = "chat") -> Made:
    """Kills the host when it has answered, before the answer is saved."""
    made = host.instance(name).create(INPUTS)
    kill(host)
    return made


def test_what_was_bought_is_taken_over_at_any_price(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator)
    simulator.control.reprice("NVIDIA_L4_1", "9.60")
    made = next_host().instance("chat").create({**INPUTS, "max_price": "1.20 EUR"})
    assert ids(simulator) == [instance_id] == [made.id]


def test_killed_while_it_buys_is_taken_over(next_host: Next, simulator: Simulator, engine: FakeEngine) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator)
    made = next_host(engine=engine.address).instance("chat").create(INPUTS)
    assert ids(simulator) == [instance_id] == [made.id]
    assert made.outs["instance_id"] == instance_id
    (message,) = engine.messages
    assert message.startswith(
        f"{instance_id} is taken over: an earlier run bought it, and was killed before it was recorded in the state, "
        "or its row was removed; no answer"
    )


BY_ENDPOINT = "check of its Endpoint"


def by_endpoint(host: Host, made: Made) -> None:
    """Confirms an id as an Endpoint does: it gets the id of a saved Instance from the engine."""
    inputs = {"instance_id": made.id, "state": "running", "spec_digest": "x", "ready_timeout": 60}
    assert host.endpoint(BY_ENDPOINT).check(inputs).failures == ()


CONFIRMING: dict[str, Callable[[Host, Resource, Made], object]] = {
    "diff": lambda _, instance, made: instance.diff(made.outs, INPUTS, made.id),
    "read": lambda _, instance, made: instance.read(made),
    "update": lambda _, instance, made: instance.update(made, INPUTS),
    BY_ENDPOINT: lambda host, _, made: by_endpoint(host, made),
}


@pytest.mark.parametrize("by", ["the same host", "a later one"])
def test_what_an_engine_has_named_is_its_and_a_replacement_is_bought(
    next_host: Next, simulator: Simulator, tmp_path: Path, by: str
) -> None:
    host = next_host()
    # in a later one an Endpoint's check comes after its Instance's diff
    names = [name for name in CONFIRMING if by == "the same host" or name != BY_ENDPOINT]
    made = {name: host.instance(name).create(INPUTS) for name in names}
    if by == "a later one":
        kill(host)
        host = next_host()
    for name in names:
        CONFIRMING[name](host, host.instance(name), made[name])
    kill(host)
    in_the_state(tmp_path, made)
    later = next_host()
    replacements = {later.instance(name).create(INPUTS).id for name in names}
    assert replacements == set(ids(simulator)) - {instance.id for instance in made.values()}
    assert len(replacements) == len(names)


def test_a_forced_replacement_that_takes_over_does_not_end_what_it_took(
    next_host: Next, simulator: Simulator, engine: FakeEngine
) -> None:
    made = killed_when_it_has_bought(next_host())  # and the engine has saved it, unknown to the next host
    chat = next_host(engine=engine.address).instance("chat")
    chat.check({"model_id": QWEN}, INPUTS)
    assert chat.create(INPUTS).id == made.id
    chat.delete(made)
    assert ids(simulator) == [made.id]
    assert engine.messages[-1].startswith(f"{made.id} was not deleted: ")


def test_edited_arguments_are_refused_and_each_way_on_works(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator)
    host = next_host()
    with pytest.raises(CallFailedError) as failed:
        host.instance("chat").create(OTHERWISE)
    assert failed.value.text == (
        f"nothing was bought: an earlier run was killed after it had bought {instance_id} for this resource "
        "(Qwen--Qwen2-7B-Instruct on 1 x NVIDIA_L4_1): it exists, no state has it, and the program now has "
        f"other arguments. `pulumi-cortecs orphans --all-stacks --delete {instance_id}` deletes it, "
        f"adopt_id='{instance_id}' takes it over"
    )
    kill(host)
    chat = next_host().instance("chat")
    assert chat.buy({"model_id": QWEN, "adopt_id": instance_id}).id == instance_id
    assert ids(simulator) == [instance_id]


def test_what_cannot_be_told_apart_is_named_with_the_ways_on(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_while_it_buys(next_host(), simulator)
    foreign = bought(simulator).id
    with pytest.raises(CallFailedError, match="it is not known which instance") as failed:
        next_host().instance("chat").create(INPUTS)
    for words in (instance_id, foreign, "`pulumi-cortecs orphans --all-stacks`", "--delete ID`", "adopt_id='ID'"):
        assert words in str(failed.value)
    assert sorted(ids(simulator)) == sorted([instance_id, foreign])


def test_another_accounts_purchase_is_not_taken_for_gone(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_when_it_has_bought(next_host()).id
    simulator.control.register("theirs", "theirs")
    theirs = {"CORTECS_CLIENT_ID": "theirs", "CORTECS_CLIENT_SECRET": "theirs"}
    with pytest.raises(CallFailedError, match="has ordered this resource with other credentials"):
        next_host(theirs).instance("chat").create(INPUTS)
    assert ids(simulator) == [instance_id]


def test_a_clone_with_a_backend_of_its_own_takes_nothing_over_and_asks(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_when_it_has_bought(next_host({"PULUMI_BACKEND_URL": "file:///one"})).id
    clone = next_host({"PULUMI_BACKEND_URL": "file:///other"}).instance("chat")
    with pytest.raises(CallFailedError, match=f"of another project or backend .*{instance_id} \\(1.20 EUR/h\\)"):
        clone.create(INPUTS)
    assert ids(simulator) == [instance_id]
    assert clone.create({**INPUTS, "context_length": 4096}).id in ids(simulator)  # it has ordered something else


def test_what_was_stopped_meanwhile_is_started_when_it_is_taken_over(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_when_it_has_bought(next_host()).id
    simulator.control.stop(instance_id)
    assert next_host().instance("chat").create(INPUTS).id == instance_id
    (instance,) = simulator.control.instances()
    assert instance.status in ("pending", "running")


def test_what_was_stopped_meanwhile_is_not_started_above_max_price(next_host: Next, simulator: Simulator) -> None:
    instance_id = killed_when_it_has_bought(next_host()).id
    simulator.control.stop(instance_id)
    with pytest.raises(CallFailedError, match=r"is not taken over: max_price is 1.10 EUR, and the price is 1.20 EUR/h"):
        next_host().instance("chat").create({**INPUTS, "max_price": "1.10 EUR"})
    (instance,) = simulator.control.instances()
    assert instance.status == "stopped"


def test_what_the_limits_forbid_is_not_taken_over_and_named(
    next_host: Next, simulator: Simulator, tmp_path: Path
) -> None:
    instance_id = killed_when_it_has_bought(next_host()).id
    (tmp_path / "limits.json").write_text(machine_limits(simulator, allowed_hardware=["NVIDIA_L40S_1"]))
    limited = next_host({"PULUMI_CORTECS_LIMITS": str(tmp_path / "limits.json")})
    with pytest.raises(
        CallFailedError,
        match=f"^{instance_id}, which an earlier run bought before it was killed, .*--delete {instance_id}`",
    ):
        limited.instance("chat").create(INPUTS)


def undone_by_a_killed_engine(host: Host, simulator: Simulator, proxy: Proxy) -> str:
    """Buys, has the engine killed before the answer comes, and lets it come; the id of what the host then undoes."""
    with proxy.holding("/instances/start") as until_bought:
        call = host.stub.Create.future(host.instance("chat").create_request(INPUTS))
        until_bought()
        (undone,) = ids(simulator)
        host.sees_the_end_of(call)
    return undone


def test_who_undoes_a_purchase_is_waited_for(next_host: Next, simulator: Simulator, proxy: Proxy) -> None:
    first, second = next_host(proxy.env()), next_host(proxy.env())
    undone = undone_by_a_killed_engine(first, simulator, proxy)
    made = second.instance("chat").create(INPUTS)
    assert ids(simulator) == [made.id] != [undone]
    assert len(simulator.control.ledger().open) == 1


def test_killed_while_it_undoes_is_taken_over_and_started(next_host: Next, simulator: Simulator, proxy: Proxy) -> None:
    host = next_host(proxy.env())
    simulator.control.fault("slow_answer", path="/instances/stop", real_seconds=20)
    undone = undone_by_a_killed_engine(host, simulator, proxy)
    until(lambda: simulator.control.instances()[0].status == "stopped")
    kill(host)
    simulator.control.clear_faults()
    assert next_host(proxy.env()).instance("chat").create(INPUTS).id == undone
    assert ids(simulator) == [undone]
    assert simulator.control.instances()[0].status != "stopped"


def test_what_could_not_be_undone_is_taken_over(next_host: Next, simulator: Simulator, proxy: Proxy) -> None:
    host = next_host(proxy.env())
    simulator.control.fault("server_error", path="/instances/stop", status=403)
    undone_by_a_killed_engine(host, simulator, proxy)
    until(lambda: sum(simulator.control.requests().refused.values()) > 0)
    simulator.control.clear_faults()
    assert [next_host(proxy.env()).instance("chat").create(INPUTS).id] == ids(simulator)
    assert len(simulator.control.ledger().entries) == 1


def test_without_a_journal_there_is_one_warning_and_one_instance(
    next_host: Next, simulator: Simulator, engine: FakeEngine, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "orders.sqlite3").write_text("no database " * 1000)
    host = next_host(engine=engine.address)
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda number: host.instance(f"n{number}").create(INPUTS).id, range(3)))
    assert sorted(made) == sorted(ids(simulator))
    (warning,) = engine.messages
    assert "Orders of this run are not recorded" in warning
    kill(host)
    with pytest.raises(
        CallFailedError, match="it is not known whether an earlier run has bought this resource already"
    ):
        next_host().instance("n0").create(INPUTS)
    assert len(ids(simulator)) == 3


def left(engine: FakeEngine) -> list[str]:
    return [message for message in engine.messages if "an earlier run was killed while it bought" in message]


def in_the_state(directory: Path, made: Mapping[str, Made]) -> None:
    """The engine has saved these before it was killed."""
    write(
        directory / "states",
        test=[{"urn": urn(INSTANCE, name), "instance_id": instance.id} for name, instance in made.items()],
    )


def test_a_destroy_tells_what_an_ended_run_has_left_behind(
    next_host: Next, simulator: Simulator, engine: FakeEngine, tmp_path: Path
) -> None:
    host = next_host()
    made = {name: host.instance(name).create(INPUTS) for name in ("one", "two")}
    instance_id = killed_while_it_buys(host, simulator, "lost")
    in_the_state(tmp_path, made)
    host = next_host(engine=engine.address)
    for name, instance in made.items():
        host.instance(name).diff(instance.outs, INPUTS, instance.id)
    for name, instance in made.items():
        host.instance(name).delete(instance)
    (message,) = left(engine)
    assert f"for lost ({instance_id}, 1.20 EUR/h)" in message


def test_a_destroy_reports_no_purchase_it_ends_of_other_stacks_or_gone(
    next_host: Next, simulator: Simulator, engine: FakeEngine, tmp_path: Path
) -> None:
    host = next_host()
    other = host.instance(urn_="urn:pulumi:test2::tests::pulumi-python:dynamic/cortecs:Instance::n0").create(INPUTS)
    gone = host.instance("gone").create(INPUTS)
    made = [(f"n{number}", host.instance(f"n{number}").create(INPUTS)) for number in range(3)]
    kill(host)
    in_the_state(tmp_path, dict(made))
    simulator.control.vanish(gone.id)
    later = next_host(engine=engine.address)
    (slow, first), *others = made
    simulator.control.fault("slow_answer", path="/instances/stop", instance_id=first.id, real_seconds=3)
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(later.instance(slow).delete, first)
        until(lambda: sum(simulator.control.faults().values()) == 1)
        for name, instance in others:  # an engine ends some at a time, and others when there is room
            later.instance(name).delete(instance)
        ending.result()
    assert ids(simulator) == [other.id]
    assert engine.messages == []


def test_an_up_reports_once_and_first_what_it_may_take_over(
    next_host: Next, simulator: Simulator, engine: FakeEngine, tmp_path: Path
) -> None:
    host = next_host()
    made = host.instance("chat").create(INPUTS)
    instance_id = killed_while_it_buys(host, simulator, "lost")
    in_the_state(tmp_path, {"chat": made})
    host = next_host(engine=engine.address)
    host.instance("more").check({"model_id": QWEN})
    (message,) = left(engine)
    assert f"for lost ({instance_id}, 1.20 EUR/h). This run takes it over when it creates lost" in message
    host.instance("chat").delete(made)
    assert len(left(engine)) == 1
