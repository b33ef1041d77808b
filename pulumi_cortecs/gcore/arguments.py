"""The arguments of an InferenceDeployment and the plain resources at Gcore, their readers and defaults.

Programs and the vendor write the same in several ways: with defaults and without, in another order. Check has the
minimal spelling (docs/apis/gcore.md#create has the defaults).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pulumi_cortecs.lifecycle.times import in_utc
from pulumi_cortecs.provider.arguments import LifeCycleArgs
from pulumi_cortecs.provider.formats import date, dns_name, port, secret_text, text_of, variables
from pulumi_cortecs.provider.kind import GENERATED, Change, Generated
from pulumi_cortecs.provider.named_arguments import ABSENT, NamedArguments, optional, reader_of, required
from pulumi_cortecs.provider.properties import (
    InvalidField,
    InvalidFieldsError,
    InvalidValueError,
    boolean,
    has_unknown,
    hidden_string,
    identifier,
    integer,
    is_unknown,
    list_of,
    mapping_of,
    one_of,
    or_none,
    string,
)

if TYPE_CHECKING:
    from pulumi import Input

PROBE_NAMES: Final = ("liveness_probe", "readiness_probe", "startup_probe")
MAX_NAME: Final = 30
"""Characters of a deployment's name."""
AWS_IAM: Final = "aws-iam"
_MAX_REPLICAS: Final = 300
_HOUR: Final = 3600
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WORD: Final = r"[a-z0-9]+([._-][a-z0-9]+)*"
_IMAGE: Final = re.compile(rf"({_WORD}/)*{_WORD}(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?")


class Threshold(NamedArguments):
    """A use in percent, 1 to 100, above which replicas are added."""

    threshold: Input[int] = required(integer(1, 100))


class HttpTrigger(NamedArguments):
    """So many requests (`rate`) within `window` seconds add a replica."""

    rate: Input[int] = required(integer(1, 1000))
    window: Input[int] = required(integer(1, _HOUR))


class SqsTrigger(NamedArguments):
    """A queue of AWS: `queue_length` messages per replica, from `activation_queue_length` messages on. `secret_name` is
    the name of a Secret that may read it."""

    activation_queue_length: Input[int] = required(integer(1))
    queue_length: Input[int] = required(integer(1))
    queue_url: Input[str] = required(identifier)
    aws_region: Input[str] = required(identifier)
    secret_name: Input[str] = required(identifier)
    aws_endpoint: Input[str] | None = optional(identifier, default=None)
    scale_on_delayed: Input[bool] | None = optional(boolean, default=False)
    scale_on_flight: Input[bool] | None = optional(boolean, default=False)


class Triggers(NamedArguments):
    """What adds and removes replicas. If any is given, only those given count."""

    cpu: Threshold | Mapping[str, Any] | None = optional(Threshold, default=None)
    memory: Threshold | Mapping[str, Any] | None = optional(Threshold, default=None)
    gpu_memory: Threshold | Mapping[str, Any] | None = optional(Threshold, default=None)
    gpu_utilization: Threshold | Mapping[str, Any] | None = optional(Threshold, default=None)
    http: HttpTrigger | Mapping[str, Any] | None = optional(HttpTrigger, default=None)
    sqs: SqsTrigger | Mapping[str, Any] | None = optional(SqsTrigger, default=None)


class Scale(NamedArguments):
    """The replicas in one region: `min` (0: none while there is no request) to `max`, which is what the price counts.
    `cooldown_period` (60) and `polling_interval` (30) are in seconds; `triggers`: CPU and memory at 80 % by default."""

    min: Input[int] = required(integer(0, _MAX_REPLICAS))
    max: Input[int] = required(integer(1, _MAX_REPLICAS))
    cooldown_period: Input[int] | None = optional(integer(1, _HOUR), default=60)
    polling_interval: Input[int] | None = optional(integer(5, _HOUR), default=30)
    triggers: Triggers | Mapping[str, Any] | None = optional(  # {} is no trigger at all, and not the default
        reader_of(Triggers), default={"cpu": {"threshold": 80}, "memory": {"threshold": 80}}
    )


