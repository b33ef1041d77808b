"""Shadeform: GPU instances of many clouds, as resources that a program declares and data sources that it calls."""

from typing import TYPE_CHECKING

from pulumi_cortecs.resources.public_face import public_face

if TYPE_CHECKING:
    from pulumi_cortecs.shadeform.arguments import *
    from pulumi_cortecs.shadeform.data import *
    from pulumi_cortecs.shadeform.resources import *
else:  # with a __getattr__ a type checker would accept every misspelt name
    __getattr__, __dir__ = public_face(__name__, ".arguments", ".resources", ".data")
