"""The plain resources that cost money, as the commands list and delete them beside instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.lifecycle.cloud import Cloud
from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError
from pulumi_cortecs.lifecycle.listed_instance import ListedInstance, describe_instance
from pulumi_cortecs.provider import accounts, crud
from pulumi_cortecs.provider.kind import CrudKind, PurchasableKind


class NotDeletedError(CloudError):
    """A resource may still exist and be billed."""


def as_purchasable(kind: CrudKind[Any, Any]) -> PurchasableKind:
    """The resources of a kind as one of the further purchases in an account."""
    return PurchasableKind(kind.token, kind.name.lower(), partial(_listed, kind), partial(_delete, kind))


def _listed(kind: CrudKind[Any, Any], _: Cloud[Any]) -> Sequence[ListedInstance]:
    cloud, now = accounts.account(kind, {}).cloud, datetime.now(timezone.utc)
    listed = cloud.list_instances().values()
    described = (describe_instance(cloud, one, kind.arguments.replacing, now, cloud.hourly_price) for one in listed)
    return [replace(one, noun=kind.name.lower()) for one in described]


def _delete(kind: CrudKind[Any, Any], _: Cloud[Any], resource_id: str) -> None:
    try:
        crud.delete_when_unused(kind, accounts.account(kind, {}), resource_id)
    except (DeletionUnconfirmedError, crud.InUseError) as error:
        raise NotDeletedError(str(error)) from None
