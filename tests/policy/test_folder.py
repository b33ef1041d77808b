"""The packs as folders, as a language host of today starts them: `python -m pulumi.policy ENGINE FOLDER` in there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2_grpc

from pulumi_cortecs.policy.registry import PACKS
from tests.contract.engine import listening
from tests.policy.conftest import POLICIES, ROOT

FOLDERS = [*(POLICIES / pack for pack in PACKS), ROOT / "examples" / "custom-rule"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_pack_says_that_it_is_python_and_of_which_version(folder: Path) -> None:
    metadata = yaml.safe_load((folder / "PulumiPolicy.yaml").read_text())
    assert metadata["runtime"] == "python"  # without options: its environment is the one that pulumi finds
    assert metadata["version"] == version("pulumi-cortecs")


def test_a_folder_serves_the_same_rules_as_its_executable() -> None:
    folder = POLICIES / "guard"
    with listening() as engine:
        command = [sys.executable, "-u", "-m", "pulumi.policy", engine.address, str(folder)]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty(), timeout=10)
        finally:
            process.kill()
            process.communicate(timeout=10)
    assert (info.name, info.version) == ("cortecs-guard", version("pulumi-cortecs"))
    assert [policy.name for policy in info.policies] == [rule.name for rule in PACKS["guard"]]
