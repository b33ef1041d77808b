"""A watch of the engine that has started this process: providers and packs exit with it, and a killed engine sends them
no signal."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

_CHECK_INTERVAL: Final = 1.0
_MAX_REFUSED: Final = 2


def watch_engine(address: str, act: Callable[[], object]) -> bool:
    """Calls `act`, from a thread of its own, as soon as the engine's address ("127.0.0.1:4000") refuses connections.

    An engine that was killed while this process started counts as well. Returns whether the engine is watched: False
    for an invalid address.
    """
    if (engine := parse_address(address)) is None:
        return False

    def watch() -> None:
        refused = 0
        while refused < _MAX_REFUSED:
            refused = 0 if _is_listening(engine) else refused + 1
            time.sleep(_CHECK_INTERVAL)
        act()

    threading.Thread(target=watch, name="engine-watch", daemon=True).start()
    return True


def parse_address(address: str) -> tuple[str, int] | None:
    """Host and port of "127.0.0.1:4000"; None for an invalid address."""
    host, _, port = address.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else None


def _is_listening(engine: tuple[str, int]) -> bool:
    """Returns False only if the connection is refused: an engine that is slow to answer still runs."""
    try:
        socket.create_connection(engine, timeout=_CHECK_INTERVAL).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
