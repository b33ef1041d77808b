"""The folders of packages in versions that the virtual environment does not have: `$PULUMI_CORTECS_COMPAT`, else
`compat` in the virtual environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CORTECS_VERSIONS = ("0.1.1", "0.1.2")
OLDEST_PULUMI = "3.259.0"
"""The oldest SDK that pyproject.toml allows; the newest is the one that the virtual environment has."""

GCORE_VERSION = "0.59.0"
GCORE_SHA256 = "f6c2b452900fac3d779c679ae8d6cf3d19bbf4094e7fab0c5856989d56a09fc8"
"""The digest of the source distribution, the one that has the tests."""


def client_folder(version: str) -> Path:
    """The entry in PYTHONPATH for one version of cortecs-py."""
    return _compat() / f"cortecs-py-{version}"


def sdk_folder(version: str) -> Path:
    """The entry in PYTHONPATH for one version of Pulumi's SDK; its dependencies are in the virtual environment."""
    return _compat() / f"pulumi-{version}"


def gcore_folder() -> Path:
    """The unpacked source distribution of Gcore's client: the client in `src`, its own tests in `tests`."""
    return _compat() / f"gcore-{GCORE_VERSION}"


def langchain_folder() -> Path:
    """A virtual environment with cortecs-py and all that it depends on, for `make compat-langchain`."""
    return _compat() / "langchain"


def _compat() -> Path:
    return Path(os.environ.get("PULUMI_CORTECS_COMPAT") or Path(sys.prefix) / "compat")
