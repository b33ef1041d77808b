"""Shadeform instances as Pulumi resources, and their account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from pulumi import Input, Output, ResourceOptions

from pulumi_cortecs.resources.account import ExplicitProvider
from pulumi_cortecs.resources.constructor import secret_values, with_secrets
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
from pulumi_cortecs.resources.types import QuoteProperties
from pulumi_cortecs.shadeform.arguments import AutoDelete, InstanceArgs, LaunchConfiguration, SshKeyArgs, VolumeArgs
from pulumi_cortecs.shadeform.kind import API_KEY, BASE_URL, CREDENTIALS, INSTANCE, SSH_KEY, VOLUME

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack

    from pulumi_cortecs.resources.instance import LifeCycleArguments, ReadinessArguments


class Provider(ExplicitProvider):
    """A Shadeform account, for `opts.provider` of resources, components and data sources (`ExplicitProvider`).

    It takes `api_key`, and `api_base_url` if it is not https://api.shadeform.ai/v1; or the names of environment
    variables, `opts=ResourceOptions(env_var_mappings={"SHADEFORM_B_API_KEY": "SHADEFORM_API_KEY"})`, for
    SHADEFORM_API_KEY and, where needed, SHADEFORM_BASE_URL.
    """

    def __init__(
        self,
        resource_name: str,
        opts: ResourceOptions | None = None,
        *,
        api_key: Input[str] | None = None,
        api_base_url: Input[str] | None = None,
        default_labels: Input[Mapping[str, Input[str]]] | None = None,
    ) -> None:
        super().__init__(resource_name, CREDENTIALS, {API_KEY: api_key, BASE_URL: api_base_url}, opts, default_labels)


if TYPE_CHECKING:

    class _EndpointArguments(ReadinessArguments, total=False):
        endpoint_port: Input[int] | None

    class _InstanceArguments(LifeCycleArguments, _EndpointArguments, total=False):
        """The same as named arguments."""

        cloud: Required[Input[str]]
        region: Required[Input[str]]
        shade_instance_type: Required[Input[str]]
        name: Input[str] | None
        shade_cloud: Input[bool] | None
        os: Input[str] | None
        template_id: Input[str] | None
        ssh_key_id: Input[str] | None
        volume_ids: Input[Sequence[Input[str]]] | None
        volume_mount: Input[Mapping[str, Input[bool]]] | None
        envs: Input[Mapping[str, Input[str]]] | None
        launch_configuration: LaunchConfiguration | Input[Mapping[str, Any]] | None
        auto_delete: AutoDelete | Input[Mapping[str, Any]] | None
        alert: AutoDelete | Input[Mapping[str, Any]] | None
        tags: Input[Sequence[Input[str]]] | None
        spend_limit: Input[str] | None


class _Outputs(EndpointOutputs):
    address = EndpointText()
    """The address without a path, "http://203.0.113.7:8000"; None if the container's port is not known."""
    status_details = EndpointText()
    """Shadeform's remark on the status, as "downloading"."""
    ip = EndpointText()
    """The public IP address, or a host name."""
    ssh_user = EndpointText()
    """The user for SSH."""
    ssh_port = EndpointOutput[int]()
    """The port for SSH."""
    port_mappings = EndpointOutput[list[Any]]()
    """The `internal_port` and `external_port` of each port that the cloud makes reachable under another one."""
    cloud_instance_type = EndpointText()
    """The cloud's own name of the instance type."""
    cloud_assigned_id = EndpointText()
    """The cloud's own id of the instance."""
    configuration = EndpointOutput[Any]()
    """Its hardware, as Shadeform's API has it: gpu_type, num_gpus, vram_per_gpu_in_gb, memory_in_gb, ..."""
    gpu_manufacturer = EndpointText()
    """The manufacturer of its GPUs."""
    hourly_price = EndpointText()
    """The price that Shadeform reports of it, "0.50 USD"."""
    cost_estimate = EndpointText()
    """Its cost so far by Shadeform's estimate, "103.40 USD", as of the last `up` or `refresh` that changed it."""
    boot_time = EndpointOutput[Any]()
    """The expected duration of its boot in seconds: `min_boot_in_sec`, `max_boot_in_sec`."""
    created_at = EndpointText()
    """The time of its purchase, ISO-8601."""
    active_at = EndpointText()
    """The time at which it became active, ISO-8601."""
    deleted_at = EndpointText()
    """The time of its deletion, ISO-8601; None while it exists."""


