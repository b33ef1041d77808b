"""The vendor's routes over HTTP: what each answers, in which state (docs/apis/cortecs.md)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator

QWEN = "Qwen--Qwen2-7B-Instruct"


def start(api: httpx.Client, **wanted: Any) -> Any:
    return api.post("/instances/start", json={"model_id": QWEN, **wanted}).raise_for_status().json()["instance"]


def status(api: httpx.Client, instance_id: str) -> Any:
    return api.get(f"/instances/{instance_id}").raise_for_status().json()["instance"]["instance_status"]["status"]


def test_a_start_with_nulls_echoes_the_defaults_and_is_pending(api: httpx.Client) -> None:
    nulls = dict.fromkeys(("hardware_type_id", "context_length", "billing_interval", "num_workers"))
    instance = start(api, **nulls)
    assert instance["instance_args"] == {
        "model_id": QWEN,
        "hardware_type_id": "NVIDIA_L4_1",
        "context_length": 32000,
        "billing_interval": "per_minute",
        "num_workers": 1,
    }
    assert instance["instance_status"]["status"] == "pending"
    assert instance["base_url"] is None
    assert instance["worker_statuses"][0]["init_progress"] == {
        "current_step": 1,
        "num_steps": 5,
        "description": "Reserving hardware.",
    }


def test_status_becomes_running_in_the_answer_with_the_last_step(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api, num_workers=2)["instance_id"]
    states = []
    for _ in range(6):
        instance = api.get(f"/instances/{instance_id}").json()["instance"]
        states.append((instance["worker_statuses"][0]["init_progress"]["current_step"], instance["instance_status"]))
        assert len(instance["worker_statuses"]) == 2
        sim.control.advance(10)
    assert [(step, state["status"]) for step, state in states] == [
        (1, "pending"),
        (2, "pending"),
        (3, "pending"),
        (4, "pending"),
        (5, "running"),
        (5, "running"),
    ]
    # what clients before 0.1.1 read
    assert [state["init_progress"]["current_step"] for _, state in states] == [step for step, _ in states]


def test_a_stop_is_done_when_it_is_answered(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)["instance_id"]
    sim.control.advance(40)
    stopped = api.post("/instances/stop", json={"instance_id": instance_id}).json()["instance"]
    assert stopped["instance_status"]["status"] == "stopped"
    assert stopped["instance_status"]["stopped_at"].endswith("Z")
    assert stopped["base_url"] is None
    assert stopped["worker_statuses"] == [{"init_progress": None}]


def test_stopping_again_changes_nothing(sim: Simulator, api: httpx.Client) -> None:
    body = {"instance_id": start(api)["instance_id"]}
    first = api.post("/instances/stop", json=body).json()["instance"]
    sim.control.advance(100)
    again = api.post("/instances/stop", json=body)
    assert again.status_code == 200
    assert again.json()["instance"] == first


def test_a_restart_boots_anew_and_forgets_the_stop(sim: Simulator, api: httpx.Client) -> None:
    instance = start(api)
    body = {"instance_id": instance["instance_id"]}
    sim.control.advance(60)
    api.post("/instances/stop", json=body)
    sim.control.advance(60)
    again = api.post("/instances/restart", json=body).json()["instance"]
    assert again["instance_id"] == instance["instance_id"]
    assert again["instance_args"] == instance["instance_args"]
    assert again["instance_status"]["status"] == "pending"
    assert again["instance_status"]["stopped_at"] is None
    assert again["instance_status"]["started_at"] > instance["instance_status"]["started_at"]
    sim.control.advance(40)
    assert status(api, instance["instance_id"]) == "running"


@pytest.mark.parametrize("advanced", [0, 40])
def test_what_is_pending_or_running_can_be_neither_restarted_nor_deleted(
    advanced: float, sim: Simulator, api: httpx.Client
) -> None:
    instance_id = start(api)["instance_id"]
    sim.control.advance(advanced)
    assert api.post("/instances/restart", json={"instance_id": instance_id}).status_code == 400
    assert api.delete(f"/instances/{instance_id}").status_code == 400
    assert status(api, instance_id) in ("pending", "running")


def test_a_delete_right_after_a_stop_succeeds(api: httpx.Client) -> None:
    instance_id = start(api)["instance_id"]
    api.post("/instances/stop", json={"instance_id": instance_id}).raise_for_status()
    assert api.delete(f"/instances/{instance_id}").json() == {"instance_id": instance_id}
    assert api.get(f"/instances/{instance_id}").status_code == 404
    assert api.get("/instances/").json() == {"instances": []}


def test_stop_all_names_what_it_ended_and_no_key_when_nothing_ran(sim: Simulator, api: httpx.Client) -> None:
    assert "instance_ids" not in api.post("/instances/stop-all").raise_for_status().json()
    running_one = start(api)["instance_id"]
    sim.control.advance(40)
    pending_one = start(api)["instance_id"]
    assert set(api.post("/instances/stop-all").json()["instance_ids"]) == {running_one, pending_one}
    assert {status(api, instance_id) for instance_id in (running_one, pending_one)} == {"stopped"}
    assert "instance_ids" not in api.post("/instances/stop-all").json()


@pytest.mark.parametrize("force", ["True", "true", "1"])
def test_delete_all_by_force_ends_what_runs(force: str, sim: Simulator, api: httpx.Client) -> None:
    ids = {start(api)["instance_id"], start(api)["instance_id"]}
    gone = api.delete("/instances/delete-all", params={"force_deletion": force}).json()["instance_ids"]
    assert set(gone) == ids
    assert api.get("/instances").json() == {"instances": []}
    assert sim.control.ledger().open == ()


@pytest.mark.parametrize("force", ["False", "false", "0", None])
def test_delete_all_without_force_takes_only_what_is_stopped(force: str | None, api: httpx.Client) -> None:
    stays, goes = start(api)["instance_id"], start(api)["instance_id"]
    api.post("/instances/stop", json={"instance_id": goes})
    params = {} if force is None else {"force_deletion": force}
    assert api.delete("/instances/delete-all", params=params).json() == {"instance_ids": [goes]}
    assert status(api, stays) == "pending"


@pytest.mark.parametrize(
    "path", ["/instances", "/models", "/hardware-types", "/hardware-types/available", "/user/balance"]
)
def test_a_final_slash_makes_no_difference_and_no_redirect(path: str, api: httpx.Client) -> None:
    plain, slashed = api.get(path), api.get(f"{path}/")
    assert plain.status_code == slashed.status_code == 200
    assert plain.json() == slashed.json()


def test_posts_and_deletes_take_a_final_slash_too(api: httpx.Client) -> None:
    instance_id = api.post("/instances/start/", json={"model_id": QWEN}).json()["instance"]["instance_id"]
    assert api.get(f"/instances/{instance_id}/").status_code == 200
    assert api.post("/instances/stop/", json={"instance_id": instance_id}).status_code == 200
    assert api.delete(f"/instances/{instance_id}/").status_code == 200
    assert api.post("/instances/stop-all/").status_code == 200
    assert api.delete("/instances/delete-all/").status_code == 200
    assert api.get(f"/models/{QWEN}/").status_code == 200


def test_the_market_asks_for_no_token(sim: Simulator) -> None:
    for path in ("/models/", f"/models/{QWEN}", "/hardware-types/", "/hardware-types/available"):
        assert httpx.get(sim.base_url + path).status_code == 200


def test_a_hardware_type_is_priced_in_floats(api: httpx.Client) -> None:
    rows = {row["hardware_type_id"]: row for row in api.get("/hardware-types/").json()["hardware_types"]}
    assert rows["NVIDIA_L4_1"] == {
        "hardware_type_id": "NVIDIA_L4_1",
        "price_info": {"price_per_hour": 1.2, "price_per_minute": 0.02, "currency": "EUR"},
        "hardware_info": {"gpu_type": "NVIDIA L4", "num_gpus": 1, "gpu_ram_gb": 24.0},
    }


def test_available_hardware_is_what_is_in_stock(sim: Simulator, api: httpx.Client) -> None:
    sim.control.set_available("NVIDIA_L4_1", False)
    every, available = (
        {row["hardware_type_id"] for row in api.get(path).json()["hardware_types"]}
        for path in ("/hardware-types/", "/hardware-types/available")
    )
    assert every - available == {"NVIDIA_L4_1"}


def test_a_model_has_its_limits_under_both_names(api: httpx.Client) -> None:
    model = api.get(f"/models/{QWEN}").json()["model"]
    assert model["recommended_config"] == "NVIDIA_L4_1"
    params = {"--max-model-len": 32768, "max_context_length": 32768}
    assert model["hardware_configs"]["NVIDIA_L4_2"] == {"params": params}


def test_a_preview_of_a_model_has_every_key(api: httpx.Client) -> None:
    keys = {"model_id", "hf_name", "instant_provisioned", "creator", "description", "screen_name", "size"}
    rows = api.get("/models/").json()["models"]
    assert rows
    for row in rows:
        assert set(row) == keys | {"hardware_configs"}
        assert isinstance(row["hardware_configs"], list)


def test_the_balance_is_what_the_ledger_left(sim: Simulator, api: httpx.Client) -> None:
    start(api, num_workers=3, billing_interval="per_hour")
    sim.control.advance(3601)
    billed = sim.control.ledger().totals["EUR"]
    assert str(billed) == "7.20 EUR"
    assert api.get("/user/balance").json() == {"current_balance": 992.8, "currency": "EUR"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/instances"),
        ("GET", "/instances/x"),
        ("POST", "/instances/start"),
        ("POST", "/instances/stop"),
        ("POST", "/instances/restart"),
        ("POST", "/instances/stop-all"),
        ("DELETE", "/instances/x"),
        ("DELETE", "/instances/delete-all"),
        ("GET", "/user/balance"),
    ],
)
@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Bearer", "nonsense", "Basic c2ltOnNpbQ=="])
def test_without_a_good_token_the_answer_is_401(header: str | None, method: str, path: str, sim: Simulator) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.request(method, sim.base_url + path, headers=headers)
    assert answer.status_code == 401
    assert list(answer.json()) == ["error"]


def test_a_good_token_under_another_scheme_is_refused(api: httpx.Client) -> None:
    token = api.headers["Authorization"].removeprefix("Bearer ")
    for header in (token, f"Basic {token}", f"Token {token}"):
        assert api.get("/instances", headers={"Authorization": header}).status_code == 401
    assert api.get("/instances", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_an_expired_token_is_refused_and_a_new_one_works(sim: Simulator, api: httpx.Client) -> None:
    sim.control.expire_tokens()
    assert api.get("/instances").status_code == 401
    with sim.client() as again:
        assert again.get("/instances").status_code == 200


def test_a_token_outlives_any_virtual_time(sim: Simulator, api: httpx.Client) -> None:
    sim.control.advance(1e6)
    assert api.get("/instances").status_code == 200


def test_a_token_says_how_long_it_is_good_for(sim: Simulator) -> None:
    body = {"client_id": "sim", "client_secret": "sim", "grant_type": "client_credentials"}
    granted = httpx.post(f"{sim.base_url}/oauth2/token", json=body).json()
    assert granted.pop("access_token")
    assert granted == {"token_type": "Bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_id": "wrong"}, 401),
        ({"grant_type": "password"}, 400),
        ({"client_id": None}, 400),
        ({"client_secret": 1}, 400),
        ({"scope": "all"}, 400),
    ],
)
def test_a_bad_token_request_is_refused(changed: dict[str, Any], expected: int, sim: Simulator) -> None:
    body = {"client_id": "sim", "client_secret": "sim", "grant_type": "client_credentials", **changed}
    assert httpx.post(f"{sim.base_url}/oauth2/token", json=body).status_code == expected


def test_a_form_is_no_token_request(sim: Simulator) -> None:
    form = {"client_id": "sim", "client_secret": "sim", "grant_type": "client_credentials"}
    assert httpx.post(f"{sim.base_url}/oauth2/token", data=form).status_code == 400


def test_another_account_sees_and_touches_nothing_of_ours(sim: Simulator, api: httpx.Client) -> None:
    sim.control.register("acme", "s")
    instance_id = start(api)["instance_id"]
    with sim.client("acme", "s") as other:
        assert other.get("/instances").json() == {"instances": []}
        assert other.get(f"/instances/{instance_id}").status_code == 404
        assert other.post("/instances/stop", json={"instance_id": instance_id}).status_code == 404
        assert other.delete("/instances/delete-all", params={"force_deletion": "True"}).json() == {"instance_ids": []}
        assert "instance_ids" not in other.post("/instances/stop-all").json()
        assert other.get("/user/balance").json()["current_balance"] == 1000.0
    assert status(api, instance_id) == "pending"


def test_a_rotated_key_opens_the_same_account(sim: Simulator, api: httpx.Client) -> None:
    sim.control.register("sim-2", "s", account="sim")
    instance_id = start(api)["instance_id"]
    with sim.client("sim-2", "s") as rotated:
        assert status(rotated, instance_id) == "pending"


def test_a_restart_needs_stock_again(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)["instance_id"]
    api.post("/instances/stop", json={"instance_id": instance_id})
    sim.control.withdraw_hardware("NVIDIA_L4_1")
    assert api.post("/instances/restart", json={"instance_id": instance_id}).status_code == 400
    assert status(api, instance_id) == "stopped"
