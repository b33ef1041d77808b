"""The findings of rules, and one in place of many that have the same cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pulumi_cortecs.policy.field import NotKnownError
from pulumi_cortecs.policy.rule import Level, Rule

UNJUDGED: Final = "These rules could not be judged: "
"""The words before the names of rules that one finding stands for."""
_NO_QUOTE: Final = (
    "the provider has filled in no quote, and maybe no defaults; if it refused this resource, Diagnostics has the "
    "reason. In detail: "
)


@dataclass(frozen=True)
class Finding:
    """The finding of one rule about one resource (`urn`), or about the stack (`urn` empty). `lacks`: what the rule
    would have to know, None if it could judge. `unjudged`: the rules that this finding stands for, if they are many."""

    rule: Rule
    level: Level
    text: str
    urn: str
    lacks: NotKnownError | None = None
    unjudged: tuple[Rule, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Its rule, or all that it stands for."""
        return self.unjudged or (self.rule,)


def unjudged_text(*causes: NotKnownError) -> str:
    """The refusal of rules that cannot judge."""
    why = "an unknown value" if all(cause.later for cause in causes) else "what cannot be judged"
    return f"{'; '.join(map(str, causes))}; {why} is not allowed."


def fold(findings: Iterable[Finding], *, is_quoted: bool = True) -> list[Finding]:
    """The findings, with one in place of all that lack the same, which names their rules. Without a quote, which the
    provider gives to all that it accepts, they count as lacking the same."""
    folded = list(findings)
    lacking = [finding for finding in folded if finding.lacks is not None]
    is_refused = not is_quoted and not any(finding.lacks.later for finding in lacking if finding.lacks)
    groups: dict[str, list[Finding]] = {}
    for finding in lacking:
        groups.setdefault("" if is_refused else str(_root(finding, lacking)), []).append(finding)
    for group in groups.values():
        if len({finding.rule.name for finding in group}) > 1:
            one = _one_of(group, _NO_QUOTE if is_refused else "")
            folded = [one if finding is group[0] else finding for finding in folded if finding not in group[1:]]
    return folded


def _root(finding: Finding, lacking: Sequence[Finding]) -> NotKnownError | None:
    """What the finding lacks in the end: "the price is not known: the hardware ..." names what it was derived from."""
    contained = [other.lacks for other in lacking if str(other.lacks) in str(finding.lacks)]
    return min(contained, key=lambda cause: len(str(cause)))


def _one_of(group: Sequence[Finding], remark: str) -> Finding:
    roots = {str(root): root for finding in group if (root := _root(finding, group))}
    names = ", ".join(dict.fromkeys(finding.rule.name for finding in group))
    text = f"{remark}{unjudged_text(*roots.values())} {UNJUDGED}{names}."
    first = next((finding for finding in group if finding.level is Level.MANDATORY), group[0])
    return replace(first, text=text, unjudged=tuple(finding.rule for finding in group))
