"""Instances of the simulated Shadeform: states, answers, updates and ends (docs/apis/shadeform.md#states)."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.shadeform.client import BOOT, WANTED, ZERO_TIME, ShadeformClient, ShadeformError, docker

PAGE = (Path(__file__).parents[4] / "docs" / "apis" / "shadeform.md").read_text(encoding="utf-8")


def rows_below(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of the page."""
    (below,) = re.findall(rf"^#+ {heading}$(.*?)(?=^#|\Z)", PAGE, re.M | re.S)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in below.splitlines() if line[:3] == "| `"]


def test_the_states_follow_one_another(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create()
    seen = [api.status(instance_id)]
    for _ in range(3):
        sim.control.advance(BOOT / 3 - 0.001)
        assert api.status(instance_id) == seen[-1]
        sim.control.advance(0.001)
        seen.append(api.status(instance_id))
    assert seen == ["creating", "pending_provider", "pending", "active"]
    api.delete(instance_id)
    assert api.listed() == {instance_id: "deleting"}
    api.delete(instance_id)
    sim.control.advance(9.999)
    assert api.status(instance_id) == "deleting"
    sim.control.advance(0.001)
    assert api.listed() == {}
    assert api.status(instance_id) == "deleted"


def test_answers_have_exactly_the_documented_fields(sim: Simulator, api: ShadeformClient) -> None:
    fields = {name.strip("`"): where for name, _, where, *_ in rows_below("Instance")}
    instance_id = api.create(template_id=api.get("/templates")["templates"][0]["id"])
    sim.control.advance(BOOT)
    (row,) = api.get("/instances")["instances"]
    assert set(row) == {name for name, where in fields.items() if where == "both"}
    assert set(api.info(instance_id)) == set(fields)


def test_an_order_comes_back_by_id_in_clear(sim: Simulator, api: ShadeformClient) -> None:
    key, volume = api.add_key("mine"), api.create_volume()
    envs = [{"name": "HF_TOKEN", "value": "made-up"}]
    launch = docker(envs=envs, registry_credentials={"username": "u", "password": "made-up"}, shared_memory_in_gb=8)
    wanted: dict[str, Any] = {
        "launch_configuration": launch,
        "volume_ids": [volume],
        "ssh_key_id": key,
        "auto_delete": {"spend_threshold": "3.14"},
        "alert": {"date_threshold": "2006-01-02T15:04:05-07:00"},
        "volume_mount": {"auto": True},
        "tags": ["a", "b"],
        "envs": envs,
        "shade_cloud": False,
    }
    info = api.info(api.create(**wanted))
    assert {name: info[name] for name in wanted} == wanted
    assert api.get(f"/volumes/{volume}/info")["mounted_by"] == info["id"]


def test_what_is_not_known_yet_is_empty(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create()
    new = api.info(instance_id)
    assert (new["ip"], new["active_at"], new["deleted_at"], new["cost_estimate"]) == ("", ZERO_TIME, ZERO_TIME, "0")
    sim.control.advance(BOOT)
    active = api.info(instance_id)
    assert active["ip"]
    assert active["deleted_at"] == ZERO_TIME < active["created_at"] < active["active_at"]
    sim.control.settings(null_times=True)
    assert api.info(instance_id)["deleted_at"] is None


def test_clients_leave_things_out_or_send_null(api: ShadeformClient) -> None:
    optional = ("os", "template_id", "launch_configuration", "volume_ids", "ssh_key_id", "auto_delete", "alert")
    info = api.info(api.create(**dict.fromkeys((*optional, "shade_cloud", "volume_mount", "tags", "envs"))))
    assert info["shade_cloud"] is True
    assert info["configuration"]["os"] == api.types(cloud="hyperstack")[0]["os_options"][0]
    assert (info["tags"], info["launch_configuration"], info["ssh_key_id"]) == ([], None, "")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"colour": "red"}, "colour: unknown field"),
        ({"name": None}, "name"),
        ({"launch_configuration": {"type": "docker"}}, "type docker takes docker_configuration"),
        ({"launch_configuration": {**docker(), "odd": 1}}, "launch_configuration.odd: unknown field"),
        (
            {"launch_configuration": {"type": "script", "script_configuration": {"base64_script": "!"}}},
            "expected base64",
        ),
        ({"os": "windows"}, "os 'windows': expected"),
        ({"template_id": "nope"}, "template_id 'nope'"),
        ({"ssh_key_id": "nope"}, "ssh_key_id 'nope'"),
        ({"volume_ids": ["nope"]}, "volume_ids 'nope'"),
        ({"volume_ids": ["a", "b"]}, "volume_ids"),
        ({"shade_instance_type": "A6001"}, "shade_instance_type 'A6001'"),
        ({"auto_delete": {"date_threshold": "tomorrow"}}, "expected an RFC 3339 time"),
        ({"auto_delete": {"date_threshold": "2026-13-01T00:00:00Z"}}, "auto_delete.date_threshold"),
        ({"auto_delete": {"spend_threshold": "3,14"}}, "expected dollars above zero"),
        ({"auto_delete": {"spend_threshold": 3.14}}, "auto_delete.spend_threshold"),
        ({"auto_delete": {"spend_threshold": "0"}}, "expected dollars above zero"),
        ({"alert": {"odd": "1"}}, "alert.odd: unknown field"),
    ],
)
def test_an_invalid_order_is_refused(wanted: dict[str, Any], message: str, api: ShadeformClient) -> None:
    with pytest.raises(ShadeformError) as refused:
        api.create(**wanted)
    assert (refused.value.status, refused.value.code) == (400, "INVALID_REQUEST")
    assert message in refused.value.message
    assert api.listed() == {}


