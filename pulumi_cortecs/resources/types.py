"""The types by which a checker (mypy, pyright) refuses a misspelt word of a program, and knows a quote.

A word that a program reads at run time, from its configuration, needs `typing.cast(State, ...)`; the provider's check
judges it in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pulumi_cortecs.provider.arguments import OnTimeout, Ready, State

__all__ = ["BillingInterval", "OnTimeout", "QuoteProperties", "Ready", "State"]

BillingInterval: TypeAlias = Literal["per_minute", "per_hour"]

if TYPE_CHECKING:
    from typing import TypedDict

    from typing_extensions import NotRequired

    class QuoteProperties(TypedDict):
        """The price of a purchase: decimal strings, with `currency` and `source`. It is empty where an instance that
        was not bought by this program has no price."""

        price_per_hour: str
        price_per_minute: str
        hourly_total: str
        currency: str
        source: str
        hourly_min: NotRequired[str]
        while_stopped: NotRequired[str]
        priced_by: NotRequired[str]
        billed_by: NotRequired[str]
        discount_percent: NotRequired[str]
        tax_percent: NotRequired[str]
        regions: NotRequired[dict[str, str]]

else:
    QuoteProperties = Any  # Pulumi builds an output by its annotation, and knows no TypedDict
