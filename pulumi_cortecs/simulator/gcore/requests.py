"""The bodies of orders and updates (docs/apis/gcore.md#create), and the arguments that they make."""

# no `from __future__ import annotations`: the framework evaluates annotations
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pulumi_cortecs.simulator.request_model import Integer, RequestModel

Json = dict[str, Any]
_IMAGE = r"^(?:(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"
_TOPIC = r"^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])*)*$"
_Text = Annotated[str, Field(min_length=1)]
_Port = Annotated[Integer, Field(ge=1, le=65535)]
_Percent = Annotated[Integer, Field(ge=1, le=100)]
_Positive = Annotated[Integer, Field(ge=1)]
_Seconds = Annotated[Integer, Field(ge=0)]
DEFAULT_TIMEOUT = 120


class Threshold(RequestModel):
    """A trigger by use, in percent."""

    threshold: _Percent


class Rate(RequestModel):
    """A trigger by requests: one replica for each `rate` requests in `window` seconds."""

    rate: Annotated[Integer, Field(ge=1, le=1000)]
    window: Annotated[Integer, Field(ge=1, le=3600)]


class Queue(RequestModel):
    """A trigger by the length of a queue; its secret is one of the project's."""

    activation_queue_length: _Positive
    aws_endpoint: str | None = None
    aws_region: _Text
    queue_length: _Positive
    queue_url: _Text
    scale_on_delayed: bool = False
    scale_on_flight: bool = False
    secret_name: _Text


class Triggers(RequestModel):
    """What changes the number of replicas."""

    cpu: Threshold | None = None
    gpu_memory: Threshold | None = None
    gpu_utilization: Threshold | None = None
    http: Rate | None = None
    memory: Threshold | None = None
    sqs: Queue | None = None


def _default_triggers() -> Triggers:
    return Triggers(cpu=Threshold(threshold=80), memory=Threshold(threshold=80))


class Scale(RequestModel):
    """The replicas of a region. The vendor documents no least `max`; its price preview wants 1."""

    min: Annotated[Integer, Field(ge=0)]
    max: Annotated[Integer, Field(ge=1, le=300)]
    cooldown_period: Annotated[Integer, Field(ge=1, le=3600)] | None = 60
    polling_interval: Annotated[Integer, Field(ge=5, le=3600)] | None = 30
    triggers: Triggers = Field(default_factory=_default_triggers)

    @model_validator(mode="after")
    def _check_bounds(self) -> "Scale":
        if self.min > self.max:
            raise ValueError(f"min: got {self.min}; must not be more than max, {self.max}")
        return self


class Container(RequestModel):
    """A region and its replicas."""

    region_id: Integer
    scale: Scale


class ExecProbe(RequestModel):
    """A command in the container."""

    command: list[str]


class HttpProbe(RequestModel):
    """A request to the container."""

    headers: dict[str, str] = Field(default_factory=dict)
    host: str | None = None
    path: str = "/"
    port: _Port
    schema_: Literal["HTTP", "HTTPS"] = Field("HTTP", alias="schema")


class TcpProbe(RequestModel):
    """A connection to the container."""

    port: _Port


class ProbeSettings(RequestModel):
    """How a probe asks, and how often."""

    exec: ExecProbe | None = None
    failure_threshold: _Positive = 3
    http_get: HttpProbe | None = None
    initial_delay_seconds: _Seconds = 0
    period_seconds: _Positive = 10
    success_threshold: _Positive = 1
    tcp_socket: TcpProbe | None = None
    timeout_seconds: _Positive = 3


class Probe(RequestModel):
    """A probe, which may be switched off."""

    enabled: bool
    probe: ProbeSettings | None = None


class Probes(RequestModel):
    """The probes of all containers."""

    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None


class Ingress(RequestModel):
    """The way of answers."""

    disable_response_buffering: bool = False


class Retention(RequestModel):
    """The days for which logs are kept."""

    period: Annotated[Integer, Field(ge=1, le=1825)] | None


class Logging(RequestModel):
    """Where logs go."""

    destination_region_id: Integer | None = None
    enabled: bool = False
    retention_policy: Retention | None = None
    topic_name: Annotated[str, Field(min_length=1, max_length=223, pattern=_TOPIC)] | None = None


class _Arguments(RequestModel):
    """The arguments that an update may change; null is "not set"."""

    api_keys: list[str] | None = None
    auth_enabled: bool | None = None
    command: list[str] | None = None
    containers: Annotated[list[Container], Field(min_length=1)] | None = None
    credentials_name: str | None = None
    description: str | None = None
    envs: dict[str, str] | None = None
    flavor_name: _Text | None = None
    image: Annotated[str, Field(pattern=_IMAGE)] | None = None
    ingress_opts: Ingress | None = None
    listening_port: _Port | None = None
    logging: Logging | None = None
    timeout: _Seconds | None = None

    def __repr__(self) -> str:  # variables and headers may be secrets
        return f"{type(self).__name__}(...)"

    @model_validator(mode="after")
    def _check_together(self) -> "_Arguments":
        if self.auth_enabled and self.api_keys is not None:
            raise ValueError("auth_enabled and api_keys: only one of them can be set")
        regions = [container.region_id for container in self.containers or ()]
        if len(regions) != len(set(regions)):
            raise ValueError("containers: a region can only be named once")
        return self


class CreateRequest(_Arguments):
    """POST deployments."""

    name: Annotated[str, Field(min_length=4, max_length=30, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    flavor_name: _Text
    image: Annotated[str, Field(pattern=_IMAGE)]
    listening_port: _Port
    containers: Annotated[list[Container], Field(min_length=1)]
    probes: Probes | None = None

    @property
    def arguments(self) -> Json:
        """A value for each argument but the name."""
        sent = self.model_dump(by_alias=True, exclude={"name"})
        return sent | {
            "api_keys": self.api_keys or [],
            "auth_enabled": bool(self.auth_enabled or self.api_keys),
            "credentials_name": self.credentials_name or "",
            "description": self.description or "",
            "envs": self.envs or {},
            "timeout": DEFAULT_TIMEOUT if self.timeout is None else self.timeout,
        }


class UpdateRequest(_Arguments):
    """PATCH deployments/{name}: what is null or left out stays. Probes may be incomplete, and are checked once they
    are merged."""

    probes: Json | None = None

    @property
    def _changed(self) -> set[str]:
        return {name for name in self.model_fields_set if getattr(self, name) is not None}

    def applied_to(self, before: Json, *, merge_envs: bool) -> Json:
        """The arguments after the update. Raises ValidationError for probes that stay incomplete."""
        after = before | self.model_dump(by_alias=True, include=self._changed)
        if merge_envs:
            after["envs"] = before["envs"] | (self.envs or {})
        if self.probes is not None:
            merged = _merged(before["probes"] or {}, self.probes)
            after["probes"] = Probes.model_validate(merged).model_dump(by_alias=True)
        if self.api_keys is not None:
            after["auth_enabled"] = bool(self.api_keys)
        elif self.auth_enabled is False:
            after["api_keys"] = []
        return after


def _merged(before: Json, changes: Json) -> Json:
    """The mapping with these changes at every depth; null removes a value."""
    nested = {
        name: _merged(before.get(name) or {}, value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return before | nested
