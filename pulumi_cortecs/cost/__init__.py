"""What rented inference costs: money, priced hardware, quotes and billing rules; pure, with no network and no clock."""

from pulumi_cortecs.cost.billing import billed
from pulumi_cortecs.cost.hardware import HardwareType, RamMeaning
from pulumi_cortecs.cost.interval import BillingInterval
from pulumi_cortecs.cost.money import CurrencyMismatchError, Money, MoneyError
from pulumi_cortecs.cost.quote import Quote, quote

__all__ = [
    "BillingInterval",
    "CurrencyMismatchError",
    "HardwareType",
    "Money",
    "MoneyError",
    "Quote",
    "RamMeaning",
    "billed",
    "quote",
]
