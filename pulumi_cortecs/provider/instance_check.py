"""Check: all validation that is possible before a purchase, the vendor's defaults, and the price.

It is a fixpoint: as long as the arguments of the purchase stay the same, check returns its former result and does not
ask the market, so that a moved price, a changed recommendation or an API that is down never affects a running instance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult

from pulumi_cortecs.cost.limits_file import LimitsFileError
from pulumi_cortecs.cost.pricelist import CatalogueError
from pulumi_cortecs.cost.quote import costs_nothing
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, UnreachableError
from pulumi_cortecs.lifecycle.cloud import ChecksOrders, UnknownStatusError
from pulumi_cortecs.provider import (
    accounts,
    adoption,
    as_written,
    balance,
    host,
    instance_records,
    machine_limits,
    named_resources,
    ownership,
    quote_records,
    reviewed_inputs,
    session,
)
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.arguments import (
    LABELS,
    LIFE_CYCLE,
    can_stop,
    read_labels,
    updatable_by_vendor,
    vendor_changes,
)
from pulumi_cortecs.provider.kind import ArgumentTable, InstanceKind, Problem
from pulumi_cortecs.provider.named_resources import NAME
from pulumi_cortecs.provider.pinned_catalogue import complete_by_catalogue
from pulumi_cortecs.provider.properties import UNKNOWN, InvalidValueError, equal_values, is_unknown, read_properties
from pulumi_cortecs.provider.secret_values import mark_secrets
from pulumi_cortecs.provider.session import ReviewedInputs


class CheckError(Exception):
    """The check could not be carried out."""


def check(kind: InstanceKind, olds: Mapping[str, Any], news: Mapping[str, Any]) -> CheckResult:
    """Validates, fills in the vendor's defaults, and quotes. All problems are returned at once, as CheckFailures on
    their properties.

    Raises CheckError when the market cannot be asked, and for a resource that is not of our type.
    """
    call = host.current_call()
    if call.resource_type and call.resource_type != kind.token:
        raise CheckError(f"this provider serves {kind.token} only, not {call.resource_type}")
    ownership.report_unclaimed(kind)
    program_inputs, problems = read_properties(
        {key: value for key, value in news.items() if key != "quote"}, kind.arguments
    )
    as_written.record(call.urn, kind.arguments, news, program_inputs)
    if "quote" in news and news["quote"] != olds.get("quote"):
        problems.append(Problem("quote", "is computed from the market's prices, never taken from a program"))
    problems += kind.conflicts(program_inputs, olds, session.current().clock.utc_now())
    program_inputs = _with_default_labels(kind, program_inputs, problems)
    shown = None if olds else reviewed_inputs.get(call.urn)
    olds = kind.arguments.restore_defaults(olds) if olds else olds
    instance_check = _InstanceCheck(kind, program_inputs, olds, problems)
    unpriced: Exception | None = None
    try:
        if shown is not None:
            inputs, problems = instance_check.resolve_replacement(shown)
            return _result(kind, mark_secrets(kind, inputs, program_inputs), problems)
        inputs = instance_check.resolve()
    except (CloudError, UnknownStatusError, LimitsFileError, CatalogueError) as error:
        if problems:
            return _result(kind, dict(news), problems)
        needs_account = kind.account_market is not None and isinstance(error, ConfigurationError)
        if olds or shown is not None or not (needs_account or isinstance(error, UnreachableError)):
            raise CheckError(f"the purchase cannot be checked, so nothing was bought or changed: {error}") from None
        # a preview without network or credentials; check does not know the operation, and create refuses such inputs
        call.warn(f"the defaults and the price are unknown, and `pulumi up` would refuse to buy it: {error}")
        inputs, unpriced = _inputs_without_market(kind, program_inputs), error
        instance_check.is_quoted = instance_check.adds_cost = False  # the price may have been asked for before
    if problems:
        return _result(kind, dict(news), problems)
    quote_records.record(kind, call.urn, inputs, unpriced)
    is_priced_today = instance_check.is_quoted or instance_check.adds_cost
    if is_priced_today and (reason := quote_records.max_price_problem(inputs, inputs["quote"])):
        return _result(kind, inputs, [Problem("max_price", reason)])
    if instance_check.is_quoted:
        quote_records.record_shown(kind, call.urn, inputs, instance_records.hourly_total(inputs["quote"]))
    interrupts = bool(olds) and kind.arguments.service_of(olds) != kind.arguments.service_of(inputs)
    if olds:
        if interrupts:
            session.current().interrupted.add(call.urn)
        reviewed_inputs.record(call.urn, inputs, is_adoption=instance_check.is_adoption)
    if instance_check.adds_cost:
        accounts.warn_without_credentials(kind)
        balance.warn_if_short(kind, inputs)
    runs = not any(costs_nothing(values.get("state")) for values in (olds, inputs))
    quote_records.report_change(olds, inputs, swaps=instance_check.is_replacement, interrupts=interrupts and runs)
    return _result(kind, mark_secrets(kind, inputs, program_inputs), [])


def _with_default_labels(kind: InstanceKind, program_inputs: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """The program's inputs, with the labels of all instances below its own; refusals are added to `problems`."""
    own = program_inputs.get(LABELS, {})
    try:
        defaults = accounts.default_labels(kind)
        if not defaults or is_unknown(own):
            return program_inputs
        return {**program_inputs, LABELS: read_labels({**defaults, **own})}
    except InvalidValueError as error:
        problems.append(Problem(LABELS, str(error)))
        return program_inputs


