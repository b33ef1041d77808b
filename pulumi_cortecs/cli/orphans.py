"""`pulumi-cortecs orphans`: the purchases in the accounts that no stack owns, their cost, and their deletion or
adoption."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pulumi_cortecs.cli.output import (
    Table,
    count_text,
    exit_failed,
    keep_whole,
    make_table,
    print_error,
    print_json,
    print_lines,
    spare_columns,
)
from pulumi_cortecs.cli.survey import (
    EXIT_FOUND,
    AllStacks,
    BackendUrl,
    Cloud,
    Directory,
    Json,
    Key,
    Stack,
    Survey,
    Surveys,
    Yes,
    chosen_kinds,
    cli_errors,
    environment_account,
    find_account,
    instance_as_json,
    labels_column,
    money_text,
    open_journal,
    print_outcomes,
    print_shared,
    require_one_cloud,
    require_terminal,
    run_for_each,
    shared_as_json,
    stack_selection,
    take_surveys,
)

if TYPE_CHECKING:
    from pulumi_cortecs.lifecycle.listed_instance import ListedInstance
    from pulumi_cortecs.lifecycle.orphans import Orphan
    from pulumi_cortecs.stacks.selection import StackSelection

_ELSEWHERE: Final = "; an instance of a project with another backend (--backend-url) looks like nobody's"
_KEEPS_DATA: Final = "--volumes deletes it, which destroys the data"


@dataclass(frozen=True)
class _Candidate:
    """An orphan, and the survey of its account."""

    survey: Survey
    orphan: Orphan

    @property
    def instance(self) -> ListedInstance:
        return self.orphan.instance

    @property
    def key(self) -> Key:
        return (self.survey.kind.cloud, self.instance.instance_id)

    @property
    def holds_data(self) -> bool:
        return self.instance.noun != "instance"

    @property
    def is_adoptable(self) -> bool:
        return not self.holds_data and not self.instance.manager


@dataclass(frozen=True)
class _Allowed:
    """The orphans that may be deleted besides those without a reason to skip them. `named` are ids that the user has
    given."""

    young: bool
    volumes: bool
    named: frozenset[str]

    def ready(self, chosen: Sequence[_Candidate]) -> list[_Candidate]:
        """Those of the chosen orphans that are deleted."""
        return [
            candidate
            for candidate in chosen
            if (self.young or not candidate.orphan.skip_reason) and (self.volumes or not candidate.holds_data)
            if not candidate.orphan.unread_owner or candidate.instance.instance_id in self.named
            if not candidate.instance.manager
        ]


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
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Also delete volumes, which destroys the data on them.")
    ] = False,
    cloud: Cloud = None,
    yes: Yes = False,
) -> None:
    """List the instances of the accounts that none of the stacks owns. The accounts are those of the environment.

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
    # an instance of a stack that is not read looks like an orphan, so reading all of them is the default
    where = replace(stack_selection(stack, all_stacks, backend_url, cwd), all_stacks=not stack)
    if keep:
        _keep(list(dict.fromkeys(instance_ids or [])), cloud, as_json)
        return
    with cli_errors():
        surveys = take_surveys(where, cloud)
    all_orphans = _find_orphans(surveys)
    chosen = _choose(all_orphans, instance_ids)
    if not as_json:
        _show(all_orphans, surveys)
    outcomes: Mapping[Key, str] = {}
    allowed = _Allowed(include_young, volumes, frozenset(instance_ids or ()))
    if delete and (ready := allowed.ready(chosen)):
        if yes:
            outcomes = _end_instances(ready)
        elif typer.confirm(_question(ready), err=True):
            chosen, ready = _look_again(where, cloud, chosen, ready, allowed)
            outcomes = _end_instances(ready)
    if as_json:
        print_json(_document(all_orphans, surveys, outcomes, chosen if adopt else []))
    else:
        print_outcomes(outcomes, "is gone")
        if adopt:
            _print_adoption(chosen)
    if any(outcomes.values()) or surveys.errors:
        raise typer.Exit(1)
    if any(candidate.key not in outcomes for candidate in (chosen if delete else all_orphans)):
        raise typer.Exit(EXIT_FOUND)
    if surveys.has_shared and not (delete and instance_ids):
        raise typer.Exit(EXIT_FOUND)


def _question(ready: Sequence[_Candidate]) -> str:
    instances, volumes = (
        [candidate for candidate in ready if candidate.holds_data is holds_data] for holds_data in (False, True)
    )
    nouns = sorted({candidate.instance.noun for candidate in volumes})
    parts = [count_text(len(instances), "instance")] if instances else []
    parts += [count_text(sum(candidate.instance.noun == noun for candidate in volumes), noun) for noun in nouns]
    return f"Delete {' and '.join(parts)} for good{', which destroys the data' if volumes else ''}?"


