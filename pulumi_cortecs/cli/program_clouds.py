"""The clouds that a Python program rents at, by what it imports from this package; nothing of it is run."""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

_PACKAGE: Final = "pulumi_cortecs"


def clouds_of_program(project: Path, clouds: Collection[str]) -> set[str]:
    """Those of the clouds whose resources or data sources are imported in the project's folder, or in the one that
    `main` of Pulumi.yaml names. Empty for a folder without Pulumi.yaml, and for a program in another language."""
    try:
        about: Any = yaml.safe_load((project / "Pulumi.yaml").read_text(encoding="utf-8"))
        main = project / str(about.get("main", ""))
    except (OSError, ValueError, yaml.YAMLError, AttributeError):
        return set()
    used = (name for file in _sources(main if main.is_dir() else main.parent) for name in _used_names(file))
    return {cloud for name in used if (cloud := _cloud_of(name, clouds))}


def _cloud_of(name: str, clouds: Collection[str]) -> str:
    """The cloud of a name of the package: a cloud's module has its name, and Cortecs' resources and data sources are
    in the package itself."""
    if name in clouds:
        return name
    return "cortecs" if name[:1].isupper() or name.startswith("get_") else ""


def _sources(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and not Path(place, name, "pyvenv.cfg").exists()]
        yield from (Path(place, name) for name in files if name.endswith(".py"))


def _used_names(file: Path) -> Iterator[str]:
    """The names of the package's own that a file imports, or takes from the package as an attribute."""
    try:
        nodes = list(ast.walk(ast.parse(file.read_bytes())))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    aliases = {_PACKAGE}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            package, _, module = node.module.partition(".")
            if package == _PACKAGE:
                yield from [module.partition(".")[0]] if module else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                package, _, module = alias.name.partition(".")
                if package == _PACKAGE:
                    if alias.asname and not module:
                        aliases.add(alias.asname)
                    yield module.partition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.attr
