"""The simulated clouds, and the shared parts with those of all clouds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_cortecs.simulator.cortecs import CORTECS, CortecsAccess, CortecsControl, CortecsSettings
from pulumi_cortecs.simulator.vendor import Vendor

CLOUDS: Final[tuple[Vendor, ...]] = (CORTECS,)


@dataclass(frozen=True)
class SimulatorSettings(CortecsSettings):
    """The knobs of all clouds. A change holds for what happens after it."""


class Control(CortecsControl):
    """A typed client of `/_sim`, the control of a running simulator. Raises ControlError for a refused request."""

    def __init__(self, url: str, clouds: Sequence[Vendor] = CLOUDS):
        super().__init__(url)
        self.rows = {cloud.name: cloud.rows for cloud in clouds}
        self.matched_by = frozenset(name for cloud in clouds for name in cloud.matched_by)


class Access(CortecsAccess):
    """The access to the simulated APIs that their clients have."""


def environment(url: str, clouds: Sequence[Vendor] = CLOUDS) -> dict[str, str]:
    """The variables that point all clouds' clients at a simulator."""
    return {name: value for cloud in clouds for name, value in cloud.environment(url).items()}
