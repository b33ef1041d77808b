"""The faults of each call: the table and the rule, without a server."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from pulumi_cortecs.simulator.faults import (
    BOOT_FAULTS,
    CONTAINER_FAULTS,
    DELETE_FAULTS,
    ORDER_FAULTS,
    PARAMETERS,
    REQUEST_FAULTS,
    SERVING_FAULTS,
    STOP_FAULTS,
    SUPPLY_FAULTS,
    TASK_FAULTS,
    Fault,
    FaultKind,
    FaultMatch,
    FaultTable,
    FaultTarget,
    matches,
)

M = {"model_id": "m"}
START = FaultTarget("POST", "/api/v1/instances/start", "/api/v1", arguments=M, authorized=True)
ONE = FaultTarget("GET", "/api/v1/instances/id-1/", "/api/v1", arguments=M, instance_id="id-1", authorized=True)


@pytest.mark.parametrize(
    ("match", "call", "hit"),
    [
        (FaultMatch(), START, True),
        (FaultMatch(method="post"), START, True),
        (FaultMatch(method="GET"), START, False),
        (FaultMatch(path="/instances/start"), START, True),
        (FaultMatch(path="/instances/start/"), START, True),
        (FaultMatch(path="/api/v1/instances/start"), START, True),
        (FaultMatch(path="/instances/*"), ONE, True),
        (FaultMatch(path="*"), ONE, True),
        (FaultMatch(path="/instances"), ONE, False),
        (FaultMatch(path="/start"), START, False),
        (FaultMatch(arguments=M), START, True),
        (FaultMatch(arguments={"model_id": "other"}), START, False),
        (FaultMatch(instance_id="id-1"), ONE, True),
        (FaultMatch(instance_id="id-1"), START, False),
        (FaultMatch(method="GET", path="/instances/*", arguments=M, instance_id="id-1"), ONE, True),
        (FaultMatch(method="GET", path="/instances/*", arguments=M, instance_id="id-2"), ONE, False),
    ],
)
def test_every_field_that_is_given_must_fit(match: FaultMatch, call: FaultTarget, hit: bool) -> None:
    assert matches(match, call) is hit


@pytest.mark.parametrize("kept", ['{"model_id": "m"}', '{"arguments": {"model_id": "m"}}'])
def test_a_match_that_was_kept_hits_what_it_did(kept: str) -> None:
    rows = TypeAdapter(Fault)
    fault = rows.validate_json(f'{{"fault_id": "fault-1", "kind": "server_error", "match": {kept}}}')
    assert fault.match == FaultMatch.of(model_id="m") == rows.validate_json(rows.dump_json(fault)).match


def test_served_models_are_hit_only_by_faults_that_name_their_path() -> None:
    served = FaultTarget("GET", "/serve/id-1/v1/models", "/serve", by_path_only=True)
    assert not matches(FaultMatch(), served)
    assert matches(FaultMatch(path="/serve/*"), served)


def table(seed: int = 1) -> FaultTable:
    return FaultTable(random.Random(seed))


def test_a_count_runs_out() -> None:
    faults = table()
    faults.add(FaultKind.SERVER_ERROR, FaultMatch(), count=2)
    assert [len(faults.take_matching(START)) for _ in range(4)] == [1, 1, 0, 0]
    assert [fault.happened for fault in faults] == [2]


def test_a_call_that_does_not_match_uses_nothing_up() -> None:
    faults = table()
    faults.add(FaultKind.SERVER_ERROR, FaultMatch(method="POST"), count=1)
    assert faults.take_matching(ONE) == []
    assert len(faults.take_matching(START)) == 1


def drawn(seed: int) -> list[bool]:
    faults = table(seed)
    faults.add(FaultKind.LOST_ANSWER, FaultMatch(), probability=0.3)
    return [bool(faults.take_matching(START)) for _ in range(200)]


def test_chance_can_be_replayed() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert 30 < sum(drawn(7)) < 90


def test_probability_zero_never_happens() -> None:
    faults = table()
    faults.add(FaultKind.LOST_ANSWER, FaultMatch(), probability=0)
    assert not any(faults.take_matching(START) for _ in range(50))


GROUPS = (
    REQUEST_FAULTS,
    ORDER_FAULTS,
    SUPPLY_FAULTS,
    BOOT_FAULTS,
    SERVING_FAULTS,
    STOP_FAULTS,
    DELETE_FAULTS,
    TASK_FAULTS,
    CONTAINER_FAULTS,
)


@pytest.mark.parametrize("group", GROUPS)
def test_only_faults_of_the_group_that_is_asked_for_happen(group: frozenset[FaultKind]) -> None:
    faults = table()
    for kind in FaultKind:
        faults.add(kind, FaultMatch())
    call = FaultTarget(
        "POST",
        START.path,
        START.base,
        authorized=True,
        new_instance=True,
        for_list=True,
        workers=lambda: 1,
        reusable=lambda of: ["id-1"],
    )
    happened = {fault.kind for fault in faults.take_matching(call, group)}
    # only a restart leaves an old container behind
    happened |= {fault.kind for fault in faults.take_matching(replace(call, new_instance=False), group)}
    assert happened == group
    assert {fault.kind for fault in faults if fault.happened} == group


def test_no_kind_is_in_no_group() -> None:
    assert frozenset().union(*GROUPS) == set(FaultKind)


def test_a_restarted_instance_does_not_lag_again() -> None:
    faults = table()
    faults.add(FaultKind.LIST_LAG, FaultMatch(), count=1)
    restart = FaultTarget("POST", "/api/v1/instances/restart", "/api/v1")
    assert faults.take_matching(restart, BOOT_FAULTS) == []


def test_only_a_request_for_a_list_can_find_it_empty() -> None:
    faults = table()
    faults.add(FaultKind.EMPTY_LIST, FaultMatch(), count=1)
    assert faults.take_matching(ONE) == []
    assert len(faults.take_matching(FaultTarget("GET", "/api/v1/instances", "/api/v1", for_list=True))) == 1


@pytest.mark.parametrize(("workers", "refused"), [(2, False), (3, True)])
def test_a_quota_refuses_only_what_is_above_it(workers: int, refused: bool) -> None:
    faults = table()
    faults.add(FaultKind.QUOTA_EXCEEDED, FaultMatch(), parameters={"limit": 2})
    call = FaultTarget("POST", START.path, START.base, workers=lambda: workers)
    assert bool(faults.take_matching(call, ORDER_FAULTS)) is refused


def test_no_id_is_reused_where_there_is_none_and_the_fault_is_not_used_up() -> None:
    faults = table()
    faults.add(FaultKind.REUSED_ID, FaultMatch(), count=1, parameters={"of": "existing"})
    none = FaultTarget("POST", START.path, START.base, new_instance=True, reusable=lambda of: [])
    assert faults.take_matching(none, SUPPLY_FAULTS) == []
    one = FaultTarget(
        "POST", START.path, START.base, new_instance=True, reusable=lambda of: ["id"] * (of == "existing")
    )
    assert len(faults.take_matching(one, SUPPLY_FAULTS)) == 1


def test_ids_of_faults_are_not_given_out_again() -> None:
    faults = table()
    first = faults.add(FaultKind.SERVER_ERROR, FaultMatch())
    faults.clear()
    assert faults.add(FaultKind.SERVER_ERROR, FaultMatch()).fault_id != first.fault_id


def test_a_call_without_a_token_cannot_find_it_expired() -> None:
    faults = table()
    faults.add(FaultKind.TOKEN_EXPIRY, FaultMatch(), count=1)
    assert faults.take_matching(FaultTarget("POST", "/api/v1/oauth2/token", "/api/v1")) == []
    assert len(faults.take_matching(START)) == 1


def test_parameters_fall_back_to_their_kind() -> None:
    faults = table()
    fault = faults.add(FaultKind.SERVER_ERROR, FaultMatch(), parameters={"status": 503})
    assert fault.parameter("status") == 503
    assert fault.after_side_effect is False
    assert faults.add(FaultKind.SLOW_ANSWER, FaultMatch()).after_side_effect is True


def test_every_kind_says_what_it_takes() -> None:
    assert set(PARAMETERS) == set(FaultKind)


def test_a_removed_fault_is_out_of_force() -> None:
    faults = table()
    fault = faults.add(FaultKind.SERVER_ERROR, FaultMatch())
    assert faults.remove(fault.fault_id)
    assert not faults.remove(fault.fault_id)
    assert faults.take_matching(START) == []
