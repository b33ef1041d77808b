"""How the simulated clouds behave where the vendors' documentation is silent, and where tests need a say."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Settings:
    """One knob per undocumented behaviour (docs/apis/*.md#not-documented), and the pace of things.

    Times are virtual seconds unless they say "real". A change holds for what happens after it: runs that have begun
    keep the boot time and the billing rule they began with.
    """

    boot_seconds: float = 30.0
    """From start or restart to running; four of the five steps take an equal share, the fifth is "running"."""
    worker_stagger_seconds: float = 0.0
    """How much later than the one before it each further worker is running."""
    bill_pending: bool = True
    """Whether the bill begins at the start request (true) or when the first worker runs."""
    initial_balance: Decimal = Decimal("1000.00")
    """The prepaid balance in EUR, before anything was billed."""
    empty_balance_status: int = 200
    """HTTP status for a start or restart while the balance is zero or less; other than 200 refuses it."""
    error_key: str = "error"
    """The key of the message in an error's body."""
    unknown_id_status: int = 404
    """HTTP status for an instance or model id in a path, or an instance id in a body, that does not exist."""
    unknown_model_status: int = 400
    """HTTP status for a start request that names a model which does not exist."""
    stop_stopped_status: int = 200
    """HTTP status for stopping a stopped instance; other than 200 refuses it."""
    stop_pending_status: int = 200
    """HTTP status for stopping a pending instance; other than 200 refuses it."""
    token_ttl_real_seconds: float = 3600.0
    """How long a new access token is good for, in real seconds."""
    date_ahead_seconds: float = 0.0
    """How far the `Date` of answers is ahead of the clock that runs the clouds; it may be negative."""
    instance_clock_ahead_seconds: float = 0.0
    """How far the times shown of instances are ahead of it; 7200 is the local time of UTC+2 with a Z behind it."""
    stream_chunk_real_seconds: float = 0.0
    """Pause before each chunk of a streamed answer of a served model, in real seconds."""
