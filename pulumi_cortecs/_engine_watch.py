"""Whether the engine that has started this process is still there: providers and packs end with it, and an engine that
is killed tells them nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

_CHECK_INTERVAL: Final = 1.0
_MAX_REFUSED: Final = 2


def watch_engine(address: str, act: Callable[[], object]) -> bool:
    """Calls `act`, from a thread of its own, when nobody listens at the engine's address ("127.0.0.1:4000") any more.

    An engine that is gone already, because it was killed while this process began, is one that is gone. Whether it is
    watched: False where the address is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return False

    def watch() -> None:
        missed = 0
        while missed < _MAX_REFUSED:
            missed = 0 if _is_listening((host, int(port))) else missed + 1
            time.sleep(_CHECK_INTERVAL)
        act()

    threading.Thread(target=watch, name="engine-watch", daemon=True).start()
    return True


def _is_listening(engine: tuple[str, int]) -> bool:
    """False only when the connection is refused: an engine that is slow to answer is there."""
    try:
        socket.create_connection(engine, timeout=_CHECK_INTERVAL).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
