"""The Purchases that the deployments of Gcore make: replicas of one flavor, in several regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.policy import life_cycle
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown, malformed
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.resource_types import Properties, ResourceType, published

CLOUD: Final = "gcore"


def _deployment(urn: str, name: str, properties: Properties, prices: PinnedPrices) -> Purchase:
    flavor = properties.string("flavor_name")
    containers = properties.mappings("containers")
    workers_min, workers_max = _workers(containers)
    return Purchase(
        urn=urn,
        name=name,
        cloud=CLOUD,
        model_id=Missing("model_id"),
        hardware_type_id=flavor,
        hardware=prices.row(CLOUD, flavor),
        regions=_regions(containers, properties),
        workers_min=workers_min,
        workers_max=workers_max,
        context_length=Missing("context_length"),
        billing_interval=Known(BillingInterval.PER_MINUTE),
        state=properties.string("state"),
        ttl=life_cycle.ttl(properties),
        adopt_id=properties.string("adopt_id"),
        live=life_cycle.live_quote(properties),
        labels=properties.strings("labels"),
        has_key=_has_key(properties),
        worker="replica",
    )


def _workers(containers: Field[Sequence[Properties]]) -> tuple[Field[int], Field[int]]:
    """The least and the most number of replicas, of all regions together."""
    try:
        scales = [container.mapping("scale").get() for container in containers.get()]
        least, most = ([scale.integer(key).get() for scale in scales] for key in ("min", "max"))
    except NotKnownError as unknown:
        field = Unknown("the number of replicas", f"is not known: {unknown}", later=unknown.later)
        return field, field
    if not scales or any(low < 0 or high < max(low, 1) for low, high in zip(least, most, strict=True)):
        field = malformed("containers", f"has min {least}, max {most}; each region needs 0 <= min <= max, and 1 <= max")
        return field, field
    return Known(sum(least)), Known(sum(most))


def _regions(containers: Field[Sequence[Properties]], properties: Properties) -> Field[tuple[str, ...]]:
    """The names of the regions. For an id it is the one that check has put into the quote."""
    try:
        return Known(tuple(_region(container, properties) for container in containers.get()))
    except NotKnownError as unknown:
        return Unknown("the region", f"is not known: {unknown}", later=unknown.later)


def _region(container: Properties, properties: Properties) -> str:
    named, number = container.string("region_id"), container.integer("region_id")
    if isinstance(named, Known) and not named.value.isdecimal():
        return named.value
    region_id = named.value if isinstance(named, Known) else str(number.get())
    quote: Properties = properties.mapping("quote").get()
    return str(quote.mapping("regions").get().string(region_id).get())


def _has_key(properties: Properties) -> Field[bool]:
    """Whether Gcore asks for a key at the deployment's address, which is open to the world."""
    keys = properties.length("api_keys")
    if isinstance(keys, Unknown):
        return keys
    return Known(isinstance(keys, Known) and keys.value > 0)


def _free(name: str, *may_ignore: str) -> ResourceType:
    return ResourceType(TOKENS[f"gcore.{name}"], published(f"gcore.{name}"), frozenset(may_ignore))


RESOURCES: Final = (
    ResourceType(
        resource_type=TOKENS["gcore.InferenceDeployment"],
        providers=published("gcore.InferenceDeployment"),
        may_ignore=life_cycle.IN_PLACE | {"description", "ingress_opts", "logging", "probes"},
        extract=_deployment,
        bought=life_cycle.BOUGHT
        | {"name", "flavor_name", "image", "listening_port", "containers", "timeout", "api_keys", "auth_enabled"}
        | {"command", "credentials_name", "envs", "give_up_after"},
    ),
    _free("ApiKey", "name", "description", "expires_at"),
    _free("RegistryCredential", "name"),
    _free("Secret", "name"),
    life_cycle.endpoint_type("gcore.Endpoint"),
)
