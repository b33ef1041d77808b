"""Cortecs' dedicated inference: the resources that a program declares, and the data sources that it calls."""

from typing import TYPE_CHECKING

from pulumi_cortecs.resources.public_face import public_face

if TYPE_CHECKING:
    from pulumi_cortecs.cortecs.arguments import *
    from pulumi_cortecs.cortecs.data import *
    from pulumi_cortecs.cortecs.resources import *
    from pulumi_cortecs.resources.errors import *
else:  # with a __getattr__ a type checker would accept every misspelt name
    __getattr__, __dir__ = public_face(__name__, ".arguments", ".resources", ".data", "..resources.errors")
