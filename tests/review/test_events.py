"""What a stream of events tells, and what it cannot: cut, reordered, of a newer engine, failed."""

from __future__ import annotations

import io
import json
import random
import re
from typing import Any

import pytest

from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review.changes import read_changes
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import MAX_LINE_BYTES, Preview, read_preview
from pulumi_cortecs.review.recording import to_events
from pulumi_cortecs.review.report import Action, Decision, ResourceRow, ReviewReport
from pulumi_cortecs.review.wording import remarks, verdict
from tests.review.generated import CORTECS, GCORE, SECRET, UNKNOWN, VOLUME, Events, cortecs, gcore, urn, volume
from tests.review.recorded import CATALOGUE, FORMATS, RECORDED, STREAMS, report_of

PRICES = load_pinned(STREAMS, CATALOGUE)
ONE, TWO = cortecs(), cortecs(workers=2)


def preview_of(events: Events | bytes) -> Preview:
    return read_preview(io.BytesIO(events if isinstance(events, bytes) else events.encode()))


def report(events: Events | bytes) -> ReviewReport:
    return make_report([preview_of(events)], PRICES, catalogue_name=CATALOGUE)


def only_row(events: Events) -> ResourceRow:
    (row,) = read_changes(preview_of(events.end()), PRICES).rows
    return row


def problems(events: Events | bytes) -> str:
    made = report(events)
    assert made.decision is Decision.CANNOT_TELL
    assert made.exit_code == 1
    return "; ".join(made.problems)


