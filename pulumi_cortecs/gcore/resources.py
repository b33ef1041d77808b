"""Gcore's deployments and what belongs to them as Pulumi resources, and their account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from pulumi import Input, Output, ResourceOptions

from pulumi_cortecs.gcore.arguments import (
    PROBE_NAMES,
    ApiKeyArgs,
    Container,
    InferenceDeploymentArgs,
    IngressOpts,
    Logging,
    Probes,
    RegistryCredentialArgs,
    SecretArgs,
)
from pulumi_cortecs.gcore.kind import (
    API_KEY,
    BASE_URL,
    CREDENTIALS,
    INSTANCE,
    KEY,
    PROJECT_ID,
    REGISTRY_CREDENTIAL,
    SECRET,
)
from pulumi_cortecs.resources.account import ExplicitProvider
from pulumi_cortecs.resources.constructor import as_secret, with_secrets
from pulumi_cortecs.resources.instance import (
    EndpointOutput,
    EndpointOutputs,
    EndpointResource,
    EndpointText,
    InstanceForm,
    InstanceResource,
    inputs_of,
)
from pulumi_cortecs.resources.plain import PlainResource

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack

    from pulumi_cortecs.resources.instance import LifeCycleArguments, ReadinessArguments


class Provider(ExplicitProvider):
    """A project at Gcore, for `opts.provider` of resources, components and data sources.

    It takes `api_key` and `project_id`, and `api_base_url` if it is not https://api.gcore.com; or the names of
    environment variables, `opts=ResourceOptions(env_var_mappings={"GCORE_B_API_KEY": "GCORE_API_KEY",
    "GCORE_B_PROJECT": "GCORE_CLOUD_PROJECT_ID"})`, and one for GCORE_BASE_URL where needed. See `ExplicitProvider`.
    """

    def __init__(
        self,
        resource_name: str,
        opts: ResourceOptions | None = None,
        *,
        api_key: Input[str] | None = None,
        project_id: Input[str] | None = None,
        api_base_url: Input[str] | None = None,
        default_labels: Input[Mapping[str, Input[str]]] | None = None,
    ) -> None:
        settings = {KEY: api_key, PROJECT_ID: project_id, BASE_URL: api_base_url}
        super().__init__(resource_name, CREDENTIALS, settings, opts, default_labels)


if TYPE_CHECKING:

    class _EndpointArguments(ReadinessArguments, total=False):
        give_up_after: Input[int] | None

    class _InferenceDeploymentArguments(LifeCycleArguments, _EndpointArguments, total=False):
        """The same as named arguments."""

        flavor_name: Required[Input[str]]
        image: Required[Input[str]]
        listening_port: Required[Input[int]]
        containers: Required[Input[Sequence[Container | Mapping[str, Any]]]]
        name: Input[str] | None
        timeout: Input[int] | None
        api_keys: Input[Sequence[Input[str]]] | None
        command: Input[Sequence[Input[str]]] | None
        credentials_name: Input[str] | None
        description: Input[str] | None
        envs: Input[Mapping[str, Input[str]]] | None
        ingress_opts: IngressOpts | Input[Mapping[str, Any]] | None
        logging: Logging | Input[Mapping[str, Any]] | None
        probes: Probes | Input[Mapping[str, Any]] | None


class _Outputs(EndpointOutputs):
    address = EndpointText()
    """The address without a path, for all regions; None while it has none."""
    auth_enabled = EndpointOutput[bool]()
    """Whether requests need one of the `api_keys`."""
    created_at = EndpointText()
    """The time of its purchase, ISO-8601."""
    object_references = EndpointOutput[list[Any]]()
    """The `kind` and `name` of what manages it at Gcore; none for one that this program has bought."""
    project_id = EndpointOutput[int]()
    """The project in which it runs."""
    regions = EndpointOutput[list[Any]]()
    """Its containers at Gcore, each with `region_id`, `address`, the number of `ready` replicas of a `total`, and
    `error_message`, "" for none, as of the last `up` or `refresh`."""


class Endpoint(_Outputs, EndpointResource, cloud="gcore"):
    """The address of an `InferenceDeployment`, which creates it as its child; it waits until the deployment is usable.
    Its outputs are those of `InferenceDeployment` that are known only then, and `price_difference`, the quoted price
    and the billed one if they differed at the purchase."""


def _inputs_of(args: InferenceDeploymentArgs, _: str | None) -> dict[str, Any]:
    """The arguments as inputs, their secrets marked."""
    inputs = inputs_of(args)
    if args.auth_enabled is None:  # as an input it would hide the output
        del inputs["auth_enabled"]
    headers = [f"{name}.probe.http_get.headers" for name in PROBE_NAMES]  # they may have a key in them
    envs = as_secret({} if args.envs is None else args.envs)
    return {**inputs, "envs": envs, "probes": with_secrets(inputs["probes"], *headers)}


_FORM = InstanceForm(INSTANCE, InferenceDeploymentArgs, Endpoint, _inputs_of, secret_outputs=("envs",))


class InferenceDeployment(_Outputs, InstanceResource, form=_FORM):
    """A rented deployment of an image in one region or several: bought by `pulumi up`, changed in place, deleted by
    `pulumi destroy`.

    `base_url`, `address`, `status` and their like wait until the deployment can answer; `deployment.id` does not. To
    make another resource wait, use `depends_on=[deployment.endpoint]`: `depends_on=[deployment]` waits for the purchase
    only. The `status` is Gcore's: DEPLOYING, PARTIALLYDEPLOYED, ACTIVE, PENDING (no replica while there is no request),
    DISABLED (stopped) or DELETING.
    """

    name: Output[str]
    flavor_name: Output[str]
    image: Output[str]
    listening_port: Output[int]
    containers: Output[list[Any]]
    """The regions with their replicas, without what are Gcore's defaults."""
    timeout: Output[int | None]
    api_keys: Output[list[str] | None]
    command: Output[list[str] | None]
    credentials_name: Output[str | None]
    description: Output[str | None]
    envs: Output[Any]
    ingress_opts: Output[Any]
    logging: Output[Any]
    probes: Output[Any]
    give_up_after: Output[int | None]

    endpoint: Endpoint

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, resource_name: str, args: InferenceDeploymentArgs, opts: ResourceOptions | None = None
        ) -> None: ...

        @overload
        def __init__(
            self,
            resource_name: str,
            opts: ResourceOptions | None = None,
            **arguments: Unpack[_InferenceDeploymentArguments],
        ) -> None: ...

        def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None: ...

    @staticmethod
    def get(
        resource_name: str, id: Input[str], opts: ResourceOptions | None = None, **endpoint: Unpack[_EndpointArguments]
    ) -> InferenceDeployment:
        """Reads a deployment by its name, which this program neither buys, changes nor deletes. Its endpoint waits like
        any other's. The engine's read fails for a name that does not exist."""
        return InferenceDeployment._reading(resource_name, id, opts, **endpoint)


