"""Check: everything that can be known before money is spent, the vendor's defaults, and the price.

It is a fixpoint: as long as nothing that matters to the purchase changes, what was computed once stays as it is and the
market is not asked, so that a moved price, a changed recommendation or an API that is down never touches what runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from pulumi.dynamic import CheckFailure, CheckResult

from pulumi_cortecs.clouds.cortecs import Instance, Model
from pulumi_cortecs.cost.limits_file import LimitsError
from pulumi_cortecs.cost.pricelist import CatalogueError
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, UnreachableError
from pulumi_cortecs.lifecycle.phases import UnknownStatusError
from pulumi_cortecs.provider import accounts, host, pinned
from pulumi_cortecs.provider.accounts import INSTANCE_TYPE
from pulumi_cortecs.provider.cortecs import adoption, judged, leftovers, quoted, second_line, sharing
from pulumi_cortecs.provider.cortecs.arguments import (
    IN_PLACE,
    INPUTS,
    PURCHASE,
    default,
    read_arguments,
    same,
    without_defaults,
)
from pulumi_cortecs.provider.cortecs.properties import LATER, Problem, unknown
from pulumi_cortecs.provider.likeness import meant
from pulumi_cortecs.provider.market import Market
from pulumi_cortecs.provider.pinned import PinnedMarket

_Market: TypeAlias = Market | PinnedMarket

_USUAL_CONTEXT: Final = 32_000
_MOST_NAMED: Final = 12
_DEFAULTED: Final = ("billing_interval", "num_workers")

_warned_of_catalogue = threading.Lock()
"""Taken by the one warning of this process, and never released."""


class CheckError(Exception):
    """The check itself could not be made."""


def check(olds: Mapping[str, Any], news: Mapping[str, Any]) -> CheckResult:
    """Validates, fills in what the vendor would choose, and quotes. Problems come as CheckFailures on their property,
    as many at once as can be told.

    Raises CheckError when the market cannot be asked, and for a resource that is not of our type.
    """
    call = host.current_call()
    if call.resource_type and call.resource_type != INSTANCE_TYPE:
        raise CheckError(f"this provider serves {INSTANCE_TYPE} only, not {call.resource_type}")
    leftovers.tell()
    given, problems = read_arguments({key: value for key, value in news.items() if key != "quote"})
    if "quote" in news and news["quote"] != olds.get("quote"):
        problems.append(Problem("quote", "is computed from the market's prices, never taken from a program"))
    shown = None if olds else judged.of(call.urn)
    shop = _Shop(given, olds, problems)
    try:
        if shown is not None:
            return _result(*shop.settle_as(shown))
        inputs = shop.settle()
    except (CloudError, UnknownStatusError, LimitsError, CatalogueError) as error:
        if problems:
            return _result(dict(news), problems)
        if olds or shown is not None or not isinstance(error, UnreachableError):
            raise CheckError(f"cannot check what this would buy, so nothing was bought or changed: {error}") from None
        # a preview without network; check is not told what it serves, and create refuses what was never settled
        call.warn(f"what this would be and cost is not known, and `pulumi up` would refuse to buy it: {error}")
        inputs = _unsettled(given)
    if problems:
        return _result(dict(news), problems)
    quoted.note(call.urn, inputs)
    if olds:
        judged.remember(call.urn, inputs, adopts=shop.adopts)
    return _result(inputs, [])


def _unsettled(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is known without asking anybody. The rest is left out: an `up` takes no unknown from check."""
    return {**{key: default(key) for key in (*_DEFAULTED, *IN_PLACE, "adopt_id")}, **given}


def _result(inputs: Mapping[str, Any], problems: Iterable[Problem]) -> CheckResult:
    failures = [CheckFailure(problem.property, problem.reason) for problem in problems]
    return CheckResult(without_defaults(inputs), failures)


