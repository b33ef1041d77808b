"""docs/recovery.md as tests follow it: what its table says is seen, and the commands of its sections."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from tests.engine.documented import commands_of
from tests.engine.pulumi import Stack

PAGE = "recovery.md"
TEXT = (Path(__file__).parents[2] / "docs" / PAGE).read_text(encoding="utf-8")
_ANSWERS = {
    "up": ("--yes", "--skip-preview"),
    "refresh": ("--yes", "--skip-preview"),
    "destroy": ("--yes", "--skip-preview"),
    "cancel": ("--yes",),
}
"""The answers that a person would type at the prompts of a command."""


def follow(stack: Stack, section: str, block: int = 0, expect: int = 0, **variables: str) -> str:
    """Runs the commands of one block of a section, one after the other; what they printed.

    `expect` is what the last of them exits with. `variables` stand for what a reader has to put in.
    """
    *first, last = commands_of(PAGE, section)[block]
    texts = [_run(stack, line, 0, variables) for line in first]
    return "\n".join([*texts, _run(stack, last, expect, variables)])


def assert_seen(row: str, text: str) -> None:
    """A run that ended in this way printed what the table says is seen."""
    for fragment in rows()[row]:
        assert fragment in text, (row, fragment, text)


def rows() -> dict[str, list[str]]:
    """The texts that each row of the table quotes, by what happened."""
    table = re.findall(r"^\| (?!what happened|---)(.+?) \| (.+?) \| .+ \|$", TEXT.partition("\n## ")[0], re.M)
    return {what: re.findall(r"`([^`]+)`", symptoms) for what, symptoms in table}


def _run(stack: Stack, line: str, expect: int, variables: dict[str, str]) -> str:
    command, *arguments = shlex.split(line)
    if command == "pulumi":
        return stack.run(*arguments, *_ANSWERS.get(arguments[0], ()), expect=expect).text
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=stack.project,
        env={**stack.environment, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == expect, f"{line} exited {done.returncode}, not {expect}:\n{done.stdout}"
    return done.stdout
