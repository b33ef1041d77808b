"""The results of a run: counts per kind of death, as text and as the tables of docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.books import Kind
from tests.chaos.plan import Death, WayOn
from tests.chaos.rounds import Result

_COLUMNS: Final = (
    "killed",
    "rounds",
    "hit",
    "in a purchase window",
    "orphans",
    "doubles",
    'false "gone"',
    "other",
    "not recovered",
    "commands repeated",
)
_OTHER: Final = frozenset(
    {
        Kind.BILLED,
        Kind.UNRECORDED,
        Kind.HUNG,
        Kind.UNPLAYED,
        Kind.REFUSED_FOR_NOTHING,
        Kind.REFUSED_ALONE,
    }
)


@dataclass(frozen=True)
class Tally:
    """All results of a run."""

    results: Sequence[Result]

    @property
    def failed(self) -> int:
        """The rounds in which something was wrong."""
        return sum(result.failed for result in self.results)

    def table(self) -> str:
        """Markdown: the rounds per kind of death; then what is not in there."""
        rows = [_row(death.value, [result for result in self.results if result.plan.death is death]) for death in Death]
        head = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
        return "\n".join([*head, *rows, _row("**all**", self.results), "", *self._more()])

    def _more(self) -> list[str]:
        lost = [result for result in self.results if result.plan.lost_journal]
        destroyed = [result for result in self.results if result.plan.way_on is WayOn.DESTROY]
        left = [result.left_by_destroy for result in destroyed if result.left_by_destroy]
        dead = [result for result in self.results if _number([result], Kind.DEAD_ROW)]
        by_orphans = [result for result in self.results if result.by_orphans]
        failed_without_journal = sum(result.failed for result in lost)
        return [
            "Of these:",
            "",
            f"* A plain `destroy` after the death: {len(destroyed)} rounds; in {len(left)} of them it left "
            f"{sum(left)} instances that the state had never known.",
            f"* The journal lost with its machine: {len(lost)} rounds; in {failed_without_journal} of them "
            f"something was wrong: {_number(lost, Kind.DOUBLE)} doubles, {_number(lost, Kind.ORPHAN)} orphans, "
            f'{_number(lost, Kind.FALSE_GONE)} false "gone", {_number(lost, Kind.UNRECOVERED)} not recovered.',
            *self._refusals(),
            f"* An `up` that went on only after `orphans --delete`: in {len(by_orphans)}.",
            f"* An empty file that the killed CLI left beside the state, and that was removed as docs/recovery.md "
            f"says: in {sum(result.half_a_file for result in self.results)} of all.",
            f"* A row whose instance had been undone, until the next refresh: in {len(dead)}.",
        ]

    def _refusals(self) -> list[str]:
        lines = []
        for name, of in (("an exclusive", True), ("a shared", False)):
            rounds = [result for result in self.results if result.plan.exclusive is of]
            why, ways = Counter[str](), Counter[str]()
            for result in rounds:
                why.update(result.refused)
                ways.update(result.ways_on)
            refused = ", ".join(f"{why[reason]} {reason}" for reason in sorted(why)) or "none"
            followed = ", ".join(f"{ways[way]} {way}" for way in sorted(ways)) or "none"
            lines.append(
                f"* Creations refused in {name} account: {len(rounds)} rounds; refused: {refused}; without a "
                f"candidate: in {_rounds_with(rounds, Kind.REFUSED_FOR_NOTHING)} rounds; because of a pending creation "
                f"although exclusive: in {_rounds_with(rounds, Kind.REFUSED_ALONE)}; ways on: {followed}."
            )
        return lines


def write_between_marks(page: Path, name: str, text: str) -> None:
    """Write the text between the marks of that name on a page; they are added at its end if there are none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text() if page.exists() else ""
    if begin not in content:
        content = f"{content.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    before, _, rest = content.partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def _row(name: str, results: Sequence[Result]) -> str:
    cells = (
        name,
        len(results),
        sum(result.landed for result in results),
        sum(result.in_window > 0 for result in results),
        _number(results, Kind.ORPHAN),
        _number(results, Kind.DOUBLE),
        _number(results, Kind.FALSE_GONE),
        sum(_number(results, kind) for kind in _OTHER),
        _number(results, Kind.UNRECOVERED),
        sum(result.repeated for result in results),
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _rounds_with(results: Sequence[Result], kind: Kind) -> int:
    return sum(_number([result], kind) > 0 for result in results)


def _number(results: Sequence[Result], kind: Kind) -> int:
    return sum(finding.kind is kind for result in results for finding in result.findings)
