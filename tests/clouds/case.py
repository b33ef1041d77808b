"""The facts about a cloud that the suites over every cloud need: `tests/contract/test_every_cloud.py` and
`tests/stateful` take a CloudCase, and nothing else of a cloud's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.named_resources import has_generated_name
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.faults import FaultKind, FaultMatch
from pulumi_cortecs.simulator.vendor import Vendor
from pulumi_cortecs.simulator.world import World

START, STOP, RESTART, UPDATE, LIST = "start", "stop", "restart", "update", "list"
BY_ID, DELETE, TOKEN, MARKET, BALANCE = "by id", "delete", "token", "market", "balance"

Json = dict[str, Any]
Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Real:
    """An instance as it really is: what was ordered and changed since, and whether it never gets ready by itself."""

    arguments: Arguments
    stopped: bool = False
    stuck: bool = False


class Staged(Protocol):
    """A simulated cloud without a network: its API as a function, and what happens to it from outside."""

    base: str
    """What all paths of its API begin with."""
    lists: frozenset[str]
    """The paths behind it that answer a GET with a list."""

    def __init__(self, world: World) -> None:
        self.world = world

    def operation(self, method: str, path: str) -> str:
        """A request in a word; `path` is what follows the base."""

    def subject(self, path: str, body: Json) -> str:
        """The instance that a request is about, "" for none."""

    def answered(self, method: str, path: str, headers: Mapping[str, str], body: Json) -> Json:
        """The answer of its API to a request without a fault. Raises ApiError."""

    def error_body(self, error: ApiError) -> Json:
        """The body of an error of its API."""
        return {"error": error.message}

    def every(self) -> Mapping[str, Real]:
        """All instances by id."""

    def order(self, arguments: Arguments) -> str:
        """Orders an instance in the vendor's console; returns its id."""

    def volumes(self) -> Mapping[str, str]:
        """The id of the instance that mounts each volume, "" for none, by id."""
        return {}

    def vanish(self, instance_id: str) -> None:
        """Removes an instance without a request."""

    def reprice(self, cents: int) -> None:
        """Sets the price of an hour of what the first program buys, in cents."""

    def stop_from_outside(self, instance_id: str) -> None:
        """Stops an instance in the vendor's console; does nothing where none can be stopped."""

    def expire_tokens(self) -> None:
        """Invalidates all tokens that were issued; does nothing where there are none."""


@dataclass(frozen=True)
class CloudCase:
    """One cloud as the suites know it.

    `instance` and `endpoint` are the names of its providers; `kind` loads its InstanceKind; `simulated` is
    what the simulator knows it by, `staged` the same without a network.

    `programs` are what programs may say, no two alike. Without `replacing` each is the replacement of another, and the
    first two differ in nothing but what replaces; with it they change each other in place, and it is what replaces.
    `adopting` is what one that adopts has to say beside the id; `updated` changes in place what any of them has made.

    `order`, `list`, `one` and `delete` are the routes of its API, as the simulator counts them, and `never` the words
    for requests that there are none of. `faults` are the kinds that can happen to it, `fields` what a wrong shape may
    spoil, and `unneeded` the protections (`tests/stateful/breaks.py`) that it does without. `knobs` are settings of the
    simulator, for what its vendor leaves open, and `task_seconds` the time of its tasks, 0 where there are none. Its
    prices are in `currency`, and `serving` is what a program has to say, too, for its instance to have an address; a
    cloud that `reports_price` says of each instance at which price it was ordered. `volume` is the name of the provider
    of volumes, and `volume_programs` a program of one, and of an Instance there.
    """

    instance: str
    endpoint: str
    kind: Callable[[], InstanceKind]
    simulated: Vendor
    staged: Callable[[World], Staged]
    programs: Sequence[Arguments]
    adopting: Arguments
    updated: Arguments
    order: str
    list: str
    one: str
    delete: str
    never: frozenset[str]
    faults: Sequence[FaultKind]
    fields: Sequence[str]
    replacing: Arguments = field(default_factory=dict)
    unneeded: frozenset[str] = frozenset()
    knobs: Sequence[Mapping[str, Any]] = ()
    task_seconds: float = 0.0
    currency: str = "EUR"
    serving: Arguments = field(default_factory=dict)
    reports_price: bool = False
    volume: str = ""
    volume_programs: tuple[Arguments, Arguments] = ({}, {})

    @property
    def can_stop(self) -> bool:
        """Returns whether an Instance can be stopped."""
        return STOP not in self.never

    @property
    def can_update(self) -> bool:
        """Returns whether programs can change an Instance in place by a request."""
        return UPDATE not in self.never

    @property
    def has_names(self) -> bool:
        """Returns whether an Instance's name is its account's only one, and a program may give it."""
        return has_generated_name(self.kind())

    @property
    def replacement(self) -> Arguments:
        """A program that replaces what the first one has made, and what it says otherwise."""
        return {**self.programs[0], **self.replacing} if self.replacing else self.programs[1]

    @property
    def orders(self) -> FaultMatch:
        """The match of a fault for the requests that buy."""
        return FaultMatch(**route_match(self.order))

    @property
    def name(self) -> str:
        """Its name."""
        return self.simulated.name

    @property
    def token(self) -> str:
        """The type token of its Instances."""
        return self.kind().token

    @property
    def volume_token(self) -> str:
        """The type token of its volumes."""
        return TOKENS[self.volume]

    @property
    def endpoint_token(self) -> str:
        """The type token of its Endpoints."""
        return self.kind().endpoint_token


def route_match(route: str) -> dict[str, str]:
    """Method and path with which a fault hits the requests of a route."""
    method, path = route.split()
    return {"method": method, "path": re.sub(r"{.*?}", "*", path)}
