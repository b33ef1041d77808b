"""The programs of a page of the documentation, so that what people copy is what tests run."""

from __future__ import annotations

import re
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"


def program_of(page: str, section: str, number: int = 0) -> str:
    """The Python program of a section ("## Data sources"), the first unless told. Fails when there is none."""
    text = (_DOCS / page).read_text()
    (body,) = re.findall(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    found: list[str] = re.findall(r"^```python\n(.*?)^```$", body, re.DOTALL | re.MULTILINE)
    return found[number]
