"""Shadeform's API, typed (docs/apis/shadeform.md). Threads may share a client."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BeforeValidator, Field

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, shared_client
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import NotFoundError
from pulumi_cortecs.http.text import escape_unprintable, require_identifier

VENDOR: Final = "Shadeform"
CLOUD: Final = "shadeform"

OUT_OF_STOCK: Final = "OUT_OF_STOCK"
_REFUSALS: Final = frozenset({OUT_OF_STOCK, "INSUFFICIENT_FUNDS"})
"""Answers to an order that no repetition changes, although their status is 409 (docs/apis/shadeform.md#errors)."""
_RESERVED_PATHS: Final = frozenset({"", ".", "..", "types", "create", "add"})
"""Ids that would turn `/instances/{id}/...` into another request: httpx resolves the dots, quoted or not."""

T = TypeVar("T")

# informative fields may be null: an instance must stay visible, or it could not be deleted
_List = Annotated[list[T], BeforeValidator(lambda value: [] if value is None else value)]
_Object = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
_Id = Annotated[str, AfterValidator(require_identifier)]
_Words = Annotated[str, AfterValidator(escape_unprintable)]
_Time = Annotated[_Words | None, BeforeValidator(lambda value: None if is_no_time(value) else value)]


def is_no_time(value: object) -> bool:
    """Returns whether a time of the API is Go's zero time, which stands for one that has not come."""
    return isinstance(value, str) and value.startswith("0001-01-01T00:00:00")


class ApiAvailability(WireModel):
    """The stock of an instance type in one region."""

    region: _Id
    available: bool
    display_name: _Words | None = None


class ApiTypeConfiguration(WireModel):
    """The hardware of an instance type; memory in GB."""

    gpu_type: _Words | None = None
    num_gpus: int | None = None
    vram_per_gpu_in_gb: int | None = None
    gpu_manufacturer: _Words | None = None
    memory_in_gb: int | None = None
    storage_in_gb: int | None = None
    vcpus: int | None = None
    interconnect: _Words | None = None
    nvlink: bool | None = None
    os_options: _List[_Words] = Field(default_factory=list)


class ApiInstanceType(WireModel):
    """An instance type of one cloud, with its regions. `hourly_price` is in cents, for the whole instance."""

    cloud: _Id
    shade_instance_type: _Id
    hourly_price: int
    configuration: ApiTypeConfiguration
    deployment_type: _Words | None = None
    availability: _List[ApiAvailability] = Field(default_factory=list)


class ApiPortMapping(WireModel):
    """A port of the instance, and the port at its address under which the cloud makes it reachable."""

    internal_port: int
    external_port: int


class ApiInstance(WireModel):
    """A rented instance. `hourly_price` is in cents, `cost_estimate` in dollars; the times are ISO-8601, None for one
    that has not come.

    `auto_delete`, `alert`, `envs`, `volume_ids`, `ssh_key_id` and `volume_mount` are None in the list, which omits
    them.
    """

    id: _Id
    cloud: _Words
    region: _Words
    shade_instance_type: _Words
    status: _Words
    name: Annotated[_Words, BeforeValidator(lambda value: "" if value is None else value)] = ""
    shade_cloud: Annotated[bool, BeforeValidator(lambda value: True if value is None else value)] = True
    cloud_instance_type: _Words | None = None
    cloud_assigned_id: _Words | None = None
    configuration: _Object = Field(default_factory=dict)
    ip: _Words | None = None
    ssh_user: _Words | None = None
    ssh_port: int | None = None
    status_details: _Words | None = None
    cost_estimate: _Words | None = None
    hourly_price: int | None = None
    launch_configuration: _Object = Field(default_factory=dict, repr=False)
    tags: _List[str] = Field(default_factory=list)
    port_mappings: _List[ApiPortMapping] = Field(default_factory=list)
    active_at: _Time = None
    created_at: _Time = None
    deleted_at: _Time = None
    boot_time: _Object = Field(default_factory=dict)
    auto_delete: dict[str, Any] | None = None
    alert: dict[str, Any] | None = None
    envs: Any = Field(default=None, repr=False)
    volume_ids: list[str] | None = None
    ssh_key_id: str | None = None
    volume_mount: dict[str, Any] | None = None


class ApiSshKey(WireModel):
    """An SSH key of the account. One of them is the default; the vendor's own cannot be told by any field."""

    id: _Id
    name: _Words
    public_key: _Words
    is_default: bool = False


class ApiVolume(WireModel):
    """A storage volume. `cost_estimate` is in dollars, `mounted_by` the id of an instance, "" for none."""

    id: _Id
    cloud: _Words
    region: _Words
    name: _Words
    size_in_gb: int
    cloud_assigned_id: _Words | None = None
    fixed_size: bool | None = None
    supports_multi_mount: bool | None = None
    cost_estimate: _Words | None = None
    mounted_by: _Words | None = None


class ApiVolumeType(WireModel):
    """A kind of volume in one region. `price_per_gb_per_hour` is in dollars."""

    cloud: _Id
    region: _Id
    price_per_gb_per_hour: str
    fixed_size: bool | None = None
    supports_multi_mount: bool | None = None


class _SshKeys(WireModel):
    ssh_keys: list[ApiSshKey]


class _Volumes(WireModel):
    volumes: list[ApiVolume]


class _VolumeTypes(WireModel):
    volume_types: list[ApiVolumeType]


class _Instances(WireModel):
    instances: list[ApiInstance]


class _InstanceTypes(WireModel):
    instance_types: list[ApiInstanceType]


class _Created(WireModel):
    id: _Id


class _Done(WireModel):
    """An answer whose content is ignored, often an empty one."""


class ShadeformPublicClient:
    """The part of the API that needs no key: instance types, their prices and their stock."""

    def __init__(self, base_url: str, client: httpx.Client | None = None) -> None:
        self._core = ApiClient(VENDOR, base_url, client or shared_client())

    @property
    def base_url(self) -> str:
        """The base URL of its requests."""
        return self._core.base_url

    def instance_types(self) -> list[ApiInstanceType]:
        """All instance types of all clouds."""
        return self._core.call("GET", "/instances/types", _InstanceTypes, retry=Retry.IDEMPOTENT).instance_types


class ShadeformClient:
    """The part of the API that costs money, for one account."""

    def __init__(self, credentials: Credentials, client: httpx.Client | None = None) -> None:
        self._core = ApiClient(VENDOR, credentials.base_url, client or shared_client(), refusals=_REFUSALS)
        self._core.auth = ApiKey("X-API-KEY", *credentials.parts)

    @property
    def base_url(self) -> str:
        """The base URL of its requests."""
        return self._core.base_url

    def vendor_time(self) -> float | None:
        """The time of Shadeform's own clock, in seconds since 1970; None before its first answer."""
        return self._core.vendor_time()

    def vendor_date(self) -> float | None:
        """The date of Shadeform's last answer, in seconds since 1970, independent of this machine's clock; None before
        its first."""
        return self._core.vendor_date()

    def instances(self) -> dict[str, ApiInstance]:
        """All instances that are not deleted, by id, those that are being deleted among them."""
        answer = self._core.call("GET", "/instances", _Instances, retry=Retry.IDEMPOTENT)
        return {instance.id: instance for instance in answer.instances}

    def instance(self, instance_id: str) -> ApiInstance:
        """One instance with all its fields. Raises NotFoundError for an unknown id (404 by inference)."""
        path = f"{_path('instances', instance_id)}/info"
        return self._core.call("GET", path, ApiInstance, retry=Retry.IDEMPOTENT)

    def create_instance(self, order: Mapping[str, Any]) -> str:
        """Buys an instance and returns its id. It is not sent again once the vendor may have received it: after an
        error with `may_have_taken_effect` the instance may exist."""
        body, secrets = dict(order), _secrets_of(order)
        path = "/instances/create"
        return self._core.call("POST", path, _Created, retry=Retry.IF_NEVER_SENT, body=body, secrets=secrets).id

    def update_instance(self, instance_id: str, changes: Mapping[str, Any]) -> None:
        """Changes name, tags, auto_delete or alert; None removes a value, and one that is left out stays."""
        self._act("update", instance_id, dict(changes))

    def restart_instance(self, instance_id: str) -> None:
        """Reboots an instance, whose status stays `active`."""
        self._act("restart", instance_id)

    def delete_instance(self, instance_id: str) -> None:
        """Requests the deletion; the bill ends when the status is `deleting`."""
        self._act("delete", instance_id)

    def ssh_keys(self) -> dict[str, ApiSshKey]:
        """All SSH keys of the account by id, the vendor's own among them."""
        answer = self._core.call("GET", "/sshkeys", _SshKeys, retry=Retry.IDEMPOTENT)
        return {key.id: key for key in answer.ssh_keys}

    def ssh_key(self, key_id: str) -> ApiSshKey:
        """One SSH key. Raises NotFoundError for an unknown id (404 by inference)."""
        return self._core.call("GET", f"{_path('sshkeys', key_id)}/info", ApiSshKey, retry=Retry.IDEMPOTENT)

    def add_ssh_key(self, name: str, public_key: str) -> str:
        """Adds an SSH key and returns its id. It is not sent again once the vendor may have received it."""
        body = {"name": name, "public_key": public_key}
        return self._core.call("POST", "/sshkeys/add", _Created, retry=Retry.IF_NEVER_SENT, body=body).id

    def delete_ssh_key(self, key_id: str) -> None:
        """Deletes an SSH key. Shadeform refuses it for its own, for the default one, and for one that is in use."""
        self._core.call("POST", f"{_path('sshkeys', key_id)}/delete", _Done, retry=Retry.IDEMPOTENT)

    def volumes(self) -> dict[str, ApiVolume]:
        """All volumes of the account by id."""
        answer = self._core.call("GET", "/volumes", _Volumes, retry=Retry.IDEMPOTENT)
        return {volume.id: volume for volume in answer.volumes}

    def volume(self, volume_id: str) -> ApiVolume:
        """One volume. Raises NotFoundError for an unknown id (404 by inference)."""
        return self._core.call("GET", f"{_path('volumes', volume_id)}/info", ApiVolume, retry=Retry.IDEMPOTENT)

    def volume_types(self) -> list[ApiVolumeType]:
        """The kinds of volumes of all clouds, with their prices."""
        return self._core.call("GET", "/volumes/types", _VolumeTypes, retry=Retry.IDEMPOTENT).volume_types

    def create_volume(self, order: Mapping[str, Any]) -> str:
        """Buys a volume and returns its id. It is not sent again once the vendor may have received it: after an error
        with `may_have_taken_effect` the volume may exist."""
        return self._core.call("POST", "/volumes/create", _Created, retry=Retry.IF_NEVER_SENT, body=dict(order)).id

    def delete_volume(self, volume_id: str) -> None:
        """Deletes a volume and its data. Shadeform refuses it while an instance mounts the volume."""
        self._core.call("POST", f"{_path('volumes', volume_id)}/delete", _Done, retry=Retry.IDEMPOTENT)

    def _act(self, verb: str, instance_id: str, body: dict[str, Any] | None = None) -> None:
        self._core.call("POST", f"{_path('instances', instance_id)}/{verb}", _Done, retry=Retry.IDEMPOTENT, body=body)


def order_body(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an order for check's inputs, without those that were left out."""
    same = ("cloud", "region", "shade_instance_type", "name", "shade_cloud", "os", "template_id", "ssh_key_id")
    body: dict[str, Any] = {key: inputs[key] for key in same if inputs.get(key) not in (None, "")}
    body |= {key: inputs[key] for key in ("volume_ids", "volume_mount", "alert") if inputs.get(key)}
    if envs := inputs.get("envs"):
        body["envs"] = _pairs(envs)
    if launch := inputs.get("launch_configuration"):
        body["launch_configuration"] = _launch_body(launch)
    return body


def _launch_body(launch: Mapping[str, Any]) -> dict[str, Any]:
    """The vendor's form of a launch configuration: pairs for variables, and base64 for a script."""
    if script := launch.get("script_configuration"):
        encoded = base64.b64encode(script["script"].encode()).decode()
        return {"type": "script", "script_configuration": {"base64_script": encoded}}
    docker = dict(launch["docker_configuration"])
    if "envs" in docker:
        docker["envs"] = _pairs(docker["envs"])
    return {"type": "docker", "docker_configuration": docker}


def _secrets_of(body: Mapping[str, Any]) -> list[str]:
    """The values of an order's body that no text of ours may have."""
    launch = body.get("launch_configuration") or {}
    docker, script = launch.get("docker_configuration") or {}, launch.get("script_configuration") or {}
    variables = [pair["value"] for pair in (*body.get("envs", ()), *docker.get("envs", ()))]
    login = docker.get("registry_credentials") or {}
    encoded = str(script.get("base64_script", ""))
    return [*variables, *login.values(), docker.get("args", ""), encoded, base64.b64decode(encoded).decode()]


def _pairs(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _path(kind: str, resource_id: str) -> str:
    """The path of a resource. Raises NotFoundError, without a request, for an id that would be another path."""
    if resource_id in _RESERVED_PATHS or "/" in resource_id or "\\" in resource_id:
        text = f"{resource_id!r} is not a valid id of {VENDOR}"
        raise NotFoundError(text, status=404, vendor_message=text, request_id=None)
    return f"/{kind}/{quote(resource_id, safe='')}"
