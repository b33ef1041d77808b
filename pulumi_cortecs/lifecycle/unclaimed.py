"""Purchases of killed runs that no state has, and the user's next steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.journal import JournalError, OrderRecord, ResourceKey
from pulumi_cortecs.lifecycle.order_log import OrderLog

T = TypeVar("T")


class UnclaimedPurchaseError(Exception):
    """Instances of earlier orders exist, no state has them, and the user has to decide first. Nothing was bought; the
    text names the instances, their prices, and the next steps."""


@dataclass(frozen=True)
class UnclaimedPurchase:
    """A purchase of a killed run, which may be in no state. `instance_ids` are several if the instance is ambiguous."""

    number: int
    name: str
    ordered: str
    instance_ids: tuple[str, ...]
    prices: tuple[str, ...]


def find_unclaimed(log: OrderLog[T], creations: Creations, key: ResourceKey) -> list[UnclaimedPurchase]:
    """Finds existing instances that dead processes have bought for resources of the key's stack. It closes orders whose
    instance a row of the stack's state has.

    Raises CloudError.
    """
    stack = "::".join(key.urn.split("::")[:2])
    try:
        orders = [order for order in log.journal.open_orders() if _is_unclaimed(log, order, key, stack)]
        if not orders:
            return []
        rows = creations.rows(key.urn)
        if rows is None:  # they may all be in it
            return []
        for order in orders:
            if order.instance_id is not None and order.instance_id in rows:
                log.journal.confirm(order.account, order.instance_id)
        bought = [(order, log.existing_instances(order)) for order in orders if order.instance_id not in rows]
    except JournalError as error:
        log.on_journal_error(error)
        return []
    return [
        UnclaimedPurchase(
            order.number,
            order.key.name,
            log.cloud.describe_order(order.arguments),
            *_split_prices(instances, log.cloud.price_text),
        )
        for order, instances in bought
        if instances
    ]


def priced_ids_text(cloud: Cloud[T], instances: Mapping[str, T]) -> str:
    """The ids of the instances with their prices, as text."""
    return ", ".join(f"{instance_id} ({cloud.price_text(instances[instance_id])})" for instance_id in sorted(instances))


def _is_unclaimed(log: OrderLog[T], order: OrderRecord, key: ResourceKey, stack: str) -> bool:
    of_this_stack = order.key.is_near(key) and order.key.urn.startswith(f"{stack}::")
    return of_this_stack and order.account == log.account and not log.journal.is_sender_alive(order)


def _split_prices(instances: Mapping[str, T], price: Callable[[T], str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids, each with its price."""
    ids = tuple(sorted(instances))
    return ids, tuple(price(instances[instance_id]) for instance_id in ids)
