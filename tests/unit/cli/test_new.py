"""`pulumi-cortecs new`: a project of each cloud whose program runs, and passes the limits and prices beside it. The one
of docs/getting-started.md runs on the engine (tests/engine/test_getting_started.py)."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pulumi_cortecs.cli import app
from pulumi_cortecs.cli.new import STARTS, package_source
from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.policy.testing import (
    PackTester,
    Resource,
    assert_allowed,
    cortecs_instance,
    gcore_deployment,
    shadeform_instance,
)
from pulumi_cortecs.simulator import running
from pulumi_cortecs.simulator.clouds import CLOUDS
from pulumi_cortecs.testing import CloudMocks
from tests.engine.documented import commands_of
from tests.engine.packages import forks

ROOT = Path(__file__).parents[3]
RESOURCES: dict[str, Callable[..., Resource]] = {
    "cortecs": cortecs_instance,
    "shadeform": shadeform_instance,
    "gcore": gcore_deployment,
}
MARKET = {"hardware_type_id": "NVIDIA_L4_1", "context_length": 32000}


def written(directory: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["new", str(directory), *options])
    return result.exit_code, result.output


def test_every_cloud_has_a_start() -> None:
    assert list(STARTS) == [cloud.name for cloud in CLOUDS]


@pytest.mark.parametrize("cloud", STARTS)
def test_its_program_runs_and_its_pack_allows_it(tmp_path: Path, cloud: str) -> None:
    project = tmp_path / "my project"
    code, output = written(project, "--cloud", cloud)
    assert code == 0, output
    about = yaml.safe_load((project / "Pulumi.yaml").read_text())
    assert (about["name"], about["options"]) == ("my-project", {"refresh": "always"})
    mocks = CloudMocks(cloud, market=MARKET if cloud == "cortecs" else {})
    exports = mocks.run(project, config={"project:key": "k"})
    assert set(exports) >= {"base_url", "status", "quote"}
    arguments = {key: value for key, value in mocks.instances["chat"].arguments.items() if key != "name"}
    assert_allowed(judged(project / "policy" / "guard", RESOURCES[cloud]("chat", **arguments)))


def judged(pack: Path, resource: Resource) -> Any:
    """The verdict of the project's pack, by its limits and its catalogue."""
    limits = json.loads((pack / "limits.json").read_text())
    pin: Mapping[str, str] = limits["catalogue-digest"]
    assert set(pin) == {"file", "sha256"}
    assert os.access(pack / "run", os.X_OK)
    checked = CliRunner().invoke(app, ["policy", "check", str(pack / "limits.json")])
    assert checked.exit_code == 0, checked.output
    catalogue = load_pinned(pack, **pin)
    assert catalogue.problem == ""
    assert catalogue.catalogue is not None
    assert len(catalogue.catalogue.clouds) == 1
    return PackTester("guard", limits, catalogue=catalogue).preview(resource)


