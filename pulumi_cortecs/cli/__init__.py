"""The `pulumi-cortecs` command. Each subcommand imports its modules when it runs, so it needs its own extra only."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Annotated

try:
    import typer
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing.name} is missing: install pulumi-cortecs with its extras [cli,simulator]") from None

from pulumi_cortecs.cli import catalogue, doctor, import_file, new, offers, orphans, policy, reap, review, simulator

app = typer.Typer(
    name="pulumi-cortecs",
    help="Rented LLM inference as reviewable infrastructure.",
    epilog="Example: pulumi-cortecs offers --cloud cortecs",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(policy.app, name="policy")
app.command("new", epilog="Example: pulumi-cortecs new serving --cloud gcore")(new.new)
app.command("doctor", epilog="Example: pulumi-cortecs doctor --json")(doctor.doctor)
app.command("offers", epilog="Example: pulumi-cortecs offers --gpu H100 --available")(offers.offers)
app.command("orphans", epilog="Example: pulumi-cortecs orphans --all-stacks --delete ID")(orphans.orphans)
app.command("reap", epilog="Example: pulumi-cortecs reap --stack dev --delete --yes")(reap.reap)
app.command("review", epilog="Example: pulumi-cortecs review --stack dev --max-increase '5.00 EUR/h'")(review.review)
app.command("import-file", epilog="Example: pulumi-cortecs import-file ID --name chat")(import_file.import_file)
app.command("simulator", epilog="Example: pulumi-cortecs simulator --port 8800 --speed 60")(simulator.simulator)


def main() -> None:
    """The console script."""
    app()


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pulumi-cortecs {version('pulumi-cortecs')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    logging.getLogger("stamina").setLevel(logging.ERROR)  # a line for each retry, of which the error says the outcome
