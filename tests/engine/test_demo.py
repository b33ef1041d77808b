"""`make demo`, as a newcomer runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.documented import output_of
from tests.engine.packages import pack_python, quick
from tests.engine.pulumi import kill_session
from tests.preloaded import preloaded, python
from tools.demo_stories import CORTECS, STORIES

_ROOT = Path(__file__).parents[2]
_QUICKSTART = (_ROOT / "examples" / "quickstart" / "__main__.py").read_text()
_REFUSE = """
import sys
from pathlib import Path
from pulumi_cortecs.simulator import Control
from tools.demo import Demo

Demo(Path(sys.argv[1]), {}, Control(sys.argv[2]), steps=8).refuse()
"""


@pytest.fixture
def forks(pulumi_home: Path, are_forked: bool) -> dict[str, str]:
    """The variables by which programs and providers are forked."""
    return quick(pulumi_home.parent, preloaded() if are_forked else None)


@pytest.fixture
def all_forks(forks: dict[str, str]) -> dict[str, str]:
    """The same, for packs as well."""
    return {**forks, "PULUMI_CORTECS_DEMO_PYTHON": pack_python(forks)}


def demo(pulumi: Path, directory: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the demo with its state in a directory of its own; what it leaves in its session is killed."""
    return _run(["-m", "tools.demo", "--pulumi", str(pulumi), *options], directory, **variables)


def refuse(directory: Path, simulator: Simulator, code: int, *reasons: str) -> subprocess.CompletedProcess[str]:
    """The demo's refusal alone, by a pulumi that exits so and whose pack gives these reasons."""
    events = [{"enforcementLevel": "mandatory", "message": f"A rule.\n{reason}, too much"} for reason in reasons]
    (directory / "project").mkdir(parents=True)
    (directory / "project" / "__main__.py").write_text(_QUICKSTART)
    (directory / "events.json").write_text("".join(json.dumps({"policyEvent": event}) + "\n" for event in events))
    pulumi = directory / "pulumi"
    pulumi.write_text(f"#!/bin/sh\ncp __main__.py judged.py\nexit {code}\n")
    pulumi.chmod(0o755)
    return _run(["-c", _REFUSE, str(pulumi), simulator.url], directory)


def assert_shown(page: str, printed: str) -> None:
    """Asserts that the demo printed the lines of a page, in that order; figures and paths may differ."""
    lines = iter([_plain(line) for line in printed.splitlines()])
    for line in output_of(page):
        assert _plain(line) in lines, line  # which looks behind the line before only


def _plain(line: str) -> str:
    return " ".join(re.sub(r"\d[\d.:]*", "#", line.replace(f"{_ROOT}/", "")).split())


def _run(command: list[str], directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PULUMI_CORTECS_DEMO_DIRECTORY": str(directory), **variables}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = python(command, out.fileno(), err.fileno(), environment, _ROOT)
        try:
            code = process.wait(120)
        finally:
            kill_session(process.pid)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read().decode(), err.read().decode())


def test_the_demo_goes_from_purchase_to_a_bill_that_was_predicted(
    pulumi: Path, tmp_path: Path, all_forks: dict[str, str]
) -> None:
    done = demo(pulumi, tmp_path / "my demo", **all_forks)
    assert done.returncode == 0, done.stderr
    for shown in (
        'hourly_total    : "1.20"',
        "stands in for Qwen/Qwen2-7B-Instruct",
        '+chat = Instance("chat", model_id=llama, hardware_type_id="NVIDIA_H100_1", num_workers=8)',
        "❌ cortecs-guard",
        "8 x NVIDIA_H100_1 cost 36.00 EUR/h; the limit is 5.00 EUR: 31.00 EUR too much.",
        "NOT ALLOWED: 12 policy violations; +25404.00 EUR/month (1.20 -> 36.00 EUR/h)",
        "The simulator's ledger has what it had: 1 x NVIDIA_L4_1. Nothing was bought.",
        '~ state: "stopped" => "running"',
        "/stop   # behind Pulumi's back",
        "━━━ 8 of 8  The bill",
    ):
        assert shown in done.stdout
    assert_shown("../README.md", done.stdout)
    assert_shown("getting-started.md", done.stdout)
    assert not (tmp_path / "my demo" / "simulator.pid").exists()
    assert (tmp_path / "my demo" / "project" / "__main__.py").read_text() == _QUICKSTART


