"""`pulumi-cortecs simulator`: serves the simulated clouds on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pulumi_cortecs.cli.output import exit_failed


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 3000,
    state: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Keep the state in this file, and continue from it, even after a kill -9."),
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Virtual seconds per real second.", show_default="1, or as in --state")
    ] = None,
    boot: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1e9,
            help="Virtual seconds from the start of an instance to running.",
            show_default="30, or as in --state",
        ),
    ] = None,
    token_ttl: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1e9,
            help="Real seconds for which an access token is valid.",
            show_default="3600, or as in --state",
        ),
    ] = None,
    port_file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the port here once the simulator listens.")
    ] = None,
    parent_pid: Annotated[
        int | None, typer.Option(min=1, help="Exit when this process is gone, so that no simulator is left behind.")
    ] = None,
    print_env: Annotated[
        bool, typer.Option("--print-env", help="Print the export lines for a shell and exit.")
    ] = False,
    tls_proxy: Annotated[
        bool,
        typer.Option(
            "--tls-proxy", help="Also proxy clients whose https URL cannot be changed; prints the variables for them."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No log line per request.")] = False,
) -> None:
    """Serve the simulated Cortecs, Shadeform and Gcore on 127.0.0.1, for free. Stop it with Ctrl-C.

    In another shell, for the addresses and credentials: eval "$(pulumi-cortecs simulator --print-env)"
    """
    try:
        from pulumi_cortecs.simulator import StateError, process
    except ModuleNotFoundError as missing:
        raise _extra_missing(missing) from None
    if print_env:
        if port == 0:
            raise typer.BadParameter("--print-env needs the simulator's port: use --port")
        typer.echo(process.exports(port, os.environ))
        return
    if speed is not None and not 0 < speed <= 1e6:
        raise typer.BadParameter(f"--speed: got {speed:g}; must be more than 0 and at most 1000000")
    try:
        process.serve(
            port=port,
            speed=speed,
            boot=boot,
            token_ttl=token_ttl,
            state=state,
            port_file=port_file,
            parent_pid=parent_pid,
            quiet=quiet,
            tls_proxy=tls_proxy,
        )
    except ModuleNotFoundError as missing:
        raise _extra_missing(missing) from None
    except (process.PortTakenError, StateError, OSError) as failure:
        raise exit_failed(str(failure)) from None


def _extra_missing(missing: ModuleNotFoundError) -> typer.Exit:
    return exit_failed(f"{missing.name} is missing: install pulumi-cortecs with its extras [cli,simulator]")
