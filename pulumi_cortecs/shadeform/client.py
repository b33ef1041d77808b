"""Shadeform's API, typed (docs/apis/shadeform.md). Threads may share a client."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final

import httpx
from pydantic import BeforeValidator, Field

from pulumi_cortecs.http.api_client import WireModel
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.text import secret_parts
from pulumi_cortecs.http.vendor_api import VendorApi
from pulumi_cortecs.http.wire import Id, Object, Rows, Time, Told, Words, path_part
from pulumi_cortecs.lifecycle.cloud import OrderAnswer

VENDOR: Final = "Shadeform"
CLOUD: Final = "shadeform"

OUT_OF_STOCK: Final = "OUT_OF_STOCK"
_REFUSALS: Final = frozenset({OUT_OF_STOCK, "INSUFFICIENT_FUNDS"})
"""Answers to an order that no repetition changes, although their status is 409 (docs/apis/shadeform.md#errors)."""
_RESERVED_PATHS: Final = frozenset({"types", "create", "add"})
"""Ids that would turn `/instances/{id}/...` into another request."""

_ResourceId = Annotated[Id, path_part(_RESERVED_PATHS)]


class ApiAvailability(WireModel):
    """The stock of an instance type in one region."""

    region: Id
    available: bool
    display_name: Told[Words] = None


class ApiTypeConfiguration(WireModel):
    """The hardware of an instance type, and its operating systems."""

    gpu_type: Told[Words] = None
    num_gpus: Told[int] = None
    vram_per_gpu_in_gb: Told[int] = None
    memory_in_gb: Told[int] = None
    storage_in_gb: Told[int] = None
    vcpus: Told[int] = None
    interconnect: Told[Words] = None
    nvlink: Told[bool] = None
    gpu_manufacturer: Told[Words] = None
    os_options: Rows[Words] = Field(default_factory=list)


class ApiInstanceType(WireModel):
    """An instance type of one cloud, with its regions. `hourly_price` is in cents, for the whole instance."""

    cloud: Id
    shade_instance_type: Id
    hourly_price: int
    configuration: ApiTypeConfiguration
    deployment_type: Told[Words] = None
    cloud_instance_type: Told[Words] = None
    boot_time: Object = Field(default_factory=dict)
    availability: Rows[ApiAvailability] = Field(default_factory=list)


class ApiPortMapping(WireModel):
    """A port of the instance, and the port at its address under which the cloud makes it reachable."""

    internal_port: int
    external_port: int


class ApiContainerPort(WireModel):
    """A port of a container, and the port of the instance that leads to it."""

    host_port: int
    container_port: int


class _Docker(WireModel):
    port_mappings: Rows[ApiContainerPort] = Field(default_factory=list)


class _Launch(WireModel):
    docker_configuration: Told[_Docker] = None


class ApiInstance(WireModel):
    """A rented instance. `hourly_price` is in cents, `cost_estimate` in dollars; the times are ISO-8601, None for one
    that has not come. Its variables, scripts and passwords, which come back in clear, are not read.

    `auto_delete`, `alert`, `volume_mount`, `volume_ids` and `ssh_key_id` are None or empty in the list, which omits
    them.
    """

    id: _ResourceId
    cloud: Words
    region: Words
    shade_instance_type: Words
    status: Words
    name: Annotated[Words, BeforeValidator(lambda value: value if isinstance(value, str) else "")] = ""
    shade_cloud: Annotated[bool, BeforeValidator(lambda value: value is not False)] = True
    cloud_instance_type: Told[Words] = None
    cloud_assigned_id: Told[Words] = None
    configuration: Object = Field(default_factory=dict)
    ip: Told[Words] = None
    ssh_user: Told[Words] = None
    ssh_port: Told[int] = None
    status_details: Told[Words] = None
    cost_estimate: Told[Words] = None
    hourly_price: Told[int] = None
    launch_configuration: Told[_Launch] = None
    tags: Rows[str] = Field(default_factory=list)
    port_mappings: Rows[ApiPortMapping] = Field(default_factory=list)
    active_at: Time = None
    created_at: Time = None
    deleted_at: Time = None
    boot_time: Object = Field(default_factory=dict)
    auto_delete: Told[dict[str, Any]] = None
    alert: Told[dict[str, Any]] = None
    volume_mount: Told[dict[str, Any]] = None
    volume_ids: Rows[Words] = Field(default_factory=list)
    ssh_key_id: Told[Words] = None

    @property
    def container_ports(self) -> dict[int, int]:
        """The instance's port for each of its container's."""
        docker = self.launch_configuration and self.launch_configuration.docker_configuration
        return {ports.container_port: ports.host_port for ports in docker.port_mappings} if docker else {}


class ApiSshKey(WireModel):
    """An SSH key of the account. One of them is the default; the vendor's own cannot be told by any field."""

    id: _ResourceId
    name: Words
    public_key: Words
    is_default: Annotated[bool, BeforeValidator(lambda value: value is True)] = False


class ApiVolume(WireModel):
    """A storage volume. `cost_estimate` is in dollars, `mounted_by` the id of an instance, "" for none."""

    id: _ResourceId
    cloud: Words
    region: Words
    name: Words
    size_in_gb: int
    cloud_assigned_id: Told[Words] = None
    fixed_size: Told[bool] = None
    supports_multi_mount: Told[bool] = None
    cost_estimate: Told[Words] = None
    mounted_by: Told[Words] = None


class ApiVolumeType(WireModel):
    """A kind of volume in one region. `price_per_gb_per_hour` is in dollars."""

    cloud: Id
    region: Id
    price_per_gb_per_hour: str
    fixed_size: Told[bool] = None
    supports_multi_mount: Told[bool] = None


class _Created(WireModel):
    id: _ResourceId


PLAIN: Final[Mapping[str, tuple[str, type[Any], str]]] = {
    "sshkeys": ("ssh_keys", ApiSshKey, "add"),
    "volumes": ("volumes", ApiVolume, "create"),
}
"""What an account has beside instances, by its name in paths: the list's name, a row, and the verb that creates one."""


class ShadeformPublicClient(VendorApi):
    """The part of the API that needs no key: instance types, their prices and their stock."""

    vendor = VENDOR

    def instance_types(self) -> list[ApiInstanceType]:
        """All instance types of all clouds."""
        return self._rows("/instances/types", "instance_types", ApiInstanceType, all_count=False)


class ShadeformClient(VendorApi):
    """The part of the API that costs money, for one account."""

    vendor, refusals, reserved = VENDOR, _REFUSALS, _RESERVED_PATHS

    def __init__(self, credentials: Credentials, client: httpx.Client | None = None) -> None:
        super().__init__(credentials.base_url, client)
        self._core.auth = ApiKey("X-API-KEY", *credentials.parts)

    def instances(self) -> dict[str, ApiInstance]:
        """All instances that are not deleted, by id, those that are being deleted among them."""
        return {instance.id: instance for instance in self._rows("/instances", "instances", ApiInstance)}

    def instance(self, instance_id: str) -> ApiInstance:
        """One instance with all its fields. Raises NotFoundError for an unknown id (404 by inference)."""
        return self._get(f"{self._path('instances', instance_id)}/info", ApiInstance)

    def create_instance(self, order: Mapping[str, Any]) -> OrderAnswer[ApiInstance]:
        """Buys an instance and returns its id. It is not sent again once the vendor may have received it: after an
        error with `may_have_taken_effect` the instance may exist."""
        return OrderAnswer(self._order("/instances/create", _Created, dict(order), _secrets_of(order)).id)

    def update_instance(self, instance_id: str, changes: Mapping[str, Any]) -> None:
        """Changes name, tags, auto_delete or alert; None removes a value, and one that is left out stays."""
        self._act("POST", f"{self._path('instances', instance_id)}/update", dict(changes))

    def restart_instance(self, instance_id: str) -> None:
        """Reboots an instance, whose status stays `active`."""
        self._act("POST", f"{self._path('instances', instance_id)}/restart")

    def all_of(self, path: str) -> dict[str, Any]:
        """All SSH keys (`sshkeys`) or `volumes` of the account by id, the vendor's own keys among them."""
        listed_as, form, _ = PLAIN[path]
        return {row.id: row for row in self._rows(f"/{path}", listed_as, form)}

    def one_of(self, path: str, resource_id: str) -> Any:
        """One of them. Raises NotFoundError for an unknown id (404 by inference)."""
        _, form, _ = PLAIN[path]
        return self._get(f"{self._path(path, resource_id)}/info", form)

    def volume_types(self) -> list[ApiVolumeType]:
        """The kinds of volumes of all clouds, with their prices."""
        return self._rows("/volumes/types", "volume_types", ApiVolumeType, all_count=False)

    def create(self, path: str, inputs: Mapping[str, Any]) -> OrderAnswer[Any]:
        """Adds a key or buys a volume of check's inputs, and returns its id. It is not sent again once the vendor may
        have received it: after an error with `may_have_taken_effect` it may exist."""
        *_, verb = PLAIN[path]
        return OrderAnswer(self._order(f"/{path}/{verb}", _Created, dict(inputs)).id)

    def delete(self, path: str, resource_id: str) -> None:
        """Deletes one, a volume with its data, or requests the deletion of one of the `instances`, whose bill ends with
        the status `deleting`. Shadeform refuses it while an instance has it, and for its own and the default key."""
        self._act("POST", f"{self._path(path, resource_id)}/delete")


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
    texts = [docker.get("args"), base64.b64decode(encoded).decode()]
    return [*variables, *login.values(), encoded, *secret_parts(texts)]


def _pairs(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]
