"""`pulumi-cortecs doctor`: what a `pulumi up` on this machine would miss, with a next step for each."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pulumi_cortecs.cli.output import print_json, print_lines


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False) -> None:
    """Check this machine and the project in this folder: a line for each thing, with the next step if it is not ok.

    No credential is printed. Exit codes: 0, or 1 if something that is needed is missing.
    """
    from pulumi_cortecs.cli.doctor_checks import all_checks
    from pulumi_cortecs.cli.doctor_result import Status
    from pulumi_cortecs.provider.host import silence_retry_log

    silence_retry_log()
    checks = all_checks(os.environ, Path.cwd())
    if as_json:
        print_json({"checks": [{**asdict(check), "status": check.status.value} for check in checks]})
    else:
        print_lines(*(check.line for check in checks))
    if any(check.status is Status.MISSING for check in checks):
        raise typer.Exit(1)
