"""The quotes of checks, and the price at which create may buy: no higher than the one that was shown.

The shown price is the one that the newest check of an earlier process recorded on this machine: the preview's, or an
earlier run's. Without one it is that of this run's check, which is the one in the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.quote import costs_nothing, is_from_catalogue
from pulumi_cortecs.cost.times import utc_seconds_text
from pulumi_cortecs.lifecycle.journal import JournalError
from pulumi_cortecs.lifecycle.shown_prices import ShownPrice
from pulumi_cortecs.provider import accounts, host, instance_records, session
from pulumi_cortecs.provider.kind import ResourceKind
from pulumi_cortecs.provider.properties import equal_values, has_unknown, is_unknown

_PERCENT: Final = Decimal("0.01")
_UNPRICED: Final = "unpriced"


class NoQuoteError(Exception):
    """A purchase has no price from the API, or a higher one than may be paid. The text says why."""


def record(kind: ResourceKind, urn: str, inputs: Mapping[str, Any], unpriced: Exception | None = None) -> None:
    """Records the result of a check; `unpriced` is the reason why it could not ask the market. Does nothing without a
    URN."""
    if urn:
        why = {} if unpriced is None else {_UNPRICED: str(unpriced)}
        session.current().quotes[urn] = {**_arguments(kind, inputs), "quote": inputs.get("quote"), **why}


def unpriced_text(urn: str) -> str:
    """The error of an `up` whose check could not ask the market; "" if it could. The CLI shows the check's warning at
    another place."""
    reason = session.current().quotes.get(urn, {}).get(_UNPRICED, "")
    return reason and f"its price could not be asked for: {reason}. Run `pulumi up` again when that is solved"


def is_purchasable(urn: str) -> bool:
    """Returns whether create would buy the result of the last check of this URN; True without a check."""
    checked = session.current().quotes.get(urn)
    return checked is None or (checked["quote"] is not None and not _is_from_catalogue(checked["quote"]))


def purchase_quote(kind: ResourceKind, inputs: Mapping[str, Any]) -> Any:
    """The quote of a purchase, at the price of this moment. Raises NoQuoteError and CloudError."""
    if _is_from_catalogue(inputs["quote"]):
        raise NoQuoteError(
            f"its price is from the pinned {inputs['quote']['source']}, not from the API: {kind.vendor} could "
            "not be reached when it was checked. Run `pulumi up` again where it can be reached"
        )
    market = accounts.market(kind, max_age=accounts.MAX_PRICE_AGE)
    made, _ = market.quote(inputs)
    if instance_records.hourly_total(made) is None:
        sought = market.policy_values(inputs).get("hardware_type_id") or inputs[kind.arguments.priced[0]]
        raise NoQuoteError(f"{kind.vendor} has no price for {sought}, so its cost is unknown")
    return made


def quoted_now(kind: ResourceKind, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with the quote of this moment. A policy's remediation comes after check, and a quote of its own could
    rename a region in it. Raises CloudError."""
    return {**inputs, "quote": accounts.market(kind, max_age=accounts.MAX_PRICE_AGE).quote(inputs)[0]}


def max_price_problem(inputs: Mapping[str, Any], made: Any) -> str:
    """The reason why the price of a quote is not within the `max_price` of the inputs; "" for none, or while either is
    unknown."""
    hourly, text = instance_records.hourly_total(made), inputs.get("max_price")
    if hourly is None or not text or is_unknown(text):
        return ""
    most = Money.read(text)
    if hourly.currency != most.currency:
        return f"is {most}, and the price is in {hourly.currency}: {hourly}/h; write an amount in {hourly.currency}"
    return f"is {most}, and the price is {hourly}/h; raise it, or choose other hardware" if hourly > most else ""


def require_max_price(inputs: Mapping[str, Any], made: Any) -> None:
    """Raises NoQuoteError where the price of the quote `made` is above the `max_price` of the inputs, or unknown."""
    if problem := max_price_problem(inputs, made):
        raise NoQuoteError(f"max_price {problem}")
    if inputs.get("max_price") and instance_records.hourly_total(made) is None:
        raise NoQuoteError(f"max_price is {inputs['max_price']}, and the price is unknown")


