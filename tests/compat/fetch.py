"""Brings in the packages of the compatibility tests: `make setup` runs it, the tests need no network.

cortecs-py depends on langchain, which its client does not need, and an older pulumi on nothing that a newer one does
not: each version goes, alone, into a folder of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clients import CORTECS_VERSIONS, OLDEST_PULUMI, client_folder, sdk_folder


def main() -> None:
    """Installs what is not there yet. Ends with pip's exit code when it fails."""
    for version in CORTECS_VERSIONS:
        _fetch(f"cortecs-py=={version}", client_folder(version), "cortecs_py")
    _fetch(f"pulumi=={OLDEST_PULUMI}", sdk_folder(OLDEST_PULUMI), "pulumi")


def _fetch(requirement: str, folder: Path, package: str) -> None:
    if (folder / package).is_dir():
        print(f"{requirement} is there")
        return
    _install(requirement, folder)
    print(f"{requirement} installed")


def _install(requirement: str, folder: Path) -> None:
    """All or nothing: an installation that was interrupted never looks like a finished one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as unfinished:
        target = Path(unfinished) / "client"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run([*pip, "--target", str(target), requirement], check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        shutil.rmtree(folder, ignore_errors=True)
        target.rename(folder)


if __name__ == "__main__":
    main()
