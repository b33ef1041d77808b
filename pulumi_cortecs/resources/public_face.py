"""The public face of a package: names whose modules are imported at their first use, which keeps the import light."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module


def public_face(package: str, *modules: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package, whose public names are the classes and the `get_...` functions that
    these modules define, and its `__all__` the list of them. The modules are named as from within it, ".data"."""

    def defined(module: str) -> dict[str, object]:
        origin = import_module(module, package)
        return {
            name: value
            for name, value in vars(origin).items()
            if _is_public(name) and getattr(value, "__module__", None) == origin.__name__
        }

    def names() -> list[str]:
        return sorted(name for module in modules for name in defined(module))

    def get(name: str) -> object:
        if name == "__all__":
            return names()
        # an import of a submodule asks for its name first, and must not import these
        for module in modules if _is_public(name) else ():
            if name in (values := defined(module)):
                return values[name]
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted({*vars(import_module(package)), *names()})


def _is_public(name: str) -> bool:
    return name[:1].isupper() or name.startswith("get_")
