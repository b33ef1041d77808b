"""`/_sim` and the typed client for it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator import ControlError, Simulator, SimulatorSettings

QWEN = "Qwen--Qwen2-7B-Instruct"


def start(api: httpx.Client, **wanted: Any) -> str:
    answer = api.post("/instances/start", json={"model_id": QWEN, **wanted}).raise_for_status()
    return str(answer.json()["instance"]["instance_id"])


def test_the_same_seed_gives_the_same_ids(sim: Simulator, api: httpx.Client) -> None:
    def ids(seed: int) -> list[str]:
        sim.control.reset(seed=seed)
        return [start(api) for _ in range(3)]

    assert ids(7) == ids(7)
    assert ids(7) != ids(8)


def test_a_fault_added_in_between_does_not_change_the_ids(sim: Simulator, api: httpx.Client) -> None:
    sim.control.reset(seed=7)
    plain = [start(api) for _ in range(3)]
    sim.control.reset(seed=7)
    sim.control.fault("slow_answer", probability=0.5, real_seconds=0)
    assert [start(api) for _ in range(3)] == plain


def test_a_reset_forgets_everything_but_the_tokens(sim: Simulator, api: httpx.Client) -> None:
    start(api)
    sim.control.fault("server_error", path="/nothing")
    sim.control.settings(boot_seconds=1)
    sim.control.reprice("NVIDIA_L4_1", "9.00")
    sim.control.reset()
    assert sim.control.instances() == ()
    assert sim.control.ledger().entries == ()
    assert sim.control.faults() == {}
    assert sim.control.settings()["boot_seconds"] == 40
    assert sim.control.requests().counts == {}
    assert sim.control.clock().paused is False
    assert api.get("/hardware-types").json()["hardware_types"][0]["price_info"]["price_per_hour"] == 1.2
    assert api.get("/instances").json() == {"instances": []}


def test_the_clock_can_be_stepped_paused_and_sped_up(sim: Simulator) -> None:
    before = sim.control.clock()
    assert sim.control.advance(90).now - before.now == timedelta(seconds=90)
    assert sim.control.run_at(1000).speed == 1000
    sim.control.resume()
    later = sim.control.clock()
    while sim.control.clock().now - later.now < timedelta(seconds=5):
        pass
    assert sim.control.pause().paused is True


@pytest.mark.parametrize(
    "body", [{"advance": -1}, {"speed": 0}, {"advance": "1"}, {"pause": 1}, {"forward": 1}, {"advance": 1e15}]
)
def test_an_impossible_clock_is_refused(body: dict[str, Any], sim: Simulator) -> None:
    before = sim.control.clock()
    answer = httpx.post(f"{sim.url}/_sim/clock", json=body)
    assert answer.status_code == 400
    assert "error" in answer.json()
    assert sim.control.clock() == before


def test_the_ledger_has_every_run_with_its_amount(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api, num_workers=2)
    sim.control.advance(90)
    api.post("/instances/stop", json={"instance_id": instance_id})
    sim.control.advance(1000)
    api.post("/instances/restart", json={"instance_id": instance_id})
    hourly = start(api, billing_interval="per_hour", hardware_type_id="NVIDIA_L4_2")
    sim.control.advance(60)
    ledger = sim.control.ledger()
    assert [(run.instance_id, str(run.amount), run.ended_at is None) for run in ledger.entries] == [
        (instance_id, "0.08 EUR", False),
        (instance_id, "0.04 EUR", True),
        (hourly, "2.40 EUR", True),
    ]
    assert str(ledger.totals["EUR"]) == "2.52 EUR"
    assert ledger.entries[0].billing_interval is BillingInterval.PER_MINUTE
    assert {run.instance_id for run in ledger.open} == {instance_id, hourly}


def test_amounts_are_decimal_strings(sim: Simulator, api: httpx.Client) -> None:
    start(api)
    sim.control.advance(1)
    data = httpx.get(f"{sim.url}/_sim/ledger").json()
    assert data["totals"] == {"EUR": "0.02"}
    assert data["entries"][0]["amount"] == "0.02"
    assert sim.control.settings()["initial_balance"] == "1000.00"


def test_deleting_an_instance_keeps_its_runs(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.advance(60)
    api.post("/instances/stop", json={"instance_id": instance_id})
    api.delete(f"/instances/{instance_id}")
    assert [str(run.amount) for run in sim.control.ledger().of(instance_id)] == ["0.02 EUR"]


def test_whether_pending_is_billed_is_a_knob(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(bill_pending=False)
    instance_id = start(api)
    sim.control.advance(40)
    assert str(sim.control.ledger().of(instance_id)[0].amount) == "0.00 EUR"
    sim.control.advance(60)
    assert str(sim.control.ledger().of(instance_id)[0].amount) == "0.02 EUR"
    sim.control.fault("stuck_boot")
    stuck = start(api)
    sim.control.advance(1e5)
    assert str(sim.control.ledger().of(stuck)[0].amount) == "0.00 EUR"


def test_a_new_price_holds_for_runs_that_begin_afterwards(sim: Simulator, api: httpx.Client) -> None:
    before = start(api)
    sim.control.reprice("NVIDIA_L4_1", "2.40")
    after = start(api)
    sim.control.advance(60)
    ledger = sim.control.ledger()
    assert [str(ledger.of(instance_id)[0].amount) for instance_id in (before, after)] == ["0.02 EUR", "0.04 EUR"]


@pytest.mark.parametrize("price", ["1.00", "0", "-1", "NaN", "a lot"])
def test_a_price_that_is_none_is_refused(price: str, sim: Simulator, api: httpx.Client) -> None:
    with pytest.raises(ControlError, match="400"):
        sim.control.reprice("NVIDIA_L4_1", price)
    assert api.get("/hardware-types").json()["hardware_types"][0]["price_info"]["price_per_hour"] == 1.2


def test_the_market_can_move(sim: Simulator, api: httpx.Client) -> None:
    sim.control.recommend(QWEN, "NVIDIA_L40S_1")
    assert api.get(f"/models/{QWEN}").json()["model"]["recommended_config"] == "NVIDIA_L40S_1"
    sim.control.withdraw_hardware("NVIDIA_L40S_1")
    model = api.get(f"/models/{QWEN}").json()["model"]
    assert "NVIDIA_L40S_1" not in model["hardware_configs"]
    assert model["recommended_config"] in model["hardware_configs"]
    sim.control.withdraw_model(QWEN)
    assert api.get(f"/models/{QWEN}").status_code == 404
    for move in (
        lambda: sim.control.withdraw_hardware("nope"),
        lambda: sim.control.set_available("nope", True),
        lambda: sim.control.withdraw_model("nope"),
        lambda: sim.control.recommend("nope", "NVIDIA_L4_1"),
    ):
        with pytest.raises(ControlError, match="404"):
            move()


def test_withdrawn_hardware_goes_on_running(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.withdraw_hardware("NVIDIA_L4_1")
    sim.control.advance(60)
    assert api.get(f"/instances/{instance_id}").json()["instance"]["instance_status"]["status"] == "running"


def test_the_market_says_where_its_rows_are_from(sim: Simulator) -> None:
    market = httpx.get(f"{sim.url}/_sim/market").json()
    assert all(row["provenance"] for row in [*market["hardware_types"], *market["models"]])
    assert market["hardware_types"][0]["price_per_hour"] == "1.20"


def test_an_instance_is_stopped_or_deleted_in_the_console(sim: Simulator, api: httpx.Client) -> None:
    stopped, vanished = start(api), start(api)
    assert sim.control.stop(stopped).status == "stopped"
    sim.control.vanish(vanished)
    assert api.get(f"/instances/{vanished}").status_code == 404
    assert [instance["instance_id"] for instance in api.get("/instances").json()["instances"]] == [stopped]
    assert sim.control.ledger().open == ()
    with pytest.raises(ControlError, match="404"):
        sim.control.stop(vanished)
    with pytest.raises(ControlError, match="404"):
        sim.control.vanish(vanished)


def test_every_row_says_of_which_cloud_it_is(sim: Simulator, api: httpx.Client) -> None:
    start(api)
    assert [row.cloud for row in (*sim.control.instances(), *sim.control.ledger().entries)] == ["cortecs"] * 2


def test_requests_are_counted_by_their_route(sim: Simulator, api: httpx.Client) -> None:
    sim.control.reset()
    ids = [start(api) for _ in range(3)]
    for instance_id in ids:
        api.get(f"/instances/{instance_id}")
    api.get("/instances")
    api.get("/instances/")
    api.get("/instances/nope")
    api.get("/nope")
    requests = sim.control.requests()
    assert requests.counts == {
        "POST /api/v1/instances/start": 3,
        "GET /api/v1/instances/{instance_id}": 4,
        "GET /api/v1/instances": 2,
        "GET unlisted": 1,
    }
    assert requests.count("GET /api/v1/instances") == 2
    assert requests.count("GET /api/v1/models") == 0
    assert requests.refused == {"GET /api/v1/instances/{instance_id}": 1, "GET unlisted": 1}
    assert [(refusal["path"], refusal["status"]) for refusal in requests.refusals] == [
        ("/api/v1/instances/nope", 404),
        ("/api/v1/nope", 404),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"boot_seconds": -1},
        {"colour": 1},
        {"stop_stopped_status": 302},
        {"unknown_id_status": 200},
        {"bill_pending": 1},
    ],
)
def test_a_knob_that_does_not_exist_or_fit_is_refused(wrong: dict[str, Any], sim: Simulator) -> None:
    before = sim.control.settings()
    with pytest.raises(ControlError, match="400"):
        sim.control.settings(**wrong)
    assert sim.control.settings() == before


def test_every_setting_can_be_read_and_changed_while_running(sim: Simulator) -> None:
    assert set(sim.control.settings()) == set(asdict(SimulatorSettings()))
    for name, value in sim.control.settings().items():
        assert sim.control.settings(**{name: value})[name] == value


def test_workers_of_an_instance_may_come_one_after_the_other(sim: Simulator, api: httpx.Client) -> None:
    sim.control.settings(worker_stagger_seconds=10)
    instance_id = start(api, num_workers=3)
    sim.control.advance(40)
    instance = api.get(f"/instances/{instance_id}").json()["instance"]
    assert instance["instance_status"]["status"] == "running"
    assert [worker["init_progress"]["current_step"] for worker in instance["worker_statuses"]] == [5, 4, 3]


def test_an_unknown_control_route_is_no_vendors_request(sim: Simulator) -> None:
    assert httpx.post(f"{sim.url}/_sim/nope").status_code == 404
    assert sim.control.requests().counts == {}


def test_an_instance_is_put_there_under_an_id_that_a_state_has(sim: Simulator, api: httpx.Client) -> None:
    running = sim.control.put("kept", QWEN, num_workers=2, age=3600)
    stopped = sim.control.put("held", QWEN, hardware_type_id="NVIDIA_L4_2", age=60, stopped=True)
    assert (running.status, running.num_workers, stopped.status) == ("running", 2, "stopped")
    now = sim.control.clock().now
    (entry,) = sim.control.ledger().open
    assert (entry.instance_id, now - entry.started_at) == ("kept", timedelta(hours=1))
    assert [instance["instance_id"] for instance in api.get("/instances").json()["instances"]] == ["kept", "held"]
    assert api.post("/instances/restart", json={"instance_id": "held"}).status_code == 200
    with pytest.raises(ControlError, match="'kept' is taken"):
        sim.control.put("kept", QWEN)
    with pytest.raises(ControlError, match="does not exist"):
        sim.control.put("other", "no-such-model")
    assert len(sim.control.ledger().entries) == 3