def _look_again(
    where: StackSelection,
    clouds: list[str] | None,
    chosen: Sequence[_Candidate],
    ready: Sequence[_Candidate],
    allowed: _Allowed,
) -> tuple[list[_Candidate], list[_Candidate]]:
    """The chosen orphans and those to delete as they are now: an `up` may have taken one over before the question was
    answered."""
    with cli_errors():
        orphans_now = _find_orphans(take_surveys(where, clouds))
    asked_for, agreed_to = ({candidate.key for candidate in group} for group in (chosen, ready))
    still = [candidate for candidate in orphans_now if candidate.key in agreed_to]
    return [candidate for candidate in orphans_now if candidate.key in asked_for], allowed.ready(still)


def _keep(instance_ids: list[str], clouds: list[str] | None, as_json: bool) -> None:
    """Forget the orders that bought these instances: all of them, or none if one instance is missing."""
    from pulumi_cortecs.lifecycle.journal import JournalError

    warned: set[str] = set()
    with cli_errors():
        kinds = chosen_kinds(clouds)
        accounts = {kind.cloud: environment_account(kind, warned) for kind in kinds}
        cloud_of = {instance_id: find_account(accounts, instance_id) for instance_id in instance_ids}
    if missing := [instance_id for instance_id, cloud in cloud_of.items() if not cloud]:
        where = " or ".join(kind.vendor for kind in kinds)
        raise exit_failed(f"{', '.join(missing)}: no such {where} instance in this account, so nothing was done")
    journal = open_journal()
    try:
        for instance_id, cloud in cloud_of.items():
            journal.mark_kept(accounts[cloud].fingerprint, instance_id)
    except JournalError as error:
        raise exit_failed(error) from None
    if as_json:
        used = dict.fromkeys(accounts[cloud].fingerprint for cloud in cloud_of.values())
        print_json({"account": next(iter(used)) if len(used) == 1 else None, "kept": instance_ids})
    else:
        for instance_id in instance_ids:
            print_lines(f"{instance_id} is kept: no run on this machine takes it over, or asks about it, any more")


def _end_instances(ready: Sequence[_Candidate]) -> dict[Key, str]:
    from pulumi_cortecs.lifecycle.journal import JournalError

    by_key = {candidate.key: candidate for candidate in ready}

    def end(key: Key) -> None:
        candidate, instance_id = by_key[key], key[1]
        survey = candidate.survey
        if candidate.holds_data:
            other = next(other for other in survey.kind.other_purchases if other.noun == candidate.instance.noun)
            other.delete(survey.account.cloud, instance_id)
        else:
            survey.account.deletion().delete(instance_id)

    outcomes = run_for_each(list(by_key), end)
    journal = open_journal()
    for key in (key for key, error in outcomes.items() if not error):
        try:
            journal.forget(by_key[key].survey.account.fingerprint, key[1])
        except JournalError as error:
            print_error(f"Warning: {error}: the journal still has {key[1]}, which is gone")
    return outcomes


def _find_orphans(surveys: Surveys) -> list[_Candidate]:
    from pulumi_cortecs.lifecycle.orphans import find_orphans

    remarks, awaited = _journal_remarks()
    candidates = []
    for survey in surveys.accounts:
        accounts = {kind.journal_account(survey.account.fingerprint) for kind in survey.kind.billed_kinds}
        remarks_of = {instance_id: texts for (name, instance_id), texts in remarks.items() if name in accounts}
        expected = {instance_id for name, instance_id in awaited if name in accounts}
        orphans = find_orphans(
            survey.listed, survey.stacks, survey.vendor_now, remarks_of, expected, _buyers(survey, accounts)
        )
        candidates += [_Candidate(survey, orphan) for orphan in orphans]
    return candidates


def _journal_remarks() -> tuple[dict[Key, list[str]], set[Key]]:
    """The purchases of the journal that no engine has confirmed, by account and instance id: remarks, and those that a
    live process is about to own."""
    from pulumi_cortecs.lifecycle.journal import JournalError

    journal = open_journal()
    try:
        orders = {
            (order.account, order.instance_id): order
            for order in journal.open_orders()
            if order.instance_id is not None
        }
    except JournalError as error:
        print_error(f"Warning: {error}: the purchases in the journal of this machine are not shown")
        return {}, set()
    awaited = {key for key, order in orders.items() if journal.is_sender_alive(order)}
    remarks = {}
    for key, order in orders.items():
        by = "by a run that goes on" if key in awaited else "by a run that was ended"
        remarks[key] = [f"bought here for {order.key.urn.rpartition('::')[2]} {by}"]
    return remarks, awaited


