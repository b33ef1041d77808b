"""Links of the documentation lead to files of this repository, and to headings or tests of them; the index has all
pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.documented import anchors

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        ROOT / "tests" / "golden" / "README.md",
        ROOT / "tools" / "engine" / "README.md",
    ]
)


def links(page: Path) -> list[tuple[Path, str]]:
    """File and anchor ("" for none) of each link of a page that leads to no other site."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    parts = [target.partition("#") for target in targets if "://" not in target]
    return [((page.parent / name if name else page).resolve(), anchor) for name, _, anchor in parts]


def _places(file: Path) -> set[str]:
    """The anchors of a page, and the tests of a module."""
    text = file.read_text(encoding="utf-8")
    return set(re.findall(r"^def (test_\w+)", text, re.M)) if file.suffix == ".py" else anchors(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in _places(file), (file, anchor)


def test_the_index_has_every_page_but_those_of_the_rules() -> None:
    pages = {page.resolve() for page in DOCS.rglob("*.md")} - {(DOCS / "README.md").resolve()}
    listed = {file for file, _ in links(DOCS / "README.md")}
    rules = {file for file, _ in links(DOCS / "policies" / "README.md") if file.parent.name == "policies"}
    assert listed <= pages
    assert pages - listed <= rules
