"""Tests of rules: a pack as it really runs, in your test's own process, without an engine.

    bench = PackTester("guard", limits)
    assert_denied(bench.preview(cortecs_instance(num_workers=8)), "workers-max", "6 too many")

Resources pass through the same messages and pulumi-policy proxies as those of the engine, so `unknown()`, `secret(...)`
and `MISSING` behave the same. A test takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import BillingInterval, quote
from pulumi_cortecs.cost.catalogue import Catalogue, load
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.policy.finding import UNJUDGED
from pulumi_cortecs.policy.held import HeldInstance, Holdings
from pulumi_cortecs.policy.pinned import SHIPPED, PinnedPrices
from pulumi_cortecs.policy.registry import rules_of
from pulumi_cortecs.policy.rule import Level, Rule
from pulumi_cortecs.policy.servicer import PackServicer
from pulumi_cortecs.policy.wire import PackInfo

INSTANCE: Final = TOKENS["cortecs.Instance"]
ENDPOINT: Final = TOKENS["cortecs.Endpoint"]
SHADEFORM_INSTANCE: Final = TOKENS["shadeform.Instance"]
SHADEFORM_VOLUME: Final = TOKENS["shadeform.Volume"]
GCORE_DEPLOYMENT: Final = TOKENS["gcore.InferenceDeployment"]
MISSING: Final = object()
"""The value of a property that is left out."""

_PUBLISHED: Final = "published"
_LEVELS: Final = {
    "advisory": analyzer_pb2.ADVISORY,
    "mandatory": analyzer_pb2.MANDATORY,
    "disabled": analyzer_pb2.DISABLED,
    "remediate": analyzer_pb2.REMEDIATE,
}


def unknown() -> str:
    """A value that only `up` will know."""
    return UNKNOWN_STRING_VALUE


def secret(value: Any) -> dict[str, Any]:
    """A secret value."""
    return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": value}


def sample_catalogue() -> Catalogue:
    """The catalogue of the simulator; its prices are invented."""
    return load(SHIPPED / "simulator.lock.yaml")


@dataclass(frozen=True)
class Resource:
    """One resource as the engine shows it to a pack. `provider` is its `__provider`, None for none."""

    resource_type: str
    name: str
    properties: Mapping[str, Any]
    provider: Any
    ignore_changes: tuple[str, ...] = ()
    stack: str = "test"
    project: str = "tests"

    @property
    def urn(self) -> str:
        """The URN that the engine gives it."""
        return f"urn:pulumi:{self.stack}::{self.project}::{self.resource_type}::{self.name}"


def resource(
    resource_type: str,
    name: str = "thing",
    *,
    provider: Any = _PUBLISHED,
    ignore_changes: Iterable[str] = (),
    stack: str = "test",
    **properties: Any,
) -> Resource:
    """Any resource. `provider`: what its `__provider` is; that of our published class by default."""
    present = {key: value for key, value in properties.items() if value is not MISSING}
    if provider is _PUBLISHED:
        provider = min(RESOURCE_TYPES[resource_type].providers) if resource_type in RESOURCE_TYPES else None
    return Resource(resource_type, name, present, provider, tuple(ignore_changes), stack)


def cortecs_instance(name: str = "chat", **changes: Any) -> Resource:
    """A Cortecs instance as check has completed it: one worker of NVIDIA_L4_1 for Qwen2-7B, with a quote.

    `changes` replace these properties; `MISSING` leaves one out. `provider`, `ignore_changes` and `stack` as in
    `resource`.
    """
    properties: dict[str, Any] = {
        "model_id": "Qwen--Qwen2-7B-Instruct",
        "hardware_type_id": "NVIDIA_L4_1",
        "context_length": 32000,
        "billing_interval": "per_minute",
        "num_workers": 1,
        "state": "running",
        "restart_trigger": "",
        **changes,
    }
    if "quote" not in properties and (live := _quoted(properties)) is not None:
        properties["quote"] = live
    return resource(INSTANCE, name, **properties)


def shadeform_instance(name: str = "chat", **changes: Any) -> Resource:
    """A Shadeform instance as check has completed it: an A6000 of Hyperstack in Montreal, with a quote.

    `changes` as in `cortecs_instance`.
    """
    properties: dict[str, Any] = {
        "cloud": "hyperstack",
        "region": "montreal-canada-2",
        "shade_instance_type": "A6000",
        "shade_cloud": True,
        "os": "ubuntu22.04_cuda12.2_shade_os",
        "state": "running",
        **changes,
    }
    live = _quoted_at_shadeform(properties, properties["shade_instance_type"], 1)
    return resource(SHADEFORM_INSTANCE, name, **({"quote": live} if live else {}) | properties)


def shadeform_volume(name: str = "weights", **changes: Any) -> Resource:
    """A Shadeform volume as check has completed it: 100 GB of Hyperstack in Montreal, with a quote.

    `changes` as in `cortecs_instance`.
    """
    properties: dict[str, Any] = {
        "cloud": "hyperstack",
        "region": "montreal-canada-2",
        "size_in_gb": 100,
        **changes,
    }
    live = _quoted_at_shadeform(properties, "volume", properties["size_in_gb"])
    return resource(SHADEFORM_VOLUME, name, **({"quote": live} if live else {}) | properties)


def gcore_deployment(name: str = "chat", **changes: Any) -> Resource:
    """A Gcore deployment as check has completed it: 0 to 1 replicas with an L40S in Luxembourg, with a key and a quote.

    `changes` as in `cortecs_instance`.
    """
    properties: dict[str, Any] = {
        "flavor_name": "inference-16vcpu-232gib-1xl40s-48gb",
        "image": "vllm/vllm-openai:latest",
        "listening_port": 8000,
        "containers": [gcore_container("luxembourg-1")],
        "api_keys": ["team-key"],
        "state": "running",
        **changes,
    }
    try:
        count = sum(one["scale"]["max"] for one in properties["containers"])
    except (TypeError, KeyError):
        count = None
    live = _quote("gcore", properties["flavor_name"], BillingInterval.PER_MINUTE, count)
    return resource(GCORE_DEPLOYMENT, name, **({"quote": live} if live else {}) | properties)


def gcore_container(region_id: Any, least: Any = 0, most: Any = 1) -> dict[str, Any]:
    """The replicas of a Gcore deployment in one region."""
    return {"region_id": region_id, "scale": {"min": least, "max": most}}


@dataclass(frozen=True)
class ReportedFinding:
    """One finding as the engine would show it: `urn` is empty for the stack."""

    rule: str
    level: Level
    text: str
    urn: str


@dataclass(frozen=True)
class Verdict:
    """All findings of a pack. `denied`: whether the engine would stop."""

    findings: tuple[ReportedFinding, ...]

    @property
    def shown(self) -> tuple[ReportedFinding, ...]:
        """The earlier name of `findings`."""
        return self.findings

    @property
    def denied(self) -> bool:
        """True if a mandatory rule has a finding."""
        return any(finding.level is Level.MANDATORY for finding in self.findings)

    def of(self, rule: str, level: Level) -> list[str]:
        """The texts of one rule at one level, and those that name it among the rules that could not be judged."""
        return [finding.text for finding in self.findings if finding.level is level and rule in _rules_of(finding)]

    def __str__(self) -> str:
        return (
            "\n".join(f"[{finding.level.value}] {finding.rule}: {finding.text}" for finding in self.findings)
            or "nothing was found"
        )


class ConfigurationRefusedError(Exception):
    """The pack refused to be configured; the text says why."""


class PackTester:
    """A pack under test. `rules`: the name of a pack, or rules. `limits`: the content of a limits file, None for none.
    `catalogue`: the prices, those of the simulator by default. `now`: the time, the catalogue's own by default.

    `held`: the resources in the stack's state when the run begins; `waiting`: those that wait there for their deletion;
    HIDDEN is the value of a secret that cannot be decrypted. `unreadable`: the reason why the state cannot be read.

    Raises ConfigurationRefusedError, at the first judgement, for limits that the pack refuses.
    """

    def __init__(
        self,
        rules: str | Iterable[Rule],
        limits: Mapping[str, Any] | None = None,
        *,
        catalogue: Catalogue | PinnedPrices | None = None,
        now: datetime | None = None,
        held: Iterable[Resource] = (),
        waiting: Iterable[Resource] = (),
        unreadable: str = "",
    ) -> None:
        self._rules = rules_of(rules) if isinstance(rules, str) else tuple(rules)
        self._limits = limits or {}
        prices = sample_catalogue() if catalogue is None else catalogue
        self._prices = PinnedPrices(prices) if isinstance(prices, Catalogue) else prices
        as_of = self._prices.catalogue.as_of if self._prices.catalogue is not None else None
        self._now = now or as_of or datetime.now(timezone.utc)
        in_state = ((resource, replaced) for replaced, some in ((False, held), (True, waiting)) for resource in some)
        instances = tuple(
            HeldInstance(resource.urn, resource.resource_type, resource.properties, gone) for resource, gone in in_state
        )
        self._holdings = Holdings(() if unreadable else instances, unreadable)
        self.logged: list[str] = []
        """The lines that the pack has logged, in full."""

    def preview(self, *resources: Resource) -> Verdict:
        """The verdict of a preview of these resources, the sum of the stack included."""
        return self._run(resources, previews=True)

    def up(self, *resources: Resource) -> Verdict:
        """The verdict of an `up --skip-preview` that registers them in this order. A refused one is not made."""
        return self._run(resources, previews=False)

    def servicer(self, *, previews: bool = True) -> PackServicer:
        """The pack itself, configured."""
        pack = PackInfo("bench", "0.0.0", "A pack under test.")
        servicer = PackServicer(
            pack,
            self._rules,
            lambda _: self._prices,
            lambda: self._now,
            lambda _, full: self.logged.append(full),
            lambda *_: self._holdings,
        )
        context = cast("grpc.ServicerContext", Context())
        stack = analyzer_pb2.AnalyzerStackConfigureRequest(
            organization="organization", project="tests", stack="test", dry_run=previews
        )
        servicer.ConfigureStack(stack, context)
        servicer.Configure(configuration(self._rules, self._limits), context)
        return servicer

    def _run(self, resources: Iterable[Resource], *, previews: bool) -> Verdict:
        servicer = self.servicer(previews=previews)
        context = cast("grpc.ServicerContext", Context())
        shown: list[ReportedFinding] = []
        made = []
        for resource in resources:
            servicer.Remediate(_request(resource, with_provider=True), context)
            answer = servicer.Analyze(_request(resource, with_provider=False), context)
            findings = [_shown(diagnostic) for diagnostic in answer.diagnostics]
            shown += findings
            if previews or not any(finding.level is Level.MANDATORY for finding in findings):
                made.append(_of_the_stack(resource))
        stack = servicer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=made), context)
        return Verdict((*shown, *(_shown(diagnostic) for diagnostic in stack.diagnostics)))


class Context:
    """The part of a gRPC context that a pack uses."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Raises ConfigurationRefusedError."""
        raise ConfigurationRefusedError(details)


