"""Rented LLM inference as Pulumi resources: priced before it is bought, and provably ended."""

from pulumi_cortecs import _beside  # noqa: F401 - first, before anything that a file beside the program may shadow

# isort: split
from typing import TYPE_CHECKING

from pulumi_cortecs.cortecs.data import (
    get_balance,
    get_balance_output,
    get_hardware_type,
    get_hardware_type_output,
    get_hardware_types,
    get_hardware_types_output,
    get_instance,
    get_instance_output,
    get_model,
    get_model_output,
    get_models,
    get_models_output,
)
from pulumi_cortecs.cortecs.resources import Endpoint, Instance, InstanceArgs
from pulumi_cortecs.resources.account import Provider
from pulumi_cortecs.resources.errors import DataSourceError, UnknownIdError

if TYPE_CHECKING:
    from pulumi_cortecs.cortecs.rows import Balance, HardwareType, InstanceInfo, Model, ModelPreview

__all__ = [
    "Balance",
    "DataSourceError",
    "Endpoint",
    "HardwareType",
    "Instance",
    "InstanceArgs",
    "InstanceInfo",
    "Model",
    "ModelPreview",
    "Provider",
    "UnknownIdError",
    "get_balance",
    "get_balance_output",
    "get_hardware_type",
    "get_hardware_type_output",
    "get_hardware_types",
    "get_hardware_types_output",
    "get_instance",
    "get_instance_output",
    "get_model",
    "get_model_output",
    "get_models",
    "get_models_output",
]

if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> object:
        """The rows of the data sources, loaded for those who name them: an import of the package stays light."""
        if name in __all__:
            from pulumi_cortecs.cortecs import rows

            return getattr(rows, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
