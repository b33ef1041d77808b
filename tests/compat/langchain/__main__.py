"""`make compat-langchain`: cortecs-py's langchain integration against the simulator. Not part of `make test`: it is the
only one that needs langchain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pulumi_cortecs.simulator import running
from tests.compat.langchain.fetch import fetched

SCENARIOS = Path(__file__).with_name("dedicated_llm.py")


def main() -> int:
    """The exit code of the scenarios, and 1 when something is still billed after them."""
    python = fetched()
    # nothing of ours, and no key, tracing or proxy of whoever runs this
    strange = ("CORTECS_", "OPENAI_", "LANGCHAIN_", "LANGSMITH_", "PYTHON")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
    with running(speed=400, boot=20) as simulator:
        environment = {**clean, **simulator.env(), "NO_PROXY": "*", "TQDM_DISABLE": "1"}
        command = [str(python), "-u", str(SCENARIOS), simulator.url]
        done = subprocess.run(command, env=environment, timeout=300, check=False)
        billed = simulator.control.ledger().open
    if billed:
        print(f"still billed: {billed}")
    return done.returncode or (1 if billed else 0)


if __name__ == "__main__":
    sys.exit(main())
