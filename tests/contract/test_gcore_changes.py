"""Changes of Gcore's deployments in place: only what has changed is sent, and what costs more is quoted and judged
before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.clouds.gcore import GCORE, PROGRAM, SMALL
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made, Resource
from tests.contract.proxy import Answer, Proxy, Sent

StartHost = Callable[..., Host]
PATCH = "PATCH /cloud/v3/inference/{project_id}/deployments/{name}"
DEPLOYMENTS = "/cloud/v3/inference/1/deployments"


def scaled(most: int, least: int = 1, region: int | str = 7) -> dict[str, Any]:
    """The program with other replicas, or in another region."""
    return {**PROGRAM, "containers": [{"region_id": region, "scale": {"min": least, "max": most}}]}


@pytest.fixture
def console(simulator: Simulator) -> Iterator[httpx.Client]:
    """A client of the vendor's API beside the provider."""
    with simulator.gcore_client() as client:
        yield client


def changed(resource: Resource, made: Made, olds: dict[str, Any], program: dict[str, Any]) -> Made:
    """The deployment after an `up` with another program."""
    checked = resource.check(program, olds)
    assert checked.failures == ()
    return resource.update(made, checked.inputs)


def inputs_of(made: Made) -> dict[str, Any]:
    """The inputs that a state holds."""
    return {key: value for key, value in made.outs.items() if key in GCORE.kind().inputs}


def patches(simulator: Simulator) -> int:
    """The number of changes so far."""
    return simulator.control.requests().count(PATCH)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"description": "new"}, {"description": "new"}),
        ({"envs": {"A": "1"}, "timeout": 60}, {"envs": {"A": "1"}, "timeout": 60}),
        ({"command": ["serve", "--port", "8000"]}, {"command": ["serve", "--port", "8000"]}),
        ({"flavor_name": "inference-8vcpu-32gib"}, {"flavor_name": "inference-8vcpu-32gib"}),
    ],
)
def test_a_change_sends_what_has_changed_and_nothing_else(
    start_host: StartHost, proxy: Proxy, change: dict[str, Any], body: dict[str, Any]
) -> None:
    resource = start_host(proxy.env()).instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    updated = changed(resource, made, inputs, {**PROGRAM, **change})
    assert updated.id == made.id
    assert [sent.body for sent in proxy.sent if sent.method == "PATCH"] == [body]


def test_a_change_that_changes_nothing_has_no_task_to_wait_for(
    host: Host, simulator: Simulator, console: httpx.Client
) -> None:
    resource, name = host.instance("same", of=GCORE), "same"
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    console.patch(f"{DEPLOYMENTS}/{made.id}", json={"envs": {"A": "1"}}).raise_for_status()
    updated = changed(resource, made, inputs, {**PROGRAM, "envs": {"A": "1"}})
    assert (patches(simulator), updated.outs["envs"]) == (2, {"A": "1"})
    wanted = {"instance_id": made.id, "state": "running", "spec_digest": "other", "ready_timeout": 20}
    assert host.endpoint(name, of=GCORE).create(wanted).outs["status"] == "ACTIVE"


