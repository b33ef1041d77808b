"""The instances in a stack's state count in its budget, which is never exceeded twice over."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow
from pulumi_cortecs.policy.engine_state import held_instances, read_holdings, replaces
from pulumi_cortecs.policy.held import HIDDEN, HeldInstance
from pulumi_cortecs.policy.rules.budgets import STACK_HOURLY_BUDGET, STACK_MONTHLY_BUDGET
from pulumi_cortecs.policy.testing import (
    INSTANCE,
    ConfigurationRefusedError,
    PackTester,
    Resource,
    assert_advised,
    assert_allowed,
    assert_denied,
    cortecs_instance,
    secret,
    unknown,
)

HOURLY: dict[str, Any] = {"stack-hourly-budget": {"per_hour": ["3.60 EUR"]}}
"""Three instances."""
LIMITS = {**HOURLY, "stack-monthly-budget": {"per_month": ["2628.00 EUR"]}}
"""The same for a month."""
TWICE = "; twice the budget of the stack is "


def three(prefix: str, **arguments: Any) -> list[Resource]:
    return [cortecs_instance(f"{prefix}{number}", **arguments) for number in range(3)]


def bench(limits: dict[str, Any] = LIMITS, **state: Any) -> PackTester:
    return PackTester([STACK_HOURLY_BUDGET, STACK_MONTHLY_BUDGET], limits, **state)


def test_a_rename_at_a_full_budget_passes_and_a_third_round_does_not() -> None:
    first = bench(held=three("a"))
    assert_allowed(first.preview(*three("b")))
    assert_allowed(first.up(*three("b")))
    second = bench(held=[*three("a"), *three("b")])
    words = (f"6 instances in the stack's state, and 1 that this run adds: 8.40 EUR/h{TWICE}7.20 EUR (",)
    assert_denied(second.preview(cortecs_instance("c")), "stack-hourly-budget", *words)
    assert_denied(second.up(cortecs_instance("c")), "stack-hourly-budget", *words)
    assert_denied(second.up(cortecs_instance("c")), "stack-monthly-budget", "6132.00 EUR/month", TWICE)


def test_each_order_of_an_up_counts_on_top_of_the_state() -> None:
    """Four are there that the program has no more: of its three, two may be added."""
    held = [*three("a"), cortecs_instance("protected")]
    verdict = bench(HOURLY | {"stack-monthly-budget": {"not_limited": "x"}}, held=held).up(*three("b"))
    assert [finding.urn.rpartition("::")[2] for finding in verdict.findings if TWICE in finding.text] == ["b2"]


def test_the_same_program_again_ends_what_a_round_has_left() -> None:
    held = [*three("a"), *three("b"), *three("c")]
    for again in (three("c"), three("c")[:1], []):
        assert_allowed(bench(held=held).preview(*again))
        assert_allowed(bench(held=held).up(*again))


def test_what_waits_for_its_deletion_counts() -> None:
    left = bench(held=three("a"), waiting=[*three("a"), *three("a")])
    assert_allowed(left.up(*three("a")))
    assert_denied(left.preview(*three("a")[:2], cortecs_instance("new")), "stack-hourly-budget", TWICE)


@pytest.mark.parametrize(
    "changed",
    [
        {"hardware_type_id": "NVIDIA_L4_2"},
        {"model_id": "cortecs--phi-4-FP8-Dynamic"},
        {"context_length": 16000},
        {"billing_interval": "per_hour"},
        {"restart_trigger": "again"},
        {"state": "stopped"},
        {"ttl": "8h"},
        {"on_timeout": "delete"},
        {"adopt_id": "6f9b0ef1-0000-4000-8000-000000000000"},
    ],
    ids=str,
)
def test_any_change_may_be_a_replacement(changed: dict[str, Any]) -> None:
    """`replace_on_changes` is the program's, and no pack is shown it."""
    left = bench(held=three("a"), waiting=three("a"))
    assert_denied(left.preview(cortecs_instance("a0", **changed)), "stack-hourly-budget", TWICE)
    assert_denied(left.up(cortecs_instance("a0", **changed)), "stack-hourly-budget", TWICE)
    assert_allowed(bench(held=three("a")).up(cortecs_instance("a0", **changed)))


def test_what_the_state_leaves_out_and_what_is_empty_are_the_same() -> None:
    left = bench(held=three("a"), waiting=three("a"))
    assert_allowed(left.up(cortecs_instance("a0", ttl="", adopt_id=None)))


def test_what_is_held_and_has_no_price_is_not_summed_as_nothing() -> None:
    for odd in ({"hardware_type_id": "NVIDIA_OLD_1"}, {"num_workers": None}, {"num_workers": HIDDEN}):
        there = bench(held=[cortecs_instance("odd", **odd)])
        assert_denied(there.up(cortecs_instance("new")), "stack-hourly-budget", "1 of 1 instance in the stack's state")
        assert_allowed(there.up())  # which ends it


