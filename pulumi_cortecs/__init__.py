"""Rented LLM inference as Pulumi resources: priced before it is bought, and provably ended."""

from pulumi_cortecs import _beside  # noqa: F401 - first, before anything that a file beside the program may shadow

# isort: split
from typing import TYPE_CHECKING

from pulumi_cortecs.resources.public_face import public_face

if TYPE_CHECKING:
    __version__: str
    from pulumi_cortecs.cortecs import *
else:  # with a __getattr__ a type checker would accept every misspelt name
    _public_name, __dir__ = public_face(
        __name__, ".cortecs.arguments", ".cortecs.resources", ".resources.errors", ".cortecs.data"
    )

    def __getattr__(name: str) -> object:
        if name != "__version__":
            return _public_name(name)
        from importlib.metadata import version

        return version("pulumi-cortecs")