def test_a_change_whose_task_fails_is_an_error_with_its_words(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    simulator.control.fault("task_error", method="PATCH", message="no nodes left", count=1)
    with pytest.raises(
        CallFailedError, match=rf"^{made.id} may not have the wanted state.*task \S+ failed: no nodes left"
    ):
        changed(resource, made, inputs, scaled(3))  # of scale, so that no Endpoint waits
    assert changed(resource, made, inputs, scaled(3)).outs["containers"][0]["scale"]["max"] == 3


def test_a_change_of_the_price_is_quoted_anew(host: Host) -> None:
    resource = host.instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    updated = changed(resource, made, inputs, scaled(3))
    quote = updated.outs["quote"]
    assert (quote["hourly_total"], quote["hourly_min"], quote["regions"]) == ("0.36", "0.12", {"7": "luxembourg-2"})
    assert updated.outs["containers"][0]["scale"] == {"min": 1, "max": 3}


def test_a_change_of_what_costs_nothing_keeps_its_quote(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    simulator.control.set_gcore_price(SMALL, "0.60")
    assert changed(resource, made, inputs, {**PROGRAM, "description": "new"}).outs["quote"] == inputs["quote"]


def test_a_change_above_max_price_is_refused_in_check(host: Host, simulator: Simulator) -> None:
    limited = {**PROGRAM, "max_price": "0.30 USD"}
    resource = host.instance(of=GCORE)
    inputs = resource.check(limited).inputs
    resource.create(inputs)
    (reason,) = resource.check({**scaled(3), "max_price": "0.30 USD"}, inputs).reasons("max_price")
    assert "0.36 USD" in reason
    assert patches(simulator) == 0


def test_a_price_that_rises_after_check_is_refused_before_the_change(
    start_host: StartHost, simulator: Simulator
) -> None:
    resource = start_host(before=IMPATIENT).instance("chat", of=GCORE)
    limited = {**PROGRAM, "max_price": "0.40 USD"}
    inputs = resource.check(limited).inputs
    made = resource.create(inputs)
    news = resource.check({**scaled(3), "max_price": "0.40 USD"}, inputs).inputs
    simulator.control.set_gcore_price(SMALL, "0.60")
    with pytest.raises(CallFailedError, match=rf"^{made.id} was not changed: .*1\.80 USD"):
        start_host(before=IMPATIENT).instance("chat", of=GCORE).update(made, news)
    assert patches(simulator) == 0


def test_only_the_difference_counts_against_the_ceiling(
    start_host: StartHost, simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "limits.json"
    ceiling = {"allowed_base_urls": [simulator.gcore_url], "account_hourly_ceiling": "0.40 USD"}
    file.write_text(json.dumps({"gcore": ceiling}))
    resource = start_host({"PULUMI_CORTECS_LIMITS": str(file)}, before=IMPATIENT).instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    three = resource.check(scaled(3), inputs)
    assert three.failures == ()
    made = resource.update(made, three.inputs)  # 0.36 in all
    ((argument, reason),) = resource.check(scaled(4), three.inputs).failures
    assert argument in ("containers", "flavor_name")
    assert "0.40 USD" in reason
    with pytest.raises(CallFailedError, match=rf"^{made.id} was not changed: .*0\.40 USD"):
        resource.update(made, {**three.inputs, "containers": scaled(4)["containers"]})
    assert patches(simulator) == 1


def test_a_change_of_what_is_stopped_costs_nothing_until_it_starts(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    stopped = resource.check({**PROGRAM, "state": "stopped"}, inputs).inputs
    made = resource.update(made, stopped)
    larger = resource.check({**scaled(3), "state": "stopped"}, stopped).inputs
    assert (larger["quote"]["while_stopped"], larger["quote"]["hourly_total"]) == ("0 while stopped", "0.36")
    made = resource.update(made, larger)
    assert (simulator.control.ledger().open, patches(simulator)) == ((), 1)
    started = resource.check(scaled(3), larger).inputs
    assert "while_stopped" not in started["quote"]
    resource.update(made, started)
    assert [one.status for one in simulator.control.instances()] != ["DISABLED"]


def test_a_region_by_its_name_is_sent_by_its_number_and_reads_as_it_was(start_host: StartHost, proxy: Proxy) -> None:
    resource = start_host(proxy.env()).instance(of=GCORE)
    made = resource.buy(scaled(1, region="luxembourg-2"))
    (order,) = (sent.body for sent in proxy.sent if (sent.method, sent.path) == ("POST", DEPLOYMENTS))
    assert order["containers"][0]["region_id"] == 7
    assert resource.read(made).outs == made.outs


@pytest.mark.parametrize(
    ("elsewhere", "argument"),
    [
        ({"envs": {"SOMEBODYS": "x"}}, "envs"),
        ({"containers": [{"region_id": 7, "scale": {"min": 1, "max": 5}}]}, "containers"),
        ({"timeout": 30}, "timeout"),
        ({"command": ["other"]}, "command"),
        ({"probes": {"liveness_probe": {"enabled": True, "probe": {"tcp_socket": {"port": 1}}}}}, "probes"),
    ],
)
def test_what_somebody_else_has_changed_is_drift_and_goes_with_the_next_up(
    host: Host, console: httpx.Client, elsewhere: dict[str, Any], argument: str
) -> None:
    resource = host.instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    console.patch(f"{DEPLOYMENTS}/{made.id}", json=elsewhere).raise_for_status()
    found = resource.read(made)
    assert found.inputs is not None
    assert {key for key in {*found.inputs, *inputs} if found.inputs.get(key) != inputs.get(key)} == {argument}
    assert resource.diff(found.outs, inputs, made.id).changes is not False
    assert resource.read(resource.update(found, inputs)).inputs == inputs


def test_keys_that_somebody_attached_are_drift(host: Host, simulator: Simulator, console: httpx.Client) -> None:
    simulator.control.seed_gcore(api_keys=[{"name": "ours", "secret": "s"}, {"name": "theirs", "secret": "t"}])
    resource = host.instance(of=GCORE)
    inputs = resource.check({**PROGRAM, "api_keys": ["ours"]}).inputs
    made = resource.create(inputs)
    console.patch(f"{DEPLOYMENTS}/{made.id}", json={"api_keys": ["theirs", "ours"]}).raise_for_status()
    found = resource.read(made)
    assert found.outs["api_keys"] == ["ours", "theirs"]
    assert resource.read(resource.update(found, inputs)).outs["api_keys"] == ["ours"]


@pytest.mark.parametrize("patched", ["replace", "merge"])
def test_variables_are_added_and_changed_however_the_vendor_patches(
    host: Host, simulator: Simulator, patched: str
) -> None:
    simulator.control.settings(gcore_patched_envs=patched)
    resource = host.instance(of=GCORE)
    inputs = resource.check({**PROGRAM, "envs": {"A": "1", "B": "1"}}).inputs
    made = resource.create(inputs)
    updated = changed(resource, made, inputs, {**PROGRAM, "envs": {"A": "2", "B": "1", "C": "3"}})
    assert resource.read(updated).outs["envs"] == {"A": "2", "B": "1", "C": "3"}


def test_a_variable_that_the_vendor_keeps_shows_in_the_next_refresh(host: Host, simulator: Simulator) -> None:
    simulator.control.settings(gcore_patched_envs="merge")
    resource = host.instance("kept", of=GCORE)
    inputs = resource.check({**PROGRAM, "envs": {"A": "1", "B": "1"}}).inputs
    made = resource.create(inputs)
    updated = changed(resource, made, inputs, {**PROGRAM, "envs": {"B": "1"}})
    wanted = {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20, "give_up_after": 1}
    with pytest.raises(CallFailedError, match=r"still reported with another envs, the same for 1 s.*--replace"):
        host.endpoint("kept", of=GCORE).create(wanted)
    assert resource.read(updated).outs["envs"] == {"A": "1", "B": "1"}


@pytest.mark.parametrize("drifts", [False, True], ids=["failed", "drifted"])
def test_the_way_back_from_a_change_waits_although_the_program_is_the_last_one_that_was_waited_for(
    host: Host, simulator: Simulator, console: httpx.Client, drifts: bool
) -> None:
    simulator.control.settings(gcore_patched_envs="merge")
    name = f"back{drifts:d}"
    resource, endpoint = host.instance(name, of=GCORE), host.endpoint(name, of=GCORE)
    program = {**PROGRAM, "envs": {"A": "1"}}
    made = resource.buy(program)
    wanted = {"instance_id": made.id, "state": "running", "spec_digest": "a", "ready_timeout": 20, "give_up_after": 1}
    waited = endpoint.create(wanted)
    inputs = resource.check(program, inputs_of(made)).inputs
    assert endpoint.diff(waited.outs, wanted).changes is False
    if drifts:
        console.patch(f"{DEPLOYMENTS}/{made.id}", json={"envs": {"B": "1"}}).raise_for_status()
        updated = Made(made.id, {**made.outs, "envs": {"A": "1", "B": "1"}})  # as a refresh reads it
    else:  # the wait for it fails, or is killed
        updated = changed(resource, made, inputs, {**PROGRAM, "envs": {"B": "1"}})
    checked = resource.check(program, inputs_of(updated)).inputs
    assert endpoint.diff(waited.outs, wanted).changes  # as in a preview
    resource.update(updated, checked)
    assert endpoint.diff(waited.outs, wanted).changes
    with pytest.raises(CallFailedError, match="still reported with another envs"):
        endpoint.update(waited, wanted)


def test_what_an_application_manages_is_neither_adopted_nor_changed_nor_deleted_silently(
    start_host: StartHost, proxy: Proxy
) -> None:
    def managed(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        rows = answer.body.get("results", [answer.body])
        for row in rows if sent.method == "GET" and DEPLOYMENTS in sent.path else []:
            row["object_references"] = [{"kind": "AppDeployment", "name": "shop"}]
        return answer

    resource = start_host(proxy.env(), before=IMPATIENT).instance(of=GCORE)
    inputs = resource.check(PROGRAM).inputs
    made = resource.create(inputs)
    proxy.rewrite = managed
    other = start_host(proxy.env(), before=IMPATIENT).instance(of=GCORE)
    (reason,) = other.check({**PROGRAM, "adopt_id": made.id}).reasons("adopt_id")
    assert "Gcore's AppDeployment shop" in reason
    with pytest.raises(CallFailedError, match="Gcore's AppDeployment shop manages it"):
        changed(resource, made, inputs, {**PROGRAM, "description": "new"})
    assert not any(sent.method in ("PATCH", "DELETE") for sent in proxy.sent)


def test_without_quota_check_warns_and_create_orders_nothing(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    simulator.control.settings(gcore_instance_quota=0)
    resource = start_host(engine=engine.address).instance(of=GCORE)
    checked = resource.check(PROGRAM)
    assert checked.failures == ()
    assert any("the quota is 0" in text and "ask for more" in text for text in engine.messages)
    with pytest.raises(CallFailedError, match=r"^nothing was bought: .*the quota is 0"):
        resource.create(checked.inputs)
    assert simulator.control.requests().count(GCORE.order) == 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"flavor_name": "inference-4vcpu-16gb"}, "no flavor 'inference-4vcpu-16gb'"),
        (
            {"containers": [{"region_id": "luxemburg-2", "scale": {"min": 1, "max": 1}}]},
            "no inference in 'luxemburg-2'",
        ),
        ({"containers": [{"region_id": 8, "scale": {"min": 1, "max": 1}}]}, "no inference in 8"),
    ],
)
def test_what_does_not_exist_is_refused_on_its_argument(host: Host, wrong: dict[str, Any], reason: str) -> None:
    ((argument, text),) = host.instance(of=GCORE).check({**PROGRAM, **wrong}).failures
    assert (argument, reason in text) == (next(iter(wrong)), True)


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("GCORE_API_KEY", "wrong$key", "401"),
        ("GCORE_CLOUD_PROJECT_ID", "4711", "403: project 4711 is not a project of this account"),
    ],
)
def test_a_wrong_account_is_named_without_its_key(start_host: StartHost, variable: str, value: str, text: str) -> None:
    with pytest.raises(CallFailedError) as failed:
        start_host({variable: value}, before=IMPATIENT).instance(of=GCORE).buy(PROGRAM)
    assert text in str(failed.value)
    assert "wrong$key" not in str(failed.value)


def test_values_of_variables_are_in_no_text(host: Host, start_host: StartHost) -> None:
    made = host.instance(of=GCORE).buy({**PROGRAM, "envs": {"TOKEN": "hidden-one"}})
    ((argument, text),) = (
        start_host(before=IMPATIENT)
        .instance(of=GCORE)
        .check({**PROGRAM, "envs": {"TOKEN": "hidden-two"}, "adopt_id": made.id})
        .failures
    )
    assert argument == "envs"
    assert "hidden" not in text


def test_variables_of_an_adopted_one_have_to_be_in_the_program(host: Host) -> None:
    made = host.instance(of=GCORE).buy({**PROGRAM, "envs": {"TOKEN": "hunter2"}})
    (reason,) = host.instance(of=GCORE).check({**PROGRAM, "envs": {}, "adopt_id": made.id}).reasons("envs")
    assert reason == f"{made.id} has another value, which is secret; set envs to that value"
