"""Shadeform instances as Pulumi resources, and their account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import pulumi

from pulumi_cortecs.resources.account import ExplicitProvider
from pulumi_cortecs.resources.constructor import NamedArguments, secret_values, with_secrets
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
from pulumi_cortecs.resources.types import QuoteProperties
from pulumi_cortecs.shadeform.kind import API_KEY, BASE_URL, CREDENTIALS, INSTANCE, SSH_KEY, VOLUME

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack

    from pulumi_cortecs.resources.instance import LifeCycleArguments, ReadinessArguments


class Provider(ExplicitProvider):
    """A Shadeform account, for `opts.provider` of resources, components and data sources.

    It takes either `api_key`, and `api_base_url` if it is not https://api.shadeform.ai/v1: Pulumi keeps these in the
    state, the key encrypted. Or it takes the names of environment variables, so that no key is in the state:
    `opts=ResourceOptions(env_var_mappings={"SHADEFORM_B_API_KEY": "SHADEFORM_API_KEY"})`, for SHADEFORM_API_KEY and,
    where needed, SHADEFORM_BASE_URL. `default_labels`: labels of all its instances, below their own.

    Raises TypeError for missing credentials, and for both forms at once; ValueError for an empty string.
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        api_key: pulumi.Input[str] | None = None,
        api_base_url: pulumi.Input[str] | None = None,
        default_labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
    ) -> None:
        super().__init__(resource_name, CREDENTIALS, {API_KEY: api_key, BASE_URL: api_base_url}, opts, default_labels)


class PortMapping(NamedArguments):
    """A port of the instance, and the port of the container behind it."""

    host_port: pulumi.Input[int]
    container_port: pulumi.Input[int]


class VolumeMount(NamedArguments):
    """A path of the instance, and the path in the container at which it appears."""

    host_path: pulumi.Input[str]
    container_path: pulumi.Input[str]


class RegistryCredentials(NamedArguments):
    """The account at the registry of a private image. The password is a secret."""

    username: pulumi.Input[str] | None = None
    password: pulumi.Input[str] | None = None


class DockerConfiguration(NamedArguments):
    """The container that the instance runs once it is active.

    `args` is one string, as after the image in `docker run`; pass `pulumi.Output.secret(...)` if it has a key in it.
    `shared_memory_in_gb`: without it, the container shares the instance's memory (--ipc=host). The values of `envs` are
    secrets.
    """

    image: pulumi.Input[str]
    args: pulumi.Input[str] | None = None
    shared_memory_in_gb: pulumi.Input[int] | None = None
    envs: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    port_mappings: Sequence[PortMapping | Mapping[str, Any]] | None = None
    volume_mounts: Sequence[VolumeMount | Mapping[str, Any]] | None = None
    registry_credentials: RegistryCredentials | Mapping[str, Any] | None = None


class ScriptConfiguration(NamedArguments):
    """A shell script in plain text, which the instance runs once it is active. It is a secret."""

    script: pulumi.Input[str]


class LaunchConfiguration(NamedArguments):
    """The action of an instance when it becomes active: a container or a script."""

    docker_configuration: DockerConfiguration | Mapping[str, Any] | None = None
    script_configuration: ScriptConfiguration | Mapping[str, Any] | None = None


class AutoDelete(NamedArguments):
    """The end of an instance, or the moment of an alert: at a date (RFC 3339), or when it has cost so many US dollars
    ("25.00")."""

    date_threshold: pulumi.Input[str] | None = None
    spend_threshold: pulumi.Input[str] | None = None


