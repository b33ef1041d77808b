"""The folders of the journal and the ledger on this machine, and the problems of a configured folder.

The user chooses the journal's folder. A program must not choose the ledger's: the limits file of the machine's owner
and the machine's own data of its users count, but no variable.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_state_dir

DIRECTORY_VARIABLE: Final = "PULUMI_CORTECS_STATE_DIR"
NOWHERE: Final = Path(os.devnull) / "pulumi-cortecs"
"""The folder of a user without a home: it does not exist and cannot be created."""

MACHINE_DIRECTORY: Final = Path("/var/lib/pulumi-cortecs")
"""The ledger's folder on a machine whose limits name none. No setting moves it."""


@dataclass(frozen=True)
class StateDirectory:
    """A folder, which need not exist. `problem`: the reason to buy nothing with it, "" for none."""

    path: Path
    problem: str = ""


def state_directory(environment: Mapping[str, str]) -> StateDirectory:
    """$PULUMI_CORTECS_STATE_DIR, else the platform's folder for a user's state, else NOWHERE.

    A relative path would be another folder for each working directory, so the default replaces it.
    """
    named = environment.get(DIRECTORY_VARIABLE)
    if not named:
        return StateDirectory(_default_directory())
    path = Path(os.path.expanduser(named))
    if not path.is_absolute():
        problem = f"{DIRECTORY_VARIABLE} must be an absolute path, not {named!r}"
        return StateDirectory(_default_directory(), problem)
    return StateDirectory(path, _usability_problem(path, named))


def ledger_directory(named: Path | None) -> Path:
    """The folder of the ledger that all processes of this machine share; it need not exist.

    `named` is the folder of the machine's limits. Without it, the folder is MACHINE_DIRECTORY if this user can write
    there, else one in the home that the machine records for the user. HOME, XDG_STATE_HOME and our own variables do not
    count: a program can set them for its provider.
    """
    if named is not None:
        return named
    if not _usability_problem(MACHINE_DIRECTORY, ""):
        return MACHINE_DIRECTORY
    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return NOWHERE
    return home / ".local" / "state" / "pulumi-cortecs" if home.is_absolute() else NOWHERE


def _default_directory() -> Path:
    """The platform's folder for a user's state; NOWHERE without HOME and without an entry among the machine's users."""
    try:
        path = Path(user_state_dir("pulumi-cortecs", appauthor=False))
    except RuntimeError:  # older versions of platformdirs return a relative path instead
        return NOWHERE
    return path if path.is_absolute() else NOWHERE


def _usability_problem(path: Path, named: str) -> str:
    """The reason why the folder is not usable, "" for none."""
    try:
        existing = next(candidate for candidate in (path, *path.parents) if os.path.lexists(candidate))
        if not existing.is_dir():
            return f"{DIRECTORY_VARIABLE}: {named!r} is not a folder: {str(existing)!r} is a file"
    except (OSError, ValueError) as error:
        return f"{DIRECTORY_VARIABLE}: {named!r} is not accessible: {getattr(error, 'strerror', None) or error}"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{DIRECTORY_VARIABLE}: {named!r} is not writable"
    return ""
