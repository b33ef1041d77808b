"""Pulumi mocks of Cortecs' Instance and Endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pulumi.runtime import Mocks

from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, Quote, quote
from pulumi_cortecs.cost.times import utc_seconds_text
from pulumi_cortecs.testing.instance_mocks import NOW, SOURCE, InstanceMocks, MockedQuote, RefusedArgumentsError

_STAND_IN_PRICE: Final = "0.02"
_LAST_STEP: Final = {"current_step": 5, "num_steps": 5, "description": "Running."}


@dataclass(frozen=True)
class DeclaredInstance:
    """An Instance of the program, completed as by check.

    `model_id` has `--` for `/`; `context_length` is in tokens; `ttl`, `expires_at`, `restart_trigger`, `adopt_id`,
    `max_price`, `ready_path` and `ready_key` are "" for none, `labels` {}. `quote` is that of the
    program's output: `price_per_hour`, `price_per_minute` (per worker) and `hourly_total` as decimal strings.
    """

    name: str
    model_id: str
    hardware_type_id: str
    context_length: int
    billing_interval: str
    num_workers: int
    state: str
    restart_trigger: str
    ttl: str
    on_timeout: str
    adopt_id: str
    labels: Mapping[str, str]
    quote: MockedQuote
    instance_id: str
    expires_at: str
    max_price: str = ""
    price_tolerance: int = 0
    ready: str = "answer"
    ready_path: str = ""
    ready_key: str = field(default="", repr=False)


class CortecsMocks(InstanceMocks[DeclaredInstance]):
    """Mocks of Cortecs and of Pulumi's engine: call `CortecsMocks().run("path/of/the/program")`, then inspect
    `instances`.

    `prices`: EUR per worker and minute by hardware type, `{"NVIDIA_L4_1": "0.02"}`; any other hardware is then refused.
    Without it every hardware costs 0.02, an invented price. `recommended`: the hardware of an instance that names none,
    one for all models or one per model. `context_length`: the tokens of an instance that names none. `now`: the time of
    all purchases, with its time zone. `others`: mocks for resources and functions of other packages; without it the
    outputs of such resources are their inputs, and functions return nothing.

    It is an ordinary pulumi.runtime.Mocks as well, for `pulumi.runtime.set_mocks`. Raises MoneyError for an invalid
    price, and ValueError for a `now` without a time zone.
    """

    def __init__(
        self,
        *,
        prices: Mapping[str, str | Decimal] | None = None,
        recommended: str | Mapping[str, str] = "NVIDIA_L4_1",
        context_length: int = 32_000,
        now: datetime = NOW,
        others: Mocks | None = None,
    ) -> None:
        super().__init__(INSTANCE, now, others)
        self._prices = None if prices is None else {name: _hardware(name, price) for name, price in prices.items()}
        self._recommended = recommended
        self._context_length = context_length

    def complete(self, name: str, inputs: dict[str, Any]) -> Quote:
        """Adds the hardware and the context length, and returns the quote."""
        if "hardware_type_id" not in inputs:
            inputs["hardware_type_id"] = self._hardware_for(name, inputs["model_id"])
        inputs.setdefault("context_length", self._context_length)
        return self._quote(name, inputs)

    def describe(
        self, name: str, inputs: Mapping[str, Any], price: MockedQuote, instance_id: str, expires_at: str
    ) -> DeclaredInstance:
        """The declared instance."""
        return DeclaredInstance(name, **inputs, quote=price, instance_id=instance_id, expires_at=expires_at)

    def endpoint_details(self, declared: DeclaredInstance | None, stopped: bool) -> Mapping[str, Any]:
        """The workers, and the times of start and stop."""
        workers = 1 if declared is None else declared.num_workers
        return {
            "worker_statuses": [{} if stopped else {"init_progress": _LAST_STEP} for _ in range(workers)],
            "started_at": utc_seconds_text(self._now),
            "stopped_at": utc_seconds_text(self._now + timedelta(hours=1)) if stopped else "",
        }

    def _hardware_for(self, name: str, model_id: str) -> str:
        if isinstance(self._recommended, str):
            return self._recommended
        by_model = {model.replace("/", "--"): hardware for model, hardware in self._recommended.items()}
        if model_id not in by_model:
            raise RefusedArgumentsError(
                f"Instance {name!r} would be refused: hardware_type_id is required, because these mocks recommend none "
                f"for {model_id}: CortecsMocks(recommended={{{model_id!r}: ...}})"
            )
        return by_model[model_id]

    def _quote(self, name: str, inputs: Mapping[str, Any]) -> Quote:
        wanted = inputs["hardware_type_id"]
        hardware = _hardware(wanted, _STAND_IN_PRICE) if self._prices is None else self._prices.get(wanted)
        if hardware is None:
            raise RefusedArgumentsError(
                f"Instance {name!r} would be refused: hardware_type_id {wanted!r} is not among the prices of these "
                f"mocks: {', '.join(sorted(self._prices or ()))}"
            )
        return quote(hardware, BillingInterval(inputs["billing_interval"]), inputs["num_workers"], source=SOURCE)


def _hardware(hardware_type_id: str, per_minute: str | Decimal) -> PricedHardware:
    price = Money.of(per_minute, "EUR")
    return PricedHardware(hardware_type_id, price_per_hour=price * 60, price_per_minute=price, cloud="cortecs")
