"""`pulumi-cortecs reap`: deletes instances whose `ttl` is over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_cortecs.cli.output import count_text, make_table, print_json, print_lines
from pulumi_cortecs.cli.survey import (
    EXIT_FOUND,
    AllStacks,
    BackendUrl,
    Directory,
    Json,
    Stack,
    Survey,
    Yes,
    cli_errors,
    instance_as_json,
    labels_column,
    money_text,
    owners,
    print_outcomes,
    print_shared,
    require_terminal,
    run_for_each,
    shared_as_json,
    stack_selection,
    stacks_as_json,
    take_survey,
    timestamp,
)

if TYPE_CHECKING:
    from rich.table import Table

    from pulumi_cortecs.lifecycle.expiry import ExpiredInstance


def reap(
    stack: Stack = None,
    backend_url: BackendUrl = None,
    all_stacks: AllStacks = False,
    cwd: Directory = Path(),
    as_json: Json = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Stop and delete them, and confirm that they are gone.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Only stop them, which also ends their billing.")] = False,
    include_protected: Annotated[
        bool, typer.Option("--include-protected", help="Also those with `protect=True`.")
    ] = False,
    yes: Yes = False,
) -> None:
    """List the instances whose `expires_at` has passed in every stack that owns them, and delete them on request.

    Exit codes: 0 no expired instances (any more), 3 expired instances exist, 1 an error, or a deletion failed.
    """
    if delete and stop:
        raise typer.BadParameter("--delete and --stop: give one of them")
    if (delete or stop) and not yes:
        require_terminal(as_json)
    where = stack_selection(stack, all_stacks, backend_url, cwd)
    with cli_errors():
        survey = take_survey(where)
        expired = find_expired(survey)
    if not as_json:
        _show(expired, survey)
    left = _running(expired) if stop else list(expired)
    ready = [row for row in left if not row.skip_reason and (include_protected or not row.is_protected)]
    outcomes: Mapping[str, str] = {}
    verb = "Stop" if stop else "End"
    if (delete or stop) and ready and (yes or typer.confirm(f"{verb} {count_text(len(ready), 'instance')}?", err=True)):
        if not yes:
            with cli_errors():  # an `up` may have prolonged one before the question was answered
                still = {row.instance.instance_id: row.skip_reason for row in find_expired(take_survey(where))}
            left = [row for row in left if row.instance.instance_id in still]
            ready = [row for row in ready if still.get(row.instance.instance_id) == ""]
        outcomes = _end_instances(ready, survey, stop)
    if as_json:
        print_json(_document(expired, survey, outcomes))
    else:
        print_outcomes(outcomes, "is stopped and costs nothing" if stop else "is gone")
        if outcomes:
            _print_next_step(stop)
    if any(outcomes.values()):
        raise typer.Exit(1)
    if any(row.instance.instance_id not in outcomes for row in left):
        raise typer.Exit(EXIT_FOUND)


def find_expired(survey: Survey) -> tuple[ExpiredInstance, ...]:
    """The expired instances by the vendor's clock. Raises ExpiryError, also if that clock differs from this
    machine's."""
    from pulumi_cortecs.cortecs.client import VENDOR
    from pulumi_cortecs.lifecycle.expiry import find_expired, require_clock_agreement

    if survey.account.is_remote:
        require_clock_agreement(VENDOR, survey.account.vendor_now(), survey.account.clock.utc_now())
    return find_expired(survey.listed, survey.stacks, survey.prices, survey.vendor_now)


def _running(expired: tuple[ExpiredInstance, ...]) -> list[ExpiredInstance]:
    from pulumi_cortecs.lifecycle.cloud import Phase

    return [row for row in expired if row.instance.phase is not Phase.STOPPED]


def _end_instances(ready: list[ExpiredInstance], survey: Survey, stop: bool) -> dict[str, str]:
    from pulumi_cortecs.provider import power

    def stopped(instance_id: str) -> None:
        power.stop(survey.account, instance_id)

    act = stopped if stop else survey.account.deletion().delete
    return run_for_each([row.instance.instance_id for row in ready], act)


def _show(expired: tuple[ExpiredInstance, ...], survey: Survey) -> None:
    if expired:
        print_lines(_table(expired, survey))
    print_lines(
        f"{count_text(len(expired), 'instance')} of {len(survey.listed)} of {survey.account.fingerprint} past the ttl "
        f"in {count_text(len(survey.stacks), 'stack')}"
    )
    print_shared(survey)


def _table(expired: tuple[ExpiredInstance, ...], survey: Survey) -> Table:
    labels = labels_column(survey, [row.instance for row in expired])
    columns = ("id", "name", "stacks", "hardware", "status", "expired at", "an hour", "remarks")
    table = make_table("Instances past their ttl", *columns, *(["labels"] if labels else []))
    table.columns[0].no_wrap = True  # ids are complete, for copying
    for row in expired:
        instance = row.instance
        table.add_row(
            instance.instance_id,
            ", ".join(sorted({row.name for row in row.rows})),
            ", ".join(sorted({row.stack for row in row.rows})),
            instance.hardware_type_id or "?",
            instance.status,
            timestamp(row.expires_at),
            money_text(row.hourly),
            "; ".join((*filter(None, [row.skip_reason]), *row.remarks)),
            *([labels[instance.instance_id]] if labels else []),
        )
    return table


def _print_next_step(stop: bool) -> None:
    if stop:
        print_lines(
            "`pulumi refresh` shows them stopped. As long as a program wants them running, `pulumi up` starts them."
        )
    else:
        print_lines(
            "`pulumi refresh` shows them gone. As long as a program has them, `pulumi up --refresh` buys new ones."
        )


def _document(expired: tuple[ExpiredInstance, ...], survey: Survey, outcomes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "account": survey.account.fingerprint,
        "checked_at": timestamp(survey.vendor_now),
        "instances": len(survey.listed),
        "stacks": stacks_as_json(survey.stacks),
        "expired": [_row(row, survey, outcomes) for row in expired],
        "shared": shared_as_json(survey),
    }


def _row(row: ExpiredInstance, survey: Survey, outcomes: Mapping[str, str]) -> dict[str, Any]:
    instance_id = row.instance.instance_id
    return {
        **instance_as_json(row.instance, survey),
        "expires_at": timestamp(row.expires_at),
        "hourly": None if row.hourly is None else row.hourly.decimal_string(),
        "currency": None if row.hourly is None else row.hourly.currency,
        "owners": owners(row.rows),
        "held_back": row.skip_reason or None,
        "remarks": list(row.remarks),
        "ended": None if instance_id not in outcomes else not outcomes[instance_id],
        "error": outcomes.get(instance_id) or None,
    }
