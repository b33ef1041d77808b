"""The user's files beside the program do not become ours.

The host process runs in the program's folder, and Python puts that first on the path: a project's own `secrets.py`
would be what everything here imports by that name, and refresh and destroy would end in it. This module is imported
before anything that may be shadowed, and needs only what every Python has loaded when it starts.

What Pulumi's host itself imports before it meets us cannot be helped: with a `grpc.py` beside the program it never
starts. In the program's own process nothing is changed: there the order is Python's, and the program's business.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Final

_HOST: Final = "pulumi.dynamic.__main__"
_OURS: Final = frozenset({"__main__", "pulumi_cortecs"})


def _yield_to_libraries() -> None:
    """In a host process, puts the program's folder last on the path, and forgets what was imported from it in a
    library's place.

    Last and not away, because the providers of other resources may live there.
    """
    if getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", None) != _HOST:
        return
    try:
        folder = os.path.realpath(os.getcwd())
        beside = [entry for entry in sys.path if os.path.realpath(entry) == folder]  # "" is where we are, too
    except OSError:  # the folder is gone: nothing lies in it
        return
    sys.path[:] = [entry for entry in sys.path if entry not in beside]
    try:
        _forget({os.path.abspath(entry) for entry in beside})
    finally:
        sys.path += beside


def _forget(folders: set[str]) -> None:
    """With the folder off the path, what can still be found is a library's, and what is in use its shadow."""
    shadows = {
        name
        for name, module in list(sys.modules.items())
        if "." not in name and name not in _OURS and _lies_in(module, folders) and PathFinder.find_spec(name)
    }
    for name in [name for name in sys.modules if name.partition(".")[0] in shadows]:
        del sys.modules[name]


def _lies_in(module: ModuleType, folders: set[str]) -> bool:
    """Returns whether it is a file of a folder, or a package right in it; not what is installed further down."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    home = os.path.dirname(file)
    return (os.path.dirname(home) if hasattr(module, "__path__") else home) in folders


_yield_to_libraries()
