"""The resource types that users' states hold for ever, by the names of their providers (`_abi.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOKENS: Final[Mapping[str, str]] = {
    "cortecs.Instance": "pulumi-python:dynamic/cortecs:Instance",
    "cortecs.Endpoint": "pulumi-python:dynamic/cortecs:Endpoint",
}
INSTANCES: Final = frozenset(token for name, token in TOKENS.items() if not name.endswith(".Endpoint"))
"""Those that are bought."""