def _inputs_without_market(kind: InstanceKind, program_inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that are known without a request. The rest is left out, because an `up` accepts no unknown from
    check."""
    return {**kind.arguments.defaults, **program_inputs}


def _result(kind: InstanceKind, inputs: Mapping[str, Any], problems: Iterable[Problem]) -> CheckResult:
    named = (machine_limits.with_alternatives(kind, problem) for problem in problems)
    urn = host.current_call().urn
    failures = [CheckFailure(problem.property, as_written.as_written(urn, problem.reason)) for problem in named]
    return CheckResult(kind.arguments.omit_defaults(inputs), failures)


@dataclass
class _InstanceCheck:
    """One check against the market: `program_inputs` are the program's arguments, `olds` the result of the last check.
    Refusals are added to `problems`."""

    kind: InstanceKind
    program_inputs: Mapping[str, Any]
    olds: Mapping[str, Any]
    problems: list[Problem]
    is_adoption: bool = False
    """Whether a running instance is adopted in place of the old one."""
    is_replacement: bool = False
    """Whether another instance is bought in place of the old one."""
    is_quoted: bool = False
    """Whether the quote is for a purchase or a change, at the prices of today."""
    adds_cost: bool = False
    """Whether an instance would be bought or started, at a price of the market's."""

    @property
    def arguments(self) -> ArgumentTable:
        """The arguments of a program."""
        return self.kind.arguments

    def resolve(self) -> dict[str, Any]:
        """All inputs with defaults and quote, to be used unless there are problems.

        Raises CloudError and UnknownStatusError.
        """
        adopted = self.olds.get("adopt_id")
        # the arguments of an adopted instance stay, also those that the program leaves out, and so does the market's
        # choice
        updatable = (key for key in updatable_by_vendor(self.arguments) if key in self.olds)
        kept = {key: self.olds[key] for key in updatable if adopted or key not in self.arguments.defaults}
        wanted: dict[str, Any] = {**self.arguments.other_defaults, **kept, **self.program_inputs}
        named_resources.record_former_name(self.olds)
        if not adopted:
            wanted = {**self.arguments.defaults_of_purchase, **wanted}
        replacing = self.arguments.replacing
        compared = [key for key in replacing if key in wanted and not (adopted and key not in self.olds)]
        changed = [key for key in compared if not equal_values(wanted[key], self.olds.get(key))]
        if not self.olds or changed:
            adopt_id = wanted["adopt_id"]
            if adopt_id and adopt_id == adopted:
                self.problems.append(Problem("adopt_id", reviewed_inputs.ALREADY_ADOPTED.format(adopted)))
                return wanted
            if adopt_id:
                return self._adopt(adopt_id)
            self._check_state(wanted["state"], changed)
            self._name(wanted)
            self.is_replacement = bool(self.olds)
            defaults = {key: self.olds.get(key, value) for key, value in self.arguments.defaults_of_purchase.items()}
            wanted = {**defaults, **wanted}
            return self._complete_from_market(wanted)
        if adopted:
            adoption.record_owner(self.kind, adopted, host.current_call().urn)
            unreported = [key for key in replacing if key in self.program_inputs and key not in self.olds]
            _warn_of_unreported(self.kind, adopted, unreported)
        if adopted and self.program_inputs.get("adopt_id") == adopted:
            adoption.request(self.kind, adopted)  # a replacement that was killed may have left a second row of it
        bought = {key: self.olds[key] for key in (*replacing, "quote") if key in self.olds}
        changeable = (*self.arguments.updatable, *self.arguments.without_effect)
        result = {**bought, **{key: wanted[key] for key in changeable if key in wanted}, "adopt_id": adopted or ""}
        runs, ran = wanted["state"] == "running", self.olds.get("state") != "stopped"
        updated = vendor_changes(self.arguments, self.olds, wanted)
        if (runs and not ran) or not updated.isdisjoint(self.arguments.priced):
            market = accounts.market(self.kind)
            if adopted:
                _omit_unreported(self.kind, adopted, result)
            result["quote"], problems = market.quote(result)
            self.is_quoted = bool(updated)
            self.problems.extend(problems)
            self.adds_cost = runs and not ran
            if runs:
                self._check_limits(result, changes=self.olds if ran else None)
            if not updated.isdisjoint(self.arguments.priced):
                self._check_order(result, self.olds)
        elif (
            runs
            and can_stop(self.arguments)
            and not equal_values(self.olds.get("restart_trigger", ""), wanted.get("restart_trigger", ""))
        ):
            # a restart stops first: if the hardware is not available again, the instance is better left running
            self.problems.extend(accounts.market(self.kind).availability(result))
        return result

    def resolve_replacement(self, shown: ReviewedInputs) -> tuple[dict[str, Any], list[Problem]]:
        """The same for a replacement's second check: returns the reviewed inputs, and adds today's objections to them.

        Raises LimitsFileError, CloudError and UnknownStatusError.
        """
        inputs, self.problems = reviewed_inputs.recheck_replacement(
            self.kind, self.program_inputs, self.problems, shown
        )
        if named_resources.has_former_name(inputs):  # `up --replace`: no argument has changed
            self._name(inputs)
        if not self.problems:  # a refusal here comes before the old instance is deleted
            self._check_limits(inputs, inputs.get("adopt_id") or None)
        return inputs, self.problems

    def _name(self, inputs: dict[str, Any]) -> None:
        """Gives a new instance a name, where check makes names and the program gives none."""
        if named_resources.has_generated_name(self.kind) and NAME not in self.program_inputs:
            inputs[NAME], _ = named_resources.next_name(self.kind, self.olds or inputs)

    def _check_limits(
        self,
        wanted: Mapping[str, Any],
        adopt_id: str | None = None,
        *,
        priced: bool = True,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """Checks a purchase, start, adoption or change against the limits of this machine; `priced` is False where no
        price of today is available, and `changes` are the former inputs of a running instance."""
        billed = adopt_id is None or not costs_nothing(wanted["state"])
        self.problems.extend(
            machine_limits.check(
                self.kind, wanted, adopt_id, billed=billed, priced=priced and not self.problems, changes=changes
            )
        )

    def _adopt(self, adopt_id: Any) -> dict[str, Any]:
        """The program's inputs, completed from the running instance."""
        self.is_adoption = bool(self.olds)
        defaults = self.arguments.other_defaults
        ours = {key: defaults[key] for key in self.arguments.updatable if key in LIFE_CYCLE}
        wanted: dict[str, Any] = {**ours, **self.program_inputs}
        if is_unknown(adopt_id):
            return {**dict.fromkeys(self.kind.inputs, UNKNOWN), **wanted}
        if (account := self._account_or_none(adopt_id)) is None:
            return wanted
        live = account.find(adopt_id)
        if live is not None and (manager := account.cloud.manager_of(live)):
            self.problems.append(Problem("adopt_id", f"{adopt_id} is managed by {manager}, so it is not adopted"))
            return wanted
        if live is None:
            where = f"{self.kind.vendor} instance {adopt_id!r} does not exist in this account"
            self.problems.append(Problem("adopt_id", f"{where}; leave adopt_id out to buy a new one"))
            return wanted
        adoption.request(self.kind, adopt_id)
        ownership.warn_of_owner(adopt_id)
        reported = account.cloud.reported_like(live, wanted)
        settled, problems = adoption.complete_from_instance(
            self.kind, adopt_id, reported, account.state_of(live), wanted
        )
        settled = {**defaults, **settled}
        self.problems.extend(problems)
        unreported = adoption.unreported_arguments(self.kind, reported)
        optional = [key for key in self.arguments.defaults if key not in self.arguments.priced]
        missing = [key for key in unreported if key not in wanted and key not in optional]
        self.problems.extend(
            Problem(key, f"is required: {self.kind.vendor} does not report it of {adopt_id}") for key in missing
        )
        compared = [key for key in unreported if key in self.program_inputs or key not in optional]
        _warn_of_unreported(self.kind, adopt_id, compared)
        # hardware that is no longer sold keeps running
        settled["quote"], _ = accounts.market(self.kind).quote(settled)
        self._check_limits(settled, adopt_id)
        return settled

    def _account_or_none(self, adopt_id: str) -> Account | None:
        """The account of the instance to adopt, None without credentials."""
        try:
            return accounts.account(self.kind)
        except ConfigurationError as error:
            if self.olds:
                raise
            host.current_call().warn(f"{adopt_id} cannot be read, and `pulumi up` would refuse it: {error}")
            return None

    def _check_state(self, state: Any, changed: Sequence[str]) -> None:
        if state != "stopped":
            return
        if not self.olds:
            text = (
                "got 'stopped'; an instance cannot be created stopped, nor replaced (`up --replace`) while it is: that "
                "buys and boots one; leave state out, and stop it later"
            )
            self.problems.append(Problem("state", text))
        else:
            known_keys = [key for key in changed if not is_unknown(self.program_inputs.get(key))]
            self.problems.extend(Problem(key, reviewed_inputs.NO_STOPPED_REPLACEMENT) for key in known_keys)

    def _complete_from_market(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """`wanted`, completed by the market; for a new resource by the pinned catalogue, where there is one and the
        market cannot be reached.

        A catalogue never prices the replacement of an existing instance: with delete_before_replace the instance would
        be deleted, and then create would buy nothing.
        """
        problem_count = len(self.problems)
        try:
            settled = accounts.market(self.kind).complete(wanted, self.olds, self.problems)
        except UnreachableError as error:
            if self.olds:
                raise
            del self.problems[problem_count:]
            where = accounts.base_url(self.kind)
            settled, problems = complete_by_catalogue(self.kind, self.kind.pinned, where, error, wanted, self.olds)
            self.problems.extend(problems)
            self._check_limits(settled, priced=False)
            return settled
        self.is_quoted = True
        self._check_limits(settled)
        self._check_order(settled)
        self.adds_cost = True
        return settled

    def _check_order(self, wanted: Mapping[str, Any], current: Mapping[str, Any] | None = None) -> None:
        """Checks whether the vendor can carry out the order, or the change of a running instance's `current` inputs,
        where there are credentials: before anything is bought, changed or deleted."""
        account = accounts.account_or_none(self.kind)
        if account is None or not isinstance(account.cloud, ChecksOrders):
            return
        for problem in account.cloud.order_problems(wanted, current):
            if problem.missing and (self.kind.cloud, *problem.missing) in session.current().planned:
                continue  # create asks again
            if problem.is_final:
                self.problems.append(Problem(problem.argument, problem.reason))
            else:
                host.current_call().warn(f"{problem.argument}: {problem.reason}")


def _omit_unreported(kind: InstanceKind, adopted: str, inputs: dict[str, Any]) -> None:
    """Removes the arguments of an adopted instance that the vendor does not report: a start goes by the vendor's
    report, because no resource has ordered the instance. Without credentials `up` refuses."""
    try:
        account = accounts.account(kind)
    except ConfigurationError:
        return
    live = account.find(adopted)
    unreported = [] if live is None else adoption.unreported_arguments(kind, account.cloud.reported_inputs(live))
    _warn_of_unreported(kind, adopted, [key for key in unreported if inputs.pop(key, None) is not None])


def _warn_of_unreported(kind: InstanceKind, instance_id: str, unreported: Sequence[str]) -> None:
    if unreported:
        host.current_call().warn(
            f"{kind.vendor} does not report {', '.join(unreported)} of {instance_id}: the program's values cannot be "
            "checked, so plan, state, price and limits leave them out"
        )
