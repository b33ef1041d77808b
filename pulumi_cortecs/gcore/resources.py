"""Gcore's deployments and what belongs to them as Pulumi resources, and their account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import pulumi

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
from pulumi_cortecs.gcore.spec import PROBE_NAMES
from pulumi_cortecs.resources.account import ExplicitProvider
from pulumi_cortecs.resources.constructor import NamedArguments, as_secret, with_secrets
from pulumi_cortecs.resources.instance import (
    EndpointOutput,
    EndpointOutputs,
    EndpointResource,
    EndpointText,
    InstanceForm,
    InstanceResource,
    LifeCycleArgs,
    inputs_of,
)
from pulumi_cortecs.resources.plain import PlainResource

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack

    from pulumi_cortecs.resources.instance import LifeCycleArguments, ReadinessArguments


class Provider(ExplicitProvider):
    """A project at Gcore, for `opts.provider` of resources, components and data sources.

    It takes either `api_key` and `project_id`, and `api_base_url` if it is not https://api.gcore.com: Pulumi keeps
    these in the state, the key encrypted. Or it takes the names of environment variables, so that no key is in the
    state: `opts=ResourceOptions(env_var_mappings={"GCORE_B_API_KEY": "GCORE_API_KEY", "GCORE_B_PROJECT":
    "GCORE_CLOUD_PROJECT_ID"})`, and one for GCORE_BASE_URL where needed. `default_labels`: labels of all its
    deployments, below their own.

    Raises TypeError for missing credentials, and for both forms at once; ValueError for an empty string.
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_key: pulumi.Input[str] | None = None,
        project_id: pulumi.Input[str] | None = None,
        api_base_url: pulumi.Input[str] | None = None,
        default_labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
    ) -> None:
        settings = {KEY: api_key, PROJECT_ID: project_id, BASE_URL: api_base_url}
        super().__init__(resource_name, CREDENTIALS, settings, opts, default_labels)


class Threshold(NamedArguments):
    """A use in percent, 1 to 100, above which replicas are added."""

    threshold: pulumi.Input[int]


class HttpTrigger(NamedArguments):
    """So many requests (`rate`) within `window` seconds add a replica."""

    rate: pulumi.Input[int]
    window: pulumi.Input[int]


class SqsTrigger(NamedArguments):
    """A queue of AWS: `queue_length` messages per replica, from `activation_queue_length` messages on. `secret_name` is
    the name of a Secret that may read it."""

    activation_queue_length: pulumi.Input[int]
    queue_length: pulumi.Input[int]
    queue_url: pulumi.Input[str]
    aws_region: pulumi.Input[str]
    secret_name: pulumi.Input[str]
    aws_endpoint: pulumi.Input[str] | None = None
    scale_on_delayed: pulumi.Input[bool] | None = None
    scale_on_flight: pulumi.Input[bool] | None = None


class Triggers(NamedArguments):
    """What adds and removes replicas. If any is given, only those given count."""

    cpu: Threshold | Mapping[str, Any] | None = None
    memory: Threshold | Mapping[str, Any] | None = None
    gpu_memory: Threshold | Mapping[str, Any] | None = None
    gpu_utilization: Threshold | Mapping[str, Any] | None = None
    http: HttpTrigger | Mapping[str, Any] | None = None
    sqs: SqsTrigger | Mapping[str, Any] | None = None


class Scale(NamedArguments):
    """The replicas in one region: `min` (0: none while there is no request) to `max`, which is what the price counts.
    `cooldown_period` (60) and `polling_interval` (30) are in seconds; `triggers`: CPU and memory at 80 % by default."""

    min: pulumi.Input[int]
    max: pulumi.Input[int]
    cooldown_period: pulumi.Input[int] | None = None
    polling_interval: pulumi.Input[int] | None = None
    triggers: Triggers | Mapping[str, Any] | None = None


class Container(NamedArguments):
    """The deployment in one region, by the region's number or name, "luxembourg-2"."""

    region_id: pulumi.Input[int | str]
    scale: Scale | Mapping[str, Any]


class ExecProbe(NamedArguments):
    """A command in the container that has to succeed."""

    command: pulumi.Input[Sequence[pulumi.Input[str]]]


class HttpGetProbe(NamedArguments):
    """A path that has to answer. `schema`: HTTP (default) or HTTPS."""

    port: pulumi.Input[int]
    path: pulumi.Input[str] | None = None
    host: pulumi.Input[str] | None = None
    headers: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    schema: pulumi.Input[str] | None = None


class TcpSocketProbe(NamedArguments):
    """A port that has to be open."""

    port: pulumi.Input[int]


