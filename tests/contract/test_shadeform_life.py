"""The end that Shadeform brings to its machines, and the life of one that cannot be stopped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import ids
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.machines import (
    CREATE,
    INFO,
    LAUNCHED,
    LIST,
    PLACE,
    RESTART,
    UPDATE,
    at_vendor,
    change_at_vendor,
    count,
    endpoint,
    inputs_of,
    machine,
    up,
    waiting,
    with_fields,
)
from tests.contract.proxy import Answer, Proxy, Sent

StartHost = Callable[..., Host]
END = "2098-01-01T00:00:00Z"


# -- the end by the vendor


def test_the_end_is_the_vendors_clock_and_the_ttl(start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.pause()
    simulator.control.settings(date_ahead_seconds=3600)
    now = simulator.control.clock().now + timedelta(hours=1)
    made = machine(start_host(), "chat").buy({**PLACE, "ttl": "8h", "spend_limit": "25 USD"})
    sent = at_vendor(simulator, made.id)["auto_delete"]
    assert sent == {"date_threshold": made.outs["expires_at"], "spend_threshold": "25.00"}
    assert abs(ends(made) - now - timedelta(hours=8)) <= timedelta(seconds=1)
    simulator.control.settings(date_ahead_seconds=0)
    simulator.control.resume()


def ends(made: Made) -> datetime:
    return datetime.fromisoformat(made.outs["expires_at"].replace("Z", "+00:00"))


def test_a_changed_ttl_counts_from_now_and_a_spend_limit_leaves_it(start_host: StartHost, simulator: Simulator) -> None:
    resource, program = machine(start_host(), "chat"), {**PLACE, "ttl": "8h"}
    made = resource.buy(program)
    limited = up(resource, made, {**program, "spend_limit": "25 USD"})
    assert limited.outs["expires_at"] == made.outs["expires_at"]
    assert at_vendor(simulator, made.id)["auto_delete"] == {
        "date_threshold": made.outs["expires_at"],
        "spend_threshold": "25.00",
    }
    simulator.control.advance(3600)
    resource = machine(start_host(), "chat")
    later = up(resource, limited, {**PLACE, "ttl": "9h", "spend_limit": "25 USD"})
    assert timedelta(hours=2) <= ends(later) - ends(made) < timedelta(hours=2, minutes=30)
    assert at_vendor(simulator, made.id)["auto_delete"]["date_threshold"] == later.outs["expires_at"]
    none = up(resource, later, {**PLACE, "spend_limit": "25 USD"})
    assert "expires_at" not in none.outs
    assert at_vendor(simulator, made.id)["auto_delete"] == {"spend_threshold": "25.00"}
    own = up(resource, none, {**PLACE, "auto_delete": {"spend_threshold": "9"}})
    assert at_vendor(simulator, made.id)["auto_delete"] == {"spend_threshold": "9"}
    up(resource, own, PLACE)
    assert at_vendor(simulator, made.id)["auto_delete"] is None


@pytest.mark.parametrize("left", [None, {"spend_threshold": "25"}, {"date_threshold": "2098-01-01T00:00:00Z"}])
def test_an_end_that_was_removed_or_moved_is_drift_that_an_up_mends(
    host: Host, start_host: StartHost, simulator: Simulator, left: dict[str, str] | None
) -> None:
    program = {**PLACE, "ttl": "8h", "spend_limit": "25 USD"}
    made = machine(host).buy(program)
    change_at_vendor(simulator, made.id, auto_delete=left)
    later = machine(start_host(), "chat")
    read = later.read(made)
    assert read.inputs is not None
    lost_limit = left is None or "spend_threshold" not in left
    drift = {key for key in ("ttl", "spend_limit") if read.inputs.get(key) != made.outs[key]}
    assert drift == ({"ttl", "spend_limit"} if lost_limit else {"ttl"})
    assert read.outs.get("expires_at", "") == (left or {}).get("date_threshold", "")
    mended = up(later, read, program)
    sent = at_vendor(simulator, made.id)["auto_delete"]
    assert sent == {"date_threshold": mended.outs["expires_at"], "spend_threshold": "25.00"}
    assert machine(host).read(mended).inputs == inputs_of(mended)


def test_an_instance_that_only_the_list_shows_keeps_its_end(
    start_host: StartHost, proxy: Proxy, simulator: Simulator
) -> None:
    simulator.control.advance(9 * 3600)  # whatever tests ran before: the vendor's clock counts, also for a ttl
    program = {**PLACE, "ttl": "8h", "spend_limit": "25 USD", "alert": {"spend_threshold": "8"}}
    made = machine(start_host(proxy.env()), "chat").buy(program)

    def listed_only(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.path == f"/instances/{made.id}/info":
            return Answer(404, {"error": "not found"})
        return with_fields(pass_on(), auto_delete=None, alert=None)

    proxy.rewrite = listed_only
    read = machine(start_host(proxy.env()), "chat").read(made)
    assert (read.outs, read.inputs) == (made.outs, inputs_of(made))


def test_a_removed_alert_and_auto_delete_are_drift(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    made = machine(host).buy({**PLACE, "auto_delete": {"spend_threshold": "9"}, "alert": {"spend_threshold": "8"}})
    change_at_vendor(simulator, made.id, auto_delete=None, alert={"spend_threshold": "7"})
    read = machine(start_host(), "chat").read(made)
    assert read.inputs is not None
    assert ("auto_delete" in read.inputs, read.inputs["alert"]) == (False, {"spend_threshold": "7"})


@pytest.mark.parametrize(
    "argument",
    [{"ttl": "8h"}, {"spend_limit": "9 USD"}, {"alert": {"spend_threshold": "8"}}, {"tags": ["a"], "envs": {"A": "b"}}],
)
def test_only_rows_with_an_end_or_an_alert_cost_a_request_of_their_own(
    host: Host, start_host: StartHost, simulator: Simulator, argument: dict[str, Any]
) -> None:
    programs = [PLACE, PLACE, {**PLACE, **argument}, {**PLACE, **argument}]
    made = [machine(host).buy(program) for program in programs]
    later = start_host({"PULUMI_CORTECS_LIST_LAG": "30"})
    asked = count(simulator, LIST, INFO)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: machine(later).read(one), made))
    assert asked() == (1, 0 if "tags" in argument else 2)


def test_what_ended_by_its_ttl_is_said_to_have(
    host: Host, start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    made = machine(host).buy({**PLACE, "ttl": "1h"})
    simulator.control.advance(3700)
    assert machine(start_host(engine=engine.address), "chat").read(made).id == ""
    assert engine.messages == [f"{made.id} ended by its ttl at {made.outs['expires_at']}"]


def test_an_adopted_end_is_told_and_kept(
    host: Host, start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    end = "2098-01-01T00:00:00Z"
    made = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": end}})
    adopting = machine(start_host(engine=engine.address), "adopted")
    adopted = adopting.buy({**PLACE, "adopt_id": made.id})
    assert engine.messages[-1] == (
        f"{made.id} is adopted with its end: Shadeform deletes it at {end}. A ttl sets another date"
    )
    assert adopted.outs["expires_at"] == end
    assert adopting.read(adopted).outs == adopted.outs
    assert at_vendor(simulator, made.id)["auto_delete"] == {"date_threshold": end}


def test_an_adopted_end_stays_beside_a_limit_and_goes_with_another_end(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    end = "2098-01-01T00:00:00Z"
    bought = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": end}})
    resource, program = machine(host), {**PLACE, "adopt_id": bought.id}
    limited = up(resource, resource.buy(program), {**program, "spend_limit": "25 USD"})
    assert at_vendor(simulator, bought.id)["auto_delete"] == {"date_threshold": end, "spend_threshold": "25.00"}
    read = machine(start_host(), "chat").read(limited)
    assert (read.outs, read.inputs) == (limited.outs, inputs_of(limited))
    other = up(resource, limited, {**program, "auto_delete": {"spend_threshold": "9"}})
    assert at_vendor(simulator, bought.id)["auto_delete"] == {"spend_threshold": "9"}
    assert "expires_at" not in machine(start_host(), "chat").read(other).outs


def test_an_adopted_end_gives_way_to_a_ttl(host: Host, simulator: Simulator) -> None:
    made = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": "2098-01-01T00:00:00Z"}})
    adopted = machine(host).buy({**PLACE, "adopt_id": made.id, "ttl": "8h"})
    assert at_vendor(simulator, made.id)["auto_delete"] == {"date_threshold": adopted.outs["expires_at"]}


@pytest.mark.parametrize(
    ("argument", "auto_delete", "alert"),
    [
        ({"spend_limit": "25 USD"}, {"date_threshold": END, "spend_threshold": "25.00"}, None),
        ({"auto_delete": {"spend_threshold": "9"}}, {"spend_threshold": "9"}, None),
        ({"alert": {"spend_threshold": "8"}}, {"date_threshold": END}, {"spend_threshold": "8"}),
    ],
)
def test_an_adopted_machine_has_the_limit_and_the_alert_of_the_program(
    host: Host, start_host: StartHost, simulator: Simulator, argument: dict[str, Any], auto_delete: Any, alert: Any
) -> None:
    made = machine(host).buy({**PLACE, "auto_delete": {"date_threshold": END}})
    adopted = machine(host).buy({**PLACE, "adopt_id": made.id, **argument})
    live = at_vendor(simulator, made.id)
    assert (live["auto_delete"], live["alert"]) == (auto_delete, alert)
    read = machine(start_host(), "chat").read(adopted)
    assert (read.outs, read.inputs) == (adopted.outs, inputs_of(adopted))


def test_a_change_that_is_answered_with_an_error_of_status_200_is_none(start_host: StartHost, proxy: Proxy) -> None:
    resource = machine(start_host(proxy.env(), before=IMPATIENT))
    made = resource.buy(PLACE)
    proxy.rewrite = lambda sent, pass_on: (
        Answer(200, {"error": "not now"}) if sent.path.endswith("/update") else pass_on()
    )
    with pytest.raises(CallFailedError, match=f"^{made.id} may not have the wanted state, .* with 200, and: not now"):
        up(resource, made, {**PLACE, "spend_limit": "25 USD"})


def test_a_date_that_has_passed_since_blocks_no_later_up(host: Host) -> None:
    passed = {"alert": {"date_threshold": "2020-01-01T00:00:00Z"}}
    olds = machine(host).check(PLACE).inputs
    assert machine(host).check({**PLACE, **passed}, {**olds, **passed}).failures == ()
    assert machine(host).check({**PLACE, **passed}, olds).reasons("alert") != []


# -- the life of a machine


def test_a_boot_goes_through_its_statuses(start_host: StartHost, simulator: Simulator, engine: FakeEngine) -> None:
    host = start_host({"PULUMI_CORTECS_POLL_INTERVAL": "0.03"}, engine=engine.address)
    simulator.control.settings(boot_seconds=60)
    made = machine(host, "chat").buy({**PLACE, **LAUNCHED})
    outs = endpoint(host, "chat").create(waiting(made)).outs
    simulator.control.settings(boot_seconds=18)
    told = " ".join(line.message for line in engine.lines)
    for status in ("pending_provider waiting for the provider", "pending booting"):
        assert status in told
    assert "0.50 USD/h" in told
    assert (outs["status"], outs["ready_by"]) == ("active", "answer")


def test_an_error_ends_the_wait_at_once_with_the_way_on(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("boot_failure", step=2)
    resource = machine(host, "broken")
    made = resource.buy(PLACE)
    with pytest.raises(CallFailedError) as failed:
        endpoint(host, "broken").create(waiting(made, ready_timeout=1800))
    assert str(failed.value) == (
        f"{made.id} failed: error the provider reported an error. It still exists and costs 0.50 USD/h. `pulumi "
        f"up --replace {resource.urn}` orders another one, `pulumi destroy` deletes it"
    )
    assert ids(simulator) == [made.id]


def test_a_failed_one_is_deleted_if_on_timeout_says_so(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("stuck_boot", step=2)
    resource = machine(host, "stuck")
    made = resource.buy({**PLACE, "on_timeout": "delete"})
    with pytest.raises(CallFailedError, match=r"was not ready within 1 s; last seen: pending_provider.* was deleted"):
        endpoint(host, "stuck").create(waiting(made, ready_timeout=1, on_timeout="delete"))
    assert ids(simulator) == []


def test_a_reclaimed_machine_is_told_with_its_last_status_and_cost(
    host: Host, start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    made = machine(host).buy(PLACE)
    simulator.control.advance(7200)
    waited = endpoint(host).create(waiting(made))
    simulator.control.vanish(made.id)
    later = start_host(engine=engine.address)
    assert machine(later, "chat").read(made).id == ""
    assert endpoint(later, "chat").read(waited).id == ""
    cost = waited.outs["cost_estimate"]
    assert engine.messages == [f"{made.id} does not exist any more; last seen: active, {cost}"]
    assert Decimal(cost.split()[0]) > Decimal("0.9")


def test_a_restart_reboots_on_the_same_bill(host: Host, simulator: Simulator) -> None:
    resource = machine(host)
    made = resource.buy({**PLACE, **LAUNCHED})
    waited = endpoint(host).create(waiting(made))
    asked = count(simulator, RESTART, UPDATE, CREATE)
    updated = up(resource, made, {**PLACE, **LAUNCHED, "restart_trigger": "again"})
    assert asked() == (1, 0, 0)
    again = endpoint(host).update(waited, waiting(updated, spec_digest="again"))
    assert again.outs["ready_by"] == "answer"
    assert len(simulator.control.ledger().of(made.id)) == 1


def test_what_is_deleting_is_gone(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    simulator.control.settings(deleting_seconds=3600)
    made = machine(host).buy(PLACE)
    simulator.control.stop(made.id)
    assert at_vendor(simulator, made.id)["status"] == "deleting"
    assert machine(start_host(), "chat").read(made).id == ""
    machine(host).delete(made)
    simulator.control.settings(deleting_seconds=10)


def test_an_image_that_never_answers_meets_the_deadline(host: Host, simulator: Simulator) -> None:
    simulator.control.fault("not_answering", seconds=-1)
    made = machine(host, "silent").buy({**PLACE, **LAUNCHED})
    with pytest.raises(CallFailedError) as failed:
        endpoint(host, "silent").create(waiting(made, ready_timeout=1))
    text = str(failed.value)
    assert text.startswith(f"{made.id} was not ready within 1 s; last seen: active, but it does not answer yet: GET ")
    assert "It still exists and costs 0.50 USD/h. `pulumi up` continues the wait" in text
