"""Pulumi mocks of the resources of one cloud, by its tables of arguments. They do the work of check and create, which
Pulumi's mocks do not call."""

from __future__ import annotations

import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks
from pulumi.runtime.rpc import unwrap_rpc_secret

from pulumi_cortecs import _abi
from pulumi_cortecs.cost import Money, Quote
from pulumi_cortecs.lifecycle.journal import ResourceKey
from pulumi_cortecs.lifecycle.times import timestamp_after
from pulumi_cortecs.provider.generated_names import generated_name
from pulumi_cortecs.provider.kind import CrudKind, InstanceKind, ResourceKind
from pulumi_cortecs.provider.named_resources import NAME, has_generated_name
from pulumi_cortecs.provider.properties import read_properties
from pulumi_cortecs.testing.programs import run_program

NOW: Final = datetime(2025, 1, 1, tzinfo=timezone.utc)
SOURCE: Final = "mocks"
_PURCHASE_LABELS: Final = {"stack": "stack", "project": "project"}
_MINUTES_PER_HOUR: Final = 60


class RefusedArgumentsError(ValueError):
    """The real check would refuse the program's arguments. The text names each property, its value and the allowed
    values."""


class MockedQuote(dict[str, str]):
    """A quote as the program's output has it: decimal strings by their names. The attributes of these names, amounts as
    Money, are deprecated."""

    def __init__(self, price: Quote) -> None:
        super().__init__(price.as_property())
        self.__dict__["_price"] = price

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        value = getattr(self._price, name)
        warnings.warn(f"quote.{name}: write quote[{name!r}], a text", DeprecationWarning, stacklevel=2)
        return value


class Declared(Protocol):
    """An Instance of a program that ran."""

    @property
    def name(self) -> str:
        """The resource's name."""
        ...

    @property
    def instance_id(self) -> str:
        """The id that the mocks gave it, or that the program adopts."""
        ...


D = TypeVar("D", bound=Declared)


