"""Check: everything that can be known before money is spent, the vendor's defaults, and the price.

It is a fixpoint: as long as nothing that matters to the purchase changes, what was computed once stays as it is and the
market is not asked, so that a moved price, a changed recommendation or an API that is down never touches what runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from pulumi.dynamic import CheckFailure, CheckResult
from pulumi.output import Unknown

from pulumi_cortecs.clouds.cortecs import Model
from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.cost import BillingInterval, quote
from pulumi_cortecs.provider import accounts, host
from pulumi_cortecs.provider.cortecs import judged
from pulumi_cortecs.provider.cortecs.arguments import PURCHASE, Problem, default, read_arguments, same
from pulumi_cortecs.provider.market import Market

INSTANCE_TYPE: Final = "pulumi-python:dynamic/cortecs:Instance"
_LATER: Final[Any] = Unknown()  # type: ignore[no-untyped-call]
_USUAL_CONTEXT: Final = 32_000
_MOST_NAMED: Final = 12


class CheckError(Exception):
    """The check itself could not be made."""


def check(olds: Mapping[str, Any], news: Mapping[str, Any]) -> CheckResult:
    """Validates, fills in what the vendor would choose, and quotes. Problems come as CheckFailures on their property.

    Raises CheckError when the market cannot be asked, and for a resource that is not of our type.
    """
    call = host.current_call()
    if call.resource_type and call.resource_type != INSTANCE_TYPE:
        raise CheckError(f"this provider serves {INSTANCE_TYPE} only, not {call.resource_type}")
    given, problems = read_arguments({key: value for key, value in news.items() if key != "quote"})
    if "quote" in news and news["quote"] != olds.get("quote"):
        problems.append(Problem("quote", "is computed from the market's prices, never taken from a program"))
    if problems:
        return _result(dict(news), problems)
    shown = None if olds else judged.of(call.urn)
    if shown is not None:
        return _result(shown, _departures(given, shown))
    shop = _Shop(given, olds)
    try:
        inputs = shop.settle()
    except CloudError as error:
        raise CheckError(f"cannot check what this would buy, so nothing was bought or changed: {error}") from None
    if olds and not shop.problems:
        judged.remember(call.urn, inputs)
    return _result(inputs, shop.problems)


def bought_differs(props: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """The arguments of a purchase that are not what was judged."""
    return [key for key in PURCHASE if not same(props.get(key), shown.get(key))]


def _departures(given: Mapping[str, Any], shown: Mapping[str, Any]) -> list[Problem]:
    """Where a replacement would buy something else than was shown to policies and reviewers."""
    return [
        Problem(
            key,
            f"the replacement was judged with {shown.get(key)!r}, and the program says {given[key]!r} "
            "(ignore_changes or a policy's remediation is undone when a resource is replaced); nothing was bought or "
            "deleted. Write the value that you want into the program",
        )
        for key in PURCHASE
        if key in given and not same(given[key], shown.get(key))
    ]


def _result(inputs: dict[str, Any], problems: Iterable[Problem]) -> CheckResult:
    return CheckResult(inputs, [CheckFailure(problem.property, problem.reason) for problem in problems])


@dataclass
class _Shop:
    """One check against the market: `given` is what the program says, `olds` what was checked last time."""

    given: dict[str, Any]
    olds: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)

    def settle(self) -> dict[str, Any]:
        """All inputs with defaults and quote; `problems` tells whether they can be used. Raises CloudError."""
        wanted = {key: self.given.get(key, default(key)) for key in ("billing_interval", "num_workers")}
        wanted |= {key: self.given.get(key, default(key)) for key in ("state", "restart_trigger")}
        wanted |= {key: self.given[key] for key in PURCHASE if key in self.given}
        changed = [key for key in PURCHASE if key in wanted and not same(wanted[key], self.olds.get(key))]
        if not self.olds or changed:
            self._mind_the_state(wanted["state"], changed)
            return wanted if self.problems else self._shop_for(wanted)
        kept = {key: self.olds[key] for key in (*PURCHASE, "quote") if key in self.olds}
        result = {**kept, "state": wanted["state"], "restart_trigger": wanted["restart_trigger"]}
        if self.olds.get("state") == "stopped" and wanted["state"] == "running":
            result["quote"] = self._quote(accounts.market(), result)
        return result

    def _mind_the_state(self, state: Any, changed: Sequence[str]) -> None:
        if state != "stopped":
            return
        if not self.olds:
            text = (
                "an instance cannot be created stopped: creating it buys and boots it; leave state out, stop it later"
            )
            self.problems.append(Problem("state", text))
        elif not any(isinstance(self.given.get(key), Unknown) for key in changed):
            text = (
                "a stopped instance cannot be replaced: that would buy and boot a new one; "
                "set state to 'running' first, or remove the resource"
            )
            self.problems.extend(Problem(key, text) for key in changed)

    def _shop_for(self, wanted: dict[str, Any]) -> dict[str, Any]:
        market = accounts.market()
        model_id = wanted["model_id"]
        if isinstance(model_id, Unknown):
            for key in ("hardware_type_id", "context_length"):
                wanted.setdefault(key, _LATER)
        else:
            model = self._model(market, model_id)
            if model is None:
                return wanted
            wanted.setdefault("hardware_type_id", self._hardware_for(model))
            self._mind_the_hardware(market, model, wanted["hardware_type_id"])
            if self.problems:
                return wanted
            self._settle_context(model, wanted)
        wanted["quote"] = self._quote(market, wanted)
        return wanted

    def _model(self, market: Market, model_id: str) -> Model | None:
        on_offer = market.model_ids()
        if model_id in on_offer:
            return market.model(model_id)
        self.problems.append(Problem("model_id", f"Cortecs has no model {model_id!r}{_nearest(model_id, on_offer)}"))
        return None

    def _hardware_for(self, model: Model) -> str | None:
        """What the vendor would choose; what runs now is kept as long as it fits."""
        now = self.olds.get("hardware_type_id")
        return now if now in model.hardware_configs else model.recommended_config

    def _mind_the_hardware(self, market: Market, model: Model, hardware_type_id: Any) -> None:
        if isinstance(hardware_type_id, Unknown):
            return
        fitting = ", ".join(sorted(model.hardware_configs)[:_MOST_NAMED]) or "nothing on offer"
        known = market.hardware_types()
        if hardware_type_id is None:
            reason = f"is required: Cortecs recommends none for {model.model_id}; it runs on {fitting}"
        elif hardware_type_id not in known:
            reason = f"Cortecs has no hardware type {hardware_type_id!r}{_nearest(hardware_type_id, known)}"
        elif hardware_type_id not in model.hardware_configs:
            reason = f"{model.model_id} does not run on {hardware_type_id}; it runs on {fitting}"
        elif hardware_type_id not in (in_stock := market.in_stock()):
            others = ", ".join(sorted(set(model.hardware_configs) & set(in_stock))) or "nothing that fits the model"
            reason = f"{hardware_type_id} is out of stock; in stock is {others}"
        else:
            return
        self.problems.append(Problem("hardware_type_id", reason))

    def _settle_context(self, model: Model, wanted: dict[str, Any]) -> None:
        hardware_type_id = wanted["hardware_type_id"]
        if isinstance(hardware_type_id, Unknown):
            wanted.setdefault("context_length", _LATER)
            return
        longest = model.longest_context(hardware_type_id)
        length = wanted.get("context_length")
        if length is None:
            now = self.olds.get("context_length")
            fits = now is not None and (longest is None or now <= longest)
            wanted["context_length"] = now if fits else min(_USUAL_CONTEXT, longest or _USUAL_CONTEXT)
        elif not isinstance(length, Unknown) and longest is not None and length > longest:
            reason = f"{model.model_id} on {hardware_type_id} takes at most {longest} tokens; got {length}"
            self.problems.append(Problem("context_length", reason))

    def _quote(self, market: Market, wanted: Mapping[str, Any]) -> Any:
        parts = (wanted["hardware_type_id"], wanted["billing_interval"], wanted["num_workers"])
        if any(isinstance(part, Unknown) for part in parts):
            return _LATER
        hardware_type_id, interval, workers = parts
        hardware = market.hardware_types().get(hardware_type_id)
        if hardware is None:
            known = _nearest(hardware_type_id, market.hardware_types())
            self.problems.append(
                Problem("hardware_type_id", f"Cortecs has no hardware type {hardware_type_id!r}{known}")
            )
            return _LATER
        return quote(hardware, BillingInterval(interval), int(workers), source="live").as_property()


def _nearest(value: str, known: Iterable[str]) -> str:
    ids = sorted(known)
    near = get_close_matches(value, ids, n=1, cutoff=0.5)
    listed = ", ".join(ids[:_MOST_NAMED]) + (", ..." if len(ids) > _MOST_NAMED else "")
    return (f"; did you mean {near[0]}?" if near else ".") + f" On offer: {listed or 'nothing'}"
