"""The simulated Cortecs: every route of docs/apis/cortecs.md#endpoints, and the traps of docs/apis/cortecs.md#traps."""

from pulumi_cortecs.simulator.cortecs.cloud import CortecsCloud
from pulumi_cortecs.simulator.cortecs.control import cortecs_control_router
from pulumi_cortecs.simulator.cortecs.routes import cortecs_router

__all__ = ["CortecsCloud", "cortecs_control_router", "cortecs_router"]
