"""A simulator that ends, in order or by kill -9, and goes on from its state file.

A kill is a copy of the files while the simulator is idle: what the kernel has of them is what a kill -9 leaves. Real
kills of the real program are in `tests/unit/cli/test_simulator.py`.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Control, Simulator, SimulatorSettings, StateError, running
from pulumi_cortecs.simulator.control_client import loopback_client
from tests.contract.patience import until

QWEN = "Qwen--Qwen2-7B-Instruct"
START = {"model_id": QWEN}


@dataclass
class Crashes:
    """Copies of a state file, each as a kill -9 at that moment would leave it."""

    folder: Path
    path: Path

    def __post_init__(self) -> None:
        self._numbers = count()

    def now(self) -> Path:
        left = self.folder / f"crash-{next(self._numbers)}"
        left.mkdir()
        for file in self.path.parent.glob(f"{self.path.name}*"):
            shutil.copy(file, left)
        return left / self.path.name


@pytest.fixture
def crashes(tmp_path: Path) -> Crashes:
    return Crashes(tmp_path, tmp_path / "sim.db")


@contextmanager
def killed_and_restarted(crashes: Crashes, **options: Any) -> Iterator[Simulator]:
    with running(state=crashes.now(), **options) as again:
        yield again


@pytest.fixture
def sim(crashes: Crashes) -> Iterator[Simulator]:
    with running(boot=40, seed=1, state=crashes.path) as simulator:
        simulator.control.pause()
        yield simulator


@pytest.fixture
def api(sim: Simulator) -> Iterator[httpx.Client]:
    with sim.client() as client:
        yield client


def start(api: httpx.Client, **wanted: Any) -> str:
    answer = api.post("/instances/start", json={**START, **wanted}).raise_for_status()
    return str(answer.json()["instance"]["instance_id"])


def list_statuses(api: httpx.Client) -> list[tuple[str, str]]:
    rows = api.get("/instances").raise_for_status().json()["instances"]
    return [(row["instance_id"], row["instance_status"]["status"]) for row in rows]


def everything(sim: Simulator) -> dict[str, Any]:
    """All that control shows, wherever it listens."""
    with loopback_client(f"{sim.url}/_sim") as client:
        shown = {
            what: client.get(f"/{what}").json()
            for what in ("instances", "ledger", "clock", "settings", "faults", "market", "requests")
        }
    shown["requests"].pop("refusals")
    for instance in shown["instances"]["instances"]:
        instance["base_url"] = instance["base_url"] and instance["base_url"].replace(str(sim.port), "PORT")
    return shown


def client_of(sim: Simulator, other: httpx.Client) -> httpx.Client:
    """A client of this simulator with the token of another one."""
    client = loopback_client(sim.base_url)
    client.headers["Authorization"] = other.headers["Authorization"]
    return client


def test_whatever_was_answered_survives_a_kill_right_after_it(
    sim: Simulator, api: httpx.Client, crashes: Crashes
) -> None:
    control, ids = sim.control, list[str]()

    def stop(number: int) -> Any:
        return api.post("/instances/stop", json={"instance_id": ids[number]}).raise_for_status()

    story: list[Callable[[], Any]] = [
        lambda: ids.append(start(api, num_workers=2)),
        lambda: ids.append(start(api, billing_interval="per_hour", context_length=8000)),
        lambda: control.advance(61),
        lambda: stop(0),
        lambda: control.reprice("NVIDIA_L4_1", "2.40"),
        lambda: control.advance(0.0005),
        lambda: api.post("/instances/restart", json={"instance_id": ids[0]}).raise_for_status(),
        lambda: control.fault("server_error", probability=0.25, count=3, path="/nothing", status=503),
        lambda: control.fault("reclaim", count=1, seconds=100, vanish=True),
        lambda: ids.append(start(api)),
        lambda: control.settings(boot_seconds=7, initial_balance="12.50"),
        lambda: control.stop(ids[1]),
        lambda: api.delete(f"/instances/{ids[1]}").raise_for_status(),
        lambda: control.advance(1000),
        lambda: control.run_at(60),
        lambda: control.set_available("NVIDIA_L40S_1", False),
        lambda: control.recommend(QWEN, "NVIDIA_L4_2"),
        lambda: control.withdraw_hardware("NVIDIA_H100_2"),
        lambda: control.withdraw_model("cortecs--phi-4-FP8-Dynamic"),
        lambda: api.delete("/instances/delete-all?force_deletion=True").raise_for_status(),
        control.clear_faults,
        lambda: (control.reset(seed=9), control.pause()),  # type: ignore[func-returns-value]
        lambda: ids.append(start(api)),
    ]
    for step in story:
        step()
        with killed_and_restarted(crashes) as again:
            assert everything(again) == everything(sim)


def test_an_end_in_order_keeps_everything_too(crashes: Crashes) -> None:
    with running(state=crashes.path) as sim, sim.client() as api:
        sim.control.pause()
        start(api)
        before = everything(sim)
    with running(state=crashes.path) as again:
        assert everything(again) == before
    assert [path.name for path in crashes.path.parent.iterdir()] == ["sim.db"]


def test_a_purchase_whose_answer_was_lost_survives(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    sim.control.fault("lost_answer", path="/instances/start", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        start(api)
    with killed_and_restarted(crashes) as again:
        assert len(again.control.instances()) == 1
        assert list(again.control.faults().values()) == [1]


def test_a_lost_request_has_counted_before_its_connection_is_cut(
    sim: Simulator, api: httpx.Client, crashes: Crashes
) -> None:
    sim.control.fault("lost_request", path="/instances/start", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        start(api)
    with killed_and_restarted(crashes) as again, client_of(again, api) as client:
        start(client)


def test_a_purchase_survives_while_its_answer_is_slow(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    sim.control.fault("slow_answer", path="/instances/start", real_seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        api.post("/instances/start", json=START, timeout=1)
    until(lambda: len(sim.control.instances()) == 1)
    with killed_and_restarted(crashes) as again:
        assert len(again.control.instances()) == 1


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full for large files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_could_not_be_kept_is_no_success(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    journal = crashes.path.with_name("sim.db-wal")
    with files_of_at_most(journal.stat().st_size + 100_000):
        answers = [api.post("/instances/start", json=START).status_code for _ in range(40)]
        with killed_and_restarted(crashes) as again:
            assert answers.count(200) <= len(again.control.instances()) < 40
    assert set(answers) == {200, 500}
    start(api)
    with killed_and_restarted(crashes) as again:
        assert everything(again) == everything(sim)


def test_tokens_and_clients_stay_good(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    sim.control.register("acme", "hunter2", "sim")
    instance_id = start(api)
    with killed_and_restarted(crashes) as again:
        with client_of(again, api) as client:
            assert list_statuses(client) == [(instance_id, "pending")]
        with again.client("acme", "hunter2") as rotated:
            assert list_statuses(rotated) == [(instance_id, "pending")]
        with pytest.raises(httpx.HTTPStatusError, match="401"), again.client("acme", "sim"):
            pass


def test_tokens_that_were_expired_stay_expired(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    sim.control.expire_tokens()
    with killed_and_restarted(crashes) as again, client_of(again, api) as client:
        assert client.get("/instances").status_code == 401


def test_tokens_expire_in_real_time_while_it_is_off(crashes: Crashes) -> None:
    with running(state=crashes.path, token_ttl=0.05) as sim, sim.client() as api:
        pass
    with running(state=crashes.path) as again, client_of(again, api) as client:
        until(lambda: client.get("/instances").status_code == 401)


def test_no_secret_is_in_the_file(crashes: Crashes) -> None:
    with running(state=crashes.path) as sim:
        sim.control.register("acme", "hunter2")
        with sim.client("acme", "hunter2") as api:
            token = api.headers["Authorization"].removeprefix("Bearer ")
            start(api)
        left = crashes.now()
    for file in [crashes.path, *left.parent.iterdir()]:
        assert b"hunter2" not in file.read_bytes()
        assert token.encode() not in file.read_bytes()


def test_chance_and_ids_go_on_as_if_nothing_had_happened(crashes: Crashes) -> None:
    def drawn(api: httpx.Client, times: int) -> list[Any]:
        answers = [api.post("/instances/start", json=START) for _ in range(times)]
        return [
            answer.json()["instance"]["instance_id"] if answer.is_success else answer.status_code for answer in answers
        ]

    def begun(sim: Simulator) -> None:
        sim.control.fault("server_error", probability=0.5, path="/instances/start")

    with running(seed=5) as whole, whole.client() as api:
        begun(whole)
        uninterrupted = drawn(api, 20)
    with running(seed=5, state=crashes.path) as first, first.client() as api:
        begun(first)
        interrupted = drawn(api, 10)
        with killed_and_restarted(crashes, seed=77) as second, client_of(second, api) as client:
            interrupted += drawn(client, 10)
            assert list(second.control.faults().values()) == [interrupted.count(500)]
    assert interrupted == uninterrupted
    assert 500 in interrupted


def test_virtual_time_stands_still_while_it_is_off(crashes: Crashes) -> None:
    with running(speed=1e6, state=crashes.path) as sim:
        answered = sim.control.clock().now
        left = crashes.now()
        later = sim.control.clock().now
        time.sleep(0.3)  # 83 hours at this speed
    with running(speed=1, state=left) as again:
        assert answered <= again.control.clock().now < later + timedelta(hours=1)


def test_ended_in_order_it_goes_on_from_its_end(crashes: Crashes) -> None:
    with running(speed=1e6, state=crashes.path) as sim:
        answered = sim.control.clock().now
    with running(speed=1, state=crashes.path) as again:
        assert again.control.clock().now > answered


def test_time_never_goes_back(crashes: Crashes) -> None:
    times = list[datetime]()
    with running(speed=1e5, state=crashes.path) as sim, sim.client() as api:
        instance_id = start(api)
        until(lambda: list_statuses(api) == [(instance_id, "running")])
        with killed_and_restarted(crashes) as again, client_of(again, api) as client:
            assert list_statuses(client) == [(instance_id, "running")]
        for _ in range(20):
            times.append(sim.control.clock().now)
            with killed_and_restarted(crashes) as again:
                assert again.control.clock().now >= times[-1]


def test_a_paused_clock_stays_paused_to_the_microsecond(sim: Simulator, crashes: Crashes) -> None:
    for _ in range(4):
        sim.control.advance(0.0004)
    with killed_and_restarted(crashes) as again:
        assert again.control.clock().paused
        assert again.control.advance(0.0004) == sim.control.advance(0.0004)


def test_ends_and_lags_that_were_to_come_still_come(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    sim.control.fault("reclaim", seconds=100, count=1)
    reclaimed = start(api)
    sim.control.fault("list_lag", seconds=5, count=1)
    unlisted = start(api)
    sim.control.fault("status_lag", method="POST", path="/instances/stop", seconds=5)
    sim.control.fault("delete_lag", seconds=5)
    doomed = start(api)
    api.post("/instances/stop", json={"instance_id": doomed})
    api.delete(f"/instances/{doomed}").raise_for_status()
    with killed_and_restarted(crashes) as again, client_of(again, api) as client:
        assert list_statuses(client) == [(reclaimed, "pending"), (doomed, "stopped")]
        again.control.advance(5)
        assert list_statuses(client) == [(reclaimed, "pending"), (unlisted, "pending")]
        again.control.advance(135)
        assert list_statuses(client) == [(reclaimed, "stopped"), (unlisted, "running")]
        (run,) = again.control.ledger().of(reclaimed)
        assert run.ended_at is not None
        assert (run.ended_at - run.started_at).total_seconds() == 140


def test_what_is_given_at_the_restart_replaces_what_was_kept(crashes: Crashes) -> None:
    with running(speed=7, boot=5, token_ttl=60, state=crashes.path) as sim:
        sim.control.settings(error_key="message")
        with killed_and_restarted(crashes) as kept:
            settings = kept.control.settings()
            assert (settings["boot_seconds"], settings["token_ttl_real_seconds"], settings["error_key"]) == (
                5,
                60,
                "message",
            )
            assert kept.control.clock().speed == 7
        with killed_and_restarted(crashes, boot=9, speed=3) as restarted:
            settings = restarted.control.settings()
            assert (settings["boot_seconds"], settings["token_ttl_real_seconds"], settings["error_key"]) == (
                9,
                60,
                "message",
            )
            assert restarted.control.clock().speed == 3
        with killed_and_restarted(crashes, settings=SimulatorSettings(bill_pending=False)) as replaced:
            settings = replaced.control.settings()
            assert (settings["boot_seconds"], settings["error_key"], settings["bill_pending"]) == (30, "error", False)


def test_a_reset_goes_back_to_what_this_process_was_given(crashes: Crashes) -> None:
    with running(speed=7, boot=5, state=crashes.path), killed_and_restarted(crashes, boot=9) as again:
        again.control.reset()
        assert (again.control.settings()["boot_seconds"], again.control.clock().speed) == (9, 1)


def test_the_instances_answer_at_the_new_address(crashes: Crashes) -> None:
    with running(boot=0, state=crashes.path) as sim, sim.client() as api:
        start(api)
        with killed_and_restarted(crashes) as again, client_of(again, api) as client:
            (instance,) = client.get("/instances").json()["instances"]
            assert client.get(f"{instance['base_url']}/models").status_code == 200
            assert str(again.port) in instance["base_url"]


def test_a_file_in_use_leaves_the_other_simulator_alone(sim: Simulator, api: httpx.Client, crashes: Crashes) -> None:
    with pytest.raises(StateError, match="in use"), running(state=crashes.path):
        pass
    start(api)
    with killed_and_restarted(crashes) as again:
        assert len(again.control.instances()) == 1


def test_a_taken_port_lets_go_of_the_file(sim: Simulator, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match="in use"), running(port=sim.port, state=tmp_path / "other.db"):
            pass
    with running(state=tmp_path / "other.db") as other, Control(other.url) as control:
        assert control.instances() == ()