def _check_scale(scale: Mapping[str, Any]) -> None:
    if not has_unknown(scale["min"], scale["max"]) and scale["min"] > scale["max"]:
        raise InvalidFieldsError(InvalidField("min", f"must be at most max, {scale['max']}; got {scale['min']}"))


def _region(value: Any) -> int | str:
    """A region: its number, or its name, "luxembourg-2"."""
    if not isinstance(value, str):
        return int(integer(1)(value))
    if value.isdecimal():
        return int(value)
    if not _SLUG.fullmatch(value):
        raise InvalidValueError(f"must be a region's number, or its name such as 'luxembourg-2'; got {value!r}")
    return value


class Container(NamedArguments):
    """The deployment in one region, by the region's number or name, "luxembourg-2"."""

    region_id: Input[int | str] = required(_region)
    scale: Scale | Mapping[str, Any] = required(reader_of(Scale, may_be_none=False, check=_check_scale))


CONTAINER: Final = reader_of(Container, may_be_none=False)


def _containers(value: Any) -> list[Any]:
    """The replicas in each region, at least one."""
    rows = list_of(CONTAINER)(value)
    if not rows:
        raise InvalidValueError("must be at least one container")
    regions = [row["region_id"] for row in rows if not is_unknown(row) and not is_unknown(row["region_id"])]
    if twice := sorted({str(one) for one in regions if regions.count(one) > 1}):
        raise InvalidValueError(f"must have each region once; {', '.join(twice)} is there several times")
    return minimal_containers(rows)


def minimal_containers(raw: Sequence[Any]) -> list[Any]:
    """Containers without what the vendor fills in, by region."""
    return sorted(map(CONTAINER.minimal, raw), key=_place)


def _place(container: Any) -> tuple[bool, bool, Any]:
    where = container if is_unknown(container) else container["region_id"]
    return (is_unknown(where), isinstance(where, str), 0 if is_unknown(where) else where)


def _regions_of(rows: Any) -> Any:
    """The regions of containers: a change of them interrupts the service, and one of scale does not."""
    return rows if is_unknown(rows) else [row if is_unknown(row) else row["region_id"] for row in rows or []]


class ExecProbe(NamedArguments):
    """A command in the container that has to succeed."""

    command: Input[Sequence[Input[str]]] = required(list_of(hidden_string))


class HttpGetProbe(NamedArguments):
    """A path that has to answer. `schema`: HTTP (default) or HTTPS."""

    port: Input[int] = required(port)
    path: Input[str] | None = optional(string, default="/")
    host: Input[str] | None = optional(identifier, default=ABSENT)
    headers: Input[Mapping[str, Input[str]]] | None = optional(
        mapping_of(hidden_string, _HEADER), default={}, secret=True
    )
    schema: Input[str] | None = optional(one_of("HTTP", "HTTPS"), default="HTTP")


class TcpSocketProbe(NamedArguments):
    """A port that has to be open."""

    port: Input[int] = required(port)


class ContainerProbe(NamedArguments):
    """One of `exec`, `http_get` and `tcp_socket`, with its times in seconds."""

    exec: ExecProbe | Mapping[str, Any] | None = optional(ExecProbe, default=None)
    http_get: HttpGetProbe | Mapping[str, Any] | None = optional(HttpGetProbe, default=None)
    tcp_socket: TcpSocketProbe | Mapping[str, Any] | None = optional(TcpSocketProbe, default=None)
    failure_threshold: Input[int] | None = optional(integer(1), default=3)
    initial_delay_seconds: Input[int] | None = optional(integer(0), default=0)
    period_seconds: Input[int] | None = optional(integer(1), default=10)
    success_threshold: Input[int] | None = optional(integer(1), default=1)
    timeout_seconds: Input[int] | None = optional(integer(1), default=3)


class ProbeConfiguration(NamedArguments):
    """A probe, if it is `enabled`."""

    enabled: Input[bool] = required(boolean)
    probe: ContainerProbe | Mapping[str, Any] | None = optional(ContainerProbe, default={})


