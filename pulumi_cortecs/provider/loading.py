"""What the calls of a provider need, imported at once."""

from __future__ import annotations

import gc
import sys
from functools import cache
from importlib import import_module
from typing import Any


@cache
def load(cloud: str) -> None:
    """Imports all that the calls need, the first of which waits for it: a third of it is the garbage collector looking
    at what stays anyway, and httpx's own command line (it does without where it cannot be imported). `cloud` is the
    package of the cloud that is going to be asked."""
    absent: dict[str, Any] = sys.modules
    absent.setdefault("httpx._main", None)
    gc.disable()
    try:
        from pulumi_cortecs.provider import endpoint, instance, instance_check  # noqa: F401

        import_module(f"{cloud}.cloud")
        import_module(f"{cloud}.market")
    finally:
        gc.enable()
    gc.freeze()
