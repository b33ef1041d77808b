"""`pulumi-cortecs review`: what a change costs, destroys and violates, for a person and for a machine that stops it."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pulumi_cortecs.cli.new import PACK
from pulumi_cortecs.cli.output import exit_failed, print_error
from pulumi_cortecs.cost.pricelist import LOCK_FILE

if TYPE_CHECKING:
    from pulumi_cortecs.review.events import Preview
    from pulumi_cortecs.review.report import ReviewReport
    from pulumi_cortecs.review.run import PreviewCommand

_HERE: Final = Path()
_NO_PACK: Final = "No policy pack has judged this: give one as --policy-pack"


class Format(str, Enum):
    """The formats of a review."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"
    SARIF = "sarif"


def review(
    stack: Annotated[str, typer.Option(help="The stack.", show_default="the selected one")] = "",
    cwd: Annotated[Path, typer.Option("--cwd", file_okay=False, exists=True, help="The project's folder.")] = _HERE,
    policy_pack: Annotated[
        list[Path],
        typer.Option(
            "--policy-pack",
            exists=True,
            help="A policy pack; once for each.",
            show_default="policy/guard, if it exists",
        ),
    ] = [],  # noqa: B006 - typer copies it
    policy_pack_config: Annotated[
        list[Path],
        typer.Option("--policy-pack-config", exists=True, dir_okay=False, help="The packs' limits, in their order."),
    ] = [],  # noqa: B006
    events: Annotated[
        list[Path],
        typer.Option("--events", exists=True, dir_okay=False, help="Recorded events, instead of a preview."),
    ] = [],  # noqa: B006
    artifact: Annotated[
        Path | None, typer.Option("--artifact", dir_okay=False, help="Events that a fork's job recorded, as a zip.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="REF", help="Compare code with code, from where it branched off.")
    ] = "",
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="The pinned prices.", show_default=f"beside the pack, else in policy/guard, else {LOCK_FILE}"
        ),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="The format of the report.")] = Format.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", dir_okay=False, help="The file to write.", show_default="stdout")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", dir_okay=False, help="A file for the events, for --events.")
    ] = None,
    comment: Annotated[
        bool, typer.Option("--comment", help="Write it into the comment of this CI job's pull request.")
    ] = False,
    note: Annotated[list[str], typer.Option("--note", help="A sentence for the report; once for each.")] = [],  # noqa: B006
    refresh: Annotated[bool, typer.Option("--refresh", help="Read the resources first, and show the drift.")] = False,
    max_increase: Annotated[
        list[str], typer.Option(metavar="AMOUNT", help="'5.00 EUR/h' or '500 EUR/month' more; once for each currency.")
    ] = [],  # noqa: B006
    max_increase_percent: Annotated[str | None, typer.Option(metavar="NUMBER", help="So many percent more.")] = None,
    max_hourly: Annotated[
        list[str], typer.Option(metavar="AMOUNT", help="'5.00 EUR' an hour in all; once for each currency.")
    ] = [],  # noqa: B006
    max_monthly: Annotated[
        list[str], typer.Option(metavar="AMOUNT", help="'500 EUR' a month in all; once for each currency.")
    ] = [],  # noqa: B006
    hours_per_month: Annotated[int, typer.Option(min=1, max=744, help="The hours of a month.")] = 730,
) -> None:
    """Preview a change, and report what it costs, what it destroys, and whether it is allowed.

    Prices are those of the pinned catalogue, and cost limits (--max-...) are on the highest cost of what scales. A
    limit that cannot be checked counts as exceeded.

    Exit codes: 0 allowed, 1 it cannot tell, 2 usage, 5 a mandatory violation, 6 a cost limit; of several the first.
    """
    from pulumi_cortecs.policy.pinned import load_pinned
    from pulumi_cortecs.review.compose import make_report
    from pulumi_cortecs.review.gates import GateError, read_gates
    from pulumi_cortecs.review.locations import repository_root
    from pulumi_cortecs.review.recording import to_events
    from pulumi_cortecs.review.run import PreviewCommand
    from pulumi_cortecs.review.two_sides import SidesError
    from pulumi_cortecs.stacks.command import StacksError, pulumi

    if len(policy_pack_config) > len(policy_pack):
        raise typer.BadParameter("--policy-pack-config: more than there are packs")
    if events and artifact:
        raise typer.BadParameter("--artifact: without --events")
    if (events or artifact) and (policy_pack or stack or refresh or base or record):
        recorded, options = (
            "--events" if events else "--artifact",
            "--stack, --policy-pack, --refresh, --base, --record",
        )
        raise typer.BadParameter(f"{recorded}: without {options}, which are for a preview")
    if base and (refresh or not stack):
        raise typer.BadParameter("--base: with --stack, and without --refresh: it compares code with code")
    try:
        gates = read_gates(max_increase, max_increase_percent, max_hourly, max_monthly)
    except GateError as error:
        raise typer.BadParameter(str(error)) from None
    if not (policy_pack or events or artifact):
        policy_pack, policy_pack_config = _pack_of(cwd)
        note = note if policy_pack else [*note, _NO_PACK]
    catalogue = catalogue or _catalogue_of(policy_pack, cwd)
    prices = load_pinned(_HERE, str(catalogue))
    if prices.catalogue is None:
        raise typer.BadParameter(f"--catalogue: {prices.problem}")
    try:
        if events:
            previews = [_recorded(path) for path in events]
        elif artifact:
            previews, note = [_from_fork(artifact)], [*note, _fork_note()]
        else:
            command = PreviewCommand(
                pulumi(cwd).executable, cwd, stack, policy_pack, policy_pack_config, refresh=refresh
            )
            previews, note = [_previewed(command, base)], [*note, *_base_note(base)]
    except (OSError, StacksError, SidesError) as error:
        raise exit_failed(error) from None
    report = make_report(
        previews,
        prices,
        catalogue_name=catalogue.name,
        gates=gates,
        hours_per_month=hours_per_month,
        command=shlex.join(["pulumi-cortecs", *sys.argv[1:]]),
        notes=tuple(note),
        repository=repository_root(cwd),
    )
    if record is not None:
        _write(to_events(previews[0]), record)
    _write(_formatter(output_format, cwd)(report), out)
    if comment:
        _comment(report, cwd, stack)
    # what a fork's job says decides nothing here
    raise typer.Exit(0 if artifact else report.exit_code)


