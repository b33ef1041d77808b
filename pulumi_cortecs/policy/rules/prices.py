"""Rules on the price of one instance, by the pinned catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, localcontext

from pulumi_cortecs.cost.quote import is_from_catalogue
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Level, Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import describe_excess, join_names, price_per_part
from pulumi_cortecs.policy.settings import Amounts, Percent, Settings


class HourlyCap(Settings):
    """`per_hour`: the highest price of one instance with all its workers; one amount per currency."""

    per_hour: Amounts


class GpuCap(Settings):
    """`per_gpu_hour`: the highest price of one GPU; one amount per currency."""

    per_gpu_hour: Amounts


class Tolerance(Settings):
    """`tolerance_percent`: the allowed difference between the vendor's price and the catalogue's, up or down."""

    tolerance_percent: Percent


def _instance_hourly_cap(purchase: Purchase, settings: HourlyCap, context: RuleContext) -> Iterator[str]:
    if excess := describe_excess(purchase.hourly.get(), settings.per_hour, "h"):
        yield f"{purchase.describe()} cost {excess}"


def _price_per_gpu_cap(purchase: Purchase, settings: GpuCap, context: RuleContext) -> Iterator[str]:
    hardware, workers, hourly = purchase.hardware.get(), purchase.workers_max.get(), purchase.hourly.get()
    if hardware.num_gpus is None:
        yield f"the catalogue does not say how many GPUs {hardware.hardware_type_id} has, so it has no price per GPU."
        return
    gpus = hardware.num_gpus * workers
    cap = settings.per_gpu_hour.get(hourly.currency)
    gpu_price = price_per_part(hourly, gpus)
    if cap is None:
        limits = join_names(str(amount) for amount in settings.per_gpu_hour.values())
        yield f"a GPU costs {gpu_price}/h; no limit is in {gpu_price.currency}, only {limits}."
    elif hourly > cap * gpus:
        yield (
            f"a GPU of {hardware.hardware_type_id} costs {gpu_price}/h; the limit is {cap}: {gpu_price - cap} too much."
        )


def _quote_matches_catalogue(purchase: Purchase, settings: Tolerance, context: RuleContext) -> Iterator[str]:
    live = purchase.live.get()
    if is_from_catalogue(live.source):
        return  # not a live price: the catalogue cannot be compared with a newer one
    now, pinned = live.hourly_total, purchase.hourly.get()
    if now.currency != pinned.currency:
        yield f"the vendor wants {now}/h, and the catalogue of {context.prices.day} has {pinned}."
        return
    with localcontext(Context(prec=100)):
        off = abs(now.amount - pinned.amount)
        if off * 100 <= settings.tolerance_percent * pinned.amount:
            return
        percent = (now.amount - pinned.amount) * 100 / pinned.amount
    yield (
        f"the vendor wants {now}/h now, the catalogue of {context.prices.day} has {pinned}: {percent:+.1f} %, "
        f"and {settings.tolerance_percent:f} % are tolerated. Pull the catalogue again, and review it."
    )


INSTANCE_HOURLY_CAP = Rule(
    name="instance-hourly-cap",
    description="An instance costs no more an hour than allowed.",
    check=_instance_hourly_cap,
    settings=HourlyCap,
    severity=Severity.CRITICAL,
    tags=("cost",),
    way_out=True,
    remediation="Take cheaper hardware or fewer workers, or ask the owner of the limits for an exemption.",
)
PRICE_PER_GPU_CAP = Rule(
    name="price-per-gpu-cap",
    description="A GPU costs no more an hour than allowed.",
    check=_price_per_gpu_cap,
    settings=GpuCap,
    tags=("cost",),
    way_out=True,
    volumes=False,
    remediation="Take hardware whose GPUs are cheaper.",
)
QUOTE_MATCHES_CATALOGUE = Rule(
    name="quote-matches-catalogue",
    description="The vendor's price is the one that was reviewed.",
    check=_quote_matches_catalogue,
    settings=Tolerance,
    level=Level.ADVISORY,
    severity=Severity.MEDIUM,
    tags=("cost", "catalogue"),
    remediation="Run `pulumi-cortecs catalogue diff`, then `catalogue pull`, and have the new prices reviewed.",
)
RULES = (INSTANCE_HOURLY_CAP, PRICE_PER_GPU_CAP, QUOTE_MATCHES_CATALOGUE)
