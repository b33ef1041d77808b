"""Take this instead of that, in the program itself."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from pulumi_cortecs.policy import substitute
from pulumi_cortecs.policy.testing import INSTANCE

TABLE = {"NVIDIA_H100_1": "NVIDIA_L40S_1"}


def transformed(props: dict[str, Any], kind: str = INSTANCE) -> dict[str, Any]:
    args = pulumi.ResourceTransformArgs(
        custom=True, type_=kind, name="chat", props=props, opts=pulumi.ResourceOptions(protect=True)
    )
    result = substitute(TABLE)(args)
    assert result is None or isinstance(result, pulumi.ResourceTransformResult)
    if result is None:
        return props
    assert result.opts.protect is True
    return dict(result.props)


def test_it_takes_the_other_hardware_and_leaves_the_rest() -> None:
    assert transformed({"hardware_type_id": "NVIDIA_H100_1", "num_workers": 2}) == {
        "hardware_type_id": "NVIDIA_L40S_1",
        "num_workers": 2,
    }


@pytest.mark.parametrize("props", [{"hardware_type_id": "NVIDIA_L4_1"}, {}, {"hardware_type_id": None}])
def test_it_leaves_alone_what_is_not_in_the_table(props: dict[str, Any]) -> None:
    assert transformed(props) == props


def test_it_leaves_other_resources_alone() -> None:
    assert transformed({"hardware_type_id": "NVIDIA_H100_1"}, "other:kind:Of")["hardware_type_id"] == "NVIDIA_H100_1"


@pytest.mark.parametrize("table", [{"a": "b", "b": "c"}, {"a": "b", "b": "a"}, {"a": "a"}])
def test_a_table_that_leads_on_is_refused(table: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="name the last one"):
        substitute(table)
