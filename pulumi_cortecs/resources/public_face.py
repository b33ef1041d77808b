"""The public face of a package: names whose module is imported at their first use, which keeps the import light."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def at_first_use(
    package: Mapping[str, object], names: Sequence[str], module: str
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package (its `globals()`), of whose public `names` the others are in this
    module: its data sources and their rows."""

    def get(name: str) -> object:
        if name in names:
            return getattr(import_module(module), name)
        raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")

    return get, lambda: sorted({*package, *names})
