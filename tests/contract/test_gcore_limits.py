"""What Gcore's changes in place, its names of regions and its names of deployments must not open: what is judged is
what is sent, and a namesake in another project is somebody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.clouds.gcore import GCORE, PROGRAM, SMALL
from tests.contract.bought import ids
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made, Resource
from tests.contract.proxy import Answer, Proxy, Sent

DEPLOYMENTS = "/cloud/v3/inference/{}/deployments"
H100 = "inference-16vcpu-232gib-1xh100-80gb"
NAMED = {**PROGRAM, "containers": [{"region_id": "luxembourg-2", "scale": {"min": 1, "max": 1}}]}
IN_FRANKFURT = {**PROGRAM, "containers": [{"region_id": 26, "scale": {"min": 1, "max": 1}}]}
FORGED = {"26": "luxembourg-2"}
StartHost = Callable[..., Host]


def scaled(most: int, region: int = 7) -> list[dict[str, Any]]:
    return [{"region_id": region, "scale": {"min": 1, "max": most}}]


def deployment(simulator: Simulator, name: str) -> dict[str, Any]:
    with simulator.gcore_client() as client:
        found: dict[str, Any] = client.get(f"{DEPLOYMENTS.format(1)}/{name}").raise_for_status().json()
    return found


def change_outside(simulator: Simulator, name: str, **arguments: Any) -> None:
    with simulator.gcore_client() as client:
        client.patch(f"{DEPLOYMENTS.format(1)}/{name}", json=arguments).raise_for_status()


def order_outside(simulator: Simulator, project: int = 1, **arguments: Any) -> None:
    with simulator.gcore_client() as client:
        order = {key: value for key, value in PROGRAM.items() if key != "give_up_after"}
        client.post(DEPLOYMENTS.format(project), json={**order, **arguments}).raise_for_status()


@pytest.fixture
def limited(start_host: StartHost, simulator: Simulator, tmp_path: Path) -> Callable[..., Host]:
    """Starts a host under limits."""

    def start(**limits: Any) -> Host:
        file = tmp_path / "limits.json"
        file.write_text(json.dumps({"gcore": {"allowed_base_urls": [simulator.url], **limits}}))
        return start_host({"PULUMI_CORTECS_LIMITS": str(file)}, before=IMPATIENT)

    return start


def inputs_of(made: Made) -> dict[str, Any]:
    return {key: value for key, value in made.outs.items() if key in GCORE.kind().inputs}


def changed(resource: Resource, made: Made, program: dict[str, Any]) -> Made:
    checked = resource.check(program, inputs_of(made))
    assert checked.failures == ()
    return resource.update(made, checked.inputs)


def test_a_change_of_what_is_priced_sets_what_has_drifted_too(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    made = resource.buy(PROGRAM)
    change_outside(simulator, made.id, containers=scaled(20))
    changed(resource, made, {**PROGRAM, "flavor_name": H100})
    found = deployment(simulator, made.id)
    assert (found["flavor_name"], found["containers"][0]["scale"]["max"]) == (H100, 1)


def test_the_ceiling_counts_a_change_from_what_the_vendor_reports(
    host: Host, limited: Callable[..., Host], simulator: Simulator
) -> None:
    first = host.instance(of=GCORE)
    made = first.buy({**PROGRAM, "containers": scaled(4)})
    change_outside(simulator, made.id, containers=scaled(1))  # the state still says 4
    order_outside(simulator, name="another", containers=scaled(3))
    resource = limited(account_hourly_ceiling="0.60 USD").instance(of=GCORE, urn_=first.urn)  # five replicas
    with pytest.raises(CallFailedError, match=r"was not changed: the account would cost 0\.96 USD"):
        changed(resource, made, {**PROGRAM, "containers": scaled(5)})
    assert deployment(simulator, made.id)["containers"][0]["scale"]["max"] == 1


@pytest.mark.parametrize(
    ("more", "ceiling", "text"),
    [
        ({"max_price": "0.40 USD"}, "9 USD", r"max_price is 0\.40 USD, and the price is 1\.80 USD/h"),
        ({}, "9 USD", r"its price rose: 0\.36 USD/h was shown"),
        ({"price_tolerance": 900}, "1.70 USD", r"the account would cost 1\.80 USD"),
    ],
)
def test_a_change_of_what_a_killed_run_has_bought_is_no_dearer_than_was_shown(
    start_host: StartHost, simulator: Simulator, tmp_path: Path, more: dict[str, Any], ceiling: str, text: str
) -> None:
    file, shared = tmp_path / "limits.json", {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / "journal")}
    limits = {"allowed_base_urls": [simulator.url], "account_hourly_ceiling": ceiling}
    file.write_text(json.dumps({"gcore": limits}))
    first = start_host(shared)
    made = first.instance("chat", of=GCORE).buy(PROGRAM)
    first.process.kill()
    shown = start_host(shared, before=IMPATIENT).instance("chat", of=GCORE)
    inputs = shown.check({**PROGRAM, "containers": scaled(3), **more}).inputs
    simulator.control.set_gcore_price(SMALL, "0.60")
    later = start_host({**shared, "PULUMI_CORTECS_LIMITS": str(file)}, before=IMPATIENT).instance("chat", of=GCORE)
    with pytest.raises(
        CallFailedError, match=rf"{made.id}, which an earlier run bought .* is not taken over: .*{text}"
    ):
        later.create(inputs)
    assert deployment(simulator, made.id)["containers"][0]["scale"]["max"] == 1


def remediated(resource: Resource, **changes: Any) -> dict[str, Any]:
    """What check returns for a program, with another quote and other arguments by a policy's remediation."""
    checked = resource.check(NAMED).inputs
    return {**checked, "quote": {**checked["quote"], "regions": FORGED}, **changes}


