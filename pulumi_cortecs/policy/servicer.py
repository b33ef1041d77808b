"""The server of a pack: it connects Pulumi's analyzer protocol with the judge.

It uses pulumi-policy's proxies, but not its server, which cannot do four things that mandatory rules need: see
`__provider` without rewriting the resource, be configured strictly and only once, treat an invalid number as a
violation instead of crashing, and read a resource once for all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Lock, Thread
from typing import Final, TypeAlias

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from pulumi_cortecs.policy import wire
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.finding import Finding
from pulumi_cortecs.policy.held import Holdings, Stock
from pulumi_cortecs.policy.judge import Judge
from pulumi_cortecs.policy.limits import LimitsError, read_limits
from pulumi_cortecs.policy.observed import ObservedResources
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.property_reader import ProxiedProperties, read, reveal_secrets
from pulumi_cortecs.policy.purchase import Purchase
from pulumi_cortecs.policy.resource_types import ObservedResource, ProviderOrigin
from pulumi_cortecs.policy.rule import Rule, RuleContext, Subject
from pulumi_cortecs.policy.rules.catalogue import CATALOGUE_DIGEST, Pin
from pulumi_cortecs.policy.sums import HeldPrices, RunningSum, sum_of
from pulumi_cortecs.policy.wire import PackInfo

_PROVIDER_KEY: Final = "__provider"
_AnyResource: TypeAlias = analyzer_pb2.AnalyzeRequest | analyzer_pb2.AnalyzerResource
ReadHoldings: TypeAlias = Callable[[str, str, str], Holdings]
"""A function that reads the holdings of organization, project and stack. It raises nothing."""


class PackServicer(analyzer_pb2_grpc.AnalyzerServicer):
    """One pack during one operation. `prices` loads the catalogue of the limits; `now` is the time (UTC); `log`
    receives the rules with their limits, in short and in full, once; `holdings` reads the stack's state, once."""

    def __init__(
        self,
        pack: PackInfo,
        rules: tuple[Rule, ...],
        prices: Callable[[Pin], PinnedPrices],
        now: Callable[[], datetime],
        log: Callable[[str, str], None],
        holdings: ReadHoldings,
    ) -> None:
        self._prices = prices
        self._pack = pack
        self._rules = rules
        self._now = now
        self._log = log
        self._lock = Lock()
        self._configured = False
        self._stack_known = False
        self._previews = False
        # until it is configured it has no limits, and refuses everything
        self._limits = read_limits(rules, {})
        self._judge = self._new_judge()
        self._observed = ObservedResources()
        self._running = RunningSum()
        self._read_holdings = holdings
        self._holdings: Future[Holdings] = Future()
        self._stock: Stock | None = None
        self._reported = False

    def GetAnalyzerInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> analyzer_pb2.AnalyzerInfo:
        """The rules of the pack, for the engine's own checks and summaries."""
        return wire.analyzer_info(self._pack, self._rules)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version of this package."""
        return plugin_pb2.PluginInfo(version=self._pack.version)

    def ConfigureStack(
        self, request: analyzer_pb2.AnalyzerStackConfigureRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerStackConfigureResponse:
        """Accepts the stack, and whether this is a preview, only once, because a program can reach this port, and must
        not change them. Reads the stack's state while the program starts."""
        with self._lock:
            again, self._stack_known = self._stack_known, True
        if again:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this pack knows its stack already")
        self._previews = request.dry_run
        self._judge = self._new_judge()
        if any(rule.subject is Subject.SUM for rule in self._rules) and request.stack:
            Thread(target=self._read_state, args=(request,), daemon=True).start()
        else:
            self._holdings.set_result(Holdings())
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Configure(
        self, request: analyzer_pb2.ConfigureAnalyzerRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Accepts the limits only once, because a program can reach this port, and must not replace them."""
        try:
            limits = read_limits(self._rules, wire.read_configs(request))
        except (LimitsError, ValueError) as error:  # an invalid number
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        with self._lock:
            again, self._configured = self._configured, True
        if again:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this pack has its limits already, and keeps them")
        self._limits = limits
        self._judge = self._new_judge()
        self._log(*self._in_force())
        return empty_pb2.Empty()

    def Remediate(
        self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.RemediateResponse:
        """Records whose code serves the resource: this is the only call with `__provider`. Changes nothing."""
        published_type = RESOURCE_TYPES.get(request.type)
        fields = request.properties.fields
        if published_type is not None and not fields:
            self._observed.record_empty(request.urn)
        elif published_type is not None:
            shown = fields[_PROVIDER_KEY].string_value if _PROVIDER_KEY in fields else ""
            self._observed.record_provider(
                request.urn, ProviderOrigin.PUBLISHED if shown in published_type.providers else ProviderOrigin.FOREIGN
            )
        return analyzer_pb2.RemediateResponse()

    def Analyze(
        self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        """Judges one resource before the engine acts on it."""
        if not request.properties.fields and self._observed.is_empty(request.urn):
            return analyzer_pb2.AnalyzeResponse()
        findings = self._judge.judge_resource(self._observed_resource(request))
        purchase = self._purchase(request)
        if purchase is not None:
            findings += self._judge.judge_purchase(purchase, partial(self._running.without, purchase.urn))
            self._observed.record_judged(purchase)
            if self._previews:
                self._running.add(purchase)
            else:
                # in an `up`, a program can make other resources than in its preview: the sum must not wait
                adds = not self._is_held(request)
                findings += self._judge.judge_sum(
                    self._running.add(purchase, adds=adds, held=self._held()), purchase.urn
                )
        return self._response(findings)

    def AnalyzeStack(
        self, request: analyzer_pb2.AnalyzeStackRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        """Judges the sum, and purchases that were not judged in this form before: this call shows the real result of a
        replacement."""
        made = [resource for resource in request.resources if resource.properties.fields]
        bought = [(resource, purchase) for resource in made if (purchase := self._purchase(resource)) is not None]
        purchases = [purchase for _, purchase in bought]
        other = [purchase for purchase in purchases if not self._observed.is_already_judged(purchase)]
        findings = [
            finding
            for purchase in other
            for finding in self._judge.judge_purchase(purchase, partial(self._running.without, purchase.urn))
        ]
        if purchases:
            added = [purchase for resource, purchase in bought if not self._is_held(resource)]
            findings += self._judge.judge_sum(sum_of(purchases, added, self._held()))
        return self._response(findings)

    def _observed_resource(self, resource: _AnyResource) -> ObservedResource:
        return ObservedResource(
            urn=resource.urn,
            resource_type=resource.type,
            published_type=RESOURCE_TYPES.get(resource.type),
            provider=self._observed.provider_of(resource.urn),
            ignore_changes=tuple(resource.options.ignoreChanges),
        )

    def _purchase(self, resource: _AnyResource) -> Purchase | None:
        published_type = RESOURCE_TYPES.get(resource.type)
        if published_type is None or published_type.extract is None:
            return None
        return published_type.extract(
            resource.urn, resource.name, read(resource.properties), self._judge.context.prices
        )

    def _read_state(self, request: analyzer_pb2.AnalyzerStackConfigureRequest) -> None:
        try:
            self._holdings.set_result(self._read_holdings(request.organization, request.project, request.stack))
        except (
            Exception
        ) as error:  # an exception would end the thread silently, and every call would wait for its result
            self._holdings.set_result(Holdings(problem=f"unexpected {type(error).__name__}: {error}"))

    def _initial_stock(self) -> Stock:
        """The instances in the state when the run began; none for an audit, which shows the state's resources
        itself."""
        holdings = self._holdings.result() if self._stack_known else Holdings()
        with self._lock:
            if self._stock is None:
                self._stock = Stock(holdings, self._held_purchases(holdings))
            return self._stock

    def _held_purchases(self, holdings: Holdings) -> Iterable[Purchase]:
        for instance in holdings.instances:
            extract = RESOURCE_TYPES[instance.resource_type].extract
            if extract is not None:
                yield extract(instance.urn, "", ProxiedProperties(instance.arguments), self._judge.context.prices)

    def _is_held(self, resource: _AnyResource) -> bool:
        stock = self._initial_stock()
        return stock.has(
            resource.urn, RESOURCE_TYPES[resource.type].arguments, lambda: reveal_secrets(resource.properties)
        )

    def _held(self) -> HeldPrices:
        """The prices in the state. A problem with reading it is reported once."""
        held = self._initial_stock().held
        with self._lock:
            is_reported, self._reported = self._reported, True
        return replace(held, is_reported=is_reported)

    def _response(self, findings: list[Finding]) -> analyzer_pb2.AnalyzeResponse:
        return analyzer_pb2.AnalyzeResponse(diagnostics=wire.diagnostics(self._pack, findings))

    def _new_judge(self) -> Judge:
        pin = self._limits.of(CATALOGUE_DIGEST, Pin) or Pin()
        return Judge(self._limits, RuleContext(self._prices(pin), self._now()), self._previews)

    def _in_force(self) -> tuple[str, str]:
        prices, name = self._judge.context.prices, self._pack.name
        in_full = "\n".join([f"{name} judges by:", *(f"  {line}" for line in self._limits.describe())])
        return f"{name}: {self._limits.summary()}; {prices.summary}", in_full
