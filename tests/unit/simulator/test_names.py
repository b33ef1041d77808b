"""The public names of earlier versions."""

from __future__ import annotations

import pytest

from pulumi_cortecs import simulator


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ClockReading", "ClockState"),
        ("InstanceTruth", "SimulatedInstance"),
        ("LedgerReading", "LedgerState"),
        ("Settings", "SimulatorSettings"),
        ("TrafficReading", "RequestCounts"),
    ],
)
def test_a_renamed_class_is_still_found_under_its_old_name(old: str, new: str) -> None:
    assert getattr(simulator, old) is getattr(simulator, new)
    assert {old, new} <= set(simulator.__all__)
