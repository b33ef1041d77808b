"""The command itself: its version, and what it says when an extra is not installed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer

import pulumi_cortecs
from pulumi_cortecs import cli


def run(*args: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process in which some packages look as if they were not installed."""
    program = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {without!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from pulumi_cortecs.cli import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, text=True, timeout=60, check=False
    )


def test_it_says_its_version() -> None:
    shown = run("--version")
    assert (shown.returncode, shown.stdout.strip()) == (0, f"pulumi-cortecs {version('pulumi-cortecs')}")
    assert pulumi_cortecs.__version__ == version("pulumi-cortecs")


def test_without_typer_it_says_what_to_install() -> None:
    failed = run("--version", without=("typer",))
    assert failed.returncode == 1
    assert failed.stderr == "typer is missing: install pulumi-cortecs with its extras [cli,simulator]\n"


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_simulators_extra_it_says_what_to_install(missing: str) -> None:
    failed = run("simulator", "--port", "0", without=(missing,))
    assert failed.returncode == 1
    assert failed.stderr == f"Error: {missing} is missing: install pulumi-cortecs with its extras [cli,simulator]\n"


def test_what_needs_no_extra_runs_without_it() -> None:
    assert run("--version", without=("fastapi", "uvicorn", "starlette")).returncode == 0


def _commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every subcommand, below its name."""
    if not hasattr(command, "commands"):
        yield names, command
        return
    for name, inner in command.commands.items():
        yield from _commands(inner, (*names, name))


COMMANDS = dict(_commands(typer.main.get_command(cli.app)))


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_has_an_example_that_it_takes(names: tuple[str, ...]) -> None:
    command = COMMANDS[names]
    said, *words = shlex.split(command.epilog or "")
    assert (said, *words[: len(names) + 1]) == ("Example:", "pulumi-cortecs", *names)
    arguments = words[len(names) + 1 :]
    assert arguments
    with command.make_context(names[-1], arguments):
        pass
