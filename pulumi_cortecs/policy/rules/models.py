"""Rules on models, and the hardware that they run on."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import join_names
from pulumi_cortecs.policy.settings import Names, NoSettings, Settings, matches_pattern


class AllowedModels(Settings):
    """`allowed`: model ids, with `/` or `--`; `*` matches any text: "Qwen/*"."""

    allowed: Names


def _model_allowed(purchase: Purchase, settings: AllowedModels, context: RuleContext) -> Iterator[str]:
    model_id = purchase.model_id.get()
    if not any(matches_pattern(model_id, pattern.replace("/", "--")) for pattern in settings.allowed):
        yield f"{model_id} is not among the models that are allowed: {join_names(settings.allowed)}."


def _model_fits_hardware(purchase: Purchase, settings: NoSettings, context: RuleContext) -> Iterator[str]:
    model_id, hardware_type_id = purchase.model_id.get(), purchase.hardware_type_id.get()
    fitting = context.prices.get().fitting(purchase.cloud, model_id)
    if not fitting:
        yield f"the catalogue of {context.prices.day} does not know the model {model_id}."
    elif hardware_type_id not in (ids := [row.hardware_type_id for row in fitting]):
        yield f"{model_id} does not run on {hardware_type_id}; it runs on {join_names(ids)}."


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
    remediation=(
        "Choose hardware that the catalogue lists for the model; if the model is new, pull the catalogue again."
    ),
)
RULES = (MODEL_ALLOWED, MODEL_FITS_HARDWARE)
