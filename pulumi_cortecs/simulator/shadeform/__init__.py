"""The simulated Shadeform: the routes of docs/apis/shadeform.md#endpoints, but for clusters."""

from pulumi_cortecs.simulator.shadeform.cloud import SimulatedShadeform
from pulumi_cortecs.simulator.shadeform.control import shadeform_control_router
from pulumi_cortecs.simulator.shadeform.control_client import ROWS, ShadeformAccess, ShadeformControl, environment
from pulumi_cortecs.simulator.shadeform.instances import BOOT_STEPS
from pulumi_cortecs.simulator.shadeform.routes import shadeform_router
from pulumi_cortecs.simulator.shadeform.settings import ShadeformSettings
from pulumi_cortecs.simulator.vendor import OpenCloud, Vendor
from pulumi_cortecs.simulator.world import World


def _open(world: World) -> OpenCloud:
    cloud = SimulatedShadeform(world)
    return OpenCloud((shadeform_router(cloud), shadeform_control_router(cloud)), cloud.find_served_model)


SHADEFORM = Vendor(
    name=SimulatedShadeform.name,
    open=_open,
    environment=environment,
    arguments={},
    matched_by=("region", "shade_instance_type"),
    boot_steps=BOOT_STEPS,
    rows=ROWS,
    hosts=("api.shadeform.ai",),
)

__all__ = [
    "SHADEFORM",
    "ShadeformAccess",
    "ShadeformControl",
    "ShadeformSettings",
    "SimulatedShadeform",
    "shadeform_control_router",
    "shadeform_router",
]
