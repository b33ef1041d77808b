"""docs/environment.md has all variables of ours that the package and the packs read, and no others."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
OURS = re.compile(r"\bPULUMI_CORTECS_[A-Z_]+\b")


def test_its_table_has_the_variables_that_are_read() -> None:
    sources = [*ROOT.glob("pulumi_cortecs/**/*.py"), *ROOT.glob("policies/**/run")]
    read = {name for source in sources for name in OURS.findall(source.read_text(encoding="utf-8"))}
    assert set(re.findall(r"^\| `(PULUMI_CORTECS_\w+)`", PAGE, re.M)) == read
