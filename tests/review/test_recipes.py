"""The CI recipes: their shell as it stands, against a repository whose change means no good."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from pulumi_cortecs.cli import app
from tests.engine.packages import forks
from tests.review.fake_platform import HEAD, TOKEN, FakePlatform, fake_platform
from tests.review.recipes import Runner

GIT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "pulumi_cortecs" / "catalogues" / "simulator.lock.yaml"
STREAM = Path(__file__).parent / "streams" / "create.jsonl"
EVIL = 'x"; touch "$GITHUB_WORKSPACE/injected"; "$(touch injected)'


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, env={**os.environ, **GIT}, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The checkout of a change that loosens the gates of its own branch."""
    origin, checkout = tmp_path / "origin", tmp_path / "workspace"
    policy = origin / "policy" / "guard"
    policy.mkdir(parents=True)
    for name in ("run", "limits.json", "catalogue.lock.yaml", "requirements.txt"):
        (policy / name).write_text(f"{name} of the base\n")
    (policy / "gates").write_text("--max-increase 5.00 EUR/h\n\n--max-monthly 900 EUR")  # no newline at its end
    (origin / "infra").mkdir()
    (origin / "infra" / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    git(origin, "init", "-q", "-b", "main")
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "base")
    subprocess.run(["git", "clone", "-q", str(origin), str(checkout)], check=True, timeout=30, capture_output=True)
    git(checkout, "checkout", "-qb", "change")
    (checkout / "policy" / "guard" / "gates").write_text("--max-increase 9999EUR/h\n")
    git(checkout, "commit", "-qam", "change")
    return checkout


@pytest.fixture
def runner(tmp_path: Path, workspace: Path) -> Callable[..., Runner]:
    """Makes the runner of a pull request from the same repository, or a fork."""

    def make(code: int | None = 0, is_fork: bool = False, **environment: str) -> Runner:
        made = Runner.create(tmp_path, workspace, code, **environment)
        made.expressions = {
            "github.event.pull_request.base.ref": "main",
            "github.event.pull_request.head.repo.full_name != github.repository": str(is_fork).lower(),
            "github.event.workflow_run.id": "55",
            "github.workspace": str(workspace),
            "github.token": TOKEN,
        }
        return made

    return make


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with fake_platform() as running:
        yield running


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_the_action_takes_what_judges_from_the_base_branch(
    runner: Callable[..., Runner], workspace: Path, tmp_path: Path
) -> None:
    playing = runner()
    assert playing.play_action("ci/github/action.yml", stack="org/prod", folder="infra") == 0
    first, html, sarif = playing.asked()
    base = tmp_path / "temp" / "base" / "policy" / "guard"
    arguments = first["arguments"]
    assert option(arguments, "--policy-pack") == str(base / "run")
    assert option(arguments, "--policy-pack-config") == str(base / "limits.json")
    assert option(arguments, "--catalogue") == str(base / "catalogue.lock.yaml")
    assert option(arguments, "--cwd") == str(workspace / "infra")
    assert option(arguments, "--max-increase") == "5.00 EUR/h"
    assert option(arguments, "--max-monthly") == "900 EUR"
    assert "packs, their limits, the cost limits or the catalogue" in option(arguments, "--note")
    assert "--comment" in arguments
    assert "--base" not in arguments
    assert first["token"] == TOKEN
    assert [option(one["arguments"], "--format") for one in (html, sarif)] == ["html", "sarif"]
    assert "--comment" not in html["arguments"] + sarif["arguments"]
    assert (tmp_path / "summary").read_text() == "# verdict\n"
    stop, verdict, go = (tmp_path / "log").read_text().splitlines()[-3:]
    word = stop.removeprefix("::stop-commands::")
    assert (len(word), verdict, go) == (32, "# verdict", f"::{word}::")
    installed = (tmp_path / "stand-ins" / "installed").read_text()
    assert "--require-hashes" in installed
    assert str(base / "requirements.txt") in installed


def test_a_change_of_nothing_that_judges_gets_no_note(runner: Callable[..., Runner], workspace: Path) -> None:
    git(workspace, "reset", "-q", "--hard", "origin/main")
    playing = runner()
    assert playing.play_action("ci/github/action.yml", stack="prod") == 0
    assert "--note" not in playing.asked()[0]["arguments"]


