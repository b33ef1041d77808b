"""Check: everything that can be known before money is spent, the vendor's defaults, and the price.

It is a fixpoint: as long as nothing that matters to the purchase changes, what was computed once stays as it is and the
market is not asked, so that a moved price, a changed recommendation or an API that is down never touches what runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pulumi.dynamic import CheckFailure, CheckResult

from pulumi_cortecs.cost.limits_file import LimitsError
from pulumi_cortecs.cost.pricelist import CatalogueError, PriceList
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, UnreachableError
from pulumi_cortecs.lifecycle.phases import UnknownStatusError
from pulumi_cortecs.provider import (
    accounts,
    adoption,
    host,
    judged,
    leftovers,
    pinned,
    quoted,
    second_line,
    session,
    sharing,
)
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.arguments import LIFE_CYCLE, changed_at_vendor, updated_by_vendor
from pulumi_cortecs.provider.kind import ArgumentTable, InstanceKind, Problem
from pulumi_cortecs.provider.pinned import source_of
from pulumi_cortecs.provider.properties import LATER, read_properties, same, unknown
from pulumi_cortecs.provider.session import Judged


class CheckError(Exception):
    """The check itself could not be made."""


def check(kind: InstanceKind, olds: Mapping[str, Any], news: Mapping[str, Any]) -> CheckResult:
    """Validates, fills in what the vendor would choose, and quotes. Problems come as CheckFailures on their property,
    as many at once as can be told.

    Raises CheckError when the market cannot be asked, and for a resource that is not of our type.
    """
    call = host.current_call()
    if call.resource_type and call.resource_type != kind.token:
        raise CheckError(f"this provider serves {kind.token} only, not {call.resource_type}")
    leftovers.tell(kind)
    given, problems = read_properties({key: value for key, value in news.items() if key != "quote"}, kind.arguments)
    if "quote" in news and news["quote"] != olds.get("quote"):
        problems.append(Problem("quote", "is computed from the market's prices, never taken from a program"))
    shown = None if olds else judged.of(call.urn)
    shop = _Shop(kind, given, olds, problems)
    try:
        if shown is not None:
            return _result(kind, *shop.settle_as(shown))
        inputs = shop.settle()
    except (CloudError, UnknownStatusError, LimitsError, CatalogueError) as error:
        if problems:
            return _result(kind, dict(news), problems)
        if olds or shown is not None or not isinstance(error, UnreachableError):
            raise CheckError(f"cannot check what this would buy, so nothing was bought or changed: {error}") from None
        # a preview without network; check is not told what it serves, and create refuses what was never settled
        call.warn(f"what this would be and cost is not known, and `pulumi up` would refuse to buy it: {error}")
        inputs = _unsettled(kind, given)
    if problems:
        return _result(kind, dict(news), problems)
    quoted.note(kind, call.urn, inputs)
    if olds:
        judged.remember(call.urn, inputs, adopts=shop.adopts)
    return _result(kind, inputs, [])


def _unsettled(kind: InstanceKind, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is known without asking anybody. The rest is left out: an `up` takes no unknown from check."""
    return {**kind.arguments.defaults, **given}


def _result(kind: InstanceKind, inputs: Mapping[str, Any], problems: Iterable[Problem]) -> CheckResult:
    failures = [CheckFailure(problem.property, problem.reason) for problem in problems]
    return CheckResult(kind.arguments.without_defaults(inputs), failures)


