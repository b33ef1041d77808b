"""The contract of a cloud: the requests and the knowledge that the life cycle needs from each vendor.

A Cloud is one account at one vendor. A request is one call: it returns at once, waits for no outcome, and raises
CloudError when the vendor refuses or cannot be reached. Every other method is pure: it sends nothing, and raises only
the errors of its docstring. Threads may share a Cloud.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from pulumi_cortecs.cost import Money, run_cost
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.http.probe import Answer, ProbeSpec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Arguments = tuple[object, ...]
"""The values of a purchase's arguments, always in the same order."""


DELETION_SECONDS: Final = 15.0
"""Seconds for which a deletion is usually waited for."""


class Phase(Enum):
    """The phase of an instance's life."""

    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETING = "deleting"


class UnknownStatusError(Exception):
    """The vendor used an unknown status word, whose meaning for the bill must not be guessed."""


def phase_of(status: str, table: Mapping[str, Phase]) -> Phase:
    """The phase that `status` stands for. Raises UnknownStatusError."""
    try:
        return table[status]
    except KeyError:
        known_words = ", ".join(sorted(table))
        raise UnknownStatusError(f"the vendor reports the status {status!r}; known are {known_words}") from None


@dataclass(frozen=True)
class OrderRef:
    """The tag that a cloud may put on a purchase. `token` is unique to the order: only it proves which order bought an
    instance. `key` is the resource's, the same from any machine; the instances that a resource had before its
    replacement bear it, too."""

    token: str
    key: str


@dataclass(frozen=True)
class OrderSpec:
    """An order, for a comparison with instances. `token` is "" if it is unknown."""

    arguments: Arguments
    token: str = ""


@dataclass(frozen=True)
class OrderAnswer(Generic[T]):
    """A vendor's successful answer to an order. `instance` is None if the answer has only the id."""

    instance_id: str
    instance: T | None = None


def token_of(number: int) -> str:
    """The token of the order with this number."""
    return f"{number:x}"


class OrderMatch(Enum):
    """The match of an instance with an order. YES: the instance bears the order's token. NEARLY: it differs in one or
    two arguments, so it may have been delivered instead."""

    YES = "yes"
    MAYBE = "maybe"
    NEARLY = "nearly"
    NO = "no"

    def counts_as(self, other: OrderMatch) -> bool:
        """Returns whether this match is `other`, or better: a YES counts as a MAYBE."""
        return self is other or (self is OrderMatch.YES and other is OrderMatch.MAYBE)


class Lists(Protocol[T_co]):
    """The list of an account. For `list_lag` seconds it may miss new instances, and still show deleted ones."""

    list_lag: float

    def list_instances(self) -> Mapping[str, T_co]:
        """All instances by id: the whole list, or an error."""


class Bills(Lists[T], Protocol[T]):
    """An account as its bill knows it; the methods are those of a Cloud."""

    def get_instance(self, instance_id: str) -> T | None: ...

    def vendor_date(self) -> float | None: ...

    def hourly_price(self, instance: T) -> Money | None: ...

    def is_billed(self, instance: T) -> bool: ...

    def match(self, instance: T, ordered: OrderSpec) -> OrderMatch: ...


