"""What deployments that scale cost: docs/apis/gcore.md#scaling and #billing once more, in whole numbers, and nothing of
ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECOND: Final = 1_000_000
"""In microseconds, in which all times are; amounts are in millionths of the currency."""
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE


@dataclass
class Region:
    """The replicas of one region: the moments from which each is ready, and is billed."""

    least: int
    most: int
    replicas: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Period:
    """The time between two changes of the quote, whose hourly ends are `least` and `most`."""

    since: int
    least: int
    most: int


@dataclass
class Life:
    """One deployment, and what it has cost.

    A replica costs `price` a minute, and boots for `boot`. `trigger` are the requests for one replica, and the time in
    which they come. It is used from `busy_from` on. `rounding` is what the started minutes of its replicas may cost
    beyond the time that they ran.
    """

    price: int
    timeout: int
    boot: int
    billed_from_start: bool
    trigger: tuple[int, int] | None
    busy_from: int
    regions: dict[int, Region] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)
    is_running: bool = True
    is_deleted: bool = False
    begun: int = 0
    load: int | None = None
    asked: list[int] = field(default_factory=list)
    last: int | None = None
    cost: int = 0
    rounding: int = 0

    def begin(self, now: int, counts: Mapping[int, int]) -> None:
        """All containers start anew; those of the last region are ready last."""
        self.end(now)
        self.begun, self.asked = now, []
        for number, (region_id, region) in enumerate(self.regions.items(), start=1):
            thirds = 3 if number == len(self.regions) else 2
            self._resize(region, counts[region_id], now, now + self.boot * thirds // 3)

    def end(self, now: int) -> None:
        """All replicas end."""
        for region in self.regions.values():
            self._resize(region, 0, now, now)

    def ask(self, now: int) -> None:
        """A request comes. Those that no trigger can count any more are forgotten."""
        per_replica, _ = self.trigger or (0, 0)
        self.asked, self.last = [*self.asked, now], now
        countable = per_replica * max(region.most for region in self.regions.values())
        self.asked = self.asked[-countable:] if countable else []
        self.scale(now)

    def scale(self, now: int) -> None:
        """Each region gets the replicas that it should have."""
        for region in self.regions.values():
            self._resize(region, self.wanted(region, now), now, now + self.boot)

    def wanted(self, region: Region, now: int) -> int:
        """The replicas that a region should have."""
        if self.load is None:
            per_replica, window = self.trigger or (1, 1)
            asked = self.asked if self.trigger else [self.last]
            recent = sum(moment is not None and moment > now - window for moment in asked)
            asked_for = max(len(region.replicas), -(-recent // per_replica))
        else:
            asked_for = self.load
        return min(max(asked_for, region.least), region.most)

    def settle(self, now: int) -> None:
        """Scales down to the least replicas, if it was idle for long enough by now."""
        spare = any(len(region.replicas) > region.least for region in self.regions.values())
        if self.load is not None or not spare:
            return
        ready = [ready_at for region in self.regions.values() for ready_at, _ in region.replicas]
        idle_at = max([self.begun, self.last or 0, *ready]) + self.timeout
        idle_at = max(idle_at, self.periods[-1].since)  # a change may have made replicas superfluous
        if idle_at <= now:
            self.asked = []
            for region in self.regions.values():
                self._resize(region, region.least, idle_at, idle_at)

    def bounds(self, now: int) -> tuple[int, int]:
        """The least and the most that the quotes allow until now: the least replicas run once they have booted, and a
        started minute counts in full."""
        until = [*(period.since for period in self.periods[1:]), now]
        least = most = 0
        for period, end in zip(self.periods, until, strict=True):
            least += period.least * max(end - period.since - self.boot, 0)
            most += period.most * (end - period.since)
        return least // HOUR, -(-most // HOUR) + self.rounding

    def _resize(self, region: Region, count: int, now: int, ready_at: int) -> None:
        """The newest replicas end first."""
        for _, billed_from in region.replicas[count:]:
            minutes = -(-max(now - billed_from, 0) // MINUTE)
            self.cost += minutes * self.price
            self.rounding += self.price if minutes else 0
        new = (ready_at, now if self.billed_from_start else ready_at)
        region.replicas = region.replicas[:count] + [new] * (count - len(region.replicas))
