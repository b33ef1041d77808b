"""A review for machines: amounts are decimal strings per hour, currencies apart."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.review import wording
from pulumi_cortecs.review.report import ReviewReport, Total

VERSION: Final = 1
"""The version of the format: a number is added for a change that readers have to know."""


def as_json(report: ReviewReport) -> str:
    """The report as an indented JSON object, the verdict first."""
    document = {
        "verdict": wording.verdict(report),
        "decision": report.decision.value,
        "exit_code": report.exit_code,
        "version": VERSION,
        "changes_cost": report.changes_cost,
        "totals": [_plain(total) for total in report.totals],
        **_plain(report),
    }
    return json.dumps(document, indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return value.decimal_string()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Total):
        return {"currency": value.currency, **_members(value), "difference": _plain(value.difference)}
    if is_dataclass(value):
        return _members(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if hasattr(value, "items") else value


def _members(value: Any) -> dict[str, Any]:
    members = {member.name: _plain(getattr(value, member.name)) for member in fields(value)}
    return {"currency": value.currency, **members} if hasattr(value, "currency") else members
