"""The settings of the simulated Shadeform: one for each behaviour that its documentation leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pulumi_cortecs.simulator.request_model import Amount, Seconds
from pulumi_cortecs.simulator.settings import SharedSettings

BillingStart = Literal["active", "created", "provider"]
Rounding = Literal["minute", "second"]


@dataclass(frozen=True)
class ShadeformSettings(SharedSettings):
    """The settings for undocumented behaviour of the API (docs/apis/shadeform.md#not-documented)."""

    shadeform_balance: Amount = Decimal("1000.00")
    """The prepaid balance in USD, before anything was billed; an order needs 5 USD of it."""
    shadeform_billing_start: BillingStart = "active"
    """The moment from which an instance is billed: active, its creation, or the acceptance by its provider."""
    shadeform_rounding: Rounding = "minute"
    """The unit of billing, of which a started one counts in full."""
    deleting_seconds: Seconds = 10.0
    """The time from deleting to deleted."""
    reboot_seconds: Seconds = 30.0
    """The time after a restart for which nothing on the instance answers; its status stays active."""
    cost_lag_seconds: Seconds = 60.0
    """The age of the costs that cost_estimate shows."""
    null_times: bool = False
    """Whether a time that has not come is null (true) or Go's zero time (false)."""
    null_lists: bool = False
    """Whether an empty list of instances, keys or volumes is null (true), as Go writes it, or [] (false)."""
    own_addresses: bool = True
    """Whether each instance has a loopback address of its own (true, where the system has them) or 127.0.0.1."""