class ApiKey(PlainResource, kind=API_KEY, arguments=ApiKeyArgs):
    """A key for `api_keys` of deployments, which take its `name`. It costs nothing. Gcore tells the `secret` only once,
    so the state keeps it, encrypted. A warning says that it expires within 7 days."""

    name: Output[str]
    description: Output[str | None]
    expires_at: Output[str | None]
    secret: Output[str]
    """What requests have to send, as a bearer token; secret."""
    created_at: Output[str]
    deployment_names: Output[list[str]]
    """The deployments that took it at the last refresh. It is not deleted before they have been."""


class RegistryCredential(PlainResource, kind=REGISTRY_CREDENTIAL, arguments=RegistryCredentialArgs):
    """An account at the registry of private images, for `credentials_name` of deployments. It costs nothing. Gcore
    never tells the password: the state keeps the program's, and a change elsewhere is not noticed."""

    name: Output[str]
    registry_url: Output[str]
    username: Output[str]
    password: Output[str]
    project_id: Output[int]
    """The project that has it."""


class Secret(PlainResource, kind=SECRET, arguments=SecretArgs):
    """A secret for the queue of an `SqsTrigger`, which takes its `name`. It costs nothing."""

    name: Output[str]
    type: Output[str | None]
    data: Output[Any]
    """The key as Gcore has it; secret."""
