"""The faults of instances' own APIs: an address that cannot be reached, and an API that does not answer yet."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pulumi_cortecs.simulator.faults import Fault, FaultKind, Unreachable

_LOOPBACK = "127.0.0.1"
_NO_HOST = "http://instance.invalid"
_MAX_FILLERS = 16
_FILL_SECONDS = 0.05


@dataclass(frozen=True)
class ServingFaults:
    """The faults of one run: `silent_seconds` count from the moment at which it runs, and -1 is for ever."""

    unreachable: Unreachable | None = None
    silent_seconds: float = 0.0
    status: int = 503
    old_until: datetime | None = None


class ServedInstances:
    """The faults of what each instance serves, kept in `table` by its id; `origin` is the simulator's URL."""

    def __init__(self, origin: str, table: MutableMapping[str, ServingFaults]):
        self._origin = origin
        self._table = table
        self._addresses = _UnreachableAddresses()

    def begin(self, instance_id: str, faults: Iterable[Fault], now: datetime) -> None:
        """A run starts with these faults; they replace those of an earlier run."""
        self.end(instance_id)
        by_kind = {fault.kind: fault for fault in faults}
        if not by_kind:
            return
        silent, old = by_kind.get(FaultKind.NOT_ANSWERING), by_kind.get(FaultKind.OLD_CONTAINER)
        unreachable = by_kind.get(FaultKind.UNREACHABLE)
        self._table[instance_id] = ServingFaults(
            unreachable=Unreachable(unreachable.parameter("how")) if unreachable else None,
            silent_seconds=silent.number("seconds") if silent else 0.0,
            status=silent.status if silent else 503,
            old_until=now + timedelta(seconds=old.number("seconds")) if old else None,
        )

    def end(self, instance_id: str) -> None:
        """A run is over, and its faults with it."""
        self._table.pop(instance_id, None)

    def clear(self) -> None:
        """Forget all faults."""
        self._table.clear()

    def origin_of(self, instance_id: str) -> str:
        """The part of the instance's reported address before the path."""
        faults = self._table.get(instance_id)
        if faults is None or faults.unreachable is None:
            return self._origin
        return self._addresses.origin(faults.unreachable, self._origin)

    def is_old_answering(self, instance_id: str, now: datetime) -> bool:
        """Returns whether the container of the run before still answers."""
        faults = self._table.get(instance_id)
        return faults is not None and faults.old_until is not None and now < faults.old_until

    def silent_status(self, instance_id: str, ready_at: datetime, now: datetime) -> int | None:
        """The HTTP status of all answers of an instance that runs since `ready_at`; None once its API is up."""
        faults = self._table.get(instance_id)
        if faults is None:
            return None
        is_silent = faults.silent_seconds < 0 or now < ready_at + timedelta(seconds=faults.silent_seconds)
        return faults.status if is_silent else None

    def close(self) -> None:
        """Release the ports of unreachable addresses."""
        self._addresses.close()


class _UnreachableAddresses:
    """Addresses of this machine on which no connection succeeds; their ports are taken at the first use."""

    def __init__(self) -> None:
        self._ports: dict[Unreachable, int] = {}
        self._sockets: list[socket.socket] = []

    def origin(self, how: Unreachable, origin: str) -> str:
        if how is Unreachable.TLS:
            return origin.replace("http://", "https://", 1)
        if how is Unreachable.NAME:
            return _NO_HOST
        if how not in self._ports:
            self._ports[how] = self._bind(is_listening=how is Unreachable.BLACK_HOLE)
        return f"http://{_LOOPBACK}:{self._ports[how]}"

    def _bind(self, *, is_listening: bool) -> int:
        sock = self._keep(socket.socket())
        sock.bind((_LOOPBACK, 0))  # bound, so that no other program can take the port
        if is_listening:
            sock.listen(0)
            self._fill_backlog(sock.getsockname())
        return int(sock.getsockname()[1])

    def _fill_backlog(self, address: tuple[str, int]) -> None:
        """Connect until a connection stays open-ended: the kernel then drops every further one."""
        for _ in range(_MAX_FILLERS):
            filler = self._keep(socket.socket())
            filler.setblocking(False)
            if filler.connect_ex(address) not in (0, errno.EINPROGRESS):
                return
            if not select.select([], [filler], [], _FILL_SECONDS)[1]:
                return

    def _keep(self, sock: socket.socket) -> socket.socket:
        self._sockets.append(sock)
        return sock

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        self._ports.clear()
