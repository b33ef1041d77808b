"""Brings in the packages of the compatibility tests: `make setup` runs it, the tests need no network.

cortecs-py depends on langchain, which its client does not need, and an older pulumi on nothing that a newer one does
not: each version goes, alone, into a folder of its own. Gcore's client is unpacked from its source distribution, with
the tests that only that has.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from clients import (
    CORTECS_VERSIONS,
    GCORE_SHA256,
    GCORE_VERSION,
    OLDEST_PULUMI,
    client_folder,
    gcore_folder,
    sdk_folder,
)

_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def main() -> None:
    """Brings in what is not there yet. Ends with pip's exit code when it fails."""
    for version in CORTECS_VERSIONS:
        _fetch(f"cortecs-py=={version}", client_folder(version), _install)
    _fetch(f"pulumi=={OLDEST_PULUMI}", sdk_folder(OLDEST_PULUMI), _install)
    _fetch(f"gcore=={GCORE_VERSION}", gcore_folder(), _unpack)


def _fetch(requirement: str, folder: Path, bring: Callable[[str, Path], Path]) -> None:
    """All or nothing: what was interrupted never looks like something finished."""
    if folder.is_dir():
        print(f"{requirement} is there")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        bring(requirement, Path(unfinished)).rename(folder)
    print(f"{requirement} installed")


def _install(requirement: str, into: Path) -> Path:
    target = into / "client"
    _pip("install", "--no-deps", "--target", str(target), requirement)
    return target


def _unpack(requirement: str, into: Path) -> Path:
    """The source distribution with the digest of clients.py, and with no other."""
    wanted = into / "wanted.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{GCORE_SHA256}\n", encoding="utf-8")
    _pip("download", "--no-deps", "--no-binary=gcore", "--dest", str(into), "-r", str(wanted))
    (archive,) = into.glob("*.tar.gz")
    shutil.unpack_archive(archive, into)
    return into / archive.name.removesuffix(".tar.gz")


def _pip(*arguments: str) -> None:
    done = subprocess.run([*_PIP, *arguments], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
