"""docs/getting-started.md, "A program of your own": the block that people paste, as it stands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.engine.documented import commands_of
from tests.engine.packages import few_certificates, requirement_of_ours
from tests.engine.pulumi import kill_session

ROOT = Path(__file__).parents[2]
((FIRST, *BLOCK),) = commands_of("getting-started.md", "A program of your own")


@pytest.mark.long
def test_the_block_leads_from_nothing_to_an_instance_and_ends_it(pulumi: Path, tmp_path: Path) -> None:
    assert FIRST == "CLONE=/path/to/this/clone"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # the port of the page may be taken on this machine
    block = "\n".join(
        line.replace("pulumi-cortecs simulator ", f"pulumi-cortecs simulator --port {port} ") for line in BLOCK
    )
    unwanted = ("PULUMI_", "CORTECS_", "PYTEST_", "PIP_", "VIRTUAL_ENV")
    requirements, log = tmp_path / "requirements.txt", tmp_path / "log"
    requirements.write_text(requirement_of_ours(tmp_path).partition(" --hash")[0])
    with log.open("w") as out:  # and not a pipe, which the simulator would hold open if the block ended early
        process = subprocess.Popen(
            ["sh", "-eu", "-c", f"CLONE='{ROOT}'\n{block}"],
            cwd=tmp_path,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(unwanted)},
                # a test has no network: what builds, and what the extras bring, is in this environment
                "PIP_NO_INDEX": "1",
                "PIP_NO_BUILD_ISOLATION": "0",
                "PIP_REQUIREMENT": str(requirements),
                "PYTHONPATH": sysconfig.get_path("purelib"),
                "PATH": f"{pulumi.parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                **few_certificates(tmp_path),
            },
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(timeout=150)
        finally:
            kill_session(process.pid)
    printed = log.read_text()
    assert process.returncode == 0, printed
    for shown in ("✅ cortecs-guard", 'hourly_total    : "1.20"', "    + 3 created", "    - 3 deleted"):
        assert shown in printed
    assert not re.search(r"^missing", printed, re.M)
    assert list((tmp_path / "chat" / "policy").rglob("limits.json"))
