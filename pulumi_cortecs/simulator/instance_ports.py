"""The addresses of instances: sockets of their own on the loopback, which the simulator's server serves as well.

An instance gets an address in 127.64.0.0/10, where the system can bind one: all of Linux can, macOS cannot. Its ports
are then those that its container publishes, but for those below 1024, which may be bound by root only: they lead to
another port, as at clouds that map ports. Where no address can be bound, all ports are mapped, on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

SHARED = "127.0.0.1"
OWN = IPv4Network("127.64.0.0/10")
_FIRST_OPEN_PORT = 1024
_MAPPED_PORTS = range(10_000, 30_000)
_ATTEMPTS = 50
_BACKLOG = 128

StartServer = Callable[[socket.socket], Coroutine[Any, Any, asyncio.Server]]


@dataclass(frozen=True)
class Address:
    """The `ip` of an instance, and the port on it that leads to each port of the instance."""

    ip: str
    ports: dict[int, int] = field(default_factory=dict)

    @property
    def mapped(self) -> dict[int, int]:
        """The ports that are others outside than inside."""
        return {inside: outside for inside, outside in self.ports.items() if inside != outside}


class InstancePorts:
    """The listening sockets of all instances. Without `is_bound` it hands out addresses, and nothing listens there.

    `network` has the instances' own addresses; one that cannot be bound is the seam for tests."""

    def __init__(self, *, is_bound: bool = True, network: IPv4Network = OWN) -> None:
        self.is_bound = is_bound
        self._network = network
        self._sockets: dict[str, list[socket.socket]] = {}
        self._owners: dict[tuple[str, int], str] = {}
        self._start_server: StartServer | None = None
        self._starts: set[asyncio.Task[None]] = set()
        self._servers: dict[socket.socket, asyncio.Server] = {}

    def open(self, instance_id: str, ports: Sequence[int], *, own_address: bool = True) -> Address:
        """Bind an address for these ports of an instance. The same id gets the same address, unless it is taken.

        Raises OSError if none is free."""
        for attempt in range(_ATTEMPTS):
            address = _candidate(instance_id, ports, attempt, self._network if own_address else None)
            if not self.is_bound:
                return address
            try:
                self._sockets[instance_id] = _bind(address)
            except OSError as failure:
                if failure.errno == errno.EADDRNOTAVAIL and own_address:
                    return self.open(instance_id, ports, own_address=False)
                continue
            self._owners |= {(address.ip, port): instance_id for port in address.ports.values()}
            for sock in self._sockets[instance_id]:
                self._serve(sock)
            return address
        raise OSError(errno.EADDRINUSE, f"no free address for the ports {', '.join(map(str, ports))} of an instance")

    def owner(self, host: str, port: int) -> str | None:
        """The instance at an address."""
        return self._owners.get((host, port))

    def release(self, instance_id: str) -> None:
        """Close the sockets of an instance."""
        self._owners = {address: owner for address, owner in self._owners.items() if owner != instance_id}
        for sock in self._sockets.pop(instance_id, ()):
            server = self._servers.pop(sock, None)
            if server is not None:
                server.close()
            sock.close()

    def start(self, start_server: StartServer) -> None:
        """Serve all sockets, of now and later, in the running loop."""
        self._start_server = start_server
        for sockets in self._sockets.values():
            for sock in sockets:
                self._serve(sock)

    def close(self) -> None:
        """Close all sockets."""
        for instance_id in list(self._sockets):
            self.release(instance_id)

    def _serve(self, sock: socket.socket) -> None:
        if self._start_server is not None:
            start = asyncio.get_running_loop().create_task(self._listen(sock, self._start_server))
            self._starts.add(start)
            start.add_done_callback(self._starts.discard)

    async def _listen(self, sock: socket.socket, start_server: StartServer) -> None:
        if sock.fileno() == -1:  # its instance has ended before
            return
        server = await start_server(sock)
        if sock.fileno() == -1:
            server.close()
        else:
            self._servers[sock] = server


class InstanceAddresses:
    """Middleware that leads requests to an instance's address to its own API, below `prefix`."""

    def __init__(self, app: ASGIApp, ports: InstancePorts, main_port: int | None, prefix: str):
        self._app = app
        self._ports = ports
        self._main_port = main_port
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._ports.is_bound and scope.get("server"):
            host, port = scope["server"]
            owner = self._ports.owner(host, port)
            if owner is not None or port != self._main_port or host not in (SHARED, "::1"):
                # an open connection outlives its instance
                path = f"{self._prefix}/{owner or 'ended'}{scope['path']}"
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


def _candidate(instance_id: str, ports: Sequence[int], attempt: int, network: IPv4Network | None) -> Address:
    digest = sha256(f"{instance_id} {attempt}".encode()).digest()
    place, first = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")
    ip = SHARED if network is None else str(network[1 + place % (network.num_addresses - 2)])
    mapped = {
        port: _MAPPED_PORTS[(first + at) % len(_MAPPED_PORTS)]
        for at, port in enumerate(ports)
        if port < _FIRST_OPEN_PORT or network is None
    }
    return Address(ip, {port: mapped.get(port, port) for port in ports})


def _bind(address: Address) -> list[socket.socket]:
    sockets = list[socket.socket]()
    try:
        for port in address.ports.values():
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address.ip, port))
            sock.listen(_BACKLOG)
            sock.setblocking(False)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets
