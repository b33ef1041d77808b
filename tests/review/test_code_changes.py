"""Code against code: two previews in which all is new, as the one change that a reviewer reads; and its events."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review.changes import read_changes
from pulumi_cortecs.review.code_changes import compare_code
from pulumi_cortecs.review.events import PolicyEvent, Preview, Step, read_preview
from pulumi_cortecs.review.recording import to_events
from pulumi_cortecs.review.report import Action

TYPE = "pulumi-python:dynamic/cortecs:Instance"
OTHER = "aws:s3/bucket:Bucket"
STREAMS = sorted((Path(__file__).parent / "streams").glob("*.jsonl"))


def new(name: str, resource_type: str = TYPE, **inputs: Any) -> Step:
    urn = f"urn:pulumi:dev::shop::{resource_type}::{name}"
    state = {"id": "", "inputs": {"__provider": "bytes", "quote": {"hourly_total": "1.20"}, **inputs}, "outputs": {}}
    return Step("create", urn, resource_type, {}, state)


def ops(preview: Preview) -> dict[str, str]:
    return {step.urn.rpartition("::")[2]: step.op for step in preview.steps}


def test_resources_are_matched_by_urn() -> None:
    base = Preview((new("same", model_id="m"), new("grows", model_id="m", ttl="1h"), new("ends", model_id="m")))
    head = Preview((new("same", model_id="m"), new("grows", model_id="m", ttl="2h"), new("begins", model_id="m")))
    compared = compare_code(base, head)
    assert ops(compared) == {"same": "same", "grows": "update", "ends": "delete", "begins": "create"}
    (grows,) = [step for step in compared.steps if step.op == "update"]
    assert grows.diffs == ("ttl",)
    assert grows.old["inputs"]["ttl"] == "1h"


def test_what_another_purchase_needs_is_a_replacement() -> None:
    compared = compare_code(Preview((new("chat", model_id="m"),)), Preview((new("chat", model_id="other"),)))
    assert ops(compared) == {"chat": "create-replacement"}


def test_a_replaced_instance_that_is_retained_goes_on_running() -> None:
    before = new("chat", model_id="m")
    kept = replace(before, new={**before.new, "retainOnDelete": True})
    compared = compare_code(Preview((kept,)), Preview((new("chat", model_id="other"),)))
    assert [step.op for step in compared.steps] == ["create-replacement", "delete-replaced"]
    prices = load_pinned(Path(), "simulator.lock.yaml")
    assert {row.action for row in read_changes(compared, prices).rows} == {Action.KEEP, Action.REPLACE}


def test_prices_and_providers_are_no_code() -> None:
    before, after = new("chat", model_id="m"), new("chat", model_id="m")
    after.new["inputs"].update(quote={"hourly_total": "9.99"}, __provider="of another version")
    assert ops(compare_code(Preview((before,)), Preview((after,)))) == {"chat": "same"}


def test_resources_of_others_change_in_place() -> None:
    compared = compare_code(Preview((new("logs", OTHER, acl="a"),)), Preview((new("logs", OTHER, acl="b"),)))
    assert ops(compared) == {"logs": "update"}


def test_a_new_project_is_all_new() -> None:
    head = Preview((new("chat"),))
    assert compare_code(None, head) == head


def test_a_base_that_is_not_whole_is_a_problem() -> None:
    compared = compare_code(Preview(problems=("it did not end",)), Preview(problems=("neither did this",)))
    assert compared.problems == ("the base: it did not end", "neither did this")


def recorded(preview: Preview) -> Preview:
    return read_preview(io.BytesIO(to_events(preview).encode()))


def without_what_is_not_read(step: Step) -> Step:
    """The step as it is recorded: of other providers' resources nothing is."""
    if step.resource_type == TYPE:
        return step
    return replace(step, old={"id": ""} if step.old else {}, new={"id": ""} if step.new else {})


def test_a_recorded_preview_is_read_as_it_was() -> None:
    step = new("chat", model_id="m")
    del step.new["inputs"]["__provider"]
    event = PolicyEvent("a-rule", "a-pack", True, "high", step.urn, "is dear")
    whole = Preview(
        steps=(step, replace(step, op="delete", old=step.new, new={}, diffs=("ttl",)), new("logs", OTHER, acl="a")),
        refreshes=(replace(step, op="refresh"),),
        policy_events=(event, replace(event, is_mandatory=False, urn="")),
        packs=("a-pack",),
        declared=((step.urn, "pulumi-cortecs: declared at /a.py:1"),),
    )
    assert recorded(whole) == replace(whole, steps=tuple(map(without_what_is_not_read, whole.steps)))
    broken = replace(whole, problems=("it did not end", "and more"))
    assert recorded(broken).problems == broken.problems


def test_what_is_recorded_has_no_bytes_of_a_provider_and_nothing_of_others() -> None:
    text = to_events(Preview((new("chat", model_id="m"), new("logs", OTHER, password="hunter2"))))
    assert "__provider" not in text
    assert "hunter2" not in text


@pytest.mark.parametrize("file", STREAMS, ids=lambda file: file.stem)
def test_a_real_preview_is_recorded_as_it_was(file: Path) -> None:
    with file.open("rb") as stream:
        preview = read_preview(stream)
    again = recorded(preview)
    assert again.problems == preview.problems
    assert again.policy_events == preview.policy_events
    assert [(step.op, step.urn) for step in again.steps] == [(step.op, step.urn) for step in preview.steps]
