"""Every number of a report, over random previews, against integer arithmetic in thousandths of a cent."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pulumi_cortecs import cli
from tests.review.generated import CORTECS, GCORE, VOLUME, Events, cortecs, gcore, volume

LOCK = Path(cli.__file__).parents[1] / "catalogues" / "simulator.lock.yaml"
MICRO = 1_000_000


def micro(text: str) -> int:
    """A decimal string as millionths."""
    whole, _, decimals = text.partition(".")
    assert len(decimals) <= 6, text
    sign = -1 if text.startswith("-") else 1
    return sign * (abs(int(whole)) * MICRO + int(decimals.ljust(6, "0") or "0"))


def prices() -> dict[str, dict[str, int]]:
    """Millionths for an hour, by cloud and hardware."""
    clouds = yaml.load(LOCK.read_text(), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))["clouds"]
    hourly: dict[str, dict[str, int]] = {}
    for cloud, listed in clouds.items():
        for row in listed["hardware_types"]:
            by_minute = cloud == "cortecs"
            price = micro(row["price_per_minute"]) * 60 if by_minute else micro(row["price_per_hour"])
            hourly.setdefault(cloud, {})[row["hardware_type_id"]] = price
    return hourly


class Side:
    """One random purchase: its inputs, and its floor and ceiling in millionths."""

    def __init__(self, chance: random.Random, resource_type: str) -> None:
        hourly = prices_of[{CORTECS: "cortecs", GCORE: "gcore", VOLUME: "shadeform"}[resource_type]]
        stopped = chance.random() < 0.2 and resource_type != VOLUME
        state = "stopped" if stopped else "running"
        if resource_type == CORTECS:
            hardware, workers = chance.choice(sorted(hourly)), chance.randint(1, 9)
            self.inputs, self.floor = cortecs(hardware, workers, state), hourly[hardware] * workers
            self.ceiling = self.floor
        elif resource_type == GCORE:
            flavor, least = chance.choice(sorted(hourly)), chance.randint(0, 3)
            most = max(least, 1) + chance.randint(0, 4)
            self.inputs = gcore(flavor, least, most, state)
            self.floor, self.ceiling = hourly[flavor] * least, hourly[flavor] * most
        else:
            size = chance.randint(1, 900)
            self.inputs, self.floor = volume(size), hourly["hyperstack/montreal-canada-2/volume"] * size
            self.ceiling = self.floor
        if stopped:
            self.floor = self.ceiling = 0


prices_of = prices()


def random_preview(chance: random.Random) -> tuple[Events, dict[str, list[int]], int, int]:
    """Events; by currency the floors and ceilings before, after and unchanged; the changed and unchanged purchases."""
    events, sums, changed, unchanged = Events(), {}, 0, 0
    for number in range(chance.randint(1, 12)):
        resource_type = chance.choice([CORTECS, GCORE, VOLUME])
        before, after = Side(chance, resource_type), Side(chance, resource_type)
        op = chance.choice(["create", "update", "delete", "replace", "same"])
        name = f"r{number}"
        if op == "create":
            events.step(op, name, None, after.inputs, resource_type=resource_type)
        elif op == "update":
            diffs = list(after.inputs)
            events.step(op, name, before.inputs, after.inputs, resource_type=resource_type, diffs=diffs)
        elif op == "delete":
            events.step(op, name, before.inputs, None, resource_type=resource_type)
        elif op == "replace":
            events.replace(name, before.inputs, after.inputs, resource_type=resource_type)
        else:
            events.step(op, name, before.inputs, before.inputs, resource_type=resource_type)
            after = before
        totals = sums.setdefault("EUR" if resource_type == CORTECS else "USD", [0] * 6)
        changed, unchanged = changed + (op != "same"), unchanged + (op == "same")
        for offset, side, counts in (
            (0, before, op != "create"),
            (2, after, op != "delete"),
            (4, before, op == "same"),
        ):
            if counts:
                totals[offset] += side.floor
                totals[offset + 1] += side.ceiling
    chance.shuffle(events.lines)
    return events.end(), sums, changed, unchanged


@pytest.mark.parametrize("seed", range(60))
def test_every_number_is_that_of_integers(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    events, sums, changed, unchanged = random_preview(chance)
    hours = chance.choice([730, 720, 744])
    most = {currency: chance.randint(1, 60) for currency in sums}
    gates = [word for currency, amount in most.items() for word in ("--max-increase", f"{amount}.25{currency}/month")]
    path = tmp_path / "events.jsonl"
    path.write_bytes(events.encode())
    options = ["--events", path, "--catalogue", LOCK, "--format", "json", "--hours-per-month", hours, *gates]
    result = CliRunner().invoke(cli.app, ["review", *map(str, options)])
    report: dict[str, Any] = json.loads(result.stdout)

    told = {
        total["currency"]: [
            micro(total[part][end]) for part in ("before", "after", "unchanged") for end in ("floor", "ceiling")
        ]
        for total in report["totals"]
    }
    assert told == sums
    for total in report["totals"]:
        before_floor, before, after_floor, after, *_ = sums[total["currency"]]
        assert [micro(total["difference"][end]) for end in ("floor", "ceiling")] == [
            after_floor - before_floor,
            after - before,
        ]
    (stack,) = report["stacks"]
    assert (len(stack["rows"]), stack["unchanged_count"]) == (changed, unchanged)

    increases = {currency: (after - before) * hours for currency, (_, before, _, after, *_) in sums.items()}
    failed = {gate["gate"] for gate in report["gates"] if not gate["passed"]}
    expected = {
        f"--max-increase {amount}.25 {currency}/month"
        for currency, amount in most.items()
        if increases[currency] > amount * MICRO + MICRO // 4
    }
    assert failed == expected
    assert result.exit_code == (6 if expected else 0)
    assert len(report["verdict"]) <= 120
    for currency, increase in increases.items():
        if increase and len(report["verdict"]) < 100:
            assert f"{'+' * (increase > 0)}{shown(increase)} {currency}/month" in report["verdict"]


def shown(amount: int) -> str:
    """Millionths as a person writes them, at least two decimals."""
    text = f"{Decimal(amount) / MICRO:f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"
