"""docs/policies/limits.md: the entries of each cloud, put into the limits that `pulumi-cortecs new` writes, allow what
they are for and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pulumi_cortecs.cli.new import STARTS
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
    file = ROOT / "policies" / "guard" / "limits" / STARTS[cloud.lower()].limits
    pack = PackTester("guard", {**json.loads(file.read_text(encoding="utf-8")), **json.loads(entries)})
    assert_allowed(pack.preview(*BOUGHT[cloud]))
    for other in BOUGHT.keys() - {cloud}:
        assert_denied(pack.preview(*BOUGHT[other]), "hardware-allowed")
