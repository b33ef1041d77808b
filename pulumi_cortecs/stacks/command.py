"""The `pulumi` CLI on PATH: one backend per command."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_cortecs.lifecycle import pulumi_cli
from pulumi_cortecs.lifecycle.backends import find_backend_url, folder_of
from pulumi_cortecs.lifecycle.pulumi_cli import BACKEND_VARIABLE, CliCommand, CliError, without_credentials

_LONGEST: Final = 120.0
"""Seconds for one command, which reads one state, perhaps from a remote backend."""


class StacksError(Exception):
    """A stack or a backend cannot be read, so its instances are unknown."""


class MissingStackError(StacksError):
    """The backend can be read, and has no stack of this name."""


@dataclass(frozen=True)
class Pulumi:
    """The CLI, run in a directory against one backend: the one that it is logged in to if `backend_url` is None. No
    command takes longer than `longest` seconds."""

    executable: str
    directory: Path
    backend_url: str | None = None
    longest: float = _LONGEST

    @property
    def backend(self) -> str:
        """The backend as text, without user, password and options."""
        return without_credentials(self._url)

    @property
    def folder(self) -> Path | None:
        """The folder of the backend; None for one that is no folder."""
        return folder_of(self._url, os.environ, self.directory.absolute())

    @property
    def _url(self) -> str:
        return self.backend_url or find_backend_url(os.environ, self.directory.absolute())

    def ask(self, *arguments: str) -> str:
        """The output of a command. Raises StacksError, and MissingStackError for a stack that does not exist."""
        environment = dict(os.environ)
        if self.backend_url is not None:
            environment[BACKEND_VARIABLE] = self.backend_url
        try:
            return CliCommand(self.executable, self.directory, environment, self.longest, self.backend).run(arguments)
        except pulumi_cli.UnknownStackError as error:
            raise MissingStackError(str(error)) from None
        except CliError as error:
            raise StacksError(str(error)) from None


def pulumi(directory: Path, backend_url: str | None = None) -> Pulumi:
    """The CLI on PATH. Raises StacksError without one, and for an invalid URL."""
    executable = shutil.which("pulumi")
    if executable is None:
        raise StacksError("no pulumi CLI on PATH; install it, or add its folder to PATH")
    try:
        pulumi_cli.require_well_formed_url(backend_url or os.environ.get(BACKEND_VARIABLE, ""))
    except CliError as error:
        raise StacksError(str(error)) from None
    return Pulumi(executable, directory, backend_url)
