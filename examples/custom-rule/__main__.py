"""The pack `guard` with one rule more: what is bought is named after the team that pays for it."""

from collections.abc import Iterator
from pathlib import Path

from pulumi_cortecs.policy import Names, Purchase, Rule, RuleContext, Settings
from pulumi_cortecs.policy.pack import serve


class Teams(Settings):
    prefixes: Names


def named_after_a_team(purchase: Purchase, settings: Teams, context: RuleContext) -> Iterator[str]:
    if not purchase.name.startswith(settings.prefixes):
        yield f"{purchase.name} begins with none of {', '.join(settings.prefixes)}."


TEAM_PREFIX = Rule(
    name="team-prefix",
    description="An instance is named after the team that pays for it.",
    check=named_after_a_team,
    settings=Teams,
    remediation="Begin its name with that of your team.",
)

if __name__ == "__main__":
    serve("guard", Path(__file__).parent, rules=[TEAM_PREFIX])
