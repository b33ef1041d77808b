"""A deployment at Gcore on the real engine: the example's life, and what is different there."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import httpx

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator import Control, Simulator
from pulumi_cortecs.simulator.gcore.control_client import GcoreLedgerEntry
from tests.clouds.gcore import PROGRAM
from tests.engine.pulumi import Stack
from tests.engine.test_shadeform import QUESTION

_EXAMPLES = Path(__file__).parents[2] / "examples"
_EXAMPLE = (_EXAMPLES / "gcore_autoscale" / "__main__.py").read_text()
_DEPLOYMENTS = "/cloud/v3/inference/{project_id}/deployments"
_DEPLOYMENT, _ORDER = f"{_DEPLOYMENTS}/{{name}}", f"POST {_DEPLOYMENTS}"
_FLAVOR = "inference-16vcpu-232gib-1xl40s-48gb"
_PATCH, _START, _STOP = f"PATCH {_DEPLOYMENT}", f"POST {_DEPLOYMENT}/start", f"POST {_DEPLOYMENT}/stop"


def changed(before: str, after: str) -> str:
    """The example with another text in the place of one that it has."""
    assert before in _EXAMPLE
    return _EXAMPLE.replace(before, after)


def ask(url: str, key: str) -> tuple[int, int]:
    """The status of the answer to an OpenAI request without the key, and with it."""
    requests: tuple[dict[str, str], ...] = ({}, {"Authorization": f"Bearer {key}"})
    answers = [
        httpx.post(f"{url}/chat/completions", json=QUESTION, headers=headers, trust_env=False) for headers in requests
    ]
    return answers[0].status_code, answers[1].status_code


def open_replicas(control: Control) -> int:
    """The number of replicas that are billed."""
    return len(control.ledger().open)


def test_the_example_scales_by_load_and_in_place_stops_starts_and_ends(stack: Stack, simulator: Simulator) -> None:
    control = simulator.control
    stack.program(_EXAMPLE)
    bought = stack.run("up", "--yes").text  # with its preview, which does not miss the key that it creates
    assert "warning" not in bought
    (instance,) = control.instances()
    outputs = json.loads(stack.run("stack", "output", "--json", "--show-secrets").text)
    assert ask(outputs["base_url"], outputs["key"]) == (401, 200)
    assert (outputs["status"], len(outputs["quote"]["regions"])) == ("ACTIVE", 2)
    assert (outputs["quote"]["hourly_min"], outputs["quote"]["hourly_total"]) == ("0.00", "3.60")
    stack.up("--expect-no-changes")

    control.advance(3600)  # nobody asks: no replica, which is no drift
    assert (open_replicas(control), control.instances()[0].status) == (0, "PENDING")
    stack.drift(expect=0)

    stack.program(changed("max=1", "max=2"))
    shown = stack.preview("--diff").text
    assert '~ hourly_total    : "3.60" => "7.20"' in shown
    assert "spec_digest" not in shown  # it goes on serving, so its Endpoint does not wait again
    stack.up()
    control.gcore_set_load(instance.instance_id, 2)
    control.advance(60)
    assert (open_replicas(control), stack.outputs()["quote"]["hourly_total"]) == (4, "7.20")
    assert (control.requests().count(_PATCH), control.requests().count(_STOP)) == (1, 0)

    with simulator.gcore_client() as console:
        console.patch(f"/cloud/v3/inference/1/deployments/{instance.instance_id}", json={"api_keys": []})
    stack.program(changed("max=1", "max=3").replace("timeout=900", 'state="stopped", timeout=900'))
    stack.up("--refresh")
    assert stack.outputs()["status"] == "DISABLED"
    assert (open_replicas(control), control.instances()[0].status) == (0, "DISABLED")
    quote = stack.outputs()["quote"]
    assert (quote["while_stopped"], quote["hourly_total"]) == ("0 while stopped", "10.80")
    assert control.instances()[0].answer["api_keys"]  # as the program has it

    stack.program(_EXAMPLE)
    stack.up()
    assert (control.requests().count(_START), control.requests().count(_STOP)) == (1, 1)
    assert [one.instance_id for one in control.instances()] == [instance.instance_id]

    stack.destroy()
    assert (control.ledger().open, stack.resources()) == ((), [])
    assert control.ledger().totals["USD"] == sum(map(_cost, control.ledger().entries), Money.zero("USD"))


def _cost(entry: object) -> Money:
    """The bill of one replica by the quoted price of a minute."""
    assert isinstance(entry, GcoreLedgerEntry)
    assert entry.ended_at is not None
    seconds = (entry.ended_at - entry.billed_from).total_seconds() if entry.billed_from else 0
    return Money.of("0.03", "USD") * Decimal(-(-seconds // 60))


def test_what_fails_is_told_before_the_order_or_with_the_words_of_the_region(
    stack: Stack, simulator: Simulator
) -> None:
    control = simulator.control
    control.set_gcore_capacity(_FLAVOR, 0, 7)
    stack.program(_EXAMPLE)
    room = f"containers: luxembourg-2 has room for 0 replicas of {_FLAVOR}, and 1 would start at once"
    assert f"warning: {room}" in stack.preview().text
    assert f"nothing was bought: {room}" in stack.up(expect=1).text
    assert control.requests().count(_ORDER) == 0

    control.set_gcore_capacity(_FLAVOR, 5, 7)
    control.fault("task_error", message="Node is lost", count=1)
    failed = stack.up(expect=1).text
    assert "failed: Node is lost. Gcore does not know it, so it costs nothing." in failed

    control.fault("container_error", region_id="7")
    stack.program(changed("timeout=900", "give_up_after=1, timeout=900"))
    gave_up = stack.up("--refresh", expect=1).text
    assert "PARTIALLYDEPLOYED, 1/2 regions; luxembourg-2: Failed to pull image, the same for 1 s" in gave_up
    assert "its last log lines: Pulling image" in gave_up
    assert "It still exists and costs 3.60 USD/h" in gave_up

    control.clear_faults()
    stack.program(changed(":latest", ":v0.10.0"))
    stack.up()
    assert control.instances()[0].status == "ACTIVE"
    assert (control.requests().count(_ORDER), control.requests().count(_PATCH)) == (2, 1)


def test_one_program_rents_at_three_clouds(stack: Stack, simulator: Simulator) -> None:
    stack.program((_EXAMPLES / "three_clouds" / "__main__.py").read_text())
    stack.up()
    outputs = json.loads(stack.run("stack", "output", "--json", "--show-secrets").text)
    assert {cloud: quote["currency"] for cloud, quote in outputs["quotes"].items()} == {
        "cortecs": "EUR",
        "shadeform": "USD",
        "gcore": "USD",
    }
    assert {cloud: ask(url, outputs["key"]) for cloud, url in outputs["base_urls"].items()} == {
        "cortecs": (200, 200),
        "shadeform": (401, 200),
        "gcore": (401, 200),
    }
    stack.destroy()
    assert (simulator.control.ledger().open, stack.resources()) == ((), [])


def test_what_is_secret_of_an_adopted_deployment_is_hidden_whatever_the_program_says(
    stack: Stack, simulator: Simulator
) -> None:
    get = {"path": "/health", "port": 8000, "headers": {"Authorization": "Bearer probe-hidden"}}
    with simulator.gcore_client() as console:
        path = _DEPLOYMENTS.format(project_id=1)
        probes = {"liveness_probe": {"enabled": True, "probe": {"http_get": get}}}
        order = {**PROGRAM, "name": "found", "command": ["serve", "--key=command-hidden"], "probes": probes}
        console.post(path, json={key: order[key] for key in order if key != "give_up_after"}).raise_for_status()
        arguments = {key: PROGRAM[key] for key in ("flavor_name", "image", "listening_port", "containers")}
        stack.program(
            f"from pulumi_cortecs import gcore\ngcore.InferenceDeployment('d', adopt_id='found', **{arguments})"
        )
        texts = [stack.up("--diff").text, stack.state_file.read_text()]
        console.patch(f"{path}/found", json={"command": ["serve", "--key=other-hidden"]}).raise_for_status()
        texts += [stack.run("refresh", "--yes", "--diff").text, stack.state_file.read_text()]
    assert "command" in texts[-1]
    assert [word for word in ("probe", "command", "other") for text in texts if f"{word}-hidden" in text] == []
