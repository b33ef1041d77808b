"""The contract of a resource type: the table of its arguments, and the market on which it is bought."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from pulumi_cortecs.http.credential_spec import CredentialSpec

if TYPE_CHECKING:  # programs import this module, but nothing that buys
    from pulumi_cortecs.cost import Money, Offer
    from pulumi_cortecs.cost.limits import PolicyValue
    from pulumi_cortecs.cost.pricelist import PriceList
    from pulumi_cortecs.http.credentials import Credentials
    from pulumi_cortecs.lifecycle.cloud import Cloud
    from pulumi_cortecs.lifecycle.listed_instance import ListedInstance
    from pulumi_cortecs.provider.answer_cache import AnswerCache
    from pulumi_cortecs.provider.plain_cloud import PlainClient

C = TypeVar("C", bound="PlainClient")
R = TypeVar("R")

Inputs = Mapping[str, Any]
"""The program's inputs, completed by check; an `Unknown` stands for a value that only `up` will know."""

Reader = Callable[[Any], Any]
"""Returns the normalised value. Raises InvalidValueError."""


@dataclass(frozen=True)
class Alternative:
    """An offer that could be bought instead: its text, with the price, and the inputs of its purchase."""

    text: str
    inputs: Inputs


@dataclass(frozen=True)
class Problem:
    """The reason why a property was refused. `alternatives` are offers in its place, the cheapest first; the message
    names those that the limits of the machine allow."""

    property: str
    reason: str
    alternatives: tuple[Alternative, ...] = ()


class Change(Enum):
    """The effect of another value of an argument on an existing instance."""

    REPLACE = "replace"
    """A change replaces the instance: a new one is bought, and the old one deleted."""
    UPDATE = "update"
    """A change is made in place."""
    NOTHING = "nothing"
    """A change has no effect: the argument counts only at a purchase, an adoption or a wait."""


@dataclass(frozen=True)
class Required:
    """In a default's place: the argument is required. `why` ends the message "is required: ..."."""

    why: str


MARKET: Final = object()
"""In a default's place: the market chooses the value."""


@dataclass(frozen=True)
class Generated:
    """In a default's place: check makes a name that no other resource has (provider/generated_names.py), of at most so
    many characters."""

    max_length: int = 47


GENERATED: Final = Generated()
"""A name of the usual length."""

PRICED_BY: Final = "priced_by"
"""The key of a quote whose price the vendor hides: the catalogue that has it instead. Limits do not count by it."""


@dataclass(frozen=True)
class Argument:
    """One argument of a program.

    `default`: the value if the program leaves it out. `priced`: the price depends on it. `interrupts`: a change
    interrupts the service, so that the Endpoint waits again; a function returns the part of a value whose change does.
    `secret`: no message shows the value.
    `in_state_if_default`: whether plans and states contain it while it has its default; each property there costs time
    at every step of an `up`. `spell` returns a normalised value as programs write it.
    """

    read: Reader
    default: Any
    change: Change = Change.REPLACE
    priced: bool = False
    interrupts: bool | Callable[[Any], Any] = False
    secret: bool = False
    in_state_if_default: bool = True
    spell: Callable[[Any], Any] = lambda value: value

    def in_program(self, value: Any) -> str:
        """The value as a line of a program has it."""
        return repr(value) if isinstance(value, (dict, list)) else json.dumps(self.spell(value), ensure_ascii=False)


