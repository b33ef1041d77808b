"""The checks of `pulumi-cortecs doctor`. Each is a function of the environment, and none prints a credential."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from pulumi_cortecs.cli.doctor_accounts import check_accounts
from pulumi_cortecs.cli.doctor_result import Check, Status
from pulumi_cortecs.cli.shipped import NotShippedError, shipped
from pulumi_cortecs.http.network import read_network
from pulumi_cortecs.lifecycle.pulumi_cli import CliCommand, CliError, without_credentials
from pulumi_cortecs.lifecycle.state_directory import DIRECTORY_VARIABLE, state_directory
from pulumi_cortecs.policy.limits import LimitsError, read_limits
from pulumi_cortecs.policy.limits_json import flaws, prices_of, read_config_file
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.rule import Level

_OLDEST: Final = (3, 259)
_TOO_NEW: Final = (4,)
_LONGEST: Final = 30.0
"""Seconds for one command."""
_GET_ENGINE: Final = "install it (https://www.pulumi.com/docs/install), or add the folder of `make engine` to PATH"
_EXTRAS: Final = ("cli", "policy", "simulator")
_PROXIES: Final = ("grpc_proxy", "https_proxy", "http_proxy")
"""The variables that the gRPC library of the program's process takes a proxy from, as it spells them."""
_LOOPBACK: Final = "127.0.0.1"
_POLICY_PYTHON: Final = "PULUMI_CORTECS_POLICY_PYTHON"
_HAS_POLICY: Final = (
    "import sys\nfrom importlib.util import find_spec as f\nsys.exit(not (f('pulumi_policy') and f('pulumi_cortecs')))"
)


def all_checks(environment: Mapping[str, str], directory: Path) -> list[Check]:
    """The results of all checks, those that ask a cloud last."""
    return [
        *_engine(environment, directory),
        *check_extras(requires("pulumi-cortecs") or []),
        *_proxies(environment),
        _journal(environment),
        *_packs(environment, directory),
        *check_accounts(environment, directory),
    ]


def _engine(environment: Mapping[str, str], directory: Path) -> Iterator[Check]:
    path = environment.get("PATH", "")
    executable = shutil.which("pulumi", path=path)
    if executable is None:
        yield Check("engine", Status.MISSING, "no pulumi on PATH", _GET_ENGINE)
        return
    command = CliCommand(
        executable, directory, environment, _LONGEST, environment.get("PULUMI_BACKEND_URL", "the current backend")
    )
    yield _version(command)
    if shutil.which("pulumi-language-python", path=f"{Path(executable).parent}:{path}") is None:
        yield Check("engine", Status.MISSING, "no pulumi-language-python beside pulumi or on PATH", _GET_ENGINE)
    yield _python(path)
    yield from _backend(command, environment)


def _version(command: CliCommand) -> Check:
    try:
        text = command.run(["version"]).strip()
    except CliError as error:
        return Check("engine", Status.MISSING, str(error), _GET_ENGINE)
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:3])
    fits = _OLDEST <= numbers < _TOO_NEW
    remedy = "" if fits else f"3.259 or newer, below 4, is needed: {_GET_ENGINE}"
    return Check("engine", Status.OK if fits else Status.MISSING, f"pulumi {text} in {command.executable}", remedy)


def _python(path: str) -> Check:
    python = shutil.which("python3", path=path) or shutil.which("python", path=path)
    ours = Path(sys.prefix, "bin")
    if python is not None and Path(python).parent == ours:
        return Check("python", Status.OK, f"{python} runs programs")
    what = f"{python or 'no python3'} on PATH runs programs, and pulumi-cortecs is in {sys.prefix}"
    remedy = f". {ours}/activate, unless Pulumi.yaml names it as `virtualenv`"
    return Check("python", Status.WARNING, what, remedy)


