"""The time and the memory of a report of 2,000 resources, from the events to the HTML page.

    python -m benchmarks.review [--resources 2000] [--rounds 5]

Each round is a process of its own, which reads the events of a file as they come from the engine: both states of each
instance and its endpoint, before and after the step, and the summaries of a pack. Its imports and the catalogue do not
count, because they take no time after the preview. `review-seconds` is the time of the processor, which waits for
nothing here, against 1 s; `review-memory` is that of the whole process, against 300 MB.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.outcome import Outcome, end
from benchmarks.stacks import ROOT
from tests.review.generated import Events, cortecs

_SECONDS: Final = 1.0
_MEGABYTES: Final = 300
_MEASURED: Final = """
import resource, sys, time
from pathlib import Path
from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import read_preview
from pulumi_cortecs.review.html import as_html
prices = load_pinned(Path(), "simulator.lock.yaml")
began = time.process_time()
with open(sys.argv[1], "rb") as stream:
    preview = read_preview(stream)
page = as_html(make_report([preview], prices, catalogue_name=""))
print(time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, page.count('class="row '))
"""
_ENDPOINT: Final = "pulumi-python:dynamic/cortecs:Endpoint"


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "events.jsonl"
        path.write_bytes(_events(options.resources))
        print(f"{path.stat().st_size / 1e6:.1f} MB of events")
        rounds = [_measure(path, options.resources) for _ in range(options.rounds)]
    seconds, megabytes = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{seconds:.2f} s, {megabytes:.0f} MB (medians of {options.rounds})")
    command = f"python -m benchmarks.review --resources {options.resources} --rounds {options.rounds}"
    return end(
        Outcome("review-seconds", seconds / _SECONDS, 1.0, command, details={"seconds": seconds}),
        Outcome("review-memory", megabytes / _MEGABYTES, 1.0, command, details={"megabytes": megabytes}),
    )


def _events(resources: int) -> bytes:
    """Replacements and updates in turns; each event comes before and after its step."""
    events = Events()
    for number in range(resources):
        old, new = (cortecs(workers=workers, quote={"hourly_total": "1.20"}) for workers in (1, 2))
        name = f"instance-{number:05}"
        if number % 2:
            events.replace(name, old, new, diffs=["num_workers"], outputs=old)
        else:
            events.step("update", name, old, new, diffs=["num_workers"], outputs=old)
        endpoint = {"instance_id": name, "state": "running"}
        events.step("update", name, endpoint, endpoint, resource_type=_ENDPOINT, outputs={**endpoint, "base_url": "x"})
        events.event(policyAnalyzeSummaryEvent={"resourceUrn": name, "passed": ["a-rule-of-the-pack"] * 25})
    for event in [event for event in events.lines if "resourcePreEvent" in event]:
        events.event(resOutputsEvent=event["resourcePreEvent"])
    return events.end().encode()


def _measure(events: Path, resources: int) -> tuple[float, float]:
    command = [sys.executable, "-c", _MEASURED, str(events)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    seconds, kilobytes, rows = done.stdout.split()
    if int(rows) != resources:
        raise SystemExit(f"the page has {rows} rows")
    return float(seconds), int(kilobytes) / 1000


if __name__ == "__main__":
    sys.exit(main())
