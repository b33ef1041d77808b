"""The place of the ledger of a shared limit, which no program sets."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle import state_directory
from pulumi_cortecs.lifecycle.state_directory import ledger_directory

OURS = ("PULUMI_CORTECS_STATE_DIR", "PULUMI_CORTECS_LIMITS", "PULUMI_HOME")
MOVED = (*OURS, "HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME", "TMPDIR")


@pytest.fixture(autouse=True)
def _moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program has moved all that it can."""
    for name in MOVED:
        monkeypatch.setenv(name, str(tmp_path / "moved"))


def test_what_the_limits_of_the_machine_name_goes_first(tmp_path: Path) -> None:
    assert ledger_directory(tmp_path / "named") == tmp_path / "named"


def test_else_it_is_the_machines_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path("/var/lib/pulumi-cortecs") == state_directory.MACHINE_DIRECTORY
    monkeypatch.setattr(state_directory, "MACHINE_DIRECTORY", tmp_path / "lib" / "ours")
    assert ledger_directory(None) == tmp_path / "lib" / "ours"


def test_else_the_home_that_the_machine_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(state_directory, "MACHINE_DIRECTORY", tmp_path / "file" / "ours")
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert ledger_directory(None) == home / ".local" / "state" / "pulumi-cortecs"


def test_who_has_no_entry_among_the_users_has_no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(state_directory, "MACHINE_DIRECTORY", tmp_path / "file" / "ours")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    assert ledger_directory(None).is_relative_to(os.devnull)
