"""The nested arguments of a deployment in their one spelling, and the API's form of all arguments.

Programs and the vendor write the same in several ways: with defaults and without, in another order. Check has the
minimal spelling. The API's form says everything, so that a PATCH means the same whether the vendor merges it with the
former value or not. Pure; docs/apis/gcore.md#create has the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pulumi_cortecs.provider.formats import dns_name, port
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

PROBE_NAMES: Final = ("liveness_probe", "readiness_probe", "startup_probe")
_MAX_REPLICAS: Final = 300
_HOUR: Final = 3600
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def region(value: Any) -> int | str:
    """A region: its number, or its name, "luxembourg-2"."""
    if not isinstance(value, str):
        return int(integer(1)(value))
    if value.isdecimal():
        return int(value)
    if not _SLUG.fullmatch(value):
        raise InvalidValueError(f"must be a region's number, or its name such as 'luxembourg-2'; got {value!r}")
    return value


def _check_scale(scale: Mapping[str, Any]) -> None:
    if not has_unknown(scale["min"], scale["max"]) and scale["min"] > scale["max"]:
        raise InvalidFieldsError(InvalidField("min", f"must be at most max, {scale['max']}; got {scale['min']}"))


_SQS: Final = object_of(
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
    {"aws_endpoint": None, "scale_on_delayed": False, "scale_on_flight": False},
)
_THRESHOLDS: Final = ("cpu", "memory", "gpu_memory", "gpu_utilization")
_TRIGGERS: Final = object_of(
    {
        **dict.fromkeys(_THRESHOLDS, object_of({"threshold": integer(1, 100)}, ("threshold",))),
        "http": object_of({"rate": integer(1, 1000), "window": integer(1, _HOUR)}, ("rate", "window")),
        "sqs": _SQS,
    },
    defaults=dict.fromkeys((*_THRESHOLDS, "http", "sqs")),
)
_SCALE: Final = object_of(
    {
        "min": integer(0, _MAX_REPLICAS),
        "max": integer(1, _MAX_REPLICAS),
        "cooldown_period": integer(1, _HOUR),
        "polling_interval": integer(5, _HOUR),
        "triggers": _TRIGGERS,
    },
    ("min", "max"),
    {  # {} is no trigger at all, and not the default
        "cooldown_period": 60,
        "polling_interval": 30,
        "triggers": {"cpu": {"threshold": 80}, "memory": {"threshold": 80}},
    },
    may_be_none=False,
    check=_check_scale,
)
_CONTAINER: Final = object_of({"region_id": region, "scale": _SCALE}, ("region_id", "scale"), may_be_none=False)


def containers(value: Any) -> list[Any]:
    """The replicas in each region, at least one."""
    rows = list_of(_CONTAINER)(value)
    if not rows:
        raise InvalidValueError("must be at least one container")
    regions = [row["region_id"] for row in rows if not is_unknown(row) and not is_unknown(row["region_id"])]
    if twice := sorted({str(one) for one in regions if regions.count(one) > 1}):
        raise InvalidValueError(f"must have each region once; {', '.join(twice)} is there several times")
    return minimal_containers(rows)


def minimal_containers(raw: Sequence[Any]) -> list[Any]:
    """Containers without what the vendor fills in, by region."""
    return sorted(map(_CONTAINER.minimal, raw), key=_place)


def _place(container: Any) -> tuple[bool, bool, Any]:
    where = container if is_unknown(container) else container["region_id"]
    return (is_unknown(where), isinstance(where, str), 0 if is_unknown(where) else where)


def regions_of(rows: Any) -> Any:
    """The regions of containers: a change of them interrupts the service, and one of scale does not."""
    return rows if is_unknown(rows) else [row if is_unknown(row) else row["region_id"] for row in rows or []]


def _check_probe(read: Mapping[str, Any]) -> None:
    probe = read.get("probe", {})
    kinds = [] if is_unknown(probe) else [kind for kind in _PROBE_KINDS if kind in probe]
    if read.get("enabled") is True and not is_unknown(probe) and len(kinds) != 1:
        got = " and ".join(kinds) or "none"
        raise InvalidFieldsError(InvalidField("probe", f"must have one of {', '.join(_PROBE_KINDS)}; got {got}"))


_HTTP_GET: Final = object_of(
    {
        "port": port,
        "path": string,
        "host": identifier,
        "headers": mapping_of(hidden_string, _HEADER),
        "schema": one_of("HTTP", "HTTPS"),
    },
    ("port",),
    {"headers": {}, "path": "/", "schema": "HTTP"},
)
_PROBE_KINDS: Final = ("exec", "http_get", "tcp_socket")
_PROBE_TIMES: Final = ("failure_threshold", "period_seconds", "success_threshold", "timeout_seconds")
_PROBE: Final = object_of(
    {
        "exec": object_of({"command": list_of(hidden_string)}, ("command",)),
        "http_get": _HTTP_GET,
        "tcp_socket": object_of({"port": port}, ("port",)),
        "initial_delay_seconds": integer(0),
        **dict.fromkeys(_PROBE_TIMES, integer(1)),
    },
    defaults={
        **dict.fromkeys(_PROBE_KINDS),
        "initial_delay_seconds": 0,
        **dict(zip(_PROBE_TIMES, (3, 10, 1, 3), strict=True)),
    },
)
_SWITCHED: Final = object_of(
    {"enabled": boolean, "probe": _PROBE}, ("enabled",), {"probe": {}}, switch="enabled", check=_check_probe
)
PROBES: Final = object_of(dict.fromkeys(PROBE_NAMES, _SWITCHED), defaults={name: {} for name in PROBE_NAMES})
"""The probes of all containers; one that is not enabled is none."""


LOGGING: Final = object_of(
    {
        "enabled": boolean,
        "destination_region_id": integer(1),
        "topic_name": dns_name(1, 223, dotted=True),
        "retention_policy": object_of({"period": integer(1, 1825)}),
    },
    ("enabled",),
    dict.fromkeys(("destination_region_id", "topic_name", "retention_policy")),
    switch="enabled",
)
"""Where the logs go; {} for nowhere."""
INGRESS: Final = object_of({"disable_response_buffering": boolean}, (), {"disable_response_buffering": False})
"""The options of the ingress; {} for the defaults."""


def sorted_names(names: Iterable[Any]) -> list[Any]:
    """Names in one order, each once; those that only `up` will know come last."""
    all_names = list(names)
    return [*sorted({name for name in all_names if not is_unknown(name)}), *filter(is_unknown, all_names)]


def body_of(inputs: Mapping[str, Any], keys: Iterable[str], region_ids: Mapping[str, int]) -> dict[str, Any]:
    """The API's form of these arguments. Of an empty one it is what removes the former value: null changes nothing.
    `region_ids` has the number of each region by its name. Raises KeyError for the name of an unknown region."""
    forms: dict[str, Callable[[Any], Any]] = {
        "containers": lambda rows: [_container_body(row, region_ids) for row in rows],
        "probes": PROBES.full,
        "logging": LOGGING.full,
        "ingress_opts": INGRESS.full,
    }
    return {key: forms[key](inputs[key]) if key in forms else inputs[key] for key in keys}


def _container_body(row: Mapping[str, Any], region_ids: Mapping[str, int]) -> dict[str, Any]:
    where = row["region_id"]
    return {**_CONTAINER.full(row), "region_id": region_ids[where] if isinstance(where, str) else where}