@dataclass
class _Shop:
    """One check against the market: `given` is what the program says, `olds` what was checked last time. What is wrong
    is added to `problems`."""

    given: Mapping[str, Any]
    olds: Mapping[str, Any]
    problems: list[Problem]
    adopts: bool = False
    """Whether what there was is replaced by an instance that runs already."""

    def settle(self) -> dict[str, Any]:
        """All inputs with defaults and quote, to be used unless there are problems.

        Raises CloudError and UnknownStatusError.
        """
        wanted: dict[str, Any] = {**{key: default(key) for key in (*IN_PLACE, "adopt_id")}, **self.given}
        adopted = self.olds.get("adopt_id")
        if not adopted:  # what an instance was adopted with stays, also when the program never said it
            wanted = {**{key: default(key) for key in _DEFAULTED}, **wanted}
        compared = [key for key in PURCHASE if key in wanted and not (adopted and key not in self.olds)]
        changed = [key for key in compared if not same(wanted[key], self.olds.get(key))]
        if not self.olds or changed:
            adopt_id = wanted["adopt_id"]
            if adopt_id and adopt_id == adopted:
                self.problems.append(Problem("adopt_id", judged.ONCE_ONLY.format(adopted)))
                return wanted
            if adopt_id:
                return self._adopt(adopt_id)
            self._mind_the_state(wanted["state"], changed)
            wanted = {**{key: self.olds.get(key, default(key)) for key in _DEFAULTED}, **wanted}
            return self._shop_for(wanted)
        if adopted:
            adoption.keep(adopted, host.current_call().urn)
            _warn_of_untold(adopted, [key for key in PURCHASE if key in self.given and key not in self.olds])
        if adopted and self.given.get("adopt_id") == adopted:
            adoption.want(adopted)  # a replacement that was killed in the middle may have left a second row of it
        kept = {key: self.olds[key] for key in (*PURCHASE, "quote") if key in self.olds}
        result = {**kept, **{key: wanted[key] for key in IN_PLACE}, "adopt_id": adopted or ""}
        if wanted["state"] != "running":
            return result
        if self.olds.get("state") == "stopped":
            market = accounts.market()
            if adopted:
                _leave_out_untold(adopted, result)
            if "hardware_type_id" in result:
                self._mind_the_offer(market, result["hardware_type_id"])
            result["quote"] = _quote(market, result)
            self._mind_the_limits(result)
        elif not same(self.olds.get("restart_trigger", ""), wanted["restart_trigger"]):
            # a restart stops first: what cannot be had again is better left running
            self._mind_the_hardware(accounts.market(), None, result.get("hardware_type_id", LATER))
        return result

    def settle_as(self, shown: judged.Judged) -> tuple[dict[str, Any], list[Problem]]:
        """The same for a replacement's second check: what was judged, and what speaks against it now.

        Raises LimitsError, CloudError and UnknownStatusError.
        """
        inputs, self.problems = judged.second_check(self.given, self.problems, shown)
        if not self.problems:  # what is refused here is refused before the old instance is ended
            self._mind_the_limits(inputs, inputs.get("adopt_id") or None)
        return inputs, self.problems

    def _mind_the_limits(self, wanted: Mapping[str, Any], adopt_id: str | None = None, *, priced: bool = True) -> None:
        """What is bought, started or adopted, against the limits of this machine; `priced` is False where no price of
        today is to be had."""
        billed = adopt_id is None or wanted["state"] != "stopped"
        priced = priced and not self.problems
        self.problems.extend(second_line.problems(wanted, adopt_id, billed=billed, priced=priced))

    def _adopt(self, adopt_id: Any) -> dict[str, Any]:
        """The inputs that describe the running instance, as far as the program does not."""
        self.adopts = bool(self.olds)
        wanted: dict[str, Any] = {**{key: default(key) for key in IN_PLACE}, **self.given}
        if unknown(adopt_id):
            return {**dict.fromkeys(INPUTS, LATER), **wanted}
        live = self._running(adopt_id)
        if live is None:
            return wanted
        adoption.want(adopt_id)
        sharing.warn_of_owner(adopt_id)
        settled, problems = adoption.settle(wanted, live)
        self.problems.extend(problems)
        untold = adoption.untold(live)
        missing = [key for key in untold if key not in wanted]
        self.problems.extend(Problem(key, f"is required: Cortecs does not tell it of {adopt_id}") for key in missing)
        _warn_of_untold(adopt_id, untold)
        hardware_type_id = settled.get("hardware_type_id")
        # what is not on the price list any more runs on all the same
        priced = unknown(hardware_type_id) or hardware_type_id in accounts.market().hardware_types()
        settled["quote"] = _quote(accounts.market(), settled) if priced else {}
        self._mind_the_limits(settled, adopt_id)
        return settled

    def _running(self, adopt_id: str) -> Instance | None:
        """The instance to adopt, None for one that is not there, or that nobody may look at without credentials."""
        try:
            account = accounts.account()
        except ConfigurationError as error:
            if self.olds:
                raise
            host.current_call().warn(f"{adopt_id} cannot be looked at, and `pulumi up` would refuse it: {error}")
            return None
        live = account.find(adopt_id)
        if live is None:
            reason = f"there is no Cortecs instance {adopt_id!r} in this account; leave adopt_id out to buy a new one"
            self.problems.append(Problem("adopt_id", reason))
        return live

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
        problems = len(self.problems)
        try:
            settled = self._completed(accounts.market(), wanted)
        except UnreachableError as error:
            if self.olds:
                raise
            del self.problems[problems:]
            catalogue = pinned.instead_of(accounts.market().base_url, error, os.environ, Path.cwd())
            settled = self._completed(catalogue, wanted)
            _warn_once(catalogue, error)
            self._mind_the_limits(settled, priced=False)
            return settled
        self._mind_the_limits(settled)
        return settled

    def _completed(self, market: _Market, given: Mapping[str, Any]) -> dict[str, Any]:
        """Defaults and quote; what cannot be told yet is left to a later check."""
        wanted = dict(given)
        model = self._model(market, wanted["model_id"])
        if model is not None:
            wanted.setdefault("hardware_type_id", self._hardware_for(model))
        hardware_type_id = wanted.setdefault("hardware_type_id", LATER)
        if self._mind_the_hardware(market, model, hardware_type_id) and model is not None:
            self._settle_context(market, model, wanted)
        wanted.setdefault("context_length", LATER)
        wanted["quote"] = _quote(market, wanted)
        return wanted

    def _model(self, market: _Market, model_id: Any) -> Model | None:
        """The model, None while it is unknown and for one that is not on offer."""
        if unknown(model_id):
            return None
        on_offer = market.model_ids()
        if model_id in on_offer:
            return market.model(model_id)
        self._refuse(market, "model_id", f"Cortecs has no model {model_id!r}{_nearest(model_id, on_offer)}")
        return None

    def _hardware_for(self, model: Model) -> str | None:
        """What the vendor would choose; what runs now is kept as long as it fits."""
        now = self.olds.get("hardware_type_id")
        return now if now in model.hardware_configs else model.recommended_config

    def _mind_the_hardware(self, market: _Market, model: Model | None, hardware_type_id: Any) -> bool:
        """Whether this hardware is known and can be had for the model, as far as that is known."""
        if unknown(hardware_type_id):
            return False
        fitting = sorted(market.hardware_types() if model is None else model.hardware_configs)
        if hardware_type_id is None and model is not None:
            reason = f"is required: Cortecs recommends none for {model.model_id}; it runs on {_some(fitting)}"
        elif not self._mind_the_offer(market, hardware_type_id):
            return False
        elif model is not None and hardware_type_id not in model.hardware_configs:
            reason = f"{model.model_id} does not run on {hardware_type_id}; it runs on {_some(fitting)}"
        elif hardware_type_id not in (in_stock := market.in_stock()):
            others = _some([each for each in fitting if each in in_stock])
            reason = f"{hardware_type_id} is out of stock; in stock is {others}"
        else:
            return True
        self._refuse(market, "hardware_type_id", reason)
        return False

    def _mind_the_offer(self, market: _Market, hardware_type_id: str) -> bool:
        """Whether this hardware is on the price list."""
        known = market.hardware_types()
        if hardware_type_id not in known:
            reason = f"Cortecs has no hardware type {hardware_type_id!r}{_nearest(hardware_type_id, known)}"
            self._refuse(market, "hardware_type_id", reason)
        return hardware_type_id in known

    def _settle_context(self, market: _Market, model: Model, wanted: dict[str, Any]) -> None:
        longest = model.longest_context(wanted["hardware_type_id"])
        length = wanted.get("context_length")
        if length is None:
            now = self.olds.get("context_length")
            fits = now is not None and (longest is None or now <= longest)
            wanted["context_length"] = now if fits else min(_USUAL_CONTEXT, longest or _USUAL_CONTEXT)
        elif not unknown(length) and longest is not None and length > longest:
            reason = f"{model.model_id} on {wanted['hardware_type_id']} takes at most {longest} tokens; got {length}"
            self._refuse(market, "context_length", reason)

    def _refuse(self, market: _Market, key: str, reason: str) -> None:
        """What is not on offer; a catalogue may not have heard of it yet."""
        by = f" (by the {market.source}: Cortecs cannot be reached)" if isinstance(market, PinnedMarket) else ""
        self.problems.append(Problem(key, reason + by))


