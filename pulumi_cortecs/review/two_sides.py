"""The two sides of a review of code: the commit where a change branched off, and what is checked out, both against an
empty backend. Neither needs a secret, so a change from a fork is reviewed like any other.

Both have the same backend, which a preview leaves as it is: the names that check makes are a digest of backend and URN
(`provider/generated_names.py`), and would differ otherwise.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

_TIMEOUT: Final = 120.0
"""Seconds for one command of git or pulumi."""

_PLACEHOLDER: Final = "[secret]"
"""In the place of a stack's encrypted values, which nothing here can read."""

_ELSEWHERE: Final = ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK", "PULUMI_API")


class SidesError(Exception):
    """The two sides cannot be compared. The text says why."""


@dataclass(frozen=True)
class Side:
    """One side: the project's folder, the stack and its file, and the environment for `pulumi preview`."""

    folder: Path
    stack: str
    config_file: Path
    environment: Mapping[str, str]


@dataclass(frozen=True)
class TwoSides:
    """Both sides; `base` is None if the project is new. `commit` is the base's."""

    base: Side | None
    head: Side
    commit: str


@contextmanager
def two_sides(project: Path, ref: str, stack: str, pulumi: str, environment: Mapping[str, str]) -> Iterator[TwoSides]:
    """The sides of the project in a checkout, against a branch or commit `ref`; what they need lies in a temporary
    folder until the end of the block. Raises SidesError."""
    project = project.resolve()
    root = Path(_git(project, "rev-parse", "--show-toplevel"))
    commit = _merge_base(project, ref)
    with tempfile.TemporaryDirectory(prefix="pulumi-cortecs-review-") as folder:
        place, checkout = Path(folder), Path(folder, "checkout")
        # hooks of the repository have nothing to do here
        _git(root, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--quiet", str(checkout), commit)
        try:
            old = checkout / project.relative_to(root.resolve())
            backend = _Backend(place, stack.rpartition("/")[2], pulumi, _variables(place, environment))
            has_project = _project_file(old) is not None
            if has_project:
                _link_environment(project, old)
            base = backend.side(old, place / "base") if has_project else None
            yield TwoSides(base, backend.side(project, place / "head"), commit)
        finally:
            with suppress(SidesError):
                _git(root, "worktree", "remove", "--force", "--force", str(checkout))


def project_name(folder: Path) -> str:
    """The name in the Pulumi.yaml of a folder; "?" if it has none."""
    try:
        return str(_project(folder)["name"])
    except SidesError:
        return "?"


def _merge_base(folder: Path, ref: str) -> str:
    try:
        commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except SidesError:
        raise SidesError(f"--base {ref!r}: no such commit here; fetch it first") from None
    try:
        return _git(folder, "merge-base", commit, "HEAD")
    except SidesError:
        raise SidesError(
            f"--base {ref!r}: it and HEAD have no common commit here; fetch the whole history (fetch-depth: 0)"
        ) from None


def _variables(place: Path, environment: Mapping[str, str]) -> Mapping[str, str]:
    return {
        **{key: value for key, value in environment.items() if key not in _ELSEWHERE},
        "PULUMI_BACKEND_URL": f"file://{place / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
        "PULUMI_CORTECS_STATE_DIR": str(place / "orders"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


@dataclass(frozen=True)
class _Backend:
    """The empty backend, with a stack for each project that a side has."""

    place: Path
    stack: str
    pulumi: str
    environment: Mapping[str, str]

    def side(self, project: Path, folder: Path) -> Side:
        """A side; its stack's file lies in a new folder."""
        description = _project(project)
        folder.mkdir()
        config = folder / f"Pulumi.{self.stack}.yaml"
        config.write_text(yaml.safe_dump(_without_secrets(_stack_file(project, description, self.stack))))
        self._create_stack(str(description["name"]))
        return Side(project, self.stack, config, self.environment)

    def _create_stack(self, project_name: str) -> None:
        # not in the project's folder, in which it would write the stack's file
        for name in ("state", "orders", "empty"):
            (self.place / name).mkdir(exist_ok=True)
        description = self.place / "empty" / "Pulumi.yaml"
        text = yaml.safe_dump({"name": project_name, "runtime": "python"})
        if description.exists() and description.read_text() == text:
            return
        description.write_text(text)
        command = [self.pulumi, "stack", "init", self.stack, "--secrets-provider", "passphrase", "--non-interactive"]
        _run(command, description.parent, self.environment)


def _project_file(folder: Path) -> Path | None:
    return next((file for name in ("Pulumi.yaml", "Pulumi.yml") if (file := folder / name).is_file()), None)


def _project(folder: Path) -> Mapping[str, Any]:
    file = _project_file(folder)
    description = _yaml(file) if file is not None else {}
    if not isinstance(description.get("name"), str):
        raise SidesError(f"{folder} has no Pulumi.yaml with a name")
    return description


def _stack_file(project: Path, description: Mapping[str, Any], stack: str) -> Mapping[str, Any]:
    folder = project / str(description.get("stackConfigDir") or ".")
    file = folder / f"Pulumi.{stack}.yaml"
    return _yaml(file) if file.is_file() else {}


def _without_secrets(stack_file: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values of a stack's file, with a word for each secret one."""
    config = stack_file.get("config")
    return {"config": _plain(config) if isinstance(config, dict) else {}}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _PLACEHOLDER if set(value) == {"secure"} else {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _link_environment(project: Path, old: Path) -> None:
    """Gives the base the virtual environment that its Pulumi.yaml names and git does not have."""
    runtime = _project(old).get("runtime")
    options = runtime.get("options") if isinstance(runtime, dict) else None
    name = options.get("virtualenv") if isinstance(options, dict) else None
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        return
    if (project / name).is_dir() and not (old / name).exists():
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).symlink_to(project / name, target_is_directory=True)


def _yaml(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError, RecursionError) as error:
        raise SidesError(f"{file} cannot be read: {type(error).__name__}") from None
    return content if isinstance(content, dict) else {}


def _git(folder: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise SidesError("git is not installed")
    # files of the change that look like a repository are none, or their configuration would run
    command = [git, "-c", "safe.bareRepository=explicit", "-C", str(folder), *arguments]
    return _run(command, folder, None).strip()


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None) -> str:
    words = " ".join(command[1:])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SidesError(f"{words}: {type(error).__name__}") from None
    if done.returncode != 0:
        raise SidesError(f"{words}: exit code {done.returncode}: {' '.join(done.stderr.split())[:300]}")
    return done.stdout
