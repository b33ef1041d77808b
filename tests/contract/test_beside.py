"""Files of the user's beside the program: what we import comes from the standard library and site-packages."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import ids
from tests.contract.host import Host

INPUTS = {"model_id": "Qwen/Qwen2-7B-Instruct"}
OURS = [
    "annotated_types",
    "anyio",
    "certifi",
    "csv",
    "decimal",
    "fractions",
    "h11",
    "hmac",
    "httpcore",
    "httpx",
    "idna",
    "mimetypes",
    "platformdirs",
    "pydantic",
    "pydantic_core",
    "secrets",
    "sqlite3",
    "stamina",
    "sysconfig",
    "tenacity",
    "zipfile",
    "zoneinfo",
]
"""What we import and Pulumi's host has not imported before us."""


def shadowed(folder: Path, *names: str, source: str = "raise RuntimeError(f'{__name__} of the user')") -> None:
    for name in names:
        (folder / f"{name}.py").write_text(source + "\n")


def test_a_whole_life_with_files_of_these_names_beside_the_program(
    start_host: Callable[..., Host], simulator: Simulator, tmp_path: Path
) -> None:
    shadowed(tmp_path, *OURS)
    resource = start_host(folder=str(tmp_path)).instance()
    made = resource.buy(INPUTS)
    assert resource.read(made).id == made.id
    resource.delete(made)
    assert ids(simulator) == []


def test_packages_of_these_names_are_no_matter_either(
    start_host: Callable[..., Host], simulator: Simulator, tmp_path: Path
) -> None:
    for name in ("secrets", "httpx"):
        (tmp_path / name).mkdir()
        shadowed(tmp_path / name, "__init__")
    resource = start_host(folder=str(tmp_path)).instance()
    resource.delete(resource.buy(INPUTS))
    assert ids(simulator) == []


def test_what_was_imported_in_a_librarys_place_before_us_is_not_used(
    start_host: Callable[..., Host], simulator: Simulator, tmp_path: Path
) -> None:
    """Pulumi's host imports yaml, and gets the user's; the backend is read with the library's."""
    shadowed(tmp_path, "yaml", source="")
    (tmp_path / "Pulumi.yaml").write_text("name: tests\nruntime: python\nbackend: {url: 'file://./state'}\n")
    resource = start_host(folder=str(tmp_path)).instance()
    resource.delete(resource.buy(INPUTS))
    assert ids(simulator) == []


@pytest.mark.parametrize("path", [None, "."])
def test_the_users_own_modules_can_still_be_imported(
    start_host: Callable[..., Host], tmp_path: Path, simulator: Simulator, path: str | None
) -> None:
    """A provider of the user's lies beside the program, and is loaded by name after ours."""
    shadowed(tmp_path, "their_provider", source="from pulumi.dynamic import ResourceProvider as Theirs")
    environment = {} if path is None else {"PYTHONPATH": path}
    host = start_host(environment, folder=str(tmp_path))
    resource = host.instance()
    resource.delete(resource.buy(INPUTS))
    theirs = host.instance(provider=base64.b64encode(b"ctheir_provider\nTheirs\n(tR.").decode())
    assert theirs.check({"any": "thing"}).inputs == {"any": "thing"}
