"""Which backend it is, as the CLI takes it: two clones must never share one name, nor one backend have two."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import pytest

from pulumi_cortecs.provider.backend import backend_of


def project(directory: Path, backend: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Pulumi.yaml").write_text(f"name: tests\nruntime: python\n{backend}")
    return directory


def logged_in(home: Path, url: str) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    (home / "credentials.json").write_text(json.dumps({"current": url}))
    return {"PULUMI_HOME": str(home)}


def folder(path: Path) -> str:
    return f"file://{platform.node()}{path}"


def test_without_any_choice_it_is_pulumis_own(tmp_path: Path) -> None:
    assert backend_of({"PULUMI_HOME": str(tmp_path)}, tmp_path) == "https://api.pulumi.com"


def test_the_environment_goes_before_project_and_login(tmp_path: Path) -> None:
    environment = logged_in(tmp_path / "home", "s3://login")
    here = project(tmp_path / "project", "backend: {url: s3://project}\n")
    assert backend_of({**environment, "PULUMI_BACKEND_URL": "s3://named/"}, here) == "s3://named"
    assert backend_of(environment, here) == "s3://project"
    assert backend_of(environment, project(tmp_path / "plain")) == "s3://login"


def test_the_project_may_lie_above(tmp_path: Path) -> None:
    here = project(tmp_path, "backend:\n  url: file://state\n") / "src" / "deep"
    here.mkdir(parents=True)
    assert backend_of({}, here) == folder(tmp_path / "state")


def test_a_relative_folder_is_another_one_in_each_clone(tmp_path: Path) -> None:
    environment = {"PULUMI_BACKEND_URL": "file://./state"}
    one, other = (backend_of(environment, project(tmp_path / clone)) for clone in ("one", "other"))
    assert (one, other) == (folder(tmp_path / "one" / "state"), folder(tmp_path / "other" / "state"))


def test_one_folder_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    here = project(tmp_path / "project")
    urls = (f"file://{tmp_path}/state", f"file://{tmp_path}/state/", f"file://{tmp_path}/link", "file://../state")
    urls += (f"file://{tmp_path}/state?metadata=skip",)
    assert {backend_of({"PULUMI_BACKEND_URL": url}, here) for url in urls} == {folder(tmp_path / "state")}


@pytest.mark.parametrize("url", ["file://~", "file://~nobody-of-this-name/state"])
def test_a_home_that_is_not_to_be_found_is_no_error(tmp_path: Path, url: str) -> None:
    found = backend_of({"PULUMI_BACKEND_URL": url}, tmp_path)
    assert found.endswith(
        os.path.realpath(os.path.expanduser("~")) if url == "file://~" else "~nobody-of-this-name/state"
    )


@pytest.mark.parametrize("content", ["", "[", "backend: s3://x", "backend: {url: 7}", "- a", "backend:\n\t- x"])
def test_a_project_that_names_none_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(content)
    assert backend_of(logged_in(tmp_path / "home", "s3://login"), tmp_path) == "s3://login"


@pytest.mark.parametrize("content", ["", "[", "[]", '{"current": 7}', '{"current": ""}', "\xff"])
def test_a_login_that_cannot_be_read_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "credentials.json").write_text(content, encoding="latin-1")
    assert backend_of({"PULUMI_HOME": str(tmp_path)}, tmp_path) == "https://api.pulumi.com"