def configuration(rules: Iterable[Rule], limits: Mapping[str, Any]) -> analyzer_pb2.ConfigureAnalyzerRequest:
    """The engine's request for a limits file: every rule has a level, and "all" is a level for every rule."""
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    levels = {rule.name: rule.level.value for rule in rules}
    if isinstance(limits.get("all"), str):
        levels = dict.fromkeys([*levels, "all"], limits["all"])
    for name in {**levels, **limits}:
        config = limits.get(name, {})
        settings = {} if isinstance(config, str) else dict(config)
        level = config if isinstance(config, str) else settings.pop("enforcementLevel", levels.get(name, "mandatory"))
        request.policyConfig[name].enforcementLevel = _LEVELS[level]
        request.policyConfig[name].properties.update(settings)
    return request


def assert_denied(verdict: Verdict, rule: str, *words: str) -> None:
    """Fails unless this rule stops the purchase, with all these words."""
    _assert_reported(verdict, rule, Level.MANDATORY, words)


def assert_advised(verdict: Verdict, rule: str, *words: str) -> None:
    """Fails unless this rule reports all these words without stopping the purchase."""
    _assert_reported(verdict, rule, Level.ADVISORY, words)


def assert_allowed(verdict: Verdict) -> None:
    """Fails if anything stops the purchase."""
    if verdict.denied:
        raise AssertionError(f"it is denied:\n{verdict}")


