"""What a test says to a running simulator: `/_sim` with types."""

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
    """The simulator refused; the message is what it said."""


@dataclass(frozen=True)
class ClockState:
    """The virtual clock."""

    now: datetime
    speed: float
    paused: bool


@dataclass(frozen=True)
class LedgerEntry:
    """One run of one instance; `ended_at` is None while it runs. What it was billed by, its cloud's rows add."""

    cloud: str
    account: str
    instance_id: str
    started_at: datetime
    billed_from: datetime | None
    ended_at: datetime | None
    amount: Money


@dataclass(frozen=True)
class LedgerState:
    """All runs until `now`, and what they cost per currency."""

    now: datetime
    entries: tuple[LedgerEntry, ...]
    totals: Mapping[str, Money]

    def of(self, instance_id: str) -> tuple[LedgerEntry, ...]:
        """The runs of one instance."""
        return tuple(entry for entry in self.entries if entry.instance_id == instance_id)

    @property
    def open(self) -> tuple[LedgerEntry, ...]:
        """What is still being billed: after a clean destroy there is none."""
        return tuple(entry for entry in self.entries if entry.ended_at is None)


@dataclass(frozen=True)
class RequestCounts:
    """Requests since the last reset per "METHOD /route/{template}", and how many of them were refused."""

    counts: Mapping[str, int]
    refused: Mapping[str, int]
    refusals: tuple[Mapping[str, Any], ...]

    def count(self, route: str) -> int:
        """How often a route was called: "GET /api/v1/instances"."""
        return self.counts.get(route, 0)


@dataclass(frozen=True)
class SimulatedInstance:
    """An instance as it really is, whatever lists show; `answer` is the vendor's JSON for it. What was ordered, its
    cloud's rows add."""

    cloud: str
    instance_id: str
    account: str
    status: str
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class RowReaders:
    """How one cloud's rows of the ledger and of the instances are read."""

    entry: Callable[[Row], LedgerEntry]
    instance: Callable[[Row], SimulatedInstance]


def entry_fields(row: Row) -> dict[str, Any]:
    """What all clouds' rows of the ledger have."""
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
    """A client for this machine alone: no proxy of the surroundings gets in between, no certificates are loaded."""
    return httpx.Client(base_url=base_url, trust_env=False, verify=False, timeout=30)


class ControlClient:
    """What is said to all clouds by `/_sim`. Raises ControlError for what the simulator refuses."""

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
        """Everything as at the start; clients keep their tokens. The same seed gives the same ids and chances."""
        self._ask("POST", "/reset", {"seed": seed})

    def clock(self) -> ClockState:
        """Where virtual time is."""
        return _clock(self._ask("GET", "/clock"))

    def advance(self, seconds: float) -> ClockState:
        """Steps virtual time forward."""
        return _clock(self._ask("POST", "/clock", {"advance": seconds}))

    def run_at(self, speed: float) -> ClockState:
        """Changes the virtual seconds per real second."""
        return _clock(self._ask("POST", "/clock", {"speed": speed}))

    def pause(self) -> ClockState:
        """Holds virtual time; it then passes by `advance` only."""
        return _clock(self._ask("POST", "/clock", {"pause": True}))

    def resume(self) -> ClockState:
        """Lets virtual time pass again."""
        return _clock(self._ask("POST", "/clock", {"pause": False}))

    def settings(self, **changed: Any) -> Mapping[str, Any]:
        """Turns the knobs given, if any; the values of all (`settings.Settings`; amounts as strings)."""
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
        """Puts a fault in force (the table in `faults` has what each kind does and takes); its id.

        Of an order's arguments it is matched by those that its cloud names: model_id.
        """
        match: dict[str, Any] = {"method": method, "path": path, "instance_id": instance_id}
        match |= {name: parameters.pop(name) for name in self.matched_by if name in parameters}
        body = {"kind": FaultKind(kind).value, "probability": probability, "count": count, "match": match, **parameters}
        return str(self._ask("POST", "/faults", body)["fault_id"])

    def faults(self) -> Mapping[str, int]:
        """How often each fault in force has happened, by its id."""
        return {str(row["fault_id"]): int(row["happened"]) for row in self._ask("GET", "/faults")["faults"]}

    def clear_faults(self) -> None:
        """Nothing goes wrong any more; boots that are stuck stay stuck."""
        self._ask("DELETE", "/faults")

    def ledger(self) -> LedgerState:
        """What was billed so far."""
        data = self._ask("GET", "/ledger")
        return LedgerState(
            now=_parse_time(data["now"]),
            entries=tuple(self.rows[row["cloud"]].entry(row) for row in data["entries"]),
            totals={currency: Money.of(total, currency) for currency, total in data["totals"].items()},
        )

    def requests(self) -> RequestCounts:
        """What clients have asked for since the last reset."""
        data = self._ask("GET", "/requests")
        return RequestCounts(data["counts"], data["refused"], tuple(data["refusals"]))

    def instances(self) -> tuple[SimulatedInstance, ...]:
        """All instances of all accounts as they really are."""
        return tuple(self._read_instance(row) for row in self._ask("GET", "/instances")["instances"])

    def stop(self, instance_id: str) -> SimulatedInstance:
        """Somebody stops an instance in the vendor's console."""
        return self._read_instance(self._ask("POST", f"/instances/{instance_id}/stop"))

    def vanish(self, instance_id: str) -> None:
        """An instance is gone, running or not."""
        self._ask("DELETE", f"/instances/{instance_id}")

    def expire_tokens(self) -> None:
        """Every access token given out so far is refused from now on."""
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