@pytest.mark.parametrize("name", RECORDED)
def test_the_order_of_the_lines_does_not_count(name: str) -> None:
    lines = (STREAMS / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    made, expected = report(b"".join(lines)), report_of(name)
    assert (made.stacks, made.totals) == (expected.stacks, expected.totals)


@pytest.mark.parametrize("name", RECORDED)
def test_a_stream_cut_anywhere_cannot_tell(name: str) -> None:
    content = (STREAMS / f"{name}.jsonl").read_bytes()
    end = content.find(b'"summaryEvent"')
    for length in random.Random(2).sample(range(end if end > 0 else len(content)), 20):
        problems(content[:length])


def test_a_stream_with_a_hole_cannot_tell() -> None:
    lines = (STREAMS / "change.jsonl").read_bytes().splitlines(keepends=True)
    created = next(line for line in lines if b'"op":"create"' in line and b"resourcePreEvent" in line)
    lines.remove(created)
    assert "the summary counts 2 of operation create, and the events have 1" in problems(b"".join(lines))


def test_an_event_that_is_there_twice_cannot_tell() -> None:
    events = Events().step("same", "chat", ONE, ONE).end()
    events.lines.append(events.lines[0])
    assert "line 4 of the events has the sequence of another one" in problems(events)


def test_nothing_is_no_preview() -> None:
    assert "no summaryEvent" in problems(b"")
    assert make_report([], PRICES, catalogue_name=CATALOGUE).decision is Decision.CANNOT_TELL


@pytest.mark.parametrize(
    ("summary", "problem"),
    [
        ({"maybeCorrupt": True}, "may be corrupt"),
        ({"isPreview": False}, "not those of a preview"),
        ({"isPreview": "false"}, "not those of a preview"),
        ({"result": "failed"}, "failed without an error"),
        ({"resourceChanges": {"same": "2"}}, "the summary counts 2"),
        ({"resourceChanges": [1]}, "cannot be read"),
    ],
)
def test_a_summary_with_a_remark_cannot_tell(summary: dict[str, object], problem: str) -> None:
    assert problem in problems(Events().step("same", "chat", ONE, ONE).end(**summary))


def test_two_streams_in_one_cannot_tell() -> None:
    whole = Events().step("same", "chat", ONE, ONE).end().encode()
    assert "2 summaryEvent" in problems(whole + whole)
    two_stacks = Events().step("same", "a", ONE, ONE).step("same", "b", ONE, ONE, stack="prod").end()
    assert "several stacks" in problems(two_stacks)


@pytest.mark.parametrize(
    "line",
    [
        b"no json\n",
        b"[" * 100_000 + b"\n",
        b"[1]\n",
        b'{"sequence":"1"}\n',
        b'{"sequence":true}\n',
        b'{"sequence":1,"resourcePreEvent":{"metadata":{"op":"same","urn":"u","type":"x","old":{"id":[1]}}}}\n',
        b'{"sequence":1,"errorEvent":{"error":"\\ud800"}}\n',
        b'{"sequence":1,"timestamp":1,"resourcePreEvent":{}}\n',
        b'{"sequence":1,"timestamp":1,"resourcePreEvent":{"metadata":{"op":"same","urn":7,"type":"x"}}}\n',
        b'{"sequence":1,"timestamp":1,"policyEvent":{"message":1}}\n',
        b'{"sequence":1,"timestamp":1,"x":"' + b"x" * MAX_LINE_BYTES + b'"}\n',
    ],
    ids=range(11),
)
def test_a_line_that_cannot_be_read_is_a_problem(line: bytes) -> None:
    assert "events" in problems(line + Events().end().encode())


def test_names_that_would_be_cut_are_a_problem() -> None:
    assert "cannot be read" in problems(Events().step("create", "x" * 5000, None, ONE).end())


def test_an_error_that_is_no_violation_cannot_tell() -> None:
    events = Events().violation("chat").error("Traceback\n  File x\nException: oops")
    assert problems(events.end(result="failed")) == "Exception: oops"


def test_the_engines_own_error_after_a_violation_is_none() -> None:
    made = report(Events().violation("chat").error("preview failed").end(result="failed"))
    assert (made.decision, made.exit_code) == (Decision.NOT_ALLOWED, 5)
    for result in ("failed", "succeeded"):
        assert "preview failed" in problems(Events().error("preview failed").end(result=result))


def test_an_error_that_ends_like_the_engines_own_is_another() -> None:
    events = Events().violation("chat").error("oops\npreview failed")
    assert problems(events.end(result="failed")) == "oops preview failed"


def test_an_error_loses_the_credentials_of_its_url() -> None:
    text = "GET https://user:pa55w0rd@example.com/x?token=s3cr3t failed"
    for events in (Events().error(text), Events().event(errorEvent={"error": text})):
        assert problems(events.end(result="failed")) == "GET https://example.com/x failed"


def test_a_finding_that_comes_twice_is_one() -> None:
    assert len(report(Events().violation("chat").violation("chat").end()).violations) == 1
    assert report(Events().violation("chat", level="advisory").end()).exit_code == 0
    assert report(Events().violation("chat", level="of a newer engine").end()).exit_code == 5


def test_what_a_newer_engine_adds_does_not_count() -> None:
    events = Events().step("same", "chat", ONE, ONE).event(newEvent={"x": 1}, newFlag=True)
    events.lines[0]["resourcePreEvent"]["metadata"]["new"]["something"] = {"x": [1]}
    other = "aws:s3/bucket:Bucket"
    events.step("transmogrify", "bucket", {}, {}, resource_type=other).step(
        "same", "other", {}, {}, resource_type=other
    )
    made = report(events.end())
    assert made.decision is Decision.ALLOWED
    assert (made.stacks[0].other_changes, made.stacks[0].other_count) == (1, 2)


@pytest.mark.parametrize("resource_type", [CORTECS, "pulumi-python:dynamic/shadeform:SshKey"])
def test_an_unknown_operation_on_a_resource_of_ours_cannot_tell(resource_type: str) -> None:
    events = Events().step("transmogrify", "chat", ONE, TWO, resource_type=resource_type)
    assert "unknown operation transmogrify" in problems(events.end())


def test_a_replacement_is_one_row_in_which_both_run() -> None:
    row = only_row(Events().replace("chat", ONE, TWO, diffs=["num_workers", "quote"]))
    assert (row.action, row.both_run, row.changed) == (Action.REPLACE, True, ("num_workers",))
    assert (row.destroys, row.address) == ("all data on the instance", "changes")


@pytest.mark.parametrize(
    ("changes", "diffs", "interrupts"),
    [
        ({"flavor_name": "inference-8vcpu-32gib"}, ["flavor_name", "quote"], True),
        ({"envs": SECRET}, ["envs"], True),
        ({"description": "d"}, ["description"], False),
        ({"containers": [{"region_id": "luxembourg-1", "scale": {"min": 1, "max": 3}}]}, ["containers"], False),
        ({"containers": [{"region_id": "luxembourg-2", "scale": {"min": 1, "max": 1}}]}, ["containers"], True),
        ({"containers": SECRET}, ["containers"], True),
        ({"flavor_name": "inference-8vcpu-32gib", "state": "stopped"}, ["flavor_name", "state"], False),
    ],
)
def test_a_change_in_place_says_whether_it_interrupts(
    changes: dict[str, Any], diffs: list[str], interrupts: bool
) -> None:
    old = gcore("inference-4vcpu-16gib", 1, 1)
    row = only_row(Events().step("update", "chat", old, {**old, **changes}, resource_type=GCORE, diffs=diffs))
    assert (row.interrupts, "interrupts the service" in remarks(row)) == (interrupts, interrupts)


def test_deleted_first_they_do_not_both_run() -> None:
    events = Events().step("delete-replaced", "chat", ONE).step("replace", "chat", ONE, TWO)
    assert not only_row(events.step("create-replacement", "chat", ONE, TWO)).both_run


def test_what_a_replacement_keeps_is_billed_on() -> None:
    changes = read_changes(preview_of(Events().replace("chat", ONE, TWO, retainOnDelete=True).end()), PRICES)
    assert {row.action for row in changes.rows} == {Action.KEEP, Action.REPLACE}
    (total,) = changes.totals
    assert (str(total.before.ceiling), str(total.after.ceiling)) == ("1.20 EUR", "3.60 EUR")
    assert not any(row.destroys for row in changes.rows)


def test_the_rest_of_an_earlier_replacement_has_a_row_of_its_own() -> None:
    events = Events().replace("chat", ONE, TWO).step("delete-replaced", "chat", ONE, old_id="i-0").end()
    rows = read_changes(preview_of(events), PRICES).rows
    assert [row.action for row in rows] == [Action.REPLACE, Action.LEFT_OVER]


@pytest.mark.parametrize("is_deleted_first", [False, True])
def test_what_is_replaced_under_a_new_name_is_one_row(is_deleted_first: bool) -> None:
    # as the engine (3.259.0) writes it for an instance with `aliases`
    parts = [("create-replacement", "new", TWO), ("replace", "new", TWO), ("delete-replaced", "old", None)]
    events = Events()
    for op, name, new in reversed(parts) if is_deleted_first else parts:
        events.step(op, name, ONE, new)
        events.lines[-1]["resourcePreEvent"]["metadata"]["old"]["urn"] = urn(CORTECS, "old")
    preview = preview_of(events.end())
    for read in (preview, preview_of(to_events(preview).encode())):
        changes = read_changes(read, PRICES)
        assert [(row.name, row.action, row.both_run) for row in changes.rows] == [
            ("new", Action.REPLACE, not is_deleted_first)
        ]
        (total,) = changes.totals
        assert (str(total.before.ceiling), str(total.after.ceiling)) == ("1.20 EUR", "2.40 EUR")


def test_a_urn_of_two_types_is_two_resources() -> None:
    events = Events().step("same", "chat", ONE, ONE).step("update", "chat", {}, {}, resource_type="x:y:z")
    for line in events.lines:
        line["resourcePreEvent"]["metadata"]["urn"] = urn(CORTECS, "chat")
    assert report(events.end()).stacks[0].other_count == 1


def test_what_is_deleted_already_costs_nothing_before() -> None:
    events = Events().step("remove-pending-replace", "chat", ONE).step("create-replacement", "chat", ONE, TWO)
    assert only_row(events).before is None


@pytest.mark.parametrize(
    ("op", "old", "new", "action"),
    [
        ("create", None, ONE, Action.CREATE),
        ("create", None, cortecs(adopt_id="i-7"), Action.TAKE_OVER),
        ("import", None, ONE, Action.TAKE_OVER),
        ("update", ONE, cortecs(state="stopped"), Action.STOP),
        ("update", cortecs(state="stopped"), ONE, Action.START),
        ("delete", ONE, None, Action.DELETE),
    ],
)
def test_each_operation_has_its_action(
    op: str, old: dict[str, object] | None, new: dict[str, object] | None, action: Action
) -> None:
    assert only_row(Events().step(op, "chat", old, new)).action is action


def test_a_volume_loses_its_data_and_has_no_address() -> None:
    row = only_row(Events().step("delete", "disk", volume(100), resource_type=VOLUME))
    assert (row.destroys, row.address) == ("all data of the volume", "")


def test_what_the_program_only_reads_is_not_its_spend() -> None:
    events = Events().step("read", "chat", None, ONE).step("read", "chat2", ONE, ONE).end()
    changes = read_changes(preview_of(events), PRICES)
    assert (changes.rows, changes.unchanged, changes.totals, changes.problems) == ((), (), (), ())


def test_a_refresh_shows_drift_and_no_change() -> None:
    events = Events().step("refresh", "chat", ONE, TWO).step("refresh", "gone", ONE).step("refresh", "same", ONE, ONE)
    events.step("same", "chat", TWO, TWO)
    changes = read_changes(preview_of(events.end()), PRICES)
    assert changes.rows == ()
    assert [(row.name, row.action) for row in changes.drift] == [("chat", Action.UPDATE), ("gone", Action.DELETE)]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (cortecs(workers=UNKNOWN), "is only known when"),
        (cortecs(hardware="NO_SUCH"), "is not in the catalogue"),
        (cortecs(hardware=SECRET), "is a secret"),
        (cortecs(state=UNKNOWN), "is only known when"),
        (cortecs(state=SECRET), "is a secret"),
        (cortecs(workers=[1]), "not a whole number"),
        (cortecs(workers=10**12), "more than any purchase costs"),
        (cortecs(workers=10**40), "digits"),
        ({}, "is not given"),
    ],
)
def test_what_has_no_price_is_named_and_in_no_sum(inputs: dict[str, object], reason: str) -> None:
    for events in (Events().step("create", "chat", None, inputs), Events().replace("chat", ONE, inputs)):
        made = report(events.step("same", "other", ONE, ONE).end())
        (unpriced,) = made.unpriced
        assert (unpriced.name, unpriced.is_changed) == ("chat", True)
        assert reason in unpriced.reason
        (total,) = made.totals
        assert (total.before, total.after) == (total.unchanged, total.unchanged)
        assert verdict(made) == "1 unpriced, the rest unchanged (1.20 EUR/h): allowed"