@dataclass
class _Shop:
    """One check against the market: `given` is what the program says, `olds` what was checked last time. What is wrong
    is added to `problems`."""

    kind: InstanceKind
    given: Mapping[str, Any]
    olds: Mapping[str, Any]
    problems: list[Problem]
    adopts: bool = False
    """Whether what there was is replaced by an instance that runs already."""

    @property
    def arguments(self) -> ArgumentTable:
        """What a program may say."""
        return self.kind.arguments

    def settle(self) -> dict[str, Any]:
        """All inputs with defaults and quote, to be used unless there are problems.

        Raises CloudError and UnknownStatusError.
        """
        adopted = self.olds.get("adopt_id")
        # what an instance was adopted with stays, also when the program never said it
        kept = {key: self.olds[key] for key in updated_by_vendor(self.arguments) if adopted and key in self.olds}
        wanted: dict[str, Any] = {**self.arguments.other_defaults, **kept, **self.given}
        if not adopted:
            wanted = {**self.arguments.defaults_of_purchase, **wanted}
        replacing = self.arguments.replacing
        compared = [key for key in replacing if key in wanted and not (adopted and key not in self.olds)]
        changed = [key for key in compared if not same(wanted[key], self.olds.get(key))]
        if not self.olds or changed:
            adopt_id = wanted["adopt_id"]
            if adopt_id and adopt_id == adopted:
                self.problems.append(Problem("adopt_id", judged.ONCE_ONLY.format(adopted)))
                return wanted
            if adopt_id:
                return self._adopt(adopt_id)
            self._mind_the_state(wanted["state"], changed)
            usual = {key: self.olds.get(key, value) for key, value in self.arguments.defaults_of_purchase.items()}
            wanted = {**usual, **wanted}
            return self._shop_for(wanted)
        if adopted:
            adoption.keep(adopted, host.current_call().urn)
            untold = [key for key in replacing if key in self.given and key not in self.olds]
            _warn_of_untold(self.kind, adopted, untold)
        if adopted and self.given.get("adopt_id") == adopted:
            adoption.want(adopted)  # a replacement that was killed in the middle may have left a second row of it
        bought = {key: self.olds[key] for key in (*replacing, "quote") if key in self.olds}
        result = {**bought, **{key: wanted[key] for key in self.arguments.updatable}, "adopt_id": adopted or ""}
        if wanted["state"] != "running":
            return result
        updated = changed_at_vendor(self.arguments, self.olds, wanted)
        if self.olds.get("state") == "stopped" or not updated.isdisjoint(self.arguments.priced):
            market = accounts.market(self.kind)
            if adopted:
                _leave_out_untold(self.kind, adopted, result)
            result["quote"], problems = market.quote(result)
            self.problems.extend(problems)
            self._mind_the_limits(result)
        elif not same(self.olds.get("restart_trigger", ""), wanted.get("restart_trigger", "")):
            # a restart stops first: what cannot be had again is better left running
            self.problems.extend(accounts.market(self.kind).availability(result))
        return result

    def settle_as(self, shown: Judged) -> tuple[dict[str, Any], list[Problem]]:
        """The same for a replacement's second check: what was judged, and what speaks against it now.

        Raises LimitsError, CloudError and UnknownStatusError.
        """
        inputs, self.problems = judged.second_check(self.kind, self.given, self.problems, shown)
        if not self.problems:  # what is refused here is refused before the old instance is ended
            self._mind_the_limits(inputs, inputs.get("adopt_id") or None)
        return inputs, self.problems

    def _mind_the_limits(self, wanted: Mapping[str, Any], adopt_id: str | None = None, *, priced: bool = True) -> None:
        """What is bought, started or adopted, against the limits of this machine; `priced` is False where no price of
        today is to be had."""
        billed = adopt_id is None or wanted["state"] != "stopped"
        priced = priced and not self.problems
        self.problems.extend(second_line.problems(self.kind, wanted, adopt_id, billed=billed, priced=priced))

    def _adopt(self, adopt_id: Any) -> dict[str, Any]:
        """The inputs that describe the running instance, as far as the program does not."""
        self.adopts = bool(self.olds)
        usual = self.arguments.other_defaults
        ours = {key: usual[key] for key in self.arguments.updatable if key in LIFE_CYCLE}
        wanted: dict[str, Any] = {**ours, **self.given}
        if unknown(adopt_id):
            return {**dict.fromkeys(self.kind.inputs, LATER), **wanted}
        if (account := self._account_of(adopt_id)) is None:
            return wanted
        if (live := account.find(adopt_id)) is None:
            where = f"there is no {self.kind.vendor} instance {adopt_id!r} in this account"
            self.problems.append(Problem("adopt_id", f"{where}; leave adopt_id out to buy a new one"))
            return wanted
        adoption.want(adopt_id)
        sharing.warn_of_owner(adopt_id)
        told = account.cloud.reported_inputs(live)
        settled, problems = adoption.settle(self.kind, adopt_id, told, account.state_of(live), wanted)
        settled = {**usual, **settled}
        self.problems.extend(problems)
        untold = adoption.untold(self.kind, told)
        missing = [key for key in untold if key not in wanted]
        self.problems.extend(
            Problem(key, f"is required: {self.kind.vendor} does not tell it of {adopt_id}") for key in missing
        )
        _warn_of_untold(self.kind, adopt_id, untold)
        # what is not sold any more runs on all the same
        settled["quote"], _ = accounts.market(self.kind).quote(settled)
        self._mind_the_limits(settled, adopt_id)
        return settled

    def _account_of(self, adopt_id: str) -> Account | None:
        """Where the instance to adopt is, None without credentials: then nobody may look at it."""
        try:
            return accounts.account(self.kind)
        except ConfigurationError as error:
            if self.olds:
                raise
            host.current_call().warn(f"{adopt_id} cannot be looked at, and `pulumi up` would refuse it: {error}")
            return None

    def _mind_the_state(self, state: Any, changed: Sequence[str]) -> None:
        if state != "stopped":
            return
        if not self.olds:
            text = (
                "an instance cannot be created stopped, nor replaced (`up --replace`) while it is: that buys and boots "
                "one; leave state out, stop it later"
            )
            self.problems.append(Problem("state", text))
        else:
            known = [key for key in changed if not unknown(self.given.get(key))]
            self.problems.extend(Problem(key, judged.NO_STOPPED_REPLACEMENT) for key in known)

    def _shop_for(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What is `wanted`, completed by the market; for a new resource by the pinned catalogue, where there is one and
        the market cannot be reached.

        What exists already is not replaced by a catalogue: with delete_before_replace it would be ended, and then
        nothing be bought.
        """
        known = len(self.problems)
        try:
            settled = accounts.market(self.kind).complete(wanted, self.olds, self.problems)
        except UnreachableError as error:
            if self.olds:
                raise
            del self.problems[known:]
            where = accounts.base_url(self.kind)
            prices = pinned.instead_of(self.kind.cloud, where, error, os.environ, Path.cwd())
            problems: list[Problem] = []
            settled = self.kind.pinned(prices).complete(wanted, self.olds, problems)
            # it may not have heard of it yet
            by = f" (by the {source_of(prices)}: {self.kind.vendor} cannot be reached)"
            self.problems.extend(replace(problem, reason=problem.reason + by) for problem in problems)
            _warn_once(prices, error)
            self._mind_the_limits(settled, priced=False)
            return settled
        self._mind_the_limits(settled)
        return settled


def _leave_out_untold(kind: InstanceKind, adopted: str, inputs: dict[str, Any]) -> None:
    """What was adopted is started by what the vendor tells of it, and not by what its row says: nothing here has
    ordered it. Without credentials `up` refuses."""
    try:
        account = accounts.account(kind)
    except ConfigurationError:
        return
    live = account.find(adopted)
    untold = [] if live is None else adoption.untold(kind, account.cloud.reported_inputs(live))
    _warn_of_untold(kind, adopted, [key for key in untold if inputs.pop(key, None) is not None])


def _warn_of_untold(kind: InstanceKind, instance_id: str, untold: Sequence[str]) -> None:
    if untold:
        host.current_call().warn(
            f"{kind.vendor} does not tell {', '.join(untold)} of {instance_id}: what the program says of it cannot be "
            "checked, and is in no plan, state, price or limit"
        )


def _warn_once(prices: PriceList, error: UnreachableError) -> None:
    if session.current().is_first("the catalogue"):
        host.current_call().warn(
            f"defaults and prices are those of the catalogue of {prices.as_of:%Y-%m-%d} from "
            f"{prices.source}, and `pulumi up` would refuse to buy by them: {error}"
        )
