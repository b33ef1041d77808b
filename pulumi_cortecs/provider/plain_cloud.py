"""The plain resources of one type and account, as the life cycle knows them: as instances that are always ready.

So a purchase that goes wrong is recorded, found again and taken over by the same code as that of an instance; here a
resource proves its order by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from pulumi_cortecs.cost import Money
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import none_if_unknown
from pulumi_cortecs.lifecycle.account_cloud import AccountCloud, VendorClient
from pulumi_cortecs.lifecycle.cloud import (
    Arguments,
    NamesInstances,
    OrderAnswer,
    OrderMatch,
    OrderRef,
    OrderSpec,
    Phase,
)
from pulumi_cortecs.lifecycle.times import parse_timestamp
from pulumi_cortecs.provider.arguments import vendor_arguments
from pulumi_cortecs.provider.kind import CrudKind, Inputs
from pulumi_cortecs.provider.named_resources import CREATED_AT, NAME

R = TypeVar("R")


class PlainClient(VendorClient, Protocol):
    """A client of a vendor with plain resources, whose types have names (`path`). Each method sends one request, and
    raises CloudError."""

    def all_of(self, path: str) -> Mapping[str, Any]:
        """All resources of a type by id."""

    def one_of(self, path: str, resource_id: str) -> Any:
        """One of them. Raises NotFoundError for "no such resource"."""

    def create(self, path: str, inputs: Inputs) -> OrderAnswer[Any]:
        """Creates one with those of check's inputs that describe it. Sent once (`Retry.IF_NEVER_SENT`); the answer may
        have only the id."""

    def delete(self, path: str, resource_id: str) -> None:
        """Deletes one. May be sent twice."""


class PlainCloud(AccountCloud[PlainClient, R], NamesInstances[R]):
    """The resources of one CrudKind. An order's arguments begin with the type's name and the resource's."""

    is_taken_by_name = True  # a program cannot adopt them

    def __init__(
        self,
        kind: CrudKind[Any, R],
        client: PlainClient,
        credentials: Credentials,
        list_lag: float,
        price: Callable[[Inputs], Money | None],
    ) -> None:
        """`price` returns the hourly price of given inputs, None if it is unknown; it may raise CloudError."""
        super().__init__(client, credentials.fingerprint, list_lag, price)
        self.kind = kind
        others = kind.arguments.names_where(lambda argument: not argument.secret)
        self._ordered = (NAME, *(key for key in others if key in kind.arguments.replacing and key != NAME))

    @property
    def journal_account(self) -> str:
        """That of the credentials, and the type: the orders of other types are none of these."""
        return self.kind.journal_account(self.fingerprint)

    def list_instances(self) -> Mapping[str, R]:
        return self.client.all_of(self.kind.path)

    def get_instance(self, instance_id: str) -> R | None:
        return none_if_unknown(lambda: self.client.one_of(self.kind.path, instance_id))

    def create(self, inputs: Mapping[str, Any], order: OrderRef) -> OrderAnswer[R]:
        described = {key: inputs[key] for key in vendor_arguments(self.kind.arguments) if key in inputs}
        return self.client.create(self.kind.path, described)

    def delete(self, instance_id: str) -> None:
        self.client.delete(self.kind.path, instance_id)

    def hourly_price(self, instance: R) -> Money | None:
        return self._price(self.reported_inputs(instance)) if self.kind.market is not None else None

    def price_text(self, instance: R) -> str:
        return super().price_text(instance) if self.kind.market is not None else "free"

    def id_of(self, instance: R) -> str:
        return self.kind.id_of(instance)

    def phase(self, instance: R) -> Phase:
        return Phase.READY

    def ready_phase(self, instance: R) -> Phase:
        return Phase.READY

    def is_billed(self, instance: R) -> bool:
        return self.kind.market is not None

    def started_at(self, instance: R) -> float | None:
        return None

    def created_at(self, instance: R) -> float | None:
        return parse_timestamp(str(self.kind.outputs(instance).get(CREATED_AT, "")))

    def reported_inputs(self, instance: R) -> Mapping[str, Any]:
        outputs = self.kind.outputs(instance)
        return {key: outputs[key] for key in self.kind.arguments if key in outputs}

    def name_of(self, instance: R) -> str:
        return str(self.reported_inputs(instance)[NAME])

    def progress_text(self, instance: R) -> str:
        return ""

    def endpoint_outputs(self, instance: R, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"status": "in use" if self.kind.used_by(instance) else "ready"}

    def match(self, instance: R, ordered: OrderSpec) -> OrderMatch:
        if ordered.arguments[:2] != (self.kind.name, self.name_of(instance)):
            return OrderMatch.NO
        reported, wanted = self.reported_inputs(instance), zip(self._ordered, ordered.arguments[1:], strict=True)
        is_alike = all(reported.get(key, value) == value for key, value in wanted)
        return OrderMatch.YES if is_alike else OrderMatch.NEARLY

    def arguments_of(self, inputs: Mapping[str, object]) -> Arguments | None:
        if any(inputs.get(key) is None for key in self._ordered):
            return None
        return (self.kind.name, *(inputs[key] for key in self._ordered))

    def describe_order(self, ordered: Arguments) -> str:
        return f"{ordered[0]} {ordered[1]!r}"

    def next_steps(self, instance_ids: Iterable[str]) -> str:
        return f"Delete what you do not need in {self.kind.possessive} console, and run `pulumi up` again."