class Cloud(ABC, Generic[T]):
    """One account at one vendor, whose instances are `T`s.

    `fingerprint` names the account in states and journals, without its secret; `base_url` is the URL of its requests;
    for `list_lag` seconds its list may miss new instances, and still show deleted ones.
    """

    fingerprint: str
    base_url: str
    list_lag: float
    deletion_seconds: ClassVar[float] = DELETION_SECONDS
    """Seconds after which a deletion that the vendor has accepted counts as unconfirmed; never less than two lags."""

    @property
    def journal_account(self) -> str:
        """The name of the account in journals: orders under different names are never confused with each other."""
        return self.fingerprint

    @abstractmethod
    def list_instances(self) -> Mapping[str, T]:
        """All instances of the account by id, also stopped ones: the whole list, or an error."""

    @abstractmethod
    def get_instance(self, instance_id: str) -> T | None:
        """One instance, or None for the vendor's "no such instance", which alone does not prove that it is gone. Other
        errors (a refused token, an unpaid bill, a redirect) are raised."""

    @abstractmethod
    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[T]:
        """Orders an instance with the inputs of check, and returns while it boots. **Never sent twice**: after an error
        with `may_have_taken_effect` the instance may exist. If the vendor's instances have a field that its list
        returns, `order` is stored there (TagsOrders), and `inputs["labels"]`, those of the program and of the purchase,
        in others (HasLabels)."""

    @abstractmethod
    def delete(self, instance_id: str) -> None:
        """Requests the deletion of an instance. The vendor's acceptance does not prove it; an unknown id is an
        error."""

    @abstractmethod
    def vendor_time(self) -> float | None:
        """The time by the vendor's clock, in seconds since 1970; None before its first answer. Sends no request."""

    @abstractmethod
    def vendor_date(self) -> float | None:
        """The date of the vendor's last answer, in seconds since 1970, independent of this machine's clock; None before
        the first. Sends no request."""

    @abstractmethod
    def hourly_price(self, instance: T) -> Money | None:
        """The hourly cost by the vendor's current prices, None if it is unknown. Sends a request."""

    def billed_price(self, instance: T) -> Money | None:
        """The hourly price that the vendor reports of the instance itself; None if it reports none. Sends no
        request."""
        return None

    def may_cost_less(self, instance: T) -> bool:
        """Returns whether the hourly price is the highest that the instance can cost, because it scales. Sends no
        request."""
        return False

    def run_cost(self, instance: T, hourly: Money, ran_for: timedelta) -> Money | None:
        """The cost of an uninterrupted run of that length at this hourly price, None if it is unknown. By default each
        started second counts. Sends no request."""
        return run_cost(hourly, timedelta(seconds=1), ran_for)

    def price_text(self, instance: T) -> str:
        """The hourly price for a person, "1.20 EUR/h"; an unknown price is never shown as free. Raises nothing."""
        with suppress(CloudError):
            if (hourly := self.hourly_price(instance)) is not None:
                return f"{hourly}/h"
        return "of unknown price"

    @abstractmethod
    def id_of(self, instance: T) -> str:
        """The instance's id."""

    @abstractmethod
    def phase(self, instance: T) -> Phase:
        """The instance's phase, by the vendor's status alone. Raises UnknownStatusError."""

    @abstractmethod
    def ready_phase(self, instance: T) -> Phase:
        """The phase for a wait: STARTING if the vendor calls the instance ready before it can be used. Raises
        UnknownStatusError."""

    @abstractmethod
    def is_billed(self, instance: T) -> bool:
        """Returns whether the instance costs anything now. Raises UnknownStatusError."""

    @abstractmethod
    def started_at(self, instance: T) -> float | None:
        """The start of the instance by the vendor's clock, in seconds since 1970; None if it is not reported."""

    @abstractmethod
    def reported_inputs(self, instance: T) -> Mapping[str, Any]:
        """The inputs that the vendor reports, spelled as check spells them; one that it does not report is left out."""

    def reported_like(self, instance: T, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The reported inputs, in which a value that says the same as that of `inputs` in other words is spelled as
        there."""
        return self.reported_inputs(instance)

    def manager_of(self, instance: T) -> str:
        """What else at the vendor manages the instance, as text, so that it is neither adopted nor changed; "" for
        nothing."""
        return ""

    @abstractmethod
    def progress_text(self, instance: T) -> str:
        """The progress of the boot as text: "3/5 loading weights"."""

    @abstractmethod
    def endpoint_outputs(self, instance: T, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The outputs of an Endpoint with these inputs: "" for none, never None. Raises UnknownStatusError."""

    @abstractmethod
    def match(self, instance: T, ordered: OrderSpec) -> OrderMatch:
        """Compares the instance with an order; equal arguments alone are never a YES. An argument that the vendor does
        not report excludes nothing: otherwise the instance of a lost answer would count as another order's, run on
        unnoticed, and be bought again."""

    @abstractmethod
    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        """The arguments that a pending creation would order; None if it orders nothing, or if they are unknown."""

    @abstractmethod
    def describe_order(self, ordered: Arguments) -> str:
        """The order as text: "Qwen on 2 x NVIDIA_L4_1"."""

    def next_steps(self, instance_ids: Iterable[str]) -> str:
        """The user's next steps for instances that no state has."""
        ids = " ".join(sorted(instance_ids))
        return (
            f"Before you run `pulumi up` again: adopt_id='ID' in the program takes one over (`pulumi-cortecs orphans "
            f"--all-stacks --adopt {ids}` prints the lines), `pulumi-cortecs orphans --all-stacks --delete {ids}` "
            f"deletes them, `pulumi-cortecs orphans --keep {ids}` leaves them as they are."
        )


class CanStop(Cloud[T]):
    """A cloud whose instances can be stopped and started again.

    `stops_before_delete`: its instances have to be stopped before they can be deleted.
    """

    stops_before_delete: ClassVar[bool] = True

    @abstractmethod
    def stop(self, instance_id: str) -> T | None:
        """Stops an instance: it costs nothing from then on. Returns it, or None where the answer does not have it. May
        be sent twice; the vendor may refuse it for one that has stopped."""

    def stopped_at(self, instance: T) -> float | None:
        """The end of the last run by the vendor's clock, in seconds since 1970; None if it is not reported."""
        return None

    @abstractmethod
    def start(self, instance_id: str) -> object:
        """Boots a stopped instance again. May be sent twice; the vendor may refuse it for one that runs."""


class CanReboot(Cloud[T]):
    """A cloud whose instances can be rebooted without a stop; where none can, a restart is a stop and a start."""

    @abstractmethod
    def reboot(self, instance_id: str) -> None:
        """Reboots a running instance, which keeps its status and is billed all the while. May be sent twice."""


class Probes(Cloud[T]):
    """A cloud whose instances have an address, so that each can be asked whether it answers.

    `has_gateway`: a gateway of the vendor's answers in front of the instance, so that a refused key proves nothing
    about the instance.
    """

    has_gateway: ClassVar[bool]

    @abstractmethod
    def probe(self, instance: T, how: ProbeSpec) -> Answer | None:
        """Asks the instance itself once (http/probe.py); None if it has no address to ask. Called only for an instance
        whose `ready_phase` is READY. Raises nothing."""

    def sleeps(self, instance: T) -> bool:
        """Returns whether the instance is ready without a running container, which a request would have to start."""
        return False


class CanUpdate(Cloud[T]):
    """A cloud whose existing instances can be changed."""

    @abstractmethod
    def update(self, instance_id: str, inputs: Mapping[str, Any], changed: frozenset[str]) -> None:
        """Changes the arguments `changed` of an instance to the inputs of check; the instance keeps its id. May be sent
        twice, so it sends the wanted values and no differences. Other data of the instance, such as the tag of its
        order, stays."""


class TaskFailedError(CloudError):
    """A task of the vendor's ended with an error; the text has the vendor's words."""


class HasTasks(Cloud[T]):
    """A cloud that carries out orders, changes and deletions by tasks, after it has accepted them."""

    @abstractmethod
    def last_task(self, instance_id: str) -> str | None:
        """The id of the task that the last order, change, start, stop or deletion of this process has begun for an
        instance, "" if it has begun none: then there is nothing to wait for, and an earlier task does not count any
        more. None before the first of them. Sends no request."""

    @abstractmethod
    def task_progress(self, task_id: str) -> str:
        """The state of a task that has not ended, as text; "" for one that has ended well, or that the vendor does not
        know any more. Sends a request. Raises TaskFailedError and CloudError."""


class ReportsErrors(Cloud[T]):
    """A cloud that reports errors of an instance which it goes on starting, however often that fails."""

    @abstractmethod
    def standing_error(self, instance: T) -> str:
        """The errors of an instance that is being started, with how much of it is ready; "" for none."""

    @abstractmethod
    def last_log_lines(self, instance_id: str) -> list[str]:
        """The last lines of the instance's own log, at most five, the newest last. Sends a request."""


class EndsInstances(CanUpdate[T]):
    """A cloud that deletes an instance by itself at a date: the end of its ttl.

    The inputs of `create` and `update` have `expires_at`, that date in ISO-8601, "" without a ttl; `update` gets "ttl"
    among the changed arguments.
    """

    @abstractmethod
    def ends_at(self, instance: T) -> str:
        """The date at which the vendor will delete the instance, in ISO-8601; "" for none. The instance is an answer of
        `get_instance`."""


class HasDetail(Cloud[T]):
    """A cloud whose list omits arguments that `get_instance` reports."""

    @abstractmethod
    def needs_detail(self, inputs: Mapping[str, Any]) -> bool:
        """Returns whether these inputs set an argument that can change at the vendor and that the list omits, so that a
        refresh has to ask for the instance itself."""

    @abstractmethod
    def detailed_inputs(self, instance: T, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inputs that only an answer of `get_instance` reports, spelled as check spells them. `inputs` are those of
        the state: a value that says the same in other words stays as it is."""


@dataclass(frozen=True)
class OrderProblem:
    """The reason why the vendor would refuse an order or a change, or could not carry it out. `is_final`: it would do
    so in a later run, too; otherwise check only warns, and the order itself is refused. `missing`: the path and the
    name of the plain resource without which it would, which the same run may create."""

    argument: str
    reason: str
    is_final: bool = True
    missing: tuple[str, str] | None = None


class ChecksOrders(Cloud[T]):
    """A cloud that knows before an order whether it can be carried out: by what it attaches, by quota and capacity."""

    @abstractmethod
    def order_problems(self, inputs: Mapping[str, Any], current: Mapping[str, Any] | None) -> list[OrderProblem]:
        """Compares an order, as far as it is known, with what the account has. `current` are the inputs of a running
        instance that is changed, None for a new one. Sends requests."""


class HasAttachments(ChecksOrders[T]):
    """A cloud whose orders name existing resources that the instance gets: volumes, keys."""

    @abstractmethod
    def attached_ids(self, instance: T) -> frozenset[str]:
        """The ids of what an instance, an answer of `get_instance`, attaches."""

    @abstractmethod
    def reason_to_wait(self, inputs: Mapping[str, Any]) -> str:
        """The instance that is being deleted, and still holds what an order attaches, as text; "" for none. Sends
        requests."""


class ReportsBalance(Cloud[T]):
    """A cloud that bills a prepaid balance, and reports it."""

    @abstractmethod
    def balance(self) -> Money:
        """The remaining balance. Sends a request, which is not repeated."""


class ProvesOrders(Cloud[T]):
    """A cloud whose instances prove which order bought them: `match` is YES for that one, and NO for all others."""


class NamesInstances(ProvesOrders[T]):
    """A cloud whose accounts have no two instances of one name, which the order chooses: a name proves the order that
    gave it. Anybody may choose a name, too, so an instance that is older than the order is never its own.

    `name_taken_statuses` are the HTTP statuses with which the vendor may refuse an order because of its name.
    `is_taken_by_name`: a creation of the name that another run began and did not end is proof enough that what has it
    is that resource's.
    """

    is_taken_by_name: ClassVar[bool] = False

    name_taken_statuses: ClassVar[frozenset[int]] = frozenset({400, 409, 422})

    @abstractmethod
    def name_of(self, instance: T) -> str:
        """The instance's name."""

    def created_at(self, instance: T) -> float | None:
        """The time by which two that have had one name differ, by the vendor's clock; None if it is not reported."""
        return self.started_at(instance)


class TagsOrders(ProvesOrders[T]):
    """A cloud whose instances bear the OrderRef that `create` received, so that each one names its order."""

    @abstractmethod
    def order_ref(self, instance: T) -> OrderRef | None:
        """The tag of ours that an instance bears, None where there is none. Tags of a user's are to change
        nothing about it."""

    def may_be_of(self, instance: T, inputs: Mapping[str, Any]) -> bool:
        """Returns whether the tag allows that an order of these inputs bought the instance: False only if it proves
        that an argument differs which the vendor does not report."""
        return True

    def match(self, instance: T, ordered: OrderSpec) -> OrderMatch:
        """YES for what the very order has bought, NO for all else."""
        ref = self.order_ref(instance)
        return OrderMatch.YES if ref is not None and ref.token == ordered.token else OrderMatch.NO


class HasLabels(TagsOrders[T]):
    """A cloud whose instances have labels, too: names and values that its list returns."""

    @abstractmethod
    def labels_of(self, instance: T) -> Mapping[str, str]:
        """All labels of an instance, also those that a user wrote himself, but not the tag of its order."""

    @abstractmethod
    def update_labels(self, instance_id: str, labels: Mapping[str, str], removed: frozenset[str]) -> None:
        """Sets these labels of an instance, and removes those of the names `removed`. All others stay: those that a
        user wrote himself, and the tag of its order. May be sent twice."""