def test_a_fork_is_compared_with_the_base(runner: Callable[..., Runner], workspace: Path) -> None:
    playing = runner(is_fork=True)
    assert playing.play_action("ci/github/action.yml", stack="prod") == 0
    assert option(playing.asked()[0]["arguments"], "--base") == git(workspace, "rev-parse", "origin/main")


@pytest.mark.parametrize("code", [1, 2, 5, 6])
def test_the_action_fails_with_the_code_of_the_review_after_all_reports(
    code: int, runner: Callable[..., Runner], tmp_path: Path
) -> None:
    playing = runner(code)
    assert playing.play_action("ci/github/action.yml", stack="prod") == code
    assert playing.outputs["steps.review.outputs.code"] == str(code)
    assert (tmp_path / "summary").exists()


def test_a_review_that_writes_nothing_fails_with_its_own_code(runner: Callable[..., Runner]) -> None:
    playing = runner(2, STAND_IN_WRITES="0")
    assert playing.play_action("ci/github/action.yml", stack="prod") == 2
    assert len(playing.asked()) == 1


def test_values_of_the_event_are_never_code(runner: Callable[..., Runner], workspace: Path) -> None:
    playing = runner()
    playing.play_action("ci/github/action.yml", stack=EVIL, folder=EVIL)
    assert not (workspace / "injected").exists()
    assert option(playing.asked()[0]["arguments"], "--stack") == EVIL
    playing.expressions = {**playing.expressions, "github.event.pull_request.base.ref": f"main{EVIL}"}
    assert playing.play_action("ci/github/action.yml", stack="prod") != 0
    assert not (workspace / "injected").exists()


