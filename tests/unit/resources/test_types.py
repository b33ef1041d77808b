"""What a type checker knows of a program: the allowed words and the keys of a quote; and what `help` shows of it."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs import Instance, InstanceArgs, gcore, shadeform

INSTANCE_ARGS = [InstanceArgs, shadeform.InstanceArgs, gcore.InferenceDeploymentArgs]
PROGRAM = """
from pulumi_cortecs import Instance, InstanceArgs, gcore, shadeform

chat = Instance("a", model_id="m")
chat.quote.apply(lambda quote: quote["hourly_total"])
Instance("b", model_id="m", state=chat.state, on_timeout=chat.on_timeout, billing_interval=chat.billing_interval)
chat.quote.apply(lambda quote: quote["hourly_totl"])  # wrong
Instance("c", model_id="m", state="stoped")  # wrong
InstanceArgs(model_id="m", billing_interval="hourly")  # wrong
shadeform.InstanceArgs(cloud="c", region="r", shade_instance_type="t", on_timeout="kill")  # wrong
gcore.InferenceDeployment("d", flavor_name="f", image="i", listening_port=1, containers=[], ready="stats")  # wrong
"""


@pytest.mark.parametrize("form", INSTANCE_ARGS)
def test_the_arguments_of_each_cloud_have_them(form: type) -> None:
    parameters = inspect.signature(form).parameters
    for name, words in {"state": "State", "on_timeout": "OnTimeout", "ready": "Ready"}.items():
        assert parameters[name].annotation == f"Input[{words}] | None"


@pytest.mark.long
def test_mypy_refuses_a_misspelt_word_and_a_misspelt_key_of_a_quote(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    found = {line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line}
    wrong = {str(number) for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("resource", "form"),
    [
        (Instance, InstanceArgs),
        (shadeform.Instance, shadeform.InstanceArgs),
        (gcore.InferenceDeployment, gcore.InferenceDeploymentArgs),
        (shadeform.Volume, shadeform.VolumeArgs),
        (gcore.ApiKey, gcore.ApiKeyArgs),
    ],
)
def test_help_shows_the_arguments(resource: Any, form: Any) -> None:
    shown = list(inspect.signature(resource).parameters)
    assert shown == ["resource_name", "args", "opts", *inspect.signature(form).parameters]
    text = pydoc.render_doc(resource, renderer=pydoc.plaintext)
    assert all(line.strip() in text for line in inspect.getdoc(form).splitlines())
    assert inspect.getdoc(resource).splitlines()[0] in text


def test_a_subclass_has_the_signature_of_its_own_constructor() -> None:
    class Chat(Instance):
        """Our chat."""

        def __init__(self, size: int) -> None:
            super().__init__("chat", model_id="m", num_workers=size)

    class Plain(Instance):
        pass

    assert list(inspect.signature(Chat).parameters) == ["size"]
    assert inspect.signature(Plain) == inspect.signature(Instance)
    assert Chat.__doc__ == "Our chat."