def test_a_region_is_bought_under_its_name_of_today_whatever_a_quote_says(
    limited: Callable[..., Host], simulator: Simulator
) -> None:
    resource = limited(allowed_regions=["luxembourg-2"]).instance(of=GCORE)
    made = resource.create(remediated(resource))
    assert [row["region_id"] for row in deployment(simulator, made.id)["containers"]] == [7]


def test_a_forbidden_region_is_not_bought_whatever_a_quote_says(
    limited: Callable[..., Host], simulator: Simulator
) -> None:
    resource = limited(allowed_regions=["luxembourg-2"]).instance(of=GCORE)
    with pytest.raises(CallFailedError, match="frankfurt-1 is not allowed"):
        resource.create(remediated(resource, containers=scaled(1, 26)))
    assert ids(simulator) == []


@pytest.mark.parametrize("quote", [{"regions": FORGED}, {"regions": {}, "source": "catalogue 2026-11-21"}])
@pytest.mark.parametrize("program", [NAMED, IN_FRANKFURT])
def test_a_stopped_one_in_a_forbidden_region_is_not_started_whatever_a_quote_says(
    host: Host, limited: Callable[..., Host], simulator: Simulator, program: dict[str, Any], quote: dict[str, Any]
) -> None:
    first = host.instance(of=GCORE)
    stopped = changed(first, first.buy(program), {**program, "state": "stopped"})
    change_outside(simulator, stopped.id, containers=scaled(1, 26))
    resource = limited(allowed_regions=["luxembourg-2"]).instance(of=GCORE, urn_=first.urn)
    news = {**inputs_of(stopped), "state": "running"}
    with pytest.raises(CallFailedError, match=r"frankfurt-1 is not allowed|is not what was reviewed"):
        resource.update(stopped, {**news, "quote": {**news["quote"], **quote}})
    assert deployment(simulator, stopped.id)["status"] == "DISABLED"


def test_one_in_a_forbidden_region_is_not_adopted_whatever_a_quote_says(
    limited: Callable[..., Host], simulator: Simulator
) -> None:
    order_outside(simulator, name="running", containers=scaled(1, 26))
    resource = limited(allowed_regions=["luxembourg-2"]).instance(of=GCORE)
    with pytest.raises(CallFailedError, match=r"was not adopted|is not allowed"):
        resource.create(remediated(resource, name="running", adopt_id="running"))


