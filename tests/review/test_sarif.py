"""SARIF: its form, closed to what we do not write; its lines, its limits, and names that mean to be more than names."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from pulumi_cortecs.review.locations import read_locations, repository_root
from pulumi_cortecs.review.report import (
    CatalogueReference,
    GateResult,
    PolicyResult,
    ReviewReport,
    SourceLocation,
    StackReview,
)
from pulumi_cortecs.review.sarif import MAX_GZIP, MAX_RESULTS, to_sarif

CATALOGUE = CatalogueReference("simulator", "2026-08-20", "0" * 64)
URN = "urn:pulumi:prod::shop::pulumi-python:dynamic/cortecs:Instance::chat"


class Closed(BaseModel):
    """A SARIF object of ours, by the 2.1.0 specification: no other properties than those that it has here."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Closed):
    text: str = Field(min_length=1)


class Rule(Closed):
    id: str = Field(min_length=1)
    shortDescription: Message
    helpUri: str | None = Field(default=None, pattern=r"^https://[^\s]+$")
    help: Message | None = None


class Driver(Closed):
    name: str
    rules: list[Rule]


class Tool(Closed):
    driver: Driver


class Artifact(Closed):
    uri: str = Field(pattern=r"^[A-Za-z0-9_.~%-][A-Za-z0-9_.~/%-]*$")
    uriBaseId: Literal["%SRCROOT%"]


class Region(Closed):
    startLine: int = Field(ge=1)


class Physical(Closed):
    artifactLocation: Artifact
    region: Region


class Logical(Closed):
    fullyQualifiedName: str
    kind: Literal["resource"]


class Location(Closed):
    physicalLocation: Physical
    logicalLocations: list[Logical] = []


class Result(Closed):
    ruleId: str
    ruleIndex: int = Field(ge=0)
    level: Literal["error", "warning"]
    message: Message
    locations: list[Location] = Field(min_length=1, max_length=1)
    partialFingerprints: dict[str, str] = Field(min_length=1)


class Notification(Closed):
    level: Literal["error"]
    message: Message


class Invocation(Closed):
    executionSuccessful: bool
    toolExecutionNotifications: list[Notification] = []


class Details(Closed):
    id: str = Field(pattern=r"^[^\s]+/$")


class Run(Closed):
    tool: Tool
    automationDetails: Details
    columnKind: Literal["unicodeCodePoints"]
    invocations: list[Invocation]
    results: list[Result]


class Sarif(Closed):
    schema_: Literal["https://json.schemastore.org/sarif-2.1.0.json"] = Field(alias="$schema")
    version: Literal["2.1.0"]
    runs: list[Run] = Field(min_length=1, max_length=1)


def finding(urn: str = URN, rule: str = "instance-hourly-cap", **changes: Any) -> PolicyResult:
    values = {"pack": "cortecs-cost", "is_mandatory": True, "severity": "high", "name": "chat", "message": "is dear"}
    return PolicyResult(rule=rule, urn=urn, **{**values, **changes})


def report(*findings: PolicyResult, locations: Any = None, **changes: Any) -> ReviewReport:
    stack = StackReview("shop", "prod", findings=findings, locations=locations or {})
    return ReviewReport((stack,), CATALOGUE, **changes)


def run_of(review: ReviewReport, project_file: str = "Pulumi.yaml") -> Run:
    """The only run of a valid document, whose results name their rules."""
    text = to_sarif(review, project_file)
    (run,) = Sarif.model_validate_json(text).runs
    assert all(run.tool.driver.rules[result.ruleIndex].id == result.ruleId for result in run.results)
    return run


def place(result: Result) -> tuple[str, int]:
    where = result.locations[0].physicalLocation
    return where.artifactLocation.uri, where.region.startLine


def test_a_finding_stands_at_the_line_of_its_resource() -> None:
    lines = {URN: SourceLocation("infra/my program.py", 12)}
    link = "https://example.com/rule"
    run = run_of(report(finding(link=link, remediation="take a smaller one"), locations=lines))
    (result,) = run.results
    assert (result.ruleId, result.level, result.message.text) == ("instance-hourly-cap", "error", "chat: is dear")
    assert place(result) == ("infra/my%20program.py", 12)
    assert result.locations[0].logicalLocations[0].fullyQualifiedName == URN
    (rule,) = run.tool.driver.rules
    assert rule.helpUri == link
    assert rule.help is not None
    assert "smaller" in rule.help.text


def test_what_has_no_line_stands_in_the_projects_file() -> None:
    gate = GateResult("--max-increase 5.00EUR/h", False, "6.00 EUR/h more")
    passed = GateResult("--max-hourly 9EUR", True, "6.00 EUR/h")
    review = report(finding(), finding(urn="", name=""), gates=(gate, passed))
    results = run_of(review, "infra/Pulumi.yaml").results
    assert [place(result) for result in results] == [("infra/Pulumi.yaml", 1)] * 3
    assert sorted(result.ruleId for result in results) == ["gate-max-increase"] + ["instance-hourly-cap"] * 2