def test_a_program_talks_no_addition_away() -> None:
    """The program declares to the pack that it only keeps its instances, before the engine shows the new ones."""
    left = bench(held=three("a"), waiting=three("a"))
    kept, dearer = cortecs_instance("a0"), cortecs_instance("a0", restart_trigger="again")
    assert_denied(left.up(kept, dearer), "stack-hourly-budget", TWICE)


def test_a_state_that_cannot_be_read_is_said_once_and_may_be_a_violation() -> None:
    blind = bench(unreadable="the bucket is away")
    for verdict in (blind.preview(*three("b")), blind.up(*three("b"))):
        assert_allowed(verdict)
        assert_advised(verdict, "stack-hourly-budget", "may add a whole budget to it: the bucket is away.")
        assert (
            sum("the bucket is away" in finding.text for finding in verdict.findings) == 2
        )  # once for each of the rules
    required = {"stack-hourly-budget": {"per_hour": ["3.60 EUR"], "state": "required"}}
    strict = bench({**LIMITS, **required}, unreadable="the bucket is away")
    assert_denied(
        strict.preview(cortecs_instance()), "stack-hourly-budget", "the limits require it: the bucket is away"
    )
    assert_denied(strict.up(cortecs_instance()), "stack-hourly-budget", "the limits require it: the bucket is away")
    assert_allowed(bench({**LIMITS, **required}).up(*three("b")))


def test_nothing_else_can_be_said_of_the_state() -> None:
    for odd in ("optional", True, ""):
        with pytest.raises(ConfigurationRefusedError, match=r"state: got .*; must be 'required'"):
            bench({"stack-hourly-budget": {"per_hour": ["3.60 EUR"], "state": odd}}).preview()


def urn(name: str) -> str:
    return f"urn:pulumi:test::tests::{INSTANCE}::{name}"


def row(name: str, **more: Any) -> StateRow:
    return StateRow(
        "test", urn(name), name, outputs={"num_workers": 1, "state": "running"}, resource_type=INSTANCE, **more
    )


def begun(name: str, workers: int) -> PendingCreation:
    return PendingCreation("test", urn(name), {"num_workers": workers, "state": "stopped"}, INSTANCE)


def test_all_rows_count_and_purchases_until_they_have_a_row() -> None:
    rows = (
        row("kept", protected=True, created="today"),
        row("gone", doomed=True),
        row("ending", deleting=True),
        row("seen", external=True),
    )
    state = StackState("test", 0.0, rows, (begun("kept", 1), begun("kept", 2), begun("new", 1)))
    assert [
        (instance.urn.rpartition("::")[2], instance.arguments["num_workers"], instance.ends)
        for instance in held_instances(state)
    ] == [
        ("kept", 1, False),
        ("gone", 1, True),
        ("ending", 1, False),
        ("kept", 2, False),
        ("new", 1, False),
    ]
    assert all(isinstance(instance, HeldInstance) for instance in held_instances(state))


def test_a_row_is_what_became_of_a_purchase_and_not_what_it_was_to_replace() -> None:
    """The note of a replacement says when its predecessor was made; what changes in place later does not matter."""
    for there, more, both in (
        (row("a", created="later"), {"created": "before"}, 1),
        (row("a", created="later"), {}, 1),
        (row("a", created="before"), {"created": "before"}, 2),
        (row("a", created="later", doomed=True), {}, 2),
        (row("a", created="later"), {"secrets": frozenset({"model_id"})}, 2),
        (row("a"), {}, 2),  # an engine that does not say when
    ):
        inputs = {"num_workers": 1, "state": "stopped", "restart_trigger": "again", "model_id": None, "adopt_id": ""}
        note = PendingCreation("test", urn("a"), inputs, INSTANCE, **more)
        assert len(list(held_instances(StackState("test", 0.0, (there,), (note,))))) == both


@pytest.mark.parametrize(
    ("arguments", "some"),
    [
        (("pulumi", "up", "--replace", "urn"), True),
        (("pulumi", "up", "--target-replace=urn"), True),
        (("pulumi", "up", "--show-replacement-steps", "--target", "urn"), False),
        ((), False),
    ],
)
def test_a_command_that_replaces_is_known_by_its_options(arguments: tuple[str, ...], some: bool) -> None:
    assert replaces(arguments) is some


def test_a_secret_is_compared_by_what_it_is() -> None:
    left = bench(held=[cortecs_instance("a0", ttl="8h"), *three("a")[1:]], waiting=three("a"))
    assert_allowed(left.up(cortecs_instance("a0", ttl=secret("8h"))))
    assert_denied(left.up(cortecs_instance("a0", ttl=secret("9h"))), "stack-hourly-budget", TWICE)
    blind = bench(held=[cortecs_instance("a0", ttl=HIDDEN), *three("a")[1:]], waiting=three("a"))
    for ttl in ("8h", secret("8h"), "", unknown()):
        assert_denied(blind.up(cortecs_instance("a0", ttl=ttl)), "stack-hourly-budget", TWICE)
    assert_allowed(blind.up(*three("a")[1:]))


def test_without_a_pulumi_above_it_a_pack_asks_no_other() -> None:
    """This process has none above it, and what is called pulumi on PATH could be the program's."""
    assert "cannot be inspected" in read_holdings("organization", "tests", "test").problem
