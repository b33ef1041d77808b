"""The place of a pack's catalogue, and its verdict on one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pulumi_cortecs.cost.pricelist import LOCK_FILE
from pulumi_cortecs.policy.pinned import SHIPPED, load_pinned

SAMPLE = SHIPPED / "simulator.lock.yaml"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """An empty pack folder."""
    directory = tmp_path / "packs" / "guard"
    directory.mkdir(parents=True)
    return directory


def test_the_one_in_the_folder_comes_before_the_one_beside_it(pack: Path) -> None:
    (pack.parent / LOCK_FILE).write_text("version: 0\n")
    assert "version" in load_pinned(pack).problem
    shutil.copy(SAMPLE, pack / LOCK_FILE)
    assert load_pinned(pack).catalogue is not None
    (pack / LOCK_FILE).unlink()
    shutil.copy(SAMPLE, pack.parent / LOCK_FILE)
    assert load_pinned(pack).catalogue is not None


def test_a_file_can_be_named(pack: Path, tmp_path: Path) -> None:
    other = shutil.copy(SAMPLE, tmp_path / "elsewhere.yaml")
    assert load_pinned(pack, str(other)).catalogue is not None
    assert load_pinned(pack, "simulator.lock.yaml").catalogue is not None


def test_it_is_never_looked_for_in_the_working_directory(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(SAMPLE, project / LOCK_FILE)
    monkeypatch.chdir(project)
    assert load_pinned(pack).catalogue is None


def test_without_one_it_says_how_to_make_one(pack: Path) -> None:
    problem = load_pinned(pack).problem
    assert problem.startswith(f"{pack / LOCK_FILE}: no such catalogue of prices; ")
    assert f"`pulumi-cortecs catalogue pull --output {pack / LOCK_FILE}`" in problem  # where this very pack looks


@pytest.mark.parametrize("packs", [SHIPPED.parent / "policies", SHIPPED.parents[1] / "policies"])
def test_nobody_is_asked_to_write_into_an_installed_package(packs: Path) -> None:
    problem = load_pinned(packs / "guard").problem
    assert "`pulumi-cortecs new` writes one with prices to policy/guard" in problem
    assert "`pulumi-cortecs catalogue pull --output policy/guard/catalogue.lock.yaml`" in problem
    assert f"--output {packs}" not in problem


def test_one_that_was_edited_or_cut_is_not_used(pack: Path) -> None:
    text = SAMPLE.read_text()
    (pack / LOCK_FILE).write_text(text.replace("'4.50'", "'0.50'").replace("'0.075'", "'0.0083'"))
    assert "edited" in load_pinned(pack).problem
    (pack / LOCK_FILE).write_text(text[: len(text) // 2])
    assert load_pinned(pack).problem.startswith("the catalogue cannot be used: ")


def test_one_that_is_not_the_one_that_the_limits_want_is_not_used(pack: Path) -> None:
    catalogue = load_pinned(pack, "simulator.lock.yaml").catalogue
    assert catalogue is not None
    assert load_pinned(pack, "simulator.lock.yaml", catalogue.digest).catalogue is not None
    wrong = load_pinned(pack, "simulator.lock.yaml", "0" * 64)
    assert wrong.catalogue is None
    assert f"has the sha256 {catalogue.digest}; the limits require {'0' * 64}; once its prices" in wrong.problem
