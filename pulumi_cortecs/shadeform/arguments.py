"""The arguments of an Instance, an SshKey and a Volume at Shadeform, their readers and defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pulumi_cortecs.provider.arguments import LifeCycleWithoutStopArgs, PurchaseArgs
from pulumi_cortecs.provider.formats import MAX_PORT, cents_of, date, money_in, port, public_key, text_tag, variables
from pulumi_cortecs.provider.kind import GENERATED, MARKET, Change
from pulumi_cortecs.provider.named_arguments import NamedArguments, optional, reader_of, required
from pulumi_cortecs.provider.properties import (
    InvalidField,
    InvalidFieldsError,
    InvalidValueError,
    boolean,
    hidden_string,
    identifier,
    integer,
    list_of,
    object_of,
    one_of,
    or_none,
)

if TYPE_CHECKING:
    from pulumi import Input

CURRENCY: Final = "USD"
_ID_OR_NONE: Final = or_none(identifier)


class PortMapping(NamedArguments):
    """A port of the instance, and the port of the container behind it."""

    host_port: Input[int] = required(port)
    container_port: Input[int] = required(port)


class VolumeMount(NamedArguments):
    """A path of the instance, and the path in the container at which it appears."""

    host_path: Input[str] = required(identifier)
    container_path: Input[str] = required(identifier)


class RegistryCredentials(NamedArguments):
    """The account at the registry of a private image. The password is a secret."""

    username: Input[str] | None = optional(hidden_string, default=None)
    password: Input[str] | None = optional(hidden_string, default=None, secret=True)


class DockerConfiguration(NamedArguments):
    """The container that the instance runs once it is active.

    `args` is one string, as after the image in `docker run`; pass `pulumi.Output.secret(...)` if it has a key in it.
    `shared_memory_in_gb`: without it, the container shares the instance's memory (--ipc=host). The values of `envs` are
    secrets.
    """

    image: Input[str] = required(identifier)
    args: Input[str] | None = optional(hidden_string, default=None)
    shared_memory_in_gb: Input[int] | None = optional(integer(1), default=None)
    envs: Input[Mapping[str, Input[str]]] | None = optional(variables, default=None, secret=True)
    port_mappings: Sequence[PortMapping | Mapping[str, Any]] | None = optional(
        list_of(reader_of(PortMapping)), default=None
    )
    volume_mounts: Sequence[VolumeMount | Mapping[str, Any]] | None = optional(
        list_of(reader_of(VolumeMount)), default=None
    )
    registry_credentials: RegistryCredentials | Mapping[str, Any] | None = optional(RegistryCredentials, default=None)


class ScriptConfiguration(NamedArguments):
    """A shell script in plain text, which the instance runs once it is active. It is a secret."""

    script: Input[str] = required(hidden_string, secret=True)


class LaunchConfiguration(NamedArguments):
    """The action of an instance when it becomes active: a container or a script. `type`, "docker" or "script", is the
    one that is there, and need not be given."""

    type: Input[str] | None = optional(one_of("docker", "script"), default=None)
    docker_configuration: DockerConfiguration | Mapping[str, Any] | None = optional(DockerConfiguration, default=None)
    script_configuration: ScriptConfiguration | Mapping[str, Any] | None = optional(ScriptConfiguration, default=None)


_LAUNCH_FIELDS: Final = reader_of(LaunchConfiguration)


def _launch_configuration(value: Any) -> dict[str, Any]:
    launch: dict[str, Any] = _LAUNCH_FIELDS(value)
    if not launch:
        return launch
    kinds = [kind for kind in ("docker", "script") if launch.get(f"{kind}_configuration")]
    if len(kinds) != 1:
        text = "must have either docker_configuration or script_configuration"
        raise InvalidValueError(text, shows_value=False)
    (kind,) = kinds
    if (named := launch.get("type", kind)) != kind:
        raise InvalidFieldsError(InvalidField("type", f"must be {kind}, as its {kind}_configuration is; got {named!r}"))
    return {"type": kind, f"{kind}_configuration": launch[f"{kind}_configuration"]}


class AutoDelete(NamedArguments):
    """The end of an instance, or the moment of an alert: at a date (RFC 3339), or when it has cost so many US dollars
    ("25.00")."""

    date_threshold: Input[str] | None = optional(date, default=None)
    spend_threshold: Input[str] | None = optional(cents_of("US dollars"), default=None)


class InstanceArgs(LifeCycleWithoutStopArgs):
    """The arguments of an Instance.

    `cloud`, `region`, `shade_instance_type`: the offer, such as hyperstack, montreal-canada-2, A6000
    (`get_instance_types` and `pulumi-cortecs offers` list them). `name`: the resource's name by default.
    `shade_cloud`: False rents it in your own linked account, which is then billed. `os`: one of the instance type's.
    `template_id`, `ssh_key_id`, `volume_ids` (at most one), `volume_mount` ({"auto": True}), `envs` (names and secret
    values), `launch_configuration` and `alert` are as in Shadeform's API. `auto_delete`: the end of the instance, at a
    date or a cost; `ttl` and `spend_limit`, "25 USD", set it, so that Shadeform deletes the instance itself. `tags`:
    your own tags. `endpoint_port`: the container's port of `base_url`, if it maps several.

    A change of `name`, `auto_delete`, `alert`, `tags`, `ttl`, `spend_limit` or `labels` is made in place, one of the
    other arguments of the offer and its launch is a replacement: the new instance is ready before the old one is
    deleted. `restart_trigger` reboots in place.
    """

    cloud: Input[str] = required(identifier, "on which cloud should the instance run?", priced=True)
    region: Input[str] = required(identifier, "in which region should the instance run?", priced=True)
    shade_instance_type: Input[str] = required(identifier, "which hardware should be rented?", priced=True)
    name: Input[str] | None = optional(identifier, Change.UPDATE, default=MARKET)
    shade_cloud: Input[bool] | None = optional(boolean, default=True, priced=True)
    os: Input[str] | None = optional(_ID_OR_NONE, default="")
    template_id: Input[str] | None = optional(_ID_OR_NONE, default="")
    ssh_key_id: Input[str] | None = optional(_ID_OR_NONE, default="")
    volume_ids: Input[Sequence[Input[str]]] | None = optional(list_of(identifier, at_most=1), default=[])
    volume_mount: Input[Mapping[str, Input[bool]]] | None = optional(object_of({"auto": boolean}), default={})
    envs: Input[Mapping[str, Input[str]]] | None = optional(variables, default={}, secret=True)
    launch_configuration: LaunchConfiguration | Input[Mapping[str, Any]] | None = optional(
        _launch_configuration, default={}, secret=True
    )
    auto_delete: AutoDelete | Input[Mapping[str, Any]] | None = optional(AutoDelete, Change.UPDATE, default={})
    alert: AutoDelete | Input[Mapping[str, Any]] | None = optional(AutoDelete, Change.UPDATE, default={})
    tags: Input[Sequence[Input[str]]] | None = optional(list_of(text_tag), Change.UPDATE, default=[])
    spend_limit: Input[str] | None = optional(money_in(CURRENCY), Change.UPDATE, default="")
    endpoint_port: Input[int] | None = optional(integer(0, MAX_PORT), Change.NOTHING, default=0)


class SshKeyArgs(NamedArguments):
    """The arguments of an SshKey.

    `public_key`: the public key, as in a file `id_ed25519.pub`. `name`: a name that no other key of the account has; by
    default one is made of the resource's name. A change of either is a replacement.
    """

    public_key: Input[str] = required(public_key, "which public key should be added?")
    name: Input[str] | None = optional(identifier, default=GENERATED)


class VolumeArgs(PurchaseArgs):
    """The arguments of a Volume.

    `cloud`, `region`: the place, the same as that of the instance that mounts it. `size_in_gb`: its size. `name`: a
    name that no other volume of the account has; by default one is made of the resource's name. A change of one of
    these is a replacement, which destroys the data.
    """

    cloud: Input[str] = required(identifier, "on which cloud should it be?", priced=True)
    region: Input[str] = required(identifier, "in which region should it be?", priced=True)
    size_in_gb: Input[int] = required(integer(1), "how large should it be?", priced=True)
    name: Input[str] | None = optional(identifier, default=GENERATED)
