"""The simulator's server: on loopback only, quick to start, and closed at once by a stop."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from pulumi_cortecs.simulator.instance_ports import InstancePorts

HOST = "127.0.0.1"
HOST_V6 = "::1"
_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 3600  # for a client, a connection that closes between two requests looks like a lost answer
_PORTS_TRIED = 20


class OpenConnections:
    """The transports of this server by the client's address, so that a fault can close one without an answer."""

    def __init__(self) -> None:
        self._transports: dict[tuple[str, int], asyncio.Transport] = {}

    def add(self, transport: asyncio.Transport) -> tuple[str, int]:
        """Adds a new connection; returns the key for its removal."""
        peer = transport.get_extra_info("peername")
        key = (str(peer[0]), int(peer[1]))
        self._transports[key] = transport
        return key

    def forget(self, key: tuple[str, int]) -> None:
        """Removes a connection."""
        self._transports.pop(key, None)

    async def drop(self, client: tuple[str, int]) -> None:
        """Closes the connection from `client` without sending more."""
        transport = self._transports.get(client)
        if transport is not None:
            transport.abort()
        await asyncio.sleep(0)  # informs the server, so that it does not answer on the closed connection

    def drop_all(self) -> None:
        """Closes every connection, open streams included."""
        for transport in list(self._transports.values()):
            transport.abort()


class Listener:
    """The bound sockets. Raises OSError (EADDRINUSE) from `listen` when the port is taken on either loopback."""

    def __init__(self, sockets: list[socket.socket]):
        self.sockets = sockets
        self.port = int(sockets[0].getsockname()[1])

    @classmethod
    def bind(cls, port: int) -> Listener:
        """Binds `port` on 127.0.0.1 and, where there is IPv6, on ::1; port 0 takes a free one.

        Many clients resolve "localhost" to ::1 first, and would otherwise reach another program that listens there.
        """
        for attempt in range(_PORTS_TRIED if port == 0 else 1):
            v4 = _bind(socket.AF_INET, HOST, port)
            try:
                return cls([v4, *_bind_v6(v4.getsockname()[1])])
            except OSError:
                v4.close()
                if port or attempt == _PORTS_TRIED - 1:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Releases the port."""
        for sock in self.sockets:
            sock.close()


@contextmanager
def running_server(
    app: ASGIApp, listener: Listener, connections: OpenConnections, ports: InstancePorts
) -> Iterator[None]:
    """A block during which a thread serves the sockets, and those of instances; it closes them afterwards."""
    server = _Server(app, listener, connections, ports)
    thread = threading.Thread(target=server.serve_until_stopped, name="simulator", daemon=True)
    thread.start()
    try:
        server.listening.wait()
        if server.failure is not None:
            raise server.failure
        yield
    finally:
        server.stop()
        thread.join()
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn without its polling: it reports when it listens, and stops at once, even in the middle of answers."""

    def __init__(self, app: ASGIApp, listener: Listener, connections: OpenConnections, ports: InstancePorts):
        super().__init__(
            uvicorn.Config(
                app,
                http=_protocol(connections),
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                backlog=_BACKLOG,
                date_header=False,
                server_header=False,
                # else an X-Forwarded-For header would replace the address by which a connection is registered
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )
        self._sockets = listener.sockets
        self._connections = connections
        self._ports = ports
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listening = threading.Event()
        self.failure: BaseException | None = None

    def serve_until_stopped(self) -> None:
        """The main function of the thread."""
        try:
            asyncio.run(self.serve(self._sockets))
        except BaseException as failure:
            self.failure = failure
        finally:
            self.listening.set()

    def stop(self) -> None:
        """Stops the server, from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has already stopped
                self._loop.call_soon_threadsafe(self._stop_requested.set)

    async def main_loop(self) -> None:
        """Waits for a stop, while the sockets are served."""
        self._stop_requested = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ports.start(self._start_server)
        self.listening.set()
        await self._stop_requested.wait()

    async def _start_server(self, sock: socket.socket) -> asyncio.Server:
        """Serve one more socket, as uvicorn does its own."""
        connect: Any = self.config.http_protocol_class

        def connection() -> asyncio.Protocol:
            protocol: asyncio.Protocol = connect(
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return protocol

        return await asyncio.get_running_loop().create_server(connection, sock=sock)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes every connection; asyncio cancels unfinished answers."""
        for server in self.servers:
            server.close()
        self._ports.close()
        self._connections.drop_all()
        await asyncio.sleep(0)


def _protocol(connections: OpenConnections) -> type[asyncio.Protocol]:
    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self._key = connections.add(transport)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.forget(self._key)
            super().connection_lost(exc)

    return Connection


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # asyncio turns off Nagle's delay of 40 ms per answer only if the protocol is named
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # a recently used port can be bound again
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_v6(port: int) -> list[socket.socket]:
    if not socket.has_ipv6:
        return []
    try:
        return [_bind(socket.AF_INET6, HOST_V6, port)]
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            raise
        return []  # the machine has no IPv6 loopback
