"""Makes the CLI quicker where many small commands are run, and processor time is what the tests wait for: by what every
Python that the engine starts runs before anything else.

Half of the processor time of a small command goes into imports of Pulumi's packages, by the program's process and by
the provider's: those are forked from one that has them imported already (tests/preloaded.py). An older language host
runs `pip list` for every command, to find packages that have plugins: that one question is answered from what pip has
said once.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.engine.stand_in import of_python
from tests.machine import elsewhere_under_limits
from tests.preloaded import IS_POSSIBLE, Preloaded, preloaded

_QUESTION = ["-m", "pip", "list", "-v", "--format", "json"]
_FIRST = """\
import gc, sys
if sys.orig_argv[1:] == {question}:
    import os
    with open({answer}) as answer:
        print(answer.read(), flush=True)
    os._exit(0)
gc.disable()
sys.modules['httpx._main'] = None  # the command line, which httpx imports where it can
"""


_PACK_PYTHON = """\
#!/bin/sh
[ "$1" = -I ] && shift  # an isolated Python reads no PYTHONPATH, and nothing can stand in for it
PYTHONPATH={folder} exec {python} "$@"
"""


def quick(directory: Path, preloaded: Preloaded | None = None, before: str = "") -> dict[str, str]:
    """The variables that do so; what they name is made in `directory` unless it is there, and so is what the machine's
    processes share. Without `preloaded` each process is started, not forked. `before` is more Python to run first."""
    folder = directory / ("forked" if preloaded else "started")
    if not folder.exists():
        folder.mkdir()
        answer = folder / "packages.json"
        answer.write_text(_answer())
        first = _FIRST.format(question=_QUESTION, answer=repr(str(answer)))
        before = f"{elsewhere_under_limits(directory / 'machine')}{before}\n"
        if preloaded:
            shutil.copy(Path(__file__).with_name("stand_in.py"), folder / "_stand_in.py")
            arguments = (preloaded.address, sys.prefix, of_python(), before)
            first += f"from _stand_in import stand_in\nstand_in{arguments}\n"
            _write_pack_python(folder)
        (folder / "sitecustomize.py").write_text(first + before)
    return {"PYTHONPATH": str(folder), "GOGC": "off", "GOMEMLIMIT": "1GiB", **few_certificates(folder)}


def forks(directory: Path) -> dict[str, str]:
    """The variable by which a command of ours is forked, where that is possible; that is made in the folder."""
    return {"PYTHONPATH": quick(directory, preloaded() if IS_POSSIBLE else None)["PYTHONPATH"]}


def pack_python(variables: Mapping[str, str]) -> str:
    """The Python that a pack is to be started by, for tests of what a pack says: one that a forked process can stand in
    for, where these variables of `quick` have one. A pack that is attacked is started by `sys.executable`."""
    script = Path(variables["PYTHONPATH"]) / "pack-python"
    return str(script) if script.exists() else sys.executable


def _write_pack_python(folder: Path) -> None:
    script = folder / "pack-python"
    script.write_text(_PACK_PYTHON.format(folder=shlex.quote(str(folder)), python=shlex.quote(sys.executable)))
    script.chmod(0o755)


def few_certificates(folder: Path) -> dict[str, str]:
    """The variables that name a folder without certificates: to read all authorities takes longer than a call, and who
    talks to this machine only needs none."""
    return {"SSL_CERT_FILE": "", "SSL_CERT_DIR": str(folder)}


def requirement_of_ours(directory: Path) -> str:
    """A wheel with its hash, as a line of requirements: with it, an environment has what this one has, for an isolated
    Python as well."""
    wheel = directory / "trusted-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("trusted.pth", f"{sysconfig.get_path('purelib')}\n{Path(__file__).parents[2]}\n")
        archive.writestr("trusted-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: trusted\nVersion: 1.0\n")
        about = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("trusted-1.0.dist-info/WHEEL", about)
        archive.writestr("trusted-1.0.dist-info/RECORD", "trusted.pth,,\n")
    return f"trusted @ {wheel.as_uri()} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@cache
def _answer() -> str:
    asked = subprocess.run([sys.executable, *_QUESTION], capture_output=True, text=True, timeout=60, check=True)
    return asked.stdout
