"""Cortecs' dedicated inference: the resources that a program declares, and the data sources that it calls."""

from typing import TYPE_CHECKING

from pulumi_cortecs.cortecs.resources import Endpoint, Instance, InstanceArgs, Provider
from pulumi_cortecs.resources.errors import DataSourceError, UnknownIdError
from pulumi_cortecs.resources.public_face import at_first_use

if TYPE_CHECKING:
    from pulumi_cortecs.cortecs.data import (
        Balance,
        HardwareType,
        InstanceInfo,
        Model,
        ModelPreview,
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

if not TYPE_CHECKING:  # with a __getattr__ a type checker would accept every misspelt name
    __getattr__, __dir__ = at_first_use(globals(), __all__, "pulumi_cortecs.cortecs.data")
