"""The simulated Cortecs: every route of docs/apis/cortecs.md#endpoints, and the traps of docs/apis/cortecs.md#traps."""

from pulumi_cortecs.simulator.cortecs.cloud import CortecsCloud
from pulumi_cortecs.simulator.cortecs.control import cortecs_control_router
from pulumi_cortecs.simulator.cortecs.instances import NUM_STEPS
from pulumi_cortecs.simulator.cortecs.remote import ROWS, CortecsAccess, CortecsControl, environment
from pulumi_cortecs.simulator.cortecs.routes import cortecs_router
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings
from pulumi_cortecs.simulator.cortecs.supply import ARGUMENTS
from pulumi_cortecs.simulator.vendor import Opened, Vendor
from pulumi_cortecs.simulator.world import World


def _open(world: World) -> Opened:
    cloud = CortecsCloud(world)
    return Opened((cortecs_router(cloud), cortecs_control_router(cloud)), cloud.served)


CORTECS = Vendor(
    name=CortecsCloud.name,
    open=_open,
    environment=environment,
    arguments=ARGUMENTS,
    matched_by=("model_id",),
    boot_steps=NUM_STEPS - 1,
    rows=ROWS,
)

__all__ = [
    "CORTECS",
    "CortecsAccess",
    "CortecsCloud",
    "CortecsControl",
    "CortecsSettings",
    "cortecs_control_router",
    "cortecs_router",
]
