"""The SSH keys and the volumes of the account."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.ledger import RunLedger
from pulumi_cortecs.simulator.shadeform.errors import conflict, not_found
from pulumi_cortecs.simulator.shadeform.market import CURRENCY, ShadeformMarket, VolumeOffer
from pulumi_cortecs.simulator.shadeform.requests import CreateVolumeRequest
from pulumi_cortecs.simulator.shadeform.runs import ShadeformRun
from pulumi_cortecs.simulator.shadeform.settings import ShadeformSettings

ACCOUNT = "sim"
MANAGED_ID = "00000000-0000-4000-8000-000000000001"
_MANAGED = "ssh-rsa AAAA-the-key-of-the-simulator shadeform"


@dataclass(frozen=True)
class SshKey:
    """A public key; the managed one is the vendor's own."""

    id: str
    name: str
    public_key: str
    is_default: bool = False
    is_managed: bool = False


class SshKeys:
    """The keys by their ids, of which one is the default."""

    def __init__(self, keys: MutableMapping[str, SshKey]):
        self._keys = keys

    def __iter__(self) -> Iterator[SshKey]:
        return iter(self._keys.values())

    def reset(self) -> None:
        """Keep the vendor's own key only, which is the default."""
        self._keys.clear()
        self._keys[MANAGED_ID] = SshKey(MANAGED_ID, "Shadeform Managed Key", _MANAGED, is_default=True, is_managed=True)

    def require(self, key_id: str) -> SshKey:
        """A key. Raises ApiError for an unknown id."""
        if key_id not in self._keys:
            raise not_found("ssh key", key_id)
        return self._keys[key_id]

    def chosen(self, key_id: str) -> SshKey:
        """The key of an order, the default one for "". Raises ApiError for an unknown id."""
        if not key_id:
            return next(key for key in self if key.is_default)
        if key_id not in self._keys:
            raise ApiError(400, f"ssh_key_id {key_id!r}: no such ssh key")
        return self._keys[key_id]

    def add(self, key_id: str, name: str, public_key: str) -> None:
        """Add a key. Raises ApiError for a name that is taken."""
        if any(key.name == name for key in self):
            raise conflict("ssh key name must be unique")
        self._keys[key_id] = SshKey(key_id, name, public_key)

    def set_default(self, key_id: str) -> None:
        """Make a key the default one."""
        self.require(key_id)
        for key in list(self):
            self._keys[key.id] = replace(key, is_default=key.id == key_id)

    def delete(self, key_id: str, *, in_use: bool) -> None:
        """Delete a key. Raises ApiError for the managed one, the default one, and one that an instance uses."""
        key = self.require(key_id)
        if key.is_managed or key.is_default or in_use:
            kind = "managed" if key.is_managed else "default" if key.is_default else "in use"
            raise conflict(f"ssh key {key_id} is {kind} and cannot be deleted")
        del self._keys[key_id]


@dataclass(frozen=True)
class Volume:
    """A volume, with the offer and the tariff of its creation."""

    id: str
    cloud_assigned_id: str
    name: str
    size_in_gb: int
    offer: VolumeOffer
    run: ShadeformRun


class Volumes:
    """The volumes by their ids, each billed from its creation to its deletion."""

    def __init__(self, volumes: MutableMapping[str, Volume], market: ShadeformMarket, ledger: RunLedger):
        self._volumes = volumes
        self._market = market
        self._ledger = ledger

    def __iter__(self) -> Iterator[Volume]:
        return iter(self._volumes.values())

    def clear(self) -> None:
        """Remove all volumes."""
        self._volumes.clear()

    def find(self, volume_id: str) -> Volume | None:
        """A volume, or None."""
        return self._volumes.get(volume_id)

    def require(self, volume_id: str) -> Volume:
        """A volume. Raises ApiError for an unknown id."""
        if volume_id not in self._volumes:
            raise not_found("volume", volume_id)
        return self._volumes[volume_id]

    def create(
        self, ids: tuple[str, str], order: CreateVolumeRequest, settings: ShadeformSettings, now: datetime
    ) -> None:
        """Create a volume under these ids, the second of which is the cloud's. Raises ApiError for a place without
        volumes and for a name that is taken."""
        offer = self._market.find_volume_type(order.cloud, order.region)
        if offer is None:
            raise ApiError(400, f"cloud {order.cloud!r}, region {order.region!r}: no volumes there; see /volumes/types")
        if any(volume.name == order.name for volume in self):
            raise conflict("volume name must be unique")
        run = ShadeformRun(
            ACCOUNT,
            ids[0],
            resource="volume",
            product=f"{order.cloud}/{order.region}/{order.size_in_gb}GB",
            price_per_hour=Money(offer.price_per_gb_per_hour, CURRENCY) * Decimal(order.size_in_gb),
            rounding=settings.shadeform_rounding,
            started_at=now,
            billed_from=now,
        )
        self._volumes[ids[0]] = Volume(*ids, order.name, order.size_in_gb, offer, run)
        self._ledger.begin(run)

    def delete(self, volume_id: str, now: datetime, *, mounted_by: str) -> None:
        """Delete a volume. Raises ApiError for one that an instance mounts."""
        self.require(volume_id)
        if mounted_by:
            raise conflict(f"volume {volume_id} is mounted by instance {mounted_by}")
        del self._volumes[volume_id]
        self._ledger.end(volume_id, now)