def _backend(command: CliCommand, environment: Mapping[str, str]) -> Iterator[Check]:
    try:
        url = str(json.loads(command.run(["whoami", "--verbose", "--json"]))["url"])
    except (CliError, ValueError, KeyError, TypeError) as error:
        remedy = "set PULUMI_BACKEND_URL (file://FOLDER, of a folder that exists), or run `pulumi login`"
        yield Check("backend", Status.MISSING, str(error), remedy)
        return
    yield Check("backend", Status.OK, without_credentials(url))
    if url.startswith("http"):
        return  # the service has secrets of its own
    named = [name for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE") if name in environment]
    if named:
        yield Check("passphrase", Status.OK, named[0])
    else:
        remedy = "set it, also to an empty one, unless the stack has another secrets provider"
        yield Check("passphrase", Status.WARNING, "PULUMI_CONFIG_PASSPHRASE is not set", remedy)


def check_extras(needed: Sequence[str]) -> Iterator[Check]:
    """The results for each extra, by the requirements of the package's metadata."""
    for extra in _EXTRAS:
        names = [re.split(r"[^\w.-]", line)[0] for line in needed if re.search(rf"extra == ['\"]{extra}['\"]", line)]
        lacking = [name for name in names if not _is_installed(name)]
        if lacking:
            remedy = f"install pulumi-cortecs with its extra [{extra}]"
            yield Check("extra", Status.WARNING, f"{extra} lacks {', '.join(lacking)}", remedy)
        else:
            yield Check("extra", Status.OK, extra)


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _proxies(environment: Mapping[str, str]) -> Iterator[Check]:
    named = [name for name in _PROXIES if environment.get(name)]
    direct = environment.get("no_grpc_proxy") or environment.get("no_proxy", "")
    problems = read_network(environment).problems
    if named and not any(_covers_this_machine(entry.strip()) for entry in direct.split(",")):
        what = f"{', '.join(named)} without no_proxy for this machine: a program does not reach its engine"
        yield Check("proxies", Status.MISSING, what, "export no_proxy=127.0.0.1,localhost")
    elif not problems:
        yield Check("proxies", Status.OK, "none between a program and its engine")
    for problem in problems:
        yield Check("proxies", Status.MISSING, problem, "correct it: purchases refuse it")


def _covers_this_machine(entry: str) -> bool:
    """Returns whether the gRPC library reaches 127.0.0.1 without a proxy by an entry: a suffix of it, or a block of
    addresses. Neither `*` nor `localhost` is one."""
    try:
        return ip_address(_LOOPBACK) in ip_network(entry)
    except ValueError:
        return bool(entry) and _LOOPBACK.endswith(entry)


def _journal(environment: Mapping[str, str]) -> Check:
    place = state_directory(environment)
    if place.problem:
        return Check("journal", Status.MISSING, place.problem, f"export {DIRECTORY_VARIABLE}=FOLDER")
    return Check("journal", Status.OK, str(place.path))


def _packs(environment: Mapping[str, str], directory: Path) -> Iterator[Check]:
    packs = sorted(run.parent for run in directory.glob("policy/*/run"))
    try:
        yield from (check for pack in packs or [shipped("policies/guard")] for check in _pack(pack, environment, packs))
    except NotShippedError as error:
        yield Check("packs", Status.MISSING, str(error), "install pulumi-cortecs again")


def _pack(pack: Path, environment: Mapping[str, str], of_project: list[Path]) -> Iterator[Check]:
    named, own = environment.get(_POLICY_PYTHON), pack / ".venv" / "bin" / "python"
    installed = Path(sys.prefix) in pack.parents and "site-packages" in pack.parts
    python = named or (str(own) if own.exists() else sys.executable if installed else "")
    remedy = f"export {_POLICY_PYTHON}={Path(sys.prefix, 'bin', 'python')}"
    if not python:
        needed = Status.MISSING if of_project else Status.WARNING
        yield Check("packs", needed, f"{pack} has no Python", remedy)
    elif not Path(python).is_absolute() or not _has_policy(python):
        what = f"{python} is no absolute path of a Python that has pulumi-cortecs[policy]"
        yield Check("packs", Status.MISSING, what, remedy)
    else:
        yield Check("packs", Status.OK, f"{pack} by {python}")
    if (limits := pack / "limits.json").exists():
        yield _limits(limits)


def _has_policy(python: str) -> bool:
    try:
        done = subprocess.run([python, "-I", "-c", _HAS_POLICY], capture_output=True, timeout=_LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _limits(file: Path) -> Check:
    """The limits of a project's pack, with the catalogue that they name."""
    rules = PACKS.get(file.parent.name, PACKS["guard"])
    names = {rule.name for rule in rules}
    try:
        configs = read_config_file(file.read_bytes(), names)
        # rules of the project's own are not known here
        limits = read_limits(
            rules, {name: config for name, config in configs.items() if name in names or name == "all"}
        )
    except (OSError, LimitsError) as error:
        return Check("limits", Status.MISSING, f"{file}: {error}", "correct it: the pack refuses everything")
    prices = prices_of(file, limits)
    if prices.problem:
        return Check("limits", Status.MISSING, f"{file}: {prices.problem}", "the pack buys nothing without it")
    for level, text in flaws(limits, prices):
        status = Status.MISSING if level is Level.MANDATORY else Status.WARNING
        return Check("limits", status, f"{file}: {text}", "`pulumi-cortecs policy check` lists all")
    return Check("limits", Status.OK, f"{file}: {limits.summary()}")