def _buyers(survey: Survey, accounts: Collection[str]) -> dict[str, Mapping[str, str]]:
    """The labels that name the stack of each purchase, by instance id. The journal's count more: programs write labels,
    too."""
    from pulumi_cortecs.lifecycle.journal import JournalError
    from pulumi_cortecs.lifecycle.labels import labels_of_purchase

    journal = open_journal()
    buyers = dict(survey.labels)
    with suppress(JournalError):  # the user has been warned of it
        urns = {instance_id: urn for account in accounts for instance_id, urn in journal.urns(account).items()}
        buyers |= {instance_id: labels_of_purchase(urn, {}) for instance_id, urn in urns.items()}
    return buyers


def _choose(all_orphans: Sequence[_Candidate], instance_ids: list[str] | None) -> list[_Candidate]:
    if not instance_ids:
        return list(all_orphans)
    by_id: dict[str, list[_Candidate]] = {}
    for candidate in all_orphans:
        by_id.setdefault(candidate.instance.instance_id, []).append(candidate)
    if unknown := [instance_id for instance_id in instance_ids if instance_id not in by_id]:
        raise exit_failed(f"not among the orphans, so nothing was done: {', '.join(unknown)}")
    for instance_id in instance_ids:
        require_one_cloud(instance_id, [candidate.survey.kind.cloud for candidate in by_id[instance_id]])
    return [by_id[instance_id][0] for instance_id in dict.fromkeys(instance_ids)]


def _show(all_orphans: Sequence[_Candidate], surveys: Surveys) -> None:
    if all_orphans:
        print_lines(_table(all_orphans, surveys))
    print_lines(
        f"{count_text(len(all_orphans), 'orphan')} among {count_text(surveys.listed, 'instance')} of "
        f"{surveys.names}, compared with {count_text(len(surveys.stacks), 'stack')}{_total(all_orphans)}"
    )
    print_lines(f"read: {_sources_text(surveys)}{_ELSEWHERE if all_orphans else ''}")
    managed = [candidate for candidate in all_orphans if candidate.instance.manager]
    if of_others := sum(bool(candidate.orphan.unread_owner) for candidate in all_orphans):
        print_lines(f"{of_others} of them held back (bought for a stack that was not read): --delete needs the ids")
    if held_back := sum(bool(candidate.orphan.skip_reason) for candidate in all_orphans) - len(managed):
        print_lines(
            f"{held_back} of them held back (young, awaited, or a locked stack's): --delete needs --include-young"
        )
    for candidate in managed:
        print_lines(
            f"{candidate.instance.instance_id} is managed by {candidate.instance.manager}: never deleted, never adopted"
        )
    for candidate in (candidate for candidate in all_orphans if candidate.holds_data):
        print_lines(f"{candidate.instance.instance_id} is a {candidate.instance.noun}: {_KEEPS_DATA}")
    for stack in surveys.stacks:
        for purchase in stack.pending:
            print_lines(f"{stack.name}: the creation of {purchase.name} never ended; it goes on, or was killed")
    print_shared(surveys)


def _sources_text(surveys: Surveys) -> str:
    """The states and the journal that the orphans were compared with."""
    file = open_journal().file
    journal = f"the journal in {file.parent}" if file.exists() else f"no journal, for {file.parent} has none"
    backends = " and ".join(dict.fromkeys(stack.backend for stack in surveys.stacks))
    return f"the states of {count_text(len(surveys.stacks), 'stack')} at {backends}, and {journal}"


def _table(all_orphans: Sequence[_Candidate], surveys: Surveys) -> Table:
    from pulumi_cortecs.lifecycle.times import format_duration

    labels = labels_column([(candidate.survey, candidate.instance) for candidate in all_orphans])
    # instances of one cloud have the same arguments, those of several are described in its own words
    is_mixed = surveys.has_several or any(candidate.holds_data for candidate in all_orphans)
    shown = {} if is_mixed else surveys.accounts[0].kind.shown_arguments
    ordered = ["ordered"] if is_mixed else list(shown.values())
    columns = ("id", *ordered, "status", "age", "an hour", "so far", "remarks", *(["labels"] if labels else []))
    table = make_table("Instances that no stack owns", *(["cloud"] if surveys.has_several else []), *columns)
    keep_whole(table, "cloud", "id")  # for copying
    spare_columns(table, "labels", "so far", *reversed(ordered), "remarks", "status", "age")
    for number, candidate in enumerate(all_orphans):
        instance, age = candidate.instance, candidate.instance.age(candidate.survey.vendor_now)
        table.add_row(
            *([candidate.survey.kind.cloud] if surveys.has_several else []),
            instance.instance_id,
            *([instance.ordered] if is_mixed else [str(instance.arguments.get(key, "?")) for key in shown]),
            instance.status,
            "unknown" if age is None else format_duration(age.total_seconds()),
            money_text(instance.hourly, is_at_most=instance.is_at_most),
            money_text(instance.cost_so_far, is_at_most=instance.is_at_most),
            "; ".join((*filter(None, [candidate.orphan.held_back]), *candidate.orphan.remarks)),
            *([labels[number]] if labels else []),
        )
    return table


