"""The Purchases that the resources of Shadeform make: machines, and volumes, which are billed by the GB."""

from __future__ import annotations

import shlex
from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.cost.hardware import VOLUME
from pulumi_cortecs.policy import life_cycle
from pulumi_cortecs.policy.field import Field, Known, Missing, NotKnownError, Unknown, malformed
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.resource_types import Properties, ResourceType, published

CLOUD: Final = "shadeform"
_ONE: Final = Known(1)
_NO_MODEL: Final = Missing("model_id")
_PORT: Final = 8000
"""The port on which vLLM and its like serve."""


def _instance(urn: str, name: str, properties: Properties, prices: PinnedPrices) -> Purchase:
    machine = properties.string("shade_instance_type")
    if isinstance(machine, Known) and machine.value == VOLUME:
        machine = malformed("shade_instance_type", f"is {VOLUME!r}, which has the price of a GB")
    return _purchase(urn, name, properties, prices, machine)


def _volume(urn: str, name: str, properties: Properties, prices: PinnedPrices) -> Purchase:
    size = properties.integer("size_in_gb")
    if isinstance(size, Known) and size.value < 1:
        size = malformed("size_in_gb", f"is {size.value}; a volume has at least one GB")
    return _purchase(urn, name, properties, prices, Known(VOLUME), size_gb=size)


def _purchase(
    urn: str,
    name: str,
    properties: Properties,
    prices: PinnedPrices,
    machine: Field[str],
    size_gb: Field[int] | None = None,
) -> Purchase:
    region = properties.string("region")
    hardware_type_id = _hardware_type_id(properties.string("cloud"), region, machine)
    return Purchase(
        urn=urn,
        name=name,
        cloud=CLOUD,
        model_id=_NO_MODEL,
        hardware_type_id=hardware_type_id,
        hardware=prices.row(CLOUD, hardware_type_id),
        regions=Known((region.value,)) if isinstance(region, Known) else region,
        workers_min=_ONE,
        workers_max=_ONE,
        context_length=Missing("context_length"),
        billing_interval=Known(BillingInterval.PER_MINUTE),
        state=properties.string("state"),
        ttl=life_cycle.ttl(properties),
        adopt_id=properties.string("adopt_id"),
        live=life_cycle.live_quote(properties),
        labels=properties.strings("labels"),
        size_gb=size_gb,
        has_key=_has_key(properties),
        worker="machine",
    )


def _hardware_type_id(cloud: Field[str], region: Field[str], machine: Field[str]) -> Field[str]:
    """ "CLOUD/REGION/TYPE". None of the three has a slash, so that no other three make the same id."""
    names = list[str]()
    for name, part in (("cloud", cloud), ("region", region), ("shade_instance_type", machine)):
        if not isinstance(part, Known):
            return part
        if "/" in part.value:
            return malformed(name, f"is {part.value!r}, with a slash")
        names.append(part.value)
    return Known("/".join(names))


def _has_key(properties: Properties) -> Field[bool]:
    """Whether the model server in its container asks for a key; Missing where it runs none, as far as one can see."""
    try:
        container = _container(properties)
        if container is None or not _serves(container):
            return Missing("key", "is not needed: no container serves a model")
        envs = container.strings("envs")
        key = Missing("key") if isinstance(envs, Missing) else envs.get().get("VLLM_API_KEY", Missing("key"))
        if isinstance(key, Missing):
            return Known(_names_key(container.string("args")))
        key.get()
        return Known(True)
    except NotKnownError as unknown:
        return Unknown("whether the endpoint has a key", f"is not known: {unknown}", later=unknown.later)


def _container(properties: Properties) -> Properties | None:
    launch = properties.mapping("launch_configuration")
    if isinstance(launch, Missing):
        return None
    docker: Field[Properties] = launch.get().mapping("docker_configuration")
    return None if isinstance(docker, Missing) else docker.get()


def _serves(container: Properties) -> bool:
    """Returns whether a container runs vLLM, or opens the port of a model server."""
    words = [_optional(container.string(key)) for key in ("image", "args")]
    if any("vllm" in word.lower() for word in words):
        return True
    mappings = container.mappings("port_mappings")
    if isinstance(mappings, Missing):
        return False
    return any(mapping.integer("container_port").get() == _PORT for mapping in mappings.get())


def _names_key(args: Field[str]) -> bool:
    """Returns whether the arguments of a container name a key: `--api-key KEY`, `--api-key=KEY`."""
    text = _optional(args)
    try:
        words = shlex.split(text)
    except ValueError:  # an open quotation
        words = text.split()
    for word, following in zip(words, [*words[1:], ""], strict=False):
        option, equals, value = word.partition("=")
        if option.replace("_", "-") == "--api-key":
            return bool(value if equals else following)
    return False


def _optional(text: Field[str]) -> str:
    return "" if isinstance(text, Missing) else text.get()


RESOURCES: Final = (
    ResourceType(
        resource_type=TOKENS["shadeform.Instance"],
        providers=published("shadeform.Instance"),
        may_ignore=life_cycle.IN_PLACE | {"name", "tags", "auto_delete", "alert", "spend_limit"},
        extract=_instance,
        bought=life_cycle.BOUGHT
        | {"cloud", "region", "shade_instance_type", "shade_cloud", "os", "template_id", "ssh_key_id", "volume_ids"}
        | {"volume_mount", "envs", "launch_configuration", "endpoint_port"},
    ),
    ResourceType(
        resource_type=TOKENS["shadeform.Volume"],
        providers=published("shadeform.Volume"),
        may_ignore=frozenset(),
        extract=_volume,
        bought=frozenset({"cloud", "region", "size_in_gb", "name", "max_price", "price_tolerance"}),
    ),
    ResourceType(TOKENS["shadeform.SshKey"], published("shadeform.SshKey"), may_ignore=frozenset({"name"})),
    life_cycle.endpoint_type("shadeform.Endpoint"),
)
