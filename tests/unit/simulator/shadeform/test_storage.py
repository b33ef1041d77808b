"""SSH keys, volumes and templates of the simulated Shadeform (docs/apis/shadeform.md#endpoints)."""

from __future__ import annotations

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulator.shadeform.client import BOOT, ShadeformClient, ShadeformError


def test_the_managed_key_is_the_first_default(api: ShadeformClient) -> None:
    (managed,) = api.ssh_keys()
    assert set(managed) == {"id", "name", "public_key", "is_default"}
    assert managed["is_default"] is True
    with pytest.raises(ShadeformError, match=r"409.*managed"):
        api.post(f"/sshkeys/{managed['id']}/delete")


def test_names_of_keys_are_unique(api: ShadeformClient) -> None:
    key_id = api.add_key("mine")
    assert api.get(f"/sshkeys/{key_id}/info")["name"] == "mine"
    with pytest.raises(ShadeformError, match="name must be unique") as refused:
        api.add_key("mine")
    assert refused.value.status == 409
    api.post(f"/sshkeys/{key_id}/delete")
    api.add_key("mine")


def test_neither_the_default_key_nor_one_in_use_is_deleted(sim: Simulator, api: ShadeformClient) -> None:
    used, default = api.add_key("used"), api.add_key("default")
    api.post(f"/sshkeys/{default}/setdefault")
    assert [key["id"] for key in api.ssh_keys() if key["is_default"]] == [default]
    by_name, by_default = api.create(ssh_key_id=used), api.create()
    managed = api.ssh_keys()[0]["id"]
    for key_id, reason in ((used, "in use"), (default, "default"), (managed, "managed")):
        with pytest.raises(ShadeformError, match=f"409.*{reason}"):
            api.post(f"/sshkeys/{key_id}/delete")
    api.post(f"/sshkeys/{managed}/setdefault")
    with pytest.raises(ShadeformError, match=r"409.*in use"):
        api.post(f"/sshkeys/{default}/delete")
    for instance_id in (by_name, by_default):
        api.delete(instance_id)
    sim.control.advance(BOOT)
    for key_id in (used, default):
        api.post(f"/sshkeys/{key_id}/delete")
    assert [key["id"] for key in api.ssh_keys()] == [managed]


def test_a_volume_is_as_documented(api: ShadeformClient) -> None:
    volume = api.get(f"/volumes/{api.create_volume(size=7)}/info")
    assert api.get("/volumes")["volumes"] == [volume]
    assert set(volume) == {
        *("id", "cloud", "cloud_assigned_id", "region", "name", "fixed_size", "size_in_gb", "cost_estimate"),
        *("supports_multi_mount", "mounted_by"),
    }
    assert (volume["size_in_gb"], volume["mounted_by"], volume["cost_estimate"]) == (7, "", "0")
    for kind in api.get("/volumes/types")["volume_types"]:
        assert isinstance(kind["price_per_gb_per_hour"], str)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"region": "nowhere"}, {"cloud": "nobody"}, {"odd": "1"}])
def test_an_invalid_volume_is_refused(wrong: dict[str, str], api: ShadeformClient) -> None:
    with pytest.raises(ShadeformError, match="400"):
        api.create_volume(**wrong)  # type: ignore[arg-type]


def test_names_of_volumes_are_unique(api: ShadeformClient) -> None:
    api.create_volume("data")
    with pytest.raises(ShadeformError, match="name must be unique") as refused:
        api.create_volume("data")
    assert refused.value.status == 409


def test_a_mounted_volume_is_kept_and_mounted_once(sim: Simulator, api: ShadeformClient) -> None:
    volume_id = api.create_volume()
    instance_id = api.create(volume_ids=[volume_id])
    for refused in (lambda: api.post(f"/volumes/{volume_id}/delete"), lambda: api.create(volume_ids=[volume_id])):
        with pytest.raises(ShadeformError, match=f"409.*mounted by instance {instance_id}"):
            refused()
    with pytest.raises(ShadeformError, match=r"400.*hyperstack/montreal-canada-2"):
        api.create(volume_ids=[volume_id], cloud="lambdalabs", region="dallas-usa-3", shade_instance_type="A6000x4")
    api.delete(instance_id)
    sim.control.advance(BOOT)
    assert api.get(f"/volumes/{volume_id}/info")["mounted_by"] == ""
    api.post(f"/volumes/{volume_id}/delete")
    assert api.get("/volumes")["volumes"] == []


def test_a_volume_for_many_is_mounted_by_many(api: ShadeformClient) -> None:
    place = {"cloud": "lambdalabs", "region": "dallas-usa-3"}
    volume_id = api.create_volume(**place)
    for _ in range(2):
        api.create(volume_ids=[volume_id], shade_instance_type="A6000x4", **place)


def test_templates_are_listed_and_shown(api: ShadeformClient) -> None:
    templates = api.get("/templates")["templates"]
    featured = api.get("/templates/featured")["templates"]
    assert [template for template in templates if template["public"]] == featured != []
    assert api.get(f"/templates/{featured[0]['id']}/info") == featured[0]
    assert featured[0]["launch_configuration"]["type"] == "docker"
