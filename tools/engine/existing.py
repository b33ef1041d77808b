"""The check that a pulumi can be used: one on PATH, one in the cache, and each that we make."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import release
from .command import CommandFailed, run

_LIMIT = 20.0  # seconds for a program to say who it is; a cold start from a slow disk takes a few


class Unsuitable(Exception):
    """The text says what is wrong with a pulumi, as the predicate of a sentence: "is 3.100.0; we need ..."."""


@dataclass(frozen=True)
class OnPath:
    """The first suitable pulumi on PATH, if any, and the reasons against those before it."""

    pulumi: Path | None
    refused: tuple[str, ...]


def on_path(env: Mapping[str, str]) -> OnPath:
    """Looks at every pulumi on PATH, in order: an old one of the distribution must not hide a new one behind it."""
    refused: list[str] = []
    for pulumi in _candidates(env):
        try:
            _require_suitable_version(pulumi, env)
            _require_executable(pulumi, "pulumi-language-python", env)
        except Unsuitable as why:
            refused.append(f"{pulumi} {why}")
        else:
            return OnPath(pulumi, tuple(refused))
    return OnPath(None, tuple(refused))


def verify(bin_dir: Path, env: Mapping[str, str]) -> None:
    """Passes only for a whole engine of the pinned version, in which everything starts.

    Raises: Unsuitable.
    """
    for name in release.EXECUTABLES:
        path = bin_dir / name
        if not (path.is_file() and os.access(path, os.X_OK) and path.stat().st_size):
            raise Unsuitable(f"lacks a whole, executable {name}")
    version = _require_suitable_version(bin_dir / "pulumi", env)
    if version != release.parse(release.PULUMI):
        raise Unsuitable(f"is {version} instead of {release.PULUMI}")
    _ask(bin_dir / "pulumi-language-python", "-h", env)


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    # Relative entries are passed over: what they mean depends on where a person stands
    for folder in env.get("PATH", "").split(os.pathsep):
        pulumi = Path(folder, "pulumi")
        if pulumi.is_absolute() and pulumi.is_file() and os.access(pulumi, os.X_OK):
            yield pulumi


def _require_suitable_version(pulumi: Path, env: Mapping[str, str]) -> release.Version:
    answer = _ask(pulumi, "version", env)
    version = release.parse(answer)
    if version is None:
        raise Unsuitable(f"says {answer[:80]!r}, not a version")
    if not release.is_suitable(version):
        raise Unsuitable(f"is {version}; we need 3.259.0 or newer, below 4")
    return version


def _require_executable(pulumi: Path, name: str, env: Mapping[str, str]) -> None:
    # pulumi itself looks beside the file that a link (Homebrew's, for one) leads to, too
    for folder in (pulumi.parent, pulumi.resolve().parent):
        if os.access(folder / name, os.X_OK):
            return
    if shutil.which(name, path=env.get("PATH", "")) is None:
        raise Unsuitable(f"has no {name} beside it or on PATH")


def _ask(program: Path, question: str, env: Mapping[str, str]) -> str:
    try:
        # cwd: a Pulumi.yaml in the current directory may ask for another version, and is none of our business here
        asked = run(
            [program, question],
            env={**env, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            cwd=Path("/"),
            limit=_LIMIT,
        )
        return asked.output().strip()
    except CommandFailed as failure:
        raise Unsuitable(f"does not run: {failure}") from failure
