"""The choice of a pulumi on PATH, and the check that an engine is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.engine import existing, release

Program = Callable[[str, str], Path]

SAYS = "#!/bin/sh\necho {}\n"
HOST = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Writes an executable script: `program("folder/name", text)`."""

    def write(where: str, text: str) -> Path:
        path = tmp_path / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write


def look(*folders: Path) -> existing.OnPath:
    return existing.on_path({"PATH": ":".join(map(str, folders))})


def test_a_suitable_pulumi_on_path_is_used_as_it_is(tmp_path: Path, program: Program) -> None:
    pulumi = program("bin/pulumi", SAYS.format("v3.271.0"))
    program("bin/pulumi-language-python", HOST)
    assert look(tmp_path / "bin") == existing.OnPath(pulumi, ())


def test_an_old_one_does_not_hide_a_good_one_behind_it(tmp_path: Path, program: Program) -> None:
    old = program("old/pulumi", SAYS.format("v3.100.0"))
    program("old/pulumi-language-python", HOST)
    good = program("good/pulumi", SAYS.format("v3.259.0"))
    program("good/pulumi-language-python", HOST)
    assert look(tmp_path / "old", tmp_path / "good") == existing.OnPath(
        good, (f"{old} is 3.100.0; we need 3.259.0 or newer, below 4",)
    )


def test_without_its_language_host_it_is_of_no_use(tmp_path: Path, program: Program) -> None:
    program("bin/pulumi", SAYS.format("v3.259.0"))
    on_path = look(tmp_path / "bin")
    assert on_path.pulumi is None
    assert "no pulumi-language-python beside it or on PATH" in on_path.refused[0]


def test_the_language_host_may_be_elsewhere_on_path_or_behind_a_link(tmp_path: Path, program: Program) -> None:
    pulumi = program("bin/pulumi", SAYS.format("v3.259.0"))
    program("hosts/pulumi-language-python", HOST)
    assert look(tmp_path / "bin", tmp_path / "hosts").pulumi == pulumi

    cellar = program("cellar/pulumi", SAYS.format("v3.259.0"))
    program("cellar/pulumi-language-python", HOST)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "pulumi").symlink_to(cellar)
    assert look(tmp_path / "links").pulumi == tmp_path / "links" / "pulumi"


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho hello\n", "", "#!/no/such/interpreter\n"])
def test_what_does_not_say_a_version_is_refused(tmp_path: Path, program: Program, text: str) -> None:
    program("bin/pulumi", text)
    program("bin/pulumi-language-python", HOST)
    on_path = look(tmp_path / "bin")
    assert on_path.pulumi is None
    assert len(on_path.refused) == 1


def test_folders_files_and_relative_entries_are_passed_over(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder" / "pulumi").mkdir(parents=True)
    program("plain/pulumi", SAYS.format("v3.259.0")).chmod(0o644)
    program("here/pulumi", SAYS.format("v3.259.0"))
    program("here/pulumi-language-python", HOST)
    monkeypatch.chdir(tmp_path)
    assert look(tmp_path / "folder", tmp_path / "plain", Path("here")) == existing.OnPath(None, ())
    assert existing.on_path({}) == existing.OnPath(None, ())


@pytest.fixture
def engine(tmp_path: Path, program: Program) -> Path:
    """A whole engine."""
    for name in release.EXECUTABLES:
        program(f"engine/{name}", SAYS.format(f"v{release.PULUMI}"))
    return tmp_path / "engine"


def test_a_whole_engine_passes(engine: Path) -> None:
    existing.verify(engine, {})


@pytest.mark.parametrize("name", release.EXECUTABLES)
def test_each_part_must_be_there_whole_and_executable(engine: Path, name: str) -> None:
    part = engine / name
    part.chmod(0o644)
    with pytest.raises(existing.Unsuitable, match=f"executable {name}$"):
        existing.verify(engine, {})
    part.write_text("")  # what a power cut makes of a file that was just written
    part.chmod(0o755)
    with pytest.raises(existing.Unsuitable, match=f"executable {name}$"):
        existing.verify(engine, {})
    part.unlink()
    with pytest.raises(existing.Unsuitable, match=f"executable {name}$"):
        existing.verify(engine, {})


def test_another_version_than_the_pinned_one_is_not_taken(engine: Path, program: Program) -> None:
    program("engine/pulumi", SAYS.format("v3.260.0"))
    with pytest.raises(existing.Unsuitable, match=r"is 3\.260\.0 instead of 3\.259\.0"):
        existing.verify(engine, {})


def test_a_language_host_that_does_not_start_is_not_taken(engine: Path, program: Program) -> None:
    program("engine/pulumi-language-python", "#!/no/such/interpreter\n")
    with pytest.raises(existing.Unsuitable, match="does not run: pulumi-language-python -h"):
        existing.verify(engine, {})
