"""One result of `pulumi-cortecs doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """The result of a check; what is MISSING is needed."""

    OK = "ok"
    MISSING = "missing"
    WARNING = "warning"


@dataclass(frozen=True)
class Check:
    """One result: the name of the thing, what was found, and the next step, "" for none."""

    name: str
    status: Status
    what: str
    next: str = ""

    @property
    def line(self) -> str:
        """The result as a line of text."""
        return f"{self.status.value:<7}  {self.name}: {self.what}{'; ' * bool(self.next)}{self.next}"
