"""Brings in the vendors' own clients, for the compatibility tests: `make setup` runs it, the tests need no network.

cortecs-py depends on langchain, which its client does not need: each version goes, alone, into a folder of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clients import CORTECS_VERSIONS, client_folder


def main() -> None:
    """Installs what is not there yet. Ends with pip's exit code when it fails."""
    for version in CORTECS_VERSIONS:
        folder = client_folder(version)
        if (folder / "cortecs_py").is_dir():
            print(f"cortecs-py {version} is there")
            continue
        _install(f"cortecs-py=={version}", folder)
        print(f"cortecs-py {version} installed")


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
