"""The nested arguments of a deployment in their one spelling, and the API's form of all arguments.

Programs and the vendor write the same in several ways: with defaults and without, in another order. The `minimal_...`
functions bring both to the spelling of check. The API's form says everything, so that a PATCH means the same whether
the vendor merges it with the former value or not. Pure; docs/apis/gcore.md#create has the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pulumi_cortecs.provider.kind import Reader
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
    object_of,
    one_of,
    string,
)

MAX_PORT: Final = 65_535
_MAX_REPLICAS: Final = 300
_HOUR: Final = 3600
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TOPIC: Final = re.compile(r"(?=.{1,223}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")

_SCALE_DEFAULTS: Final = {"cooldown_period": 60, "polling_interval": 30}
_TRIGGER_DEFAULTS: Final = {"cpu": {"threshold": 80}, "memory": {"threshold": 80}}
_SQS_DEFAULTS: Final = {"aws_endpoint": None, "scale_on_delayed": False, "scale_on_flight": False}
_PROBE_DEFAULTS: Final = {
    "failure_threshold": 3,
    "initial_delay_seconds": 0,
    "period_seconds": 10,
    "success_threshold": 1,
    "timeout_seconds": 3,
}
_HTTP_GET_DEFAULTS: Final = {"headers": {}, "path": "/", "schema": "HTTP"}
PROBES: Final = ("liveness_probe", "readiness_probe", "startup_probe")
_PROBE_KINDS: Final = ("exec", "http_get", "tcp_socket")

_PORT: Final = integer(1, MAX_PORT)
_THRESHOLD: Final = object_of({"threshold": integer(1, 100)}, ("threshold",))
_TRIGGERS: Final[Mapping[str, Reader]] = {
    **dict.fromkeys(("cpu", "memory", "gpu_memory", "gpu_utilization"), _THRESHOLD),
    "http": object_of({"rate": integer(1, 1000), "window": integer(1, _HOUR)}, ("rate", "window")),
    "sqs": object_of(
        {
            "activation_queue_length": integer(1),
            "queue_length": integer(1),
            "queue_url": identifier,
            "aws_region": identifier,
            "aws_endpoint": identifier,
            "secret_name": identifier,
            "scale_on_delayed": boolean,
            "scale_on_flight": boolean,
        },
        ("activation_queue_length", "queue_length", "queue_url", "aws_region", "secret_name"),
    ),
}


def region(value: Any) -> int | str:
    """A region: its number, or its name, "luxembourg-2"."""
    if not isinstance(value, str):
        return int(integer(1)(value))
    if value.isdecimal():
        return int(value)
    if not _SLUG.fullmatch(value):
        raise InvalidValueError(f"must be a region's number, or its name such as 'luxembourg-2'; got {value!r}")
    return value


def _scale(value: Any) -> dict[str, Any]:
    scale: dict[str, Any] = _SCALE_FIELDS(value)
    if not scale:
        raise InvalidFieldsError(*(InvalidField(key, "is required") for key in ("min", "max")))
    if not has_unknown(scale["min"], scale["max"]) and scale["min"] > scale["max"]:
        raise InvalidFieldsError(InvalidField("min", f"must be at most max, {scale['max']}; got {scale['min']}"))
    return scale


_SCALE_FIELDS: Final = object_of(
    {
        "min": integer(0, _MAX_REPLICAS),
        "max": integer(1, _MAX_REPLICAS),
        "cooldown_period": integer(1, _HOUR),
        "polling_interval": integer(5, _HOUR),
        "triggers": object_of(_TRIGGERS),
    },
    ("min", "max"),
)
_CONTAINERS: Final = list_of(object_of({"region_id": region, "scale": _scale}, ("region_id", "scale")))


def containers(value: Any) -> list[Any]:
    """The replicas in each region, at least one."""
    rows = _CONTAINERS(value)
    if not rows or not all(rows):
        raise InvalidValueError("must be at least one container, and each must have region_id and scale")
    regions = [row["region_id"] for row in rows if not is_unknown(row) and not is_unknown(row["region_id"])]
    if twice := sorted({str(one) for one in regions if regions.count(one) > 1}):
        raise InvalidValueError(f"must have each region once; {', '.join(twice)} is there several times")
    return minimal_containers(rows)


def minimal_containers(raw: Sequence[Any]) -> list[Any]:
    """Containers without what the vendor fills in, by region."""
    return sorted((_minimal_container(one) for one in raw), key=_place)


def _place(container: Any) -> tuple[bool, bool, Any]:
    where = container if is_unknown(container) else container["region_id"]
    return (is_unknown(where), isinstance(where, str), 0 if is_unknown(where) else where)


def _minimal_container(container: Any) -> Any:
    if is_unknown(container) or is_unknown(container["scale"]):
        return container
    scale = container["scale"]
    minimal = _without(scale, _SCALE_DEFAULTS)
    triggers = scale.get("triggers")
    if isinstance(triggers, Mapping):  # {} is no trigger at all, and not the default
        minimal["triggers"] = _without({key: _without(one, _SQS_DEFAULTS) for key, one in triggers.items()})
    if minimal.get("triggers") == _TRIGGER_DEFAULTS:
        del minimal["triggers"]
    return {"region_id": container["region_id"], "scale": minimal}


def regions_of(rows: Any) -> Any:
    """The regions of containers: a change of them interrupts the service, and one of scale does not."""
    return rows if is_unknown(rows) else [row if is_unknown(row) else row["region_id"] for row in rows or []]


_PROBE: Final = object_of(
    {
        "exec": object_of({"command": list_of(hidden_string)}, ("command",)),
        "http_get": object_of(
            {
                "port": _PORT,
                "path": string,
                "host": identifier,
                "headers": mapping_of(hidden_string, _HEADER),
                "schema": one_of("HTTP", "HTTPS"),
            },
            ("port",),
        ),
        "tcp_socket": object_of({"port": _PORT}, ("port",)),
        "initial_delay_seconds": integer(0),
        **{key: integer(1) for key in _PROBE_DEFAULTS if key != "initial_delay_seconds"},
    }
)


def _probe(value: Any) -> dict[str, Any]:
    read: dict[str, Any] = object_of({"enabled": boolean, "probe": _PROBE}, ("enabled",))(value)
    given = [kind for kind in _PROBE_KINDS if not is_unknown(read.get("probe")) and kind in read.get("probe", {})]
    if read.get("enabled") is True and not is_unknown(read.get("probe")) and len(given) != 1:
        got = " and ".join(given) or "none"
        raise InvalidFieldsError(InvalidField("probe", f"must have one of {', '.join(_PROBE_KINDS)}; got {got}"))
    return read


def probes(value: Any) -> dict[str, Any]:
    """The probes of all containers; one that is not enabled is none."""
    return minimal_probes(object_of(dict.fromkeys(PROBES, _probe))(value))


def minimal_probes(raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The enabled probes, without what the vendor fills in; {} for none."""
    minimal = {}
    for name, one in (raw or {}).items():
        if is_unknown(one):
            minimal[name] = one
        elif one and one.get("enabled") is not False:
            minimal[name] = {"enabled": one["enabled"], "probe": _minimal_probe(one.get("probe") or {})}
    return minimal


