"""The arguments of an Instance at Cortecs, their readers and defaults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, get_args

from pulumi_cortecs.provider.arguments import LifeCycleArgs
from pulumi_cortecs.provider.kind import MARKET
from pulumi_cortecs.provider.named_arguments import optional, required
from pulumi_cortecs.provider.properties import InvalidValueError, identifier, integer, one_of, string
from pulumi_cortecs.resources.types import BillingInterval

if TYPE_CHECKING:
    from pulumi import Input

BILLING_INTERVALS: Final = get_args(BillingInterval)
MAX_WORKERS: Final = 8
_MODEL_ID: Final = re.compile(r"[^\s/]+(/[^\s/]+)?")


def _read_model_id(value: Any) -> str:
    model_id = string(value)
    if not _MODEL_ID.fullmatch(model_id) or not model_id.isprintable():
        raise InvalidValueError(f"must be a model id such as Qwen/Qwen2-7B-Instruct; got {model_id!r}")
    return model_id.replace("/", "--")


def _as_requested(model_id: Any) -> str:
    return str(model_id).replace("--", "/", 1)


class InstanceArgs(LifeCycleArgs):
    """The arguments of an Instance.

    `model_id`: the model to serve, `Qwen/Qwen2-7B-Instruct` or with `--` for `/`. `hardware_type_id`: the hardware of
    each worker; the model's recommendation by default. `context_length`: tokens; min(32000, the hardware's limit) by
    default. `billing_interval`: `per_minute` (default) or `per_hour`. `num_workers`: 1 (default) to 8, each billed. A
    change of one of these is a replacement: the new instance is ready before the old one is deleted.
    """

    model_id: Input[str] = required(_read_model_id, "which model should the instance serve?", spell=_as_requested)
    hardware_type_id: Input[str] | None = optional(identifier, default=MARKET, priced=True)
    context_length: Input[int] | None = optional(integer(1), default=MARKET)
    billing_interval: Input[BillingInterval] | None = optional(
        one_of(*BILLING_INTERVALS), default="per_minute", priced=True, in_state=True
    )
    num_workers: Input[int] | None = optional(integer(1, MAX_WORKERS), default=1, priced=True, in_state=True)
