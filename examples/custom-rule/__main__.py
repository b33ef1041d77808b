"""The pack `guard` with one rule more: what is bought is named after the team that pays for it."""

from collections.abc import Iterator
from pathlib import Path

from pulumi_cortecs.policy import Given, Names, Rule, Settings, Unit
from pulumi_cortecs.policy.pack import serve


class Teams(Settings):
    prefixes: Names


def named_after_a_team(unit: Unit, settings: Teams, given: Given) -> Iterator[str]:
    if not unit.name.startswith(settings.prefixes):
        yield f"{unit.name} begins with none of {', '.join(settings.prefixes)}."


TEAM_PREFIX = Rule(
    name="team-prefix",
    description="An instance is named after the team that pays for it.",
    check=named_after_a_team,
    settings=Teams,
    remediation="Begin its name with that of your team.",
)

if __name__ == "__main__":
    serve("guard", Path(__file__).parent, rules=[TEAM_PREFIX])
