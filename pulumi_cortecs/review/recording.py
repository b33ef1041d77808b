"""A preview as events again: what a job hands on to another one, in one file, also where the preview is a comparison.

Only what a review reads is in it: of other providers' resources their existence, and of ours no provider's bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.review.events import PolicyEvent, Preview, Step

_OURS: Final = frozenset(TOKENS.values())
_STATE: Final = ("urn", "id", "retainOnDelete", "inputs", "outputs")


def to_events(preview: Preview) -> str:
    """The events, a line each, of which `read_preview` makes the same preview as far as a review reads it."""
    events = [*_events(preview), {"summaryEvent": _summary(preview)}]
    return "".join(f"{json.dumps({'sequence': number, **event})}\n" for number, event in enumerate(events))


def _events(preview: Preview) -> Iterator[dict[str, Any]]:
    yield from ({"errorEvent": {"error": problem}} for problem in preview.problems)
    yield from ({"resourcePreEvent": {"metadata": _metadata(step)}} for step in preview.steps)
    yield from ({"resOutputsEvent": {"metadata": _metadata(step)}} for step in preview.refreshes)
    yield from ({"policyEvent": _policy_event(event)} for event in preview.policy_events)
    for urn, text in preview.declared:
        yield {"diagnosticEvent": {"urn": urn, "message": text, "severity": "debug"}}


def _metadata(step: Step) -> dict[str, Any]:
    states = {name: _state(step, state) for name, state in (("old", step.old), ("new", step.new))}
    return {"op": step.op, "urn": step.urn, "type": step.resource_type, "diffs": list(step.diffs), **states}


def _state(step: Step, state: Mapping[str, Any]) -> dict[str, Any] | None:
    if not state:
        return None
    kept = {name: state[name] for name in _STATE if name in state} if step.resource_type in _OURS else {"id": ""}
    return {name: _without_provider(value) for name, value in kept.items()}


def _without_provider(value: Any) -> Any:
    return {key: item for key, item in value.items() if key != "__provider"} if isinstance(value, Mapping) else value


def _policy_event(event: PolicyEvent) -> dict[str, Any]:
    return {
        "policyName": event.rule,
        "policyPackName": event.pack,
        "enforcementLevel": "mandatory" if event.is_mandatory else "advisory",
        "severity": event.severity,
        "resourceUrn": event.urn,
        "message": event.message,
    }


def _summary(preview: Preview) -> dict[str, Any]:
    return {"isPreview": True, "PolicyPacks": dict.fromkeys(preview.packs, ""), "result": "succeeded"}