class InstanceArgs(LifeCycleArgs):
    """The arguments of an Instance.

    `cloud`, `region`, `shade_instance_type`: the offer, such as hyperstack, montreal-canada-2, A6000
    (`get_instance_types` and `pulumi-cortecs offers` list them). `name`: the resource's name by default.
    `shade_cloud`: False rents it in your own linked account, which is then billed. `os`: one of the instance type's.
    `template_id`, `ssh_key_id`, `volume_ids` (at most one), `volume_mount` ({"auto": True}), `envs` (names and secret
    values), `launch_configuration` and `alert` are as in Shadeform's API. `auto_delete`: the end of the instance, at a
    date or a cost; `ttl`, "8h" from the purchase or from the change of `ttl`, and `spend_limit`, "25 USD", set it, so
    that Shadeform deletes the instance itself. `tags`: your own tags.

    `endpoint_port`: the container's port of `base_url`, if it maps several. `state`: `running`, because no instance can
    be stopped. `restart_trigger`: any string; a change reboots in place. `on_timeout`: the action after a failed wait:
    `keep` (default) or `delete`. `adopt_id`: the id of a running instance to take over instead of buying one.
    `max_price`: the highest price to buy at, per hour, "2.10 USD". `price_tolerance`: the whole percents (0 by default)
    by which the price may exceed the one that the preview showed. `ready`: `answer` (default) waits until the
    container itself answers, `status` only for the status `active`. `ready_path`: a path such as `/health` that answers
    when it is ready; by default it is asked for its models. `ready_key`: the API key for these requests; a secret.
    `labels`: names and values that tell whose instance it is, {"team": "search"}; no place for secrets.

    A change of `name`, `auto_delete`, `alert`, `tags`, `ttl`, `spend_limit` or `labels` is made in place, one of the
    other arguments of the offer and its launch is a replacement: the new instance is ready before the old one is
    deleted.
    """

    cloud: pulumi.Input[str]
    region: pulumi.Input[str]
    shade_instance_type: pulumi.Input[str]
    name: pulumi.Input[str] | None = None
    shade_cloud: pulumi.Input[bool] | None = None
    os: pulumi.Input[str] | None = None
    template_id: pulumi.Input[str] | None = None
    ssh_key_id: pulumi.Input[str] | None = None
    volume_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    volume_mount: pulumi.Input[Mapping[str, pulumi.Input[bool]]] | None = None
    envs: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None
    launch_configuration: LaunchConfiguration | pulumi.Input[Mapping[str, Any]] | None = None
    auto_delete: AutoDelete | pulumi.Input[Mapping[str, Any]] | None = None
    alert: AutoDelete | pulumi.Input[Mapping[str, Any]] | None = None
    tags: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None
    spend_limit: pulumi.Input[str] | None = None
    endpoint_port: pulumi.Input[int] | None = None


if TYPE_CHECKING:

    class _EndpointArguments(ReadinessArguments, total=False):
        endpoint_port: pulumi.Input[int] | None

    class _InstanceArguments(LifeCycleArguments, _EndpointArguments, total=False):
        """The same as named arguments."""

        cloud: Required[pulumi.Input[str]]
        region: Required[pulumi.Input[str]]
        shade_instance_type: Required[pulumi.Input[str]]
        name: pulumi.Input[str] | None
        shade_cloud: pulumi.Input[bool] | None
        os: pulumi.Input[str] | None
        template_id: pulumi.Input[str] | None
        ssh_key_id: pulumi.Input[str] | None
        volume_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None
        volume_mount: pulumi.Input[Mapping[str, pulumi.Input[bool]]] | None
        envs: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None
        launch_configuration: LaunchConfiguration | pulumi.Input[Mapping[str, Any]] | None
        auto_delete: AutoDelete | pulumi.Input[Mapping[str, Any]] | None
        alert: AutoDelete | pulumi.Input[Mapping[str, Any]] | None
        tags: pulumi.Input[Sequence[pulumi.Input[str]]] | None
        spend_limit: pulumi.Input[str] | None


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
    """The address of an Instance. `Instance` creates it as its child; it waits until the instance is usable.

    Its outputs are those of Shadeform's instance that are known only then: see the attributes of `Instance`.
    `price_difference` names the quoted price and the billed one, if they differed at the purchase.
    """


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

    cloud: pulumi.Output[str]
    region: pulumi.Output[str]
    shade_instance_type: pulumi.Output[str]
    name: pulumi.Output[str]
    shade_cloud: pulumi.Output[bool | None]
    """False if it is rented in a linked account; None for the default, True."""
    os: pulumi.Output[str | None]
    template_id: pulumi.Output[str | None]
    ssh_key_id: pulumi.Output[str | None]
    volume_ids: pulumi.Output[list[str] | None]
    volume_mount: pulumi.Output[Any]
    envs: pulumi.Output[Any]
    launch_configuration: pulumi.Output[Any]
    auto_delete: pulumi.Output[Any]
    alert: pulumi.Output[Any]
    tags: pulumi.Output[list[str] | None]
    spend_limit: pulumi.Output[str | None]
    endpoint_port: pulumi.Output[int | None]

    endpoint: Endpoint

    if TYPE_CHECKING:

        @overload
        def __init__(
            self, resource_name: str, args: InstanceArgs, opts: pulumi.ResourceOptions | None = None
        ) -> None: ...

        @overload
        def __init__(
            self,
            resource_name: str,
            opts: pulumi.ResourceOptions | None = None,
            **arguments: Unpack[_InstanceArguments],
        ) -> None: ...

        def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None: ...

    @staticmethod
    def get(
        resource_name: str,
        id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        **endpoint: Unpack[_EndpointArguments],
    ) -> Instance:
        """Reads a running instance, which this program neither buys, changes nor deletes.

        Its endpoint waits like any other's. The engine's read fails for an id that does not exist.
        """
        return Instance._reading(resource_name, id, opts, **endpoint)


