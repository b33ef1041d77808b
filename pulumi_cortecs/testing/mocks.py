"""Pulumi mocks of Instance and Endpoint. They do the work of check and create, which Pulumi's mocks do not call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cortecs.kind import ARGUMENTS
from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, Quote, quote
from pulumi_cortecs.cost.times import utc_seconds_text
from pulumi_cortecs.lifecycle.times import timestamp_after
from pulumi_cortecs.provider.properties import read_properties
from pulumi_cortecs.testing.programs import run_program

_INSTANCE: Final = TOKENS["cortecs.Instance"]
_ENDPOINT: Final = TOKENS["cortecs.Endpoint"]
_STAND_IN_PRICE: Final = "0.02"
_SOURCE: Final = "mocks"
_ACCOUNT: Final = "cortecs:mocks"
_PURCHASE_LABELS: Final = {"stack": "stack", "project": "project"}
_LAST_STEP: Final = {"current_step": 5, "num_steps": 5, "description": "Running."}


class RefusedArgumentsError(ValueError):
    """The real check would refuse the program's arguments. The text names each property, its value and the allowed
    values."""


@dataclass(frozen=True)
class DeclaredInstance:
    """An Instance of the program, completed as by check.

    `model_id` has `--` for `/`; `context_length` is in tokens; `ttl`, `expires_at`, `restart_trigger`, `adopt_id`,
    `max_price`, `ready_path` and `ready_key` are "" for none, `labels` {}. `quote` holds `price_per_hour` and
    `price_per_minute` (per worker) and `hourly_total` as Money.
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
    quote: Quote
    instance_id: str
    expires_at: str
    max_price: str = ""
    price_tolerance: int = 0
    ready: str = "answer"
    ready_path: str = ""
    ready_key: str = field(default="", repr=False)


class CortecsMocks(Mocks):
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
        now: datetime = datetime(2025, 1, 1, tzinfo=timezone.utc),
        others: Mocks | None = None,
    ) -> None:
        if now.tzinfo is None:
            raise ValueError("now needs a time zone: datetime(2025, 1, 1, tzinfo=timezone.utc)")
        self._prices = None if prices is None else {name: _hardware(name, price) for name, price in prices.items()}
        self._recommended = recommended
        self._context_length = context_length
        self._now = now.astimezone(timezone.utc)
        self._others = others
        self._declared: list[DeclaredInstance] = []
        self._lock = threading.Lock()  # Pulumi registers resources from several threads

    @property
    def declared(self) -> tuple[DeclaredInstance, ...]:
        """Every Instance of the programs that ran, in the order of registration."""
        with self._lock:
            return tuple(self._declared)

    @property
    def instances(self) -> dict[str, DeclaredInstance]:
        """The instances by name. Raises ValueError if two have the same name (in different components); then use
        `declared`."""
        by_name = {instance.name: instance for instance in self.declared}
        if len(by_name) < len(self.declared):
            raise ValueError("two instances have the same name: look at `declared`, or use new mocks for each program")
        return by_name

    def run(
        self,
        program: str | Path | Callable[[], Any],
        *,
        config: Mapping[str, str] | None = None,
        project: str = "project",
        stack: str = "stack",
    ) -> dict[str, Any]:
        """Runs a program to its end, and returns its exports as plain values.

        `program`: its folder (with the `__main__.py`), its file, or a function, whose result is exported, too, if it is
        a dict. `config`: the stack's configuration with full keys, `{"shop:size": "2"}`. Raises the program's
        exceptions, and RefusedArgumentsError.
        """
        try:
            return run_program(self, program, config=config, project=project, stack=stack)
        except Exception as error:
            if (refusal := _refusal_behind(error)) is None:
                raise
            raise refusal from None

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """For Pulumi: an id, and the outputs. Raises RefusedArgumentsError."""
        if args.typ == _INSTANCE:
            return self._instance(args)
        if args.typ == _ENDPOINT:
            return f"{args.name}-endpoint", self._endpoint(args.inputs)
        if self._others is not None:
            return self._others.new_resource(args)
        return args.resource_id or f"{args.name}-id", args.inputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """For Pulumi: the result of a provider's function."""
        return ({}, []) if self._others is None else self._others.call(args)

    def _instance(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        arguments, problems = read_properties(args.inputs, ARGUMENTS)
        if problems:
            reasons = "; ".join(f"{problem.property} {problem.reason}" for problem in problems)
            raise RefusedArgumentsError(f"Instance {args.name!r} would be refused: {reasons}")
        inputs: dict[str, Any] = {**ARGUMENTS.defaults, **arguments}
        if "hardware_type_id" not in inputs:
            inputs["hardware_type_id"] = self._hardware_for(args.name, inputs["model_id"])
        inputs.setdefault("context_length", self._context_length)
        price = self._quote(args.name, inputs)
        instance_id = args.resource_id or inputs["adopt_id"] or f"{args.name}-instance"
        expires_at = timestamp_after(inputs["ttl"], self._now)
        row = DeclaredInstance(args.name, **inputs, quote=price, instance_id=instance_id, expires_at=expires_at)
        with self._lock:
            self._declared.append(row)
        outputs = {**ARGUMENTS.omit_defaults(inputs), "quote": price.as_property(), "instance_id": instance_id}
        if not (args.resource_id or inputs["adopt_id"]):
            outputs["purchase_labels"] = dict(_PURCHASE_LABELS)
        return instance_id, {**outputs, "account": _ACCOUNT, **({"expires_at": expires_at} if expires_at else {})}

    def _endpoint(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        instance_id, stopped = inputs["instance_id"], inputs["state"] == "stopped"
        declared = [instance for instance in self.declared if instance.instance_id == instance_id]
        workers = declared[-1].num_workers if declared else 1
        return {
            **{key: value for key, value in inputs.items() if key != "__provider"},
            # a reserved name that no resolver knows
            "base_url": "" if stopped else f"https://{instance_id}.invalid/v1",
            "status": "stopped" if stopped else "running",
            "worker_statuses": [{} if stopped else {"init_progress": _LAST_STEP} for _ in range(workers)],
            "started_at": utc_seconds_text(self._now),
            "stopped_at": utc_seconds_text(self._now + timedelta(hours=1)) if stopped else "",
            "ready_by": "" if stopped else "answer",
            "price_difference": "",
            "account": _ACCOUNT,
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
        return quote(hardware, BillingInterval(inputs["billing_interval"]), inputs["num_workers"], source=_SOURCE)


def _hardware(hardware_type_id: str, per_minute: str | Decimal) -> PricedHardware:
    price = Money.of(per_minute, "EUR")
    return PricedHardware(hardware_type_id, price_per_hour=price * 60, price_per_minute=price, cloud="cortecs")


def _refusal_behind(error: BaseException | None) -> RefusedArgumentsError | None:
    """The refusal behind an exception: Pulumi may raise a later error ("while processing instance_id" of the Endpoint),
    with the refusal as its cause."""
    while error is not None and not isinstance(error, RefusedArgumentsError):
        error = error.__cause__
    return error