def test_a_refusal_shows_no_secret(api: ShadeformClient) -> None:
    with pytest.raises(ShadeformError) as refused:
        api.create(envs=[{"name": "", "value": "made-up-secret", "odd": "made-up-secret"}])
    assert "made-up-secret" not in refused.value.message


def test_a_script_is_taken(api: ShadeformClient) -> None:
    script = {"type": "script", "script_configuration": {"base64_script": base64.b64encode(b"true").decode()}}
    assert api.info(api.create(launch_configuration=script))["launch_configuration"] == script


def test_an_update_changes_what_it_names_and_null_deletes(api: ShadeformClient) -> None:
    instance_id = api.create(tags=["a"], auto_delete={"spend_threshold": "1"}, alert={"spend_threshold": "2"})
    api.update(instance_id, name="two")
    info = api.info(instance_id)
    assert (info["name"], info["tags"], info["auto_delete"]) == ("two", ["a"], {"spend_threshold": "1"})
    api.update(instance_id, auto_delete=None, tags=None)
    info = api.info(instance_id)
    assert (info["auto_delete"], info["tags"], info["alert"]) == (None, [], {"spend_threshold": "2"})
    api.update(instance_id, tags=["b", "c"], auto_delete={"date_threshold": "2100-01-01T00:00:00Z"})
    assert api.info(instance_id)["tags"] == ["b", "c"]
    for wrong in ({"region": "x"}, {"name": None}, {"auto_delete": {"date_threshold": "x"}}):
        with pytest.raises(ShadeformError, match="400"):
            api.update(instance_id, **wrong)


def test_a_change_that_the_state_forbids_is_a_conflict(sim: Simulator, api: ShadeformClient) -> None:
    instance_id = api.create()
    with pytest.raises(ShadeformError, match=r"409.*is creating"):
        api.restart(instance_id)
    api.delete(instance_id)
    for change in (lambda: api.update(instance_id, name="x"), lambda: api.restart(instance_id)):
        with pytest.raises(ShadeformError, match=r"409.*is deleting"):
            change()


