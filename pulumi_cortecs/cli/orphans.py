"""`pulumi-cortecs orphans`: the instances of the account that no stack owns, their cost, and their deletion or
adoption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_cortecs.cli.output import count_text, exit_failed, make_table, print_error, print_json, print_lines
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
    environment_account,
    instance_as_json,
    labels_column,
    money_text,
    open_journal,
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

    from pulumi_cortecs.lifecycle.orphans import Orphan


def orphans(
    instance_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Only these, with --delete, --adopt or --keep.")
    ] = None,
    stack: Stack = None,
    backend_url: BackendUrl = None,
    all_stacks: AllStacks = False,
    cwd: Directory = Path(),
    as_json: Json = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Stop and delete them, and confirm that they are gone.")
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Print the lines with which a program adopts them.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Exclude them from recovery on this machine. Reads no stack.")
    ] = False,
    include_young: Annotated[
        bool, typer.Option("--include-young", help="Also delete instances that an `up` may be about to own.")
    ] = False,
    yes: Yes = False,
) -> None:
    """List the instances of the account that none of the stacks owns. The account is that of the environment.

    Exit codes: 0 no orphans (any more), 3 orphans exist, 1 an error, or a deletion failed.
    """
    if delete + adopt + keep > 1:
        raise typer.BadParameter("--delete, --adopt and --keep: give one of them")
    if instance_ids and not (delete or adopt or keep):
        raise typer.BadParameter("ids go with --delete, --adopt or --keep")
    if keep and not instance_ids:
        raise typer.BadParameter("--keep needs the ids of the instances to keep")
    if delete and not yes:
        require_terminal(as_json)
    where = stack_selection(stack, all_stacks, backend_url, cwd)
    if keep:
        _keep(list(dict.fromkeys(instance_ids or [])), as_json)
        return
    with cli_errors():
        survey = take_survey(where)
    all_orphans = _find_orphans(survey)
    chosen = _choose(all_orphans, instance_ids)
    if not as_json:
        _show(all_orphans, survey)
    outcomes: Mapping[str, str] = {}
    if delete and (ready := _without_held_back(chosen, include_young)):
        if yes:
            outcomes = _end_instances(ready, survey)
        elif typer.confirm(f"Delete {count_text(len(ready), 'instance')} for good?", err=True):
            with cli_errors():  # an `up` may have taken one over before the question was answered
                survey_now = take_survey(where)
            asked_for = {orphan.instance.instance_id for orphan in chosen}
            chosen = [orphan for orphan in _find_orphans(survey_now) if orphan.instance.instance_id in asked_for]
            agreed_to = {orphan.instance.instance_id for orphan in ready}
            still = [orphan for orphan in chosen if orphan.instance.instance_id in agreed_to]
            outcomes = _end_instances(_without_held_back(still, include_young), survey_now)
    if as_json:
        print_json(_document(all_orphans, survey, outcomes, chosen if adopt else []))
    else:
        print_outcomes(outcomes, "is gone")
        if adopt:
            _print_adoption(chosen)
    if any(outcomes.values()):
        raise typer.Exit(1)
    if any(orphan.instance.instance_id not in outcomes for orphan in (chosen if delete else all_orphans)):
        raise typer.Exit(EXIT_FOUND)
    if survey.shared and not (delete and instance_ids):
        raise typer.Exit(EXIT_FOUND)


def _keep(instance_ids: list[str], as_json: bool) -> None:
    """Forget the orders that bought these instances: all of them, or none if one instance is missing."""
    from pulumi_cortecs.lifecycle.journal import JournalError

    with cli_errors():
        account = environment_account()
        missing = [instance_id for instance_id in instance_ids if account.find(instance_id) is None]
    if missing:
        raise exit_failed(f"{', '.join(missing)}: no such Cortecs instance in this account, so nothing was done")
    journal = open_journal()
    try:
        for instance_id in instance_ids:
            journal.mark_kept(instance_id)
    except JournalError as error:
        raise exit_failed(error) from None
    if as_json:
        print_json({"account": account.fingerprint, "kept": instance_ids})
    else:
        for instance_id in instance_ids:
            print_lines(f"{instance_id} is kept: no run on this machine takes it over, or asks about it, any more")


def _without_held_back(chosen: list[Orphan], include_young: bool) -> list[Orphan]:
    return [orphan for orphan in chosen if include_young or not orphan.skip_reason]


def _end_instances(ready: list[Orphan], survey: Survey) -> dict[str, str]:
    from pulumi_cortecs.lifecycle.journal import JournalError

    outcomes = run_for_each([orphan.instance.instance_id for orphan in ready], survey.account.deletion().delete)
    journal = open_journal()
    for instance_id in (instance_id for instance_id, error in outcomes.items() if not error):
        try:
            journal.forget(instance_id)
        except JournalError as error:
            print_error(f"Warning: {error}: the journal still has {instance_id}, which is gone")
    return outcomes


def _find_orphans(survey: Survey) -> tuple[Orphan, ...]:
    from pulumi_cortecs.lifecycle.orphans import find_orphans

    remarks, awaited = _journal_remarks()
    return find_orphans(survey.listed, survey.stacks, survey.prices, survey.vendor_now, remarks, awaited)


def _journal_remarks() -> tuple[dict[str, list[str]], set[str]]:
    """The purchases of the journal that no engine has confirmed: remarks by instance id, and the ids that a live
    process is about to own."""
    from pulumi_cortecs.lifecycle.journal import JournalError

    journal = open_journal()
    try:
        orders = {order.instance_id: order for order in journal.open_orders() if order.instance_id is not None}
    except JournalError as error:
        print_error(f"Warning: {error}: the purchases in the journal of this machine are not shown")
        return {}, set()
    awaited = {instance_id for instance_id, order in orders.items() if journal.is_sender_alive(order)}
    remarks = {}
    for instance_id, order in orders.items():
        by = "by a run that goes on" if instance_id in awaited else "by a run that was ended"
        remarks[instance_id] = [f"bought here for {order.key.urn.rpartition('::')[2]} {by}"]
    return remarks, awaited


def _choose(all_orphans: tuple[Orphan, ...], instance_ids: list[str] | None) -> list[Orphan]:
    if not instance_ids:
        return list(all_orphans)
    by_id = {orphan.instance.instance_id: orphan for orphan in all_orphans}
    if unknown := [instance_id for instance_id in instance_ids if instance_id not in by_id]:
        raise exit_failed(f"not among the orphans, so nothing was done: {', '.join(unknown)}")
    return [by_id[instance_id] for instance_id in dict.fromkeys(instance_ids)]


def _show(all_orphans: tuple[Orphan, ...], survey: Survey) -> None:
    if all_orphans:
        print_lines(_table(all_orphans, survey))
    costs = _total(all_orphans)
    print_lines(
        f"{count_text(len(all_orphans), 'orphan')} among {count_text(len(survey.listed), 'instance')} of "
        f"{survey.account.fingerprint}, compared with {count_text(len(survey.stacks), 'stack')}{costs}"
    )
    if held_back := sum(bool(orphan.skip_reason) for orphan in all_orphans):
        print_lines(
            f"{held_back} of them held back (young, awaited, or a locked stack's): --delete needs --include-young"
        )
    for stack in survey.stacks:
        for purchase in stack.pending:
            print_lines(f"{stack.name}: the creation of {purchase.name} never ended; it goes on, or was killed")
    print_shared(survey)


def _table(all_orphans: tuple[Orphan, ...], survey: Survey) -> Table:
    from pulumi_cortecs.lifecycle.times import format_duration

    labels = labels_column(survey, [orphan.instance for orphan in all_orphans])
    columns = ("id", "model", "hardware", "workers", "status", "age", "an hour", "so far", "remarks")
    table = make_table("Instances that no stack owns", *columns, *(["labels"] if labels else []))
    table.columns[0].no_wrap = True  # ids are complete, for copying
    for orphan in all_orphans:
        instance, age = orphan.instance, orphan.instance.age(survey.vendor_now)
        table.add_row(
            instance.instance_id,
            str(instance.arguments.get("model_id", "?")),
            instance.hardware_type_id or "?",
            str(instance.num_workers or "?"),
            instance.status,
            "unknown" if age is None else format_duration(age.total_seconds()),
            money_text(orphan.hourly),
            money_text(orphan.cost_so_far),
            "; ".join((*filter(None, [orphan.skip_reason]), *orphan.remarks)),
            *([labels[instance.instance_id]] if labels else []),
        )
    return table


def _total(all_orphans: tuple[Orphan, ...]) -> str:
    from pulumi_cortecs.lifecycle.listed_instance import sum_by_currency

    hourly = sum_by_currency(orphan.hourly for orphan in all_orphans)
    so_far = sum_by_currency(orphan.cost_so_far for orphan in all_orphans)
    parts = [f"{hourly[currency]} an hour, {so_far.get(currency, '?')} so far" for currency in hourly]
    unpriced = sum(orphan.hourly is None for orphan in all_orphans)
    if unpriced:
        parts.append(f"{unpriced} of unknown price")
    return "".join(f"; {part}" for part in parts)


def _print_adoption(chosen: list[Orphan]) -> None:
    from pulumi_cortecs.stacks.import_file import IMPORT

    if chosen:
        ids = " ".join(orphan.instance.instance_id for orphan in chosen)
        print_lines("Put into a program and run `pulumi up`, which buys nothing:", "")
        typer.echo(IMPORT + "\n" + "\n".join(_lines(chosen).values()))
        print_lines(f"Or take over by import: pulumi-cortecs import-file {ids}")


def _lines(chosen: list[Orphan]) -> dict[str, str]:
    """The lines for a program, by instance id."""
    from pulumi_cortecs.lifecycle.cloud import Phase
    from pulumi_cortecs.stacks.import_file import constructor, names_for_models

    names = names_for_models([str(orphan.instance.arguments.get("model_id", "")) for orphan in chosen])
    lines = {}
    for name, orphan in zip(names, chosen, strict=True):
        instance = orphan.instance
        state = "stopped" if instance.phase is Phase.STOPPED else "running"
        arguments = {**instance.arguments, "state": state}
        lines[instance.instance_id] = constructor(name, arguments, adopt_id=instance.instance_id)
    return lines


def _document(
    all_orphans: tuple[Orphan, ...], survey: Survey, outcomes: Mapping[str, str], adopted: list[Orphan]
) -> dict[str, Any]:
    from pulumi_cortecs.lifecycle.listed_instance import sum_by_currency

    lines = _lines(adopted)
    hourly = sum_by_currency(orphan.hourly for orphan in all_orphans)
    so_far = sum_by_currency(orphan.cost_so_far for orphan in all_orphans)
    return {
        "account": survey.account.fingerprint,
        "checked_at": timestamp(survey.vendor_now),
        "instances": len(survey.listed),
        "stacks": stacks_as_json(survey.stacks),
        "orphans": [_row(orphan, survey, outcomes, lines) for orphan in all_orphans],
        "shared": shared_as_json(survey),
        "total": [
            {
                "currency": currency,
                "hourly": hourly[currency].decimal_string(),
                "so_far": so_far[currency].decimal_string() if currency in so_far else None,
            }
            for currency in hourly
        ],
        "unpriced": sum(orphan.hourly is None for orphan in all_orphans),
    }


def _row(orphan: Orphan, survey: Survey, outcomes: Mapping[str, str], lines: Mapping[str, str]) -> dict[str, Any]:
    instance_id, age = orphan.instance.instance_id, orphan.instance.age(survey.vendor_now)
    row = {
        **instance_as_json(orphan.instance, survey),
        "age_seconds": None if age is None else int(age.total_seconds()),
        "hourly": None if orphan.hourly is None else orphan.hourly.decimal_string(),
        "so_far": None if orphan.cost_so_far is None else orphan.cost_so_far.decimal_string(),
        "currency": None if orphan.hourly is None else orphan.hourly.currency,
        "held_back": orphan.skip_reason or None,
        "remarks": list(orphan.remarks),
        "gone": None if instance_id not in outcomes else not outcomes[instance_id],
        "error": outcomes.get(instance_id) or None,
    }
    return {**row, "program": lines[instance_id]} if instance_id in lines else row
