"""`pulumi-cortecs doctor`: a line for each thing that `pulumi up` needs, and a next step for each that is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from httpx import URL
from typer.testing import CliRunner

from pulumi_cortecs import _abi
from pulumi_cortecs.cli import app
from pulumi_cortecs.cli.doctor_checks import all_checks, check_extras
from pulumi_cortecs.cli.doctor_result import Check, Status
from pulumi_cortecs.cli.program_clouds import clouds_of_program
from pulumi_cortecs.simulator import Simulator, running
from tests.unit.cli.conftest import NOWHERE

SECRET = "a-secret-of-the-user"
PULUMI = """\
#!/bin/sh
case "$1" in
version) echo "{version}" ;;
whoami) {whoami} ;;
esac
"""
IN_A_FOLDER = """echo '{"user": "n", "url": "file:///a/folder"}'"""


def pulumi(directory: Path, version: str = "v3.259.0", whoami: str = IN_A_FOLDER) -> Path:
    """A folder for PATH with a CLI, its language host and this environment's Python."""
    folder = directory / "bin"
    folder.mkdir()
    for name, script in (
        ("pulumi", PULUMI.replace("{version}", version).replace("{whoami}", whoami)),
        ("pulumi-language-python", "#!/bin/sh\n"),
    ):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which everything is there but a cloud's credentials."""
    return {
        "PATH": f"{Path(sys.prefix, 'bin')}:{pulumi(tmp_path)}:/usr/bin:/bin",
        "PULUMI_CONFIG_PASSPHRASE": SECRET,
        "PULUMI_CORTECS_STATE_DIR": str(tmp_path / "orders"),
        "PULUMI_CORTECS_POLICY_PYTHON": sys.executable,
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    CliRunner().invoke(app, ["new", str(tmp_path / "chat")])
    return tmp_path / "chat"


def not_ok(environment: Mapping[str, str], directory: Path, name: str) -> list[Check]:
    """The results about one thing that are not ok. No line has a secret."""
    checks = all_checks(environment, directory)
    assert all(SECRET not in check.line for check in checks)
    return [check for check in checks if check.name == name and check.status is not Status.OK]


def test_with_everything_there_it_exits_0_and_says_so(
    environment: dict[str, str], project: Path, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**environment, **sim.env()}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0, shown.output
    for line in (
        f"ok       engine: pulumi v3.259.0 in {environment['PATH'].split(':')[1]}/pulumi\n",
        "ok       backend: file:///a/folder\n",
        "ok       passphrase: PULUMI_CONFIG_PASSPHRASE\n",
        "ok       extra: policy\n",
        f"ok       journal: {environment['PULUMI_CORTECS_STATE_DIR']}\n",
        f"ok       limits: {project}/policy/guard/limits.json: ",
        "ok       credentials: Cortecs: CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET\n",
    ):
        assert line in shown.output
    assert "Gcore" not in shown.output  # where its program rents nothing
    as_json = CliRunner().invoke(app, ["doctor", "--json"])
    first = json.loads(as_json.stdout)["checks"][0]
    assert (first["name"], first["status"], first["next"]) == ("engine", "ok", "")


def test_without_credentials_it_exits_1(
    environment: dict[str, str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert (
        "missing  credentials: none of Cortecs, where the program rents; set CORTECS_CLIENT_ID and "
        "CORTECS_CLIENT_SECRET, or start the simulator, `pulumi-cortecs simulator`, and " in shown.output
    )


@pytest.mark.parametrize(
    ("version", "whoami", "name", "says"),
    [
        ("v3.200.1", IN_A_FOLDER, "engine", "3.259 or newer, below 4, is needed"),
        ("v4.0.0", IN_A_FOLDER, "engine", "3.259 or newer, below 4, is needed"),
        (
            "v3.259.0",
            "echo not logged in to s3://u:a-secret-of-the-user@h/b >&2; exit 1",
            "backend",
            "run `pulumi login`",
        ),
        ("v3.259.0", "echo {}", "backend", "run `pulumi login`"),
    ],
)
def test_a_pulumi_that_cannot_be_used_is_missing(
    tmp_path: Path, environment: dict[str, str], version: str, whoami: str, name: str, says: str
) -> None:
    (tmp_path / "other").mkdir()
    path = f"{pulumi(tmp_path / 'other', version, whoami)}:{environment['PATH']}"
    (check,) = not_ok({**environment, "PATH": path}, tmp_path, name)
    assert check.status is Status.MISSING
    assert says in check.line


def test_without_a_pulumi_its_source_is_named(tmp_path: Path, environment: dict[str, str]) -> None:
    (check,) = not_ok({**environment, "PATH": str(tmp_path)}, tmp_path, "engine")
    assert check.line.startswith("missing  engine: no pulumi on PATH; install it (https://www.pulumi.com/docs/install)")


def test_without_its_language_host_a_pulumi_runs_no_program(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "bin" / "pulumi-language-python").unlink()
    (check,) = not_ok(environment, tmp_path, "engine")
    assert "no pulumi-language-python" in check.what


def test_another_python_and_no_passphrase_are_warnings(tmp_path: Path, environment: dict[str, str]) -> None:
    del environment["PULUMI_CONFIG_PASSPHRASE"]
    environment["PATH"] = str(tmp_path / "bin") + ":/usr/bin:/bin"
    for name, says in (("python", "/activate"), ("passphrase", "another secrets provider")):
        (check,) = not_ok(environment, tmp_path, name)
        assert (check.status, says in check.next) == (Status.WARNING, True)


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"http_proxy": f"http://u:{SECRET}@proxy:1"}, "http_proxy without no_proxy for this machine"),
        ({"https_proxy": "http://proxy:1", "no_proxy": "example.org"}, "https_proxy without no_proxy"),
        ({"http_proxy": "http://proxy:1", "no_proxy": "*"}, "http_proxy without no_proxy"),
        ({"http_proxy": "http://proxy:1", "NO_PROXY": "127.0.0.1"}, "http_proxy without no_proxy"),
        ({"http_proxy": "http://proxy:1", "no_proxy": "example.org, 127.0.0.0/8"}, ""),
        ({"HTTPS_PROXY": f"ftp://u:{SECRET}@proxy:1"}, "HTTPS_PROXY: 'ftp://proxy' is not a proxy URL"),
        ({"http_proxy": "http://proxy:1", "no_proxy": "localhost,127.0.0.1"}, ""),
        ({"HTTPS_PROXY": "http://proxy:1"}, ""),
    ],
)
def test_a_proxy_between_program_and_engine_is_named(
    tmp_path: Path, environment: dict[str, str], variables: dict[str, str], says: str
) -> None:
    checks = not_ok({**environment, **variables}, tmp_path, "proxies")
    assert [says in check.what for check in checks] == [True] * bool(says)


