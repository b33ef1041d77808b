"""A key or a volume that an instance holds: who that is, where no stack owns it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pulumi_cortecs.http import api_client
from pulumi_cortecs.provider import accounts, crud, session
from pulumi_cortecs.provider.kind import CrudKind
from pulumi_cortecs.provider.session import Session
from pulumi_cortecs.shadeform.client import ShadeformClient
from pulumi_cortecs.shadeform.kind import INSTANCE, SSH_KEY, VOLUME
from pulumi_cortecs.simulator import Simulator
from tests.clouds.shadeform import A6000
from tests.unit.fakes import FakeStates

PLACE = {"cloud": "hyperstack", "region": "montreal-canada-2"}
CHAT = f"urn:pulumi:test::tests::{INSTANCE.token}::chat"


@pytest.fixture
def states() -> FakeStates:
    return FakeStates()


@pytest.fixture
def client(simulator: Simulator, states: FakeStates, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShadeformClient]:
    for name, value in {**simulator.env(), "PULUMI_CORTECS_LIST_LAG": "0"}.items():
        monkeypatch.setenv(name, value)
    before = session.current()
    session.activate(Session())
    vars(session.current())["states"] = states
    client = accounts.account(VOLUME, {}).cloud.client
    assert isinstance(client, ShadeformClient)
    yield client
    session.current().journal.close()
    session.activate(before)
    api_client.shared_client().close()
    api_client.shared_client.cache_clear()


def held(client: ShadeformClient, kind: CrudKind[Any, Any]) -> tuple[str, str]:
    """A resource, and the instance that holds it."""
    if kind is VOLUME:
        made = client.create("volumes", {**PLACE, "size_in_gb": 100, "name": "data"}).instance_id
        holds = {"volume_ids": [made]}
    else:
        made = client.create("sshkeys", {"name": "ops", "public_key": "ssh-ed25519 AAAA ops"}).instance_id
        holds = {"ssh_key_id": made}
    order = {**A6000, **PLACE, "name": "chat", "shade_cloud": True}
    client.create_instance(order)  # and another one, which holds nothing
    return made, client.create_instance({**order, **holds}).instance_id


def refusal(kind: CrudKind[Any, Any], resource_id: str) -> str:
    """The error of its deletion, which does not wait."""
    with pytest.raises(crud.CrudError) as failed:
        crud.delete(replace(kind, release_timeout=0.0), resource_id, {})
    return str(failed.value)


@pytest.mark.parametrize("kind", [SSH_KEY, VOLUME], ids=lambda kind: kind.name)
def test_what_no_stack_owns_is_named_with_the_command_that_deletes_it(
    client: ShadeformClient, kind: CrudKind[Any, Any]
) -> None:
    resource_id, holder = held(client, kind)
    text = refusal(kind, resource_id)
    assert f"; no stack of this backend owns {holder}, which holds it" in text
    assert f"`pulumi-cortecs orphans --all-stacks --delete {holder}` deletes it" in text


@pytest.mark.parametrize("kind", [SSH_KEY, VOLUME], ids=lambda kind: kind.name)
def test_what_a_stack_owns_is_not_called_an_orphan(
    client: ShadeformClient, kind: CrudKind[Any, Any], states: FakeStates
) -> None:
    resource_id, holder = held(client, kind)
    states.has("other", CHAT, holder, resource_type=INSTANCE.token)
    assert "orphans" not in refusal(kind, resource_id)


def test_unreadable_states_prove_nothing(client: ShadeformClient, states: FakeStates) -> None:
    resource_id, holder = held(client, VOLUME)
    states.trouble = "it cannot be read"
    text = refusal(VOLUME, resource_id)
    assert f"{holder} uses it" in text
    assert "orphans" not in text
