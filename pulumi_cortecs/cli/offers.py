"""`pulumi-cortecs offers`: what the clouds rent out now, the cheapest first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_cortecs.cli.output import (
    count_text,
    exit_failed,
    keep_whole,
    make_table,
    print_error,
    print_json,
    print_lines,
    spare_columns,
)

if TYPE_CHECKING:
    from pulumi_cortecs.cost import Offer


def offers(
    cloud: Annotated[
        list[str] | None, typer.Option("--cloud", help="A cloud to ask; once for each.", show_default="all clouds")
    ] = None,
    gpu: Annotated[
        str | None, typer.Option("--gpu", metavar="TYPE", help="Only GPUs with this in their type or id.")
    ] = None,
    available: Annotated[bool, typer.Option("--available", help="Only what can be bought now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List what the clouds rent out now, sorted by price within a currency.

    Only Gcore needs credentials; without them it is left out, unless --cloud names it.

    Exit codes: 0, or 1 if a cloud could not be asked; the others are shown.
    """
    all_offers, errors = _ask(cloud)
    for name, error in errors.items():
        print_error(f"Error: {name}: {error}")
    wanted = (offer for offer in all_offers if (offer.available or not available) and _has_gpu(offer, gpu or ""))
    rows = sorted(wanted, key=_cheapest_first)
    if as_json:
        print_json({"offers": [_as_json(offer) for offer in rows], "errors": _errors_as_json(errors)})
    elif all_offers:
        _show(rows, has_several=len({offer.cloud for offer in all_offers}) + len(errors) > 1)
    if errors:
        raise typer.Exit(1)


def _ask(clouds: list[str] | None) -> tuple[list[Offer], dict[str, str]]:
    """The offers of all clouds, and the error of each cloud that could not be asked."""
    from pulumi_cortecs import _abi
    from pulumi_cortecs.http.errors import CloudError, ConfigurationError
    from pulumi_cortecs.provider import accounts

    kinds = _abi.instance_kinds()
    if unknown := [name for name in clouds or () if name not in kinds]:
        raise typer.BadParameter(f"--cloud: got {', '.join(unknown)}; allowed: {', '.join(kinds)}")
    all_offers: list[Offer] = []
    errors: dict[str, str] = {}
    for name in dict.fromkeys(clouds or kinds):
        try:
            all_offers += kinds[name].offers(accounts.base_url(kinds[name], {}))
        except CloudError as error:
            if isinstance(error, ConfigurationError) and kinds[name].account_market is not None and not clouds:
                print_error(f"{name} is left out: {error}")
            else:
                errors[name] = str(error)
    if errors and not all_offers:
        raise exit_failed("; ".join(f"{name}: {error}" for name, error in errors.items()))
    return all_offers, errors


def _has_gpu(offer: Offer, wanted: str) -> bool:
    return wanted.lower() in f"{offer.gpu_type} {offer.id}".lower()


def _cheapest_first(offer: Offer) -> tuple[str, Decimal, str, str, str]:
    price = offer.price_per_hour
    return price.currency, price.amount, offer.cloud, offer.id, offer.region


def _show(rows: Sequence[Offer], *, has_several: bool) -> None:
    clouds = ["cloud"] if has_several else []
    regions = [] if all(offer.region in offer.id for offer in rows) else ["region"]
    table = make_table("Offers", *clouds, "id", *regions, "GPU", "count", "memory", "an hour", "available")
    keep_whole(table, "cloud", "id")  # for copying
    spare_columns(table, "memory", "count", "GPU", "cloud", "region")
    for offer in rows:
        table.add_row(
            *([offer.cloud] if has_several else []),
            offer.id,
            *([offer.region or "-"] if regions else []),
            offer.gpu_type or "?",
            str(offer.gpu_count or "?"),
            "?" if offer.gpu_memory_gb is None else f"{offer.gpu_memory_gb} GB",
            str(offer.price_per_hour),
            "yes" if offer.available else "no",
        )
    if rows:
        print_lines(table)
    print_lines(f"{count_text(len(rows), 'offer')}, {sum(offer.available for offer in rows)} available now")


def _as_json(offer: Offer) -> dict[str, Any]:
    return {
        "cloud": offer.cloud,
        "id": offer.id,
        "region": offer.region or None,
        "gpu_type": offer.gpu_type or None,
        "gpu_count": offer.gpu_count,
        "gpu_memory_gb": None if offer.gpu_memory_gb is None else str(offer.gpu_memory_gb),
        "price_per_hour": offer.price_per_hour.decimal_string(),
        "currency": offer.price_per_hour.currency,
        "available": offer.available,
    }


def _errors_as_json(errors: dict[str, str]) -> list[dict[str, str]]:
    return [{"cloud": name, "error": error} for name, error in errors.items()]