def test_an_extra_that_is_not_installed_is_a_warning() -> None:
    needed = ["pytest>=8", "typer>=0.15; extra == 'cli'", "no-such-library[x]>=1; extra == 'policy'"]
    lines = [check.line for check in check_extras(needed)]
    assert lines[:2] == [
        "ok       extra: cli",
        "warning  extra: policy lacks no-such-library; install pulumi-cortecs with its extra [policy]",
    ]


def test_a_journal_without_a_place_is_missing(tmp_path: Path, environment: dict[str, str]) -> None:
    (check,) = not_ok({**environment, "PULUMI_CORTECS_STATE_DIR": "orders"}, tmp_path, "journal")
    assert check.line == (
        "missing  journal: PULUMI_CORTECS_STATE_DIR must be an absolute path, not 'orders'; "
        "export PULUMI_CORTECS_STATE_DIR=FOLDER"
    )


@pytest.mark.parametrize("python", ["", "python3", "/nowhere/python", "/bin/false"])
def test_a_pack_of_the_project_needs_a_python(environment: dict[str, str], project: Path, python: str) -> None:
    (check,) = not_ok({**environment, "PULUMI_CORTECS_POLICY_PYTHON": python}, project, "packs")
    assert (check.status, f"export PULUMI_CORTECS_POLICY_PYTHON={sys.prefix}/bin/python") == (
        Status.MISSING,
        check.next,
    )


def test_limits_and_the_catalogue_that_they_name_are_read(environment: dict[str, str], project: Path) -> None:
    pack = project / "policy" / "guard"
    (pack / "catalogue.lock.yaml").rename(project / "catalogue.lock.yaml")
    (check,) = not_ok(environment, project, "limits")
    assert f"{pack}/catalogue.lock.yaml: no such catalogue of prices" in check.what
    (project / "catalogue.lock.yaml").rename(pack / "catalogue.lock.yaml")
    (pack / "limits.json").write_text('{"workers-max": {"most": 2}}')
    (check,) = not_ok(environment, project, "limits")
    assert "say nothing about hardware-allowed, " in check.what
    (pack / "limits.json").write_text('{"workers-max": {"mots": 2}}')
    (check,) = not_ok(environment, project, "limits")
    assert "did you mean most?" in check.what


