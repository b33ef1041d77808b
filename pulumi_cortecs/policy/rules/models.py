"""Which model may be served, and on what."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_cortecs.policy.patterns import matches
from pulumi_cortecs.policy.rule import Given, Rule, Severity
from pulumi_cortecs.policy.rules.words import listed
from pulumi_cortecs.policy.settings import Names, NoSettings, Settings
from pulumi_cortecs.policy.unit import Unit


class AllowedModels(Settings):
    """`allowed`: model ids, with `/` or `--`; `*` stands for anything: "Qwen/*"."""

    allowed: Names


def _model_allowed(unit: Unit, settings: AllowedModels, given: Given) -> Iterator[str]:
    model_id = unit.model_id.get()
    if not any(matches(model_id, pattern.replace("/", "--")) for pattern in settings.allowed):
        yield f"{model_id} is not among the models that are allowed: {listed(settings.allowed)}."


def _model_fits_hardware(unit: Unit, settings: NoSettings, given: Given) -> Iterator[str]:
    model_id, hardware_type_id = unit.model_id.get(), unit.hardware_type_id.get()
    fitting = given.prices.get().fitting(unit.cloud, model_id)
    if not fitting:
        yield f"the catalogue of {given.prices.day} does not know the model {model_id}."
    elif hardware_type_id not in (ids := [row.hardware_type_id for row in fitting]):
        yield f"{model_id} does not run on {hardware_type_id}; it runs on {listed(ids)}."


MODEL_ALLOWED = Rule(
    name="model-allowed",
    description="Only models on the list are served.",
    check=_model_allowed,
    settings=AllowedModels,
    tags=("model",),
    remediation="Choose a model that is on the list, or ask the owner of the limits to add this one.",
)
MODEL_FITS_HARDWARE = Rule(
    name="model-fits-hardware",
    description="The model runs on the hardware that is bought for it.",
    check=_model_fits_hardware,
    severity=Severity.MEDIUM,
    tags=("model", "hardware"),
    way_out=True,
    remediation="Choose hardware that the catalogue lists for the model; if the model is new, pull the catalogue anew.",
)
RULES = (MODEL_ALLOWED, MODEL_FITS_HARDWARE)