def test_nothing_found_makes_no_result_and_neither_does_a_preview_that_failed() -> None:
    assert run_of(report()).results == []
    broken = ReviewReport(
        (StackReview("shop", "prod", problems=("no summary",)),),
        CatalogueReference("simulator", "2026-08-20", "0" * 64),
    )
    (invocation,) = run_of(broken).invocations
    assert not invocation.executionSuccessful
    assert [note.message.text for note in invocation.toolExecutionNotifications] == ["no summary"]
    assert run_of(report()).invocations[0].executionSuccessful


def test_a_fingerprint_is_of_rule_and_urn_and_of_nothing_else() -> None:
    def fingerprint(one: PolicyResult, **locations: SourceLocation) -> str:
        (result,) = run_of(report(one, locations=locations)).results
        (value,) = result.partialFingerprints.values()
        return value

    moved = {URN: SourceLocation("other.py", 99)}
    assert fingerprint(finding()) == fingerprint(finding(message="costs 3.00 EUR/h"), **moved)
    assert len({fingerprint(finding()), fingerprint(finding(urn=f"{URN}2")), fingerprint(finding(rule="other"))}) == 3


def test_of_many_results_the_heaviest_are_kept() -> None:
    advisory = [finding(f"{URN}{i}", is_mandatory=False, severity="critical") for i in range(4000)]
    low = [finding(f"{URN}a{i}", severity="low") for i in range(4000)]
    high = [finding(f"{URN}b{i}", severity="critical") for i in range(10)]
    results = run_of(report(*advisory, *low, *high)).results
    assert len(results) == MAX_RESULTS
    assert [result.level for result in results] == ["error"] * 4010 + ["warning"] * 990
    assert all(f"{URN}b" in str(result.locations[0].logicalLocations) for result in results[:10])


def test_messages_that_cannot_be_compressed_stay_within_the_limit() -> None:
    rng = random.Random(7)
    noise = "".join(map(chr, rng.choices(range(0x4E00, 0x8E00), k=50_000)))
    starts = rng.choices(range(48_000), k=4_000)
    findings = [finding(f"{URN}{i}", message=noise[start : start + 2_000]) for i, start in enumerate(starts)]
    text = to_sarif(report(*findings))
    assert len(gzip.compress(text.encode(), mtime=0)) <= MAX_GZIP
    assert 1_000 < len(Sarif.model_validate_json(text).runs[0].results) < 4_000


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("[click](https://evil.example)", "chat: [click] (https://evil.example)"),
        ("{0} and {12}", "chat: {{0}} and {{12}}"),
        ("a\x1b[2Jb\u202ec", "chat: a\\x1b[2Jb\\u202ec"),
        ("x" * 9000, "chat: " + "x" * 1994),
    ],
)
def test_a_message_is_text_and_nothing_more(message: str, shown: str) -> None:
    (result,) = run_of(report(finding(message=message))).results
    assert result.message.text == shown


def test_only_files_of_the_repository_are_places(tmp_path: Path) -> None:
    said = {
        "in": f"pulumi-cortecs: declared at {tmp_path}/infra/a b:c.py:7\n",
        "outside": "pulumi-cortecs: declared at /usr/lib/python3/site.py:7",
        "upwards": f"pulumi-cortecs: declared at {tmp_path}/../../etc/passwd:1",
        "beside": f"pulumi-cortecs: declared at {tmp_path}-other/a.py:1",
        "line": f"pulumi-cortecs: declared at {tmp_path}/a.py:0",
        "more": f"pulumi-cortecs: declared at {tmp_path}/a.py:1\nmore:1",
        "words": f"see pulumi-cortecs: declared at {tmp_path}/a.py:1",
    }
    assert read_locations(said.items(), tmp_path) == {"in": SourceLocation("infra/a b:c.py", 7)}


def test_the_folder_of_the_repository_is_no_file(tmp_path: Path) -> None:
    assert read_locations([(URN, f"pulumi-cortecs: declared at {tmp_path}:1")], tmp_path) == {}


def test_rules_that_are_shown_alike_are_one() -> None:
    run = run_of(report(finding(rule="a\x00"), finding(rule="a\\x00")))
    assert [rule.id for rule in run.tool.driver.rules] == ["a\\x00"]


def test_a_path_with_half_of_a_character_is_written() -> None:
    run_of(report(finding(), locations={URN: SourceLocation("\ud800.py", 1)}))


def test_the_first_line_of_a_resource_counts(tmp_path: Path) -> None:
    said = [("u", f"pulumi-cortecs: declared at {tmp_path}/{name}.py:1") for name in ("first", "second")]
    assert read_locations(said, tmp_path)["u"].file == "first.py"


def test_the_root_of_a_repository_is_found_from_a_project_in_it(tmp_path: Path) -> None:
    project = tmp_path / "infra" / "prod"
    project.mkdir(parents=True)
    assert repository_root(project) == project.resolve()
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    assert repository_root(project) == tmp_path.resolve()


def test_a_document_is_the_same_every_time() -> None:
    review = report(finding(rule="b"), finding(rule="a"), finding(urn=f"{URN}2"))
    assert to_sarif(review) == to_sarif(review)
    assert json.loads(to_sarif(review))["runs"][0]["tool"]["driver"]["rules"][0]["id"] == "a"
