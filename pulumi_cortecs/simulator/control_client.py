"""A typed client of `/_sim`, the control of a running simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

import httpx

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.faults import FaultKind, Parameter
from pulumi_cortecs.simulator.routing import CONTROL

C = TypeVar("C", bound="ControlClient")
Row = Mapping[str, Any]


class ControlError(Exception):
    """The simulator refused a control request; the message is its own."""


@dataclass(frozen=True)
class ClockState:
    """The virtual clock."""

    now: datetime
    speed: float
    paused: bool


@dataclass(frozen=True)
class LedgerEntry:
    """One run of an instance or a part of it; `ended_at` is None while it runs. A cloud's subclass has the tariff."""

    cloud: str
    account: str
    instance_id: str
    started_at: datetime
    billed_from: datetime | None
    ended_at: datetime | None
    amount: Money


@dataclass(frozen=True)
class LedgerState:
    """All runs until `now`, and their cost per currency."""

    now: datetime
    entries: tuple[LedgerEntry, ...]
    totals: Mapping[str, Money]

    def of(self, instance_id: str) -> tuple[LedgerEntry, ...]:
        """The runs of one instance."""
        return tuple(entry for entry in self.entries if entry.instance_id == instance_id)

    @property
    def open(self) -> tuple[LedgerEntry, ...]:
        """The runs that are still billed: none after a clean destroy."""
        return tuple(entry for entry in self.entries if entry.ended_at is None)


@dataclass(frozen=True)
class RequestCounts:
    """Requests since the last reset per "METHOD /route/{template}", and how many of them were refused."""

    counts: Mapping[str, int]
    refused: Mapping[str, int]
    refusals: tuple[Mapping[str, Any], ...]

    def count(self, route: str) -> int:
        """The number of calls of a route: "GET /api/v1/instances"."""
        return self.counts.get(route, 0)


@dataclass(frozen=True)
class SimulatedInstance:
    """The true state of an instance, independent of lists; `answer` is the vendor's JSON for it. A subclass of its
    cloud adds the arguments of its order."""

    cloud: str
    instance_id: str
    account: str
    status: str
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class RowReaders:
    """The readers of one cloud's rows in the ledger and in the list of instances."""

    entry: Callable[[Row], LedgerEntry]
    instance: Callable[[Row], SimulatedInstance]


def entry_fields(row: Row) -> dict[str, Any]:
    """The fields that all clouds' rows of the ledger have."""
    return {
        "cloud": row["cloud"],
        "account": row["account"],
        "instance_id": row["instance_id"],
        "started_at": _parse_time(row["started_at"]),
        "billed_from": _parse_time(row["billed_from"]) if row["billed_from"] else None,
        "ended_at": _parse_time(row["ended_at"]) if row["ended_at"] else None,
        "amount": Money.of(row["amount"], row["currency"]),
    }


def loopback_client(base_url: str) -> httpx.Client:
    """An HTTP client for this machine only: it uses no proxy of the environment, and loads no certificates."""
    return httpx.Client(base_url=base_url, trust_env=False, verify=False, timeout=30)


class ControlClient:
    """The control that all clouds share. Raises ControlError for requests that the simulator refuses."""

    rows: Mapping[str, RowReaders]
    matched_by: frozenset[str]

    def __init__(self, url: str):
        self._http = loopback_client(f"{url}{CONTROL}")

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def reset(self, seed: int | None = None) -> None:
        """Return to the initial state; clients keep their tokens. The same seed gives the same ids and chances."""
        self._ask("POST", "/reset", {"seed": seed})

    def clock(self) -> ClockState:
        """The state of the virtual clock."""
        return _clock(self._ask("GET", "/clock"))

    def advance(self, seconds: float) -> ClockState:
        """Step virtual time forward."""
        return _clock(self._ask("POST", "/clock", {"advance": seconds}))

    def run_at(self, speed: float) -> ClockState:
        """Change the virtual seconds per real second."""
        return _clock(self._ask("POST", "/clock", {"speed": speed}))

    def pause(self) -> ClockState:
        """Pause virtual time; it then passes only by `advance`."""
        return _clock(self._ask("POST", "/clock", {"pause": True}))

    def resume(self) -> ClockState:
        """Resume virtual time."""
        return _clock(self._ask("POST", "/clock", {"pause": False}))

    def settings(self, **changed: Any) -> Mapping[str, Any]:
        """Change these settings, if any; returns the values of all (amounts as strings)."""
        values: Mapping[str, Any] = (
            self._ask("PATCH", "/settings", changed) if changed else self._ask("GET", "/settings")
        )
        return values

    def fault(
        self,
        kind: FaultKind | str,
        *,
        probability: float = 1.0,
        count: int | None = None,
        method: str | None = None,
        path: str | None = None,
        instance_id: str | None = None,
        **parameters: Parameter | None,
    ) -> str:
        """Add a fault (the table in `faults` has the effect and the parameters of each kind); returns its id.

        It can match by those arguments of an order that a cloud names (`model_id`).
        """
        match: dict[str, Any] = {"method": method, "path": path, "instance_id": instance_id}
        match |= {name: parameters.pop(name) for name in self.matched_by if name in parameters}
        body = {"kind": FaultKind(kind).value, "probability": probability, "count": count, "match": match, **parameters}
        return str(self._ask("POST", "/faults", body)["fault_id"])

    def faults(self) -> Mapping[str, int]:
        """The number of times that each fault in force has happened, by its id."""
        return {str(row["fault_id"]): int(row["happened"]) for row in self._ask("GET", "/faults")["faults"]}

    def clear_faults(self) -> None:
        """Remove all faults; stuck boots stay stuck."""
        self._ask("DELETE", "/faults")

    def ledger(self) -> LedgerState:
        """All runs, with their cost so far."""
        data = self._ask("GET", "/ledger")
        return LedgerState(
            now=_parse_time(data["now"]),
            entries=tuple(self.rows[row["cloud"]].entry(row) for row in data["entries"]),
            totals={currency: Money.of(total, currency) for currency, total in data["totals"].items()},
        )

    def requests(self) -> RequestCounts:
        """The requests of clients since the last reset."""
        data = self._ask("GET", "/requests")
        return RequestCounts(data["counts"], data["refused"], tuple(data["refusals"]))

    def instances(self) -> tuple[SimulatedInstance, ...]:
        """The true state of all instances of all accounts."""
        return tuple(self._read_instance(row) for row in self._ask("GET", "/instances")["instances"])

    def stop(self, instance_id: str) -> SimulatedInstance:
        """Stop an instance, as a user does in the vendor's console."""
        return self._read_instance(self._ask("POST", f"/instances/{instance_id}/stop"))

    def vanish(self, instance_id: str) -> None:
        """Remove an instance, running or not."""
        self._ask("DELETE", f"/instances/{instance_id}")

    def expire_tokens(self) -> None:
        """Invalidate all access tokens."""
        self._ask("POST", "/tokens/expire")

    def _read_instance(self, row: Mapping[str, Any]) -> SimulatedInstance:
        return self.rows[row["cloud"]].instance(row)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        response = self._http.request(method, path, json=body)
        answer = response.json()
        if response.is_error:
            raise ControlError(f"{method} {CONTROL}{path}: {response.status_code} {answer.get('error')}")
        return answer


def _parse_time(text: str) -> datetime:
    # Python 3.10 does not read the Z
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _clock(data: Mapping[str, Any]) -> ClockState:
    return ClockState(_parse_time(data["now"]), float(data["speed"]), bool(data["paused"]))
