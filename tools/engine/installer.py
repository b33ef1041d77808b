"""Pulumi's official installer: a shell script from https://get.pulumi.com, run inside a directory of ours."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from . import release
from .command import CommandFailed, run
from .progress import Progress

URL = "https://get.pulumi.com/install.sh"
REACH_SECONDS = 5.0
RUN_SECONDS = 300.0  # the script downloads some 150 MB without any limit of its own

_LARGEST_SCRIPT = 1 << 20


class InstallerFailed(Exception):
    """The text says how far the installer got."""


@dataclass(frozen=True)
class Installer:
    """The place of the script, and its time limits."""

    url: str = URL
    reach: float = REACH_SECONDS  # seconds until the script is here, name resolution included
    run: float = RUN_SECONDS  # seconds until it has done its work

    @staticmethod
    def from_environment(env: Mapping[str, str]) -> Installer:
        """The installer that the user's environment asks for.

        Raises: InstallerFailed when it asks for none, or for a time limit that is not a number of seconds.
        """
        url = env.get("PULUMI_CORTECS_ENGINE_INSTALLER_URL") or URL
        seconds = env.get("PULUMI_CORTECS_ENGINE_INSTALLER_SECONDS") or str(REACH_SECONDS)
        if url == "off":
            raise InstallerFailed("switched off by PULUMI_CORTECS_ENGINE_INSTALLER_URL=off")
        try:
            reach = float(seconds)
        except ValueError:
            reach = -1.0
        if not 0 < reach < 3600:
            raise InstallerFailed(f"PULUMI_CORTECS_ENGINE_INSTALLER_SECONDS={seconds} is not a number of seconds")
        return Installer(url, reach)


def install(installer: Installer, workspace: Path, env: Mapping[str, str], progress: Progress) -> Path:
    """Downloads the script, runs it, and returns the `bin` directory it filled.

    Raises: InstallerFailed.
    """
    progress.say(f"official installer: asking {installer.url} (at most {installer.reach:g} s)")
    script = workspace / "install.sh"
    script.write_bytes(fetch(installer.url, installer.reach))
    root = workspace / "installed"
    root.mkdir()
    progress.say(f"official installer: installing pulumi {release.PULUMI} (at most {installer.run:g} s)")
    # cwd and TMPDIR: the script unpacks in them, and does not tidy up when it is killed
    arguments = ["--no-edit-path", "--install-root", str(root), "--version", release.PULUMI]
    try:
        run(
            ["/bin/sh", script, *arguments],
            env={**env, "TMPDIR": str(workspace)},
            cwd=workspace,
            limit=installer.run,
            heartbeat=progress.heartbeat("official installer: still at work"),
        ).output()
    except CommandFailed as failure:
        raise InstallerFailed(f"{installer.url} did not install: {failure}") from failure
    return root / "bin"


def fetch(url: str, within: float) -> bytes:
    """The script behind `url`, or an error after `within` seconds, wherever it hangs.

    Raises: InstallerFailed.
    """
    answers: list[bytes | Exception] = []

    def ask() -> None:
        try:
            answers.append(_download(url, within))
        except Exception as error:  # handed over to the waiting thread
            answers.append(error)

    # A thread, because neither name resolution nor a server that sends a byte now and then heeds a socket's limit
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(within)
    if not answers:
        raise InstallerFailed(f"{url} could not be reached within {within:g} s")
    answer = answers[0]
    if isinstance(answer, (OSError, HTTPException, ValueError)):
        reason = answer.reason if isinstance(answer, urllib.error.URLError) else answer
        raise InstallerFailed(f"{url} could not be reached: {reason}") from answer
    if isinstance(answer, Exception):
        raise answer
    if not answer.startswith(b"#!"):
        # A captive portal or a proxy's page of excuses must not be run line by line
        raise InstallerFailed(f"{url} did not answer with a shell script: {answer[:40]!r}")
    return answer


def _download(url: str, within: float) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=within) as response:
            script: bytes = response.read(_LARGEST_SCRIPT + 1)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            raise InstallerFailed(f"{url} answered {error.code} {error.reason}") from error
    if len(script) > _LARGEST_SCRIPT:
        raise InstallerFailed(f"{url} answered with more than {_LARGEST_SCRIPT} bytes")
    return script
