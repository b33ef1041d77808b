"""The tests that come with Gcore's own client, unmodified from its source distribution, against the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pulumi_cortecs.simulator import running
from tests.compat.clients import gcore_folder

CLOUD = "tests/api_resources/cloud"
FILES = {
    f"{CLOUD}/inference/test_deployments.py": 145,
    f"{CLOUD}/inference/test_api_keys.py": 105,
    f"{CLOUD}/inference/test_registry_credentials.py": 95,
    f"{CLOUD}/inference/test_secrets.py": 95,
    f"{CLOUD}/inference/test_flavors.py": 40,
    f"{CLOUD}/inference/deployments/test_logs.py": 25,
    f"{CLOUD}/test_inference.py": 15,
}
"""The tests of inference, and how many there are."""
# no plugin but theirs and ours, and none of their own options, which start a process for each core
OPTIONS = ("-q", "-o", "addopts=", "-p", "pytest_asyncio.plugin", "-p", "gcore_plugin", "-p", "no:cacheprovider")


def test_every_test_of_gcores_client_passes() -> None:
    folder = gcore_folder()
    assert (folder / "src").is_dir(), f"Gcore's client is not in {folder}: run `make setup`"
    with running() as simulator:
        environment = {
            **os.environ,
            "TEST_API_BASE_URL": simulator.url,
            "PYTHONPATH": os.pathsep.join((str(folder / "src"), str(Path(__file__).parent))),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "NO_PROXY": "*",
        }
        for ours in ("PYTEST_ADDOPTS", "PYTHONWARNINGS"):
            environment.pop(ours, None)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *OPTIONS, *FILES],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    # nothing was skipped, left out or expected to fail: the summary would say so
    assert done.stdout.splitlines()[-1].startswith(f"{sum(FILES.values())} passed in "), done.stdout
