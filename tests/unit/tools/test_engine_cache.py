"""An engine appears in the cache at once and whole, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from tools.engine import cache, release
from tools.engine.progress import Progress

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@pytest.fixture
def progress(log: StringIO) -> Progress:
    return Progress(log)


def test_the_directory_is_our_variable_then_xdg_then_the_platforms_own() -> None:
    home = Path.home()
    ours = {"PULUMI_CORTECS_ENGINE_CACHE": "/ours", "XDG_CACHE_HOME": "/xdg"}
    assert cache.directory(ours, "linux") == cache.directory(ours, "darwin") == Path("/ours")
    assert cache.directory({"PULUMI_CORTECS_ENGINE_CACHE": "~/ours"}, "linux") == home / "ours"
    assert cache.directory({"XDG_CACHE_HOME": "/xdg"}, "linux") == Path("/xdg/pulumi-cortecs/engine")
    assert cache.directory({}, "linux") == home / ".cache/pulumi-cortecs/engine"
    assert cache.directory({"XDG_CACHE_HOME": "relative"}, "linux") == home / ".cache/pulumi-cortecs/engine"
    assert cache.directory({}, "darwin") == home / "Library/Caches/pulumi-cortecs/engine"
    assert cache.directory({"PULUMI_CORTECS_ENGINE_CACHE": "relative"}).is_absolute()


def test_publishing_is_a_rename_and_replaces_what_was_unsound(tmp_path: Path) -> None:
    (tmp_path / release.PULUMI / "bin").mkdir(parents=True)
    (tmp_path / release.PULUMI / "bin" / "broken").touch()
    with cache.workspace(tmp_path) as workspace:
        (workspace / "built" / "bin").mkdir(parents=True)
        (workspace / "built" / "bin" / "pulumi").touch()
        final = cache.publish(workspace / "built", tmp_path, workspace)
    assert final == tmp_path / release.PULUMI
    assert [path.name for path in (final / "bin").iterdir()] == ["pulumi"]
    assert list(tmp_path.iterdir()) == [final]


def test_the_directory_aside_goes_away_with_read_only_folders_in_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), cache.workspace(tmp_path) as workspace:  # noqa: PT012 the block is the build
        module = workspace / "go-modules" / "module@v1"
        module.mkdir(parents=True)
        (module / "go.mod").touch(mode=0o444)
        module.chmod(0o555)
        module.parent.chmod(0o555)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_leftovers_are_swept_only_when_nobody_builds(tmp_path: Path, progress: Progress, log: StringIO) -> None:
    left_over = tmp_path / "building-abc"
    left_over.mkdir()
    with cache.exclusive(tmp_path, progress):
        cache.clean_up_if_idle(tmp_path, progress)  # this may be what the holder of the lock is building
        assert left_over.exists()
    cache.clean_up_if_idle(tmp_path, progress)
    assert not left_over.exists()
    assert "clearing up after a run that was killed" in log.getvalue()


def test_a_cache_without_leftovers_is_not_written_to(tmp_path: Path, progress: Progress) -> None:
    cache.clean_up_if_idle(tmp_path, progress)
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path, progress: Progress, log: StringIO) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path\n"
            "from tools.engine import cache; from tools.engine.progress import Progress\n"
            "with cache.exclusive(Path(sys.argv[1]), Progress(sys.stderr)):\n"
            "    print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with cache.exclusive(tmp_path, progress) as waited:
        assert not waited
    assert log.getvalue() == ""


def test_a_cache_that_cannot_be_made_is_an_os_error(tmp_path: Path, progress: Progress) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=os.strerror(20)), cache.exclusive(tmp_path / "file" / "cache", progress):
        pass
