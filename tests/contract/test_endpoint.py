"""An Endpoint waits: until its Instance answers, until it cannot any more, or until the time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from google.protobuf import empty_pb2

from pulumi_cortecs.simulator import Simulator, running
from tests.contract.bought import INPUTS, QWEN, bought
from tests.contract.engine import listening
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made, Resource, hosting
from tests.contract.patience import until
from tests.contract.proxy import Answer, Proxy, Sent

LIST = "GET /api/v1/instances"
StartHost = Callable[..., Host]


@pytest.fixture
def made(simulator: Simulator) -> Made:
    """An instance that an earlier `up` bought."""
    return bought(simulator)


def _wanted(made: Made, **inputs: Any) -> dict[str, Any]:
    return {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20, **inputs}


@contextmanager
def _meanwhile(simulator: Simulator, act: Callable[[], object]) -> Iterator[None]:
    """Calls `act` in the middle of the wait in the block: when it has looked twice."""
    before = simulator.control.requests().count(LIST)

    def acting() -> None:
        until(lambda: simulator.control.requests().count(LIST) >= before + 2)
        act()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(acting)
        yield
        done.result()


def _endpoint_of(host: Host, made: Made) -> Resource:
    """The Endpoint of the Instance that has it, which the engine shows first."""
    host.instance(made.id).diff(made.outs, INPUTS, made.id)
    return host.endpoint(made.id)


def _stuck(simulator: Simulator, **inputs: Any) -> Made:
    """An instance that has come to the step of its boot behind which it will not come."""
    simulator.control.fault("stuck_boot")
    made = bought(simulator, **inputs)
    simulator.control.advance(18)
    return made


def test_create_returns_when_the_instance_answers(host: Host, made: Made) -> None:
    endpoint = host.endpoint().create(_wanted(made))
    assert httpx.get(f"{endpoint.outs['base_url']}/models", trust_env=False).status_code == 200
    assert endpoint.outs["status"] == "running"


def test_outputs_are_the_inputs_and_what_the_vendor_tells(host: Host, made: Made, simulator: Simulator) -> None:
    endpoint = host.endpoint().create(_wanted(made, spec_digest="d"))
    assert made.id not in endpoint.id
    outs = dict(endpoint.outs)
    assert outs.pop("started_at").endswith("Z")
    assert outs == {
        **_wanted(made, spec_digest="d"),
        "account": made.outs["account"],
        "base_url": f"{simulator.url}/serve/{made.id}/v1",
        "price_difference": "",
        "ready_by": "answer",
        "status": "running",
        "stopped_at": "",
        "worker_statuses": [
            {"init_progress": {"current_step": 5, "num_steps": 5, "description": "The worker is running."}}
        ],
    }


def test_every_endpoint_has_an_id_of_its_own(host: Host, made: Made) -> None:
    assert host.endpoint().create(_wanted(made)).id != host.endpoint().create(_wanted(made)).id


def test_one_running_worker_of_several_is_enough(host: Host, simulator: Simulator) -> None:
    simulator.control.settings(worker_stagger_seconds=3600)
    endpoint = host.endpoint().create(_wanted(bought(simulator, num_workers=2)))
    steps = [status["init_progress"]["current_step"] for status in endpoint.outs["worker_statuses"]]
    assert steps == [5, 1]


def test_update_waits_for_another_instance(host: Host, made: Made, simulator: Simulator) -> None:
    endpoint = host.endpoint().create(_wanted(made))
    other = bought(simulator)
    updated = host.endpoint().update(endpoint, _wanted(other))
    assert (updated.id, updated.outs["instance_id"]) == (endpoint.id, other.id)
    assert updated.outs["base_url"] == f"{simulator.url}/serve/{other.id}/v1"


def test_a_stopped_endpoint_has_no_address_and_waits_for_nothing(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.stop(made.id)
    endpoint = host.endpoint().create(_wanted(made, state="stopped"))
    assert {key: endpoint.outs[key] for key in ("base_url", "status", "state")} == {
        "base_url": "",
        "status": "stopped",
        "state": "stopped",
    }
    assert endpoint.outs["stopped_at"].endswith("Z")
    assert endpoint.outs["worker_statuses"] == [{}]


def test_waits_of_many_share_their_lists(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.pause()
    made = [bought(simulator) for _ in range(4)]
    host = start_host({"PULUMI_CORTECS_POLL_INTERVAL": "0.2"})
    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(host.endpoint().create, _wanted(instance)) for instance in made]
        until(lambda: simulator.control.requests().count(LIST) >= 1)
        began, before = time.monotonic(), simulator.control.requests().count(LIST)
        until(lambda: simulator.control.requests().count(LIST) >= before + 4)
        during = simulator.control.requests().count(LIST) - before
        intervals = (time.monotonic() - began) / 0.2
        simulator.control.resume()
        assert {wait.result().outs["instance_id"] for wait in waits} == {instance.id for instance in made}
    # a rate, not a speed: four waits that each asked for themselves would ask four times as often on any machine
    assert during <= intervals + 2


def test_when_the_time_is_up_it_is_said_what_it_costs_and_what_to_do(host: Host, simulator: Simulator) -> None:
    made = _stuck(simulator, num_workers=3)
    with pytest.raises(CallFailedError) as failed:
        host.endpoint().create(_wanted(made, ready_timeout=1))
    assert failed.value.text == (
        f"{made.id} was not ready within 1 s; last seen: 3/5 Downloading the model. "
        "It still exists and costs 3.60 EUR/h. "
        "`pulumi up` continues the wait, `pulumi destroy` deletes it"
    )


def test_the_time_counts_from_the_start_of_the_instance(host: Host, simulator: Simulator) -> None:
    # a wait that had to queue gets no longer than the others
    simulator.control.fault("stuck_boot")
    made = host.instance().buy({"model_id": QWEN})
    time.sleep(1)
    before = simulator.control.requests().count(LIST)
    with pytest.raises(CallFailedError, match="was not ready within 1 s"):
        host.endpoint().create(_wanted(made, ready_timeout=1))
    # its time was up at the first look; one that counted from now would have looked ten times
    assert simulator.control.requests().count(LIST) - before == 1


def test_a_restart_is_waited_for_anew(host: Host, made: Made, simulator: Simulator) -> None:
    waited = host.endpoint().create(_wanted(made))
    host.instance().update(made, {**INPUTS, "restart_trigger": "now"})
    again = host.endpoint().update(waited, _wanted(made, spec_digest="new", ready="status"))
    assert again.outs["status"] == "running"
    assert again.outs["started_at"] > waited.outs["started_at"]


def test_a_list_that_lags_behind_a_restart_shows_no_stop_from_outside(
    start_host: StartHost, made: Made, proxy: Proxy
) -> None:
    restarted, lagged = threading.Event(), list[Sent]()

    def lagging(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if sent.path == "/instances/restart":
            restarted.set()
        if sent.path == "/instances/" and restarted.is_set() and len(lagged) < 4:
            lagged.append(sent)
            for row in answer.body["instances"]:
                row["instance_status"]["status"] = "stopped"
        return answer

    proxy.rewrite = lagging
    host = start_host({**proxy.env(), "PULUMI_CORTECS_LIST_LAG": "30"})
    host.instance().update(made, {**INPUTS, "restart_trigger": "now"})
    wanted = _wanted(made, spec_digest="new", ready="status")
    waited = host.endpoint().update(Made("some-id", _wanted(made)), wanted)
    assert waited.outs["status"] == "running"
    assert len(lagged) == 4


def test_an_instance_stopped_during_the_wait_ends_it(host: Host, made: Made, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    made = bought(simulator)
    with _meanwhile(simulator, lambda: simulator.control.stop(made.id)), pytest.raises(CallFailedError) as failed:
        host.endpoint().create(_wanted(made))
    assert failed.value.text == (
        f"{made.id} was stopped from outside during the wait, so it costs nothing now. "
        "`pulumi up --refresh` starts it again, `pulumi destroy` removes it"
    )


def test_a_vendor_that_is_down_during_the_wait_is_named_at_its_end() -> None:
    with ExitStack() as vendor:
        simulator = vendor.enter_context(running(boot=3600))
        made = bought(simulator)
        with (
            hosting(simulator.env(), before=IMPATIENT) as host,
            _meanwhile(simulator, vendor.close),
            pytest.raises(CallFailedError) as failed,
        ):
            host.endpoint().create(_wanted(made, ready_timeout=3))
    message = str(failed.value)
    assert message.startswith(f"{made.id} was not ready within 3 s; last seen: no answer: ")
    assert "cannot be reached" in message
    assert "It still exists and may be billed. `pulumi up` continues the wait" in message


@pytest.mark.parametrize(
    ("fault", "times"),
    [("malformed_json", 7), ("server_error", 7), ("lost_answer", 7), ("too_many_requests", 7), ("token_expiry", 1)],
)
def test_passing_trouble_is_weathered(host: Host, simulator: Simulator, fault: str, times: int) -> None:
    made = bought(simulator)
    simulator.control.fault(fault, method="GET", path="/instances", count=times)
    assert host.endpoint().create(_wanted(made)).outs["status"] == "running"


def test_an_instance_that_is_not_listed_yet_is_waited_for(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("list_lag", seconds=30, by_id=True)
    made = bought(simulator)
    patient = {"PULUMI_CORTECS_LIST_LAG": "2"}
    with hosting({**simulator.env(), **patient}) as later:
        assert later.endpoint().create(_wanted(made)).outs["status"] == "running"


def test_refused_credentials_end_the_wait_at_once(start_host: StartHost, made: Made) -> None:
    host = start_host({"CORTECS_CLIENT_SECRET": "wrong"}, before=IMPATIENT)
    with pytest.raises(CallFailedError, match=r"exists and may be billed, but the wait for it failed: .* 401"):
        host.endpoint().create(_wanted(made, ready_timeout=25))  # a call takes no longer than 30


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_status_that_nobody_knows_ends_the_wait(start_host: StartHost, made: Made, proxy: Proxy, state: str) -> None:
    def hibernating(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body.get("instances", []):
            row["instance_status"]["status"] = "hibernating"
        return answer

    proxy.rewrite = hibernating
    with pytest.raises(CallFailedError, match=r"exists and may be billed, but the wait for it failed: .*'hibernating'"):
        start_host(proxy.env()).endpoint().create(_wanted(made, state=state))


def test_running_without_an_address_is_not_ready(start_host: StartHost, made: Made, proxy: Proxy) -> None:
    def address_unknown(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body.get("instances", []):
            row["base_url"] = None
        return answer

    proxy.rewrite = address_unknown
    with pytest.raises(CallFailedError, match="was not ready within 1 s; last seen: running"):
        start_host(proxy.env()).endpoint().create(_wanted(made, ready_timeout=1))


def test_progress_is_told_on_the_resources_own_row(simulator: Simulator) -> None:
    simulator.control.pause()
    made = bought(simulator)
    with listening() as engine, hosting(simulator.env(), engine=engine.address) as host, ThreadPoolExecutor() as pool:
        endpoint = host.endpoint("chat")
        wait = pool.submit(endpoint.create, _wanted(made))
        for count in range(1, 5):
            until(lambda count=count: len(engine.lines) == count)
            simulator.control.advance(4.5)
        wait.result()
    assert engine.messages == [
        "1/5 Reserving hardware",
        "2/5 Starting the worker",
        "3/5 Downloading the model",
        "4/5 Loading the model into memory",
        "running",
    ]
    assert {(line.severity, line.ephemeral, line.urn) for line in engine.lines} == {(1, True, endpoint.urn)}


def test_progress_says_what_it_costs_once_the_instance_was_seen(simulator: Simulator) -> None:
    simulator.control.pause()
    made = bought(simulator, quote={**INPUTS["quote"], "hourly_total": "3.60"})
    with listening() as engine, hosting(simulator.env(), engine=engine.address) as host, ThreadPoolExecutor() as pool:
        host.instance().diff(made.outs, INPUTS, made.id)
        wait = pool.submit(host.endpoint("chat").create, _wanted(made))
        until(lambda: bool(engine.lines))
        simulator.control.resume()
        wait.result()
        line_count = len(engine.lines)
        assert engine.messages[-1].startswith("3.60 EUR/h, ")
        host.endpoint("chat").create(_wanted(made))
    # who finds it ready has nothing to report: at the end of a fleet's boot most do
    assert len(engine.lines) == line_count


@pytest.mark.parametrize(
    ("on_timeout", "message", "left"),
    [
        ("keep", "It still exists and costs 1.20 EUR/h. `pulumi up` continues the wait", ["pending"]),
        ("stop", r"It was stopped \(on_timeout\) and costs nothing now. `pulumi up --refresh` starts it", ["stopped"]),
        ("delete", r"It was deleted \(on_timeout\) and costs nothing any more. `pulumi up --refresh` creates", []),
    ],
)
def test_a_wait_that_gives_up_ends_the_bill_if_told_to(
    host: Host, simulator: Simulator, on_timeout: str, message: str, left: list[str]
) -> None:
    made = _stuck(simulator)
    with pytest.raises(CallFailedError, match=rf"was not ready within 1 s; last seen: 3/5 [^.]+\. {message}"):
        _endpoint_of(host, made).create(_wanted(made, ready_timeout=1, on_timeout=on_timeout))
    assert [instance.status for instance in simulator.control.instances()] == left
    assert (simulator.control.ledger().open == ()) is (on_timeout != "keep")


def test_what_no_instance_of_this_run_has_is_not_ended(host: Host, simulator: Simulator) -> None:
    made = _stuck(simulator)
    with pytest.raises(CallFailedError) as failed:
        host.endpoint(made.id).create(_wanted(made, ready_timeout=1, on_timeout="delete"))
    assert failed.value.text == (
        f"{made.id} was not ready within 1 s; last seen: 3/5 Downloading the model. It was left as it is, whatever "
        "on_timeout says: this run has not received the Instance that this Endpoint belongs to and that has it. It "
        "still "
        "exists, and costs 1.20 EUR/h. `pulumi up` continues the wait"
    )
    assert [instance.status for instance in simulator.control.instances()] == ["pending"]


def test_a_bill_that_could_not_be_ended_is_told(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot")
    made = bought(simulator)
    simulator.control.fault("server_error", path="/instances/stop")
    with pytest.raises(CallFailedError) as failed:
        _endpoint_of(host, made).create(_wanted(made, ready_timeout=1, on_timeout="delete"))
    assert "on_timeout='delete' failed" in str(failed.value)
    assert "it may still exist, and costs 1.20 EUR/h. `pulumi destroy` deletes it" in str(failed.value)


def test_an_interrupted_wait_gives_nothing_up(host: Host, simulator: Simulator, start_host: StartHost) -> None:
    simulator.control.pause()
    made = bought(simulator)
    host = start_host()
    before = simulator.control.requests().count(LIST)
    with ThreadPoolExecutor() as pool:
        wait = pool.submit(host.endpoint().create, _wanted(made, on_timeout="delete"))
        until(lambda: simulator.control.requests().count(LIST) > before)
        host.stub.Cancel(empty_pb2.Empty(), timeout=10)
        with pytest.raises(CallFailedError, match=r"was interrupted; .* It still exists and costs"):
            wait.result()
    assert [instance.status for instance in simulator.control.instances()] == ["pending"]


def test_calls_before_the_first_was_served_start_without_another(simulator: Simulator) -> None:
    simulator.control.pause()
    many = [bought(simulator) for _ in range(8)]
    with listening() as engine, hosting(simulator.env(), engine=engine.address) as host, ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(host.endpoint().create, _wanted(instance)) for instance in many]
        until(lambda: len(engine.lines) == 8)
        simulator.control.resume()
        assert {wait.result().outs["status"] for wait in waits} == {"running"}


def test_an_engine_that_was_killed_before_the_first_call_is_noticed(simulator: Simulator) -> None:
    """A host that does not notice it lives on, and `until` fails after its ten seconds."""
    with listening() as engine:
        address = engine.address
    with hosting(simulator.env(), engine=address) as host:
        host.instance().check(INPUTS)
        until(lambda: host.process.poll() is not None)


def test_an_engine_that_does_not_listen_does_not_disturb_a_wait(simulator: Simulator) -> None:
    made = bought(simulator)
    with hosting(simulator.env(), engine="127.0.0.1:1") as host:
        assert host.endpoint().create(_wanted(made)).outs["status"] == "running"
        assert host.printed() == ""
