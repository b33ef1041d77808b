"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.pulumi import kill_session

_ROOT = Path(__file__).parents[2]


def demo(pulumi: Path, directory: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the demo with its state in a directory of its own; what it leaves in its session is killed."""
    environment = {**os.environ, "PULUMI_CORTECS_DEMO_DIRECTORY": str(directory), **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.demo", "--pulumi", str(pulumi), *options],
        cwd=_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=120)
    finally:
        kill_session(process.pid)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_the_demo_goes_from_purchase_to_a_bill_that_was_predicted(pulumi: Path, tmp_path: Path) -> None:
    done = demo(pulumi, tmp_path / "my demo")
    assert done.returncode == 0, done.stderr
    for shown in (
        'hourly_total    : "1.20"',
        "stands in for Qwen/Qwen2-7B-Instruct",
        '~ state: "stopped" => "running"',
        "/stop   # behind Pulumi's back",
        "━━━ 7 of 7  The bill",
    ):
        assert shown in done.stdout
    assert not (tmp_path / "my demo" / "simulator.pid").exists()


def test_a_kept_demo_tells_how_to_go_on_and_nothing_of_the_surroundings(pulumi: Path, tmp_path: Path) -> None:
    trick = f"it's $(touch {tmp_path}/owned)"
    kept = demo(pulumi, tmp_path / "demo", "--keep", AWS_SECRET_ACCESS_KEY="a-secret-of-the-user", TRICK=trick)
    script = tmp_path / "demo" / "env.sh"
    try:
        assert kept.returncode == 0, kept.stderr
        assert "curl -X POST http://127.0.0.1:" in kept.stdout
        assert "a-secret-of-the-user" not in script.read_text()
        assert script.stat().st_mode & 0o777 == 0o600
        listed = subprocess.run(
            ["sh", "-c", '. "$0" && pulumi stack output status --stack demo', str(script)],
            cwd=tmp_path / "demo" / "project",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert listed.stdout.strip() == "running", listed.stderr
        assert not (tmp_path / "owned").exists()
    finally:
        stopped = demo(pulumi, tmp_path / "demo", "--stop")
    assert "demo: ended" in stopped.stdout
    assert not script.exists()


@pytest.mark.parametrize("options", [("--stop",)])
def test_stopping_nothing_says_so(pulumi: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert demo(pulumi, tmp_path / "demo", *options).stdout == "demo: nothing is running\n"
