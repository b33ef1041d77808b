"""A pulumi built from its published Go modules, with the two modules beside this file as the list of exact versions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import release
from .command import CommandFailed, run
from .gotool import Go
from .progress import Heartbeat, Steps

#: Steps that `build` announces.
STEPS = 6

#: Free space to ask for, in bytes.
NEEDED_SPACE = 6 * 10**9

_HERE = Path(__file__).resolve().parent
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_FETCH_SECONDS = 1800.0
_BUILD_SECONDS = 3600.0
_TAGS = "osusergo,grpcnotrace"
_LINKER = f"-w -s -X {_SDK}/go/common/version.Version=v{release.PULUMI}"

# Files that the engine needs beside its binaries; they are in the SDK that the CLI itself was built with
_PLAIN_FILES = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")

# Flags of the user's that would build something else, from somewhere else, or nothing (-n); the rest stays (-p, -x ...)
_FOREIGN_FLAGS = frozenset(
    {
        *("-mod", "-modfile", "-overlay", "-tags", "-ldflags", "-buildmode", "-compiler", "-toolexec", "-n", "-C"),
        *("-race", "-msan", "-asan", "-cover"),  # these need cgo, or slow the engine down
    }
)


class BuildFailed(Exception):
    """The text says which step failed, with the last lines of what Go said."""


@dataclass(frozen=True)
class _Program:
    module: Path
    package: str
    name: str

    def __str__(self) -> str:
        return self.name


_CLI = _Program(_HERE / "cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "pulumi")
_HOST = _Program(_HERE / "language-host", f"{_SDK}/python/cmd/pulumi-language-python", "pulumi-language-python")


def build(go: Go, workspace: Path, env: Mapping[str, str], steps: Steps) -> Path:
    """Builds everything and returns the `bin` directory. All that Go downloads or caches stays in `workspace`.

    Raises: BuildFailed.
    """
    builder = _Builder(go, environment(go, workspace, env))
    bin_dir = workspace / "built" / "bin"
    bin_dir.mkdir(parents=True)
    try:
        with steps.step("checking free space"):
            check_space(shutil.disk_usage(workspace).free, workspace)
        with steps.step(f"fetching the Go modules of pulumi {release.PULUMI} (about 1.6 GB)") as heartbeat:
            builder.fetch(_CLI, heartbeat)
        with steps.step(f"building pulumi {release.PULUMI} (about 3 minutes cold on two cores)") as heartbeat:
            builder.build(_CLI, bin_dir, heartbeat)
        with steps.step(f"fetching the Go modules of the Python language host {release.LANGUAGE_HOST}") as heartbeat:
            builder.fetch(_HOST, heartbeat)
        with steps.step(f"building the Python language host {release.LANGUAGE_HOST}") as heartbeat:
            builder.build(_HOST, bin_dir, heartbeat)
        with steps.step("copying the two scripts that go with them"):
            builder.copy_scripts(bin_dir)
    except (CommandFailed, OSError) as failure:
        raise BuildFailed(f"{go.version}: {failure}") from failure
    return bin_dir


def check_space(free: int, where: Path) -> None:
    """Better now than after two minutes, with a full disk. `free` is in bytes.

    Raises: BuildFailed.
    """
    if free < NEEDED_SPACE:
        raise BuildFailed(
            f"the build needs {NEEDED_SPACE / 1e9:.0f} GB for some minutes, and there are {free / 1e9:.1f} GB free at"
            f" {where.parent} (PULUMI_CORTECS_ENGINE_CACHE=DIR builds elsewhere)"
        )


def environment(go: Go, workspace: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The user's environment (GOPROXY, GONOSUMDB, certificates stay), but our caches, our modules, this machine."""
    goos, goarch = go.host
    temporary = workspace / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **env,
        "GOMODCACHE": str(workspace / "go-modules"),
        "GOCACHE": str(workspace / "go-cache"),
        "GOTMPDIR": str(temporary),
        "GOFLAGS": " ".join(["-mod=readonly", *_allowed_flags(go.flags)]),  # never empty: that would mean `go env -w`'s
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOOS": goos,
        "GOARCH": goarch,
        "CGO_ENABLED": "0",
    }


def _allowed_flags(flags: str) -> list[str]:
    return [flag for flag in flags.split() if "-" + flag.lstrip("-").partition("=")[0] not in _FOREIGN_FLAGS]


@dataclass(frozen=True)
class _Builder:
    go: Go
    env: Mapping[str, str]

    def fetch(self, program: _Program, heartbeat: Heartbeat) -> None:
        # Not `go mod download`: that fetches the whole graph, a good part of which no build ever looks at
        self._go(["list", "-deps", "-tags", _TAGS, program.package], program, _FETCH_SECONDS, heartbeat)

    def build(self, program: _Program, bin_dir: Path, heartbeat: Heartbeat) -> None:
        flags = ["-trimpath", "-buildvcs=false", "-tags", _TAGS, "-ldflags", _LINKER]
        command = ["build", *flags, "-o", str(bin_dir / program.name), program.package]
        self._go(command, program, _BUILD_SECONDS, heartbeat)

    def copy_scripts(self, bin_dir: Path) -> None:
        sdk = Path(self._go(["list", "-m", "-f", "{{.Dir}}", _SDK], _CLI, _FETCH_SECONDS).strip())
        for script in _PLAIN_FILES:
            copy = bin_dir / Path(script).name
            shutil.copyfile(sdk / script, copy)
            copy.chmod(0o755)  # the module cache has it as 0444

    def _go(self, command: list[str], program: _Program, limit: float, heartbeat: Heartbeat = lambda: None) -> str:
        finished = run([self.go.path, *command], env=self.env, cwd=program.module, limit=limit, heartbeat=heartbeat)
        return finished.output()
