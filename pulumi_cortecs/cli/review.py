"""`pulumi-cortecs review`: what a change costs, destroys and violates, for a person and for a machine that stops it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pulumi_cortecs.cli.output import exit_failed
from pulumi_cortecs.cost.pricelist import LOCK_FILE

if TYPE_CHECKING:
    from pulumi_cortecs.review.events import Preview
    from pulumi_cortecs.review.report import ReviewReport

_HERE: Final = Path()
_LOCK: Final = Path(LOCK_FILE)


class Format(str, Enum):
    """The formats of a review."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


def review(
    stack: Annotated[str, typer.Option(help="The stack.", show_default="the selected one")] = "",
    cwd: Annotated[Path, typer.Option("--cwd", file_okay=False, exists=True, help="The project's folder.")] = _HERE,
    policy_pack: Annotated[
        list[Path], typer.Option("--policy-pack", exists=True, help="A policy pack; once for each.")
    ] = [],  # noqa: B006 - typer copies it
    policy_pack_config: Annotated[
        list[Path],
        typer.Option("--policy-pack-config", exists=True, dir_okay=False, help="The packs' limits, in their order."),
    ] = [],  # noqa: B006
    events: Annotated[
        list[Path],
        typer.Option("--events", exists=True, dir_okay=False, help="Recorded events, instead of a preview."),
    ] = [],  # noqa: B006
    catalogue: Annotated[Path, typer.Option(help="The pinned prices.")] = _LOCK,
    output_format: Annotated[Format, typer.Option("--format", help="The format of the report.")] = Format.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", dir_okay=False, help="The file to write.", show_default="stdout")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read the resources first, and show the drift.")] = False,
    max_increase: Annotated[
        list[str], typer.Option(metavar="AMOUNT", help="5.00EUR/h or 500EUR/month more; once for each currency.")
    ] = [],  # noqa: B006
    max_increase_percent: Annotated[str | None, typer.Option(metavar="NUMBER", help="So many percent more.")] = None,
    max_hourly: Annotated[
        list[str], typer.Option(metavar="AMOUNT", help="5.00EUR an hour in all; once for each currency.")
    ] = [],  # noqa: B006
    max_monthly: Annotated[
        list[str], typer.Option(metavar="AMOUNT", help="500EUR a month in all; once for each currency.")
    ] = [],  # noqa: B006
    hours_per_month: Annotated[int, typer.Option(min=1, max=744, help="The hours of a month.")] = 730,
) -> None:
    """Preview a change, and report what it costs, what it destroys, and whether it is allowed.

    Prices are those of the pinned catalogue, and gates limit the highest cost of what scales. A gate that cannot be
    computed fails.

    Exit codes, the lowest that applies: 0; 1 it cannot tell; 2 usage; 5 a mandatory violation; 6 a gate.
    """
    from pulumi_cortecs.policy.pinned import load_pinned
    from pulumi_cortecs.review.compose import make_report
    from pulumi_cortecs.review.gates import GateError, read_gates
    from pulumi_cortecs.review.run import PreviewCommand
    from pulumi_cortecs.stacks.command import StacksError, pulumi

    if len(policy_pack_config) > len(policy_pack):
        raise typer.BadParameter("--policy-pack-config: more than there are packs")
    if events and (policy_pack or stack or refresh):
        raise typer.BadParameter("--events: without --stack, --policy-pack and --refresh, which are for a preview")
    try:
        gates = read_gates(max_increase, max_increase_percent, max_hourly, max_monthly)
    except GateError as error:
        raise typer.BadParameter(str(error)) from None
    prices = load_pinned(_HERE, str(catalogue))
    if prices.catalogue is None:
        raise typer.BadParameter(f"--catalogue: {prices.problem}")
    try:
        if events:
            previews = [_recorded(path) for path in events]
        else:
            command = PreviewCommand(
                pulumi(cwd).executable, cwd, stack, policy_pack, policy_pack_config, refresh=refresh
            )
            previews = [command.run()]
    except (OSError, StacksError) as error:
        raise exit_failed(error) from None
    report = make_report(
        previews,
        prices,
        catalogue_name=catalogue.name,
        gates=gates,
        hours_per_month=hours_per_month,
        command=shlex.join(["pulumi-cortecs", *sys.argv[1:]]),
    )
    _write(_formatter(output_format)(report), out)
    raise typer.Exit(report.exit_code)


def _recorded(path: Path) -> Preview:
    from pulumi_cortecs.review.events import read_preview

    with path.open("rb") as stream:
        return read_preview(stream)


def _formatter(output_format: Format) -> Callable[[ReviewReport], str]:
    from pulumi_cortecs.review import html, json_format, markdown, text

    return {
        Format.TEXT: text.as_text,
        Format.MARKDOWN: markdown.as_markdown,
        Format.JSON: json_format.as_json,
        Format.HTML: html.as_html,
    }[output_format]


def _write(report: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(report.encode())
        sys.stdout.flush()
        return
    try:
        out.write_text(report, encoding="utf-8")
    except OSError as error:
        raise exit_failed(error) from None
