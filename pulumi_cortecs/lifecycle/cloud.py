"""The contract of a cloud: all that the life cycle asks of a vendor, and all that it has to know of it.

A Cloud is one account at one vendor. A request is one call: it returns at once, waits for no outcome, and raises
CloudError when the vendor refuses or cannot be asked. Every other method is pure: it sends nothing, and raises only
what its docstring names. Threads may share a Cloud.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.errors import CloudError

T = TypeVar("T")
Arguments = tuple[object, ...]
"""The values of a purchase's arguments, always in the same order."""


class Phase(Enum):
    """The phase of an instance's life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETING = "deleting"


class UnknownStatusError(Exception):
    """The vendor used a status word that our table does not have: what it means for a bill must not be guessed."""


def phase_of(status: str, table: Mapping[str, Phase]) -> Phase:
    """The phase that `status` stands for. Raises UnknownStatusError."""
    try:
        return table[status]
    except KeyError:
        known_words = ", ".join(sorted(table))
        raise UnknownStatusError(f"the vendor reports the status {status!r}; known are {known_words}") from None


@dataclass(frozen=True)
class OrderRef:
    """The tag that a cloud may put on a purchase. `token` is the order's own and never given twice: it alone proves
    whose an instance is. `key` is the resource's, the same from any machine; what a resource had before it was replaced
    bears it, too."""

    token: str
    key: str


@dataclass(frozen=True)
class OrderSpec:
    """An order, as an instance is compared with it. `token` is "" where that is not known."""

    arguments: Arguments
    token: str = ""


@dataclass(frozen=True)
class OrderAnswer(Generic[T]):
    """A vendor's good answer to an order. `instance` is None where it names no more than the id."""

    instance_id: str
    instance: T | None = None


def token_of(number: int) -> str:
    """The token of the order with this number."""
    return f"{number:x}"


class OrderMatch(Enum):
    """Whether an instance is what was ordered. YES: it bears the order's token. NEARLY: it is not, but for one or two
    arguments, so it may have come instead."""

    YES = "yes"
    MAYBE = "maybe"
    NEARLY = "nearly"
    NO = "no"

    def counts_as(self, other: OrderMatch) -> bool:
        """Returns whether it is that, or a MAYBE that is certain."""
        return self is other or (self is OrderMatch.YES and other is OrderMatch.MAYBE)


class Cloud(ABC, Generic[T]):
    """One account at one vendor, whose instances are `T`s.

    `fingerprint` names the account in states and journals and reveals nothing of its secret; `base_url` is where it is
    asked; for `list_lag` seconds its list may miss what is new, and still show what is gone.
    """

    fingerprint: str
    base_url: str
    list_lag: float

    @abstractmethod
    def list_instances(self) -> Mapping[str, T]:
        """Everything the account has, stopped ones too, by id: the whole list, or an error."""

    @abstractmethod
    def get_instance(self, instance_id: str) -> T | None:
        """One instance, None for the vendor's "no such instance": never enough by itself to call one gone. What is
        about something else (a refused token, an unpaid bill, a redirect) is raised."""

    @abstractmethod
    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[T]:
        """Orders what check has settled, and returns while it boots. **Never sent twice**: an error with
        `may_have_taken_effect` means that there may be one now. Where the vendor keeps something with an instance that
        comes back in the list, `order` is put there (TagsOrders)."""

    @abstractmethod
    def delete(self, instance_id: str) -> None:
        """Requests the deletion of an instance. The vendor's acceptance proves nothing; an id that it does not know is
        an error."""

    @abstractmethod
    def vendor_time(self) -> float | None:
        """The time by the vendor's clock, in seconds since 1970; None before its first answer. Sends no request."""

    @abstractmethod
    def vendor_date(self) -> float | None:
        """The date of the vendor's last answer, in seconds since 1970, by no clock of ours; None before the first.
        Sends no request."""

    @abstractmethod
    def hourly_price(self, instance: T) -> Money | None:
        """The cost of an hour by the vendor's current prices, None where it is unknown. A request."""

    def price_text(self, instance: T) -> str:
        """The hourly price for a person, "1.20 EUR/h"; an unknown price is never shown as free. Raises nothing."""
        with suppress(CloudError):
            if (hourly := self.hourly_price(instance)) is not None:
                return f"{hourly}/h"
        return "of unknown price"

    @abstractmethod
    def id_of(self, instance: T) -> str:
        """Its id."""

    @abstractmethod
    def phase(self, instance: T) -> Phase:
        """The instance's phase, by the vendor's status alone. Raises UnknownStatusError."""

    @abstractmethod
    def ready_phase(self, instance: T) -> Phase:
        """The phase for a wait: STARTING where the vendor calls the instance ready and it cannot be used yet. Raises
        UnknownStatusError."""

    @abstractmethod
    def is_billed(self, instance: T) -> bool:
        """Returns whether the instance costs anything now. Raises UnknownStatusError."""

    @abstractmethod
    def started_at(self, instance: T) -> float | None:
        """When the instance was started by the vendor's clock, in seconds since 1970; None where it is not reported."""

    @abstractmethod
    def reported_inputs(self, instance: T) -> Mapping[str, Any]:
        """The inputs that the vendor reports, spelled as check spells them; one that it does not report is left out."""

    @abstractmethod
    def progress_text(self, instance: T) -> str:
        """The progress of the boot, for a person: "3/5 loading weights"."""

    @abstractmethod
    def endpoint_outputs(self, instance: T) -> Mapping[str, Any]:
        """The outputs of an Endpoint: "" for none, never None. Raises UnknownStatusError."""

    @abstractmethod
    def match(self, instance: T, ordered: OrderSpec) -> OrderMatch:
        """Returns whether the instance is what was ordered, never YES by the arguments alone. An argument that the
        vendor does not report excludes nothing: an instance that a lost answer has bought would otherwise count as
        another order's, run on unseen, and be bought again."""

    @abstractmethod
    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        """The arguments that a creation in a state would order; None for one that orders nothing, or where they are
        unknown."""

    @abstractmethod
    def describe_order(self, ordered: Arguments) -> str:
        """The order for a person: "Qwen on 2 x NVIDIA_L4_1"."""


class CanStop(Cloud[T]):
    """A cloud whose instances can be stopped and started again, and are stopped before they are deleted."""

    @abstractmethod
    def stop(self, instance_id: str) -> T:
        """Stops an instance: it costs nothing from then on. May be sent twice; the vendor may refuse it for one that
        has stopped."""

    @abstractmethod
    def start(self, instance_id: str) -> T:
        """Boots a stopped instance again. May be sent twice; the vendor may refuse it for one that runs."""


class CanUpdate(Cloud[T]):
    """A cloud whose instances can be changed while they are there."""

    @abstractmethod
    def update(self, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Makes an instance what check has settled, as far as the arguments `changed` go; it keeps its id. May be sent
        twice: each time it names what is wanted, never what differs. What else the vendor keeps with the instance, as
        what an order was stamped with, is left as it is."""


class TagsOrders(Cloud[T]):
    """A cloud whose instances bear what `create` was given of their order: each says itself whose it is."""

    @abstractmethod
    def order_ref(self, instance: T) -> OrderRef | None:
        """The tag of ours that an instance bears, None where there is none. Tags of a user's are to change
        nothing about it."""

    def match(self, instance: T, ordered: OrderSpec) -> OrderMatch:
        """YES for what the very order has bought, NO for all else."""
        ref = self.order_ref(instance)
        return OrderMatch.YES if ref is not None and ref.token == ordered.token else OrderMatch.NO