@dataclass(frozen=True)
class ArgumentTable(Mapping[str, Argument]):
    """All arguments of a type by name, in the order of plans and states. `owner` names the type, "an Instance"."""

    owner: str
    rows: Mapping[str, Argument]

    def __getitem__(self, key: str) -> Argument:
        return self.rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def names_where(self, holds: Callable[[Argument], bool]) -> tuple[str, ...]:
        """The names of the arguments for which `holds` is true."""
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
    def without_effect(self) -> tuple[str, ...]:
        """The arguments that count only at a purchase, an adoption or a wait."""
        return self.names_where(lambda argument: argument.change is Change.NOTHING)

    @cached_property
    def priced(self) -> tuple[str, ...]:
        """The arguments that the price depends on."""
        return self.names_where(lambda argument: argument.priced)

    @cached_property
    def purchased(self) -> tuple[str, ...]:
        """The arguments that decide what is bought, and its price."""
        return tuple(dict.fromkeys((*self.replacing, *self.priced)))

    @cached_property
    def interrupting(self) -> tuple[str, ...]:
        """The arguments after whose change the Endpoint waits again."""
        return self.names_where(lambda argument: bool(argument.interrupts))

    def service_of(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What of these inputs interrupts the service when it changes, by argument; empty values are left out."""
        rows = {key: self.rows[key].interrupts for key in self.interrupting if inputs.get(key)}
        return {key: part(inputs[key]) if callable(part) else inputs[key] for key, part in rows.items()}

    @cached_property
    def required(self) -> Mapping[str, str]:
        """The reason, for each argument without a default, why it is required."""
        return {
            key: argument.default.why for key, argument in self.rows.items() if isinstance(argument.default, Required)
        }

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The default of each optional argument, except those that the market chooses or check makes."""
        return {
            key: argument.default
            for key, argument in self.rows.items()
            if key not in self.required
            and argument.default is not MARKET
            and not isinstance(argument.default, Generated)
        }

    @cached_property
    def defaults_of_purchase(self) -> Mapping[str, Any]:
        """The defaults of the arguments that decide what is bought."""
        return {key: default for key, default in self.defaults.items() if key in self.replacing}

    @cached_property
    def other_defaults(self) -> Mapping[str, Any]:
        """The defaults of the other arguments."""
        return {key: default for key, default in self.defaults.items() if key not in self.replacing}

    def is_default(self, key: str, value: Any) -> bool:
        """Returns whether the value equals the argument's default."""
        return key in self.defaults and bool(value == self.defaults[key])

    @cached_property
    def omitted_when_default(self) -> tuple[str, ...]:
        """The arguments that plans and states omit while they have their default."""
        return self.names_where(lambda argument: not argument.in_state_if_default)

    def restore_defaults(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs of a plan or state, with the defaults that `omit_defaults` has left out. Those of an adopted
        instance stay out: a missing argument of it is one that the vendor does not report."""
        kept = self.replacing if inputs.get("adopt_id") else ()
        omitted = {key: self.defaults[key] for key in self.omitted_when_default if key not in kept}
        return {**omitted, **inputs}

    def omit_defaults(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as plans and states contain them: without such defaults."""
        omitted = self.omitted_when_default
        return {key: value for key, value in inputs.items() if key not in omitted or not self.is_default(key, value)}


class Market(Protocol):
    """The market of a cloud, live or pinned. Each method raises CloudError, and check calls it only when the inputs
    have changed. A Problem names what is not on offer, and the alternatives."""

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """`wanted`, completed with the vendor's choices and the quote. The `current` values are kept as long as they
        fit. Problems are added to `problems`, so that they are reported even if a later request fails."""
        ...

    def availability(self, inputs: Inputs, refusal: str = "", /) -> list[Problem]:
        """The reasons why the same could not be bought again: stock, quota, capacity. `refusal` is the vendor's word
        (`RefusedError.code`) for the refusal of such an order just now, which the market may not show yet."""
        ...

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The price as a property: unknown while an argument that it depends on is unknown, and {} without a price.
        Problems name the arguments that are not sold (any more), which alone refuses nothing."""
        ...

    def policy_values(self, inputs: Inputs) -> Mapping[str, PolicyValue]:
        """The values that allow-lists judge, by argument: None for a value that only `up` will know, and a text that is
        on no list for one that the vendor does not report; a tuple where each of several must be allowed. Sends no
        request."""
        ...


@dataclass(frozen=True)
class PurchasableKind:
    """Something else than instances that costs money in an account of a cloud, such as its volumes.

    `token` is the engine's type, and `noun` its name in texts, "volume". `listed` returns all of them, with `noun`:
    the whole list, or a CloudError. `delete` deletes one, and returns when it is provably gone; it raises CloudError
    otherwise. To delete one destroys its data, so commands do that only with `--volumes`.
    """

    token: str
    noun: str
    listed: Callable[[Cloud[Any]], Sequence[ListedInstance]]
    delete: Callable[[Cloud[Any], str], None]


@dataclass(frozen=True, kw_only=True)
class ResourceKind:
    """A resource type of one cloud, as the provider knows it: its instances, or one of its plain resources. `token` is
    the engine's type."""

    token: str
    credentials: CredentialSpec
    arguments: ArgumentTable

    @property
    def cloud(self) -> str:
        """Its cloud's name in limits and catalogues."""
        return self.credentials.cloud

    @property
    def vendor(self) -> str:
        """Its vendor's name in texts."""
        return self.credentials.vendor

    @property
    def type_name(self) -> str:
        """The name of its class in programs: "Instance"."""
        return self.token.rpartition(":")[2]

    @property
    def possessive(self) -> str:
        """The vendor's name in the possessive: "Acme's"."""
        return f"{self.vendor}'" if self.vendor.endswith("s") else f"{self.vendor}'s"

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """All inputs that check returns."""
        return (*self.arguments, "quote")

    def journal_account(self, fingerprint: str) -> str:
        """The name in journals of the account with this fingerprint: the orders of one name are never confused with
        those of another."""
        return fingerprint

    @property
    def billed_kinds(self) -> tuple[ResourceKind, ...]:
        """All resource types of the cloud that cost money: their sum is the cost of an account."""
        raise NotImplementedError

    def open_cloud(
        self, credentials: Credentials, list_lag: float, price: Callable[[Inputs], Money | None]
    ) -> Cloud[Any]:
        """One account. `list_lag`: the seconds by which its list may lag; `price` returns the hourly price of given
        inputs (None where it is unknown; it may raise CloudError)."""
        raise NotImplementedError

    def open_market(self, base_url: str, credentials: Callable[[], Credentials], answers: AnswerCache) -> Market:
        """The market at this base URL. `credentials` raises ConfigurationError where there are none."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class InstanceKind(ResourceKind):
    """The instances of one cloud, as the provider knows them.

    `endpoint_token` is the engine's type of an instance's Endpoint. `connect` gets the credentials, the seconds by
    which the list may lag, and a function that returns the hourly price of given inputs (None where it is unknown; it
    may raise CloudError). `market` makes the market of a base URL, and `account_market`, in its place, that of a cloud
    whose market needs an account: its first argument returns the credentials, or raises ConfigurationError. `pinned`
    makes the market that replaces it while the vendor cannot be reached. `offers` returns what a base URL offers now,
    without credentials; it raises CloudError.

    `module` is the module from which programs import the Instance. `columns` are the arguments that tell a person which
    instance it is, each with its title in tables: by default all that decide what is bought. `named_after` is the
    argument after whose value the commands name an instance: by default the first of those. `ready_timeout` are the
    seconds that a wait takes for a program that sets no timeout. `billed_resources` returns the cloud's plain resources
    that cost money, and `others` are further purchases in an account, of no CrudKind.

    `ready_status` is the status of an Endpoint that can be used, `sleeping_status` that of one whose next request
    starts its containers again (`Probes.sleeps`), and `endpoint_arguments` are the arguments that an Instance passes on
    to its Endpoint, beside those of every cloud. `conflicts` gets a program's arguments, the result of the last check
    and the time: it names those that exclude each other, and those that the time makes impossible unless they have
    stood before; it is pure.
    """

    endpoint_token: str
    connect: Callable[[Credentials, float, Callable[[Inputs], Money | None]], Cloud[Any]]
    market: Callable[[str, AnswerCache], Market] | None = None
    account_market: Callable[[Callable[[], Credentials], AnswerCache], Market] | None = None
    pinned: Callable[[PriceList], Market]
    offers: Callable[[str], list[Offer]]
    module: str
    columns: Mapping[str, str] = field(default_factory=dict)
    named_after: str = ""
    ready_timeout: int = 1200
    others: tuple[PurchasableKind, ...] = ()
    ready_status: str = "running"
    sleeping_status: str = ""
    endpoint_arguments: tuple[str, ...] = ()
    conflicts: Callable[[Inputs, Inputs, datetime], list[Problem]] = lambda _, __, ___: []
    billed_resources: Callable[[], tuple[CrudKind[Any, Any], ...]] = tuple

    @property
    def tokens(self) -> frozenset[str]:
        """The engine's types of all that costs money in its accounts."""
        return frozenset((self.token, *(other.token for other in self.other_purchases)))

    @property
    def shown_arguments(self) -> Mapping[str, str]:
        """The titles of the arguments in tables, by name."""
        return self.columns or {key: key.replace("_", " ") for key in self.arguments.replacing}

    def name_for(self, arguments: Mapping[str, object]) -> str:
        """The value after which the commands name an instance of these arguments, "" where it is not reported."""
        return str(arguments.get(self.named_after or self.arguments.replacing[0], ""))

    @property
    def other_purchases(self) -> tuple[PurchasableKind, ...]:
        """The further purchases in an account, as the commands list and delete them."""
        from pulumi_cortecs.provider.listed_resources import as_purchasable

        return (*self.others, *(as_purchasable(kind) for kind in self.billed_resources()))

    @property
    def billed_kinds(self) -> tuple[ResourceKind, ...]:
        return (self, *self.billed_resources())

    def open_cloud(
        self, credentials: Credentials, list_lag: float, price: Callable[[Inputs], Money | None]
    ) -> Cloud[Any]:
        return self.connect(credentials, list_lag, price)

    def open_market(self, base_url: str, credentials: Callable[[], Credentials], answers: AnswerCache) -> Market:
        if self.account_market is not None:
            return self.account_market(credentials, answers)
        assert self.market is not None  # one of the two
        return self.market(base_url, answers)


@dataclass(frozen=True, kw_only=True)
class CrudKind(ResourceKind, Generic[C, R]):
    """A plain resource type of one cloud: an SSH key, a volume, a registry's credentials. It is there as soon as it is
    created, and it has a name that is the account's only one, by which a lost answer is resolved from any machine.

    `instances` are the cloud's. The table has an argument `name`, which is GENERATED and cannot change in place. The
    `client` (`plain_cloud.py`, PlainClient) calls the type `path`. `update` gets all arguments, and may be sent twice;
    without it every change replaces.

    `warning` gets the arguments and the time at every check and refresh, and returns what a person should know, "" for
    nothing.

    `outputs` are the properties of a resource, never None; one with the name of an argument is what the vendor reports
    of it, so that a difference shows as drift. `told_once` are outputs that only the answer to `create` has: they are
    kept in the state, and a resource whose answer was lost is deleted and created again. So is a free resource that an
    earlier run has created, if the vendor does not report an argument that cannot change in place.

    `market` is that of a resource that costs money: it is quoted, judged by the limits, and counted for the account;
    `pinned` is the one that replaces it while the vendor cannot be reached.
    `destroys_data`: a replacement destroys data. `used_by` returns the id of an instance that uses the resource, "" for
    none: a deletion waits `release_timeout` seconds for it. `undeletable` returns the reason why the vendor will never
    delete it, "" for none.
    """

    instances: InstanceKind
    client: Callable[[Credentials], C]
    path: str
    update: Callable[[C, str, Inputs], object] | None = None
    warning: Callable[[Inputs, datetime], str] = lambda _, __: ""
    id_of: Callable[[Any], str] = lambda resource: str(resource.id)
    outputs: Callable[[R], Mapping[str, Any]]
    told_once: frozenset[str] = frozenset()
    market: Callable[[C, AnswerCache], Market] | None = None
    pinned: Callable[[PriceList], Market] | None = None
    destroys_data: bool = False
    used_by: Callable[[R], str] = lambda resource: ""
    undeletable: Callable[[R], str] = lambda resource: ""
    release_timeout: float = 300.0

    def __post_init__(self) -> None:
        in_place = self.arguments.updatable if self.update is None else set(self.arguments.priced)
        if wrong := [key for key in in_place if key in self.arguments.updatable]:
            raise ValueError(
                f"{self.name} cannot change {', '.join(wrong)} in place: it has no update, or it is priced"
            )

    @property
    def name(self) -> str:
        """The type's name, "Volume"."""
        return self.type_name

    def journal_account(self, fingerprint: str) -> str:
        return f"{fingerprint}/{self.name}"

    @property
    def billed_kinds(self) -> tuple[ResourceKind, ...]:
        return self.instances.billed_kinds

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.arguments) if self.market is None else (*self.arguments, "quote")

    def open_cloud(
        self, credentials: Credentials, list_lag: float, price: Callable[[Inputs], Money | None]
    ) -> Cloud[Any]:
        from pulumi_cortecs.provider.plain_cloud import PlainCloud

        return PlainCloud(self, self.client(credentials), credentials, list_lag, price)

    def open_market(self, base_url: str, credentials: Callable[[], Credentials], answers: AnswerCache) -> Market:
        if self.market is None:
            raise TypeError(f"a {self.name} costs nothing, so it has no market")
        return self.market(self.client(credentials()), answers)
