"""The price in a catalogue is the price in the plan, and on the bill in the end."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from pulumi_cortecs import cli
from pulumi_cortecs.cost import billed_amount, catalogue
from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack


def test_the_plan_quotes_what_was_pinned_until_the_price_moves(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / "catalogue.lock.yaml"
    env = {"CORTECS_API_BASE_URL": simulator.base_url}
    assert CliRunner().invoke(cli.app, ["catalogue", "pull", "-o", str(path)], env=env).exit_code == 0
    row = catalogue.load(path).fitting("cortecs", "Qwen--Qwen2-7B-Instruct")[0]
    stack.program(one_instance(f"hardware_type_id={row.hardware_type_id!r}"))
    stack.up()
    quote = stack.outputs()["quote"]
    assert quote["price_per_hour"] == row.price_per_hour.decimal_string()
    assert quote["price_per_minute"] == row.price_per_minute.decimal_string()
    assert quote["currency"] == row.currency
    assert CliRunner().invoke(cli.app, ["catalogue", "verify", str(path)], env=env).exit_code == 0
    simulator.control.reprice(row.hardware_type_id, "1.50")
    assert (
        CliRunner().invoke(cli.app, ["catalogue", "verify", str(path)], env=env).exit_code == cli.catalogue.EXIT_DIFFERS
    )
    stack.destroy()
    (entry,) = simulator.control.ledger().entries
    assert entry.billed_from is not None
    assert entry.ended_at is not None
    assert entry.amount == billed_amount(row, entry.billing_interval, 1, entry.ended_at - entry.billed_from)