class Endpoint(_Outputs, EndpointResource, cloud="shadeform"):
    """The address of an `Instance`, which creates it as its child; it waits until the instance is usable. Its outputs
    are those of `Instance` that are known only then, and `price_difference`, the quoted price and the billed one if
    they differed at the purchase."""


_SECRETS = ("script_configuration", "docker_configuration.envs", "docker_configuration.registry_credentials")


def _inputs_of(args: InstanceArgs, resource_name: str | None) -> dict[str, Any]:
    """The arguments as inputs, their secrets marked, and the resource's name as the default of an instance that is
    bought."""
    inputs = inputs_of(args)
    return {
        **inputs,
        "name": resource_name if args.name is None and args.adopt_id is None else args.name,
        "envs": secret_values(args.envs),
        "launch_configuration": with_secrets(inputs["launch_configuration"], *_SECRETS),
    }


class Instance(_Outputs, InstanceResource, form=InstanceForm(INSTANCE, InstanceArgs, Endpoint, _inputs_of)):
    """A rented GPU instance: bought by `pulumi up`, deleted by `pulumi destroy`.

    `base_url`, `ip`, `status` and their like wait until the instance can answer; `instance.id` does not. To make
    another resource wait, use `depends_on=[instance.endpoint]`: `depends_on=[instance]` waits for the purchase only.
    The `status` is Shadeform's: creating, pending_provider, pending, active, error, deleting or deleted.
    """

    cloud: Output[str]
    region: Output[str]
    shade_instance_type: Output[str]
    name: Output[str]
    shade_cloud: Output[bool | None]
    """False if it is rented in a linked account; None for the default, True."""
    os: Output[str | None]
    template_id: Output[str | None]
    ssh_key_id: Output[str | None]
    volume_ids: Output[list[str] | None]
    volume_mount: Output[Any]
    envs: Output[Any]
    launch_configuration: Output[Any]
    auto_delete: Output[Any]
    alert: Output[Any]
    tags: Output[list[str] | None]
    spend_limit: Output[str | None]
    endpoint_port: Output[int | None]

    endpoint: Endpoint

    if TYPE_CHECKING:

        @overload
        def __init__(self, resource_name: str, args: InstanceArgs, opts: ResourceOptions | None = None) -> None: ...

        @overload
        def __init__(
            self, resource_name: str, opts: ResourceOptions | None = None, **arguments: Unpack[_InstanceArguments]
        ) -> None: ...

        def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None: ...

    @staticmethod
    def get(
        resource_name: str, id: Input[str], opts: ResourceOptions | None = None, **endpoint: Unpack[_EndpointArguments]
    ) -> Instance:
        """Reads a running instance, which this program neither buys, changes nor deletes. Its endpoint waits like any
        other's. The engine's read fails for an id that does not exist."""
        return Instance._reading(resource_name, id, opts, **endpoint)


class SshKey(PlainResource, kind=SSH_KEY, arguments=SshKeyArgs):
    """A public key for `ssh_key_id` of an Instance. It costs nothing."""

    public_key: Output[str]
    name: Output[str]
    is_default: Output[bool]
    """Whether instances without an `ssh_key_id` get it."""


class Volume(PlainResource, kind=VOLUME, arguments=VolumeArgs):
    """A storage volume for `volume_ids` of an Instance: bought by `pulumi up`, deleted by `pulumi destroy`."""

    cloud: Output[str]
    region: Output[str]
    size_in_gb: Output[int]
    name: Output[str]
    max_price: Output[str | None]
    price_tolerance: Output[int | None]
    quote: Output[QuoteProperties]
    """Its price: `hourly_total`, `price_per_hour` and `price_per_minute`, all decimal strings, with `currency` and
    `source`."""
    cloud_assigned_id: Output[str]
    """The id that the cloud has given it."""
    fixed_size: Output[bool]
    """Whether it has a fixed size, and does not grow with its content."""
    supports_multi_mount: Output[bool]
    """Whether several instances can mount it at the same time."""
    cost_estimate: Output[str]
    """What it has cost at the last refresh, in US dollars."""
    mounted_by: Output[str]
    """The id of the instance that mounted it at the last refresh, "" for none."""