def _check_probe(read: Mapping[str, Any]) -> None:
    probe = read.get("probe", {})
    kinds = [] if is_unknown(probe) else [kind for kind in _PROBE_KINDS if kind in probe]
    if read.get("enabled") is True and not is_unknown(probe) and len(kinds) != 1:
        got = " and ".join(kinds) or "none"
        raise InvalidFieldsError(InvalidField("probe", f"must have one of {', '.join(_PROBE_KINDS)}; got {got}"))


_PROBE_KINDS: Final = ("exec", "http_get", "tcp_socket")
_SWITCHED: Final = reader_of(ProbeConfiguration, switch="enabled", check=_check_probe)


class Probes(NamedArguments):
    """The probes of all containers; one that is not enabled is none."""

    liveness_probe: ProbeConfiguration | Mapping[str, Any] | None = optional(_SWITCHED, default={})
    readiness_probe: ProbeConfiguration | Mapping[str, Any] | None = optional(_SWITCHED, default={})
    startup_probe: ProbeConfiguration | Mapping[str, Any] | None = optional(_SWITCHED, default={})


class RetentionPolicy(NamedArguments):
    """The days for which logs are kept."""

    period: Input[int] = required(integer(1, 1825))


class Logging(NamedArguments):
    """Where the logs are kept, if it is `enabled`."""

    enabled: Input[bool] = required(boolean)
    destination_region_id: Input[int] | None = optional(integer(1), default=None)
    topic_name: Input[str] | None = optional(dns_name(1, 223, dotted=True), default=None)
    retention_policy: RetentionPolicy | Mapping[str, Any] | None = optional(RetentionPolicy, default=None)


class IngressOpts(NamedArguments):
    """`disable_response_buffering`: answers are passed on as they come, which streams need."""

    disable_response_buffering: Input[bool] = optional(boolean, default=False)


PROBES: Final = reader_of(Probes)
LOGGING: Final = reader_of(Logging, switch="enabled")
INGRESS: Final = reader_of(IngressOpts)


def sorted_names(names: Iterable[Any]) -> list[Any]:
    """Names in one order, each once; those that only `up` will know come last."""
    all_names = list(names)
    return [*sorted({name for name in all_names if not is_unknown(name)}), *filter(is_unknown, all_names)]


def _names(value: Any) -> list[Any]:
    return sorted_names(list_of(identifier)(value))


def _image(value: Any) -> str:
    image = string(value)
    if not _IMAGE.fullmatch(image):
        raise InvalidValueError(
            "must be an image such as 'vllm/vllm-openai:v0.10.0', in lower case, without a port and a digest; "
            f"got {image!r}"
        )
    return image


def _no_auth_enabled(value: Any) -> str:
    if value != "":
        raise InvalidValueError("is not an input any more; give api_keys, the names of the keys that may be used")
    return ""


