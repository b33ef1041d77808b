"""API keys, registry credentials and secrets of Gcore, as the real engine keeps them."""

from __future__ import annotations

import json

from pulumi_cortecs.simulator import Simulator
from tests.engine.pulumi import Stack

PROJECT = "/cloud/v3/inference/1"


def program(password: str = "first-hidden", expires_at: str = "2099-01-01T00:00:00Z") -> str:
    """A program with one of each, whose names a deployment would take."""
    return "\n".join(
        (
            "import pulumi",
            "from pulumi_cortecs import gcore",
            f"key = gcore.ApiKey('team', description='for tests', expires_at={expires_at!r})",
            f"login = gcore.RegistryCredential('hub', registry_url='r.example', username='me', password={password!r})",
            "data = gcore.AwsIamData(aws_access_key_id='queue-id', aws_secret_access_key='queue-hidden')",
            "queue = gcore.Secret('queue', data=data)",
            "pulumi.export('names', [key.name, login.name, queue.name])",
            "pulumi.export('secret', key.secret)",
        )
    )


def shown(stack: Stack) -> tuple[list[str], str]:
    """The names, and the secret of the key in clear."""
    outputs = json.loads(stack.run("stack", "output", "--json", "--show-secrets").text)
    return outputs["names"], outputs["secret"]


def test_the_life_of_a_key_credentials_and_a_secret(stack: Stack, simulator: Simulator) -> None:
    stack.program(program())
    stack.up()
    names, secret = shown(stack)
    with simulator.gcore_client() as console:
        assert [row["name"] for row in console.get(f"{PROJECT}/api_keys").json()["results"]] == names[:1]
        state = stack.state_file.read_text()
        assert [word for word in (secret, "first-hidden", "queue-hidden", "queue-id") if word in state] == []
        stack.preview("--expect-no-changes")
        stack.drift(expect=0)
        taken = {"type": "aws-iam", "data": {"aws_access_key_id": "taken-id", "aws_secret_access_key": "taken-hidden"}}
        console.put(f"{PROJECT}/secrets/{names[2]}", json=taken).raise_for_status()
        stack.refresh()
        state = stack.state_file.read_text()
        assert [word for word in (secret, "taken-hidden", "taken-id") if word in state] == []
        stack.program(program(password="second-hidden", expires_at="2099-02-01T00:00:00Z"))
        stack.up()
        after, new_secret = shown(stack)
        assert (after[0] == names[0], after[1:] == names[1:], new_secret == secret) == (False, True, False)
        data = console.get(f"{PROJECT}/secrets/{names[2]}").json()["data"]
        assert data["aws_secret_access_key"] == "queue-hidden"
        assert "second-hidden" not in stack.state_file.read_text()
        stack.preview("--expect-no-changes")
        stack.destroy()
        assert [console.get(f"{PROJECT}/{kind}").json()["count"] for kind in ("api_keys", "secrets")] == [0, 0]
