"""Commands of the `pulumi` CLI that read: without prompts, without credentials in errors, within a timeout."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BACKEND_VARIABLE: Final = "PULUMI_BACKEND_URL"
_NO_SUCH_STACK: Final = 6
_WELL_FORMED: Final = re.compile(r"file://.*|[^@]*|[^:@]+://[^/?#@]*@[^@]*")
"""Of any other URL pulumi's error would quote pieces of a password that cannot be found and redacted."""


class CliError(Exception):
    """A command did not answer. The text says which and why, without a credential."""


class UnknownStackError(CliError):
    """The backend can be read, and has no stack of this name."""


@dataclass(frozen=True)
class CliCommand:
    """The settings of a CLI command: its directory, its whole environment, and its timeout in seconds. `backend` names
    the backend in errors."""

    executable: str
    directory: Path
    environment: Mapping[str, str]
    timeout: float
    backend: str

    def run(self, arguments: Sequence[str]) -> str:
        """Runs a command and returns its output. Raises CliError, UnknownStackError where the stack does not exist."""
        require_well_formed_url(self.environment.get(BACKEND_VARIABLE, ""))
        asked = f"pulumi {' '.join(arguments)} on {without_credentials(self.backend)}"
        try:
            done = subprocess.run(
                [self.executable, *arguments, "--non-interactive", "--color", "never"],
                cwd=self.directory,
                env={**self.environment, "PULUMI_SKIP_UPDATE_CHECK": "true"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=self.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CliError(f"{asked} did not end within {self.timeout:g} s") from None
        except (OSError, ValueError) as error:
            raise CliError(f"{asked}: {without_credentials(str(error))}") from None
        if done.returncode == 0:
            return done.stdout
        kind = UnknownStackError if done.returncode == _NO_SUCH_STACK else CliError
        complaint = without_credentials(" ".join(done.stderr.split())) or f"exit code {done.returncode}"
        raise kind(f"{asked}: {complaint}")


def require_well_formed_url(backend_url: str) -> None:
    """Raises CliError for a URL whose user and password have no certain end."""
    if not _WELL_FORMED.fullmatch(backend_url):
        raise CliError("a backend URL is ambiguous: percent-encode the user and password before its @")


def without_credentials(text: str) -> str:
    """The text without what a URL in it has before its host and after its path."""
    return re.sub(r"(\w+://)(?:[^\s/\"']*@)?([^\s?\"']*)(\?[^\s\"']*)?", r"\1\2", text)
