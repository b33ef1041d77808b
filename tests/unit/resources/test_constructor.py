"""Misspelt arguments; Pulumi's custom timeouts, as the engine itself reads them: Go's durations; and the digest of
what interrupts a service."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
from pulumi import CustomTimeouts, ResourceOptions

from pulumi_cortecs.cortecs.kind import ARGUMENTS as CORTECS
from pulumi_cortecs.gcore.kind import ARGUMENTS as GCORE
from pulumi_cortecs.provider.arguments import MAX_READY_TIMEOUT
from pulumi_cortecs.provider.kind import ArgumentTable
from pulumi_cortecs.resources.constructor import create_timeout, service_digest, trigger_digest
from pulumi_cortecs.shadeform.kind import ARGUMENTS as SHADEFORM

ARGUMENTS = [
    form
    for cloud in ("cortecs", "shadeform", "gcore")
    for form in vars(import_module(f"pulumi_cortecs.{cloud}.arguments")).values()
    if isinstance(form, type) and form.__module__.endswith(f"{cloud}.arguments")
]


@pytest.mark.parametrize("form", ARGUMENTS)
def test_each_class_of_arguments_names_the_closest_one(form: type[Any]) -> None:
    *_, name = inspect.signature(form).parameters
    with pytest.raises(TypeError, match=rf"{form.__name__} has no argument {name}x; did you mean {name}\?"):
        form(**{f"{name}x": 1})


def _create(text: str | None) -> ResourceOptions:
    return ResourceOptions(custom_timeouts=CustomTimeouts(create=text))


@pytest.mark.parametrize(
    "opts", [None, ResourceOptions(), _create(None), ResourceOptions(custom_timeouts=CustomTimeouts(delete="1s"))]
)
def test_without_a_timeout_there_is_the_default(opts: ResourceOptions | None) -> None:
    assert create_timeout(opts, 1200) == 1200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("90s", 90),
        ("1m30s", 90),
        ("30m1h", 5400),
        ("1500ms", 2),
        ("1m500ms", 60),
        ("1ms", 1),
        ("0s", 1),
        ("168h", MAX_READY_TIMEOUT),
    ],
)
def test_a_duration_is_whole_seconds_at_least_one(text: str, seconds: int) -> None:
    read = create_timeout(_create(text), 1200)
    assert read == seconds
    assert type(read) is int


@pytest.mark.parametrize(
    "text", ["", "15", "m", "15 m", "15min", "-15m", "+", "1d", "15m!", "１５m", "1_5m", "1e3s", "infs", "15M", "\n15m"]
)
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as '15m' or '1h30m'"):
        create_timeout(_create(text), 1200)


def test_an_unacceptable_wait_is_refused_before_anything_is_bought() -> None:
    # the Endpoint's own check comes after its Instance has been bought
    with pytest.raises(ValueError, match="at most 168 hours; got '169h'"):
        create_timeout(_create("169h"), 1200)


def test_only_what_interrupts_the_service_changes_its_digest() -> None:
    def digest(**values: Any) -> str:
        return service_digest(GCORE, {**dict.fromkeys(GCORE.interrupting), "listening_port": 80.0, **values})

    at_seven = [{"region_id": 7.0, "scale": {"min": 0.0, "max": 1.0}}]
    assert digest(containers=at_seven) == digest(containers=[{"region_id": 7, "scale": {"min": 1, "max": 2}}], envs={})
    assert len({digest(), digest(containers=at_seven), digest(listening_port=81), digest(restart_trigger="1")}) == 4


@pytest.mark.parametrize("table", [CORTECS, SHADEFORM])
def test_the_digest_of_a_restart_is_the_one_in_the_states_of_earlier_versions(table: ArgumentTable) -> None:
    assert table.interrupting == ("restart_trigger",)
    assert service_digest(table, {"restart_trigger": "1"}) == trigger_digest("1") == "6b86b273ff34"
    assert service_digest(table, {"restart_trigger": ""}) == service_digest(table, {}) == ""
