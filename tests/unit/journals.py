"""Journals of tests, each in a directory of its own."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi_cortecs.lifecycle.clock import Clock
from pulumi_cortecs.lifecycle.intents import Cloud, Intents
from pulumi_cortecs.lifecycle.journal import Journal, JournalError, Key
from pulumi_cortecs.lifecycle.poller import Poller

CHAT = Key("file://here", "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat")
OTHER = Key(CHAT.backend, f"{CHAT.urn}-2")
SMALL = ("Qwen--Qwen2-7B-Instruct", "NVIDIA_L4_1", 32000, "per_minute", 1)


def refuse(error: JournalError) -> None:
    raise AssertionError(f"the journal cannot be used: {error}")


def intents(
    poller: Poller[Any],
    clock: Clock,
    lag: float,
    fits: Callable[[Any, tuple[object, ...]], bool],
    *,
    journal: Journal | None = None,
    without: Callable[[JournalError], None] = refuse,
    account: str = "ours",
    find: Callable[[str], Any] | None = None,
    began: Callable[[Any], float | None] = lambda _: None,
    now: Callable[[], float | None] = lambda: None,
) -> Intents[Any]:
    """The open orders of an account, in a new journal unless one is given."""
    cloud: Cloud[Any] = Cloud(
        fits=fits,
        began=began,
        in_words=str,
        find=find or (lambda instance_id, _: poller.snapshot(max_age=0.0).instances.get(instance_id)),
        now=now,
    )
    return Intents(journal or new_journal(clock), account, poller, clock, lag, cloud, without)


def new_journal(clock: Clock) -> Journal:
    """An empty one, dated by the clock."""
    directory = tempfile.mkdtemp()
    journal = Journal(Path(directory), lambda: clock.utc_now().timestamp())
    weakref.finalize(journal, shutil.rmtree, directory, ignore_errors=True)
    return journal


def sent(journal: Journal, key: Key = CHAT, before: frozenset[str] = frozenset()) -> int:
    """Notes an order; its number."""
    return journal.send(key, "ours", SMALL, before, 5.0)


def bought(journal: Journal, instance_id: str, key: Key = CHAT) -> int:
    """Notes an order and what it has bought; its number."""
    number = sent(journal, key)
    assert journal.bought(number, instance_id)
    return number