@pytest.mark.parametrize("cloud", STARTS)
def test_the_limits_that_it_wrote_are_ones_own_by_the_commands_of_the_page(tmp_path: Path, cloud: str) -> None:
    ((first, *commands),) = commands_of("policies/README.md", "Limits of your own")
    *block, judge = commands
    assert (first.partition(" ")[0], judge.partition(" --")[0]) == ("CLOUD=cortecs", "pulumi preview")
    ours = f"{shlex.quote(sys.executable)} -m pulumi_cortecs.cli"
    script = "\n".join((f"CLOUD={cloud}", *block)).replace("pulumi-cortecs", ours)
    with running() as simulator:
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=tmp_path,
            env={**os.environ, **simulator.env(), **forks(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    pack = tmp_path / "policy" / "guard"
    assert f"{pack.relative_to(tmp_path)}/limits.json requires these prices now" in done.stderr
    assert not (tmp_path / "example").exists()
    assert "127.0.0.1" in (pack / "catalogue.lock.yaml").read_text()
    assert_allowed(judged(pack, RESOURCES[cloud]("chat", ttl="8h")))


@pytest.mark.parametrize("cloud", ["shadeform", "gcore"])
def test_its_pack_allows_the_first_program_of_the_clouds_page(tmp_path: Path, cloud: str) -> None:
    written(tmp_path / "chat", "--cloud", cloud)
    page = (ROOT / "docs" / f"{cloud}.md").read_text(encoding="utf-8")
    (tmp_path / "chat" / "__main__.py").write_text(re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)[0])
    mocks = CloudMocks(cloud)
    mocks.run(tmp_path / "chat", config={"project:key": "k"})  # named as in the program that `new` writes
    (resource,) = mocks.instances.values()
    arguments = {key: value for key, value in resource.arguments.items() if key != "name"}
    assert_allowed(judged(tmp_path / "chat" / "policy" / "guard", RESOURCES[cloud]("chat", **arguments)))


def test_it_says_what_comes_next(tmp_path: Path) -> None:
    _, output = written(tmp_path / "my chat", "--cloud", "shadeform")
    assert f"cd '{tmp_path / 'my chat'}' && pulumi-cortecs doctor" in output
    assert "pulumi config set --secret key" in output
    assert "pulumi up --policy-pack policy/guard/run --policy-pack-config policy/guard/limits.json" in output


@pytest.mark.parametrize("page", ["policies/README.md", "review.md"])
def test_the_first_command_of_a_page_uses_the_pack_that_it_writes(tmp_path: Path, page: str) -> None:
    written(tmp_path)
    (first, *_) = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.M | re.S)
    paths = re.findall(r"--policy-pack(?:-config)? (\S+)", first)
    assert len(paths) == 2
    assert all((tmp_path / path).is_file() for path in paths)


def test_a_folder_with_files_is_refused_by_their_names(tmp_path: Path) -> None:
    for name in ("notes.txt", ".git", ".venv"):
        (tmp_path / name).mkdir()
    code, output = written(tmp_path)
    assert (code, "is not empty: it has notes.txt; name a folder that is empty" in output) == (1, True)
    assert not (tmp_path / "Pulumi.yaml").exists()
    (tmp_path / "notes.txt").rmdir()
    assert written(tmp_path)[0] == 0


def test_an_unknown_cloud_and_a_folder_that_cannot_be_written_are_errors(tmp_path: Path) -> None:
    code, output = written(tmp_path / "chat", "--cloud", "acme")
    assert (code, "allowed: cortecs, shadeform, gcore" in " ".join(output.split())) == (2, True)
    (tmp_path / "file").write_text("")
    code, output = written(tmp_path / "file" / "chat")
    assert (code, "Error: " in output) == (1, True)


@pytest.mark.parametrize(
    ("direct", "source"),
    [
        (None, "==1.2.3"),
        ({"url": "file:///a/clone", "dir_info": {}}, " @ file:///a/clone"),
        ({"url": "https://h/p", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}, " @ git+https://h/p@c0ffee"),
    ],
)
def test_the_requirements_name_the_place_that_it_was_installed_from(tmp_path: Path, direct: Any, source: str) -> None:
    (tmp_path / "METADATA").write_text("Metadata-Version: 2.1\nName: pulumi-cortecs\nVersion: 1.2.3\n")
    if direct:
        (tmp_path / "direct_url.json").write_text(json.dumps(direct))
    assert package_source(Distribution.at(tmp_path)) == source


def test_the_job_of_ci_is_the_recipe_of_the_docs(tmp_path: Path) -> None:
    written(tmp_path / "chat")
    job = yaml.safe_load((tmp_path / "chat" / ".github" / "workflows" / "preview.yml").read_text())
    steps = "".join(step.get("run", "") for step in job["jobs"]["preview"]["steps"])
    for block in commands_of("policies/trust.md", "A recipe for CI"):
        # what names no wheel of an index has no hash yet
        assert "\n".join(block).replace("--require-hashes ", "") in steps
    subprocess.run(["sh", "-n"], input=steps, text=True, check=True)
    assert set(re.findall(r"\$([A-Z]+)", steps)) <= set(job["jobs"]["preview"]["env"]) | {"PATH"}
