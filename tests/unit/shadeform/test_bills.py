"""A thousand random lives of instances and volumes: what the quote says, times the units that were started, is the
bill, to a millionth of a dollar. All arithmetic is here, in whole numbers, and none of it is ours."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from pulumi_cortecs.shadeform.client import ApiInstanceType
from pulumi_cortecs.shadeform.market import ShadeformMarket, instance_listings
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.clouds import SimulatorSettings
from pulumi_cortecs.simulator.faults import FaultKind, FaultMatch
from pulumi_cortecs.simulator.shadeform import SimulatedShadeform, serializers
from pulumi_cortecs.simulator.shadeform.requests import CreateRequest, CreateVolumeRequest
from pulumi_cortecs.simulator.world import World

LIVES, WORLDS = 1_000, 20
SECOND: Final = 1_000_000
"""In microseconds, in which all times are."""
HOUR: Final = 3_600 * SECOND
UNITS: Final = {"minute": 60 * SECOND, "second": SECOND}
VOLUMES: Final = {
    ("hyperstack", "montreal-canada-2"): 100,
    ("crusoe", "culpeper-usa-1"): 110,
    ("lambdalabs", "dallas-usa-3"): 280,
}
"""The prices of volumes in millionths of a dollar per GB and hour (market.yaml)."""


@dataclass
class Life:
    """One purchase: `price` is in millionths of a dollar per hour, `ends` are the moments that may end it."""

    price: int
    unit: int
    billed_from: int | None
    ends: list[int] = field(default_factory=list)

    def bill(self, now: int) -> int:
        """Its cost in millionths of a dollar, rounded once, half up."""
        ran = min([now, *self.ends]) - (now if self.billed_from is None else self.billed_from)
        started = -(-max(ran, 0) // self.unit)
        per_hour = HOUR // self.unit
        return (2 * self.price * started + per_hour) // (2 * per_hour)

    def spent_at(self, cents: int) -> int | None:
        """The end of the first unit with which it has cost so much."""
        if self.billed_from is None or not self.price:
            return None
        return self.billed_from + -(-cents * 10_000 * (HOUR // self.unit) // self.price) * self.unit


class Scene:
    """A simulated Shadeform whose time stands still between the events."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World(origin="http://127.0.0.1:1", defaults=SimulatorSettings(), seed=seed, monotonic=lambda: 0.0)
        self.cloud = SimulatedShadeform(self.world)
        self.start = self.world.clock.now()
        self.lives: dict[str, Life] = {}
        rows = [ApiInstanceType.model_validate(serializers.type_json(offer)) for offer in self.cloud.market]
        self.quotes = ShadeformMarket(lambda: instance_listings(rows))
        self.later: list[tuple[int, Callable[[], object]]] = []

    @property
    def now(self) -> int:
        """The time since its start."""
        return (self.world.clock.now() - self.start) // timedelta(microseconds=1)

    def set_knobs(self) -> dict[str, Any]:
        """Draws what the documentation leaves open."""
        knobs = {
            "shadeform_billing_start": self.chance.choice(["active", "created", "provider"]),
            "shadeform_rounding": self.chance.choice(["minute", "second"]),
            "boot_seconds": float(3 * self.chance.randrange(300)),
            "shadeform_balance": Decimal(10**9),
        }
        self.world.settings = replace(self.world.settings, **knobs)
        return knobs

    def buy_instance(self) -> None:
        """Orders an instance, and draws what becomes of it."""
        knobs, chance, begun = self.set_knobs(), self.chance, self.now
        offer = chance.choice(list(self.cloud.market))
        place = {
            "cloud": offer.cloud,
            "region": chance.choice(list(offer.regions)),
            "shade_instance_type": offer.shade_instance_type,
            "shade_cloud": chance.random() < 0.9,
        }
        quote, problems = self.quotes.quote(place)
        assert problems == []
        assert quote["hourly_total"] == f"{offer.hourly_price // 100}.{offer.hourly_price % 100:02}"
        step = int(knobs["boot_seconds"]) * SECOND // 3
        steps = {"created": 0, "provider": 2, "active": 3}[knobs["shadeform_billing_start"]]
        price = offer.hourly_price * 10_000 if place["shade_cloud"] else 0
        life = Life(price, UNITS[knobs["shadeform_rounding"]], begun + steps * step)
        fault = chance.choice(["none", "none", "stuck", "failure", "reclaim", "vanish"])
        self._spoil(fault, life, begun, step, steps)
        thresholds = self._thresholds(life, begun)
        order = {"name": "one", **place, "auto_delete": thresholds or None}
        instance_id = self.cloud.create(CreateRequest(**order)).instance_id
        self.world.faults.clear()
        self.lives[instance_id] = life
        self._end_later(lambda: self.cloud.delete(instance_id), life)

    def buy_volume(self) -> None:
        """Orders a volume, and draws the time of its deletion."""
        knobs, begun = self.set_knobs(), self.now
        (cloud, region), price = self.chance.choice(list(VOLUMES.items()))
        size = self.chance.randrange(1, 20_000)
        order = CreateVolumeRequest(cloud=cloud, region=region, size_in_gb=size, name=f"v{len(self.lives)}")
        volume_id = self.cloud.create_volume(order)
        life = self.lives[volume_id] = Life(price * size, UNITS[knobs["shadeform_rounding"]], begun)
        self._end_later(lambda: self.cloud.delete_volume(volume_id), life)

    def play(self, lives: int) -> None:
        """Lets time pass until all lives are bought and most have ended."""
        while len(self.lives) < lives or self.later:
            self.world.clock.advance(self.chance.choice([0.001, 1, 59.999, 60, 61.5, 977]))
            self.world.now()
            due = [act for at, act in self.later if at <= self.now]
            self.later = [(at, act) for at, act in self.later if at > self.now]
            for act in due:
                with suppress(ApiError):  # it has ended before
                    act()
            if len(self.lives) < lives:
                self.chance.choice([self.buy_instance, self.buy_instance, self.buy_volume])()

    def _spoil(self, fault: str, life: Life, begun: int, step: int, steps: int) -> None:
        """Adds a fault of the boot or the run, with what it does to the bill."""
        at, seconds = self.chance.randrange(1, 4), self.chance.randrange(20_000)
        billed_from = begun + steps * step
        if fault == "stuck":
            self._fault(FaultKind.STUCK_BOOT, step=at)
            life.billed_from = None if at <= steps else billed_from
        elif fault == "failure":
            self._fault(FaultKind.BOOT_FAILURE, step=at)
            life.billed_from = None if begun + at * step <= billed_from else billed_from
        elif fault != "none":
            self._fault(FaultKind.RECLAIM, seconds=seconds, vanish=fault == "vanish")
            taken_at = begun + 3 * step + seconds * SECOND
            if fault == "vanish":
                life.ends.append(taken_at)
            elif taken_at <= billed_from:
                life.billed_from = None

    def _fault(self, kind: FaultKind, **parameters: Any) -> None:
        self.world.faults.add(kind, FaultMatch(), parameters=parameters)

    def _thresholds(self, life: Life, begun: int) -> dict[str, str]:
        """Draws the end by the vendor."""
        thresholds: dict[str, str] = {}
        if self.chance.random() < 0.4:
            date = (self.start + timedelta(microseconds=begun + self.chance.randrange(40_000) * SECOND)).replace(
                microsecond=0
            )
            thresholds["date_threshold"] = f"{date:%Y-%m-%dT%H:%M:%SZ}"
            life.ends.append(max((date - self.start) // timedelta(microseconds=1), begun))
        if self.chance.random() < 0.4:
            cents = self.chance.randrange(1, 3_000)
            thresholds["spend_threshold"] = f"{cents // 100}.{cents % 100:02}"
            if (spent := life.spent_at(cents)) is not None:
                life.ends.append(max(spent, begun))
        return thresholds

    def _end_later(self, end: Callable[[], object], life: Life) -> None:
        def act() -> None:
            life.ends.append(self.now)
            end()

        self.later.append((self.now + self.chance.randrange(30_000) * SECOND, act))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_what_was_quoted_is_what_is_billed(seed: int) -> None:
    scene = Scene(seed)
    scene.play(LIVES // WORLDS)
    billed = {run.instance_id: run.amount(scene.world.clock.now()) for run in scene.world.ledger}
    expected = {bought: life.bill(scene.now) for bought, life in scene.lives.items()}
    assert len(expected) == LIVES // WORLDS
    assert {bought: (f"{money.amount:f}", money.currency) for bought, money in billed.items()} == {
        bought: (f"{micros // SECOND}.{micros % SECOND:06}", "USD") for bought, micros in expected.items()
    }
    assert any(expected.values())
