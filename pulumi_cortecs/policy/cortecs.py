"""The Purchase that a Cortecs resource makes."""

from __future__ import annotations

from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.policy import life_cycle
from pulumi_cortecs.policy.field import Field, Known, Missing, malformed
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.resource_types import Properties, ResourceType, published

CLOUD: Final = "cortecs"


def _instance(urn: str, name: str, properties: Properties, prices: PinnedPrices) -> Purchase:
    hardware_type_id = properties.string("hardware_type_id")
    hardware = prices.row(CLOUD, hardware_type_id)
    workers = _workers(properties.integer("num_workers"))
    return Purchase(
        urn=urn,
        name=name,
        cloud=CLOUD,
        model_id=_model(properties.string("model_id")),
        hardware_type_id=hardware_type_id,
        hardware=hardware,
        # Cortecs has no region to choose; if the catalogue has one, the instance runs there
        regions=Known((hardware.value.region,))
        if isinstance(hardware, Known) and hardware.value.region
        else Missing("region"),
        workers_min=workers,
        workers_max=workers,
        context_length=properties.integer("context_length"),
        billing_interval=_interval(properties.string("billing_interval")),
        state=properties.string("state"),
        ttl=life_cycle.ttl(properties),
        adopt_id=properties.string("adopt_id"),
        live=life_cycle.live_quote(properties),
        labels=properties.strings("labels"),
    )


def _model(model_id: Field[str]) -> Field[str]:
    """The model in the spelling of check, which a resource that check has refused does not have."""
    return Known(model_id.value.replace("/", "--")) if isinstance(model_id, Known) else model_id


def _workers(number: Field[int]) -> Field[int]:
    if isinstance(number, Known) and number.value < 1:
        return malformed("num_workers", f"is {number.value}; an instance has at least one worker")
    return number


def _interval(word: Field[str]) -> Field[BillingInterval]:
    if not isinstance(word, Known):
        return word
    try:
        return Known(BillingInterval(word.value))
    except ValueError:
        return malformed("billing_interval", f"is {word.value!r}, not a billing interval")


_BOUGHT: Final = frozenset({"model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers"})

RESOURCES: Final = (
    ResourceType(
        resource_type=TOKENS["cortecs.Instance"],
        providers=published("cortecs.Instance"),
        may_ignore=life_cycle.IN_PLACE,
        extract=_instance,
        bought=_BOUGHT | life_cycle.BOUGHT,
    ),
    life_cycle.endpoint_type("cortecs.Endpoint"),
)
