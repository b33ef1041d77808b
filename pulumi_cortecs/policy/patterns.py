"""Patterns in limits: `*` stands for anything, and every other sign for itself."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase


def matches(text: str, pattern: str) -> bool:
    """Whether a whole text is as a pattern says; upper and lower case are different."""
    return fnmatchcase(text, re.sub(r"[?[]", r"[\g<0>]", pattern))
