"""The settings of the simulated Cortecs: one for each behaviour that its documentation leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pulumi_cortecs.simulator.request_model import Amount, AnyStatus, ErrorStatus, Seconds, Shift
from pulumi_cortecs.simulator.settings import SharedSettings


@dataclass(frozen=True)
class CortecsSettings(SharedSettings):
    """The settings for undocumented behaviour of the API (docs/apis/cortecs.md#not-documented)."""

    worker_stagger_seconds: Seconds = 0.0
    """The delay of each further worker after the one before it."""
    bill_pending: bool = True
    """Whether the bill begins at the start request (true) or when the first worker runs."""
    initial_balance: Amount = Decimal("1000.00")
    """The prepaid balance in EUR, before anything was billed."""
    empty_balance_status: AnyStatus = 200
    """HTTP status for a start or restart while the balance is zero or less; other than 200 refuses it."""
    error_key: str = "error"
    """The key of the message in an error's body."""
    unknown_id_status: ErrorStatus = 404
    """HTTP status for an instance or model id in a path, or an instance id in a body, that does not exist."""
    unknown_model_status: ErrorStatus = 400
    """HTTP status for a start request that names a model which does not exist."""
    stop_stopped_status: AnyStatus = 200
    """HTTP status for stopping a stopped instance; other than 200 refuses it."""
    stop_pending_status: AnyStatus = 200
    """HTTP status for stopping a pending instance; other than 200 refuses it."""
    instance_clock_ahead_seconds: Shift = 0.0
    """Seconds by which the shown times of instances are ahead of the clock; 7200 is the local time of UTC+2 with a Z
    behind it."""
