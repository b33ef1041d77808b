"""`pulumi-cortecs policy`: the paths of the ready policy packs, and a check of limits files."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from pulumi_cortecs.cli.output import exit_failed
from pulumi_cortecs.cli.shipped import NotShippedError, shipped

app = typer.Typer(no_args_is_help=True, help="The ready policy packs.")


class Pack(str, Enum):
    """The ready packs."""

    HARDWARE = "hardware"
    COST = "cost"
    GUARD = "guard"


@app.callback()
def _policy() -> None:
    pass


@app.command(epilog="Example: pulumi-cortecs policy path cost --folder")
def path(
    pack: Annotated[Pack, typer.Argument(help="hardware, cost, or guard, which is both in one.")] = Pack.GUARD,
    folder: Annotated[bool, typer.Option("--folder", help="Its folder instead of its executable.")] = False,
) -> None:
    """Print the path of an installed pack. It has no prices: judge by a copy with prices, as `new` writes into
    policy/guard.

    A pack that would not start here is warned of: its path is printed anyway, so that the preview fails, too.
    """
    try:
        run = shipped(f"policies/{pack.value}/run")
    except NotShippedError as error:
        raise exit_failed(error) from None
    if not folder and (problem := _start_problem(run)):
        typer.echo(f"Warning: {problem}", err=True)
    typer.echo(run.parent if folder else run)


@app.command(epilog="Example: pulumi-cortecs policy check limits.json --pack cost")
def check(
    file: Annotated[Path, typer.Argument(help="The limits file, as for --policy-pack-config.")],
    pack: Annotated[Pack, typer.Option(help="The pack of the limits.")] = Pack.GUARD,
    own_rule: Annotated[
        list[str], typer.Option("--own-rule", help="A rule of your own that the pack has; once for each.")
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Refuse limits that a pack would refuse, or refuse every purchase for, and duplicate keys, of which the engine
    takes the last. The prices that they name are checked if they are where a pack would look for them, and whether
    these have the hardware that is allowed.
    """
    from pulumi_cortecs.policy.limits import LimitsError, read_limits
    from pulumi_cortecs.policy.limits_json import flaws, prices_of, read_config_file
    from pulumi_cortecs.policy.registry import PACKS
    from pulumi_cortecs.policy.rule import Level

    try:
        rules = PACKS[pack.value]
        configs = read_config_file(file.read_bytes(), (rule.name for rule in rules))
        limits = read_limits(rules, {name: config for name, config in configs.items() if name not in own_rule})
    except (OSError, LimitsError) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else error
        typer.echo(f"Error: {file}: {reason}", err=True)
        raise typer.Exit(1) from None
    prices = prices_of(file, limits)
    is_elsewhere = prices.is_missing and not (file.parent / "PulumiPolicy.yaml").exists()
    is_wrong = bool(prices.problem) and not is_elsewhere
    by = "no prices beside it to check" if is_elsewhere else "no prices that it fits" if is_wrong else prices.summary
    typer.echo(f"{file}: {limits.summary()}; {by}")
    if is_wrong:
        typer.echo(f"Error: {prices.problem}", err=True)
    for level, text in flaws(limits, prices):
        is_wrong |= level is Level.MANDATORY
        typer.echo(f"{'Error' if level is Level.MANDATORY else 'Warning'}: {text}", err=True)
    if is_wrong:
        raise typer.Exit(1)


def _start_problem(run: Path) -> str:
    """The reason why a pack does not start here and what to set, "" for none."""
    if not os.access(run, os.X_OK):  # some installers drop the bit
        return f"{run} is not executable: chmod +x {shlex.quote(str(run))}"
    asked = subprocess.run([run, "--python"], capture_output=True, text=True, timeout=60, check=False)
    python = asked.stdout.strip()
    if python and _runs_packs(python):
        return ""
    problem = f"{python} has no pulumi-cortecs[policy] of its own" if python else asked.stderr.strip()
    fits = f". This one fits: export PULUMI_CORTECS_POLICY_PYTHON={shlex.quote(sys.executable)}"
    return problem + (fits if _runs_packs(sys.executable) else "")


def _runs_packs(python: str) -> bool:
    """Returns whether a Python, isolated as a pack runs it, has what packs import."""
    code = "from importlib.util import find_spec; exit(None in map(find_spec, ('pulumi_policy', 'pulumi_cortecs')))"
    try:
        return not subprocess.run([python, "-I", "-c", code], capture_output=True, timeout=60, check=False).returncode
    except OSError:
        return False
