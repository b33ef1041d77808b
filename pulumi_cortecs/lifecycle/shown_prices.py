"""The prices that checks have shown, for later processes on this machine: `pulumi up` buys no dearer than its preview
said, although preview and purchase are two processes, and each asks for the price itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi_cortecs.cost import Money
from pulumi_cortecs.lifecycle.journal import Journal, ResourceKey

MAX_AGE: Final = 86_400.0
"""Seconds for which a price counts as shown."""
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS shown_prices (resource TEXT NOT NULL, arguments TEXT NOT NULL, price TEXT NOT NULL, "
    "shown_at REAL NOT NULL, process TEXT NOT NULL, PRIMARY KEY (resource, arguments, process))"
)


@dataclass(frozen=True)
class ShownPrice:
    """An hourly price, and when it was shown, in seconds since 1970."""

    hourly: Money
    shown_at: float


class ShownPrices:
    """The shown prices in a journal's file, for one process. Threads may share it; every method raises JournalError.

    Prices that others show after it was made do not count: they are not of an earlier process.
    """

    def __init__(self, journal: Journal, calendar: Callable[[], float]) -> None:
        """`calendar` returns seconds since 1970."""
        self._journal = journal
        self._calendar = calendar
        self._began_at = calendar()
        self._is_pruned = False

    def record(self, key: ResourceKey, arguments: Mapping[str, Any], hourly: Money) -> None:
        """Records the price of these arguments for the resource, as this process has shown it."""
        now, process = self._calendar(), self._journal.process_id()
        with self._journal.transaction() as connection:
            connection.execute(_TABLE)
            if not self._is_pruned:  # once: a preview of a thousand instances records a thousand prices
                connection.execute("DELETE FROM shown_prices WHERE shown_at < ?", (now - MAX_AGE,))
            connection.execute(
                "INSERT OR REPLACE INTO shown_prices VALUES (?, ?, ?, ?, ?)",
                (key.digest, _digest(arguments), str(hourly), now, process),
            )
        self._is_pruned = True

    def latest(self, key: ResourceKey, arguments: Mapping[str, Any]) -> ShownPrice | None:
        """The newest price of these arguments that a process before this one has shown; None if there is none."""
        places = ", ".join("?" for _ in key.digests)
        with self._journal.transaction() as connection:
            connection.execute(_TABLE)
            row = connection.execute(
                f"SELECT price, shown_at FROM shown_prices WHERE resource IN ({places}) AND arguments = ? "
                "AND process != ? AND shown_at BETWEEN ? AND ? ORDER BY shown_at DESC LIMIT 1",
                (
                    *(*key.digests, _digest(arguments), self._journal.process_id()),
                    *(self._calendar() - MAX_AGE, self._began_at),
                ),
            ).fetchone()
        return None if row is None else ShownPrice(Money.read(row[0]), float(row[1]))


def _digest(arguments: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:32]
