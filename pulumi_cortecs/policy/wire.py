"""Conversions of rules and findings to the engine's messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2

from pulumi_cortecs.policy.finding import Finding
from pulumi_cortecs.policy.limits import OF_EVERY_RULE, RuleConfig
from pulumi_cortecs.policy.rule import Level, Rule, Severity, Subject
from pulumi_cortecs.policy.settings import as_integer

_LEVELS: Final = {Level.ADVISORY: analyzer_pb2.ADVISORY, Level.MANDATORY: analyzer_pb2.MANDATORY}
_SEVERITIES: Final = {
    Severity.LOW: analyzer_pb2.POLICY_SEVERITY_LOW,
    Severity.MEDIUM: analyzer_pb2.POLICY_SEVERITY_MEDIUM,
    Severity.HIGH: analyzer_pb2.POLICY_SEVERITY_HIGH,
    Severity.CRITICAL: analyzer_pb2.POLICY_SEVERITY_CRITICAL,
}


@dataclass(frozen=True)
class PackInfo:
    """The name of a pack; `version` is this package's."""

    name: str
    version: str
    description: str


def analyzer_info(pack: PackInfo, rules: Iterable[Rule]) -> analyzer_pb2.AnalyzerInfo:
    """The rules of the pack, for the engine's own checks and summaries."""
    return analyzer_pb2.AnalyzerInfo(
        name=pack.name,
        version=pack.version,
        description=pack.description,
        supportsConfig=True,
        policies=[_policy_info(rule) for rule in rules],
    )


def read_configs(request: analyzer_pb2.ConfigureAnalyzerRequest) -> dict[str, RuleConfig]:
    """The configuration of each rule in the limits file, to which the engine has added the level of every rule."""
    names = analyzer_pb2.EnforcementLevel
    return {
        name: RuleConfig(
            names.Name(config.enforcementLevel).lower(), _with_ints(json_format.MessageToDict(config.properties))
        )
        for name, config in request.policyConfig.items()
    }


def diagnostics(pack: PackInfo, findings: Iterable[Finding]) -> list[analyzer_pb2.AnalyzeDiagnostic]:
    """Findings as the engine reports them."""
    return [
        analyzer_pb2.AnalyzeDiagnostic(
            policyName=finding.rule.name,
            policyPackName=pack.name,
            policyPackVersion=pack.version,
            description=finding.rule.description,
            message=f"{finding.rule.description}\n{finding.text}",
            enforcementLevel=_LEVELS[finding.level],
            severity=_SEVERITIES[finding.rule.severity],
            urn=finding.urn,
        )
        for finding in findings
    ]


def _policy_info(rule: Rule) -> analyzer_pb2.PolicyInfo:
    by_stack = rule.subject is Subject.SUM
    info = analyzer_pb2.PolicyInfo(
        name=rule.name,
        description=rule.description,
        enforcementLevel=_LEVELS[rule.level],
        policy_type=analyzer_pb2.POLICY_TYPE_STACK if by_stack else analyzer_pb2.POLICY_TYPE_RESOURCE,
        severity=_SEVERITIES[rule.severity],
        tags=rule.tags,
        remediation_steps=rule.remediation,
        url=rule.url,
    )
    schema: dict[str, Any] = {**rule.settings.schema_for_the_engine(), **(OF_EVERY_RULE if rule.optional else {})}
    if schema:
        info.configSchema.properties.update(schema)
    return info


def _with_ints(value: Any) -> Any:
    """The same with ints for whole numbers, which all arrive as doubles."""
    if isinstance(value, list):
        return [_with_ints(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_ints(item) for key, item in value.items()}
    number = as_integer(value)
    return value if number is None else number
