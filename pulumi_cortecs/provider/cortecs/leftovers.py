"""What earlier runs of this stack have bought and no state may know, told by a destroy: nobody comes after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.lifecycle.journal import Key
from pulumi_cortecs.provider import accounts, host

_lock: Final = threading.Lock()
_program_runs = threading.Event()
_told: set[str] = set()
_at_work = 0


def program_runs() -> None:
    """Notes that a program is being carried out: what it asks for, its creates take over."""
    _program_runs.set()


@contextmanager
def told_behind() -> Iterator[None]:
    """A block that ends an instance. Behind the last of those that run at the same time, what is left behind is told,
    each once: by then the engine has named all that it is ending, or nearly."""
    global _at_work
    with _lock:
        _at_work += 1
    try:
        yield
    finally:
        with _lock:
            _at_work -= 1
            last = _at_work == 0
        if last and not _program_runs.is_set():
            _tell()


def _tell() -> None:
    call = host.current_call()
    stack = accounts.key_of("::".join(call.urn.split("::")[:2]))

    def of_this_stack(key: Key) -> bool:
        return key.backend == stack.backend and key.urn.startswith(f"{stack.urn}::")

    with suppress(CloudError):  # it is a courtesy, behind something that has been done
        for each in accounts.account().intents.left_behind(of_this_stack):
            with _lock:
                new = each.urn not in _told
                _told.add(each.urn)
            if new:
                name, ids = each.urn.rpartition("::")[2], " or ".join(each.instance_ids)
                call.warn(
                    f"an earlier run was ended while it bought {each.ordered} for {name} ({ids}), and unless this run "
                    "ends that, too, no state knows what came of it: `pulumi-cortecs orphans` shows what is left"
                )
