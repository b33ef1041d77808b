"""Rules on hardware."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema, model_validator

from pulumi_cortecs.cost.strict_reader import invalid
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import are_allowed, join_names
from pulumi_cortecs.policy.settings import Count, Names, Settings, parse_names


def _by_cloud(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise invalid(value, "an object with a list of ids per cloud")
    return {cloud: parse_names(ids) for cloud, ids in value.items()}


_PerCloud = WithJsonSchema({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}})


class AllowedHardware(Settings):
    """`allowed`: the ids of the hardware types, by cloud. They are exact, because NVIDIA_L4* would match L40S, too."""

    allowed: Annotated[dict[str, tuple[str, ...]], PlainValidator(_by_cloud), _PerCloud]


class AllowedGpus(Settings):
    """`allowed`: GPU types as the catalogue names them, "NVIDIA L4"."""

    allowed: Names


class MaxGpus(Settings):
    """`most`: GPUs of one instance, all its workers together."""

    most: Count


class VideoMemory(Settings):
    """`at_least_gb`, `at_most_gb`: memory of all GPUs of one worker, in GB. One of the two is enough."""

    at_least_gb: Count | None = None
    at_most_gb: Count | None = None

    @model_validator(mode="after")
    def _says_something(self) -> VideoMemory:
        if self.at_least_gb is None and self.at_most_gb is None:
            raise ValueError("at_least_gb or at_most_gb is needed")
        return self


def _hardware_allowed(purchase: Purchase, settings: AllowedHardware, context: RuleContext) -> Iterator[str]:
    hardware_type_id = purchase.hardware_type_id.get()
    allowed = settings.allowed.get(purchase.cloud, ())
    if hardware_type_id not in allowed:
        yield (
            f"{hardware_type_id} is not among the hardware that is allowed on {purchase.cloud}: {join_names(allowed)}."
        )
    else:
        purchase.hardware.get()  # on the list, but not in the catalogue: without a price it is refused


def _gpu_type_allowed(purchase: Purchase, settings: AllowedGpus, context: RuleContext) -> Iterator[str]:
    hardware = purchase.hardware.get()
    if hardware.gpu_type is None:
        yield f"the catalogue names no GPU of {hardware.hardware_type_id}; allowed are {join_names(settings.allowed)}."
    elif hardware.gpu_type not in settings.allowed:
        yield f"{hardware.hardware_type_id} has {hardware.gpu_type} GPUs; allowed are {join_names(settings.allowed)}."


def _gpu_count_max(purchase: Purchase, settings: MaxGpus, context: RuleContext) -> Iterator[str]:
    hardware, workers = purchase.hardware.get(), purchase.workers_max.get()
    if hardware.num_gpus is None:
        yield f"the catalogue does not say how many GPUs {hardware.hardware_type_id} has; {are_allowed(settings.most)}."
    elif (gpus := hardware.num_gpus * workers) > settings.most:
        yield (
            f"{workers} x {hardware.hardware_type_id} are {gpus} GPUs; {are_allowed(settings.most)} per instance: "
            f"{gpus - settings.most} too many."
        )


def _vram_range(purchase: Purchase, settings: VideoMemory, context: RuleContext) -> Iterator[str]:
    hardware = purchase.hardware.get()
    memory = hardware.total_ram_gb()
    if memory is None:
        yield f"the catalogue does not say how much memory the GPUs of {hardware.hardware_type_id} have."
        return
    least, most = memory
    has = f"{hardware.hardware_type_id} has {least:f} GB"
    if least != most:
        has += f" or {most:f} GB (the vendor does not say whether its figure is per GPU)"
    if settings.at_least_gb is not None and least < settings.at_least_gb:
        yield f"{has}; at least {settings.at_least_gb} GB are wanted: {settings.at_least_gb - least:f} GB too few."
    if settings.at_most_gb is not None and most > settings.at_most_gb:
        yield f"{has}; at most {settings.at_most_gb} GB are allowed: {most - settings.at_most_gb:f} GB too many."


HARDWARE_ALLOWED = Rule(
    name="hardware-allowed",
    description="Only hardware on the list is bought.",
    check=_hardware_allowed,
    settings=AllowedHardware,
    severity=Severity.CRITICAL,
    tags=("hardware",),
    way_out=True,
    remediation="Choose a hardware_type_id that is on the list, or ask the owner of the limits to add this one.",
)
GPU_TYPE_ALLOWED = Rule(
    name="gpu-type-allowed",
    description="Only GPUs of the types on the list are bought.",
    check=_gpu_type_allowed,
    settings=AllowedGpus,
    tags=("hardware",),
    way_out=True,
    volumes=False,
    remediation="Choose a hardware_type_id with one of these GPUs.",
)
GPU_COUNT_MAX = Rule(
    name="gpu-count-max",
    description="An instance has no more GPUs than allowed, all its workers together.",
    check=_gpu_count_max,
    settings=MaxGpus,
    tags=("hardware",),
    way_out=True,
    volumes=False,
    remediation="Take hardware with fewer GPUs, or fewer workers.",
)
VRAM_RANGE = Rule(
    name="vram-range",
    description="The GPU memory of a worker is within the range.",
    check=_vram_range,
    settings=VideoMemory,
    severity=Severity.MEDIUM,
    tags=("hardware",),
    way_out=True,
    volumes=False,
    remediation="Choose a hardware_type_id with as much memory as is wanted.",
)
RULES = (HARDWARE_ALLOWED, GPU_TYPE_ALLOWED, GPU_COUNT_MAX, VRAM_RANGE)
