"""Odd programs for Shadeform, and odd answers of its."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import ids
from tests.contract.engine import FakeEngine
from tests.contract.host import CallFailedError, Host
from tests.contract.machines import (
    DOCKER,
    LAUNCHED,
    MARKER,
    PLACE,
    RESTART,
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
TWO = [{"host_port": 8000, "container_port": 80}, {"host_port": 9000, "container_port": 90}]


@pytest.mark.parametrize(
    ("mappings", "container_port", "host_port"),
    [
        (TWO[:1], 0, 8000),
        (TWO, 90, 9000),
        (TWO, 0, None),
        ([], 90, 90),  # nothing is mapped, so it is the machine's own port
        ([], 0, None),
        (None, 0, None),
    ],
)
@pytest.mark.parametrize("own_address", [True, False])
def test_the_address_is_of_the_chosen_port(
    host: Host,
    simulator: Simulator,
    mappings: list[dict[str, int]] | None,
    container_port: int,
    host_port: int | None,
    own_address: bool,
) -> None:
    simulator.control.settings(own_addresses=own_address)
    docker = {"docker_configuration": {"image": "x", "port_mappings": mappings}}
    launched = {} if mappings is None else {"launch_configuration": docker}
    made = machine(host).buy({**PLACE, **launched, "endpoint_port": container_port})
    outs = endpoint(host).create(waiting(made, ready="status")).outs
    simulator.control.settings(own_addresses=True)
    mapped = {row["internal_port"]: row["external_port"] for row in outs["port_mappings"]}
    assert bool(mapped) == (not own_address and bool(mappings))
    address = "" if host_port is None else f"http://{outs['ip']}:{mapped.get(host_port, host_port):.0f}"
    assert (outs["address"], outs["base_url"]) == (address, f"{address}/v1" if address else "")


def test_without_an_address_the_status_counts(host: Host, simulator: Simulator) -> None:
    made = machine(host).buy(PLACE)
    outs = endpoint(host).create(waiting(made)).outs
    assert (outs["base_url"], outs["address"], outs["ready_by"]) == ("", "", "status")


def test_a_linked_account_is_priced_and_marked(host: Host, start_host: StartHost, simulator: Simulator) -> None:
    made = machine(host).buy({**PLACE, "shade_cloud": False})
    quote = made.outs["quote"]
    assert (quote["hourly_total"], quote["billed_by"]) == ("0.50", "your linked hyperstack account")
    assert at_vendor(simulator, made.id)["shade_cloud"] is False
    read = machine(start_host(), "chat").read(made)
    assert read.outs == made.outs
    assert endpoint(host).create(waiting(made)).outs["price_difference"] == ""
    simulator.control.advance(7200)
    (run,) = simulator.control.ledger().of(made.id)
    assert not run.amount.amount


@pytest.mark.parametrize("ready_key", ["", "the-key-of-vllm"])
def test_a_server_with_a_key_answers_by_itself(host: Host, ready_key: str) -> None:
    docker = {**DOCKER, "args": "--model a --api-key the-key-of-vllm"}
    made = machine(host).buy({**PLACE, "launch_configuration": {"docker_configuration": docker}})
    outs = endpoint(host).create(waiting(made, ready_key=ready_key)).outs
    assert outs["ready_by"] == ("answer" if ready_key else "refused")


def test_another_port_is_another_address_of_the_same_machine(host: Host) -> None:
    docker = {"docker_configuration": {"image": "x", "port_mappings": TWO}}
    made = machine(host, "two").buy({**PLACE, "launch_configuration": docker, "endpoint_port": 80})
    first = endpoint(host, "two").create(waiting(made))
    moved = waiting(made, endpoint_port=90)
    assert endpoint(host, "two").diff(first.outs, moved).changes is None
    outs = endpoint(host, "two").update(first, moved).outs
    assert (first.outs["address"][-5:], outs["address"][-5:]) == (":8000", ":9000")


def test_a_machine_that_is_only_read_has_no_secret_of_its_owners(host: Host, start_host: StartHost) -> None:
    made = machine(host).buy({**PLACE, **LAUNCHED, "envs": {"A": MARKER}, "tags": ["blue"]})
    read = machine(start_host(), "read").get(made.id, {})
    assert (read.id, read.outs["name"], read.outs["tags"]) == (made.id, "pulumi-cortecs", ["blue"])
    assert read.outs["quote"]["hourly_total"] == "0.50"
    assert MARKER not in str(read)


def test_an_error_after_active_is_kept_and_waited_for_no_more(
    host: Host, start_host: StartHost, simulator: Simulator
) -> None:
    simulator.control.fault("reclaim", seconds=3600)
    made = machine(host, "taken").buy(PLACE)
    waited = endpoint(host, "taken").create(waiting(made))
    simulator.control.advance(7200)
    later = start_host()
    assert machine(later, "taken").read(made).id == made.id
    read = endpoint(later, "taken").read(waited)
    assert read.outs["status"] == "error"
    assert endpoint(later, "taken").diff(read.outs, waiting(made)).changes is True
    machine(later, "taken").diff(made.outs, inputs_of(made), made.id)
    with pytest.raises(CallFailedError, match=r"failed: error .*up --replace"):
        endpoint(later, "taken").update(read, waiting(made))


def test_a_name_and_tags_that_were_changed_are_drift(host: Host, simulator: Simulator) -> None:
    resource, program = machine(host), {**PLACE, "name": "one", "tags": ["blue"]}
    made = resource.buy(program)
    tags = at_vendor(simulator, made.id)["tags"]
    change_at_vendor(simulator, made.id, name="two", tags=[*reversed(tags), "green"])
    read = machine(host).read(made)
    assert read.inputs is not None
    assert (read.inputs["name"], read.inputs["tags"]) == ("two", ["blue", "green"])
    up(machine(host), read, program)
    after = at_vendor(simulator, made.id)
    assert (after["name"], sorted(after["tags"])) == ("one", sorted(tags))


@pytest.mark.parametrize("gone", [False, True])
def test_a_machine_without_the_informative_fields_can_still_be_deleted(
    start_host: StartHost, simulator: Simulator, proxy: Proxy, gone: bool
) -> None:
    needed = {"id", "cloud", "region", "shade_instance_type", "status"}

    def sparse(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if answer.status != 200 or sent.method != "GET" or "types" in sent.path:
            return answer
        for row in answer.body.get("instances", [answer.body]):
            row.update(dict.fromkeys(row.keys() - needed))
            for key in row.keys() - needed if gone else ():
                del row[key]
        return answer

    host = start_host(proxy.env())
    made = machine(host, "sparse").buy({**PLACE, "spend_limit": "25 USD", "tags": ["a"]})
    proxy.rewrite = sparse
    later = machine(start_host(proxy.env()), "sparse")
    assert later.read(made).id == made.id
    later.delete(made)
    assert ids(simulator) == []


ODD_ROWS: Mapping[str, Mapping[str, Any]] = {
    "/instances": {
        "cost_estimate": 1.5,
        "ssh_port": "22",
        "hourly_price": 50.5,
        "port_mappings": [None, {"internal_port": None}],
        "tags": [None],
        "configuration": [],
        "launch_configuration": {"docker_configuration": {"port_mappings": [None, {"container_port": {}}]}},
        "boot_time": 7,
        "name": 7,
        "shade_cloud": "yes",
        "auto_delete": "x",
        "alert": [],
        "created_at": 0,
    },
    "/instances/types": {"hourly_price": None},
    "/volumes": {"cost_estimate": 1.5, "fixed_size": "yes", "mounted_by": 5, "supports_multi_mount": 1},
    "/volumes/types": {"price_per_gb_per_hour": None},
}


def test_an_odd_row_of_another_hides_no_row_of_ours(start_host: StartHost, simulator: Simulator, proxy: Proxy) -> None:
    made = machine(start_host(proxy.env()), "ours").buy(PLACE)
    with simulator.shadeform_client() as api:
        api.post("/instances/create", json={**PLACE, "name": "theirs"}).raise_for_status()

    def odd(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in next(iter(answer.body.values()))[1:] if sent.path in ODD_ROWS else ():
            row.update(ODD_ROWS[sent.path])
        return answer

    proxy.rewrite = odd
    later = machine(start_host(proxy.env()), "ours")
    assert later.read(made).outs == made.outs
    later.delete(made)
    assert len(ids(simulator)) == 1


@pytest.mark.parametrize("launch", ["x", {"docker_configuration": "x"}, {"docker_configuration": {"port_mappings": 7}}])
def test_an_odd_launch_is_a_machine_without_an_address(
    start_host: StartHost, proxy: Proxy, launch: Any, simulator: Simulator
) -> None:
    proxy.rewrite = lambda sent, pass_on: with_fields(pass_on(), launch_configuration=launch, hourly_price=-50)
    host = start_host(proxy.env())
    made = machine(host, "odd").buy(PLACE)
    outs = endpoint(host, "odd").create(waiting(made)).outs
    assert (outs["address"], outs["ready_by"], outs["hourly_price"]) == ("", "status", "")


@pytest.mark.parametrize(
    ("ip", "address"),
    [
        ("2001:db8::7", "http://[2001:db8::7]:8000"),
        ("[2001:db8::7]", "http://[2001:db8::7]:8000"),
        ("a.example.com", "http://a.example.com:8000"),
    ],
)
def test_an_address_is_of_version_6_or_a_name_too(start_host: StartHost, proxy: Proxy, ip: str, address: str) -> None:
    proxy.rewrite = lambda sent, pass_on: with_fields(pass_on(), ip=ip)
    host = start_host(proxy.env())
    made = machine(host, "six").buy({**PLACE, **LAUNCHED})
    assert endpoint(host, "six").create(waiting(made, ready="status")).outs["address"] == address


def test_an_endpoint_without_a_port_says_that_it_only_counts_the_status(host: Host) -> None:
    docker = {"docker_configuration": {"image": "x", "port_mappings": TWO}}
    made = machine(host).buy({**PLACE, "launch_configuration": docker})
    outs = endpoint(host).create(waiting(made)).outs
    assert (outs["base_url"], outs["ready_by"]) == ("", "status")


def test_an_adopted_machine_keeps_what_its_vendor_does_not_report(
    host: Host, simulator: Simulator, start_host: StartHost, engine: FakeEngine
) -> None:
    made = machine(host).buy({**PLACE, **LAUNCHED, "tags": ["blue"], "name": "one"})
    adopting = machine(start_host(engine=engine.address), "adopted")
    program = {**PLACE, **LAUNCHED, "envs": {"TOKEN": MARKER}, "adopt_id": made.id}
    adopted = adopting.buy(program)
    assert (adopted.outs["name"], adopted.outs["tags"]) == ("one", ["blue"])
    assert "Shadeform does not report" in str(engine.messages)
    assert MARKER not in f"{engine.messages}{adopted}"
    again = machine(start_host(), "adopted").check(program, inputs_of(adopted))
    assert (again.failures, again.inputs) == ((), inputs_of(adopted))
    assert machine(host).diff(adopted.outs, again.inputs, made.id).changes is False
    assert at_vendor(simulator, made.id)["name"] == "one"


def test_a_restart_that_comes_too_early_is_told_and_can_be_repeated(host: Host, simulator: Simulator) -> None:
    simulator.control.pause()
    resource, program = machine(host), {**PLACE, "restart_trigger": "again"}
    made = resource.buy(PLACE)
    news = resource.check(program, inputs_of(made)).inputs
    with pytest.raises(CallFailedError, match=r"may be billed: Shadeform answered POST .*/restart with 409: "):
        resource.update(made, news)
    simulator.control.resume()
    simulator.control.advance(60)
    asked = count(simulator, RESTART)
    assert resource.update(made, news).outs["restart_trigger"] == "again"
    assert asked() == (1,)
