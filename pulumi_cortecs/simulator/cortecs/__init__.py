"""The simulated Cortecs: every route of the API facts' section 1.3, and the traps of section 1.6."""

from pulumi_cortecs.simulator.cortecs.cloud import CortecsCloud
from pulumi_cortecs.simulator.cortecs.control import cortecs_control_router
from pulumi_cortecs.simulator.cortecs.routes import cortecs_router

__all__ = ["CortecsCloud", "cortecs_control_router", "cortecs_router"]
