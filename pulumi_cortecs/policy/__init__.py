"""What may be bought: pure rules over what a purchase is, strict limits, and the packs that pulumi runs.

Nothing here but `reading`, `servicer`, `pack` and `testing` needs the pulumi-policy package.
"""

from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown
from pulumi_cortecs.policy.limits import LimitsError
from pulumi_cortecs.policy.rule import Advice, Given, Level, Rule, Severity, Subject
from pulumi_cortecs.policy.settings import Amounts, Count, Name, Names, Percent, Settings, Span
from pulumi_cortecs.policy.substitution import substitute
from pulumi_cortecs.policy.unit import Unit

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
    "Rule",
    "Settings",
    "Severity",
    "Span",
    "Subject",
    "Unit",
    "Unknown",
    "substitute",
]
