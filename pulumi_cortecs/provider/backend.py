"""Which state backend the engine of this process keeps its state in, as far as a provider process can tell.

Two stacks may have the same names in two backends. What one of them has bought is nothing to the other.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_PULUMI_CLOUD: Final = "https://api.pulumi.com"
_FILE: Final = "file://"
_PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml")


def backend_of(environment: Mapping[str, str], directory: Path) -> str:
    """The backend's URL, taken as the CLI takes it: from PULUMI_BACKEND_URL, else from the project file in `directory`
    or above it, else from the last login.

    A file backend is a folder of one machine, so its folder and the machine's name are in it.
    """
    project = _project(directory)
    folder = project.parent if project else directory
    url = environment.get("PULUMI_BACKEND_URL") or _of_project(project) or _of_login(environment) or _PULUMI_CLOUD
    if not url.startswith(_FILE):
        return url.rstrip("/")
    folder_named, _, _options = url.removeprefix(_FILE).partition("?")
    path = Path(os.path.expanduser(folder_named or "."))
    return f"{_FILE}{platform.node()}{(folder / path).resolve()}"


def _project(directory: Path) -> Path | None:
    candidates = (folder / name for folder in (directory, *directory.parents) for name in _PROJECT_FILES)
    return next((file for file in candidates if file.is_file()), None)


def _of_project(project: Path | None) -> str | None:
    if project is None:
        return None
    import yaml  # most runs name the backend otherwise, and need none

    with suppress(OSError, ValueError, yaml.YAMLError):
        return _text(yaml.safe_load(project.read_text(encoding="utf-8")), "backend", "url")
    return None


def _of_login(environment: Mapping[str, str]) -> str | None:
    named = environment.get("PULUMI_CREDENTIALS_PATH") or environment.get("PULUMI_HOME") or "~/.pulumi"
    home = Path(os.path.expanduser(named))
    with suppress(OSError, ValueError):
        return _text(json.loads((home / "credentials.json").read_text(encoding="utf-8")), "current")
    return None


def _text(found: Any, *keys: str) -> str | None:
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else None
