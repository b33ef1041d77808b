"""Check of a plain resource: its arguments, its name, and the price of one that costs money.

It is a fixpoint: as long as nothing changes that decides what is created, check returns its former result and asks
nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.cost.pricelist import CatalogueError
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, UnreachableError
from pulumi_cortecs.lifecycle.cloud import UnknownStatusError
from pulumi_cortecs.provider import (
    accounts,
    as_written,
    host,
    instance_records,
    machine_limits,
    ownership,
    quote_records,
    reviewed_inputs,
    session,
)
from pulumi_cortecs.provider.crud import warn
from pulumi_cortecs.provider.instance_check import CheckError
from pulumi_cortecs.provider.kind import CrudKind, Problem
from pulumi_cortecs.provider.named_resources import NAME, has_former_name, next_name, record_former_name
from pulumi_cortecs.provider.pinned_catalogue import complete_by_catalogue
from pulumi_cortecs.provider.properties import equal_values, read_properties
from pulumi_cortecs.provider.session import ReviewedInputs

Kind = CrudKind[Any, Any]


def check(kind: Kind, olds: Mapping[str, Any], news: Mapping[str, Any]) -> CheckResult:
    """Validates, names, and quotes. All problems are returned at once, as CheckFailures on their properties.

    Raises CheckError when the market cannot be asked, and for a resource that is not of our type.
    """
    call = host.current_call()
    if call.resource_type and call.resource_type != kind.token:
        raise CheckError(f"this provider serves {kind.token} only, not {call.resource_type}")
    if kind.market is not None:
        ownership.report_unclaimed(kind)
    program_inputs, problems = read_properties(
        {key: value for key, value in news.items() if key != "quote"}, kind.arguments
    )
    as_written.record(call.urn, kind.arguments, news, program_inputs)
    if "quote" in news and (kind.market is None or news["quote"] != olds.get("quote")):
        problems.append(Problem("quote", "is computed from the market's prices, never taken from a program"))
    reviewed = None if olds else reviewed_inputs.get(call.urn)
    try:
        if reviewed is not None:
            inputs = _recheck(kind, program_inputs, problems, reviewed)
        else:
            inputs = _resolve(kind, program_inputs, olds, problems)
    except (CloudError, UnknownStatusError, LimitsFileError, CatalogueError) as error:
        if not problems:
            raise CheckError(f"the {kind.name} cannot be checked, so nothing was changed: {error}") from None
        inputs = dict(news)
    if olds and not problems:
        reviewed_inputs.record(call.urn, inputs)
    if not problems:
        if inputs.get(NAME) != olds.get(NAME):
            session.current().planned.add((kind.instances.cloud, kind.path, str(inputs[NAME])))
        warn(kind, inputs)
    failures = [CheckFailure(problem.property, as_written.as_written(call.urn, problem.reason)) for problem in problems]
    return CheckResult(kind.arguments.omit_defaults(inputs), failures)


def _resolve(
    kind: Kind, program_inputs: Mapping[str, Any], olds: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    """All inputs, to be used unless there are problems. Raises CloudError."""
    arguments = kind.arguments
    kept = {key: olds[key] for key in arguments if key in olds and key not in (*arguments.defaults, *program_inputs)}
    wanted = {**arguments.defaults, **kept, **program_inputs}
    former = arguments.restore_defaults(olds)
    changed = [key for key in arguments.replacing if key in wanted and not equal_values(wanted[key], former.get(key))]
    record_former_name(olds)
    if NAME not in program_inputs and (not olds or changed):
        wanted[NAME], replaces = next_name(kind, olds)
        if replaces and not olds:
            _warn_of_lost_data(kind, [])
    if olds and changed:
        _warn_of_lost_data(kind, changed)
    if kind.market is None:
        if not olds or changed:
            accounts.warn_without_credentials(kind)
        return wanted
    if olds and not changed:
        return {**wanted, "quote": olds.get("quote", {})}
    return _quoted(kind, wanted, olds, problems)


def _recheck(
    kind: Kind, program_inputs: Mapping[str, Any], problems: list[Problem], reviewed: ReviewedInputs
) -> dict[str, Any]:
    """The reviewed inputs for a replacement's second check, with today's objections to them. Raises CloudError."""
    inputs, refusals = reviewed_inputs.recheck_replacement(kind, program_inputs, problems, reviewed)
    problems[:] = refusals
    inputs = {key: value for key, value in inputs.items() if key in kind.inputs}
    if NAME not in program_inputs and has_former_name(inputs):  # `up --replace`: no argument has changed
        inputs[NAME], _ = next_name(kind, inputs)
        _warn_of_lost_data(kind, [])
    if kind.market is not None and not problems:
        problems += machine_limits.check(kind, inputs)
    return inputs


def _quoted(kind: Kind, wanted: Mapping[str, Any], olds: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """The inputs with the market's choices and the price, which the limits and `max_price` judge."""
    call, is_live = host.current_call(), True
    try:
        try:
            inputs = accounts.market(kind).complete(wanted, olds, problems)
        except UnreachableError as error:
            if olds or problems or kind.pinned is None:
                raise
            is_live, where = False, accounts.base_url(kind)
            inputs, refusals = complete_by_catalogue(kind, kind.pinned, where, error, wanted, olds)
            problems += refusals
        problems += machine_limits.check(kind, inputs, priced=is_live and not problems)
    except (UnreachableError, ConfigurationError) as error:
        if olds or problems:
            raise
        # a preview without network or credentials; create refuses inputs without a price
        call.warn(f"the price is unknown, and `pulumi up` would refuse to buy it: {error}")
        quote_records.record(kind, call.urn, wanted, error)
        return dict(wanted)
    if is_live and (reason := quote_records.max_price_problem(inputs, inputs["quote"])):
        problems.append(Problem("max_price", reason))
    if not problems:
        quote_records.record(kind, call.urn, inputs)
        if is_live:
            quote_records.record_shown(kind, call.urn, inputs, instance_records.hourly_total(inputs["quote"]))
            accounts.warn_without_credentials(kind)
        quote_records.report_change(olds, inputs, swaps=bool(olds))
    return inputs


def _warn_of_lost_data(kind: Kind, changed: Sequence[str]) -> None:
    call = host.current_call()
    if kind.destroys_data and session.current().is_first(f"lost data of {call.urn}"):
        why = f"another {', '.join(changed)}" if changed else "its replacement"
        call.warn(f"{why} destroys the data: the new {kind.name} is empty, and the old one is deleted")
