"""Secrets of a program of Shadeform: its vendor gets them, and no text of ours has them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host
from tests.contract.machines import (
    DOCKER,
    LAUNCHED,
    MARKER,
    PLACE,
    SCRIPTED,
    at_vendor,
    endpoint,
    full_program,
    machine,
    waiting,
)
from tests.contract.proxy import Answer, Proxy, Sent

StartHost = Callable[..., Host]


def test_no_secret_is_in_a_text_of_ours(
    start_host: StartHost, simulator: Simulator, proxy: Proxy, engine: FakeEngine, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.json"
    url = proxy.env()["SHADEFORM_BASE_URL"]
    limits.write_text(json.dumps({"shadeform": {"allowed_base_urls": [url], "account_hourly_ceiling": "9 USD"}}))
    machine_wide = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / "state"), "PULUMI_CORTECS_LIMITS": str(limits)}
    machine_wide["PULUMI_CORTECS_LIST_LAG"] = "0.05"
    host = start_host({**proxy.env(), **machine_wide}, engine=engine.address, machine=str(tmp_path), before=IMPATIENT)
    made = machine(host, "full").buy(full_program(simulator))
    endpoint(host, "full").create(waiting(made))
    scripted = machine(host, "script").buy({**PLACE, **SCRIPTED})
    errors = [*_refusals_of_secrets(host), *_errors_that_quote(host, proxy)]
    for one in (made, scripted):
        machine(host).delete(one)
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 2
    encoded = base64.b64encode(f"#!/bin/sh\necho {MARKER}".encode()).decode()
    for text in (*errors, *engine.messages, host.printed(), *map(repr, written)):
        assert MARKER not in text
        assert encoded not in text


def _refusals_of_secrets(host: Host) -> Iterator[str]:
    """What check says of secrets in wrong places."""
    for odd in (
        {"envs": {"TOKEN": {"a": MARKER}}},
        {"envs": MARKER},
        {"launch_configuration": {"docker_configuration": {"image": "x", "envs": MARKER, "args": [MARKER]}}},
        {"launch_configuration": {"docker_configuration": {"image": "x", "registry_credentials": MARKER}}},
        {"launch_configuration": {"script_configuration": {"script": {"x": MARKER}}}},
        {"ready_key": {"x": MARKER}},
    ):
        failures = machine(host).check({**PLACE, **odd}).failures
        assert failures
        yield str(failures)


def _errors_that_quote(host: Host, proxy: Proxy) -> Iterator[str]:
    """What an order fails with, if the vendor's error quotes it."""
    for status, program in ((400, LAUNCHED), (422, SCRIPTED), (409, {"envs": {"TOKEN": f'{MARKER} "b" é'}})):

        def quoting(sent: Sent, pass_on: Callable[[], Answer], status: int = status) -> Answer:
            is_order = sent.path == "/instances/create"
            return Answer(status, {"error": f"invalid: {json.dumps(sent.body)[150:]}"}) if is_order else pass_on()

        proxy.rewrite = quoting
        with pytest.raises(CallFailedError) as failed:
            machine(host).buy({**PLACE, **program})
        assert "[redacted]" in str(failed.value)
        yield str(failed.value)
    for quoted, program in (
        (f"unknown flag --api-key {MARKER}", _docker(f"--model a --api-key {MARKER}")),
        (f"unknown key {MARKER}", _docker(f"--model a --api-key={MARKER}")),
        (f"line 2: export TOKEN={MARKER}", SCRIPTED_LINES),
    ):
        proxy.rewrite = lambda sent, pass_on, quoted=quoted: (
            Answer(400, {"error": quoted}) if sent.path == "/instances/create" else pass_on()
        )
        with pytest.raises(CallFailedError) as failed:
            machine(host).buy({**PLACE, **program})
        assert "[redacted]" in str(failed.value)
        yield str(failed.value)
    proxy.rewrite = lambda _, pass_on: pass_on()


def _docker(args: str) -> dict[str, Any]:
    return {"launch_configuration": {"docker_configuration": {"image": "x", "args": args}}}


SCRIPTED_LINES: Mapping[str, Any] = {
    "launch_configuration": {"script_configuration": {"script": f"#!/bin/sh\nexport TOKEN={MARKER}\necho\n"}}
}


def test_the_vendor_gets_each_secret(host: Host, simulator: Simulator) -> None:
    full, scripted = machine(host).buy(full_program(simulator)), machine(host).buy({**PLACE, **SCRIPTED})
    sent = at_vendor(simulator, full.id)
    assert sent["envs"] == [{"name": "TOKEN", "value": f"{MARKER}-env"}]
    variables = [{"name": "HF_TOKEN", "value": f"{MARKER}-docker-env"}]
    assert sent["launch_configuration"]["docker_configuration"] == {**DOCKER, "envs": variables}
    encoded = at_vendor(simulator, scripted.id)["launch_configuration"]["script_configuration"]["base64_script"]
    assert base64.b64decode(encoded).decode() == SCRIPTED["launch_configuration"]["script_configuration"]["script"]