def test_limits_that_allow_no_hardware_of_the_catalogue_are_missing(environment: dict[str, str], project: Path) -> None:
    file = project / "policy" / "guard" / "limits.json"
    limits = json.loads(file.read_text())
    file.write_text(json.dumps({**limits, "hardware-allowed": {"allowed": {"cortecs": ["NVIDIA_L4_9"]}}}))
    (check,) = not_ok(environment, project, "limits")
    assert "none of what is allowed: NVIDIA_L4_9 (did you mean NVIDIA_L4_" in check.what


def test_half_of_the_credentials_and_a_server_that_does_not_answer_are_missing(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    environment["CORTECS_CLIENT_ID"] = "a"
    assert "CORTECS_CLIENT_SECRET is not set" in not_ok(environment, tmp_path, "credentials")[0].what
    environment |= {"CORTECS_CLIENT_SECRET": SECRET, "CORTECS_API_BASE_URL": NOWHERE}
    (check,) = not_ok(environment, tmp_path, "offers")
    assert f"Cortecs at {NOWHERE} cannot be reached" in check.what
    assert check.next == "start the simulator: pulumi-cortecs simulator --port 9"


@pytest.mark.parametrize("cloud", ["cortecs", "shadeform", "gcore"])
def test_a_key_that_is_refused_is_what_is_wrong(
    tmp_path: Path, environment: dict[str, str], cloud: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = _abi.instance_kinds()[cloud].credentials
    with running() as simulator:
        keys = {part.variable: "1" if part.variable.endswith("_ID") else SECRET for part in spec.parts}
        for name, value in keys.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv(spec.url.variable, simulator.env()[spec.url.variable])
        environment |= {**keys, spec.url.variable: simulator.env()[spec.url.variable]}
        (check,) = not_ok(environment, tmp_path, "credentials")
    port = URL(simulator.url).port
    assert check.next == (
        f"set {' and '.join(keys)}, or take the simulator's: "
        f'eval "$(pulumi-cortecs simulator --port {port} --print-env)"'
    )


def test_credentials_in_the_config_of_a_stack_count(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  shadeform:apiKey:\n    secure: v1:x\n")
    (tmp_path / "Pulumi.prod.yaml").write_text("[")
    assert not_ok(environment, tmp_path, "credentials") == []


def test_outside_of_a_project_the_credentials_of_one_cloud_are_enough(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (check,) = not_ok(environment, tmp_path, "credentials")
    assert (check.status, check.what) == (Status.MISSING, "of no cloud")


@pytest.mark.parametrize(
    ("source", "clouds"),
    [
        ("from pulumi_cortecs import Instance", {"cortecs"}),
        ("from pulumi_cortecs import get_models", {"cortecs"}),
        ("from pulumi_cortecs import gcore, shadeform", {"gcore", "shadeform"}),
        ("from pulumi_cortecs.gcore import InferenceDeployment", {"gcore"}),
        ("import pulumi_cortecs.shadeform as s\ns.Instance('a')", {"shadeform"}),
        ("import pulumi_cortecs as p\np.gcore.ApiKey('a')", {"gcore"}),
        ("import pulumi_cortecs\npulumi_cortecs.Instance('a')", {"cortecs"}),
        ("from pulumi_cortecs import testing\nfrom other import Instance", set()),
        ("from pulumi_cortecs import (", set()),
    ],
)
def test_the_clouds_of_a_program_are_those_that_it_imports(tmp_path: Path, source: str, clouds: set[str]) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "parts.py").write_text(source)
    for name in (".venv", "env"):
        (tmp_path / "infra" / name).mkdir()
        (tmp_path / "infra" / name / "pyvenv.cfg").touch()
        (tmp_path / "infra" / name / "other.py").write_text("from pulumi_cortecs import Instance, gcore")
    assert clouds_of_program(tmp_path, _abi.instance_kinds()) == set()  # no project
    (tmp_path / "Pulumi.yaml").write_text("name: tests\nmain: infra\n")
    assert clouds_of_program(tmp_path, _abi.instance_kinds()) == clouds
