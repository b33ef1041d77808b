"""What a test says to a running simulator: `/_sim` with types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any

import httpx

from pulumi_cortecs.cost import BillingInterval, Money
from pulumi_cortecs.simulator.control import CONTROL
from pulumi_cortecs.simulator.faults import FaultKind, Parameter


class ControlError(Exception):
    """The simulator refused; the message is what it said."""


@dataclass(frozen=True)
class ClockReading:
    """The virtual clock."""

    now: datetime
    speed: float
    paused: bool


@dataclass(frozen=True)
class LedgerEntry:
    """One run of one instance; `ended_at` is None while it runs."""

    account: str
    instance_id: str
    hardware_type_id: str
    billing_interval: BillingInterval
    num_workers: int
    started_at: datetime
    billed_from: datetime | None
    ended_at: datetime | None
    amount: Money


@dataclass(frozen=True)
class LedgerReading:
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
class TrafficReading:
    """Requests since the last reset per "METHOD /route/{template}", and how many of them were refused."""

    counts: Mapping[str, int]
    refused: Mapping[str, int]
    refusals: tuple[Mapping[str, Any], ...]

    def count(self, route: str) -> int:
        """How often a route was called: "GET /api/v1/instances"."""
        return self.counts.get(route, 0)


@dataclass(frozen=True)
class InstanceTruth:
    """An instance as it really is, whatever lists show; `answer` is the vendor's JSON for it."""

    instance_id: str
    account: str
    status: str
    model_id: str
    hardware_type_id: str
    context_length: int
    billing_interval: BillingInterval
    num_workers: int
    answer: Mapping[str, Any]


def plain_client(base_url: str) -> httpx.Client:
    """A client for this machine alone: no proxy of the surroundings gets in between, no certificates are loaded."""
    return httpx.Client(base_url=base_url, trust_env=False, verify=False, timeout=30)


