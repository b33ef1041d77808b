"""Gcore Everywhere Inference: deployments that scale, in many regions, as resources that a program declares and data
sources that it calls."""

from typing import TYPE_CHECKING

from pulumi_cortecs.gcore.resources import (
    ApiKey,
    ApiKeyArgs,
    AwsIamData,
    Container,
    ContainerProbe,
    Endpoint,
    ExecProbe,
    HttpGetProbe,
    HttpTrigger,
    InferenceDeployment,
    InferenceDeploymentArgs,
    IngressOpts,
    Logging,
    ProbeConfiguration,
    Probes,
    Provider,
    RegistryCredential,
    RegistryCredentialArgs,
    RetentionPolicy,
    Scale,
    Secret,
    SecretArgs,
    SqsTrigger,
    TcpSocketProbe,
    Threshold,
    Triggers,
)

if TYPE_CHECKING:
    from pulumi_cortecs.gcore.data import (
        Capacity,
        DeploymentInfo,
        Flavor,
        Model,
        Quota,
        Region,
        get_capacity,
        get_capacity_output,
        get_deployment,
        get_deployment_output,
        get_flavors,
        get_flavors_output,
        get_models,
        get_models_output,
        get_quota,
        get_quota_output,
        get_regions,
        get_regions_output,
    )

__all__ = [
    "ApiKey",
    "ApiKeyArgs",
    "AwsIamData",
    "Capacity",
    "Container",
    "ContainerProbe",
    "DeploymentInfo",
    "Endpoint",
    "ExecProbe",
    "Flavor",
    "HttpGetProbe",
    "HttpTrigger",
    "InferenceDeployment",
    "InferenceDeploymentArgs",
    "IngressOpts",
    "Logging",
    "Model",
    "ProbeConfiguration",
    "Probes",
    "Provider",
    "Quota",
    "Region",
    "RegistryCredential",
    "RegistryCredentialArgs",
    "RetentionPolicy",
    "Scale",
    "Secret",
    "SecretArgs",
    "SqsTrigger",
    "TcpSocketProbe",
    "Threshold",
    "Triggers",
    "get_capacity",
    "get_capacity_output",
    "get_deployment",
    "get_deployment_output",
    "get_flavors",
    "get_flavors_output",
    "get_models",
    "get_models_output",
    "get_quota",
    "get_quota_output",
    "get_regions",
    "get_regions_output",
]

if not TYPE_CHECKING:  # with a __getattr__ a type checker would accept every misspelt name

    def __getattr__(name: str) -> object:
        """The data sources and their rows, imported at their first use, which keeps the import of the package light."""
        if name in __all__:
            from pulumi_cortecs.gcore import data

            return getattr(data, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
