"""Programs, commands and output of a page of the documentation, so that what people copy is what tests run."""

from __future__ import annotations

import re
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"


def program_of(page: str, section: str, number: int = 0) -> str:
    """The Python program of a section ("## Data sources"), by default the first. Fails when there is none."""
    return blocks_of(page, section, "python")[number]


def commands_of(page: str, section: str) -> list[list[str]]:
    """The commands for a shell of a section, one list per block. Fails when the section is not there."""
    return [block.splitlines() for block in blocks_of(page, section, "sh")]


def output_of(page: str) -> list[str]:
    """The lines of the one block of a page that shows what a terminal prints. Fails when there is not exactly one."""
    (shown,) = re.findall(r"^```text\n(.*?)^```$", (_DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(shown).splitlines()


def anchors(page: str) -> set[str]:
    """The anchors of a page with this text."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks_of(page: str, section: str, language: str) -> list[str]:
    """The blocks of a section in a language. Fails when the section is not there."""
    text = (_DOCS / page).read_text(encoding="utf-8")
    (body,) = re.findall(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", body, re.DOTALL | re.MULTILINE)
    return blocks
