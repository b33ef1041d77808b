"""Where the vendors' own clients are: `$PULUMI_CORTECS_COMPAT`, else `compat` in the virtual environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CORTECS_VERSIONS = ("0.1.1", "0.1.2")


def client_folder(version: str) -> Path:
    """What goes into PYTHONPATH for one version of cortecs-py."""
    root = os.environ.get("PULUMI_CORTECS_COMPAT") or Path(sys.prefix) / "compat"
    return Path(root) / f"cortecs-py-{version}"