class InstanceMocks(Mocks, Generic[D]):
    """Mocks of one cloud and of Pulumi's engine. `now` is the time of all purchases; `others` are the mocks of other
    packages' resources and functions."""

    def __init__(self, kind: InstanceKind, now: datetime, others: Mocks | None) -> None:
        """Raises ValueError for a `now` without a time zone."""
        if now.tzinfo is None:
            raise ValueError("now needs a time zone: datetime(2025, 1, 1, tzinfo=timezone.utc)")
        self._kind = kind
        self._plain = {plain.token: plain for plain in _abi.plain_kinds(kind.cloud)}
        self._now = now.astimezone(timezone.utc)
        self._others = others
        self._declared: list[D] = []
        self._lock = threading.Lock()  # Pulumi registers resources from several threads

    @abstractmethod
    def complete(self, name: str, inputs: dict[str, Any]) -> Quote:
        """Completes the inputs as the market does, and returns the quote. Raises RefusedArgumentsError."""

    @abstractmethod
    def describe(
        self, name: str, inputs: Mapping[str, Any], price: MockedQuote, instance_id: str, expires_at: str
    ) -> D:
        """The declared instance."""

    def endpoint_details(self, declared: D | None, stopped: bool) -> Mapping[str, Any]:
        """The outputs of an Endpoint of this cloud besides those of every cloud."""
        return {}

    @property
    def declared(self) -> tuple[D, ...]:
        """Every Instance of the programs that ran, in the order of registration."""
        with self._lock:
            return tuple(self._declared)

    @property
    def instances(self) -> dict[str, D]:
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
        inputs = {key: unwrap_rpc_secret(value) for key, value in args.inputs.items()}
        if args.typ == self._kind.token:
            return self._instance(args.name, args.resource_id, inputs)
        if args.typ == self._kind.endpoint_token:
            return f"{args.name}-endpoint", self._endpoint(inputs)
        if args.typ in self._plain:
            return args.resource_id or f"{args.name}-id", self._plain_resource(self._plain[args.typ], args.name, inputs)
        if self._others is not None:
            return self._others.new_resource(args)
        return args.resource_id or f"{args.name}-id", args.inputs

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """For Pulumi: the result of a provider's function."""
        return ({}, []) if self._others is None else self._others.call(args)

    @property
    def _account(self) -> str:
        return f"{self._kind.cloud}:mocks"

    def _instance(self, name: str, given_id: str | None, wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        kind, table = self._kind, self._kind.arguments
        inputs = _checked(kind, kind.type_name, name, wanted)
        price = MockedQuote(self.complete(name, inputs))
        own_id = inputs[NAME] if has_generated_name(kind) else f"{name}-instance"
        instance_id = given_id or inputs["adopt_id"] or own_id
        expires_at = timestamp_after(inputs["ttl"], self._now)
        with self._lock:
            self._declared.append(self.describe(name, inputs, price, instance_id, expires_at))
        outputs = {**table.omit_defaults(inputs), "quote": dict(price), "instance_id": instance_id}
        if not (given_id or inputs["adopt_id"]):
            outputs["purchase_labels"] = dict(_PURCHASE_LABELS)
        return instance_id, {**outputs, "account": self._account, **({"expires_at": expires_at} if expires_at else {})}

    def _plain_resource(self, kind: CrudKind[Any, Any], name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        inputs = _checked(kind, kind.name, name, wanted)
        secrets = {key: f"{name}-{key}" for key in kind.told_once}
        return {**kind.arguments.omit_defaults(inputs), **secrets, "account": self._account}

    def _endpoint(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        instance_id, stopped = inputs["instance_id"], inputs["state"] == "stopped"
        declared = [instance for instance in self.declared if instance.instance_id == instance_id]
        return {
            **{key: value for key, value in inputs.items() if key != "__provider"},
            # a reserved name that no resolver knows
            "base_url": "" if stopped else f"https://{instance_id}.invalid/v1",
            "status": "stopped" if stopped else self._kind.ready_status,
            "ready_by": "" if stopped else "answer",
            "price_difference": "",
            "account": self._account,
            **self.endpoint_details(declared[-1] if declared else None, stopped),
        }


@dataclass(frozen=True)
class MockedInstance:
    """An Instance of the program. `arguments` are completed and spelled as by check; `quote` is that of the program's
    output; `expires_at` is "" for none."""

    name: str
    cloud: str
    arguments: Mapping[str, Any]
    quote: MockedQuote
    instance_id: str
    expires_at: str


class CloudMocks(InstanceMocks[MockedInstance]):
    """Mocks of any cloud by its name, as limits and catalogues have it: call `CloudMocks("acme").run("the/program")`,
    then inspect `instances`.

    `price`: the hourly price of each instance, "1.20 EUR", by default an invented one. `market`: the values of the
    arguments that the vendor chooses where the program names none, `{"zone": "north"}`. For `now` and `others` see
    InstanceMocks; for a program of two clouds, the mocks of one are the `others` of the other. Raises ValueError for an
    unknown cloud, and MoneyError for an invalid price.
    """

    def __init__(
        self,
        cloud: str,
        *,
        price: str = "1.20 EUR",
        market: Mapping[str, Any] | None = None,
        now: datetime = NOW,
        others: Mocks | None = None,
    ) -> None:
        kinds = _abi.instance_kinds()
        if cloud not in kinds:
            raise ValueError(f"cloud: got {cloud!r}; allowed: {', '.join(kinds)}")
        super().__init__(kinds[cloud], now, others)
        self._price = Money.read(price)
        self._market = market or {}

    def complete(self, name: str, inputs: dict[str, Any]) -> Quote:
        """Adds the values of `market`, and returns the quote."""
        for key in (key for key in self._kind.arguments if key not in inputs):
            if key not in self._market:
                raise RefusedArgumentsError(
                    f"Instance {name!r} would be refused: {key} is required, because these mocks choose none: "
                    f"CloudMocks({self._kind.cloud!r}, market={{{key!r}: ...}})"
                )
            inputs[key] = self._market[key]
        minute = Money(round(self._price.amount / _MINUTES_PER_HOUR, 6), self._price.currency)
        return Quote(self._price, minute, self._price, SOURCE)

    def describe(
        self, name: str, inputs: Mapping[str, Any], price: MockedQuote, instance_id: str, expires_at: str
    ) -> MockedInstance:
        """The declared instance."""
        return MockedInstance(name, self._kind.cloud, dict(inputs), price, instance_id, expires_at)


def _checked(kind: ResourceKind, type_name: str, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as check completes them without a market. Raises RefusedArgumentsError."""
    table = kind.arguments
    arguments, problems = read_properties(wanted, table)
    if problems:
        reasons = "; ".join(f"{problem.property} {problem.reason}" for problem in problems)
        raise RefusedArgumentsError(f"{type_name} {name!r} would be refused: {reasons}")
    made = {}
    if has_generated_name(kind):
        key = ResourceKey(SOURCE, f"urn:pulumi:stack::project::{kind.token}::{name}")
        made[NAME] = generated_name(key, max_length=table[NAME].default.max_length)
    return {**table.defaults, **made, **arguments}


def _refusal_behind(error: BaseException | None) -> RefusedArgumentsError | None:
    """The refusal behind an exception: Pulumi may raise a later error ("while processing instance_id" of the Endpoint),
    with the refusal as its cause."""
    while error is not None and not isinstance(error, RefusedArgumentsError):
        error = error.__cause__
    return error
