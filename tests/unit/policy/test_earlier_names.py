"""Names that users' rules and tests may import from earlier versions still work."""

from __future__ import annotations

from pulumi_cortecs import policy
from pulumi_cortecs.policy import pinned, testing


def test_rules_written_with_the_earlier_names_still_import() -> None:
    assert policy.Given is policy.RuleContext
    assert policy.Unit is policy.Purchase
    assert {"Given", "Unit"} <= set(policy.__all__)


def test_tests_written_with_the_earlier_names_still_run() -> None:
    assert testing.Bench is testing.PackTester
    assert testing.Shown is testing.ReportedFinding
    assert testing.RefusedError is testing.ConfigurationRefusedError
    verdict = testing.Bench("guard").preview(testing.cortecs_instance())
    assert verdict.shown == verdict.findings != ()


def test_the_catalogue_of_a_pack_is_still_found_by_its_earlier_name() -> None:
    assert pinned.pinned is pinned.load_pinned
