"""The program's resources and exports, without an engine, an account or a network: `pytest examples/quickstart`."""

from __future__ import annotations

from pathlib import Path

from pulumi_cortecs.testing import CortecsMocks

PROGRAM = Path(__file__).parent


def test_one_small_instance_is_declared_and_its_address_exported() -> None:
    mocks = CortecsMocks()
    exports = mocks.run(PROGRAM)
    assert list(mocks.instances) == ["chat"]
    assert mocks.instances["chat"].model_id == "Qwen--Qwen2-7B-Instruct"
    assert mocks.instances["chat"].num_workers == 1
    assert exports["base_url"].endswith("/v1")
    assert exports["status"] == "running"


def test_an_hour_of_it_costs_what_its_minutes_do() -> None:
    mocks = CortecsMocks(prices={"NVIDIA_L4_1": "0.02"})  # EUR per worker and minute
    mocks.run(PROGRAM)
    assert mocks.instances["chat"].quote["hourly_total"] == "1.20"
