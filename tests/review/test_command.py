"""`pulumi-cortecs review` as it is installed, on recorded and generated events."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulumi_cortecs import cli
from pulumi_cortecs.cost.pricelist import LOCK_FILE
from pulumi_cortecs.policy.pinned import SHIPPED
from tests.engine.packages import forks
from tests.review.generated import Events, cortecs
from tests.review.recorded import CATALOGUE, STREAMS

INSTALLED = Path(sys.executable).with_name("pulumi-cortecs")
CHANGE = STREAMS / "change.jsonl"
GATE = ["--max-increase", "1.00EUR/h"]


def review(*options: object, events: Path = CHANGE) -> tuple[int, str]:
    """Exit code and output of the command in this process."""
    words = ["review", "--events", events, "--catalogue", CATALOGUE, *options]
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    return result.exit_code, result.output


def test_the_installed_command_exits_with_the_lowest_code_that_applies(tmp_path: Path) -> None:
    both = tmp_path / "both.jsonl"
    both.write_bytes(Events().step("create", "chat", None, cortecs()).violation("chat").end().encode())
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(Events().step("create", "chat", None, cortecs()).violation("chat").encode())
    runs = {0: [CHANGE], 1: [cut, *GATE], 2: [CHANGE, "--max-increase", "1.00"], 5: [both, *GATE], 6: [CHANGE, *GATE]}
    started = {0}  # the others are forked
    processes = {
        code: subprocess.Popen(
            [str(INSTALLED), "review", "--catalogue", CATALOGUE, "--events", *map(str, words)],
            env={**os.environ, **({} if code in started else forks(tmp_path))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for code, words in runs.items()
    }
    assert {code: process.wait(timeout=60) for code, process in processes.items()} == {code: code for code in runs}


@pytest.mark.parametrize("beginning", ["+876.00 EUR/month", "**+876.00", '{\n  "verdict": "+876.00', "<!doctype html>"])
def test_each_format_goes_to_a_file_or_stdout(beginning: str, tmp_path: Path) -> None:
    name = {"+": "text", "*": "markdown", "{": "json", "<": "html"}[beginning[0]]
    out = tmp_path / "report"
    assert review("--format", name, "--out", out) == (0, "")
    code, output = review("--format", name)
    assert code == 0
    assert output.startswith(beginning)
    assert out.read_text().startswith(beginning)


def test_several_streams_are_several_stacks_in_one_verdict(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_bytes(Events().step("create", "chat", None, cortecs()).end().encode())
    _, output = review("--events", other, "--format", "json")
    report = json.loads(output)
    assert [stack["stack"] for stack in report["stacks"]] == ["test", "dev"]
    assert report["verdict"] == "+1752.00 EUR/month (3.60 -> 6.00 EUR/h): allowed"


def test_the_same_stack_twice_cannot_tell() -> None:
    code, output = review("--events", CHANGE)
    assert code == 1
    assert output.startswith("cannot tell: the events of this stack are there twice")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-hourly", "5"], "must be an amount with its currency"),
        (["--policy-pack-config", CHANGE], "more than there are packs"),
        (["--refresh"], "--events: without"),
        (["--hours-per-month", "0"], "hours-per-month"),
        (["--catalogue", "none.yaml"], "no such catalogue"),
        (["--events", "none.jsonl"], "does not exist"),
    ],
)
def test_a_wrong_option_is_usage(options: list[object], message: str) -> None:
    code, output = review(*options)
    assert code == 2
    assert message in " ".join(output.replace("│", " ").split())


def test_the_prices_are_those_that_the_packs_judge_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, bare, priced = (tmp_path / name for name in ("project", "bare", "priced"))
    pulumi_that(tmp_path, f"cat {CHANGE}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for folder in (project / "policy" / "guard", bare, priced):
        folder.mkdir(parents=True)
        (folder / "run").touch()
    monkeypatch.chdir(tmp_path)

    def code(*options: str) -> int:
        return CliRunner().invoke(cli.app, ["review", "--cwd", "project", *options]).exit_code

    assert code() == 2
    shutil.copy(SHIPPED / CATALOGUE, priced / LOCK_FILE)
    assert code() == 2
    assert code("--policy-pack", "bare/run") == 2
    assert code("--policy-pack", "bare/run", "--policy-pack", "priced/run") == 0
    assert code("--policy-pack", "priced") == 0
    shutil.copy(SHIPPED / CATALOGUE, project / "policy" / "guard" / LOCK_FILE)
    assert code() == 0
    assert code("--policy-pack", "bare/run") == 2
    shutil.copy(SHIPPED / CATALOGUE, LOCK_FILE)
    assert code("--policy-pack", "bare/run") == 0


def test_without_a_pack_that_of_the_project_judges_and_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_that(tmp_path, f"cat {CHANGE}\n")
    assert "No policy pack has judged this: give one as --policy-pack" in preview(tmp_path, monkeypatch)[1]
    pack = tmp_path / "policy" / "guard"
    pack.mkdir(parents=True)
    for name in ("run", "limits.json"):
        (pack / name).touch()
    assert "No policy pack" not in preview(tmp_path, monkeypatch)[1]
    words = ["--policy-pack", f"{pack / 'run'}", "--policy-pack-config", f"{pack / 'limits.json'}"]
    assert (tmp_path / "called").read_text().split()[-5:-1] == words


def test_hours_of_a_month_can_be_chosen() -> None:
    assert review("--hours-per-month", "720")[1].startswith("+864.00 EUR/month")


def pulumi_that(directory: Path, script: str) -> None:
    """A `pulumi` on PATH that writes its arguments to a file, and then does as the script says."""
    fake = directory / "pulumi"
    fake.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" "$PULUMI_ENABLE_STREAMING_JSON_PREVIEW" > "{directory}/called"\n{script}'
    )
    fake.chmod(0o755)


def preview(directory: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[int, str]:
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    words = ["review", "--cwd", str(directory), "--catalogue", CATALOGUE, *options]
    result = CliRunner().invoke(cli.app, words)
    return result.exit_code, result.output


def test_it_previews_without_a_refresh_with_the_packs_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_that(tmp_path, f"cat {CHANGE}\n")
    names = ("a", "b", "a.json", "b.json")
    words = [f"--policy-pack{'-config' * name.endswith('.json')}={name}" for name in names]
    monkeypatch.chdir(tmp_path)
    for name in names:
        (tmp_path / name).touch()
    assert preview(tmp_path, monkeypatch, "--stack", "dev", *words)[0] == 0
    called = (tmp_path / "called").read_text().split()
    assert called[:7] == [
        "preview",
        "--json",
        "--non-interactive",
        "--color=never",
        "--refresh=false",
        "--stack",
        "dev",
    ]
    assert called[7:-1] == [
        *("--policy-pack", str(tmp_path / "a"), "--policy-pack", str(tmp_path / "b")),
        *("--policy-pack-config", str(tmp_path / "a.json"), "--policy-pack-config", str(tmp_path / "b.json")),
    ]
    assert called[-1] == "true"


def test_a_preview_that_fails_before_its_events_names_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_that(tmp_path, 'echo "error: no stack named dev" >&2\nexit 255\n')
    code, output = preview(tmp_path, monkeypatch)
    assert code == 1
    assert output.startswith("cannot tell: no stack named dev (and 1 more)")


def test_a_preview_whose_events_have_the_reason_leads_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi_that(tmp_path, f"cat {STREAMS / 'failed.jsonl'}\nexit 1\n")
    code, output = preview(tmp_path, monkeypatch)
    assert code == 1
    assert output.startswith("cannot tell: Exception: oops\n")


def test_a_preview_that_exits_otherwise_than_it_says_cannot_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi_that(tmp_path, f"cat {CHANGE}\nexit 3\n")
    code, output = preview(tmp_path, monkeypatch, "--refresh")
    assert code == 1
    assert output.startswith("cannot tell: pulumi preview exited with 3")
    assert "--refresh=true" in (tmp_path / "called").read_text()


def test_without_pulumi_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(cli.app, ["review", "--catalogue", CATALOGUE])
    assert result.exit_code == 1
    assert "no pulumi CLI on PATH" in result.output
