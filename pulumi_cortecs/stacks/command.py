"""The `pulumi` CLI, run for what it knows: one backend per command, no question asked, no credential shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BACKEND: Final = "PULUMI_BACKEND_URL"
_LONGEST: Final = 120.0
"""Seconds for one command: it reads one state, from however far."""
_NO_SUCH_STACK: Final = 6
_WELL_FORMED: Final = re.compile(r"file://.*|[^@]*|[^:@]+://[^/?#@]*@[^@]*")
"""Or else pulumi's complaint would quote pieces of a password, where nobody finds them to black them out."""


class StacksError(Exception):
    """A stack or a backend cannot be read, so that nobody can tell what is owned."""


class NoSuchStackError(StacksError):
    """The backend can be read, and has no stack of this name."""


@dataclass(frozen=True)
class Pulumi:
    """The CLI, run in a directory against one backend: the one it is logged in to where `backend_url` is None. No
    command takes longer than `longest` seconds."""

    executable: str
    directory: Path
    backend_url: str | None = None
    longest: float = _LONGEST

    @property
    def backend(self) -> str:
        """The backend for a person, without user, password and options."""
        return without_credentials(self.backend_url or os.environ.get(_BACKEND) or "the current backend")

    def ask(self, *arguments: str) -> str:
        """What a command prints. Raises StacksError, NoSuchStackError where it says that there is no such stack."""
        asked = f"pulumi {' '.join(arguments)}"
        environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        if self.backend_url is not None:
            environment[_BACKEND] = self.backend_url
        try:
            done = subprocess.run(
                [self.executable, *arguments, "--non-interactive", "--color", "never"],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=self.longest,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StacksError(f"{asked} on {self.backend} did not end within {self.longest:g} s") from None
        except (OSError, UnicodeError) as error:
            raise StacksError(f"{asked} on {self.backend}: {error}") from None
        if done.returncode == 0:
            return done.stdout
        kind = NoSuchStackError if done.returncode == _NO_SUCH_STACK else StacksError
        said = without_credentials(" ".join(done.stderr.split())) or f"exit code {done.returncode}"
        raise kind(f"{asked} on {self.backend}: {said}")


def pulumi(directory: Path, backend_url: str | None = None) -> Pulumi:
    """The CLI that is on PATH. Raises StacksError when there is none, and for a URL that is none."""
    found = shutil.which("pulumi")
    if found is None:
        raise StacksError("there is no pulumi CLI on PATH")
    if not _WELL_FORMED.fullmatch(backend_url or os.environ.get(_BACKEND, "")):
        raise StacksError("a backend URL cannot be read: percent-encode what is before the @ in it")
    return Pulumi(found, directory, backend_url)


def without_credentials(text: str) -> str:
    """The same without what a URL in it has before its host and after its path."""
    return re.sub(r"(\w+://)(?:[^\s/\"']*@)?([^\s?\"']*)(\?[^\s\"']*)?", r"\1\2", text)