def known_options() -> set[str]:
    """The options of the command."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    return {name for parameter in command.commands["review"].params for name in parameter.opts}


def test_the_command_has_the_options_that_recipes_give_it(runner: Callable[..., Runner]) -> None:
    playing = runner(is_fork=True)
    playing.play_action("ci/github/action.yml", stack="prod")
    used = {word for call in playing.asked() for word in call["arguments"] if word.startswith("--")}
    assert {"--record", "--base", "--note", "--events", "--format"} <= used <= known_options()


PULUMI = """#!/bin/bash
# a CLI whose preview of the base has one worker less
[ "$1" = preview ] || exit 0
case "$PWD" in
  */checkout/*) cat "$STREAM" ;;
  *) sed 's/"num_workers":1,/"num_workers":2,/g' "$STREAM" ;;
esac
"""


def test_a_fork_is_reviewed_by_the_real_command(
    runner: Callable[..., Runner], workspace: Path, tmp_path: Path, platform: FakePlatform
) -> None:
    event = {"pull_request": {"number": 7, "head": {"sha": HEAD, "repo": {"full_name": "stranger/r"}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    playing = runner(
        None,
        is_fork=True,
        STREAM=str(STREAM),
        GITHUB_ACTIONS="true",
        GITHUB_API_URL=f"{platform.url}/github",
        GITHUB_GRAPHQL_URL=f"{platform.url}/github/graphql",
        GITHUB_REPOSITORY="o/r",
        GITHUB_RUN_ID="1",
        GITHUB_RUN_ATTEMPT="1",
        GITHUB_EVENT_PATH=str(tmp_path / "event.json"),
        **forks(tmp_path),
    )
    pulumi = tmp_path / "programs" / "pulumi"
    pulumi.write_text(PULUMI)
    pulumi.chmod(0o755)
    policy = workspace.parent / "origin" / "policy" / "guard"
    (policy / "catalogue.lock.yaml").write_bytes(CATALOGUE.read_bytes())
    (policy / "gates").write_text("--max-increase 0.50EUR/h\n")
    git(policy, "commit", "-qam", "prices")
    assert playing.play_action("ci/github/action.yml", stack="prod", folder="infra") == 6
    summary, log = (tmp_path / "summary").read_text(), (tmp_path / "log").read_text()
    assert summary.startswith("**NOT ALLOWED: ")
    assert "compares code with code, not with what runs" in summary
    assert "it is judged by those of the base branch" in summary
    assert "no comment: a job of a fork has no token that writes" in log
    assert platform.writes == []
    reports = tmp_path / "temp" / "review"
    (result,) = json.loads((reports / "report.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "gate-max-increase"
    assert (reports / "report.html").read_text().startswith("<!doctype html>")
    assert git(workspace, "worktree", "list").count("\n") == 1  # the base, which the runner's end takes with it


def artifact() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("events.json", "{}\n")
    return buffer.getvalue()


def test_the_second_workflow_hands_on_the_artifact_of_the_forks_run(
    runner: Callable[..., Runner], platform: FakePlatform, tmp_path: Path, workspace: Path
) -> None:
    platform.artifact = artifact()
    playing = runner(GITHUB_API_URL=f"{platform.url}/github", GITHUB_REPOSITORY="o/r")
    git(workspace, "checkout", "-q", "main")
    assert playing.play_action("ci/github/fork/action.yml") == 0, (tmp_path / "log").read_text()
    (call,) = playing.asked()
    file = Path(option(call["arguments"], "--artifact"))
    assert file.read_bytes() == platform.artifact
    assert option(call["arguments"], "--max-increase") == "5.00 EUR/h"
    assert option(call["arguments"], "--catalogue") == str(workspace / "policy" / "guard" / "catalogue.lock.yaml")
    assert "--comment" in call["arguments"]
    assert Path(option(call["arguments"], "--out")).is_relative_to(tmp_path / "temp")  # and not into the log
    assert TOKEN not in (tmp_path / "log").read_text()


def test_a_run_without_an_artifact_gets_no_comment(
    runner: Callable[..., Runner], platform: FakePlatform, workspace: Path
) -> None:
    playing = runner(GITHUB_API_URL=f"{platform.url}/github", GITHUB_REPOSITORY="o/r")
    assert playing.play_action("ci/github/fork/action.yml") == 0
    assert playing.asked() == []


def test_an_artifact_that_is_too_large_is_not_fetched_and_fails_nothing(
    runner: Callable[..., Runner], platform: FakePlatform, tmp_path: Path
) -> None:
    platform.artifact = bytes(20 * 2**20 + 1)
    playing = runner(GITHUB_API_URL=f"{platform.url}/github", GITHUB_REPOSITORY="o/r")
    assert playing.play_action("ci/github/fork/action.yml") == 0
    assert playing.asked() == []


def test_the_job_and_its_page_warn_of_forks_that_a_member_runs() -> None:
    section = (ROOT / "docs" / "review-ci.md").read_text().partition("### GitLab\n")[2].partition("\n## ")[0]
    assert "can read `GITLAB_TOKEN`" in section
    assert "`ci_allow_fork_pipelines_to_run_in_parent_project`" in section
    assert "fork's merge request" in (ROOT / "ci" / "gitlab" / "review.yml").read_text().partition(".pulumi-")[0]


@pytest.mark.parametrize(("token", "source"), [(TOKEN, "12"), ("", "99")])
def test_the_job_of_a_merge_request(
    token: str, source: str, runner: Callable[..., Runner], workspace: Path, tmp_path: Path
) -> None:
    playing = runner(
        6,
        CI_PROJECT_DIR=str(workspace),
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
        CI_MERGE_REQUEST_PROJECT_ID="12",
        CI_MERGE_REQUEST_SOURCE_PROJECT_ID=source,
        GITLAB_TOKEN=token,
    )
    assert playing.play_job("ci/gitlab/review.yml", ".pulumi-cortecs-review", FOLDER="infra") == 6
    first, html = playing.asked()
    arguments = first["arguments"]
    pack = Path(option(arguments, "--policy-pack"))
    assert not pack.is_relative_to(workspace)
    assert option(arguments, "--policy-pack-config") == str(pack.parent / "limits.json")
    assert option(arguments, "--max-increase") == "5.00 EUR/h"
    assert option(arguments, "--max-monthly") == "900 EUR"
    assert "packs, their limits, the cost limits or the catalogue" in option(arguments, "--note")
    assert ("--comment" in arguments) == bool(token)
    assert ("--base" in arguments) == (source != "12")
    assert option(html["arguments"], "--format") == "html"
    assert git(workspace, "worktree", "list").count("\n") == 0
