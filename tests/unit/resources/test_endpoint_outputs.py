"""The outputs that an Instance has of its Endpoint."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from pulumi_cortecs import cortecs, gcore, shadeform
from pulumi_cortecs.resources.instance import EndpointOutput, EndpointText


@pytest.mark.parametrize(
    ("instance", "endpoint"),
    [
        (cortecs.Instance, cortecs.Endpoint),
        (gcore.InferenceDeployment, gcore.Endpoint),
        (shadeform.Instance, shadeform.Endpoint),
    ],
)
def test_pulumi_reads_the_types_of_all_from_the_endpoint_and_of_none_from_the_instance(
    instance: type[Any], endpoint: type[Any]
) -> None:
    names = {name for name in dir(endpoint) if isinstance(getattr(endpoint, name), EndpointOutput)}
    assert {"base_url", "status", "ready_by"} < names
    assert names <= endpoint.__annotations__.keys()
    assert not names & instance.__annotations__.keys()
    texts = {name for name in names if isinstance(getattr(endpoint, name), EndpointText)}
    assert {endpoint.__annotations__[name] for name in texts} == {pulumi.Output[str]}


def test_a_number_stays_a_number() -> None:
    assert shadeform.Endpoint.__annotations__["ssh_port"] == pulumi.Output[int]


def test_arguments_in_a_log_do_not_show_their_key() -> None:
    assert "hidden" not in repr(cortecs.InstanceArgs(model_id="m", ready_key="hidden"))