def catalogue_at(path: str | Path) -> PinnedPrices:
    """The catalogue of a file, for a PackTester. Raises CatalogueError."""
    return PinnedPrices(load(path))


def _assert_reported(verdict: Verdict, rule: str, level: Level, words: tuple[str, ...]) -> None:
    texts = verdict.of(rule, level)
    if not any(all(word in text for word in words) for text in texts):
        wanted = f" with {', '.join(map(repr, words))}" if words else ""
        raise AssertionError(f"no {level.value} finding of {rule}{wanted}:\n{verdict}")


def _request(resource: Resource, *, with_provider: bool) -> analyzer_pb2.AnalyzeRequest:
    request = analyzer_pb2.AnalyzeRequest(type=resource.resource_type, urn=resource.urn, name=resource.name)
    request.options.ignoreChanges.extend(resource.ignore_changes)
    request.properties.CopyFrom(_struct(resource, with_provider=with_provider))
    return request


def _of_the_stack(resource: Resource) -> analyzer_pb2.AnalyzerResource:
    made = analyzer_pb2.AnalyzerResource(type=resource.resource_type, urn=resource.urn, name=resource.name)
    made.options.ignoreChanges.extend(resource.ignore_changes)
    made.properties.CopyFrom(_struct(resource, with_provider=False))
    return made


