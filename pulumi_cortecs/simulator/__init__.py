"""The simulated clouds on one port of this machine, for demonstrations and tests: same routes, same traps, no costs.

`running()` starts a simulator inside this process; `pulumi-cortecs simulator` runs one as a program.
"""

from pulumi_cortecs.simulator.clouds import Control, SimulatorSettings
from pulumi_cortecs.simulator.control_client import (
    ClockState,
    ControlError,
    LedgerEntry,
    LedgerState,
    RequestCounts,
    SimulatedInstance,
)
from pulumi_cortecs.simulator.embedded import Simulator, running
from pulumi_cortecs.simulator.faults import FaultKind
from pulumi_cortecs.simulator.state import StateError

# names of earlier versions
ClockReading = ClockState
InstanceTruth = SimulatedInstance
LedgerReading = LedgerState
Settings = SimulatorSettings
TrafficReading = RequestCounts

__all__ = [
    "ClockReading",
    "ClockState",
    "Control",
    "ControlError",
    "FaultKind",
    "InstanceTruth",
    "LedgerEntry",
    "LedgerReading",
    "LedgerState",
    "RequestCounts",
    "Settings",
    "SimulatedInstance",
    "Simulator",
    "SimulatorSettings",
    "StateError",
    "TrafficReading",
    "running",
]