def _minimal_probe(probe: Any) -> Any:
    if is_unknown(probe):
        return probe
    return _without({**probe, "http_get": _without(probe.get("http_get"), _HTTP_GET_DEFAULTS)}, _PROBE_DEFAULTS)


_LOGGING: Final = object_of(
    {
        "enabled": boolean,
        "destination_region_id": integer(1),
        "topic_name": string,
        "retention_policy": object_of({"period": integer(1, 1825)}),
    }
)


def logging(value: Any) -> dict[str, Any]:
    """Where the logs go; {} for nowhere."""
    read: dict[str, Any] = _LOGGING(value)
    topic = read.get("topic_name")
    if isinstance(topic, str) and not _TOPIC.fullmatch(topic):
        raise InvalidFieldsError(
            InvalidField("topic_name", f"must be lower-case letters, digits, hyphens and dots; got {topic!r}")
        )
    if read and "enabled" not in read:
        raise InvalidFieldsError(InvalidField("enabled", "is required"))
    return minimal_logging(read)


def minimal_logging(raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The logging without what is empty; {} for logging that is not enabled."""
    if not raw or not raw.get("enabled"):
        return {}
    minimal: dict[str, Any] = _without({**raw, "retention_policy": _without(raw.get("retention_policy"))})
    return minimal


def ingress_opts(value: Any) -> dict[str, Any]:
    """The options of the ingress; {} for the defaults."""
    return minimal_ingress(object_of({"disable_response_buffering": boolean})(value))


def minimal_ingress(raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that are not the defaults."""
    minimal: dict[str, Any] = _without(raw, {"disable_response_buffering": False})
    return minimal


def sorted_names(names: Iterable[Any]) -> list[Any]:
    """Names in one order, each once; those that only `up` will know come last."""
    all_names = list(names)
    return [*sorted({name for name in all_names if not is_unknown(name)}), *filter(is_unknown, all_names)]


def _without(value: Any, defaults: Mapping[str, Any] | None = None) -> Any:
    """An object without what is empty or has its default; {} for None."""
    if is_unknown(value):
        return value
    left_out = defaults or {}
    return {
        key: field
        for key, field in (value or {}).items()
        if field is not None and field not in ({}, []) and (key not in left_out or field != left_out[key])
    }


RegionIds = Mapping[str, int]
"""The number of each region by its name."""


def order_body(inputs: Mapping[str, Any], region_ids: RegionIds) -> dict[str, Any]:
    """The body of an order for check's inputs, without what is empty: an image of the catalogue has probes of its
    own."""
    return body_of(inputs, [key for key in VENDORS if inputs.get(key) not in (None, "", [], {})], region_ids)


def body_of(inputs: Mapping[str, Any], keys: Iterable[str], region_ids: RegionIds) -> dict[str, Any]:
    """The API's form of these arguments. Of an empty one it is what removes the former value: null changes nothing.
    Raises KeyError for the name of an unknown region."""
    return {key: _FORMS[key](inputs[key], region_ids) if key in _FORMS else inputs[key] for key in keys}


def containers_body(rows: Iterable[Mapping[str, Any]], region_ids: RegionIds) -> list[dict[str, Any]]:
    """The API's form of containers. Raises KeyError for the name of an unknown region."""
    return [_container_body(row, region_ids) for row in rows]


def _container_body(row: Mapping[str, Any], region_ids: RegionIds) -> dict[str, Any]:
    where, scale = row["region_id"], row["scale"]
    given = scale.get("triggers", _TRIGGER_DEFAULTS)
    triggers = {key: given.get(key) for key in _TRIGGERS}
    if triggers["sqs"]:
        triggers["sqs"] = {**_SQS_DEFAULTS, **triggers["sqs"]}
    body = {**_SCALE_DEFAULTS, **scale, "triggers": triggers}
    return {"region_id": region_ids[where] if isinstance(where, str) else where, "scale": body}


def _probes_body(value: Mapping[str, Any], _: RegionIds) -> dict[str, Any]:
    return {key: _probe_body(value[key]["probe"]) if key in value else {"enabled": False} for key in PROBES}


def _probe_body(probe: Mapping[str, Any]) -> dict[str, Any]:
    body = {**_PROBE_DEFAULTS, **dict.fromkeys(_PROBE_KINDS), **probe}
    if body["http_get"]:
        body["http_get"] = {**_HTTP_GET_DEFAULTS, **body["http_get"]}
    return {"enabled": True, "probe": body}


def _logging_body(value: Mapping[str, Any], _: RegionIds) -> dict[str, Any]:
    empty = {"enabled": False, **dict.fromkeys(("destination_region_id", "topic_name", "retention_policy"))}
    return {**empty, **value} if value else {"enabled": False}


_FORMS: Final[Mapping[str, Callable[[Any, RegionIds], Any]]] = {
    "containers": containers_body,
    "probes": _probes_body,
    "logging": _logging_body,
    "ingress_opts": lambda value, _: {"disable_response_buffering": False, **value},
}
VENDORS: Final = (
    "name",
    "flavor_name",
    "image",
    "listening_port",
    "containers",
    "timeout",
    "api_keys",
    "command",
    "credentials_name",
    "description",
    "envs",
    "ingress_opts",
    "logging",
    "probes",
)
"""The arguments that the vendor gets."""
