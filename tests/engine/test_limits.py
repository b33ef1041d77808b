"""The machine's limits on the real engine: no purchase beyond them in `preview` or `up`, and nothing in the way of an
end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import machine_limits
from tests.engine.programs import NOTHING, fleet, one_instance
from tests.engine.pulumi import Stack


def _limits(path: Path, simulator: Simulator, **limits: Any) -> dict[str, str]:
    path.write_text(machine_limits(simulator, **limits), encoding="utf-8")
    return {"PULUMI_CORTECS_LIMITS": str(path)}


def test_what_the_machine_does_not_allow_is_bought_by_no_command(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    env = _limits(tmp_path / "limits.json", simulator, allowed_hardware=["NVIDIA_L4_1"], instance_hourly_cap="5.00 EUR")
    stack.program(one_instance("hardware_type_id='NVIDIA_L40S_1', num_workers=8"))
    preview = stack.preview(expect=None, env=env)
    assert preview.code == 1
    assert "NVIDIA_L40S_1 is not allowed by" in preview.text
    skipped = stack.up(expect=None, env=env)
    assert skipped.code == 1
    assert "the instance costs 16.80 EUR/h" in skipped.text
    assert simulator.control.ledger().entries == ()
    # a program that shows something cheap first
    stack.program(
        "import pulumi\nworkers = 1 if pulumi.runtime.is_dry_run() else 8\n" + one_instance("num_workers=workers")
    )
    forked = stack.up(expect=None, env=env)
    assert forked.code == 1
    assert "the instance costs 9.60 EUR/h, and the cap per instance is 5.00 EUR" in forked.text
    assert simulator.control.ledger().entries == ()


def test_many_small_purchases_stop_at_the_ceiling_and_can_be_ended(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    env = _limits(tmp_path / "limits.json", simulator, account_hourly_ceiling="3.60 EUR")
    stack.program(fleet(8))
    result = stack.up(expect=None, env=env)
    assert result.code == 1
    assert "the ceiling of the account is 3.60 EUR" in result.text
    assert len(simulator.control.ledger().open) == 3
    broken = {"PULUMI_CORTECS_LIMITS": str(tmp_path / "gone.json")}
    stack.refresh(env=broken)
    stack.program(NOTHING)
    stack.up(env=broken)
    assert simulator.control.instances() == ()