def test_a_property_cannot_hide_its_event() -> None:
    labels = {"policyAnalyzeSummaryEvent": "x", "resOutputsEvent": '{"sequence":1,"timestamp":1,"stdoutEvent":'}
    assert only_row(Events().step("create", "chat", None, {**ONE, "labels": labels})).action is Action.CREATE


def test_what_stands_behind_a_known_event_is_read() -> None:
    line = json.dumps({"sequence": 1, "timestamp": 2, "stdoutEvent": {}}, separators=(",", ":"))
    whole = Events().step("create", "chat", None, ONE).end().encode()
    assert len(report(line.encode() + b"\n" + whole).stacks[0].rows) == 1


def test_what_is_said_before_the_rows_stays_short() -> None:
    events = Events()
    for number in range(2000):
        events.step("delete", f"instance-{number:04}", ONE)
    made = report(events.end())
    for name, write in FORMATS.items():
        before_rows = write(made).split(
            {"html": "Changes (", "md": "###", "txt": "Stack dev", "json": '"stacks"'}[name]
        )[0]
        assert len(before_rows) < 12_000
        assert "and 1990 more" in before_rows or name == "json"


@pytest.mark.parametrize("name", ["change", "clouds_change", "denied", "drift"])
def test_damaged_events_always_make_a_report(name: str) -> None:
    chance = random.Random(name)
    content = (STREAMS / f"{name}.jsonl").read_bytes()
    words = [b"null", b"[]", b"{}", b"1e400", b"-1", b"NaN", b'""', b'"x"', b"true", b"[{}]", b"9" * 30]
    values = [match.span(1) for match in re.finditer(rb'":("[^"]*"|[0-9.]+|true|false|null)', content)]
    for _ in range(60):
        damaged = bytearray(content)
        for start, end in sorted(chance.sample(values, 3), reverse=True):
            damaged[start:end] = chance.choice(words)
        made = report(bytes(damaged))
        for write in FORMATS.values():
            assert write(made)