def test_a_date_ends_an_instance(sim: Simulator, api: ShadeformClient) -> None:
    at = (sim.control.clock().now + timedelta(seconds=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    instance_id = api.create(auto_delete={"date_threshold": at}, alert={"date_threshold": at})
    other = api.create(alert={"date_threshold": at, "spend_threshold": "0.01"})
    sim.control.advance(3600)
    assert api.listed() == {other: "active"}
    (run,) = sim.control.ledger().of(instance_id)
    assert run.ended_at is not None
    assert run.ended_at.strftime("%Y-%m-%dT%H:%M:%SZ") == at
    api.update(other, auto_delete={"date_threshold": "2001-01-01T00:00:00Z"})
    assert api.status(other) == "deleting"
    (run,) = sim.control.ledger().of(other)
    assert run.ended_at == sim.control.clock().now


def test_every_error_has_a_code(sim: Simulator, api: ShadeformClient) -> None:
    for path in ("/instances/x/info", "/volumes/x/info", "/sshkeys/x/info", "/templates/x/info"):
        with pytest.raises(ShadeformError) as refused:
            api.get(path)
        assert (refused.value.status, refused.value.code) == (404, "NOT_FOUND")
    for path in ("/instances/x/restart", "/instances/x/delete", "/volumes/x/delete", "/sshkeys/x/setdefault"):
        with pytest.raises(ShadeformError, match="404"):
            api.post(path)
    with pytest.raises(ShadeformError, match="404"):
        api.update("x", name="y")


def test_a_key_is_wanted_but_for_the_types(sim: Simulator) -> None:
    stranger = ShadeformClient(f"{sim.url}/v1", "other")
    with stranger.http:
        assert len(stranger.types()) == 85
        for path in ("/instances", "/sshkeys", "/volumes", "/volumes/types", "/templates", "/instances/types/info"):
            with pytest.raises(ShadeformError) as refused:
                stranger.get(path)
            assert (refused.value.status, refused.value.code) == (401, "UNAUTHORIZED")
        with pytest.raises(ShadeformError, match="401"):
            stranger.create()


def test_every_route_of_the_page_is_there_and_no_cluster(sim: Simulator, api: ShadeformClient) -> None:
    routes = [re.findall(r"`(\w+) (/[^`]+)`", row[0])[0] for row in rows_below("Endpoints")]
    assert len(routes) == 20
    for method, path in routes:
        answer = api.http.request(method, re.sub(r"\{\w+\}", "nope", path))
        assert "no such route" not in answer.text, path
    assert api.http.get("/clusters").json()["error"].endswith("no such route.")


def test_types_are_filtered_and_sorted(sim: Simulator, api: ShadeformClient) -> None:
    everything = api.types()
    assert {row["shade_instance_type"] for row in api.types(cloud="hyperstack", num_gpus="2")} == {"A6000x2", "L40x2"}
    assert all(row["gpu_type"] == row["configuration"]["gpu_type"] == "H100" for row in api.types(gpu_type="H100"))
    assert {row["cloud"] for row in api.types(shade_instance_type="L40S")} == {"massedcompute", "scaleway"}
    assert {row["cloud"] for row in api.types(region="culpeper-usa-1")} == {"crusoe"}
    prices = [row["hourly_price"] for row in api.types(sort="price")]
    assert prices == sorted(row["hourly_price"] for row in everything)
    assert all(isinstance(price, int) for price in prices)
    sim.control.set_shadeform_stock("massedcompute", "H100", False)
    assert [row["shade_instance_type"] for row in api.types(available="false")] == ["H100"]
    assert len(api.types(available="true")) == len(everything) - 1
    for wrong in ({"available": "maybe"}, {"sort": "name"}, {"colour": "red"}):
        with pytest.raises(ShadeformError, match="400"):
            api.types(**wrong)


def test_a_price_and_stock_move_while_it_runs(sim: Simulator, api: ShadeformClient) -> None:
    before = api.create()
    sim.control.set_shadeform_price("hyperstack", "A6000", 61)
    assert (api.info(before)["hourly_price"], api.info(api.create())["hourly_price"]) == (50, 61)
    sim.control.set_shadeform_stock("hyperstack", "A6000", False, region="montreal-canada-2")
    (row,) = api.types(cloud="hyperstack", shade_instance_type="A6000")
    assert [place["available"] for place in row["availability"]] == [False]
    sim.control.withdraw_shadeform_type("hyperstack", "A6000")
    assert api.types(cloud="hyperstack", shade_instance_type="A6000") == []
    sim.control.reset()
    assert api.types(cloud="hyperstack", shade_instance_type="A6000")[0]["hourly_price"] == 50


def test_the_control_sees_and_ends_instances(sim: Simulator, api: ShadeformClient) -> None:
    first, second = api.create(tags=["t"]), api.create()
    instance = sim.control.instances()[0]
    assert (instance.cloud, instance.instance_id, instance.status) == ("shadeform", first, "creating")
    assert (instance.answer["provider"], instance.answer["tags"]) == ("hyperstack", ["t"])
    assert sim.control.stop(first).status == "deleting"
    sim.control.vanish(second)
    assert api.listed() == {first: "deleting"}
    sim.control.settings(deleting_seconds=0)
    third = api.create()
    assert sim.control.stop(third).status == "deleting"
    assert api.status(third) == "deleted"
    assert sim.control.ledger().open == ()


def test_requests_are_json_as_of_any_client(sim: Simulator) -> None:
    body = json.dumps(WANTED).encode()
    headers = {"x-api-key": "sim", "Content-Type": "application/json"}
    assert httpx.post(f"{sim.url}/v1/instances/create/", content=body, headers=headers).status_code == 200