def _pack_of(cwd: Path) -> tuple[list[Path], list[Path]]:
    """The pack of the project that `pulumi-cortecs new` has written, and its limits."""
    pack, limits = cwd / PACK / "run", cwd / PACK / "limits.json"
    return ([pack], [limits]) if pack.exists() and limits.exists() else ([], [])


def _catalogue_of(packs: Sequence[Path], cwd: Path) -> Path:
    """The catalogue that the packs judge by; without packs that of the project's own, else that of this folder."""
    beside = [pack if pack.is_dir() else pack.parent for pack in packs] or [cwd / PACK]
    places = [folder / LOCK_FILE for folder in (*beside, _HERE)]
    return next((place for place in places if place.exists()), places[0] if packs else places[-1])


def _recorded(path: Path) -> Preview:
    from pulumi_cortecs.review.events import read_preview

    with path.open("rb") as stream:
        return read_preview(stream)


def _from_fork(artifact: Path) -> Preview:
    from pulumi_cortecs.review.artifact import ArtifactError, read_artifact
    from pulumi_cortecs.review.events import Preview, read_preview

    try:
        return read_preview(io.BytesIO(read_artifact(artifact)))
    except ArtifactError as error:
        return Preview(problems=(str(error),))


def _fork_note() -> str:
    from pulumi_cortecs.review.posting import FORK_NOTE

    return FORK_NOTE


def _previewed(command: PreviewCommand, base: str) -> Preview:
    if not base:
        return command.run()
    from pulumi_cortecs.review.code_changes import preview_code

    return preview_code(command, base, os.environ)


def _base_note(base: str) -> list[str]:
    if not base:
        return []
    from pulumi_cortecs.review.code_changes import NOTE

    return [NOTE]


def _comment(report: ReviewReport, cwd: Path, stack: str) -> None:
    from pulumi_cortecs.review.markdown import as_markdown
    from pulumi_cortecs.review.posting import post_report
    from pulumi_cortecs.review.two_sides import project_name

    unnamed = f"{project_name(cwd)}/{stack.rpartition('/')[2]}"
    print_error(post_report(report, as_markdown(report), unnamed, os.environ))


def _formatter(output_format: Format, cwd: Path) -> Callable[[ReviewReport], str]:
    from pulumi_cortecs.review import html, json_format, markdown, text
    from pulumi_cortecs.review.locations import repository_root
    from pulumi_cortecs.review.sarif import to_sarif

    project_file = (cwd.resolve() / "Pulumi.yaml").relative_to(repository_root(cwd))
    formatters: dict[Format, Callable[[ReviewReport], str]] = {
        Format.TEXT: text.as_text,
        Format.MARKDOWN: markdown.as_markdown,
        Format.JSON: json_format.as_json,
        Format.HTML: html.as_html,
        Format.SARIF: partial(to_sarif, project_file=project_file.as_posix()),
    }
    return formatters[output_format]


def _write(report: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(report.encode())
        sys.stdout.flush()
        return
    try:
        out.write_text(report, encoding="utf-8")
    except OSError as error:
        raise exit_failed(error) from None
