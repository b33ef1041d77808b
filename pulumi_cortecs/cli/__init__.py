"""The `pulumi-cortecs` command. Each subcommand imports its modules when it runs, so it needs its own extra only."""

from __future__ import annotations

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
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(policy.app, name="policy")
app.command("new")(new.new)
app.command("doctor")(doctor.doctor)
app.command("offers")(offers.offers)
app.command("orphans")(orphans.orphans)
app.command("reap")(reap.reap)
app.command("review")(review.review)
app.command("import-file")(import_file.import_file)
app.command("simulator")(simulator.simulator)


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
    pass
