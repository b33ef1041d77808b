"""Keeps files beside the user's program from being imported in place of libraries.

The host process runs in the program's folder, and Python puts that first on the path: a project's own `secrets.py`
would shadow the library's, and refresh and destroy would fail. This module is imported before every module that may be
shadowed, and needs only modules that Python loads at its start.

It cannot help with imports that Pulumi's host makes earlier: with a `grpc.py` beside the program the host never starts.
It changes nothing in the program's own process.
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
    """In a host process, moves the program's folder to the end of the path, and forgets modules that were imported from
    it in place of a library.

    The folder stays on the path, because the providers of other resources may be in it.
    """
    if getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", None) != _HOST:
        return
    try:
        folder = os.path.realpath(os.getcwd())
        beside = [entry for entry in sys.path if os.path.realpath(entry) == folder]  # "" is the working directory, too
    except OSError:  # the folder does not exist any more
        return
    sys.path[:] = [entry for entry in sys.path if entry not in beside]
    try:
        _forget({os.path.abspath(entry) for entry in beside})
    finally:
        sys.path += beside


def _forget(folders: set[str]) -> None:
    """Forgets modules of the folders that shadow a library: with the folders off the path, the same name is still
    found."""
    shadows = {
        name
        for name, module in list(sys.modules.items())
        if "." not in name and name not in _OURS and _lies_in(module, folders) and PathFinder.find_spec(name)
    }
    for name in [name for name in sys.modules if name.partition(".")[0] in shadows]:
        del sys.modules[name]


def _lies_in(module: ModuleType, folders: set[str]) -> bool:
    """Returns whether the module is a file of a folder or a package in it; installed packages further down do not
    count."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    home = os.path.dirname(file)
    return (os.path.dirname(home) if hasattr(module, "__path__") else home) in folders


_yield_to_libraries()
