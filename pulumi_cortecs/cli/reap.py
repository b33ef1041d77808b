"""`pulumi-cortecs reap`: deletes instances whose `ttl` is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_cortecs.cli.output import Table, count_text, keep_whole, make_table, print_json, print_lines, spare_columns
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
    take_surveys,
    timestamp,
)

if TYPE_CHECKING:
    from pulumi_cortecs.lifecycle.expiry import ExpiredInstance
    from pulumi_cortecs.lifecycle.listed_instance import ListedInstance


@dataclass(frozen=True)
class _Candidate:
    """An expired instance, and the survey of its account."""

    survey: Survey
    expired: ExpiredInstance

    @property
    def instance(self) -> ListedInstance:
        return self.expired.instance

    @property
    def key(self) -> Key:
        return (self.survey.kind.cloud, self.instance.instance_id)


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
    cloud: Cloud = None,
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
        surveys = take_surveys(where, cloud)
        expired = _find_all(surveys)
    if not as_json:
        _show(expired, surveys, stop)
    left = _running(expired) if stop else expired
    ready = [
        candidate
        for candidate in left
        if not _skip_reason(candidate, stop) and (include_protected or not candidate.expired.is_protected)
    ]
    outcomes: Mapping[Key, str] = {}
    verb = "Stop" if stop else "End"
    if (delete or stop) and ready and (yes or typer.confirm(f"{verb} {count_text(len(ready), 'instance')}?", err=True)):
        if not yes:
            with cli_errors():  # an `up` may have prolonged one before the question was answered
                still = {
                    candidate.key: _skip_reason(candidate, stop) for candidate in _find_all(take_surveys(where, cloud))
                }
            left = [candidate for candidate in left if candidate.key in still]
            ready = [candidate for candidate in ready if still.get(candidate.key) == ""]
        outcomes = _end_instances(ready, stop)
    if as_json:
        print_json(_document(expired, surveys, outcomes, stop))
    else:
        print_outcomes(outcomes, "is stopped and costs nothing" if stop else "is gone")
        if outcomes:
            _print_next_step(stop)
    if any(outcomes.values()) or surveys.errors:
        raise typer.Exit(1)
    if any(candidate.key not in outcomes for candidate in left):
        raise typer.Exit(EXIT_FOUND)


def find_expired(survey: Survey) -> tuple[ExpiredInstance, ...]:
    """The expired instances by the vendor's clock, and nothing that holds data. Raises ExpiryError, also if that clock
    differs from this machine's."""
    from pulumi_cortecs.lifecycle import expiry

    if survey.account.is_remote:
        expiry.require_clock_agreement(survey.kind.vendor, survey.account.vendor_now(), survey.account.clock.utc_now())
    instances = [item for item in survey.listed if item.noun == "instance"]
    return expiry.find_expired(instances, survey.stacks, survey.vendor_now)


def _find_all(surveys: Surveys) -> list[_Candidate]:
    return [_Candidate(survey, expired) for survey in surveys.accounts for expired in find_expired(survey)]


def _running(expired: Sequence[_Candidate]) -> list[_Candidate]:
    from pulumi_cortecs.lifecycle.cloud import Phase

    return [candidate for candidate in expired if candidate.instance.phase is not Phase.STOPPED]


def _skip_reason(candidate: _Candidate, stop: bool) -> str:
    """The reason why the instance is not ended, "" for none."""
    from pulumi_cortecs.lifecycle.cloud import CanStop

    if stop and not isinstance(candidate.survey.account.cloud, CanStop):
        return f"{candidate.survey.kind.vendor} cannot stop instances"
    return candidate.expired.skip_reason


def _end_instances(ready: Sequence[_Candidate], stop: bool) -> dict[Key, str]:
    from pulumi_cortecs.provider import power

    account_of = {candidate.key: candidate.survey.account for candidate in ready}

    def end(key: Key) -> None:
        account, instance_id = account_of[key], key[1]
        if stop:
            power.stop(account, instance_id)
        else:
            account.deletion().delete(instance_id)

    return run_for_each(list(account_of), end)


def _show(expired: Sequence[_Candidate], surveys: Surveys, stop: bool) -> None:
    if expired:
        print_lines(_table(expired, surveys, stop))
    print_lines(
        f"{count_text(len(expired), 'instance')} past the ttl among {count_text(surveys.listed, 'instance')} of "
        f"{surveys.names}, compared with {count_text(len(surveys.stacks), 'stack')}"
    )
    print_shared(surveys)


def _table(expired: Sequence[_Candidate], surveys: Surveys, stop: bool) -> Table:
    labels = labels_column([(candidate.survey, candidate.instance) for candidate in expired])
    columns = ("id", "name", "stacks", "ordered", "status", "expired at", "an hour", "remarks")
    clouds = ["cloud"] if surveys.has_several else []
    table = make_table("Instances past their ttl", *clouds, *columns, *(["labels"] if labels else []))
    keep_whole(table, "cloud", "id")  # for copying
    spare_columns(table, "labels", "ordered", "status", "stacks", "cloud", "an hour", "remarks", "name")
    for number, candidate in enumerate(expired):
        instance, row = candidate.instance, candidate.expired
        table.add_row(
            *([candidate.survey.kind.cloud] if surveys.has_several else []),
            instance.instance_id,
            ", ".join(sorted({owner.name for owner in row.rows})),
            ", ".join(sorted({owner.stack for owner in row.rows})),
            instance.ordered,
            instance.status,
            timestamp(row.expires_at),
            money_text(row.hourly, is_at_most=instance.is_at_most),
            "; ".join((*filter(None, [_skip_reason(candidate, stop)]), *row.remarks)),
            *([labels[number]] if labels else []),
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


def _document(
    expired: Sequence[_Candidate], surveys: Surveys, outcomes: Mapping[Key, str], stop: bool
) -> dict[str, Any]:
    return {
        **surveys.as_json(),
        "expired": [_row(candidate, outcomes, stop) for candidate in expired],
        "shared": shared_as_json(surveys),
    }


def _row(candidate: _Candidate, outcomes: Mapping[Key, str], stop: bool) -> dict[str, Any]:
    row, key = candidate.expired, candidate.key
    return {
        **instance_as_json(candidate.instance, candidate.survey),
        "expires_at": timestamp(row.expires_at),
        "hourly": None if row.hourly is None else row.hourly.decimal_string(),
        "currency": None if row.hourly is None else row.hourly.currency,
        "at_most": candidate.instance.is_at_most,
        "owners": owners(row.rows),
        "held_back": _skip_reason(candidate, stop) or None,
        "remarks": list(row.remarks),
        "ended": None if key not in outcomes else not outcomes[key],
        "error": outcomes.get(key) or None,
    }
