"""The vendor's own client, unmodified from the package index, against the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import running
from tests.compat.clients import CORTECS_VERSIONS, client_folder

SCENARIOS = Path(__file__).with_name("cortecs_scenarios.py")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("version", CORTECS_VERSIONS)
def test_everything_cortecs_py_can_do_works(version: str, host: str) -> None:
    folder = client_folder(version)
    assert (folder / "cortecs_py").is_dir(), f"cortecs-py {version} is not in {folder}: run `make setup`"
    with running(speed=400, boot=20) as simulator:
        environment = {
            **os.environ,
            **simulator.env(),
            "CORTECS_API_BASE_URL": f"http://{host}:{simulator.port}/api/v1",
            "PYTHONPATH": str(folder),
            "NO_PROXY": "*",
        }
        # not under -W error: this client makes pydantic warn about what it does
        environment.pop("PYTHONWARNINGS", None)
        done = subprocess.run(
            [sys.executable, str(SCENARIOS), simulator.url],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("ok ") == 15
