"""Makes the CLI quicker where many small commands are run, and processor time is what the tests wait for.

An older language host runs `pip list` for every command, to find packages that have plugins: a quarter of the
processor time of a small command, for an answer that does not change while tests run. So that one question is answered
from what pip has said once; everything else goes to pip itself. Collecting garbage, and the command line that httpx
imports where it can, are another sixth.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.machine import elsewhere_under_limits

_LEAN = "import gc, sys\ngc.disable()\nsys.modules['httpx._main'] = None\n"
_QUESTION = ["list", "-v", "--format", "json"]
_ANSWER = """\
import runpy
import sys
from pathlib import Path

if sys.argv[1:] == {question}:
    print({answer})
else:
    folder = Path(__file__).parents[1]
    sys.path = [each for each in sys.path if Path(each) != folder]
    del sys.modules["pip"]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def quick(directory: Path) -> dict[str, str]:
    """The variables that do so; what they name is made in `directory` unless it is there, and so is what the machine's
    processes share."""
    folder = directory / "lean"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_LEAN + elsewhere_under_limits(directory / "machine"))
    return {"PYTHONPATH": f"{remembered(directory)}{os.pathsep}{folder}", "GOGC": "off", "GOMEMLIMIT": "1GiB"}


def remembered(directory: Path) -> Path:
    """A folder for PYTHONPATH in which pip knows that one answer; made in `directory` unless it is there."""
    folder = directory / "packages"
    if not folder.exists():
        command = [sys.executable, "-m", "pip", *_QUESTION]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        (folder / "pip").mkdir(parents=True)
        (folder / "pip" / "__init__.py").touch()
        (folder / "pip" / "__main__.py").write_text(_ANSWER.format(question=_QUESTION, answer=repr(answer)))
    return folder
