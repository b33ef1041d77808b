"""The bodies of requests (docs/apis/shadeform.md#create): unknown fields are refused, and null means "not set"."""

# no `from __future__ import annotations`: the framework evaluates annotations
import base64
import binascii
import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pulumi_cortecs.simulator.request_model import Integer, RequestModel

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")
_DOLLARS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
MAX_VOLUMES = 1


def parse_date(text: str) -> datetime:
    """The time of an RFC 3339 string, in whole seconds. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("expected an RFC 3339 time such as 2026-01-02T15:04:05Z")
    return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))


def _check_date(text: str) -> str:
    parse_date(text)
    return text


def _check_dollars(text: str) -> str:
    if not _DOLLARS.fullmatch(text) or not Decimal(text):
        raise ValueError('expected dollars above zero in a decimal string such as "3.14"')
    return text


def _check_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("expected base64") from None
    return text


_Name = Annotated[str, Field(min_length=1)]
_Port = Annotated[Integer, Field(ge=1, le=65535)]


class _Secret(RequestModel):
    """The base of bodies with secrets, which are never printed."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Env(_Secret):
    """An environment variable."""

    name: _Name
    value: str


class PortMapping(RequestModel):
    """A port of the instance that leads to a port of the container."""

    host_port: _Port
    container_port: _Port


class VolumeMounts(RequestModel):
    """A path of the instance that is mounted into the container."""

    host_path: _Name
    container_path: _Name


class RegistryCredentials(_Secret):
    """The login of a private registry."""

    username: str | None = None
    password: str | None = None


class DockerConfiguration(_Secret):
    """A container that is started once the instance is active."""

    image: _Name
    args: str | None = None
    shared_memory_in_gb: Integer | None = Field(None, ge=1)
    envs: list[Env] | None = None
    port_mappings: list[PortMapping] | None = None
    volume_mounts: list[VolumeMounts] | None = None
    registry_credentials: RegistryCredentials | None = None


class ScriptConfiguration(_Secret):
    """A script that is run once the instance is active."""

    base64_script: Annotated[_Name, AfterValidator(_check_base64)]


class LaunchConfiguration(_Secret):
    """A container or a script; only that of the type."""

    type: Literal["docker", "script"]
    docker_configuration: DockerConfiguration | None = None
    script_configuration: ScriptConfiguration | None = None

    @model_validator(mode="after")
    def _check_type(self) -> "LaunchConfiguration":
        configurations = {"docker": self.docker_configuration, "script": self.script_configuration}
        if configurations.pop(self.type) is None or any(configurations.values()):
            raise ValueError(f"type {self.type} takes {self.type}_configuration and no other")
        return self


class Thresholds(RequestModel):
    """The limits of auto_delete and of alert."""

    date_threshold: Annotated[str, AfterValidator(_check_date)] | None = None
    spend_threshold: Annotated[str, AfterValidator(_check_dollars)] | None = None


class VolumeMount(RequestModel):
    """Whether volumes are mounted at a default path."""

    auto: bool | None = None


class CreateRequest(_Secret):
    """POST /instances/create. The vendor wants `shade_cloud`, but its own clients leave it out."""

    cloud: _Name
    region: _Name
    shade_instance_type: _Name
    name: _Name
    shade_cloud: bool | None = None
    os: str | None = None
    template_id: str | None = None
    launch_configuration: LaunchConfiguration | None = None
    volume_ids: list[str] | None = Field(None, max_length=MAX_VOLUMES)
    ssh_key_id: str | None = None
    auto_delete: Thresholds | None = None
    alert: Thresholds | None = None
    volume_mount: VolumeMount | None = None
    tags: list[str] | None = None
    envs: list[Env] | None = None


class UpdateRequest(RequestModel):
    """POST /instances/{id}/update: null deletes, and a field that is left out stays."""

    name: _Name | None = None
    auto_delete: Thresholds | None = None
    alert: Thresholds | None = None
    tags: list[str] | None = None

    @model_validator(mode="after")
    def _check_name(self) -> "UpdateRequest":
        if "name" in self.model_fields_set and self.name is None:
            raise ValueError("name: an instance keeps a name")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """The new values of the fields that were sent."""
        return self.model_dump(exclude_unset=True)


class AddSshKeyRequest(RequestModel):
    """POST /sshkeys/add."""

    name: _Name
    public_key: _Name


class CreateVolumeRequest(RequestModel):
    """POST /volumes/create."""

    cloud: _Name
    region: _Name
    size_in_gb: Integer = Field(ge=1)
    name: _Name
