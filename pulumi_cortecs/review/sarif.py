"""A review as SARIF 2.1.0, for the places that show findings at the lines of a program: one result for each finding of
a pack and each failed gate. What passes makes none, and neither does a price."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.review.report import Decision, GateResult, PolicyResult, ReviewReport, SourceLocation, StackReview

MAX_RESULTS: Final = 5_000
"""The most results that GitHub shows of a run:
https://docs.github.com/en/code-security/code-scanning/troubleshooting-sarif-uploads/results-exceed-limit"""

MAX_GZIP: Final = 10 * 1000 * 1000
"""Bytes of the compressed file, of which GitHub takes no more."""

_MAX_MESSAGE: Final = 2_000
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_FINGERPRINT: Final = "pulumiCortecsRuleAndUrn/v1"
_SEVERITIES: Final = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class _Result:
    """`weight` sorts: the smallest first."""

    rule: str
    urn: str
    level: str
    weight: tuple[int, int]
    message: str
    location: SourceLocation
    help: str = ""
    link: str = ""


def to_sarif(report: ReviewReport, project_file: str = "Pulumi.yaml") -> str:
    """The review as SARIF. `project_file` is the path of Pulumi.yaml from the repository's root: the place of what no
    line of the program stands for. The heaviest results come first, and the lightest are left out where the limits of
    GitHub want it."""
    nowhere = SourceLocation(project_file, 1)
    results = sorted(_results(report, nowhere), key=lambda result: result.weight)[:MAX_RESULTS]
    text = _document(report, results)
    while results and (size := _compressed_size(text)) > MAX_GZIP:
        results = results[: len(results) * MAX_GZIP // size - 1]
        text = _document(report, results)
    return text


def _compressed_size(text: str) -> int:
    content = text.encode()
    return len(content) if len(content) <= MAX_GZIP else len(gzip.compress(content, compresslevel=1))


def _results(report: ReviewReport, nowhere: SourceLocation) -> Iterator[_Result]:
    for stack in report.stacks:
        for finding in stack.findings:
            yield _of_finding(finding, stack, nowhere)
    for gate in report.failed_gates:
        yield _of_gate(gate, nowhere)


def _of_finding(finding: PolicyResult, stack: StackReview, nowhere: SourceLocation) -> _Result:
    rank = _SEVERITIES.index(finding.severity) if finding.severity in _SEVERITIES else len(_SEVERITIES)
    about = f"{finding.name}: {finding.message}" if finding.name else finding.message
    return _Result(
        rule=_text(finding.rule),
        urn=finding.urn or f"{stack.project}/{stack.stack}",
        level="error" if finding.is_mandatory else "warning",
        weight=(0 if finding.is_mandatory else 1, rank),
        message=about,
        location=stack.locations.get(finding.urn, nowhere),
        help=finding.remediation,
        link=finding.link,
    )


def _of_gate(gate: GateResult, nowhere: SourceLocation) -> _Result:
    option = gate.gate.split(" ")[0].lstrip("-")
    return _Result(f"gate-{option}", "", "error", (0, 0), f"{gate.gate}: {gate.text}", nowhere)


def _document(report: ReviewReport, results: list[_Result]) -> str:
    rules = {result.rule: result for result in reversed(results)}
    numbers = {rule: number for number, rule in enumerate(sorted(rules))}
    driver = {"name": "pulumi-cortecs review", "rules": [_rule(rules[rule]) for rule in sorted(rules)]}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"pulumi-cortecs-review/{_stacks(report)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "results": [_result(result, numbers[result.rule]) for result in results],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def _stacks(report: ReviewReport) -> str:
    """The category under which a platform keeps the results: those of another stack are not replaced."""
    return "+".join(quote(f"{stack.project}.{stack.stack}", safe="") for stack in report.stacks)


def _invocation(report: ReviewReport) -> dict[str, Any]:
    """A preview that is not whole has no results, which is not the same as none."""
    invocation: dict[str, Any] = {"executionSuccessful": report.decision is not Decision.CANNOT_TELL}
    if report.problems:
        notes = [{"level": "error", "message": {"text": _text(problem)}} for problem in report.problems]
        invocation["toolExecutionNotifications"] = notes
    return invocation


def _rule(result: _Result) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": result.rule, "shortDescription": {"text": result.rule}}
    if re.fullmatch(r"https://[\x21-\x7e]+", result.link):
        rule["helpUri"] = result.link
    if words := "\n".join(filter(None, (result.help, result.link))):
        rule["help"] = {"text": _text(words)}
    return rule


def _result(result: _Result, rule_index: int) -> dict[str, Any]:
    identity = hashlib.sha256(f"{result.rule}\0{result.urn}".encode()).hexdigest()
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(result.location.file, errors="replace"), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": result.location.line},
        }
    }
    if result.urn:
        place["logicalLocations"] = [{"fullyQualifiedName": _text(result.urn), "kind": "resource"}]
    return {
        "ruleId": result.rule,
        "ruleIndex": rule_index,
        "level": result.level,
        "message": {"text": _text(result.message)},
        "locations": [place],
        "partialFingerprints": {_FINGERPRINT: identity},
    }


def _text(text: str) -> str:
    """A text as SARIF shows it: without links and placeholders, which its plain texts may have, too."""
    plain = escape_unprintable(text, keep="\n")[:_MAX_MESSAGE]
    return re.sub(r"\{(\d+)\}", r"{{\1}}", plain.replace("](", "] (")) or "-"
