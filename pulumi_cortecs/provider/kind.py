"""The contract of a resource type: one table of what a program may say of it, and the market that it is bought on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from pulumi_cortecs.http.credential_spec import CredentialSpec

if TYPE_CHECKING:  # programs import this module, and nothing that buys
    from pulumi_cortecs.cost import Money
    from pulumi_cortecs.cost.pricelist import PriceList
    from pulumi_cortecs.http.credentials import Credentials
    from pulumi_cortecs.lifecycle.cloud import Cloud
    from pulumi_cortecs.provider.answer_cache import AnswerCache

Inputs = Mapping[str, Any]
"""What a program says and check completes; an `Unknown` stands for what only `up` will know."""

Reader = Callable[[Any], Any]
"""Returns the value as it is meant. Raises InvalidValueError."""


@dataclass(frozen=True)
class Problem:
    """Why a property was refused. `property` names it."""

    property: str
    reason: str


class Change(Enum):
    """The effect of another value of an argument on an existing instance."""

    REPLACE = "replace"
    """It decides what is bought: a new one is, and the old one ends."""
    UPDATE = "update"
    """It changes in place."""
    NOTHING = "nothing"
    """It counts only when something is bought or adopted."""


@dataclass(frozen=True)
class Required:
    """In a default's place: there is none. `why` ends "is required: ..."."""

    why: str


MARKET: Final = object()
"""In a default's place: the market decides it."""

LIVE: Final = "live"
"""What a quote names as its source when its prices are the vendor's word of today."""


@dataclass(frozen=True)
class Argument:
    """One argument of a program.

    `default`: what holds where it says nothing. `priced`: the price depends on it. `interrupts`: another value
    interrupts the service, so that it is waited for again. `secret`: no problem shows the value.
    `in_state_if_default`: whether plans and states have it while it has its default; each property there costs time at
    every step of an `up`.
    """

    read: Reader
    default: Any
    change: Change = Change.REPLACE
    priced: bool = False
    interrupts: bool = False
    secret: bool = False
    in_state_if_default: bool = True


@dataclass(frozen=True)
class ArgumentTable(Mapping[str, Argument]):
    """All arguments of a type by name, in the order in which plans and states have them. `owner` is what they belong
    to, "an Instance"."""

    owner: str
    rows: Mapping[str, Argument]

    def __getitem__(self, key: str) -> Argument:
        return self.rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def names_where(self, holds: Callable[[Argument], bool]) -> tuple[str, ...]:
        """The names of those for which that holds."""
        return tuple(key for key, argument in self.rows.items() if holds(argument))

    @cached_property
    def replacing(self) -> tuple[str, ...]:
        """The arguments that decide what is bought: a change of any of them is a replacement."""
        return self.names_where(lambda argument: argument.change is Change.REPLACE)

    @cached_property
    def updatable(self) -> tuple[str, ...]:
        """The arguments that change in place."""
        return self.names_where(lambda argument: argument.change is Change.UPDATE)

    @cached_property
    def priced(self) -> tuple[str, ...]:
        """The arguments that the price depends on."""
        return self.names_where(lambda argument: argument.priced)

    @cached_property
    def interrupting(self) -> tuple[str, ...]:
        """The arguments after whose change the Endpoint waits again."""
        return self.names_where(lambda argument: argument.interrupts)

    @cached_property
    def required(self) -> Mapping[str, str]:
        """Why each of those that have no default is required."""
        return {
            key: argument.default.why for key, argument in self.rows.items() if isinstance(argument.default, Required)
        }

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The default of each optional argument, but for those that the market decides."""
        return {
            key: argument.default
            for key, argument in self.rows.items()
            if key not in self.required and argument.default is not MARKET
        }

    @cached_property
    def defaults_of_purchase(self) -> Mapping[str, Any]:
        """Those of what decides what is bought."""
        return {key: default for key, default in self.defaults.items() if key in self.replacing}

    @cached_property
    def other_defaults(self) -> Mapping[str, Any]:
        """Those of all else."""
        return {key: default for key, default in self.defaults.items() if key not in self.replacing}

    def is_default(self, key: str, value: Any) -> bool:
        """Returns whether leaving the argument out says the same."""
        return key in self.defaults and bool(value == self.defaults[key])

    @cached_property
    def omitted_when_default(self) -> tuple[str, ...]:
        """The arguments that are in no plan and no state while they have their default."""
        return self.names_where(lambda argument: not argument.in_state_if_default)

    def omit_defaults(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The same as plans and states have it."""
        omitted = self.omitted_when_default
        return {key: value for key, value in inputs.items() if key not in omitted or not self.is_default(key, value)}


class Market(Protocol):
    """The market of a cloud, live or as it was pinned. Each method raises CloudError, and is asked only when check is
    no fixpoint. A Problem says what is not on offer, and what is instead."""

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """`wanted` with what the vendor would choose where it says nothing, and with the quote. What there is
        (`current`) is kept as long as it fits. What is wrong is added to `problems`: it is told, too, when a later
        request fails."""
        ...

    def availability(self, inputs: Inputs) -> list[Problem]:
        """The reasons why the same could not be bought again: stock, quota, capacity."""
        ...

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The price as a property: unknown while anything that it depends on is, and {} where there is none. Problems
        tell what is not sold (any more), which alone refuses nothing."""
        ...

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        """The values that allow-lists judge, by argument: None for what only `up` will know, and words that are on no
        list for what the vendor does not report of an instance. Sends no request."""
        ...


@dataclass(frozen=True)
class InstanceKind:
    """The instances of one cloud, as the provider knows them.

    `token` and `endpoint_token` are what the engine calls an instance and its Endpoint. `connect` gets the credentials,
    for how many seconds the list may lag, and what tells the hourly price of what is so described (None where that
    cannot be told; it may raise CloudError). `market` is where instances are bought, by its base URL, and `pinned` what
    stands in for it where it cannot be reached.
    """

    token: str
    endpoint_token: str
    credentials: CredentialSpec
    arguments: ArgumentTable
    connect: Callable[[Credentials, float, Callable[[Inputs], Money | None]], Cloud[Any]]
    market: Callable[[str, AnswerCache], Market]
    pinned: Callable[[PriceList], Market]

    @property
    def cloud(self) -> str:
        """Its cloud's name in limits and catalogues."""
        return self.credentials.cloud

    @property
    def vendor(self) -> str:
        """Its vendor's name in texts."""
        return self.credentials.vendor

    @property
    def possessive(self) -> str:
        """The vendor's name in the possessive: "Acme's"."""
        return f"{self.vendor}'" if self.vendor.endswith("s") else f"{self.vendor}'s"

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """All that check can settle."""
        return (*self.arguments, "quote")
