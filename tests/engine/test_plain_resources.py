"""SSH keys and volumes, as the real engine creates, replaces and deletes them."""

from __future__ import annotations

import re

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.engine.pulumi import Stack

ADD, CREATE = "POST /v1/sshkeys/add", "POST /v1/volumes/create"


def program(size: int = 100, public_key: str = "ssh-ed25519 AAAA me", name: str = "") -> str:
    """A program with a key and a volume."""
    named = f", name={name!r}" if name else ""
    return "\n".join(
        (
            "import pulumi",
            "from pulumi_cortecs.shadeform import SshKey, Volume",
            f"key = SshKey('login', public_key={public_key!r})",
            "data = Volume('data', cloud='hyperstack', region='montreal-canada-2',",
            f"              size_in_gb={size}{named})",
            "pulumi.export('key_id', key.id)",
            "pulumi.export('hourly', data.quote['hourly_total'])",
        )
    )


def ids(stack: Stack) -> tuple[str, str]:
    """The ids of key and volume in the state."""
    (key,), (volume,) = stack.resources("SshKey"), stack.resources("Volume")
    return key["id"], volume["id"]


def test_the_life_of_a_key_and_a_volume(stack: Stack, simulator: Simulator) -> None:
    stack.program(program())
    shown = stack.preview("--diff").text
    (name,) = re.findall(r'name\s*: "(data-[a-z2-7]{6})"', shown)
    assert 'hourly_total    : "0.01"' in shown
    stack.up()
    assert stack.resources("Volume")[0]["outputs"]["name"] == name
    before = ids(stack)
    stack.preview("--expect-no-changes")
    stack.drift(expect=0)
    stack.program(program(size=200, public_key="ssh-ed25519 BBBB me"))
    shown = stack.preview("--diff").text
    assert "another size_in_gb destroys the data: the new Volume is empty, and the old one is deleted" in shown
    stack.up()
    after = ids(stack)
    assert not set(before) & set(after)
    assert stack.outputs()["hourly"] == "0.02"
    assert [entry.instance_id for entry in simulator.control.ledger().open] == [after[1]]
    stack.preview("--expect-no-changes")
    stack.destroy()
    assert simulator.control.ledger().open == ()
    counts = simulator.control.requests()
    assert (counts.count(ADD), counts.count(CREATE)) == (2, 2)


def test_a_replacement_by_command_has_another_name(stack: Stack, simulator: Simulator) -> None:
    stack.program(program())
    stack.up()
    (before,) = stack.resources("Volume")
    shown = stack.run("up", "--yes", "--replace", before["urn"]).text
    assert "its replacement destroys the data" in shown
    (after,) = stack.resources("Volume")
    assert (after["id"] == before["id"], after["outputs"]["name"] == before["outputs"]["name"]) == (False, False)
    stack.preview("--expect-no-changes")
    assert len(simulator.control.ledger().open) == 1


@pytest.mark.parametrize("name", ["", "mine"])
def test_a_plan_is_kept_and_a_given_name_stays(stack: Stack, simulator: Simulator, name: str) -> None:
    stack.program(program(name=name))
    stack.up()
    stack.program(program(size=300, name=name))
    stack.preview("--save-plan", "plan.json")
    stack.up("--plan", "plan.json")
    assert stack.outputs()["hourly"] == "0.03"
    assert len(simulator.control.ledger().open) == 1
    assert not name or stack.resources("Volume")[0]["outputs"]["name"] == name