class InferenceDeploymentArgs(LifeCycleArgs):
    """The arguments of an InferenceDeployment.

    `flavor_name`: the hardware of a replica (`get_flavors` lists them). `image`: name and tag. `listening_port`: the
    port on which the image listens. `containers`: the regions, each with its replicas. `name`: 4 to 30 characters, by
    default made of the resource's name; it is the only argument whose change is a replacement. `timeout`: the seconds
    (120) without a request after which replicas are removed down to `scale.min`. `api_keys`: the names of the ApiKeys
    that may use it; without any, everybody may. `command`: replaces the image's own. `credentials_name`: the name of a
    RegistryCredential. `envs`: names and values, which are secrets. `ingress_opts`, `logging` and `probes` are as in
    Gcore's API. `auth_enabled` is not an input any more, and refused. `give_up_after`: the seconds (120) after which
    the wait ends because a region reports the same error, and no other gets ready. A stopped deployment costs nothing.
    """

    flavor_name: Input[str] = required(
        identifier, "which hardware should be rented?", Change.UPDATE, priced=True, interrupts=True
    )
    image: Input[str] = required(_image, "which image should run?", Change.UPDATE, interrupts=True)
    listening_port: Input[int] = required(port, "on which port does the image listen?", Change.UPDATE, interrupts=True)
    containers: Input[Sequence[Container | Mapping[str, Any]]] = required(
        _containers,
        "in which regions, and with how many replicas?",
        Change.UPDATE,
        priced=True,
        interrupts=_regions_of,
    )
    name: Input[str] | None = optional(dns_name(4, MAX_NAME), default=Generated(MAX_NAME))
    timeout: Input[int] | None = optional(integer(0), Change.UPDATE, default=120, priced=True)
    api_keys: Input[Sequence[Input[str]]] | None = optional(_names, Change.UPDATE, default=[])
    command: Input[Sequence[Input[str]]] | None = optional(  # it may have a key in it
        list_of(string), Change.UPDATE, default=[], interrupts=True, secret=True
    )
    credentials_name: Input[str] | None = optional(or_none(identifier), Change.UPDATE, default="", interrupts=True)
    description: Input[str] | None = optional(string, Change.UPDATE, default="")
    # always in the state: the engine hides what a refresh reads where the program's value is a secret
    envs: Input[Mapping[str, Input[str]]] | None = optional(
        variables, Change.UPDATE, default={}, interrupts=True, secret=True, in_state=True
    )
    ingress_opts: IngressOpts | Input[Mapping[str, Any]] | None = optional(
        INGRESS.read_minimal, Change.UPDATE, default={}
    )
    logging: Logging | Input[Mapping[str, Any]] | None = optional(LOGGING.read_minimal, Change.UPDATE, default={})
    probes: Probes | Input[Mapping[str, Any]] | None = optional(  # the headers may have a key in them
        PROBES.read_minimal, Change.UPDATE, default={}, interrupts=True, secret=True
    )
    auth_enabled: Input[bool] | None = optional(_no_auth_enabled, Change.NOTHING, default="")
    give_up_after: Input[int] | None = optional(integer(1), Change.NOTHING, default=120)


def _expiry(value: Any) -> str:
    """A date, "" for none, as the vendor gets it."""
    return in_utc(date(value)) if value != "" else ""


class ApiKeyArgs(NamedArguments):
    """The arguments of an ApiKey.

    `name`: a name that no other key of the project has, 4 to 63 characters; by default one is made of the resource's
    name. `description`: at most 300 characters, changed in place. `expires_at`: a date with its time zone (RFC 3339);
    without one it never expires. A change of `name` or `expires_at` is a replacement: a new secret.
    """

    name: Input[str] | None = optional(dns_name(4, 63, dotted=True), default=GENERATED)
    description: Input[str] | None = optional(text_of(300), Change.UPDATE, default="")
    expires_at: Input[str] | None = optional(_expiry, default="")


class RegistryCredentialArgs(NamedArguments):
    """The arguments of a RegistryCredential.

    `registry_url`, `username` and `password`, a secret, are changed in place. `name`: a name that no other one of the
    project has, 4 to 63 characters; by default one is made of the resource's name. Its change is a replacement.
    """

    registry_url: Input[str] = required(identifier, "which registry has the images?", Change.UPDATE)
    username: Input[str] = required(identifier, "who may pull the images?", Change.UPDATE)
    password: Input[str] = required(secret_text, "which password does the user have?", Change.UPDATE, secret=True)
    name: Input[str] | None = optional(dns_name(4, 63), default=GENERATED)


class AwsIamData(NamedArguments):
    """A key of AWS IAM. Both are secrets."""

    aws_access_key_id: Input[str] = required(secret_text, secret=True)
    aws_secret_access_key: Input[str] = required(secret_text, secret=True)


class SecretArgs(NamedArguments):
    """The arguments of a Secret.

    `data`: the key, changed in place. `type`: `aws-iam` (default), the only one. `name`: a name that no other secret of
    the project has, 4 to 63 characters; by default one is made of the resource's name. Its change is a replacement.
    """

    data: AwsIamData | Input[Mapping[str, Input[str]]] = required(
        reader_of(AwsIamData, may_be_none=False), "which AWS keys may read the queue?", Change.UPDATE, secret=True
    )
    type: Input[str] | None = optional(one_of(AWS_IAM), Change.UPDATE, default=AWS_IAM)
    name: Input[str] | None = optional(dns_name(4, 63, dotted=True), default=GENERATED)
