"""A thousand random lives of deployments that scale: the bill is what the quote's price of a replica makes of their
load, to the millionth, and never leaves the two ends of the quote. All arithmetic is that of `lives.py`, in whole
numbers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pulumi_cortecs.gcore.client import ApiFlavor, ApiPricePreview, ApiRegion, GcoreClient
from pulumi_cortecs.gcore.market import GcoreMarket, LiveOffers
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.simulator.clouds import SimulatorSettings
from pulumi_cortecs.simulator.gcore import SimulatedGcore
from pulumi_cortecs.simulator.gcore.catalogue_routes import price_json
from pulumi_cortecs.simulator.gcore.changes import Changes
from pulumi_cortecs.simulator.gcore.deployments import DEFAULT_PROJECT
from pulumi_cortecs.simulator.gcore.requests import CreateRequest, UpdateRequest
from pulumi_cortecs.simulator.world import World
from tests.unit.fakes import FakeClock
from tests.unit.gcore.lives import SECOND, Life, Period, Region

LIVES, WORLDS = 1_000, 100


class Client(GcoreClient):
    """A client whose answers are those of the simulated market."""

    def __init__(self, cloud: SimulatedGcore) -> None:
        super().__init__(Credentials("gcore", "http://127.0.0.1:1", ("key", "1")))
        self._cloud = cloud

    def flavors(self) -> list[ApiFlavor]:
        return [ApiFlavor(name=name) for name in self._cloud.market.flavors]

    def regions(self) -> list[ApiRegion]:
        return [ApiRegion(id=region.id, slug=region.slug) for region in self._cloud.market.regions.values()]

    def price(self, flavor_name: str, containers: Iterable[Mapping[str, Any]]) -> ApiPricePreview:
        replicas = sum(one["scale"]["max"] for one in containers)
        shown = price_json(self._cloud.market.flavors[flavor_name], replicas, self._cloud.settings)
        return ApiPricePreview.model_validate(shown)


class Scene:
    """A simulated Gcore whose time stands still between the events, with knobs for what the documentation leaves
    open."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World(origin="http://127.0.0.1:1", defaults=SimulatorSettings(), seed=seed, monotonic=lambda: 0.0)
        self.cloud = SimulatedGcore(self.world)
        self.changes = Changes(self.cloud)
        self.start = self.world.clock.now()
        self.lives: dict[str, Life] = {}
        self.arguments: dict[str, dict[str, Any]] = {}
        client = Client(self.cloud)
        self.quotes = GcoreMarket(LiveOffers(lambda: client, AnswerCache(FakeClock(), 1.0)))
        self.knobs: dict[str, Any] = {
            "gcore_billed_from": self.chance.choice(["ready", "started"]),
            "gcore_task_seconds": float(self.chance.randrange(100)),
            "gcore_exists_from": self.chance.choice(["asked", "started", "finished"]),
            "gcore_create_at_zero": self.chance.random() < 0.5,
            "gcore_currency": self.chance.choice(["USD", "EUR", "AZN"]),
            "gcore_discount_percent": Decimal(self.chance.randrange(50)),
            "gcore_gpu_quota": 10**6,
            "boot_seconds": float(3 * self.chance.randrange(300)),
        }
        self.world.settings = replace(self.world.settings, **self.knobs)
        for region_id in self.cloud.market.regions:
            for flavor in self.cloud.market.flavors:
                self.cloud.market.set_capacity(region_id, flavor, 100)

    @property
    def now(self) -> int:
        """The time since its start."""
        return (self.world.clock.now() - self.start) // timedelta(microseconds=1)

    def play(self, lives: int) -> None:
        """Buys all, and lets each be used and changed for a while."""
        for step in range(10 * lives):
            self.world.clock.advance(self.chance.choice([0.001, 1, 29, 59.999, 60, 61.5, 977]))
            self.world.now()
            if len(self.lives) < lives and not step % 5:
                self.buy()
            awake = [name for name, life in self.lives.items() if not life.is_deleted and life.busy_from <= self.now]
            for name in self.chance.sample(awake, min(len(awake), 3)):
                self.act(name)
        for life in self.lives.values():
            life.settle(self.now)

    def buy(self) -> None:
        chance, name, now = self.chance, f"life-{len(self.lives)}", self.now
        trigger = (chance.randrange(1, 4), chance.randrange(1, 1_000)) if chance.random() < 0.5 else None
        timeout = chance.choice([0, 1, 60, 120, 1_000])
        order = {"flavor_name": self._flavor(), "containers": self._containers(trigger), "timeout": timeout}
        life = self.lives[name] = Life(
            price=0,
            timeout=timeout * SECOND,
            boot=int(self.knobs["boot_seconds"]) * SECOND,
            billed_from_start=self.knobs["gcore_billed_from"] == "started",
            trigger=None if trigger is None else (trigger[0], trigger[1] * SECOND),
            busy_from=now + int(self.knobs["gcore_task_seconds"]) * SECOND,
        )
        self.arguments[name] = order
        more = {"name": name, "image": "vllm/vllm-openai:v1", "listening_port": 8000}
        self.changes.create(DEFAULT_PROJECT, CreateRequest.model_validate({**order, **more}))
        life.regions = _regions(order)
        self._quote(name)
        least = 0 if self.knobs["gcore_create_at_zero"] else 1
        life.begin(now, {key: max(region.least, least) for key, region in life.regions.items()})

    def act(self, name: str) -> None:
        """One request, load, change, stop, start or deletion."""
        life, chance, now = self.lives[name], self.chance, self.now
        life.settle(now)
        does = chance.choice(["ask"] * 8 + ["load"] * 3 + ["change"] * 5 + ["power"] * 2 + ["delete"])
        if does == "ask" and life.is_running:
            served = self.cloud.find_served_model(name)
            assert served is not None
            served.gateway({})
            life.ask(now)
        elif does == "load" and life.is_running:
            life.load, life.last = chance.choice([None, 0, 1, 3, 9]), now
            self.cloud.set_load(name, life.load)
            life.scale(now)
        elif does == "change":
            self._change(name)
        elif does == "power":
            self._power(name)
        elif does == "delete":
            self.changes.delete(DEFAULT_PROJECT, name)
            life.end(now)
            life.is_deleted = True
            life.periods.append(Period(now, 0, 0))

    def _change(self, name: str) -> None:
        life, now, before, chance = self.lives[name], self.now, self.arguments[name], self.chance
        trigger = None if life.trigger is None else (life.trigger[0], life.trigger[1] // SECOND)
        places = [one["region_id"] for one in before["containers"]]
        changed: dict[str, Any] = chance.choice(
            [
                {"flavor_name": self._flavor()},
                {"containers": self._containers(trigger)},
                {"containers": self._containers(trigger, places)},
                {"timeout": chance.choice([0, 1, 60, 120, 1_000])},
                {"envs": {"NUMBER": f"{now}"}},
                {"description": f"since {now}"},
            ]
        )
        after = self.arguments[name] = {**before, **changed}
        self.changes.update(DEFAULT_PROJECT, name, UpdateRequest.model_validate(changed))
        regions = _regions(after)
        counts = {key: life.wanted(replace(one, replicas=_there(life, key)), now) for key, one in regions.items()}
        interrupts = "envs" in changed or before["flavor_name"] != after["flavor_name"] or {*regions} != {*life.regions}
        if interrupts:
            life.end(now)
        for key, region in regions.items():
            region.replicas = _there(life, key)
        life.regions, life.timeout = regions, after["timeout"] * SECOND
        self._quote(name)
        if life.is_running and interrupts:
            life.begin(now, counts)
        elif life.is_running:
            life.scale(now)

    def _power(self, name: str) -> None:
        life, now = self.lives[name], self.now
        if life.is_running:
            self.changes.stop(DEFAULT_PROJECT, name)
            life.end(now)
            life.load, life.last, life.asked = None, None, []
        else:
            self.changes.start(DEFAULT_PROJECT, name)
            life.begin(now, {key: region.least for key, region in life.regions.items()})
        life.is_running = not life.is_running
        self._quote(name)

    def _quote(self, name: str) -> None:
        """Begins a period at the prices of the quote for the present arguments."""
        life = self.lives[name]
        state = "running" if life.is_running else "stopped"
        quote, problems = self.quotes.quote({**self.arguments[name], "state": state})
        assert (problems, quote["currency"]) == ([], self.knobs["gcore_currency"])
        life.price, rest = divmod(_millionths(quote["price_per_hour"]), 60)
        assert rest == 0
        hourly = {end: _millionths(quote[key]) for end, key in (("least", "hourly_min"), ("most", "hourly_total"))}
        for end, amount in hourly.items():
            assert amount == 60 * life.price * sum(getattr(region, end) for region in life.regions.values())
        if "while_stopped" in quote:
            assert quote["while_stopped"] == "0 while stopped"
            hourly = dict.fromkeys(hourly, 0)
        life.periods.append(Period(self.now, **hourly))

    def _flavor(self) -> str:
        return self.chance.choice(list(self.cloud.market.flavors))

    def _containers(self, trigger: tuple[int, int] | None, places: list[int] | None = None) -> list[dict[str, Any]]:
        chance = self.chance
        chosen = places or chance.sample(list(self.cloud.market.regions), chance.randrange(1, 4))
        triggers = {"triggers": {"http": {"rate": trigger[0], "window": trigger[1]}}} if trigger else {}
        scales = [(chance.choice([0, 0, 1, 2]), chance.choice([2, 3, 6])) for _ in chosen]
        return [
            {"region_id": region_id, "scale": {"min": least, "max": most, **triggers}}
            for region_id, (least, most) in zip(chosen, scales, strict=True)
        ]


def _regions(arguments: Mapping[str, Any]) -> dict[int, Region]:
    rows = arguments["containers"]
    return {one["region_id"]: Region(one["scale"]["min"], one["scale"]["max"]) for one in rows}


def _there(life: Life, region_id: int) -> list[tuple[int, int]]:
    return life.regions[region_id].replicas if region_id in life.regions else []


def _millionths(amount: str) -> int:
    """The millionths of a decimal string."""
    whole, _, parts = amount.partition(".")
    return int(whole) * SECOND + int(parts.ljust(6, "0"))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_what_was_quoted_is_what_is_billed(seed: int) -> None:
    scene = Scene(seed)
    scene.play(LIVES // WORLDS)
    assert len(scene.lives) == LIVES // WORLDS
    billed = dict.fromkeys(scene.lives, 0)
    for run in scene.world.ledger:
        amount = run.amount(scene.world.clock.now())
        assert amount.currency == scene.knobs["gcore_currency"]
        billed[run.instance_id] += _millionths(f"{amount.amount:f}")
    for life in scene.lives.values():
        life.end(scene.now)
    assert billed == {name: life.cost for name, life in scene.lives.items()}
    for name, life in scene.lives.items():
        least, most = life.bounds(scene.now)
        assert least <= billed[name] <= most
    assert any(billed.values())
