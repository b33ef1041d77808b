"""The nested arguments of a deployment: one spelling, whoever wrote it, and bodies that say everything."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.gcore import arguments
from pulumi_cortecs.gcore.client import ApiContainer
from pulumi_cortecs.gcore.cloud import body_of, order_body
from pulumi_cortecs.gcore.kind import ARGUMENTS
from pulumi_cortecs.provider.properties import UNKNOWN, InvalidValueError

SCALE = {"min": 0, "max": 3}
SQS = {
    "activation_queue_length": 1,
    "queue_length": 10,
    "queue_url": "https://sqs.example/q",
    "aws_region": "us-east-1",
    "secret_name": "aws-dev",
}
TOLD_SCALE = {
    **SCALE,
    "cooldown_period": 60,
    "polling_interval": 30,
    "triggers": {
        "cpu": {"threshold": 80},
        "memory": {"threshold": 80},
        "gpu_memory": None,
        "gpu_utilization": None,
        "http": None,
        "sqs": None,
    },
}


CONTAINERS = ARGUMENTS["containers"]


def regions_of(rows: Any) -> Any:
    """What of the containers interrupts the service when it changes."""
    assert callable(CONTAINERS.interrupts)
    return CONTAINERS.interrupts(rows)


def at(region: Any, **scale: Any) -> dict[str, Any]:
    return {"region_id": region, "scale": {**SCALE, **scale}}


def told(scale: Any, region: int = 7) -> list[Any]:
    """The containers that the vendor reports, spelled as check does."""
    return arguments.minimal_containers([ApiContainer.model_validate({"region_id": region, "scale": scale}).spec])


def test_containers_come_by_region_and_without_defaults() -> None:
    given = [at("luxembourg-2"), at(10.0, cooldown_period=60.0), at("7", **TOLD_SCALE)]
    assert CONTAINERS.read(given) == [at(7), at(10), at("luxembourg-2")]
    assert CONTAINERS.read([at(7)]) == told(TOLD_SCALE)


@pytest.mark.parametrize(
    "scale",
    [
        {"cooldown_period": 10, "polling_interval": 5},
        {"triggers": {"cpu": {"threshold": 75}}},
        {"triggers": {}},
        {"triggers": {"http": {"rate": 1, "window": 60}, "sqs": SQS}},
        {"triggers": {"sqs": {**SQS, "aws_endpoint": "https://other", "scale_on_flight": True}}},
    ],
)
def test_what_a_body_says_comes_back_in_the_spelling_of_check(scale: Any) -> None:
    wanted = CONTAINERS.read([at(7, **scale)])
    (body,) = body_of({"containers": wanted}, ["containers"])["containers"]
    assert set(body["scale"]) == {"min", "max", "cooldown_period", "polling_interval", "triggers"}
    assert len(body["scale"]["triggers"]) == 6
    assert told(body["scale"]) == wanted == CONTAINERS.read(wanted)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "at least one container"),
        ([{}], r"\[0\].region_id is required; \[0\].scale is required"),
        ([{"region_id": 7}], r"\[0\].scale is required"),
        ([{"region_id": 7, "scale": {}}], r"scale.min is required; .*scale.max is required"),
        ([at(7, min=4)], r"scale.min must be at most max, 3; got 4"),
        ([at(7, max=301)], "1..300"),
        ([at(7, min=True)], "whole number"),
        ([at("Luxembourg 2")], "region's number, or its name"),
        ([at(7), at("7")], "7 is there several times"),
        ([at(7, triggers={"gpu": {}})], "gpu is not a field; valid fields: cpu, memory"),
        ([at(7, triggers={"cpu": {"threshold": 0}})], r"triggers.cpu.threshold must be 1..100; got 0"),
        ([at(7, triggers={"sqs": {"queue_length": 1}})], "sqs.queue_url is required"),
    ],
)
def test_wrong_containers_are_refused_at_their_place(given: Any, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        CONTAINERS.read(given)


def test_unknown_parts_stay_unknown() -> None:
    assert CONTAINERS.read([at(UNKNOWN), at(7, max=UNKNOWN, triggers=UNKNOWN), UNKNOWN])[0]["region_id"] == 7
    assert CONTAINERS.read([{"region_id": 7, "scale": UNKNOWN}]) == [{"region_id": 7, "scale": UNKNOWN}]
    unknown = {"enabled": True, "probe": UNKNOWN}
    assert (
        arguments.PROBES.read_minimal({"startup_probe": unknown, "readiness_probe": UNKNOWN})["startup_probe"]
        == unknown
    )
    assert arguments.sorted_names(["b", UNKNOWN, "a", "b"]) == ["a", "b", UNKNOWN]


def test_only_a_change_of_regions_interrupts() -> None:
    assert regions_of([at(7)]) == regions_of([at(7, max=9)]) == [7]
    assert regions_of([at(7), UNKNOWN]) == [7, UNKNOWN]
    assert (regions_of(UNKNOWN), regions_of(None)) == (UNKNOWN, [])


HTTP_PROBE = {"enabled": True, "probe": {"http_get": {"port": 80, "path": "/health"}, "period_seconds": 5}}


def test_probes_come_back_without_what_the_vendor_fills_in() -> None:
    wanted = arguments.PROBES.read_minimal({"readiness_probe": HTTP_PROBE, "startup_probe": {"enabled": False}})
    assert wanted == {"readiness_probe": HTTP_PROBE}
    body = body_of({"probes": wanted}, ["probes"])["probes"]
    assert body["liveness_probe"] == body["startup_probe"] == {"enabled": False}
    probe = body["readiness_probe"]["probe"]
    assert (probe["exec"], probe["tcp_socket"], probe["failure_threshold"]) == (None, None, 3)
    assert probe["http_get"] == {"port": 80, "path": "/health", "headers": {}, "schema": "HTTP"}
    assert arguments.PROBES.minimal({**body, "startup_probe": None}) == wanted == arguments.PROBES.read_minimal(wanted)
    assert arguments.PROBES.minimal(None) == {}


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        ({"probe": {"tcp_socket": {"port": 1}}}, "enabled is required"),
        ({"enabled": True}, "one of exec, http_get, tcp_socket; got none"),
        ({"enabled": True, "probe": {**HTTP_PROBE["probe"], "tcp_socket": {"port": 1}}}, "got http_get and tcp_socket"),  # type: ignore[dict-item]
        ({"enabled": True, "probe": {"http_get": {"port": 80, "schema": "ftp"}}}, "HTTP or HTTPS"),
        ({"enabled": True, "probe": {"http_get": {"port": 80}, "period_seconds": 0}}, "1 or more"),
    ],
)
def test_a_wrong_probe_is_refused_at_its_place(probe: Any, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=rf"liveness_probe\..*{reason}"):
        arguments.PROBES.read_minimal({"liveness_probe": probe})


def test_a_header_of_a_probe_is_never_shown() -> None:
    headers = {"Authorization": ["Bearer s3cret"]}
    with pytest.raises(InvalidValueError) as caught:
        arguments.PROBES.read_minimal(
            {"liveness_probe": {"enabled": True, "probe": {"http_get": {"port": 1, "headers": headers}}}}
        )
    assert "s3cret" not in str(caught.value)


def test_logging_that_is_not_enabled_is_none() -> None:
    wanted = arguments.LOGGING.read_minimal(
        {"enabled": True, "topic_name": "my-log", "retention_policy": {"period": 42}}
    )
    body = body_of({"logging": wanted}, ["logging"])["logging"]
    assert body["destination_region_id"] is None
    assert arguments.LOGGING.minimal(body) == wanted
    assert (
        arguments.LOGGING.minimal({**body, "enabled": False})
        == arguments.LOGGING.minimal(None)
        == arguments.LOGGING.read_minimal({})
        == {}
    )
    assert body_of({"logging": {}}, ["logging"]) == {"logging": {"enabled": False}}
    with pytest.raises(InvalidValueError, match="enabled is required"):
        arguments.LOGGING.read_minimal({"topic_name": "my-log"})
    with pytest.raises(InvalidValueError, match="topic_name must be"):
        arguments.LOGGING.read_minimal({"enabled": True, "topic_name": "My_Log"})


def test_ingress_options_that_are_the_defaults_are_none() -> None:
    assert (
        arguments.INGRESS.read_minimal({"disable_response_buffering": False}) == arguments.INGRESS.minimal(None) == {}
    )
    assert body_of({"ingress_opts": {}}, ["ingress_opts"])["ingress_opts"] == {"disable_response_buffering": False}


def test_an_order_leaves_out_what_is_empty_and_names_regions_by_number() -> None:
    inputs = {"name": "llama", "containers": [at("luxembourg-2")], "timeout": 0, "envs": {}, "probes": {}}
    named = {**inputs, "quote": {"regions": {"76": "luxembourg-2"}}}
    body = order_body({**named, "state": "running", "auth_enabled": "", "give_up_after": 120})
    assert body["containers"][0]["region_id"] == 76
    assert set(body) == {"name", "containers", "timeout"}
    with pytest.raises(KeyError):
        order_body(inputs)
