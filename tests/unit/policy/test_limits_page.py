"""docs/policies/limits.md: the entries of each cloud, put into dev.json, allow what they are for and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pulumi_cortecs.policy.testing import (
    PackTester,
    Resource,
    assert_allowed,
    assert_denied,
    cortecs_instance,
    gcore_deployment,
    shadeform_instance,
    shadeform_volume,
)

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "policies" / "limits.md").read_text(encoding="utf-8")
DEV = json.loads((ROOT / "policies" / "guard" / "limits" / "dev.json").read_text(encoding="utf-8"))
BOUGHT: dict[str, tuple[Resource, ...]] = {
    "Cortecs": (cortecs_instance(ttl="8h"),),
    "Shadeform": (shadeform_instance(ttl="8h"), shadeform_volume()),
    "Gcore": (gcore_deployment(ttl="8h"),),
}
EXAMPLES = re.findall(r"^## (\w+)\n\n```json\n(.*?)^```$", PAGE, re.M | re.S)


def test_each_cloud_has_an_example() -> None:
    assert [cloud for cloud, _ in EXAMPLES] == list(BOUGHT)


@pytest.mark.parametrize(("cloud", "entries"), EXAMPLES)
def test_an_example_allows_its_cloud_and_no_other(cloud: str, entries: str) -> None:
    pack = PackTester("guard", {**DEV, **json.loads(entries)})
    assert_allowed(pack.preview(*BOUGHT[cloud]))
    for other in BOUGHT.keys() - {cloud}:
        assert_denied(pack.preview(*BOUGHT[other]), "hardware-allowed")
