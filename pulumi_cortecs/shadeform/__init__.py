"""Shadeform: GPU instances of many clouds, as resources that a program declares and data sources that it calls."""

from typing import TYPE_CHECKING

from pulumi_cortecs.resources.public_face import at_first_use
from pulumi_cortecs.shadeform.resources import (
    AutoDelete,
    DockerConfiguration,
    Endpoint,
    Instance,
    InstanceArgs,
    LaunchConfiguration,
    PortMapping,
    Provider,
    RegistryCredentials,
    ScriptConfiguration,
    SshKey,
    SshKeyArgs,
    Volume,
    VolumeArgs,
    VolumeMount,
)

if TYPE_CHECKING:
    from pulumi_cortecs.shadeform.data import (
        InstanceInfo,
        InstanceType,
        VolumeType,
        get_instance,
        get_instance_output,
        get_instance_types,
        get_instance_types_output,
        get_volume_types,
        get_volume_types_output,
    )

__all__ = [
    "AutoDelete",
    "DockerConfiguration",
    "Endpoint",
    "Instance",
    "InstanceArgs",
    "InstanceInfo",
    "InstanceType",
    "LaunchConfiguration",
    "PortMapping",
    "Provider",
    "RegistryCredentials",
    "ScriptConfiguration",
    "SshKey",
    "SshKeyArgs",
    "Volume",
    "VolumeArgs",
    "VolumeMount",
    "VolumeType",
    "get_instance",
    "get_instance_output",
    "get_instance_types",
    "get_instance_types_output",
    "get_volume_types",
    "get_volume_types_output",
]

if not TYPE_CHECKING:  # with a __getattr__ a type checker would accept every misspelt name
    __getattr__, __dir__ = at_first_use(globals(), __all__, "pulumi_cortecs.shadeform.data")
