"""A preview, read from the events that `PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --json` prints.

A preview is whole only with its last event, the summary: an error in a pack's configuration, a killed command and a cut
file leave it out. Events have a sequence; gaps in it are normal, because the engine hides some of its steps. Events and
operations that this version does not know do not count, except operations on a resource of ours: these are a problem.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final

from pulumi_cortecs.lifecycle.pulumi_cli import without_credentials
from pulumi_cortecs.review.locations import DECLARED

MAX_LINE_BYTES: Final = 16 * 2**20
"""Bytes of one event: thousands of times those of the resources here."""
MAX_BYTES: Final = 1024 * 2**20
"""Bytes of a stream: those of about 100,000 resources."""
_MAX_TEXT: Final = 2000
_MAX_PROBLEMS: Final = 20

_KIND: Final = re.compile(rb'\{"sequence":[0-9]+,"timestamp":[0-9]+,"([A-Za-z]+)":')
"""The beginning of a line as the engine writes it."""
_SKIPPED: Final = frozenset({b"policyAnalyzeSummaryEvent", b"policyRemediateSummaryEvent", b"stdoutEvent"})
"""Kinds of which a stream has many, and which tell nothing here."""
_PLAIN_FAILURE: Final = "preview failed"
"""The error with which the engine ends a preview after a violation."""


@dataclass(frozen=True)
class Step:
    """A step of the engine. `old` and `new` are the states of the resource as the engine writes them, empty for none;
    `diffs` are the names of the changed properties."""

    op: str
    urn: str
    resource_type: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    diffs: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyEvent:
    """A finding of a pack. `urn` is "" for one about the stack."""

    rule: str
    pack: str
    is_mandatory: bool
    severity: str
    urn: str
    message: str


@dataclass(frozen=True)
class Preview:
    """A preview. `refreshes` are the steps that read a resource from its vendor; `problems` the reasons why it does not
    tell everything, none for a whole one, and `has_error` if one of them is an error of the program's or the engine's;
    `declared` the URN and text of each message about a line of the program."""

    steps: tuple[Step, ...] = ()
    refreshes: tuple[Step, ...] = ()
    policy_events: tuple[PolicyEvent, ...] = ()
    packs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    declared: tuple[tuple[str, str], ...] = ()
    has_error: bool = False


def read_preview(stream: IO[bytes]) -> Preview:
    """The preview in a stream of events, a line each, in any order."""
    collected = _Collected()
    for number, line in enumerate(_lines(stream, collected.problems), start=1):
        kind = _KIND.match(line)
        if kind is None or kind[1] not in _SKIPPED:
            _read_line(number, line, collected)
    return collected.preview()


def _lines(stream: IO[bytes], problems: list[str]) -> Iterator[bytes]:
    read_bytes = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        read_bytes += len(line)
        if len(line) > MAX_LINE_BYTES or read_bytes > MAX_BYTES:
            problems.append(f"the events have more than {MAX_LINE_BYTES >> 20} MiB in a line, or {MAX_BYTES >> 20} MiB")
            return
        if line.strip():
            yield line


def _read_line(number: int, line: bytes, collected: _Collected) -> None:
    try:
        event = json.loads(line)
        sequence = event["sequence"]
        if type(sequence) is not int:
            raise TypeError("its sequence is no number")
        if sequence in collected.sequences:
            collected.problems.append(f"line {number} of the events has the sequence of another one")
        collected.sequences.add(sequence)
        for kind, content in event.items():
            if isinstance(content, Mapping):
                collected.add(sequence, kind, content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        collected.problems.append(f"line {number} of the events cannot be read: {type(error).__name__}")


@dataclass
class _Collected:
    """The events so far, each with its sequence."""

    steps: list[tuple[int, Step]] = field(default_factory=list)
    refreshes: list[tuple[int, Step]] = field(default_factory=list)
    policy_events: list[tuple[int, PolicyEvent]] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)
    declared: list[tuple[int, tuple[str, str]]] = field(default_factory=list)
    summaries: list[Mapping[str, Any]] = field(default_factory=list)
    logical: Counter[str] = field(default_factory=Counter)
    sequences: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def add(self, sequence: int, kind: str, content: Mapping[str, Any]) -> None:
        """Adds an event. Raises TypeError or KeyError for a malformed one."""
        match kind:
            case "resourcePreEvent":
                self._add_step(sequence, content["metadata"])
            case "resOutputsEvent" if content["metadata"]["op"] == "refresh":
                self.refreshes.append((sequence, _step(content["metadata"])))
            case "policyEvent":
                self.policy_events.append((sequence, _policy_event(content)))
            case "diagnosticEvent" if content.get("severity") == "error":
                self.errors.append((sequence, _error_text(content)))
            case "diagnosticEvent" if str(content.get("message")).startswith(DECLARED):
                self.declared.append((sequence, (_identifier(content.get("urn") or ""), content["message"].strip())))
            case "errorEvent":
                self.errors.append((sequence, without_credentials(_text(content.get("error") or "an error"))))
            case "resOpFailedEvent":
                self.errors.append((sequence, f"{_text(content['metadata']['urn'])}: failed"))
            case "summaryEvent":
                self.summaries.append(content)

    def preview(self) -> Preview:
        """The events in their order."""
        policy_events = tuple(dict.fromkeys(_in_order(self.policy_events)))
        has_violations = any(event.is_mandatory for event in policy_events)
        problems = [*self.problems, *self._problems(has_violations)]
        more = len(problems) - _MAX_PROBLEMS
        return Preview(
            steps=tuple(_in_order(self.steps)),
            refreshes=tuple(_in_order(self.refreshes)),
            policy_events=policy_events,
            packs=tuple(sorted({pack for summary in self.summaries for pack in _packs(summary)})),
            problems=(*problems[:_MAX_PROBLEMS], *((f"{more} more problems",) if more > 0 else ())),
            declared=tuple(_in_order(self.declared)),
            has_error=bool(self.errors),
        )

    def _add_step(self, sequence: int, metadata: Mapping[str, Any]) -> None:
        step = _step(metadata)
        if metadata.get("logical"):
            self.logical[step.op] += 1
        if step.op != "refresh":
            self.steps.append((sequence, step))

    def _problems(self, has_violations: bool) -> Iterator[str]:
        errors = [error for error in _in_order(self.errors) if not (has_violations and error == _PLAIN_FAILURE)]
        yield from errors
        if len(self.summaries) != 1:
            yield f"the preview has {len(self.summaries) or 'no'} summaryEvent, so it did not end, or was cut"
            return
        (summary,) = self.summaries
        if summary.get("isPreview") is not True:
            yield "the events are not those of a preview"
        if summary.get("maybeCorrupt"):
            yield "the engine reports that the preview may be corrupt"
        if summary.get("result", "succeeded") != "succeeded" and not errors and not has_violations:
            yield "the preview failed without an error"
        counts = summary.get("resourceChanges") or {}
        if not isinstance(counts, Mapping):
            yield "the counts in the summary cannot be read"
            return
        for op, count in sorted(counts.items()):
            if not isinstance(count, int) or count > self.logical[op]:
                yield f"the summary counts {count} of operation {op}, and the events have {self.logical[op]}"


def _in_order(events: Iterable[tuple[int, Any]]) -> list[Any]:
    return [event for _, event in sorted(events, key=lambda event: event[0])]


def _step(metadata: Mapping[str, Any]) -> Step:
    return Step(
        op=_identifier(metadata["op"]),
        urn=_identifier(metadata["urn"]),
        resource_type=_identifier(metadata["type"]),
        old=_state(metadata.get("old")),
        new=_state(metadata.get("new")),
        diffs=tuple(str(name) for name in metadata.get("diffs") or ()),
    )


def _state(state: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if not isinstance(state or {}, Mapping):
        raise TypeError("a state is an object")
    names = state or {}
    if not all(isinstance(names.get(name) or "", str) for name in ("id", "urn")):
        raise TypeError("an id is a text")
    return names


def _policy_event(content: Mapping[str, Any]) -> PolicyEvent:
    return PolicyEvent(
        rule=_identifier(content["policyName"]),
        pack=_identifier(content["policyPackName"]),
        is_mandatory=content["enforcementLevel"] not in ("advisory", "remediate", "disabled"),
        severity=_identifier(content.get("severity") or ""),
        urn=_identifier(content.get("resourceUrn") or ""),
        message=_text(content["message"]).strip(),
    )


def _error_text(content: Mapping[str, Any]) -> str:
    """The last line of an error, in which a stack trace of Python has its reason; all of one that only ends like the
    engine's own."""
    lines = without_credentials(_text(content["message"])).strip().splitlines()
    if len(lines) > 1 and lines[-1].strip() == _PLAIN_FAILURE:
        return " ".join(lines)
    return lines[-1].strip() if lines else "an error"


def _packs(summary: Mapping[str, Any]) -> list[str]:
    packs = summary.get("PolicyPacks")
    return [str(pack).partition("|")[0] for pack in packs] if isinstance(packs, Mapping) else []


def _identifier(value: Any) -> str:
    """A whole text: two that are cut could become one."""
    if len(text := _text(value)) < len(value):
        raise ValueError("an identifier is too long")
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is a string")
    value.encode()  # half of a character, which no engine writes, is a ValueError
    return value[:_MAX_TEXT]