SHOWN = {
    "shadeform": (
        'hourly_total    : "0.50"',
        "args         : [secret]",
        '+        shade_instance_type="H100_sxm5x8",',
        "The simulator's ledger has what it had: hyperstack/montreal-canada-2/A6000. Nothing was bought.",
        '+ ttl: "8h"',
        "min x 0.50 USD / 60  predicted",
    ),
    "gcore": (
        'hourly_min      : "0.00"',
        'hourly_total    : "3.60"',
        '~ hourly_total    : "3.60" => "30.24"',
        "~ auth_enabled     : true => false",
        "min x 1.80 USD / 60  predicted",
    ),
    "all": (
        "3 instances of this stack, those in USD: 30.74 USD/h; the budget of the stack is 12.00 USD",
        "at cortecs",
        "at gcore",
        "at shadeform",
        "The simulator's ledger has what it had: 1 x NVIDIA_L4_1, ",
    ),
}
"""What the demo of a cloud shows, and no other one."""


@pytest.mark.long
@pytest.mark.parametrize("cloud", SHOWN)
def test_the_demo_of_other_clouds_tells_the_same_story(
    pulumi: Path, tmp_path: Path, all_forks: dict[str, str], cloud: str
) -> None:
    done = demo(pulumi, tmp_path / "demo", "--cloud", cloud, **all_forks)
    assert done.returncode == 0, done.stderr
    same = ("without the key: 401; with it:", "stands in for Qwen/Qwen2-7B-Instruct", "━━━ 8 of 8  The bill")
    for shown in (*same, *SHOWN[cloud], *STORIES[cloud].refusals):
        assert shown in done.stdout


def test_a_kept_demo_tells_how_to_go_on_and_nothing_of_the_surroundings(
    pulumi: Path, tmp_path: Path, forks: dict[str, str]
) -> None:
    surroundings = {"AWS_SECRET_ACCESS_KEY": "a-secret-of-the-user", "TRICK": f"it's $(touch {tmp_path}/owned)"}
    proxy = {
        "http_proxy": "http://127.0.0.1:9",
        "no_proxy": "example.org",
    }  # gRPC would go there, to the engine as well
    kept = demo(pulumi, tmp_path / "demo", "--keep", **surroundings, **proxy, **forks)
    script = tmp_path / "demo" / "env.sh"
    try:
        assert kept.returncode == 0, kept.stderr
        assert "curl -X POST http://127.0.0.1:" in kept.stdout
        assert "a-secret-of-the-user" not in script.read_text()
        assert script.stat().st_mode & 0o777 == 0o600
        (command,) = re.findall(r"  (cp \.\./pull_request\.py .*?)(?=  cp )", kept.stdout, re.S)
        tried = subprocess.run(
            ["sh", "-c", f'. "$0" && {command}', str(script)],
            cwd=tmp_path / "demo" / "project",
            env={"PATH": os.environ["PATH"], **proxy},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert tried.returncode == 1
        assert '~ hourly_total    : "1.20" => "36.00"' in tried.stdout, tried.stderr
        for reason in CORTECS.refusals:
            assert reason in tried.stdout
        assert not (tmp_path / "owned").exists()
    finally:
        stopped = demo(pulumi, tmp_path / "demo", "--stop")
    assert "demo: ended" in stopped.stdout
    assert not script.exists()


def test_the_demo_fails_unless_the_pack_refuses_eight_h100(simulator: Simulator, tmp_path: Path) -> None:
    assert refuse(tmp_path / "refused", simulator, 1, *CORTECS.refusals).returncode == 0
    for name, code, reasons, says in (
        ("let through", 0, (), "the preview exited 0, and no refusal says: NVIDIA_H100_1 is not among"),
        ("no limits", 1, CORTECS.refusals[:1], "the preview exited 1, and no refusal says: 8 x NVIDIA_H100_1 cost"),
        ("refused in vain", 0, CORTECS.refusals, "eight H100 were refused, and got through"),
    ):
        failed = refuse(tmp_path / name, simulator, code, *reasons)
        assert failed.returncode == 1
        assert says in failed.stderr
        assert "NVIDIA_H100_1" in (tmp_path / name / "project" / "judged.py").read_text()
        assert (tmp_path / name / "project" / "__main__.py").read_text() == _QUICKSTART


@pytest.mark.parametrize("options", [("--stop",)])
def test_stopping_nothing_says_so(pulumi: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert demo(pulumi, tmp_path / "demo", *options).stdout == "demo: nothing is running\n"
