"""The delay that instances which never get ready cause for the others.

    python -m benchmarks.stuck [--instances 40] [--stuck 8] [--boot 3] [--parallel 64]

The first few that are bought never finish booting, so their waits begin first. Each of the others is to be reported as
created, in a line of the CLI's, within 1.5 x its boot time + 1 s of its purchase; the ratio is the slowest one's time
to that limit. Then ^C, as a terminal sends it; the seconds until the last wait has ended, and until the command has,
are reported as well. (Pulumi's own end takes five seconds more now and then, also with resources that do nothing.)
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone

from benchmarks.outcome import Outcome, end
from benchmarks.stacks import empty_stack, engine
from pulumi_cortecs.simulator import running
from tests.engine.programs import fleet

_CREATED = re.compile(r"cortecs:Endpoint n(\d+) created")
_FAILED = re.compile(r"cortecs:Endpoint n\d+ \*\*creating failed")
_PATIENCE = 60.0
"""Seconds after which the slow ones count as held up for good, and the end of the command as not coming."""


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=40, metavar="N")
    parser.add_argument("--stuck", type=int, default=8)
    parser.add_argument("--boot", type=float, default=3.0, metavar="T", help="seconds, of those that are not stuck")
    parser.add_argument("--parallel", type=int, default=64, help="the CLI's own option")
    options = parser.parse_args()
    quick = options.instances - options.stuck
    if quick < 1:
        parser.error("some must not be stuck")
    limit = 1.5 * options.boot + 1.0
    with running(boot=options.boot) as simulator, empty_stack(engine(), simulator.env()) as stack:
        simulator.control.fault("stuck_boot", count=options.stuck)
        stack.program(fleet(options.instances))
        with stack.started("up", "--yes", "--skip-preview", "--parallel", str(options.parallel)) as process:
            lines = _Lines(process)
            lines.wait_for(quick)
            interrupted_at = time.monotonic()
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=_PATIENCE)
            ended_in = time.monotonic() - interrupted_at
            lines.wait_for_the_end()
        bought = {entry.instance_id: entry.started_at for entry in simulator.control.ledger().entries}
        names = {row["urn"].rpartition("::")[2]: str(row["id"]) for row in stack.resources("Instance")}
    took = [(at - bought[names[name]]).total_seconds() for name, at in lines.created.items()]
    if len(took) < quick:
        print(f"only {len(took)} of {quick} were reported within {_PATIENCE:.0f} s")
        took.append(_PATIENCE)
    middle, worst = statistics.median(took), max(took)
    print(f"{len(lines.created)} reported, median {middle:.2f} s after the purchase, worst {worst:.2f} s")
    waits_ended_in = max(lines.failed, default=interrupted_at) - interrupted_at
    print(f"after ^C the last wait ended in {waits_ended_in:.2f} s, the command in {ended_in:.1f} s")
    return end(
        Outcome(
            name=f"stuck-{options.stuck}-of-{options.instances}",
            ratio=max(took) / limit,
            goal=1.0,
            command=(
                f"python -m benchmarks.stuck --instances {options.instances} --stuck {options.stuck} "
                f"--boot {options.boot:g} --parallel {options.parallel}"
            ),
            details={"limit": limit, "took": sorted(took), "waits_ended_in": waits_ended_in, "ended_in": ended_in},
        )
    )


class _Lines:
    """Reads what the command prints, and notes when each Endpoint was reported as created, or as failed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.created: dict[str, datetime] = {}
        self.failed: list[float] = []
        self._process = process
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, number: int) -> None:
        """Returns when so many have been reported, when the command has ended, or when patience has."""
        with self._more:
            self._more.wait_for(lambda: self._ended or len(self.created) >= number, timeout=_PATIENCE)

    def wait_for_the_end(self) -> None:
        """Returns when everything that was printed has been read."""
        self._reader.join(timeout=_PATIENCE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match = _CREATED.search(line)
            if match:
                with self._more:
                    self.created[f"n{match[1]}"] = datetime.now(timezone.utc)
                    self._more.notify_all()
            if _FAILED.search(line):
                self.failed.append(time.monotonic())
        with self._more:
            self._ended = True
            self._more.notify_all()


if __name__ == "__main__":
    sys.exit(main())
