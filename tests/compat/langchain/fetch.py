"""Makes the virtual environment of `make compat-langchain`: cortecs-py with everything that it depends on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.compat.clients import CORTECS_VERSIONS, langchain_folder

REQUIREMENTS = (f"cortecs-py=={CORTECS_VERSIONS[-1]}", "langchain-openai")


def fetched() -> Path:
    """The Python of that environment, made if it is not there yet. Ends with pip's exit code when that fails."""
    folder = langchain_folder()
    python = folder / "bin" / "python"
    finished = folder / ".finished"  # an installation that was interrupted never looks like a finished one
    if not finished.exists():
        shutil.rmtree(folder, ignore_errors=True)
        print(f"installing {' and '.join(REQUIREMENTS)} into {folder}", flush=True)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *REQUIREMENTS], check=False)
        if done.returncode:
            sys.exit(done.returncode)
        finished.touch()
    return python
