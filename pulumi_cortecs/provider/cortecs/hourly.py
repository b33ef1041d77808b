"""What each instance costs per hour, as far as this process has seen a quote of it.

The engine shows us every Instance before its Endpoint, so a wait can say what it costs without asking anybody.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from pulumi_cortecs.cost import Money, MoneyError

_lock = threading.Lock()
_by_instance: dict[str, Money] = {}


def note(instance_id: str, quote: Mapping[str, Any] | Any) -> None:
    """Remembers the `hourly_total` of an Instance's quote; silent about a quote that has none."""
    with suppress(KeyError, TypeError, InvalidOperation, MoneyError):
        total = Money(Decimal(quote["hourly_total"]), quote["currency"])
        with _lock:
            _by_instance[instance_id] = total


def note_price(instance_id: str, hourly: Money) -> None:
    """Remembers what the instance really costs, where that is not what a quote says."""
    with _lock:
        _by_instance[instance_id] = hourly


def of(instance_id: str) -> Money | None:
    """What the instance costs per hour while it runs, None where no quote was seen."""
    with _lock:
        return _by_instance.get(instance_id)
