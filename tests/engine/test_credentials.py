"""Credentials stay where they belong: searched for in everything that a life of an instance leaves behind."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.simulator.cortecs.tokens import TOKEN_PREFIX
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack
from tests.policy.attempts import Attempts

MakeStack = Callable[[Mapping[str, str]], Stack]
SECRET = "s3cr3t-that-must-not-leak"
CHATTY = ("--debug", "--verbose", "9", "--logtostderr", "--logflow")
"""Pulumi itself prints a stack's secrets then: it is asked for with credentials of the environment only."""


def everything_below(directory: Path) -> str:
    """The contents of all files, states with their backups and histories among them."""
    return "\n".join(path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file())


def without_pulumis_own_configure(trace: Path) -> str:
    """The engine's gRPC trace, less the calls that hand the stack's config to providers and language hosts."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in trace.read_text().splitlines() if line.strip()]
    assert rows
    return "\n".join(json.dumps(row) for row in rows if not row["method"].endswith("/Configure"))


@pytest.mark.parametrize("source", ["environment", "config"])
def test_no_credential_in_state_output_trace_or_log(
    simulator: Simulator,
    make_stack: MakeStack,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    source: str,
    record_property: Callable[[str, object], None],
) -> None:
    caplog.set_level(logging.DEBUG)
    simulator.control.register("leaky", SECRET)
    trace = tmp_path / "grpc.json"
    if source == "environment":
        credentials = {"CORTECS_CLIENT_ID": "leaky", "CORTECS_CLIENT_SECRET": SECRET}
        stack = make_stack({**simulator.env(), **credentials, "PULUMI_DEBUG_GRPC": str(trace)})
    else:
        stack = make_stack({"PULUMI_DEBUG_GRPC": str(trace)})
        stack.run("config", "set", "cortecs:apiBaseUrl", simulator.base_url)
        stack.run("config", "set", "cortecs:clientId", "leaky")
        stack.run("config", "set", "--secret", "cortecs:clientSecret", SECRET)
        trace.unlink(missing_ok=True)
    chatty = CHATTY if source == "environment" else ("--debug",)
    stack.program(one_instance())
    printed = [stack.preview("--diff").text, stack.up(*chatty).text, stack.refresh().text]
    assert "plain text" not in "".join(printed)
    exported = stack.run("stack", "export").text
    simulator.control.fault("server_error", method="DELETE")
    printed.append(stack.destroy(expect=1).text)
    simulator.control.clear_faults()
    printed.append(stack.destroy(*chatty).text)
    assert stack.resources() == []
    assert simulator.control.ledger().open == ()

    places = {
        "state": everything_below(stack.directory / "state"),
        "project": everything_below(stack.project),
        "export": exported,
        "journal": everything_below(stack.directory / "orders"),
        "output": "\n".join(printed),
        "log": caplog.text,
    }
    if source == "environment":
        places["trace"] = without_pulumis_own_configure(trace)
    attempts = Attempts(record_property)
    for place, text in places.items():
        assert text
        leaks = any(secret in text for secret in (SECRET, TOKEN_PREFIX))
        attempts.tried(f"a credential of the {source} in the {place}", through=leaks)
    assert attempts.through == []


def test_a_credential_in_the_config_without_secret_is_named_once_in_a_warning(
    simulator: Simulator, make_stack: MakeStack
) -> None:
    stack = make_stack({})
    plain = {"cortecs:apiBaseUrl": simulator.base_url, "cortecs:clientId": "sim", "cortecs:clientSecret": "sim"}
    stack.run("config", "set-all", *(word for item in plain.items() for word in ("--plaintext", "=".join(item))))
    stack.program(fleet(2))
    shown = stack.preview().text.partition("Diagnostics:")[2]
    assert shown.count("in plain text: `pulumi config set --secret cortecs:clientSecret`") == 1
    assert "clientId" not in shown
