"""The engine with program and host on the oldest SDK that we support: bought, interrupted, resumed, ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.compat.clients import OLDEST_PULUMI, sdk_folder
from tests.engine.programs import fleet
from tests.engine.pulumi import Stack, session_processes

WITNESS = """
import importlib.metadata, importlib.util, os, sys
who = "host" if "pulumi.dynamic" in sys.orig_argv else "other"
found = importlib.util.find_spec("pulumi")
with open(os.environ["TEST_WITNESS"], "a") as log:
    log.write(f"{who} {importlib.metadata.version('pulumi')} {found.origin}\\n")
"""
"""A sitecustomize: every Python that the engine starts says first where it would take pulumi from."""


@pytest.fixture
def witnessed(stack: Stack, tmp_path: Path) -> Path:
    """A stack on the oldest SDK; the file in which each process says so."""
    folder = sdk_folder(OLDEST_PULUMI)
    assert (folder / "pulumi").is_dir(), f"pulumi {OLDEST_PULUMI} is not in {folder}: run `make setup`"
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness" / "sitecustomize.py").write_text(WITNESS)
    versions = tmp_path / "said.txt"
    stack.environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "witness"), str(folder)])
    stack.environment["TEST_WITNESS"] = str(versions)
    return versions


def test_the_oldest_sdk_does_the_whole_job(stack: Stack, simulator: Simulator, witnessed: Path) -> None:
    simulator.control.pause()
    stack.program(
        fleet(6) + "import pulumi, importlib.metadata\npulumi.export('sdk', importlib.metadata.version('pulumi'))\n"
    )
    with stack.started("up", "--yes", "--skip-preview") as process:
        assert process.stdout is not None
        waiting: set[str] = set()
        for line in process.stdout:
            if ":Endpoint " in line and "1/5" in line:
                waiting.add(line.split(":Endpoint ")[1].split()[0])
            if len(waiting) == 6:  # with four threads it would be four
                break
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
        assert process.wait(timeout=30) != 0
        assert session_processes(process.pid) == []
    assert "was interrupted" in text
    assert "Traceback" not in text
    bought = {instance.instance_id for instance in simulator.control.instances()}
    assert len(bought) == 6
    assert stack.instance_ids() == bought
    simulator.control.resume()
    stack.up()
    assert stack.instance_ids() == bought
    assert stack.outputs() == {"sdk": OLDEST_PULUMI}
    stack.drift(expect=0)
    stack.destroy()
    assert simulator.control.instances() == ()
    assert simulator.control.ledger().open == ()
    origin = sdk_folder(OLDEST_PULUMI) / "pulumi" / "__init__.py"
    versions = witnessed.read_text().splitlines()
    assert f"host {OLDEST_PULUMI} {origin}" in versions
    assert {line.split(" ", 1)[1] for line in versions} == {f"{OLDEST_PULUMI} {origin}"}