class ContainerProbe(NamedArguments):
    """One of `exec`, `http_get` and `tcp_socket`, with its times in seconds."""

    exec: ExecProbe | Mapping[str, Any] | None = None
    http_get: HttpGetProbe | Mapping[str, Any] | None = None
    tcp_socket: TcpSocketProbe | Mapping[str, Any] | None = None
    failure_threshold: pulumi.Input[int] | None = None
    initial_delay_seconds: pulumi.Input[int] | None = None
    period_seconds: pulumi.Input[int] | None = None
    success_threshold: pulumi.Input[int] | None = None
    timeout_seconds: pulumi.Input[int] | None = None


class ProbeConfiguration(NamedArguments):
    """A probe, if it is `enabled`."""

    enabled: pulumi.Input[bool]
    probe: ContainerProbe | Mapping[str, Any] | None = None


class Probes(NamedArguments):
    """The probes of all containers."""

    liveness_probe: ProbeConfiguration | Mapping[str, Any] | None = None
    readiness_probe: ProbeConfiguration | Mapping[str, Any] | None = None
    startup_probe: ProbeConfiguration | Mapping[str, Any] | None = None


class RetentionPolicy(NamedArguments):
    """The days for which logs are kept."""

    period: pulumi.Input[int]


class Logging(NamedArguments):
    """Where the logs are kept, if it is `enabled`."""

    enabled: pulumi.Input[bool]
    destination_region_id: pulumi.Input[int] | None = None
    topic_name: pulumi.Input[str] | None = None
    retention_policy: RetentionPolicy | Mapping[str, Any] | None = None


class IngressOpts(NamedArguments):
    """`disable_response_buffering`: answers are passed on as they come, which streams need."""

    disable_response_buffering: pulumi.Input[bool]


class InferenceDeploymentArgs(LifeCycleArgs):
    """The arguments of an InferenceDeployment.

    `flavor_name`: the hardware of a replica (`get_flavors` lists them). `image`: name and tag. `listening_port`: the
    port on which the image listens. `containers`: the regions, each with its replicas. `name`: 4 to 30 characters, by
    default made of the resource's name; it is the only argument whose change is a replacement. `timeout`: the seconds
    (120) without a request after which replicas are removed down to `scale.min`. `api_keys`: the names of the ApiKeys
    that may use it; without any, everybody may. `command`: replaces the image's own. `credentials_name`: the name of a
    RegistryCredential. `envs`: names and values, which are secrets. `ingress_opts`, `logging` and `probes` are as in
    Gcore's API. `auth_enabled` is not an input any more, and refused.

    `give_up_after`: the seconds (120) after which the wait ends because a region reports the same error, and no other
    gets ready. `state`: `running` or `stopped`, which costs nothing. The further arguments are those of every cloud's
    Instance (docs/resources.md).
    """

    flavor_name: pulumi.Input[str]
    image: pulumi.Input[str]
    listening_port: pulumi.Input[int]
    containers: pulumi.Input[Sequence[Container | Mapping[str, Any]]]
    name: pulumi.Input[str] | None = None
    timeout: pulumi.Input[int] | None = None
    api_keys: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    command: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    credentials_name: pulumi.Input[str] | None = None
    description: pulumi.Input[str] | None = None
    envs: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    ingress_opts: IngressOpts | pulumi.Input[Mapping[str, Any]] | None = None
    logging: Logging | pulumi.Input[Mapping[str, Any]] | None = None
    probes: Probes | pulumi.Input[Mapping[str, Any]] | None = None
    auth_enabled: pulumi.Input[bool] | None = None
    give_up_after: pulumi.Input[int] | None = None


