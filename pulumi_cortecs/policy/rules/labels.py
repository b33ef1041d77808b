"""Rules on labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_cortecs.policy.field import Missing
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity
from pulumi_cortecs.policy.settings import Patterns, Settings


class RequiredLabels(Settings):
    """`required`: the names of labels, each with the regular expression that its whole text must match; "" for any
    text. By default no label is required."""

    required: Patterns = {}  # noqa: RUF012 - pydantic copies it


def _labels_required(purchase: Purchase, settings: RequiredLabels, context: RuleContext) -> Iterator[str]:
    labels = {} if isinstance(purchase.labels, Missing) else purchase.labels.get()
    for name, pattern in sorted(settings.required.items()):
        label = labels.get(name, Missing(name))
        wanted = f", with a text that matches {pattern}" if pattern else ""
        if isinstance(label, Missing):
            yield f"it has no label {name}; write labels={{{name!r}: ...}}{wanted}."
        elif pattern and not re.fullmatch(pattern, label.get()):
            yield f"its label {name} is {label.get()!r}; write labels={{{name!r}: ...}}{wanted}."
        else:
            label.get()  # an unknown text is not allowed, either


LABELS_REQUIRED = Rule(
    name="labels-required",
    description="An instance says by its labels whose it is.",
    check=_labels_required,
    settings=RequiredLabels,
    severity=Severity.MEDIUM,
    tags=("cost",),
    remediation='Set labels, {"team": "search"} say, or the config cortecs:defaultLabels for a whole stack.',
)
RULES = (LABELS_REQUIRED,)