class SshKeyArgs(NamedArguments):
    """The arguments of an SshKey.

    `public_key`: the public key, as in a file `id_ed25519.pub`. `name`: a name that no other key of the account has; by
    default one is made of the resource's name. A change of either is a replacement.
    """

    public_key: pulumi.Input[str]
    name: pulumi.Input[str] | None = None


class SshKey(PlainResource, kind=SSH_KEY, arguments=SshKeyArgs):
    """A public key for `ssh_key_id` of an Instance. It costs nothing."""

    public_key: pulumi.Output[str]
    name: pulumi.Output[str]
    is_default: pulumi.Output[bool]
    """Whether instances without an `ssh_key_id` get it."""


class VolumeArgs(NamedArguments):
    """The arguments of a Volume.

    `cloud`, `region`: the place, the same as that of the instance that mounts it. `size_in_gb`: its size. `name`: a
    name that no other volume of the account has; by default one is made of the resource's name. `max_price`: the
    highest price to buy at, per hour, "0.05 USD". `price_tolerance`: the whole percents (0 by default) by which the
    price may exceed the one that the preview showed.

    A change of the first four is a replacement, which destroys the data.
    """

    cloud: pulumi.Input[str]
    region: pulumi.Input[str]
    size_in_gb: pulumi.Input[int]
    name: pulumi.Input[str] | None = None
    max_price: pulumi.Input[str] | None = None
    price_tolerance: pulumi.Input[int] | None = None


class Volume(PlainResource, kind=VOLUME, arguments=VolumeArgs):
    """A storage volume for `volume_ids` of an Instance: bought by `pulumi up`, deleted by `pulumi destroy`, and billed
    in between."""

    cloud: pulumi.Output[str]
    region: pulumi.Output[str]
    size_in_gb: pulumi.Output[int]
    name: pulumi.Output[str]
    max_price: pulumi.Output[str | None]
    price_tolerance: pulumi.Output[int | None]
    quote: pulumi.Output[QuoteProperties]
    """Its price: `hourly_total`, `price_per_hour` and `price_per_minute`, all decimal strings, with `currency` and
    `source`."""
    cloud_assigned_id: pulumi.Output[str]
    """The id that the cloud has given it."""
    fixed_size: pulumi.Output[bool]
    """Whether it has a fixed size, and does not grow with its content."""
    supports_multi_mount: pulumi.Output[bool]
    """Whether several instances can mount it at the same time."""
    cost_estimate: pulumi.Output[str]
    """What it has cost at the last refresh, in US dollars."""
    mounted_by: pulumi.Output[str]
    """The id of the instance that mounted it at the last refresh, "" for none."""