def _quote(market: _Market, wanted: Mapping[str, Any]) -> Any:
    """The price, unknown as long as anything that it depends on is; {}, which is none, where that is not told."""
    decisive = [wanted.get(key) for key in ("hardware_type_id", "billing_interval", "num_workers")]
    if unknown(*decisive):
        return LATER
    return {} if None in decisive else quoted.by(market, wanted) or LATER


def _leave_out_untold(adopted: str, inputs: dict[str, Any]) -> None:
    """What was adopted is started by what Cortecs tells of it, and not by what its row says: nothing here has ordered
    it. Without credentials `up` refuses."""
    try:
        live = accounts.account().find(adopted)
    except ConfigurationError:
        return
    untold = [] if live is None else adoption.untold(live)
    _warn_of_untold(adopted, [key for key in untold if inputs.pop(key, None) is not None])


def _warn_of_untold(instance_id: str, untold: Sequence[str]) -> None:
    if untold:
        host.current_call().warn(
            f"Cortecs does not tell {', '.join(untold)} of {instance_id}: what the program says of it cannot be "
            "checked, and is in no plan, state, price or limit"
        )


def _warn_once(catalogue: PinnedMarket, error: UnreachableError) -> None:
    if _warned_of_catalogue.acquire(blocking=False):
        host.current_call().warn(
            f"defaults and prices are those of the catalogue of {catalogue.prices.as_of:%Y-%m-%d} from "
            f"{catalogue.prices.source}, and `pulumi up` would refuse to buy by them: {error}"
        )


def _nearest(value: str, known: Iterable[str]) -> str:
    ids = sorted(known)
    near = meant(value, ids)
    return (f"; did you mean {near}?" if near else ".") + f" On offer: {_some(ids)}"


def _some(ids: Sequence[str]) -> str:
    return (", ".join(ids[:_MOST_NAMED]) + (", ..." if len(ids) > _MOST_NAMED else "")) or "nothing"
