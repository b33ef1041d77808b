"""The cost of rented inference: money, priced hardware, quotes and billing rules; pure, without network or clock."""

from pulumi_cortecs.cost.billing import BillingInterval, billed_amount, run_cost
from pulumi_cortecs.cost.hardware import PricedHardware, RamMeaning
from pulumi_cortecs.cost.money import CurrencyMismatchError, Money, MoneyError
from pulumi_cortecs.cost.offer import Offer
from pulumi_cortecs.cost.quote import Quote, quote

__all__ = [
    "BillingInterval",
    "CurrencyMismatchError",
    "Money",
    "MoneyError",
    "Offer",
    "PricedHardware",
    "Quote",
    "RamMeaning",
    "billed_amount",
    "quote",
    "run_cost",
]
