"""The simulated Gcore Everywhere Inference: the routes of docs/apis/gcore.md#endpoints."""

from pulumi_cortecs.simulator.gcore.cloud import SimulatedGcore
from pulumi_cortecs.simulator.gcore.control import gcore_control_router
from pulumi_cortecs.simulator.gcore.control_client import ROWS, GcoreAccess, GcoreControl, environment
from pulumi_cortecs.simulator.gcore.deployments import BOOT_STEPS
from pulumi_cortecs.simulator.gcore.routes import gcore_router
from pulumi_cortecs.simulator.gcore.settings import GcoreSettings
from pulumi_cortecs.simulator.vendor import OpenCloud, Vendor
from pulumi_cortecs.simulator.world import World


def _open(world: World) -> OpenCloud:
    cloud = SimulatedGcore(world)
    return OpenCloud((gcore_router(cloud), gcore_control_router(cloud)), cloud.find_served_model)


GCORE = Vendor(
    name=SimulatedGcore.name,
    open=_open,
    environment=environment,
    arguments={},
    matched_by=("region_id", "flavor_name"),
    boot_steps=BOOT_STEPS,
    rows=ROWS,
    hosts=("api.gcore.com",),
)

__all__ = [
    "GCORE",
    "GcoreAccess",
    "GcoreControl",
    "GcoreSettings",
    "SimulatedGcore",
    "gcore_control_router",
    "gcore_router",
]
