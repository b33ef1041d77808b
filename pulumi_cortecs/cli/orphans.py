"""`pulumi-cortecs orphans`: what the account runs and no stack owns, what it costs, and how to end or adopt it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_cortecs.cli.printing import count, failed, new_table, tell, tell_aside, tell_json
from pulumi_cortecs.cli.survey import (
    FOUND,
    AllStacks,
    BackendUrl,
    Directory,
    Json,
    Stack,
    Survey,
    Yes,
    described,
    done_to_each,
    in_figures,
    instance_as_json,
    places,
    shared_as_json,
    somebody_can_be_asked,
    surveyed,
    tell_outcomes,
    tell_shared,
    telling,
    the_account,
    timestamp,
)

if TYPE_CHECKING:
    from rich.table import Table

    from pulumi_cortecs.lifecycle.journal import Journal
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
        bool, typer.Option("--delete", help="End them: stop, delete, and see that they are gone.")
    ] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Print the lines that make a program own them.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Forget which order of this machine bought them. Reads no stack.")
    ] = False,
    include_young: Annotated[
        bool, typer.Option("--include-young", help="End also what an `up` may be about to own.")
    ] = False,
    yes: Yes = False,
) -> None:
    """List what the account runs and none of the stacks owns. The account is that of the environment.

    Exit codes: 0 there is none (any more), 3 there is some, 1 it cannot be told, or something could not be ended.
    """
    if delete + adopt + keep > 1:
        raise typer.BadParameter("--delete, --adopt and --keep: give one of them")
    if instance_ids and not (delete or adopt or keep):
        raise typer.BadParameter("ids go with --delete, --adopt or --keep")
    if keep and not instance_ids:
        raise typer.BadParameter("--keep needs the ids of what is kept")
    if delete and not yes:
        somebody_can_be_asked(as_json)
    where = places(stack, all_stacks, backend_url, cwd)
    if keep:
        _keep(list(dict.fromkeys(instance_ids or [])), as_json)
        return
    with telling():
        survey = surveyed(where)
    found = _found(survey)
    chosen = _chosen(found, instance_ids)
    if not as_json:
        _show(found, survey)
    outcomes: Mapping[str, str] = {}
    if delete and (ready := _not_held_back(chosen, include_young)):
        if yes:
            outcomes = _ended(ready, survey)
        elif typer.confirm(f"End {count(len(ready), 'instance')} for good?", err=True):
            with telling():  # while somebody was asked, an `up` may have taken one over
                survey_now = surveyed(where)
            asked_for = {each.instance.instance_id for each in chosen}
            chosen = [each for each in _found(survey_now) if each.instance.instance_id in asked_for]
            agreed_to = {each.instance.instance_id for each in ready}
            still = [each for each in chosen if each.instance.instance_id in agreed_to]
            outcomes = _ended(_not_held_back(still, include_young), survey_now)
    if as_json:
        tell_json(_document(found, survey, outcomes, chosen if adopt else []))
    else:
        tell_outcomes(outcomes, "is gone")
        if adopt:
            _tell_how_to_adopt(chosen)
    if any(outcomes.values()):
        raise typer.Exit(1)
    if any(each.instance.instance_id not in outcomes for each in (chosen if delete else found)):
        raise typer.Exit(FOUND)
    if survey.shared and not (delete and instance_ids):
        raise typer.Exit(FOUND)


def _keep(instance_ids: list[str], as_json: bool) -> None:
    """Forgets the orders that bought what the account has: all of them, or, where one is not there, none."""
    from pulumi_cortecs.lifecycle.journal import JournalError

    with telling():
        account = the_account()
        missing = [each for each in instance_ids if account.find(each) is None]
    if missing:
        raise failed(f"there is no Cortecs instance {', '.join(missing)} in this account, so nothing was done")
    journal = _journal()
    try:
        for instance_id in instance_ids:
            journal.keep(instance_id)
    except JournalError as error:
        raise failed(error) from None
    if as_json:
        tell_json({"account": account.fingerprint, "kept": instance_ids})
    else:
        for instance_id in instance_ids:
            tell(f"{instance_id} is kept: no run on this machine takes it over, or asks about it, any more")


def _not_held_back(chosen: list[Orphan], include_young: bool) -> list[Orphan]:
    return [each for each in chosen if include_young or not each.held_back]


def _ended(ready: list[Orphan], survey: Survey) -> dict[str, str]:
    from pulumi_cortecs.lifecycle.journal import JournalError

    outcomes = done_to_each([each.instance.instance_id for each in ready], survey.account.deletion().end)
    journal = _journal()
    for instance_id in (each for each, error in outcomes.items() if not error):
        try:
            journal.forget(instance_id)
        except JournalError as error:
            tell_aside(f"Warning: {error}: that {instance_id} is gone is not noted")
    return outcomes


def _found(survey: Survey) -> tuple[Orphan, ...]:
    from pulumi_cortecs.lifecycle.orphans import orphans

    remarks, awaited = _noted()
    return orphans(survey.listed, survey.stacks, survey.prices, survey.vendor_now, remarks, awaited)


def _noted() -> tuple[dict[str, list[str]], set[str]]:
    """What this machine's journal says of purchases that no engine has confirmed: remarks by instance id, and the ids
    that a process which still lives is about to own."""
    from pulumi_cortecs.lifecycle.journal import JournalError

    journal = _journal()
    try:
        orders = {each.instance_id: each for each in journal.open_orders() if each.instance_id is not None}
    except JournalError as error:
        tell_aside(f"Warning: {error}: what this machine has noted of purchases is not shown")
        return {}, set()
    awaited = {instance_id for instance_id, order in orders.items() if journal.lives(order)}
    remarks = {}
    for instance_id, order in orders.items():
        by = "by a run that goes on" if instance_id in awaited else "by a run that was ended"
        remarks[instance_id] = [f"bought here for {order.key.urn.rpartition('::')[2]} {by}"]
    return remarks, awaited


def _journal() -> Journal:
    from pulumi_cortecs.lifecycle.journal import Journal, journal_directory

    return Journal(journal_directory(os.environ))


def _chosen(found: tuple[Orphan, ...], instance_ids: list[str] | None) -> list[Orphan]:
    if not instance_ids:
        return list(found)
    by_id = {each.instance.instance_id: each for each in found}
    if unknown := [each for each in instance_ids if each not in by_id]:
        raise failed(f"not among what was found, so nothing was done: {', '.join(unknown)}")
    return [by_id[each] for each in dict.fromkeys(instance_ids)]


def _show(found: tuple[Orphan, ...], survey: Survey) -> None:
    if found:
        tell(_table(found, survey))
    costs = _total(found)
    tell(
        f"{count(len(found), 'orphan')} among {count(len(survey.listed), 'instance')} of {survey.account.fingerprint}, "
        f"compared with {count(len(survey.stacks), 'stack')}{costs}"
    )
    if held_back := sum(bool(each.held_back) for each in found):
        tell(f"{held_back} of them held back (young, awaited, or a locked stack's): --delete needs --include-young")
    for stack in survey.stacks:
        for purchase in stack.pending:
            tell(f"{stack.name}: the creation of {purchase.name} never ended; it goes on, or was killed")
    tell_shared(survey)


def _table(found: tuple[Orphan, ...], survey: Survey) -> Table:
    from pulumi_cortecs.lifecycle.durations import in_words

    columns = ("id", "model", "hardware", "workers", "status", "age", "an hour", "so far", "remarks")
    table = new_table("What no stack owns", *columns)
    table.columns[0].no_wrap = True  # an id is there to be copied
    for each in found:
        instance, age = each.instance, each.instance.age(survey.vendor_now)
        table.add_row(
            instance.instance_id,
            str(instance.arguments.get("model_id", "?")),
            instance.hardware_type_id or "?",
            str(instance.num_workers or "?"),
            instance.status,
            "unknown" if age is None else in_words(age.total_seconds()),
            in_figures(each.hourly),
            in_figures(each.so_far),
            "; ".join((*filter(None, [each.held_back]), *each.remarks)),
        )
    return table


def _total(found: tuple[Orphan, ...]) -> str:
    from pulumi_cortecs.lifecycle.listed import totals

    hourly, so_far = totals(each.hourly for each in found), totals(each.so_far for each in found)
    known = [f"{hourly[currency]} an hour, {so_far.get(currency, '?')} so far" for currency in hourly]
    unpriced = sum(each.hourly is None for each in found)
    if unpriced:
        known.append(f"{unpriced} of unknown price")
    return "".join(f"; {each}" for each in known)


def _tell_how_to_adopt(chosen: list[Orphan]) -> None:
    from pulumi_cortecs.stacks.taking_over import IMPORT

    if chosen:
        ids = " ".join(each.instance.instance_id for each in chosen)
        tell("Put into a program and run `pulumi up`, which buys nothing:", "")
        typer.echo(IMPORT + "\n" + "\n".join(_lines(chosen).values()))
        tell(f"Or take over by import: pulumi-cortecs import-file {ids}")


def _lines(chosen: list[Orphan]) -> dict[str, str]:
    """The lines of a program, by instance id."""
    from pulumi_cortecs.lifecycle.phases import Phase
    from pulumi_cortecs.stacks.taking_over import constructor, names_after

    names = names_after([str(each.instance.arguments.get("model_id", "")) for each in chosen])
    lines = {}
    for name, each in zip(names, chosen, strict=True):
        instance = each.instance
        state = "stopped" if instance.phase is Phase.STOPPED else "running"
        arguments = {**instance.arguments, "state": state}
        lines[instance.instance_id] = constructor(name, arguments, adopt_id=instance.instance_id)
    return lines


def _document(
    found: tuple[Orphan, ...], survey: Survey, outcomes: Mapping[str, str], adopted: list[Orphan]
) -> dict[str, Any]:
    from pulumi_cortecs.lifecycle.listed import totals

    lines = _lines(adopted)
    hourly, so_far = totals(each.hourly for each in found), totals(each.so_far for each in found)
    return {
        "account": survey.account.fingerprint,
        "checked_at": timestamp(survey.vendor_now),
        "instances": len(survey.listed),
        "stacks": described(survey.stacks),
        "orphans": [_row(each, survey, outcomes, lines) for each in found],
        "shared": shared_as_json(survey),
        "total": [
            {
                "currency": currency,
                "hourly": hourly[currency].decimal_string(),
                "so_far": so_far[currency].decimal_string() if currency in so_far else None,
            }
            for currency in hourly
        ],
        "unpriced": sum(each.hourly is None for each in found),
    }


def _row(orphan: Orphan, survey: Survey, outcomes: Mapping[str, str], lines: Mapping[str, str]) -> dict[str, Any]:
    instance_id, age = orphan.instance.instance_id, orphan.instance.age(survey.vendor_now)
    row = {
        **instance_as_json(orphan.instance),
        "age_seconds": None if age is None else int(age.total_seconds()),
        "hourly": None if orphan.hourly is None else orphan.hourly.decimal_string(),
        "so_far": None if orphan.so_far is None else orphan.so_far.decimal_string(),
        "currency": None if orphan.hourly is None else orphan.hourly.currency,
        "held_back": orphan.held_back or None,
        "remarks": list(orphan.remarks),
        "gone": None if instance_id not in outcomes else not outcomes[instance_id],
        "error": outcomes.get(instance_id) or None,
    }
    return {**row, "program": lines[instance_id]} if instance_id in lines else row
