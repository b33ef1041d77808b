"""Events that the real engine (3.259.0) printed, without debug lines and with invented paths, and their reports.

python -m tests.review.recorded writes the expected reports anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review import html, json_format, markdown, text
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import read_preview
from pulumi_cortecs.review.gates import read_gates
from pulumi_cortecs.review.report import ReviewReport

CATALOGUE: Final = "simulator.lock.yaml"
STREAMS: Final = Path(__file__).with_name("streams")
GOLDEN: Final = Path(__file__).with_name("golden")
FORMATS: Final[dict[str, Callable[[ReviewReport], str]]] = {
    "txt": text.as_text,
    "md": markdown.as_markdown,
    "json": json_format.as_json,
    "html": html.as_html,
}
GATES: Final = {"change": {"max_increase": ["1.00EUR/h"], "max_increase_percent": "50", "max_monthly": ["4000EUR"]}}
"""The gates of each recording, by options."""
RECORDED: Final = tuple(sorted(path.stem for path in STREAMS.glob("*.jsonl")))
EXPECTED: Final = (
    *((name, ending) for name in RECORDED for ending in ("txt", "md")),
    *((name, ending) for name in ("change", "clouds_change") for ending in ("json", "html")),
)
"""The recordings with an expected report, and its format."""


def report_of(name: str) -> ReviewReport:
    """The report of a recording at the simulator's prices."""
    with (STREAMS / f"{name}.jsonl").open("rb") as stream:
        preview = read_preview(stream)
    return make_report(
        [preview],
        load_pinned(Path(), CATALOGUE),
        catalogue_name=CATALOGUE,
        gates=read_gates(**GATES.get(name, {})),  # type: ignore[arg-type]
        command="pulumi-cortecs review",
    )


def main() -> None:
    """Writes the expected reports."""
    for name, ending in EXPECTED:
        (GOLDEN / f"{name}.{ending}").write_text(FORMATS[ending](report_of(name)))


if __name__ == "__main__":
    main()