def _total(all_orphans: Sequence[_Candidate]) -> str:
    from pulumi_cortecs.lifecycle.listed_instance import sum_by_currency

    hourly = sum_by_currency(candidate.instance.hourly for candidate in all_orphans)
    so_far = sum_by_currency(candidate.instance.cost_so_far for candidate in all_orphans)
    at_most = {amount.currency for one in all_orphans if one.instance.is_at_most and (amount := one.instance.hourly)}
    parts = [
        f"{money_text(hourly[currency], is_at_most=currency in at_most)}/h, {so_far.get(currency, '?')} so far"
        for currency in hourly
    ]
    unpriced = sum(candidate.instance.hourly is None for candidate in all_orphans)
    if unpriced:
        parts.append(f"{unpriced} of unknown price")
    return "".join(f"; {part}" for part in parts)


def _print_adoption(chosen: Sequence[_Candidate]) -> None:
    from pulumi_cortecs.stacks.import_file import import_lines

    instances = [candidate for candidate in chosen if candidate.is_adoptable]
    if instances:
        ids = " ".join(candidate.instance.instance_id for candidate in instances)
        print_lines("Put into a program and run `pulumi up`, which buys nothing:", "")
        imports = import_lines([candidate.survey.kind for candidate in instances])
        typer.echo(imports + "\n" + "\n".join(_lines(instances).values()))
        print_lines(f"Or take over by import: pulumi-cortecs import-file {ids}")


def _lines(chosen: Sequence[_Candidate]) -> dict[Key, str]:
    """The lines for a program, by cloud and instance id."""
    from pulumi_cortecs.lifecycle.cloud import Phase
    from pulumi_cortecs.lifecycle.labels import Labels
    from pulumi_cortecs.stacks.import_file import constructor, names_for_models

    instances = [candidate for candidate in chosen if candidate.is_adoptable]
    names = names_for_models([candidate.survey.kind.name_for(candidate.instance.arguments) for candidate in instances])
    has_several = len({candidate.survey.kind.cloud for candidate in instances}) > 1
    lines = {}
    for name, candidate in zip(names, instances, strict=True):
        instance = candidate.instance
        state = "stopped" if instance.phase is Phase.STOPPED else "running"
        labels = Labels.from_vendor(candidate.survey.labels.get(instance.instance_id, {})).own
        arguments = {**instance.arguments, "state": state, **({"labels": dict(labels)} if labels else {})}
        lines[candidate.key] = constructor(
            candidate.survey.kind, name, arguments, adopt_id=instance.instance_id, qualified=has_several
        )
    return lines


def _document(
    all_orphans: Sequence[_Candidate], surveys: Surveys, outcomes: Mapping[Key, str], adopted: Sequence[_Candidate]
) -> dict[str, Any]:
    from pulumi_cortecs.lifecycle.listed_instance import sum_by_currency

    lines = _lines(adopted)
    hourly = sum_by_currency(candidate.instance.hourly for candidate in all_orphans)
    so_far = sum_by_currency(candidate.instance.cost_so_far for candidate in all_orphans)
    return {
        **surveys.as_json(),
        "orphans": [_row(candidate, outcomes, lines) for candidate in all_orphans],
        "shared": shared_as_json(surveys),
        "total": [
            {
                "currency": currency,
                "hourly": hourly[currency].decimal_string(),
                "so_far": so_far[currency].decimal_string() if currency in so_far else None,
            }
            for currency in hourly
        ],
        "unpriced": sum(candidate.instance.hourly is None for candidate in all_orphans),
    }


def _row(candidate: _Candidate, outcomes: Mapping[Key, str], lines: Mapping[Key, str]) -> dict[str, Any]:
    instance, key, age = candidate.instance, candidate.key, candidate.instance.age(candidate.survey.vendor_now)
    row = {
        **instance_as_json(instance, candidate.survey),
        "age_seconds": None if age is None else int(age.total_seconds()),
        "hourly": None if instance.hourly is None else instance.hourly.decimal_string(),
        "so_far": None if instance.cost_so_far is None else instance.cost_so_far.decimal_string(),
        "currency": None if instance.hourly is None else instance.hourly.currency,
        "at_most": instance.is_at_most,
        "held_back": candidate.orphan.held_back or (_KEEPS_DATA if candidate.holds_data else None),
        "remarks": list(candidate.orphan.remarks),
        "gone": None if key not in outcomes else not outcomes[key],
        "error": outcomes.get(key) or None,
    }
    return {**row, "program": lines[key]} if key in lines else row
