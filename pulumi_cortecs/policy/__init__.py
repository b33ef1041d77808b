"""Policies of purchases: pure rules over a Purchase, strict limits, and the packs that pulumi runs.

Nothing here but `property_reader`, `servicer`, `pack` and `testing` needs the pulumi-policy package.
"""

from pulumi_cortecs.cost.strict_reader import Name
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown
from pulumi_cortecs.policy.limits import LimitsError
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Advice, Level, Rule, RuleContext, Severity, Subject
from pulumi_cortecs.policy.settings import Amounts, Count, Names, Percent, Settings, Span
from pulumi_cortecs.policy.substitution import substitute

__all__ = [
    "Advice",
    "Amounts",
    "Count",
    "Field",
    "Given",
    "Known",
    "Level",
    "LimitsError",
    "Missing",
    "Name",
    "Names",
    "NotKnownError",
    "Percent",
    "Purchase",
    "Rule",
    "RuleContext",
    "Settings",
    "Severity",
    "Span",
    "Subject",
    "Unit",
    "Unknown",
    "substitute",
]

Given = RuleContext
"""The earlier name of RuleContext."""
Unit = Purchase
"""The earlier name of Purchase."""
