"""What a misspelt or shortened name is taken for."""

from __future__ import annotations

import pytest

from pulumi_cortecs.cost.suggestions import closest_match

HARDWARE = ["NVIDIA_H100_1", "NVIDIA_L40S_1", "NVIDIA_L40S_2", "NVIDIA_L4_1", "NVIDIA_L4_2"]
ARGUMENTS = ["model_id", "hardware_type_id", "num_workers", "state"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("NVIDIA_L40_S_1", "NVIDIA_L40S_1"),
        ("L4", "NVIDIA_L4_1"),
        ("l40s", "NVIDIA_L40S_1"),
        ("L40", "NVIDIA_L40S_1"),
        ("h100", "NVIDIA_H100_1"),
        ("A100", None),
        ("1", None),
        ("", None),
    ],
)
def test_a_short_name_is_the_hardware_that_has_it_in_its_own(value: str, name: str | None) -> None:
    assert closest_match(value, HARDWARE) == name


@pytest.mark.parametrize(("value", "name"), [("modle_id", "model_id"), ("workers", "num_workers"), ("zzz", None)])
def test_an_argument_is_found_by_its_letters_or_a_part(value: str, name: str | None) -> None:
    assert closest_match(value, ARGUMENTS, at_least=0.6) == name