if TYPE_CHECKING:

    class _EndpointArguments(ReadinessArguments, total=False):
        give_up_after: pulumi.Input[int] | None

    class _InferenceDeploymentArguments(LifeCycleArguments, _EndpointArguments, total=False):
        """The same as named arguments."""

        flavor_name: Required[pulumi.Input[str]]
        image: Required[pulumi.Input[str]]
        listening_port: Required[pulumi.Input[int]]
        containers: Required[pulumi.Input[Sequence[Container | Mapping[str, Any]]]]
        name: pulumi.Input[str] | None
        timeout: pulumi.Input[int] | None
        api_keys: pulumi.Input[Sequence[pulumi.Input[str]]] | None
        command: pulumi.Input[Sequence[pulumi.Input[str]]] | None
        credentials_name: pulumi.Input[str] | None
        description: pulumi.Input[str] | None
        envs: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None
        ingress_opts: IngressOpts | pulumi.Input[Mapping[str, Any]] | None
        logging: Logging | pulumi.Input[Mapping[str, Any]] | None
        probes: Probes | pulumi.Input[Mapping[str, Any]] | None


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
    """The address of an InferenceDeployment, which creates it as its child; it waits until the deployment is usable.

    Its outputs are those of Gcore's deployment that no program gives: see the attributes of `InferenceDeployment`.
    `price_difference` names the quoted price and the billed one, if they differed at the purchase.
    """


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

    name: pulumi.Output[str]
    flavor_name: pulumi.Output[str]
    image: pulumi.Output[str]
    listening_port: pulumi.Output[int]
    containers: pulumi.Output[list[Any]]
    """The regions with their replicas, without what are Gcore's defaults."""
    timeout: pulumi.Output[int | None]
    api_keys: pulumi.Output[list[str] | None]
    command: pulumi.Output[list[str] | None]
    credentials_name: pulumi.Output[str | None]
    description: pulumi.Output[str | None]
    envs: pulumi.Output[Any]
    ingress_opts: pulumi.Output[Any]
    logging: pulumi.Output[Any]
    probes: pulumi.Output[Any]
    give_up_after: pulumi.Output[int | None]

    endpoint: Endpoint

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, resource_name: str, args: InferenceDeploymentArgs, opts: pulumi.ResourceOptions | None = None
        ) -> None: ...

        @overload
        def __init__(
            self,
            resource_name: str,
            opts: pulumi.ResourceOptions | None = None,
            **arguments: Unpack[_InferenceDeploymentArguments],
        ) -> None: ...

        def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None: ...

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        **endpoint: Unpack[_EndpointArguments],
    ) -> InferenceDeployment:
        """Reads a deployment by its name, which this program neither buys, changes nor deletes.

        Its endpoint waits like any other's. The engine's read fails for a name that does not exist.
        """
        return InferenceDeployment._reading(resource_name, id, opts, **endpoint)


class ApiKeyArgs(NamedArguments):
    """The arguments of an ApiKey.

    `name`: a name that no other key of the project has, 4 to 63 characters; by default one is made of the resource's
    name. `description`: at most 300 characters, changed in place. `expires_at`: a date with its time zone (RFC 3339);
    without one it never expires. A change of `name` or `expires_at` is a replacement: a new secret.
    """

    name: pulumi.Input[str] | None = None
    description: pulumi.Input[str] | None = None
    expires_at: pulumi.Input[str] | None = None


class ApiKey(PlainResource, kind=API_KEY, arguments=ApiKeyArgs):
    """A key for `api_keys` of deployments, which take its `name`. It costs nothing. Gcore tells the `secret` only once,
    so the state keeps it, encrypted. A warning says that it expires within 7 days."""

    name: pulumi.Output[str]
    description: pulumi.Output[str | None]
    expires_at: pulumi.Output[str | None]
    secret: pulumi.Output[str]
    """What requests have to send, as a bearer token; secret."""
    created_at: pulumi.Output[str]
    deployment_names: pulumi.Output[list[str]]
    """The deployments that took it at the last refresh. It is not deleted before they have been."""


class RegistryCredentialArgs(NamedArguments):
    """The arguments of a RegistryCredential.

    `registry_url`, `username` and `password`, a secret, are changed in place. `name`: a name that no other one of the
    project has, 4 to 63 characters; by default one is made of the resource's name. Its change is a replacement.
    """

    registry_url: pulumi.Input[str]
    username: pulumi.Input[str]
    password: pulumi.Input[str]
    name: pulumi.Input[str] | None = None


class RegistryCredential(PlainResource, kind=REGISTRY_CREDENTIAL, arguments=RegistryCredentialArgs):
    """An account at the registry of private images, for `credentials_name` of deployments. It costs nothing. Gcore
    never tells the password: the state keeps the program's, and a change elsewhere is not noticed."""

    name: pulumi.Output[str]
    registry_url: pulumi.Output[str]
    username: pulumi.Output[str]
    password: pulumi.Output[str]
    project_id: pulumi.Output[int]
    """The project that has it."""


class AwsIamData(NamedArguments):
    """A key of AWS IAM. Both are secrets."""

    aws_access_key_id: pulumi.Input[str]
    aws_secret_access_key: pulumi.Input[str]


class SecretArgs(NamedArguments):
    """The arguments of a Secret.

    `data`: the key, changed in place. `type`: `aws-iam` (default), the only one. `name`: a name that no other secret of
    the project has, 4 to 63 characters; by default one is made of the resource's name. Its change is a replacement.
    """

    data: AwsIamData | pulumi.Input[Mapping[str, pulumi.Input[str]]]
    type: pulumi.Input[str] | None = None
    name: pulumi.Input[str] | None = None


class Secret(PlainResource, kind=SECRET, arguments=SecretArgs):
    """A secret for the queue of an `SqsTrigger`, which takes its `name`. It costs nothing."""

    name: pulumi.Output[str]
    type: pulumi.Output[str | None]
    data: pulumi.Output[Any]
    """The key as Gcore has it; secret."""
