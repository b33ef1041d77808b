"""Volumes beside instances, as the commands list and delete them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pulumi_cortecs.cost import Money
from pulumi_cortecs.http import api_client
from pulumi_cortecs.provider import accounts, session
from pulumi_cortecs.provider.listed_resources import NotDeletedError, as_purchasable
from pulumi_cortecs.provider.session import Session
from pulumi_cortecs.shadeform.client import ShadeformClient
from pulumi_cortecs.shadeform.kind import INSTANCE, VOLUME
from pulumi_cortecs.simulator import Simulator
from tests.clouds.shadeform import A6000

PLACE = {"cloud": "hyperstack", "region": "montreal-canada-2"}


@pytest.fixture
def client(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShadeformClient]:
    """The client of the account whose volumes are listed."""
    for name, value in {**simulator.env(), "PULUMI_CORTECS_LIST_LAG": "0"}.items():
        monkeypatch.setenv(name, value)
    before = session.current()
    session.activate(Session())
    client = accounts.account(VOLUME, {}).cloud.client
    assert isinstance(client, ShadeformClient)
    yield client
    session.activate(before)
    api_client.shared_client().close()
    api_client.shared_client.cache_clear()


def test_a_volume_is_listed_with_its_price_and_deleted(client: ShadeformClient) -> None:
    volume_id = client.create("volumes", {**PLACE, "size_in_gb": 100, "name": "data"}).instance_id
    (volumes,) = INSTANCE.other_purchases
    assert (volumes.token, volumes.noun) == (VOLUME.token, "volume")
    assert volumes.token in INSTANCE.tokens
    cloud = accounts.account(INSTANCE, {}).cloud
    (listed,) = volumes.listed(cloud)
    assert (listed.instance_id, listed.noun, listed.ordered) == (volume_id, "volume", "Volume 'data'")
    assert (listed.status, listed.hourly) == ("ready", Money.of("0.01", "USD"))
    assert listed.arguments == {**PLACE, "size_in_gb": 100, "name": "data"}
    volumes.delete(cloud, volume_id)
    assert volumes.listed(cloud) == []


def test_a_mounted_volume_is_not_deleted_and_its_user_named(client: ShadeformClient) -> None:
    volume_id = client.create("volumes", {**PLACE, "size_in_gb": 100, "name": "data"}).instance_id
    order = {**A6000, **PLACE, "name": "chat", "shade_cloud": True, "volume_ids": [volume_id]}
    instance_id = client.create_instance(order).instance_id
    volumes = as_purchasable(replace(VOLUME, release_timeout=0.0))
    cloud = accounts.account(INSTANCE, {}).cloud
    (listed,) = volumes.listed(cloud)
    assert listed.status == "in use"
    with pytest.raises(NotDeletedError, match=f"^{instance_id} uses it$"):
        volumes.delete(cloud, volume_id)
    assert volume_id in client.all_of("volumes")
