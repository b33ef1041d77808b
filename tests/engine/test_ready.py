"""The key of an instance in a program: encrypted in the state, and in no other place."""

from __future__ import annotations

from pathlib import Path

from pulumi_cortecs.simulator import Simulator
from tests.engine.programs import one_instance
from tests.engine.pulumi import Stack

KEY = "a-key-of-the-instance"


def test_a_key_is_encrypted_in_the_state_and_in_no_text(stack: Stack, simulator: Simulator, tmp_path: Path) -> None:
    simulator.control.settings(inference_key=KEY)
    stack.environment["PULUMI_CORTECS_STATE_DIR"] = str(tmp_path / "journal")
    program = one_instance(f"ready_key='{KEY}'")
    stack.program(f"{program}pulumi.export('ready_by', chat.ready_by)\n")
    text = stack.up().text + stack.refresh().text + stack.preview("--expect-no-changes", "--diff").text
    assert stack.outputs()["ready_by"] == "answer"
    assert KEY not in text
    kept = [*(stack.directory / "state").rglob("*"), *(tmp_path / "journal").rglob("*")]
    contents = {path: path.read_bytes() for path in kept if path.is_file()}
    assert any(b"ready_by" in content for content in contents.values())
    assert [path for path, content in contents.items() if KEY.encode() in content] == []
