"""The user's cache of engines: one is built in a workspace, verified, and renamed; one run works at a time.

<cache>/lock                 held by the run that builds (fcntl: it dies with its process)
<cache>/building-XXXX/       what that run is making; left over only by a run that was killed
<cache>/3.259.0/bin/pulumi   a finished engine: this name only ever appears by a rename
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from . import release
from .progress import Progress

_WORKSPACE_PREFIX = "building-"


def directory(env: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The cache directory: our own variable, else where this platform's users expect it. Always absolute."""
    if ours := env.get("PULUMI_CORTECS_ENGINE_CACHE"):
        return Path(ours).expanduser().absolute()
    if platform == "darwin":
        base = Path("~/Library/Caches").expanduser()
    else:
        xdg = Path(env.get("XDG_CACHE_HOME") or "~/.cache")
        # The XDG specification: a relative path is invalid and to be ignored
        base = xdg if xdg.is_absolute() else Path("~/.cache").expanduser()
    return base / "pulumi-cortecs" / "engine"


def finished(cache: Path) -> Path:
    """The place of the engine of the pinned version, built or not."""
    return cache / release.PULUMI


@contextmanager
def exclusive(cache: Path, progress: Progress, poll: float = 0.2) -> Iterator[bool]:
    """Holds the cache's lock, waiting for it as long as another run works; yields whether it had to wait."""
    with _lock_file(cache) as lock:
        waited = not _try_lock(lock)
        if waited:
            progress.say(f"another run is at work on {cache}; waiting for it")
            heartbeat = progress.heartbeat("waiting for the other run")
            while not _try_lock(lock):
                heartbeat()
                time.sleep(poll)
        yield waited


@contextmanager
def workspace(cache: Path) -> Iterator[Path]:
    """An empty directory on the cache's own file system, gone with all that is in it afterwards. Needs the lock."""
    made = Path(tempfile.mkdtemp(prefix=_WORKSPACE_PREFIX, dir=cache))
    try:
        yield made
    finally:
        _discard(made)


def publish(tree: Path, cache: Path, workspace: Path) -> Path:
    """Gives a verified tree its final name in one step, and returns that name. Needs the lock."""
    final = finished(cache)
    if final.exists():  # it failed verification, or no other one would have been built
        final.rename(workspace / "replaced")
    tree.rename(final)
    return final


def clean_up(cache: Path, progress: Progress) -> None:
    """Clears what killed runs left behind. Needs the lock."""
    for left_over in sorted(cache.glob(f"{_WORKSPACE_PREFIX}*")):
        progress.say(f"clearing up after a run that was killed: {left_over}")
        _discard(left_over)


def clean_up_if_idle(cache: Path, progress: Progress) -> None:
    """The same for a run that needs no lock otherwise: else gigabytes lie around as long as runs find their engine."""
    if not any(cache.glob(f"{_WORKSPACE_PREFIX}*")):
        return
    with _lock_file(cache) as lock:
        if _try_lock(lock):
            clean_up(cache, progress)


@contextmanager
def _lock_file(cache: Path) -> Iterator[TextIO]:
    cache.mkdir(parents=True, exist_ok=True)
    # Never deleted: two runs could otherwise hold locks on two files of one name
    with open(cache / "lock", "a") as lock:
        yield lock


def _try_lock(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _discard(tree: Path) -> None:
    """Deletes a tree, read-only directories (Go's module cache) included. A later clean-up takes what cannot go now."""
    for folder, _, _ in os.walk(tree):
        os.chmod(folder, 0o700)
    shutil.rmtree(tree, ignore_errors=True)
