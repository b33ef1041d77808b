"""The simulated Cortecs: every route of docs/apis/cortecs.md#endpoints, and the traps of docs/apis/cortecs.md#traps."""

from pulumi_cortecs.simulator.cortecs.cloud import SimulatedCortecs
from pulumi_cortecs.simulator.cortecs.control import cortecs_control_router
from pulumi_cortecs.simulator.cortecs.control_client import ROWS, CortecsAccess, CortecsControl, environment
from pulumi_cortecs.simulator.cortecs.instances import NUM_STEPS
from pulumi_cortecs.simulator.cortecs.routes import cortecs_router
from pulumi_cortecs.simulator.cortecs.settings import CortecsSettings
from pulumi_cortecs.simulator.cortecs.supply import ARGUMENTS
from pulumi_cortecs.simulator.vendor import OpenCloud, Vendor
from pulumi_cortecs.simulator.world import World


def _open(world: World) -> OpenCloud:
    cloud = SimulatedCortecs(world)
    return OpenCloud((cortecs_router(cloud), cortecs_control_router(cloud)), cloud.find_served_model)


CORTECS = Vendor(
    name=SimulatedCortecs.name,
    open=_open,
    environment=environment,
    arguments=ARGUMENTS,
    matched_by=("model_id",),
    boot_steps=NUM_STEPS - 1,
    rows=ROWS,
    hosts=("cortecs.ai",),
)

__all__ = [
    "CORTECS",
    "CortecsAccess",
    "CortecsControl",
    "CortecsSettings",
    "SimulatedCortecs",
    "cortecs_control_router",
    "cortecs_router",
]
