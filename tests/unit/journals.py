"""Journals of tests, each in a directory of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, ResourceKey
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.lifecycle.order_log import OrderLog
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow, StateUnreadableError

CHAT = ResourceKey("file://here", "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat")
OTHER = ResourceKey(CHAT.backend, f"{CHAT.urn}-2")
SMALL = ("Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 32000, "per_minute", 1)

LABELS = Labels({"team": "search"}, {"stack": "dev", "commit": "0123456789abcdef"})


class Calendar:
    """Seconds since 1970, as a test says."""

    def __init__(self) -> None:
        self.now = 2e9

    def __call__(self) -> float:
        return self.now


class FakeStates:
    """The states of a backend, in memory. `stacks` are by name, the one of the tests' URNs is `test`; `unreadable` says
    why they cannot be read, "" where they can; `asked` is how often one was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.rows: dict[str, list[StateRow]] = {"test": []}
        self.pending: list[PendingCreation] = []
        self.unreadable = ""
        self.asked = 0

    def has(self, instance_id: str, urn: str = CHAT.urn, stack: str = "test", **outputs: Any) -> None:
        """From now on a row has the instance."""
        self.rows.setdefault(stack, []).append(StateRow(stack, urn, instance_id, outputs=outputs))

    def began(self, inputs: Mapping[str, Any], urn: str = CHAT.urn, stack: str = "test") -> None:
        """The engine has begun a creation."""
        self.pending.append(PendingCreation(stack, urn, inputs))

    def stack_of(self, urn: str, not_before: float = float("-inf")) -> StackState:
        return self._state("test")

    def every_stack(self, urn: str, not_before: float = float("-inf")) -> tuple[StackState, ...]:
        return tuple(self._state(name) for name in self.rows)

    def _state(self, name: str) -> StackState:
        self.asked += 1
        if self.unreadable:
            raise StateUnreadableError(self.unreadable)
        pending = tuple(creation for creation in self.pending if creation.stack == name)
        return StackState(name, self._clock.now(), tuple(self.rows[name]), pending)


def refuse(error: JournalError) -> None:
    raise AssertionError(f"the journal cannot be used: {error}")


def order_log(
    cloud: Cloud[Any],
    poller: Poller[Any],
    clock: Clock,
    *,
    journal: Journal | None = None,
    without: Callable[[JournalError], None] = refuse,
) -> OrderLog[Any]:
    """The notes of an account's orders, in a new journal unless one is given."""
    return OrderLog(cloud, journal or new_journal(clock), poller, clock, without)


def new_journal(clock: Clock) -> Journal:
    """An empty one, dated by the clock."""
    directory = tempfile.mkdtemp()
    journal = Journal(Path(directory), lambda: clock.utc_now().timestamp())
    weakref.finalize(journal, shutil.rmtree, directory, ignore_errors=True)
    return journal


def sent(journal: Journal, key: ResourceKey = CHAT, before: frozenset[str] = frozenset()) -> int:
    """Notes an order; its number."""
    return journal.record(key, "ours", SMALL, before, 5.0)


def labelled(directory: Path, account: str, instance_id: str, labels: Labels = LABELS, key: ResourceKey = CHAT) -> None:
    """The journal of a folder has the purchase of an instance by a run with labels, which an engine has confirmed."""
    journal = Journal(directory)
    journal.record_bought(journal.record(key, account, SMALL, frozenset(), None, labels=labels), instance_id)
    journal.confirm(account, instance_id)
    journal.close()


def bought(journal: Journal, instance_id: str, key: ResourceKey = CHAT) -> int:
    """Notes an order and what it has bought; its number."""
    number = sent(journal, key)
    assert journal.record_bought(number, instance_id)
    return number


@contextmanager
def other_process(directory: Path, does: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has a `journal` in the directory, does that, and stays until it is killed."""
    program = (
        "import os, sys\n"
        "from tests.unit.journals import *\n"
        f"journal = Journal(Path({str(directory)!r}))\n"
        f"{does}\n"
        "print('done', flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "done\n"
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdin.close()
        process.stdout.close()
