"""The versions of pulumi that we pin, and those of a machine's own programs that are good enough.

Pure: nothing in here touches files or runs anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: The CLI we build or install: the oldest one we support, and the one every measurement of ours was made with.
PULUMI = "3.259.0"

#: The last release of `sdk/v3` that still holds the Python language host. Newer ones keep it in a module of its own
#: without a tag, which module proxies may refuse.
LANGUAGE_HOST = "3.79.0"

#: What `pkg/v3` at PULUMI says in its go.mod.
OLDEST_GO = (1, 25, 11)

#: What a finished engine consists of, all in one directory, so that it is enough to have this directory first on PATH.
#: The last two are scripts: the language host starts a program by the one, the engine a dynamic provider by the other.
EXECUTABLES = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)

_PULUMI_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)(?:\.(\d+))?((?:rc|beta)\d+)?(?:[-+ ].*)?")


@dataclass(frozen=True, order=True)
class Version:
    """A version of pulumi. Two pre-releases of one version count as equal: we never have to tell them apart."""

    major: int
    minor: int
    patch: int
    final: bool = True  # False sorts before True: 3.259.0-alpha.1 < 3.259.0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + ("" if self.final else " (a pre-release)")


def parse(text: str) -> Version | None:
    """The version in what `pulumi version` prints, or None when it is no version."""
    match = _PULUMI_VERSION.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch = (int(match[n]) for n in (1, 2, 3))
    return Version(major, minor, patch, final=match[4] is None)


def is_suitable(version: Version) -> bool:
    """Returns whether our provider runs under that CLI: `pulumi>=3.259,<4`, as in pyproject.toml."""
    return Version(3, 259, 0) <= version and version.major == 3


def parse_go(text: str) -> tuple[int, int, int] | None:
    """The version in what `go env GOVERSION` prints (`go1.26`, `go1.26.8`, `go1.27rc1`), or None when it is none.

    A release candidate counts as the release before it, because it may lack what the release promises.
    """
    match = _GO_VERSION.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch = int(match[1]), int(match[2]), int(match[3] or 0)
    return (major, minor, patch) if match[4] is None else (major, minor, patch - 1)
