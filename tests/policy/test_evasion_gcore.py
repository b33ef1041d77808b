"""The evasion suite for Gcore's deployments, before the packs as they really run, without an engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.testing import (
    GCORE_DEPLOYMENT,
    MISSING,
    PackTester,
    Resource,
    assert_allowed,
    cortecs_instance,
    gcore_container,
    gcore_deployment,
    resource,
    secret,
    unknown,
)
from tests.policy.attempts import Attempts
from tests.policy.conftest import POLICIES
from tests.policy.test_evasion_bench import CHEAP, OUTPUT, stopped

LIMITS: Final[Mapping[str, Any]] = json.loads((POLICIES / "guard" / "limits" / "demo-gcore.json").read_text())
L40S, L40S_2, H100 = (
    "inference-16vcpu-232gib-1xl40s-48gb",
    "inference-32vcpu-464gib-2xl40s-48gb",
    "inference-16vcpu-232gib-1xh100-80gb",
)
FORGED: Final = {**CHEAP, "currency": "USD", "regions": {"26": "frankfurt-1"}}
IGNORED: Final = ("flavor_name", "image", "containers", "timeout", "envs", "command", "api_keys", "name", "quote")


def deployed(*containers: Any, **changes: Any) -> Resource:
    return gcore_deployment(**{"ttl": "8h", **({"containers": list(containers)} if containers else {}), **changes})


def scaled(least: Any, most: Any) -> Resource:
    return deployed(gcore_container("luxembourg-1", least, most))


ODD: Final[Mapping[str, Any]] = {
    "unknown": unknown(),
    "an unknown secret": secret(unknown()),
    "null": None,
    "empty": "",
    "a list": ["4"],
    "an object": {"value": 1},
    "a text": "1",
    "a boolean": True,
    "a fraction": 0.5,
    "not a number": float("nan"),
    "an output": {**OUTPUT, "value": 1},
    "an output without a value": OUTPUT,
    "a secret": secret(5),
    "too large": 1e30,
    "below zero": -1,
}
ALIKE: Final[Mapping[str, str]] = {
    "a space behind": "{0} ",
    "a line break behind": "{0}\n",
    "a zero byte behind": "{0}\0",
    "a zero-width space": "{0}\u200b",
    "in capitals": "{0}",
    "written from right to left": "\u202e{0}",
}
FLAVORS: Final[Mapping[str, Resource]] = {
    **{f"flavor: {name}": deployed(flavor_name=value) for name, value in ODD.items()},
    **{
        f"flavor: {name}": deployed(flavor_name=form.format(L40S.upper() if "capitals" in name else L40S))
        for name, form in ALIKE.items()
    },
    "flavor: left out": deployed(flavor_name=MISSING),
    "flavor: another one": deployed(flavor_name=H100),
    "flavor: a secret": deployed(flavor_name=secret(H100)),
    "flavor: no GPU at all": deployed(flavor_name="inference-4vcpu-16gib"),
    "flavor: another cloud's": deployed(flavor_name="NVIDIA_L4_1"),
    "flavor: beside a hardware id that nobody reads": deployed(flavor_name=H100, hardware_type_id=L40S),
    "flavor: with a forged quote": deployed(flavor_name=H100, quote=FORGED),
    "flavor: of an adopted one": deployed(flavor_name=H100, adopt_id="chat-1"),
    "flavor: of a stopped one": deployed(flavor_name=H100, state="stopped"),
    "flavor: with a model, so that a list of models holds": deployed(flavor_name=H100, model_id="Qwen--Qwen2-7B"),
}
REPLICAS: Final[Mapping[str, Resource]] = {
    **{f"max: {name}": scaled(0, value) for name, value in ODD.items()},
    **{f"min: {name}": scaled(value, 4) for name, value in ODD.items()},
    "max: one too many": scaled(0, 5),
    "max: one too many in all": deployed(gcore_container("luxembourg-1", 0, 3), gcore_container("luxembourg-2", 0, 2)),
    "max: fewer than none beside many": deployed(
        gcore_container("luxembourg-1", 0, 9), gcore_container("luxembourg-2", 0, -5)
    ),
    "max: 0": scaled(0, 0),
    "max: twice the GPUs": deployed(gcore_container("luxembourg-1", 0, 3), flavor_name=L40S_2),
    "max: with a forged quote": deployed(gcore_container("luxembourg-1", 0, 9), quote=FORGED),
    "max: below the least": scaled(9, 4),
    "max: while it is stopped": deployed(gcore_container("luxembourg-1", 0, 9), state="stopped"),
    "max: num_workers beside it": deployed(gcore_container("luxembourg-1", 0, 9), num_workers=1),
    "max: one region twice": deployed(gcore_container("luxembourg-1", 0, 4), gcore_container("luxembourg-1", 0, 4)),
    "min: one that always runs": scaled(1, 2),
    "min: in one of two regions": deployed(gcore_container("luxembourg-1"), gcore_container("luxembourg-2", 1, 1)),
    "min: below zero in one, so that the sum is zero": deployed(
        gcore_container("luxembourg-1", 1, 1), gcore_container("luxembourg-2", -1, 1)
    ),
    "containers: none": deployed(containers=[]),
    "containers: left out": deployed(containers=MISSING),
    "containers: unknown": deployed(containers=unknown()),
    "containers: a secret": deployed(containers=secret([gcore_container("luxembourg-1", 0, 9)])),
    "containers: one unknown": deployed(gcore_container("luxembourg-1"), unknown()),
    "containers: an object": deployed(containers=gcore_container("luxembourg-1")),
    "containers: a text": deployed(containers=json.dumps([gcore_container("luxembourg-1")])),
    "containers: without a scale": deployed({"region_id": "luxembourg-1"}),
    "containers: an unknown scale": deployed({"region_id": "luxembourg-1", "scale": unknown()}),
}
REGIONS: Final[Mapping[str, Resource]] = {
    **{
        f"region: {name}": deployed(gcore_container(value), quote=MISSING)
        for name, value in {**ODD, "a number": 1, "its number as a text": "1"}.items()
    },
    "region: left out": deployed({"scale": {"min": 0, "max": 1}}),
    "region: another one": deployed(gcore_container("frankfurt-1")),
    "region: another one as a secret": deployed(gcore_container(secret("frankfurt-1"))),
    "region: one of two": deployed(gcore_container("luxembourg-1"), gcore_container("frankfurt-1")),
    "region: another one by its number": deployed(gcore_container(26), quote=FORGED),
    "region: by a number that the quote does not name": deployed(gcore_container(52), quote=FORGED),
    "region: by a number, without a quote": deployed(gcore_container(26), quote={}),
    "region: at the end of an allowed name": deployed(gcore_container("eu/luxembourg-1")),
    "region: beside one that nobody reads": deployed(gcore_container("frankfurt-1"), region="luxembourg-1"),
}
GUARDED: Final[Mapping[str, Resource]] = {
    **{f"ignored: {path}": deployed(ignore_changes=[path]) for path in (*IGNORED, "*", "containers[0].scale.max")},
    "ignored: an expiry": resource(
        "pulumi-python:dynamic/gcore:RegistryCredential", ignore_changes=["registry_url"], expires_at=""
    ),
    "a foreign deployment": deployed(provider="gASVNwAAAAAAAACM"),
    "a foreign key": resource("pulumi-python:dynamic/gcore:ApiKey", provider="gASVNwAAAAAAAACM"),
    "a foreign secret": resource("pulumi-python:dynamic/gcore:Secret", provider="gASVNwAAAAAAAACM"),
    "a deployment by the provider of a key": deployed(provider=resource("pulumi-python:dynamic/gcore:ApiKey").provider),
    "a deployment by the provider of another cloud": deployed(provider=cortecs_instance().provider),
    "a deployment by a provider that is not shown": deployed(provider=None),
    "a deployment under another type": resource("pulumi-python:dynamic/gcore:Instance", provider=deployed().provider),
    "a lifetime that is left out": deployed(ttl=MISSING),
    "a lifetime that is too long": deployed(ttl="25h"),
    "a lifetime that is unknown": deployed(ttl=unknown()),
}
ALL: Final = {**FLAVORS, **REPLICAS, **REGIONS, **GUARDED}
"""By name, one resource that is to be refused, in a preview and in an `up`."""
BEFORE: Final = deployed(gcore_container("luxembourg-1", 0, 1))
IN_PLACE: Final[Mapping[str, Resource]] = {**FLAVORS, **REPLICAS, **REGIONS}
"""By name, what a deployment that is allowed is to be changed to."""


@pytest.mark.parametrize("name", ALL)
def test_it_is_refused(name: str, attempts: Attempts) -> None:
    attempts.tried(f"Gcore: {name}", through=not stopped(PackTester("guard", LIMITS), ALL[name]))


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_change_in_place_is_refused(name: str, attempts: Attempts) -> None:
    tester = PackTester("guard", LIMITS, held=[BEFORE])
    attempts.tried(f"Gcore, in place: {name}", through=not stopped(tester, IN_PLACE[name]))


def test_what_is_allowed_goes_through() -> None:
    by_number = {"hourly_total": "1.80", "currency": "USD", "source": "live", "regions": {"7": "luxembourg-2"}}
    for run in (PackTester("guard", LIMITS).preview, PackTester("guard", LIMITS, held=[BEFORE]).up):
        assert_allowed(run(BEFORE))
        assert_allowed(run(deployed(gcore_container("luxembourg-1", 0, 2), gcore_container("luxembourg-2", 0, 2))))
        assert_allowed(run(deployed(gcore_container(secret("luxembourg-1"), secret(0.0), 4.0))))
        assert_allowed(run(deployed(gcore_container(7), quote=by_number)))
        assert_allowed(run(deployed(ignore_changes=["description", "probes", "logging", "ingress_opts", "ttl"])))


TOGETHER: Final[Mapping[str, list[Resource]]] = {
    "two deployments": [
        gcore_deployment(name, ttl="8h", containers=[gcore_container("luxembourg-1", 0, 4)]) for name in "ab"
    ],
    "one that has no price among others": [BEFORE, gcore_deployment("b", ttl="8h", containers=unknown())],
}
"""By name, resources that are to be refused together."""


@pytest.mark.parametrize("name", TOGETHER)
def test_they_are_refused_together(name: str, attempts: Attempts) -> None:
    attempts.tried(f"Gcore: {name}", through=not stopped(PackTester("guard", LIMITS), *TOGETHER[name]))


def test_small_steps_in_place_do_not_add_up_to_more_than_twice_the_budget(attempts: Attempts) -> None:
    """What is in the state stays there until the change is made: beside it a change counts in full."""
    four = [gcore_container("luxembourg-1", 0, 4)]
    held = [gcore_deployment(name, ttl="8h", containers=four) for name in "abc"]
    tester = PackTester("guard", LIMITS, held=held)
    changed = gcore_deployment("a", ttl="8h", containers=[gcore_container("luxembourg-2", 0, 4)])
    attempts.tried("Gcore: a change beside a state that costs too much", through=not stopped(tester, changed))


@pytest.mark.parametrize("without", ["model-allowed", "model-fits-hardware"])
def test_limits_that_know_nothing_of_clouds_without_models_refuse_them(without: str, attempts: Attempts) -> None:
    silent = {key: value for key, value in LIMITS[without].items() if key != "without_model"}
    tester = PackTester("guard", {**LIMITS, without: silent})
    attempts.tried(f"Gcore: {without} without a word", through=not stopped(tester, BEFORE))


def test_what_may_be_ignored_never_decides_about_a_purchase() -> None:
    published = RESOURCE_TYPES[GCORE_DEPLOYMENT]
    assert not published.may_ignore & published.bought
    assert {"flavor_name", "containers", "timeout", "image", "envs", "api_keys"} <= published.bought
