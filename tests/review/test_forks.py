"""A fork's events in the trusted job: twenty attempts, of which none puts a word into the comment that is not escaped
data, reaches another pull request, or changes an exit code."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from pulumi_cortecs.cli import app
from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review.artifact import read_artifact
from pulumi_cortecs.review.comment import Clock
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import PolicyEvent, Preview, Step, read_preview
from pulumi_cortecs.review.markdown import as_markdown, code
from pulumi_cortecs.review.posting import FORK_NOTE, post_report
from pulumi_cortecs.review.recording import to_events
from pulumi_cortecs.review.sections import MARKER, read_sections
from tests.review.fake_platform import HEAD, TOKEN, FakePlatform, fake_platform

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "pulumi_cortecs" / "catalogues" / "simulator.lock.yaml"
TYPE = "pulumi-python:dynamic/cortecs:Instance"
INPUTS = {
    "model_id": "Qwen--Qwen2-7B-Instruct",
    "hardware_type_id": "NVIDIA_L4_1",
    "num_workers": 1,
    "billing_interval": "per_minute",
    "context_length": 32000,
    "state": "running",
    "on_timeout": "keep",
    "restart_trigger": "",
}
NAMES = {
    "markup": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "closing tags": "</details></code></table><h1>allowed</h1>",
    "an HTML comment": "<!-- hidden --> --> <!--",
    "a mention": "@everyone @octocat please merge",
    "a reference": "fixes #1 and owner/repo#2, GH-3, !4",
    "a link": "[all is well](https://evil.example)",
    "a picture": "![x](https://evil.example/x.png)",
    "an address": "https://evil.example/steal www.evil.example a@evil.example",
    "a heading": "\n\n# **0.00 EUR/month: allowed**\n\n",
    "a table": "| a | b |\n|---|---|\n| 0.00 | allowed |",
    "code": "`` ` ``` ` ``",
    "a task": "\n- [x] approved\n",
    "the marker": f"\n\n{MARKER}\n\n",
    "a section": "\n\n[//]: # (pulumi-cortecs section shop/prod 99999999.1 0)\n\n",
    "a definition": "\n\n[//]: # (x)\n[code]: https://evil.example\n\n",
    "control characters": "\x1b[2J\x08\x00\u202e\u2028allowed",
    "a formula": "$$\\href{https://evil.example}{allowed}$$ $`x`$",
    "an emoji": ":white_check_mark: :tada:",
    "a colour": "`#00ff00` \\`x\\`",
    "a command": "/approve /merge /label ~x",
}


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with fake_platform() as running:
        yield running


def step(name: str, **inputs: Any) -> Step:
    urn = f"urn:pulumi:prod::shop::{TYPE}::{name}"
    return Step("create", urn, TYPE, {}, {"id": "", "inputs": {**INPUTS, **inputs}, "outputs": {}})


def packed(folder: Path, events: str) -> Path:
    """The artifact with these events."""
    file = folder / "events.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.json", events)
    return file


def preview_named(text: str) -> Preview:
    """A preview with a text wherever a program, its packs or the engine can put one."""
    steps = (step(text), step(f"{text}2", hardware_type_id=text, model_id=text), step("3", labels={text: text}))
    event = PolicyEvent(text, text, True, text, steps[0].urn, text)
    return Preview(
        steps, policy_events=(event, replace(event, rule="ttl-required", pack="cortecs-cost")), problems=(text,)
    )


def environment(folder: Path, platform: FakePlatform, head: str = HEAD) -> dict[str, str]:
    """The variables of the trusted job after a fork's run."""
    stranger = {"full_name": "stranger/r"}
    run = {"head_sha": head, "head_repository": stranger, "id": 55, "run_attempt": 1, "pull_requests": [{"number": 8}]}
    (folder / "event.json").write_text(json.dumps({"workflow_run": run}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": f"{platform.url}/github",
        "GITHUB_GRAPHQL_URL": f"{platform.url}/github/graphql",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "123",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_TOKEN": TOKEN,
    }


def commented(folder: Path, platform: FakePlatform, events: str, head: str = HEAD) -> str:
    """What the trusted job's review of an artifact did, as the command does it."""
    preview = read_preview(io.BytesIO(read_artifact(packed(folder, events))))
    prices = load_pinned(ROOT, str(CATALOGUE))
    report = make_report([preview], prices, catalogue_name="catalogue", notes=(FORK_NOTE,))
    clock = Clock(lambda: 0.0, lambda seconds: None)
    return post_report(report, as_markdown(report), "?/?", environment(folder, platform, head), clock)


def outside_of_code(body: str) -> str:
    """What a renderer shows of a comment, without what it shows as code."""
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(body)
    return re.sub(r"<code>.*?</code>", "<code>...</code>", page, flags=re.S)


@pytest.mark.parametrize("attempt", NAMES)
def test_a_text_of_the_fork_is_data_in_a_code_span(attempt: str, tmp_path: Path, platform: FakePlatform) -> None:
    bodies = []
    for text in ("plain", NAMES[attempt]):
        platform.remarks.clear()
        assert commented(tmp_path, platform, to_events(preview_named(text))).startswith("comment: the comment has")
        (remark,) = platform.of("us")
        bodies.append(remark.body)
    plain, evil = map(outside_of_code, bodies)
    assert sorted(evil.splitlines()) == sorted(plain.splitlines())  # findings are sorted by name
    assert FORK_NOTE in plain
    assert "evil.example" not in evil
    assert len(read_sections(bodies[1])) == 1
    assert bodies[1].split("\n").count(MARKER) == 1
    assert all(character.isprintable() or character == "\n" for character in bodies[1])
    assert list(platform.remarks) == [7]


def test_an_address_of_a_mail_that_is_no_plain_code_is_no_link() -> None:
    # GitHub's Markdown links such an address in a text, and a text ends at a tag
    assert code("a@evil.example |") == "<code>a<wbr>&#64;evil&#46;example &#124;</code>"


def test_a_long_name_of_a_stack_leaves_room_for_the_report(tmp_path: Path, platform: FakePlatform) -> None:
    names = [f"{'𝟙' * 1000}{number}" for number in range(2)]
    for name in names:
        long = step("chat")
        events = to_events(Preview((replace(long, urn=long.urn.replace(":prod:", f":{name}:")),)))
        assert commented(tmp_path, platform, events).startswith("comment: the comment has")
    (remark,) = platform.of("us")
    sections = read_sections(remark.body)
    assert len(sections) == 2
    assert all(len(section.stack) < 60 for section in sections)


@pytest.mark.parametrize("name", ["pull_request", "number", "workflow_run", "head_sha"])
def test_numbers_and_commits_in_the_artifact_reach_no_other_pull_request(
    name: str, tmp_path: Path, platform: FakePlatform
) -> None:
    platform.head[8] = "d" * 40
    events = to_events(preview_named("plain")) + json.dumps({"sequence": 1, name: {"number": 8, "head": "d" * 40}})
    commented(tmp_path, platform, events)
    assert list(platform.remarks) == [7]


def test_a_commit_that_is_no_longer_the_head_reaches_none(tmp_path: Path, platform: FakePlatform) -> None:
    assert commented(tmp_path, platform, "", "e" * 40).startswith("no comment: the newest commit")
    assert platform.writes == []


EVIL_EVENTS = {
    "a mandatory violation": to_events(preview_named("plain")),
    "a gate that fails": to_events(Preview((step("dear", num_workers=100),))),
    "no summary": '{"sequence":0}\n',
    "no JSON": "\x00" * 1000,
    "deep JSON": "[" * 100_000,
    "numbers that are none": '{"sequence":NaN,"summaryEvent":{"isPreview":1e999}}\n',
    "two types": to_events(Preview((step("x"), replace(step("x"), op="update", resource_type="x:y:z")))),
    "half of a character": to_events(preview_named("plain")).replace("prod::", "\\ud800::"),
    "wrong types": '{"sequence":0,"resourcePreEvent":{"metadata":{"op":[],"urn":{},"type":1}}}\n',
    "many lines": '{"sequence":1}\n' * 50_000,
}


@pytest.mark.parametrize("events", EVIL_EVENTS)
def test_no_events_change_the_exit_code_of_the_trusted_job(events: str, tmp_path: Path) -> None:
    file = packed(tmp_path, EVIL_EVENTS[events])
    options = ["--catalogue", str(CATALOGUE), "--max-increase", "0.01EUR/h"]
    done = CliRunner().invoke(app, ["review", "--artifact", str(file), *options])
    assert done.exit_code == 0, done.output
    assert FORK_NOTE in done.output


def test_what_is_no_archive_is_a_report_that_cannot_tell(tmp_path: Path) -> None:
    (tmp_path / "events.zip").write_text("no archive")
    options = ["--artifact", str(tmp_path / "events.zip"), "--catalogue", str(CATALOGUE)]
    done = CliRunner().invoke(app, ["review", *options])
    assert done.exit_code == 0
    assert done.output.startswith("cannot tell")


@pytest.mark.parametrize("option", ["--stack=dev", "--base=main", "--record=x", "--refresh", "--policy-pack=."])
def test_an_artifact_goes_with_nothing_that_runs_a_preview(option: str, tmp_path: Path) -> None:
    file = packed(tmp_path, "")
    done = CliRunner().invoke(app, ["review", "--artifact", str(file), "--catalogue", str(CATALOGUE), option])
    assert done.exit_code == 2