class Control:
    """The typed side of `/_sim`. Raises ControlError for what the simulator refuses."""

    def __init__(self, url: str):
        self._http = plain_client(f"{url}{CONTROL}")

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def reset(self, seed: int | None = None) -> None:
        """Everything as at the start; clients keep their tokens. The same seed gives the same ids and chances."""
        self._ask("POST", "/reset", {"seed": seed})

    def clock(self) -> ClockReading:
        """Where virtual time is."""
        return _clock(self._ask("GET", "/clock"))

    def advance(self, seconds: float) -> ClockReading:
        """Steps virtual time forward."""
        return _clock(self._ask("POST", "/clock", {"advance": seconds}))

    def run_at(self, speed: float) -> ClockReading:
        """Changes the virtual seconds per real second."""
        return _clock(self._ask("POST", "/clock", {"speed": speed}))

    def pause(self) -> ClockReading:
        """Holds virtual time; it then passes by `advance` only."""
        return _clock(self._ask("POST", "/clock", {"pause": True}))

    def resume(self) -> ClockReading:
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
        model_id: str | None = None,
        instance_id: str | None = None,
        **parameters: Parameter,
    ) -> str:
        """Puts a fault in force (the table in `faults` has what each kind does and takes); its id."""
        match = {"method": method, "path": path, "model_id": model_id, "instance_id": instance_id}
        body = {"kind": FaultKind(kind).value, "probability": probability, "count": count, "match": match, **parameters}
        return str(self._ask("POST", "/faults", body)["fault_id"])

    def faults(self) -> Mapping[str, int]:
        """How often each fault in force has happened, by its id."""
        return {str(row["fault_id"]): int(row["happened"]) for row in self._ask("GET", "/faults")["faults"]}

    def clear_faults(self) -> None:
        """Nothing goes wrong any more; boots that are stuck stay stuck."""
        self._ask("DELETE", "/faults")

    def ledger(self) -> LedgerReading:
        """What was billed so far."""
        data = self._ask("GET", "/ledger")
        return LedgerReading(
            now=_time(data["now"]),
            entries=tuple(_entry(row) for row in data["entries"]),
            totals={currency: Money.of(total, currency) for currency, total in data["totals"].items()},
        )

    def requests(self) -> TrafficReading:
        """What clients have asked for since the last reset."""
        data = self._ask("GET", "/requests")
        return TrafficReading(data["counts"], data["refused"], tuple(data["refusals"]))

    def instances(self) -> tuple[InstanceTruth, ...]:
        """All instances of all accounts as they really are."""
        return tuple(_instance(row) for row in self._ask("GET", "/instances")["instances"])

    def put(self, instance_id: str, model_id: str, **given: Any) -> InstanceTruth:
        """An instance under an id that is known from elsewhere: from a state that was kept. `given` are the other
        arguments of its start, `account`, `age` (virtual seconds since its start) and `stopped`."""
        return _instance(self._ask("POST", f"/instances/{instance_id}", {"model_id": model_id, **given}))

    def stop(self, instance_id: str) -> InstanceTruth:
        """Somebody stops an instance in the vendor's console."""
        return _instance(self._ask("POST", f"/instances/{instance_id}/stop"))

    def vanish(self, instance_id: str) -> None:
        """An instance is gone, running or not."""
        self._ask("DELETE", f"/instances/{instance_id}")

    def expire_tokens(self) -> None:
        """Every access token given out so far is refused from now on."""
        self._ask("POST", "/tokens/expire")

    def register(self, client_id: str, client_secret: str, account: str | None = None) -> None:
        """A further client: of an account of its own, or of an existing one (a rotated key)."""
        sent = {"client_id": client_id, "client_secret": client_secret, "account": account}
        self._ask("POST", "/credentials", sent)

    def reprice(self, hardware_type_id: str, price_per_hour: str | Decimal) -> None:
        """A new price per worker and hour, in EUR, for runs that begin from now on."""
        self._ask("POST", f"/market/hardware-types/{hardware_type_id}", {"price_per_hour": str(price_per_hour)})

    def set_available(self, hardware_type_id: str, available: bool) -> None:
        """Whether new workers of a hardware type can be had."""
        self._ask("POST", f"/market/hardware-types/{hardware_type_id}", {"available": available})

    def withdraw_hardware(self, hardware_type_id: str) -> None:
        """A hardware type is not offered any more."""
        self._ask("DELETE", f"/market/hardware-types/{hardware_type_id}")

    def withdraw_model(self, model_id: str) -> None:
        """A model is not offered any more."""
        self._ask("DELETE", f"/market/models/{model_id}")

    def recommend(self, model_id: str, hardware_type_id: str) -> None:
        """The vendor recommends other hardware for a model."""
        self._ask("POST", f"/market/models/{model_id}", {"recommended_config": hardware_type_id})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        response = self._http.request(method, path, json=body)
        answer = response.json()
        if response.is_error:
            raise ControlError(f"{method} {CONTROL}{path}: {response.status_code} {answer.get('error')}")
        return answer


def _time(text: str) -> datetime:
    # Python 3.10 does not read the Z
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _clock(data: Mapping[str, Any]) -> ClockReading:
    return ClockReading(_time(data["now"]), float(data["speed"]), bool(data["paused"]))


def _entry(row: Mapping[str, Any]) -> LedgerEntry:
    return LedgerEntry(
        account=row["account"],
        instance_id=row["instance_id"],
        hardware_type_id=row["hardware_type_id"],
        billing_interval=BillingInterval(row["billing_interval"]),
        num_workers=row["num_workers"],
        started_at=_time(row["started_at"]),
        billed_from=_time(row["billed_from"]) if row["billed_from"] else None,
        ended_at=_time(row["ended_at"]) if row["ended_at"] else None,
        amount=Money.of(row["amount"], row["currency"]),
    )


def _instance(row: Mapping[str, Any]) -> InstanceTruth:
    args = row["instance_args"]
    return InstanceTruth(
        instance_id=row["instance_id"],
        account=row["account"],
        status=row["instance_status"]["status"],
        model_id=args["model_id"],
        hardware_type_id=args["hardware_type_id"],
        context_length=args["context_length"],
        billing_interval=BillingInterval(args["billing_interval"]),
        num_workers=args["num_workers"],
        answer=row,
    )
