"""The lines of the program at which resources are declared, by what the resources logged in a review
(`resources/source_line.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from pulumi_cortecs.review.report import SourceLocation

DECLARED: Final = "pulumi-cortecs: declared at "
"""The beginning of such a message."""

_DECLARED: Final = re.compile(DECLARED + r"(/[^\n\r\0]{1,4096}):([1-9][0-9]{0,6})\s*")


def read_locations(messages: Iterable[tuple[str, str]], repository: Path) -> Mapping[str, SourceLocation]:
    """The location of each resource by URN, of log messages `(urn, text)`. A file outside of the repository's folder is
    none: it may be of another checkout, or made up."""
    locations: dict[str, SourceLocation] = {}
    for urn, text in messages:
        declared = _DECLARED.fullmatch(text)
        if declared is None or not urn:
            continue
        file = PurePosixPath(declared[1])
        if ".." not in file.parts and PurePosixPath(repository) in file.parents:
            relative = file.relative_to(repository).as_posix()
            locations.setdefault(urn, SourceLocation(relative, int(declared[2])))
    return locations


def repository_root(folder: Path) -> Path:
    """The root of the repository that a folder lies in, by its `.git`; the folder itself if there is none."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
