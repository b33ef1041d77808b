"""The file and line where a program declares a resource, for `pulumi-cortecs review`.

The events of a preview have no source position, and the one that a plain `preview --json` has is the line of our own
constructor. So `review` sets a variable under which each resource logs its position for debugging: that becomes an
event with the resource's URN, and is shown nowhere else.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType
from typing import Final

import pulumi

REVIEW_VARIABLE: Final = "PULUMI_CORTECS_REVIEW"
PREFIX: Final = "pulumi-cortecs: declared at "
"""The beginning of the message; `FILE:LINE` with an absolute path follows."""

_PACKAGE: Final = os.path.join(str(Path(__file__).parents[1]), "")


def report_source_line(resource: pulumi.Resource) -> None:
    """Logs where the program called the constructor of a resource; only in a review."""
    if os.environ.get(REVIEW_VARIABLE) != "1":
        return
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_constructor(frame, resource):
        frame = frame.f_back
    if frame is not None:
        pulumi.log.debug(f"{PREFIX}{os.path.realpath(frame.f_code.co_filename)}:{frame.f_lineno}", resource)


def _is_constructor(frame: FrameType, resource: pulumi.Resource) -> bool:
    """Returns whether a frame is within this package, or in a constructor of the user's subclass."""
    code = frame.f_code
    if code.co_filename.startswith(_PACKAGE):
        return True
    return code.co_name == "__init__" and frame.f_locals.get(code.co_varnames[0]) is resource
