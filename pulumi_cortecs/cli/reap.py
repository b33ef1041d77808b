"""`pulumi-cortecs reap`: ends what has outlived the `ttl` that its program gave it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pulumi_cortecs.cli.printing import count, new_table, tell, tell_json
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
    owners,
    places,
    shared_as_json,
    somebody_can_be_asked,
    surveyed,
    tell_outcomes,
    tell_shared,
    telling,
    timestamp,
)

if TYPE_CHECKING:
    from rich.table import Table

    from pulumi_cortecs.lifecycle.expiry import Expired


def reap(
    stack: Stack = None,
    backend_url: BackendUrl = None,
    all_stacks: AllStacks = False,
    cwd: Directory = Path(),
    as_json: Json = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="End them: stop, delete, and see that they are gone.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Only stop them, which ends the bill as well.")] = False,
    include_protected: Annotated[
        bool, typer.Option("--include-protected", help="Also those with `protect=True`.")
    ] = False,
    yes: Yes = False,
) -> None:
    """List the instances whose `expires_at` has passed, by every stack that owns them, and end them if told so.

    Exit codes: 0 there is none (any more), 3 there is some, 1 it cannot be told, or something could not be ended.
    """
    if delete and stop:
        raise typer.BadParameter("--delete and --stop: give one of them")
    if (delete or stop) and not yes:
        somebody_can_be_asked(as_json)
    where = places(stack, all_stacks, backend_url, cwd)
    with telling():
        survey = surveyed(where)
        found = over(survey)
    if not as_json:
        _show(found, survey)
    left = _running(found) if stop else list(found)
    ready = [each for each in left if not each.held_back and (include_protected or not each.protected)]
    outcomes: Mapping[str, str] = {}
    verb = "Stop" if stop else "End"
    if (delete or stop) and ready and (yes or typer.confirm(f"{verb} {count(len(ready), 'instance')}?", err=True)):
        if not yes:
            with telling():  # while somebody was asked, an `up` may have prolonged one
                still = {each.instance.instance_id: each.held_back for each in over(surveyed(where))}
            left = [each for each in left if each.instance.instance_id in still]
            ready = [each for each in ready if still.get(each.instance.instance_id) == ""]
        outcomes = _ended(ready, survey, stop)
    if as_json:
        tell_json(_document(found, survey, outcomes))
    else:
        tell_outcomes(outcomes, "is stopped and costs nothing" if stop else "is gone")
        if outcomes:
            _tell_what_is_next(stop)
    if any(outcomes.values()):
        raise typer.Exit(1)
    if any(each.instance.instance_id not in outcomes for each in left):
        raise typer.Exit(FOUND)


def over(survey: Survey) -> tuple[Expired, ...]:
    """What has outlived its time by the vendor's clock. Raises ExpiryError, also where that clock is not ours."""
    from pulumi_cortecs.cortecs.client import VENDOR
    from pulumi_cortecs.lifecycle.expiry import clocks_must_agree, expired

    if survey.account.is_remote:
        clocks_must_agree(VENDOR, survey.account.vendor_now(), survey.account.clock.utc_now())
    return expired(survey.listed, survey.stacks, survey.prices, survey.vendor_now)


def _running(found: tuple[Expired, ...]) -> list[Expired]:
    from pulumi_cortecs.lifecycle.phases import Phase

    return [each for each in found if each.instance.phase is not Phase.STOPPED]


def _ended(ready: list[Expired], survey: Survey, stop: bool) -> dict[str, str]:
    from pulumi_cortecs.provider import power

    def stopped(instance_id: str) -> None:
        power.stop(survey.account, instance_id)

    act = stopped if stop else survey.account.deletion().end
    return done_to_each([each.instance.instance_id for each in ready], act)


def _show(found: tuple[Expired, ...], survey: Survey) -> None:
    if found:
        tell(_table(found))
    tell(
        f"{count(len(found), 'instance')} of {len(survey.listed)} of {survey.account.fingerprint} past the time that "
        f"{count(len(survey.stacks), 'stack')} gave"
    )
    tell_shared(survey)


def _table(found: tuple[Expired, ...]) -> Table:
    columns = ("id", "name", "stacks", "hardware", "status", "expired at", "an hour", "remarks")
    table = new_table("What has outlived its ttl", *columns)
    table.columns[0].no_wrap = True  # an id is there to be copied
    for each in found:
        instance = each.instance
        table.add_row(
            instance.instance_id,
            ", ".join(sorted({row.name for row in each.rows})),
            ", ".join(sorted({row.stack for row in each.rows})),
            instance.hardware_type_id or "?",
            instance.status,
            timestamp(each.expires_at),
            in_figures(each.hourly),
            "; ".join((*filter(None, [each.held_back]), *each.remarks)),
        )
    return table


def _tell_what_is_next(stop: bool) -> None:
    if stop:
        tell("`pulumi refresh` shows them stopped. As long as a program wants them running, `pulumi up` starts them.")
    else:
        tell("`pulumi refresh` shows them gone. As long as a program has them, `pulumi up --refresh` buys new ones.")


def _document(found: tuple[Expired, ...], survey: Survey, outcomes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "account": survey.account.fingerprint,
        "checked_at": timestamp(survey.vendor_now),
        "instances": len(survey.listed),
        "stacks": described(survey.stacks),
        "expired": [_row(each, outcomes) for each in found],
        "shared": shared_as_json(survey),
    }


def _row(expired: Expired, outcomes: Mapping[str, str]) -> dict[str, Any]:
    instance_id = expired.instance.instance_id
    return {
        **instance_as_json(expired.instance),
        "expires_at": timestamp(expired.expires_at),
        "hourly": None if expired.hourly is None else expired.hourly.decimal_string(),
        "currency": None if expired.hourly is None else expired.hourly.currency,
        "owners": owners(expired.rows),
        "held_back": expired.held_back or None,
        "remarks": list(expired.remarks),
        "ended": None if instance_id not in outcomes else not outcomes[instance_id],
        "error": outcomes.get(instance_id) or None,
    }
