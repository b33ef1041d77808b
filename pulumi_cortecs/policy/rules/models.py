"""Rules on models, and the hardware that they run on."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pulumi_cortecs.policy.field import Missing, NotKnownError
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.rule import Rule, RuleContext, Severity
from pulumi_cortecs.policy.rules.formatting import join_names, model_text
from pulumi_cortecs.policy.settings import Names, Settings, matches_pattern


class AllowedModels(Settings):
    """`allowed`: model ids, with `/` or `--`; `*` matches any text: "Qwen/*". `without_model`: the clouds that are
    allowed although they name no model."""

    allowed: Names
    without_model: Names = ()


class CloudsWithoutModels(Settings):
    """`without_model`: the clouds that are allowed although they name no model."""

    without_model: Names = ()


def _model_allowed(purchase: Purchase, settings: AllowedModels, context: RuleContext) -> Iterator[str]:
    model_id = _model_of(purchase, settings.without_model)
    if model_id is not None and not any(
        matches_pattern(model_id, pattern.replace("/", "--")) for pattern in settings.allowed
    ):
        yield f"{model_text(model_id)} is not among the models that are allowed: {join_names(settings.allowed)}."


def _model_fits_hardware(purchase: Purchase, settings: CloudsWithoutModels, context: RuleContext) -> Iterator[str]:
    model_id = _model_of(purchase, settings.without_model)
    if model_id is None:
        return
    hardware_type_id = purchase.hardware_type_id.get()
    fitting = context.prices.get().fitting(purchase.cloud, model_id)
    if not fitting:
        yield f"the catalogue of {context.prices.day} does not know the model {model_text(model_id)}."
    elif hardware_type_id not in (ids := [row.hardware_type_id for row in fitting]):
        yield f"{model_text(model_id)} does not run on {hardware_type_id}; it runs on {join_names(ids)}."


def _model_of(purchase: Purchase, without_model: Collection[str]) -> str | None:
    """The model of a purchase; None if it names none, and its cloud need not. Raises NotKnownError."""
    if not isinstance(purchase.model_id, Missing):
        return purchase.model_id.get()
    if purchase.cloud in without_model:
        return None
    raise NotKnownError(
        f"model_id is not given; if no purchase on {purchase.cloud} names one, list it under without_model"
    )


MODEL_ALLOWED = Rule(
    name="model-allowed",
    description="Only models on the list are served.",
    check=_model_allowed,
    settings=AllowedModels,
    tags=("model",),
    volumes=False,
    remediation="Choose a model that is on the list, or ask the owner of the limits to add this one.",
)
MODEL_FITS_HARDWARE = Rule(
    name="model-fits-hardware",
    description="The model runs on the hardware that is bought for it.",
    check=_model_fits_hardware,
    settings=CloudsWithoutModels,
    severity=Severity.MEDIUM,
    tags=("model", "hardware"),
    way_out=True,
    volumes=False,
    remediation=(
        "Choose hardware that the catalogue lists for the model; if the model is new, pull the catalogue again."
    ),
)
RULES = (MODEL_ALLOWED, MODEL_FITS_HARDWARE)