def require_shown(kind: ResourceKind, urn: str, inputs: Mapping[str, Any], made: Any) -> None:
    """Reports a lower price in the quote `made` than the one that was shown for the inputs. Raises NoQuoteError for one
    above `max_price`, and for a higher one, beyond `price_tolerance`; the next run then takes the price of this error
    as shown."""
    require_max_price(inputs, made)
    if (hourly := instance_records.hourly_total(made)) is None:
        return  # purchase_quote makes none without a price
    shown, shown_at = instance_records.hourly_total(inputs["quote"]), ""
    earlier, checked = _shown_earlier(kind, urn, inputs), session.current().quotes.get(urn)
    if earlier is not None:
        shown, shown_at = (
            earlier.hourly,
            f" at {utc_seconds_text(datetime.fromtimestamp(earlier.shown_at, timezone.utc))}",
        )
    elif checked is not None and not _is_same_purchase(kind, checked, inputs):
        # a policy has changed the arguments since, and no call shows the price of its choice before the order
        host.current_call().inform(f"a policy changed the arguments: the price is {hourly}/h, and {shown}/h was shown")
        return
    if shown is None:
        raise NoQuoteError("no price was shown for it; run `pulumi preview` first")
    if hourly.currency != shown.currency:
        record_shown(kind, urn, inputs, hourly)
        raise NoQuoteError(f"its price was shown as {shown}/h{shown_at}, and now is {hourly}/h")
    tolerance = inputs["price_tolerance"]
    if hourly > shown * (1 + tolerance * _PERCENT):
        record_shown(kind, urn, inputs, hourly)
        raise NoQuoteError(
            f"its price rose: {shown}/h was shown{shown_at}, and now it is {hourly}/h; price_tolerance allows "
            f"{tolerance} %. Run `pulumi up` again to buy at the new price"
        )
    if hourly != shown:
        host.current_call().inform(f"the price is {hourly}/h now; {shown}/h was shown{shown_at}")


def report_change(olds: Mapping[str, Any], inputs: Mapping[str, Any], *, swaps: bool, interrupts: bool = False) -> None:
    """Shows on the resource's row the hourly price of what is bought, or of what changes, with that before it:
    "1.20 -> 2.40 EUR/h"; no price if it stays the same or is unknown. `swaps`: the old one is billed until the new one
    is ready. `interrupts`: a change in place interrupts the service."""
    now = _running_cost(inputs)
    was = _running_cost(olds) if olds else None
    texts = list[str]()
    if now is not None and (was != now or swaps):
        same = was.currency == now.currency if was else True
        before = "" if was is None or was == now else f"{was.decimal_string() if same else was} -> "
        texts += [f"{before}{now}/h", *(["both are billed while swapping"] if swaps else [])]
    if interrupts and not swaps:
        texts.append("interrupts the service")
    if texts:
        host.current_call().report_progress("; ".join(texts))


def _running_cost(inputs: Mapping[str, Any]) -> Money | None:
    hourly = instance_records.hourly_total(inputs.get("quote"))
    return Money.zero(hourly.currency) if hourly is not None and costs_nothing(inputs.get("state")) else hourly


def record_shown(kind: ResourceKind, urn: str, inputs: Mapping[str, Any], hourly: Money | None) -> None:
    """Records for later processes that the price of these inputs was shown. Does nothing for an unknown price."""
    arguments = _arguments(kind, inputs)
    if not urn or hourly is None or has_unknown(*arguments.values()):
        return
    try:
        session.current().shown_prices.record(accounts.order_key(urn), arguments, hourly)
    except JournalError as error:
        accounts.warn_no_journal(error)


def _shown_earlier(kind: ResourceKind, urn: str, inputs: Mapping[str, Any]) -> ShownPrice | None:
    try:
        return session.current().shown_prices.latest(accounts.order_key(urn), _arguments(kind, inputs))
    except JournalError as error:
        accounts.warn_no_journal(error)
        return None


def _is_same_purchase(kind: ResourceKind, checked: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    return all(equal_values(checked[key], value) for key, value in _arguments(kind, inputs).items())


def _arguments(kind: ResourceKind, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that decide what is bought, and its price."""
    return {key: inputs.get(key) for key in kind.arguments.purchased}


def _is_from_catalogue(made: Any) -> bool:
    return isinstance(made, Mapping) and is_from_catalogue(str(made.get("source")))
