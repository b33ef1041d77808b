"""The clouds on one port of this machine, for demonstrations and tests: same routes, same traps, no bill.

`running()` starts one inside this process; `pulumi-cortecs simulator` is the same as a program.
"""

from pulumi_cortecs.simulator.clouds import Control, Settings
from pulumi_cortecs.simulator.embedded import Simulator, running
from pulumi_cortecs.simulator.faults import FaultKind
from pulumi_cortecs.simulator.remote import (
    ClockReading,
    ControlError,
    InstanceTruth,
    LedgerEntry,
    LedgerReading,
    TrafficReading,
)
from pulumi_cortecs.simulator.state import StateError

__all__ = [
    "ClockReading",
    "Control",
    "ControlError",
    "FaultKind",
    "InstanceTruth",
    "LedgerEntry",
    "LedgerReading",
    "Settings",
    "Simulator",
    "StateError",
    "TrafficReading",
    "running",
]
