"""Two checkouts and an empty backend out of one repository, and nothing left of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from pulumi_cortecs.review.two_sides import SidesError, two_sides

GIT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
STACK_FILE = """
encryptionsalt: v1:abc
secretsprovider: passphrase
config:
  shop:region: eu
  shop:key:
    secure: v1:xyz
  shop:nested:
    list: [1, {secure: "v1:a"}]
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, env={**os.environ, **GIT}, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "infra" / "__main__.py").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A branch "change" with one commit that "main", which has moved on, does not have."""
    folder = tmp_path / "repository"
    (folder / "infra").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    options = "runtime:\n  name: python\n  options: {virtualenv: venv}\n"
    (folder / "infra" / "Pulumi.yaml").write_text(f"name: shop\n{options}")
    (folder / "infra" / "Pulumi.prod.yaml").write_text(STACK_FILE)
    (folder / ".gitignore").write_text("venv\n")
    commit(folder, "old")
    git(folder, "checkout", "-qb", "change")
    commit(folder, "new")
    git(folder, "checkout", "-q", "main")
    commit(folder, "later")
    git(folder, "checkout", "-q", "change")
    (folder / "infra" / "venv").mkdir()
    return folder


@pytest.fixture
def pulumi(tmp_path: Path) -> str:
    """A CLI that records what it is asked, and where."""
    script = tmp_path / "pulumi"
    script.write_text(f'#!/bin/sh\necho "$PWD $PULUMI_BACKEND_URL $*" >> {tmp_path}/asked\n')
    script.chmod(0o755)
    return str(script)


def test_the_base_is_where_the_change_branched_off(repository: Path, pulumi: str) -> None:
    fork_point = git(repository, "merge-base", "main", "change")
    with two_sides(repository / "infra", "main", "org/shop/prod", pulumi, dict(os.environ)) as sides:
        assert sides.base is not None
        assert sides.commit == fork_point
        assert (sides.base.folder / "__main__.py").read_text() == "old"
        assert (sides.head.folder / "__main__.py").read_text() == "new"
        assert (sides.base.folder / "venv").resolve() == (repository / "infra" / "venv").resolve()
        place = sides.base.folder.parents[1]
    assert not place.exists()
    assert git(repository, "worktree", "list").count("\n") == 0
    assert git(repository, "status", "--porcelain") == ""


def test_both_sides_have_an_empty_backend_and_no_secret(repository: Path, pulumi: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PULUMI_ACCESS_TOKEN": "pul-1", "PULUMI_CONFIG_PASSPHRASE": "mine"}
    with two_sides(repository / "infra", "main", "prod", pulumi, environment) as sides:
        assert sides.base is not None
        (backend,) = {side.environment["PULUMI_BACKEND_URL"] for side in (sides.base, sides.head)}
        assert not any(Path(backend.removeprefix("file://")).iterdir())
        for side in (sides.base, sides.head):
            assert "PULUMI_ACCESS_TOKEN" not in side.environment
            assert side.environment["PULUMI_CONFIG_PASSPHRASE"] != "mine"
            assert side.stack == "prod"
            config = yaml.safe_load(side.config_file.read_text())
            nested = {"list": [1, "[secret]"]}
            assert config == {
                "config": {"shop:region": "eu", "shop:key": "[secret]", "shop:nested": nested},
            }
    (asked,) = (tmp_path / "asked").read_text().splitlines()
    assert "stack init prod" in asked
    assert str(repository) not in asked.split()[0]


def test_a_project_with_another_name_has_a_stack_of_its_own(repository: Path, pulumi: str, tmp_path: Path) -> None:
    (repository / "infra" / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    with two_sides(repository / "infra", "main", "prod", pulumi, dict(os.environ)):
        pass
    assert len((tmp_path / "asked").read_text().splitlines()) == 2


def test_a_project_that_is_new_has_no_base(repository: Path, pulumi: str) -> None:
    git(repository, "mv", "infra", "moved")
    with two_sides(repository / "moved", "main", "prod", pulumi, dict(os.environ)) as sides:
        assert sides.base is None


@pytest.mark.parametrize("ref", ["no-such-branch", "--output=x", "main..change", ""])
def test_a_ref_that_names_no_commit_is_refused(ref: str, repository: Path, pulumi: str) -> None:
    with pytest.raises(SidesError, match="no such commit"), two_sides(repository / "infra", ref, "prod", pulumi, {}):
        pass


def test_a_history_that_was_cut_off_is_named_as_the_reason(repository: Path, pulumi: str) -> None:
    git(repository, "checkout", "-q", "--orphan", "lonely")
    commit(repository, "alone")
    with pytest.raises(SidesError, match="fetch-depth"), two_sides(repository / "infra", "main", "prod", pulumi, {}):
        pass


def test_nothing_is_left_after_an_error(repository: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no >&2\nexit 3\n")
    broken.chmod(0o755)
    with (
        pytest.raises(SidesError, match="exit code 3: no"),
        two_sides(repository / "infra", "main", "prod", str(broken), dict(os.environ)),
    ):
        pass
    assert git(repository, "worktree", "list").count("\n") == 0


def test_hooks_of_the_repository_do_not_run(repository: Path, pulumi: str, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    with two_sides(repository / "infra", "main", "prod", pulumi, dict(os.environ)):
        pass
    assert not (tmp_path / "hooked").exists()


def test_files_that_look_like_a_repository_are_not_taken_for_one(repository: Path, pulumi: str) -> None:
    # their configuration could name programs to run
    git(repository, "init", "-q", "--bare", str(repository / "infra"))
    project = repository / "infra"
    with pytest.raises(SidesError, match="bare repository"), two_sides(project, "main", "prod", pulumi, {}):
        pass
