"""docs/environment.md has all variables of ours that the package and the packs read, and no others; docs/accounts.md
has the credentials of each cloud."""

from __future__ import annotations

import re
from pathlib import Path

from pulumi_cortecs import _abi

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
OURS = re.compile(r"\bPULUMI_CORTECS_[A-Z_]+\b")


def test_its_table_has_the_variables_that_are_read() -> None:
    sources = [*ROOT.glob("pulumi_cortecs/**/*.py"), *ROOT.glob("policies/**/run")]
    read = {name for source in sources for name in OURS.findall(source.read_text(encoding="utf-8"))}
    assert set(re.findall(r"^\| `(PULUMI_CORTECS_\w+)`", PAGE, re.M)) == read


def test_the_page_of_accounts_has_the_credentials_of_each_cloud() -> None:
    page = (ROOT / "docs" / "accounts.md").read_text(encoding="utf-8")
    ours = [kind for kind in _abi.instance_kinds().values() if kind.module.startswith("pulumi_cortecs")]
    assert len(ours) == 3
    for kind in ours:
        variables, config = (
            ", ".join(f"`{name}`" for name in names)
            for names in zip(*((key.variable, key.config) for key in kind.credentials.keys), strict=True)
        )
        assert f"| {kind.vendor} | {variables} | {config} |" in page
