"""A program imports little: what only the provider's own process needs is not loaded with the resources."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"httpx", "pydantic", "stamina", "yaml", "fastapi", "starlette", "uvicorn", "typer", "rich", "pulumi_policy"}


def _imported(statement: str) -> set[str]:
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout))


def test_the_commands_and_the_simulator_do_not_load_pulumi() -> None:
    assert "pulumi" not in _imported("import pulumi_cortecs.cli, pulumi_cortecs.simulator.process")


def test_a_program_loads_nothing_that_only_the_provider_needs() -> None:
    ours = _imported("from pulumi_cortecs import Endpoint, Instance, Provider, UnknownIdError")
    assert "pulumi_cortecs.cortecs.resources" in ours
    assert not {"pulumi_cortecs.cortecs.client", "pulumi_cortecs.cortecs.data"} & ours
    # what Pulumi itself loads is not ours to judge
    assert {name.partition(".")[0] for name in ours - _imported("import pulumi.dynamic")} & HEAVY == set()
    rooms = {name.split(".")[1] for name in ours if name.startswith("pulumi_cortecs.")}
    assert rooms == {
        "_abi",
        "_beside",
        "_engine_watch",
        "_tokens",
        "cortecs",
        "http",
        "lifecycle",
        "provider",
        "resources",
    }


def test_the_provider_loads_no_extras() -> None:
    loaded = _imported("from pulumi_cortecs.provider import endpoint, instance, instance_check")
    assert not {"pydantic", "stamina"} & {name.partition(".")[0] for name in loaded}  # the first request loads them
    # httpx loads rich by itself where it is installed
    ours = {name.partition(".")[0] for name in loaded - _imported("import httpx, pulumi.dynamic")}
    assert ours & {"fastapi", "starlette", "uvicorn", "typer", "rich", "pulumi_policy"} == set()
    assert not {name for name in loaded if name.startswith(("pulumi_cortecs.simulator", "pulumi_cortecs.cli"))}


def test_the_reader_of_files_is_loaded_where_there_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    read = f"from pathlib import Path\nfrom pulumi_cortecs.cost.limits_file import *\nfile = Path({str(file)!r})\n"
    assert "pydantic" not in _imported(f"{read}assert not limits_in_force('cortecs', {{}}, file).files")
    file.write_text('{"cortecs": {"allowed_models": []}}')
    assert "pydantic" in _imported(f"{read}assert limits_in_force('cortecs', {{}}, file).files")
    provider = _imported("from pulumi_cortecs.provider import endpoint, instance, instance_check")
    assert not {"pulumi_cortecs.cost.strict_reader", "pulumi_cortecs.cost.catalogue"} & provider


_HOST = """
from pulumi_cortecs import _abi
from pulumi_cortecs.provider import process

class Context:
    def is_active(self): return True
    def set_trailing_metadata(self, metadata): raise AssertionError(metadata)

class Request:
    urn = "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat"

def Check(run, request=Request(), context=Context()):
    return run()
"""
"""The frame of a host's method, which the provider looks for."""


def test_a_host_leaves_out_the_command_line_of_httpx() -> None:
    loaded = _imported(f"{_HOST}\nCheck(lambda: process.preload('pulumi_cortecs.cortecs'))\n{_CLIENT}")
    assert {"httpx", "pydantic", "stamina"} <= loaded
    assert {name.partition(".")[0] for name in loaded - _imported("import pulumi.dynamic")} & {
        "rich",
        "pygments",
    } == set()


def test_a_program_that_asks_keeps_its_collector_and_httpx_as_they_are() -> None:
    ask = "with process.quick_imports(): assert gc.isenabled()"
    unchanged = "assert gc.get_freeze_count() == 0 and sys.modules.get('httpx._main', True)"
    assert "httpx" in _imported(f"import gc, sys\n{_HOST}\n{ask}\n{_CLIENT}\n{unchanged}")


def test_a_host_freezes_the_objects_of_imports_and_nothing_else() -> None:
    """What is frozen is never freed: one more account, for which nothing is imported, must not freeze its garbage."""
    imports = "Check(lambda: process.preload('pulumi_cortecs.cortecs'))\nfrozen = gc.get_freeze_count()\nassert frozen"
    again = "def again():\n    with process.quick_imports(): garbage = [[] for _ in range(99)]\nCheck(again)"
    _imported(f"import gc\n{_HOST}\n{imports}\n{again}\nassert gc.get_freeze_count() == frozen")


def test_a_check_without_changes_loads_no_client(tmp_path: Path) -> None:
    purchase = {"model_id": "q--w", "hardware_type_id": "h", "context_length": 9.0, "num_workers": 1.0}
    inputs = {**purchase, "billing_interval": "per_minute", "quote": {}}
    check = f"Check(lambda: _abi.load('cortecs.Instance').check({inputs}, {{'model_id': 'q/w'}}))"
    settings = {
        "PULUMI_CORTECS_STATE_DIR": str(tmp_path),
        "PULUMI_BACKEND_URL": "file:///x",
        "CORTECS_CLIENT_ID": "i",
        "CORTECS_CLIENT_SECRET": "s",
    }
    loaded = _imported(
        f"import os\nos.environ.update({settings})\n{_HOST}\ncheck = {check}\nassert check.failures == []"
    )
    assert "pulumi_cortecs.provider.instance_check" in loaded
    assert not {"pydantic", "pulumi_cortecs.cortecs.client"} & loaded


_CLIENT = "import pulumi_cortecs.cortecs.client"
