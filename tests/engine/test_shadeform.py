"""An instance at Shadeform on the real engine: the example's life, and what is different there."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import httpx

from pulumi_cortecs.simulator import Simulator
from tests.engine.pulumi import Stack

KEY = "a-key-of-the-instance"
SECRETS = (
    KEY,
    "a-password-of-the-registry",
    "a-value-of-the-container",
    "a-value-of-the-machine",
    "a-line-of-a-script",
)
_EXAMPLE = (Path(__file__).parents[2] / "examples" / "shadeform_vllm" / "__main__.py").read_text()
_UPDATE = "POST /v1/instances/{instance_id}/update"
_RESTART = "POST /v1/instances/{instance_id}/restart"
_MORE = f"""
machine = dict(cloud="massedcompute", region="kansascity-usa-1", shade_instance_type="A6000", ready="status")
container = shadeform.DockerConfiguration(
    image="registry.example/private:1",
    envs={{"TOKEN": {SECRETS[2]!r}}},
    registry_credentials=shadeform.RegistryCredentials(username="somebody", password={SECRETS[1]!r}),
)
shadeform.Instance(
    "private",
    **machine,
    envs={{"TOKEN": {SECRETS[3]!r}}},
    launch_configuration=shadeform.LaunchConfiguration(docker_configuration=container),
)
script = shadeform.ScriptConfiguration(script="echo {SECRETS[4]}")
started = shadeform.LaunchConfiguration(script_configuration=script)
shadeform.Instance("scripted", **machine, launch_configuration=started)
"""
"""Instances with a secret of every kind, for the end of the example."""
QUESTION = {"model": "Qwen/Qwen2-7B-Instruct", "messages": [{"role": "user", "content": "hello"}]}


def with_arguments(arguments: str) -> str:
    """The example with further arguments, or with others in place of its ttl."""
    assert 'ttl="8h",' in _EXAMPLE
    return _EXAMPLE.replace('ttl="8h",', arguments)


def ask(stack: Stack, **headers: str) -> httpx.Response:
    """The answer to an OpenAI request to the stack's address."""
    url = stack.outputs()["base_url"]
    return httpx.post(f"{url}/chat/completions", json=QUESTION, headers=headers, trust_env=False)


def test_the_example_answers_who_has_the_key_and_changes_in_place(stack: Stack, simulator: Simulator) -> None:
    control = simulator.control
    stack.run("config", "set", "--secret", "key", KEY)
    stack.program(_EXAMPLE)
    stack.up()
    ids = stack.instance_ids()
    assert stack.outputs()["base_url"].endswith(":8000/v1")
    assert ask(stack).status_code == 401
    assert ask(stack, Authorization=f"Bearer {KEY}").json()["choices"][0]["message"]["content"]

    stack.up("--expect-no-changes")
    control.advance(3600)  # what it has cost so far is no drift
    stack.drift(expect=0)

    changed = 'ttl="9h", name="talk", tags=["blue"],'
    stack.program(with_arguments(changed))
    stack.up()
    (instance,) = control.instances()
    assert (instance.answer["name"], "blue" in instance.answer["tags"]) == ("talk", True)
    assert (control.requests().count(_UPDATE) > 0, control.requests().count(_RESTART)) == (True, 0)

    stack.program(with_arguments(f'{changed} restart_trigger="again",'))
    stack.up()
    assert control.requests().count(_RESTART) == 1
    assert stack.instance_ids() == ids

    stack.program(with_arguments('state="stopped",'))
    refused = stack.preview(expect=1).text
    assert "property state value {stopped} has a problem: must be 'running'; got 'stopped'" in refused

    stack.destroy()
    assert control.ledger().open == ()
    assert stack.resources() == []


def test_secrets_are_in_no_state_journal_or_text_and_a_ttl_ends_the_instance(
    stack: Stack, simulator: Simulator, tmp_path: Path
) -> None:
    control = simulator.control
    stack.environment["PULUMI_CORTECS_STATE_DIR"] = str(tmp_path / "journal")
    stack.run("config", "set", "--secret", "key", KEY)
    stack.program(_EXAMPLE + _MORE)
    control.fault("server_error", status=400, method="POST", path="/instances/create", region="kansascity-usa-1")
    texts = [stack.up(expect=1).text]
    control.clear_faults()
    texts += [stack.up().text, stack.preview("--diff", "--refresh", "--expect-no-changes").text]
    assert len(stack.instance_ids()) == len(control.instances()) == 3

    control.advance(8 * 3600)
    texts += [stack.refresh().text, stack.run("stack", "export").text]
    assert "ended by its ttl at 20" in texts[-2]
    left = {row["urn"].rpartition("::")[2] for row in stack.resources("Instance")}
    assert left == {"private", "scripted"}
    texts.append(stack.preview("--diff").text)  # it would be bought again

    folders = [stack.directory / "state", stack.project, tmp_path / "journal"]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    kept = {path: path.read_bytes() for path in files if path.parent.name != "__pycache__"}  # of the program
    kept.pop(stack.project / "__main__.py")
    assert any(b"registry.example" in content for content in kept.values())
    for secret in (*SECRETS, b64encode(f"echo {SECRETS[4]}".encode()).decode()):
        assert [text for text in texts if secret in text] == []
        assert [path for path, content in kept.items() if secret.encode() in content] == []
