"""Rented LLM inference as Pulumi resources: priced before it is bought, and provably ended."""

from pulumi_cortecs import _beside  # noqa: F401 - first, before anything that a file beside the program may shadow

# isort: split
from typing import TYPE_CHECKING

from pulumi_cortecs.resources.public_face import at_first_use

if TYPE_CHECKING:
    __version__: str
    from pulumi_cortecs.cortecs import (
        Balance,
        DataSourceError,
        Endpoint,
        HardwareType,
        Instance,
        InstanceArgs,
        InstanceInfo,
        Model,
        ModelPreview,
        Provider,
        UnknownIdError,
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
    _at_first_use, __dir__ = at_first_use(globals(), __all__, "pulumi_cortecs.cortecs")

    def __getattr__(name: str) -> object:
        if name != "__version__":
            return _at_first_use(name)
        from importlib.metadata import version

        return version("pulumi-cortecs")
