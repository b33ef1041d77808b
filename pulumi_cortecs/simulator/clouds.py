"""The simulated clouds, and the settings, control and access of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_cortecs.simulator.cortecs import CORTECS, CortecsAccess, CortecsControl, CortecsSettings
from pulumi_cortecs.simulator.gcore import GCORE, GcoreAccess, GcoreControl, GcoreSettings
from pulumi_cortecs.simulator.shadeform import SHADEFORM, ShadeformAccess, ShadeformControl, ShadeformSettings
from pulumi_cortecs.simulator.vendor import Vendor

CLOUDS: Final[tuple[Vendor, ...]] = (CORTECS, SHADEFORM, GCORE)


@dataclass(frozen=True)
class SimulatorSettings(CortecsSettings, ShadeformSettings, GcoreSettings):
    """The settings of all clouds. A change applies to later events."""


class Control(CortecsControl, ShadeformControl, GcoreControl):
    """A typed client of `/_sim`, the control of a running simulator. Raises ControlError for a refused request."""

    def __init__(self, url: str, clouds: Sequence[Vendor] = CLOUDS):
        super().__init__(url)
        self.rows = {cloud.name: cloud.rows for cloud in clouds}
        self.matched_by = frozenset(name for cloud in clouds for name in cloud.matched_by)


class Access(CortecsAccess, ShadeformAccess, GcoreAccess):
    """The access of clients to the simulated APIs."""


def environment(url: str, clouds: Sequence[Vendor] = CLOUDS) -> dict[str, str]:
    """The variables that point all clouds' clients at a simulator."""
    return {name: value for cloud in clouds for name, value in cloud.environment(url).items()}
