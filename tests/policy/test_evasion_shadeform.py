"""The evasion suite for Shadeform's machines and volumes, before the packs as they really run, without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.testing import (
    MISSING,
    SHADEFORM_INSTANCE,
    SHADEFORM_VOLUME,
    PackTester,
    Resource,
    assert_allowed,
    cortecs_instance,
    resource,
    secret,
    shadeform_instance,
    shadeform_volume,
    unknown,
)
from tests.policy.attempts import Attempts
from tests.policy.test_evasion_bench import CHEAP, OUTPUT, stopped
from tests.unit.policy.test_limits import DEMO

PLACE: Final = "hyperstack/montreal-canada-2"
LIMITS: Final[Mapping[str, Any]] = {
    **DEMO,
    "hardware-allowed": {"allowed": {"shadeform": [f"{PLACE}/A6000", f"{PLACE}/volume"]}},
    "gpu-type-allowed": {"allowed": ["A6000"]},
    "gpu-count-max": {"most": 1},
    "model-allowed": {"allowed": ["Qwen/*"], "without_model": ["shadeform"]},
    "model-fits-hardware": {"without_model": ["shadeform"]},
    "region-allowed": {"allowed": ["*-canada-*"]},
    "instance-hourly-cap": {"per_hour": ["5.00 EUR", "0.60 USD"]},
    "price-per-gpu-cap": {"per_gpu_hour": ["2.50 EUR", "0.60 USD"]},
    "stack-hourly-budget": {"per_hour": ["10.00 EUR", "1.20 USD"]},
    "stack-monthly-budget": {"per_month": ["5000.00 EUR", "1000.00 USD"]},
    "ttl-required": {"at_most": "24h"},
}
USD: Final = {**CHEAP, "currency": "USD"}
IGNORED: Final = ("cloud", "region", "shade_instance_type", "volume_ids", "launch_configuration", "adopt_id", "quote")


def machine(**changes: Any) -> Resource:
    return shadeform_instance(**{"ttl": "8h", **changes})


def placed(key: str, value: Any) -> Resource:
    return machine(**{key: value})


def stored(**changes: Any) -> Resource:
    return shadeform_volume(**changes)


ODD: Final[Mapping[str, Any]] = {
    "unknown": unknown(),
    "an unknown secret": secret(unknown()),
    "left out": MISSING,
    "null": None,
    "empty": "",
    "a list": ["A6000"],
    "an object": {"value": "A6000"},
    "a number": 6000,
    "an output": {**OUTPUT, "value": "H100"},
    "an output without a value": OUTPUT,
}
ALIKE: Final[Mapping[str, str]] = {
    "a space behind": "{0} ",
    "a line break behind": "{0}\n",
    "a zero byte behind": "{0}\0",
    "a zero-width space": "{0}\u200b",
    "a slash behind": "{0}/",
    "a slash before": "/{0}",
    "two dots": "../{0}",
    "written from right to left": "\u202e{0}",
}
GOOD: Final = {"cloud": "hyperstack", "region": "montreal-canada-2", "shade_instance_type": "A6000"}
PARTS: Final[Mapping[str, Resource]] = {
    **{f"{key}: {name}": placed(key, value) for key in GOOD for name, value in ODD.items()},
    **{
        f"{key}: {name}": placed(key, form.format(value)) for key, value in GOOD.items() for name, form in ALIKE.items()
    },
    "cloud: upper case": placed("cloud", "Hyperstack"),
    "type: lower case": placed("shade_instance_type", "a6000"),
    "cloud: a Cyrillic letter": placed("cloud", "hуperstack"),
    "region: a full-width digit": placed("region", "montreal-canada-２"),
    "type: a Greek capital": placed("shade_instance_type", "Α6000"),
    "type: a secret": placed("shade_instance_type", secret("H100")),
    "type: a pattern": placed("shade_instance_type", "A6000*"),
    "type: of a volume": placed("shade_instance_type", "volume"),
    "type: two GPUs": placed("shade_instance_type", "A6000x2"),
    "cloud: the same type elsewhere, for more": placed("cloud", "paperspace"),
    "region: another one": machine(cloud="massedcompute", region="kansascity-usa-1"),
    "three parts in two": machine(cloud=PLACE, region="A6000", shade_instance_type=MISSING),
    "three parts in one": machine(cloud=MISSING, region=MISSING, shade_instance_type=f"{PLACE}/A6000"),
    "a hardware id that nobody reads": machine(shade_instance_type="L40", hardware_type_id=f"{PLACE}/A6000"),
    "a model, so that a list of models holds": machine(shade_instance_type="L40", model_id="Qwen--Qwen2-7B-Instruct"),
    "fewer workers than one": machine(shade_instance_type="A6000x2", num_workers=0),
    "a forged quote": machine(shade_instance_type="L40", quote=USD),
    "a forged quote, in another currency": machine(shade_instance_type="L40", quote=CHEAP),
    "an adopted one": machine(shade_instance_type="L40", adopt_id="6f9b0ef1-0000-4000-8000-000000000000"),
    "one that a linked cloud bills": machine(shade_instance_type="L40", shade_cloud=False),
    "one from a template": machine(shade_instance_type="L40", template_id="vllm"),
    "a lifetime that auto_delete names": machine(ttl=MISSING, auto_delete={"date_threshold": "2099-01-01T00:00:00Z"}),
    "a lifetime that is unknown": machine(ttl=unknown()),
    "a lifetime that is too long": machine(ttl="25h"),
    "a limit of spending for a lifetime": machine(ttl=MISSING, spend_limit="1 USD"),
    "tags for labels, for a lifetime": machine(ttl=MISSING, tags=["ttl=8h"]),
}
VOLUMES: Final[Mapping[str, Resource]] = {
    **{f"size: {name}": stored(size_in_gb=value) for name, value in ODD.items() if name != "a number"},
    "size: 0": stored(size_in_gb=0),
    "size: -100": stored(size_in_gb=-100),
    "size: 0.5": stored(size_in_gb=0.5),
    "size: too much": stored(size_in_gb=6001),
    "size: 1e30": stored(size_in_gb=1e30),
    "size: not a number": stored(size_in_gb=float("nan")),
    "size: true": stored(size_in_gb=True),
    "size: a text": stored(size_in_gb="100"),
    "size: a secret": stored(size_in_gb=secret(6001)),
    "a forged quote of a volume": stored(size_in_gb=6001, quote=USD),
    "a volume where there is no price": stored(cloud="scaleway", region="paris-france-1"),
    "a volume in another region": stored(cloud="crusoe", region="culpeper-usa-1"),
    "a volume that says it is a machine": stored(region="montreal-canada-2/A6000"),
}
GUARDED: Final[Mapping[str, Resource]] = {
    **{f"ignored: {path}": machine(ignore_changes=[path]) for path in IGNORED},
    **{f"ignored: {path}, of a volume": stored(ignore_changes=[path]) for path in ("region", "size_in_gb", "*")},
    "ignored: within the container": machine(ignore_changes=["launch_configuration.docker_configuration.image"]),
    "ignored: one of a list": machine(ignore_changes=["volume_ids[0]"]),
    "a foreign machine": machine(provider="gASVNwAAAAAAAACM"),
    "a foreign volume": stored(provider="gASVNwAAAAAAAACM"),
    "a foreign key": resource("pulumi-python:dynamic/shadeform:SshKey", provider="gASVNwAAAAAAAACM"),
    "a machine by the provider of a key": machine(provider=resource("pulumi-python:dynamic/shadeform:SshKey").provider),
    "a machine by the provider of another cloud": machine(provider=cortecs_instance().provider),
    "a machine by a provider that is not shown": machine(provider=None),
    "a machine under another type": resource("pulumi-python:dynamic/Shadeform:Instance", provider=machine().provider),
    "a machine in a key's place": resource("pulumi-python:dynamic/shadeform:Cluster", provider=machine().provider),
}
ALL: Final = {**PARTS, **VOLUMES, **GUARDED}
"""By name, one resource that is to be refused, in a preview and in an `up`."""


@pytest.mark.parametrize("name", ALL)
def test_it_is_refused(name: str, attempts: Attempts) -> None:
    attempts.tried(f"Shadeform: {name}", through=not stopped(PackTester("guard", LIMITS), ALL[name]))


def test_what_is_allowed_goes_through() -> None:
    for run in (PackTester("guard", LIMITS).preview, PackTester("guard", LIMITS).up):
        assert_allowed(run(machine(), stored()))
        assert_allowed(run(machine(shade_instance_type=secret("A6000"), region=secret("montreal-canada-2"))))
        assert_allowed(run(machine(ignore_changes=["tags", "auto_delete", "name", "ttl"]), stored(size_in_gb=6000)))


@pytest.mark.parametrize("without", ["model-allowed", "model-fits-hardware"])
def test_limits_that_know_nothing_of_clouds_without_models_refuse_them(without: str, attempts: Attempts) -> None:
    silent = {key: value for key, value in LIMITS[without].items() if key != "without_model"}
    tester = PackTester("guard", {**LIMITS, without: silent})
    attempts.tried(f"Shadeform: {without} without a word", through=not stopped(tester, machine()))


def test_a_model_left_out_elsewhere_is_refused_still(attempts: Attempts) -> None:
    hardware = {"allowed": {"cortecs": ["NVIDIA_L4_1"]}}
    tester = PackTester(
        "guard", {**LIMITS, "hardware-allowed": hardware, "gpu-type-allowed": {"allowed": ["NVIDIA L4"]}}
    )
    attempts.tried("no model, beside a cloud without", through=not stopped(tester, cortecs_instance(model_id=MISSING)))


TOGETHER: Final[Mapping[str, list[Resource]]] = {
    "three machines": [shadeform_instance(f"n{number}", ttl="8h") for number in range(3)],
    "two machines and a volume": [
        *(shadeform_instance(f"n{number}", ttl="8h") for number in range(2)),
        shadeform_volume(size_in_gb=3000),
    ],
    "three volumes": [shadeform_volume(f"v{number}", size_in_gb=5000) for number in range(3)],
    "one that has no price among others": [machine(), shadeform_volume(size_in_gb=unknown())],
}
"""By name, resources that are to be refused together."""


@pytest.mark.parametrize("name", TOGETHER)
def test_they_are_refused_together(name: str, attempts: Attempts) -> None:
    attempts.tried(f"Shadeform: {name}", through=not stopped(PackTester("guard", LIMITS), *TOGETHER[name]))


def test_what_the_state_holds_of_volumes_counts(attempts: Attempts) -> None:
    held = [shadeform_volume(f"v{number}", size_in_gb=6000) for number in range(4)]
    tester = PackTester("guard", LIMITS, held=held)
    attempts.tried("Shadeform: beside volumes that no program names", through=not stopped(tester, machine()))


def test_what_may_be_ignored_never_decides_about_a_purchase() -> None:
    for token in (SHADEFORM_INSTANCE, SHADEFORM_VOLUME):
        published = RESOURCE_TYPES[token]
        assert not published.may_ignore & published.bought
        assert {"cloud", "region"} <= published.bought
