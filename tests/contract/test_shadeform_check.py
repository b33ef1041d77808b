"""The mistakes in a program of Shadeform: each is refused at its place, and no text shows a secret."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pulumi_cortecs.shadeform.kind import INSTANCE
from tests.contract.host import UNKNOWN, Host
from tests.contract.machines import (
    DOCKER,
    LAUNCHED,
    MARKER,
    PLACE,
    SCRIPTED,
    machine,
)

StartHost = Callable[..., Host]


MISTAKES: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "an unknown argument": ({"image": "x"}, "image", "is not an argument of an Instance"),
    "an unknown field": (
        {"launch_configuration": {"docker_configuration": {**DOCKER, "ports": [1]}}},
        "launch_configuration",
        "docker_configuration.ports is not a field; valid fields: image, args, ",
    ),
    "no image": (
        {"launch_configuration": {"docker_configuration": {"args": "x"}}},
        "launch_configuration",
        "docker_configuration.image is required",
    ),
    "two volumes": ({"volume_ids": ["a", "b"]}, "volume_ids", "must have at most 1 item; got 2"),
    "port 0": (
        {
            "launch_configuration": {
                "docker_configuration": {**DOCKER, "port_mappings": [{"host_port": 0, "container_port": 80}]}
            }
        },
        "launch_configuration",
        "docker_configuration.port_mappings[0].host_port must be 1..65535; got 0",
    ),
    "half a mapping": (
        {"launch_configuration": {"docker_configuration": {**DOCKER, "port_mappings": [{"host_port": 80}]}}},
        "launch_configuration",
        "docker_configuration.port_mappings[0].container_port is required",
    ),
    "both launch configurations": (
        {"launch_configuration": {**LAUNCHED["launch_configuration"], **SCRIPTED["launch_configuration"]}},
        "launch_configuration",
        "must have either docker_configuration or script_configuration",
    ),
    "neither": (
        {"launch_configuration": {"type": "docker"}},
        "launch_configuration",
        "must have either docker_configuration or script_configuration",
    ),
    "a launch configuration of another type": (
        {"launch_configuration": {"type": "script", "docker_configuration": DOCKER}},
        "launch_configuration",
        "type must be docker, as its docker_configuration is; got 'script'",
    ),
    "a launch configuration that is none": (
        {"launch_configuration": MARKER},
        "launch_configuration",
        "must be an object of type, docker_configuration, script_configuration",
    ),
    "variables in the vendor's form": (
        {"envs": [{"name": "TOKEN", "value": MARKER}]},
        "envs",
        "must be an object of names and values",
    ),
    "a variable that is no string": ({"envs": {"TOKEN": 7}}, "envs", "TOKEN must be a string"),
    "a script that is none": (
        {"launch_configuration": {"script_configuration": {"script": 7}}},
        "launch_configuration",
        "script_configuration.script must be a string",
    ),
    "a malformed date": (
        {"auto_delete": {"date_threshold": "tomorrow"}},
        "auto_delete",
        "date_threshold must be a date such as ",
    ),
    "a date without a zone": (
        {"auto_delete": {"date_threshold": "2099-01-01T00:00:00"}},
        "auto_delete",
        "date_threshold must be a date such as ",
    ),
    "a date alone": ({"alert": {"date_threshold": "2099-01-01"}}, "alert", "date_threshold must be a date such as "),
    "a port that is not mapped": (
        {
            "launch_configuration": {
                "docker_configuration": {"image": "x", "port_mappings": [{"host_port": 8000, "container_port": 80}]}
            },
            "endpoint_port": 8000,
        },
        "endpoint_port",
        "got 8000, and port_mappings lead to the container's ports 80 only",
    ),
    "a date in the past": (
        {"auto_delete": {"date_threshold": "2020-01-01T00:00:00Z"}},
        "auto_delete",
        "date_threshold must be in the future; got '2020-01-01T00:00:00Z'",
    ),
    "an amount that is none": (
        {"alert": {"spend_threshold": "3,14"}},
        "alert",
        "spend_threshold must be an amount of US dollars above 0",
    ),
    "another currency": ({"spend_limit": "25 EUR"}, "spend_limit", "must be above 0, in USD and in whole cents"),
    "no currency": ({"spend_limit": "25"}, "spend_limit", "25"),
    "parts of a cent": (
        {"spend_limit": "25.001 USD"},
        "spend_limit",
        "in whole cents, such as '25.00 USD'; got '25.001 ",
    ),
    "a limit that no order takes": (
        {"spend_limit": "12345678901234567890 USD"},
        "spend_limit",
        "must be above 0, in USD and in whole cents",
    ),
    "a limit of nothing": ({"spend_limit": "0 USD"}, "spend_limit", "must be above 0, in USD and in whole cents"),
    "ttl with auto_delete": (
        {"ttl": "8h", "auto_delete": {"spend_threshold": "5"}},
        "auto_delete",
        "got auto_delete and ttl, which sets it; leave one of them out",
    ),
    "spend_limit with auto_delete": (
        {"spend_limit": "8 USD", "auto_delete": {"spend_threshold": "5"}},
        "auto_delete",
        "got auto_delete and spend_limit, which sets it; leave one of them out",
    ),
    "spend_limit of a linked account": (
        {"spend_limit": "8 USD", "shade_cloud": False},
        "spend_limit",
        "got one with shade_cloud=False",
    ),
    "a tag of ours": ({"tags": ["pulumi-cortecs:order=x"]}, "tags", "[0] must be printable, and not begin with"),
    "a tag of ours behind a space": ({"tags": [" pulumi-cortecs:order=x"]}, "tags", "[0] must be printable, and not"),
    "a tag that is a label": ({"tags": ["a", "label:team=b"]}, "tags", "[1] must be printable, and not begin with"),
    "a stop": ({"state": "stopped"}, "state", "must be 'running'; got 'stopped'"),
    "a stop in time": ({"on_timeout": "stop"}, "on_timeout", "must be keep or delete; got 'stop'"),
    "a port out of range": ({"endpoint_port": 65_536}, "endpoint_port", "must be 0..65535; got 65536"),
    "an unknown cloud": ({"cloud": "hyperstak"}, "cloud", "no cloud 'hyperstak'; did you mean hyperstack?"),
    "an unknown type": (
        {"shade_instance_type": "A600"},
        "shade_instance_type",
        "hyperstack has no instance type 'A600'; did you mean A6000?",
    ),
    "an unknown region": (
        {"region": "montreal-canada-1"},
        "region",
        "hyperstack has no A6000 in region 'montreal-canada-1'; did you mean montreal-canada-2?",
    ),
    "an os that is not offered": (
        {"os": "windows"},
        "os",
        "A6000 of hyperstack has no 'windows'; it has ubuntu22.04_cuda12.2_shade_os, ",
    ),
}


@pytest.mark.parametrize(
    "date",
    [
        "2099-01-01 00:00:00Z",
        "2099-01-01T00:00Z",
        "20990101T000000Z",
        "2099-01-01T00:00:00+0200",
        "2099-02-30T00:00:00Z",
    ],
)
def test_a_date_is_one_that_the_vendor_takes(shared_host: Host, date: str) -> None:
    (reason,) = machine(shared_host).check({**PLACE, "alert": {"date_threshold": date}}).reasons("alert")
    assert reason.startswith("date_threshold must be a date such as 2026-12-31T12:00:00Z, with its time zone; got ")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_where_it_is(shared_host: Host, mistake: str) -> None:
    wrong, argument, reason = MISTAKES[mistake]
    checked = machine(shared_host).check({**PLACE, **wrong})
    assert [name for name, _ in checked.failures] == [argument]
    assert reason in checked.reasons(argument)[0]
    assert MARKER not in str(checked.failures)


def test_all_mistakes_are_named_at_once(shared_host: Host) -> None:
    wrong = {
        "cloud": "hyperstak",
        "volume_ids": ["a", "b"],
        "state": "stopped",
        "spend_limit": "25 EUR",
        "tags": [""],
        "launch_configuration": {
            "docker_configuration": {"image": " ", "port_mappings": [{"host_port": 0}], "envs": {"A": 1, "B": 2}}
        },
    }
    failures = machine(shared_host).check({**PLACE, **wrong}).failures
    assert {name for name, _ in failures} == set(wrong)
    launch = [reason.split()[0] for name, reason in failures if name == "launch_configuration"]
    assert launch == [
        "docker_configuration.image",
        "docker_configuration.envs.A",
        "docker_configuration.envs.B",
        "docker_configuration.port_mappings[0].container_port",
        "docker_configuration.port_mappings[0].host_port",
    ]


@pytest.mark.parametrize(
    "unknown",
    [
        {key: UNKNOWN}
        for key in (
            *("cloud", "region", "shade_instance_type", "os", "template_id", "ssh_key_id", "volume_ids", "envs"),
            *("launch_configuration", "auto_delete", "alert", "tags", "shade_cloud", "spend_limit", "labels"),
        )
    ]
    + [
        {"volume_ids": [UNKNOWN]},
        {"envs": {"TOKEN": UNKNOWN}},
        {"tags": [UNKNOWN]},
        {"alert": {"date_threshold": UNKNOWN}},
        {"launch_configuration": {"docker_configuration": {**DOCKER, "args": UNKNOWN, "envs": UNKNOWN}}},
        {"launch_configuration": {"docker_configuration": UNKNOWN}},
        {"launch_configuration": {"script_configuration": {"script": UNKNOWN}}},
        {"ttl": UNKNOWN, "spend_limit": UNKNOWN, "auto_delete": UNKNOWN},
    ],
    ids=str,
)
def test_what_only_up_will_know_is_unknown_in_the_plan(shared_host: Host, unknown: dict[str, Any]) -> None:
    resource = machine(shared_host)
    checked = resource.check({**PLACE, **unknown})
    assert checked.failures == ()
    for key in unknown:
        assert UNKNOWN in json.dumps(checked.inputs[key])
    is_priced = not unknown.keys().isdisjoint(INSTANCE.arguments.priced)
    assert (checked.inputs["quote"] == UNKNOWN) == is_priced
    olds = resource.check(PLACE).inputs
    resource.diff(olds, machine(shared_host).check({**PLACE, **unknown}, olds).inputs)


def test_whatever_a_program_says_check_answers_and_shows_no_secret(shared_host: Host) -> None:
    chance = random.Random(17)
    resource = machine(shared_host)

    def odd(depth: int = 0) -> Any:
        plain: list[Callable[[], Any]] = [lambda: MARKER, lambda: f"{MARKER}\n", lambda: 7.5, lambda: True, lambda: ""]
        nested: list[Callable[[], Any]] = [
            lambda: [odd(depth + 1)],
            lambda: {"name": "A", "value": odd(depth + 1)},
            lambda: {"A": odd(depth + 1)},
            lambda: UNKNOWN,
        ]
        return chance.choice(plain + nested * (depth < 3))()

    for _ in range(200):
        login = {"username": odd(), "password": odd()}
        docker = {**DOCKER, "envs": odd(), "args": odd(), "registry_credentials": login}
        script = {"script_configuration": {"script": odd()}}
        launch = chance.choice([{"docker_configuration": docker}, script, {**script, "docker_configuration": docker}])
        program = {"envs": odd(), "launch_configuration": chance.choice([launch, launch, odd()]), "ready_key": odd()}
        assert MARKER not in str(resource.check({**PLACE, **program}).failures)