def _struct(resource: Resource, *, with_provider: bool) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(dict(resource.properties))
    if with_provider and resource.provider is not None:
        struct.update({"__provider": resource.provider})
    return struct


def _shown(diagnostic: analyzer_pb2.AnalyzeDiagnostic) -> ReportedFinding:
    level = Level.MANDATORY if diagnostic.enforcementLevel == analyzer_pb2.MANDATORY else Level.ADVISORY
    return ReportedFinding(diagnostic.policyName, level, diagnostic.message.partition("\n")[2], diagnostic.urn)


def _rules_of(finding: ReportedFinding) -> tuple[str, ...]:
    names = finding.text.partition(UNJUDGED)[2].partition(".")[0]
    return (finding.rule, *names.split(", "))


def _quoted(properties: Mapping[str, Any]) -> dict[str, str] | None:
    interval, workers = properties["billing_interval"], properties["num_workers"]
    return _quote("cortecs", properties["hardware_type_id"], interval, workers)


def _quoted_at_shadeform(properties: Mapping[str, Any], machine: Any, count: Any) -> dict[str, str] | None:
    hardware_type_id = f"{properties['cloud']}/{properties['region']}/{machine}"
    return _quote("shadeform", hardware_type_id, BillingInterval.PER_MINUTE, count)


def _quote(cloud: str, hardware_type_id: Any, interval: Any, count: Any) -> dict[str, str] | None:
    row = sample_catalogue().hardware(cloud, hardware_type_id) if isinstance(hardware_type_id, str) else None
    try:
        return None if row is None else quote(row, BillingInterval(interval), count, source="live").as_property()
    except (TypeError, ValueError):
        return None


Bench = PackTester
"""The earlier name of PackTester."""
Shown = ReportedFinding
"""The earlier name of ReportedFinding."""
RefusedError = ConfigurationRefusedError
"""The earlier name of ConfigurationRefusedError."""