def test_a_namesake_in_another_project_is_neither_read_nor_changed_nor_deleted(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    program = {**PROGRAM, "name": "given"}
    made = host.instance("chat", of=GCORE).buy(program)
    order_outside(simulator, 2, name="given")
    elsewhere = start_host({"GCORE_CLOUD_PROJECT_ID": "2"}, before=IMPATIENT).instance("chat", of=GCORE)
    for attempt in (
        lambda: elsewhere.read(made),
        lambda: changed(elsewhere, made, {**program, "description": "mine"}),
        lambda: elsewhere.delete(made),
    ):
        with pytest.raises(CallFailedError, match=r"given belongs to another account, gcore:.*server or the project"):
            attempt()
    assert ids(simulator) == ["given", "2.given"]


def test_a_wrong_address_is_reported_as_such_and_not_as_a_wrong_key(host: Host, start_host: StartHost) -> None:
    made = host.instance("chat", of=GCORE).buy(PROGRAM)
    elsewhere = start_host({"GCORE_BASE_URL": "http://127.0.0.1:9"}, before=IMPATIENT).instance("chat", of=GCORE)
    for attempt in (lambda: elsewhere.read(made), lambda: elsewhere.delete(made)):
        with pytest.raises(CallFailedError, match=r"Gcore at http://127\.0\.0\.1:9 cannot be reached") as failure:
            attempt()
        assert "credentials" not in str(failure.value)


def test_a_rotated_key_of_the_same_project_goes_on(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    made = host.instance("chat", of=GCORE).buy(PROGRAM)
    simulator.control.accept_gcore_key("another$key")
    rotated = start_host({"GCORE_API_KEY": "another$key"}, before=IMPATIENT).instance("chat", of=GCORE)
    rotated.delete(rotated.read(made))
    assert ids(simulator) == []


def test_no_text_of_ours_has_a_secret_of_a_command_or_a_probe(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    def hiding(marker: str) -> dict[str, Any]:
        asked = {"http_get": {"port": 80, "headers": {"Authorization": f"{marker}-header"}}}
        probes = {"liveness_probe": {"enabled": True, "probe": asked}}
        return {"probes": probes, "command": ["serve", f"--api-key={marker}-key"], "envs": {"TOKEN": f"{marker}-env"}}

    host = start_host(engine=engine.address, before=IMPATIENT)
    resource, program = host.instance("chat", of=GCORE), {**PROGRAM, **hiding("hunter2")}
    made = resource.buy(program)
    change_outside(simulator, made.id, **hiding("hunter3"))
    with pytest.raises(CallFailedError, match="is not what was reviewed") as restarted:
        changed(resource, made, {**program, "restart_trigger": "1"})
    another = start_host(before=IMPATIENT)
    adopting = another.instance(of=GCORE).check({**program, "name": made.id, "adopt_id": made.id})
    assert {key for key, _ in adopting.failures} == {"probes", "command", "envs"}
    resource.delete(made)
    assert any("differed from the state" in text for text in engine.messages)
    for text in (str(restarted.value), *engine.messages, *(reason for _, reason in adopting.failures), host.printed()):
        assert "hunter" not in text


@pytest.mark.parametrize("on_timeout", ["stop", "delete"])
def test_a_wait_that_times_out_leaves_what_an_application_manages(
    start_host: StartHost, simulator: Simulator, proxy: Proxy, on_timeout: str
) -> None:
    def managed(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body.get("results", [answer.body]):
            row["object_references"] = [{"kind": "AppDeployment", "name": "chat"}]
        return answer

    host = start_host(proxy.env(), before=IMPATIENT)
    simulator.control.fault("container_error", region_id="7")
    made = host.instance("chat", of=GCORE).buy({**PROGRAM, "on_timeout": on_timeout})
    proxy.rewrite = managed
    waiting = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 1}
    with pytest.raises(CallFailedError, match=r"left as it is, .*: Gcore's AppDeployment chat manages it"):
        host.endpoint("chat", of=GCORE).create({**waiting, "on_timeout": on_timeout})
    assert deployment(simulator, made.id)["status"] == "PARTIALLYDEPLOYED"
