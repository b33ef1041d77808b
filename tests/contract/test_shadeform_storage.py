"""SSH keys and volumes of Shadeform over the host's wire, on the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.simulator import Simulator
from tests.clouds.shadeform import A6000, SHADEFORM
from tests.contract.catalogues import pinned_from
from tests.contract.engine import listening
from tests.contract.host import IMPATIENT, UNKNOWN, CallFailedError, Host, Made, Resource
from tests.contract.patience import until
from tests.contract.proxy import Answer, Proxy, Sent

SSH_KEY, VOLUME = TOKENS["shadeform.SshKey"], TOKENS["shadeform.Volume"]
PUBLIC: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx me@example"
PLACE: Final = {"cloud": "hyperstack", "region": "montreal-canada-2"}
PROGRAMS: Final[dict[str, dict[str, Any]]] = {
    SSH_KEY: {"public_key": PUBLIC},
    VOLUME: {**PLACE, "size_in_gb": 100},
}
ORDERS: Final = {SSH_KEY: "POST /v1/sshkeys/add", VOLUME: "POST /v1/volumes/create"}
BOTH = pytest.mark.parametrize("kind", [SSH_KEY, VOLUME], ids=["key", "volume"])
StartHost = Callable[..., Host]


@pytest.fixture
def host(start_host: StartHost) -> Host:
    return start_host(before=IMPATIENT)


@pytest.fixture
def console(simulator: Simulator) -> Iterator[httpx.Client]:
    environment = simulator.env()
    headers = {"X-API-KEY": environment["SHADEFORM_API_KEY"]}
    with httpx.Client(base_url=environment["SHADEFORM_BASE_URL"], headers=headers, trust_env=False) as client:
        yield client


def plain(host: Host, kind: str, name: str = "data") -> Resource:
    return Resource(host, kind, name, parent=kind)


def names(console: httpx.Client, kind: str) -> set[str]:
    """The names of the keys or volumes, without the vendor's own."""
    path, key = {SSH_KEY: ("/sshkeys", "ssh_keys"), VOLUME: ("/volumes", "volumes")}[kind]
    return {row["name"] for row in console.get(path).json()[key]} - {"Shadeform Managed Key"}


@BOTH
def test_what_is_created_reads_as_it_was_and_is_deleted(
    host: Host, start_host: StartHost, console: httpx.Client, kind: str
) -> None:
    inputs = plain(host, kind).check(PROGRAMS[kind]).inputs
    made = plain(host, kind).create(inputs)
    computed = {
        SSH_KEY: {"is_default"},
        VOLUME: {"cloud_assigned_id", "fixed_size", "supports_multi_mount", "cost_estimate", "mounted_by"},
    }[kind]
    assert made.outs.keys() - inputs.keys() == {*computed, "account"}
    read = plain(start_host(), kind).read(made)
    assert (read.id, read.inputs) == (made.id, inputs)
    assert names(console, kind) == {inputs["name"]}
    plain(host, kind).delete(made)
    assert names(console, kind) == set()


@BOTH
@pytest.mark.parametrize("fault", [{"kind": "lost_answer"}, {"kind": "server_error", "after_side_effect": True}])
def test_a_lost_answer_is_one_resource(
    host: Host, simulator: Simulator, console: httpx.Client, kind: str, fault: dict[str, Any]
) -> None:
    method, path = ORDERS[kind].split()
    simulator.control.fault(**fault, method=method, path=path, count=1)
    made = plain(host, kind).buy(PROGRAMS[kind])
    assert names(console, kind) == {made.outs["name"]}
    assert simulator.control.requests().count(ORDERS[kind]) == 1


@BOTH
@pytest.mark.parametrize("change", [{}, {"size_in_gb": 5000, "public_key": f"{PUBLIC}-2"}], ids=["alike", "other"])
def test_what_somebody_has_just_created_under_the_name_is_not_taken(
    start_host: StartHost, proxy: Proxy, console: httpx.Client, kind: str, change: dict[str, Any]
) -> None:
    program = {**PROGRAMS[kind], "name": "theirs"}
    path = ORDERS[kind].removeprefix("POST /v1")
    theirs = {**program, **{key: value for key, value in change.items() if key in program}}

    def created_in_between(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.path == path:
            console.post(path, json=theirs).raise_for_status()
        return pass_on()

    proxy.rewrite = created_in_between
    unclaimed = r"^it is unknown whether 'theirs' was created: Shadeform answered .* name must be unique\. The next "
    with pytest.raises(CallFailedError, match=unclaimed):
        plain(start_host(proxy.env(), before=IMPATIENT), kind).buy(program)
    with pytest.raises(CallFailedError, match=r"^name: 'theirs' exists already .*; no order of this resource has "):
        plain(start_host(), kind).buy(program)
    assert names(console, kind) == {"theirs"}


@BOTH
def test_what_has_other_arguments_is_not_what_a_lost_answer_named(
    start_host: StartHost, proxy: Proxy, console: httpx.Client, kind: str
) -> None:
    path = ORDERS[kind].removeprefix("POST /v1")
    other = {VOLUME: {"size_in_gb": 5000}, SSH_KEY: {"public_key": f"{PUBLIC}-2"}}[kind]

    def created_instead(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        if sent.path != path:
            return pass_on()
        console.post(path, json={**sent.body, **other}).raise_for_status()
        return Answer(502, {"error": "no answer"})

    proxy.rewrite = created_instead
    with pytest.raises(CallFailedError, match=r"^it is unknown whether 'theirs' was created: "):
        plain(start_host(proxy.env(), before=IMPATIENT), kind).buy({**PROGRAMS[kind], "name": "theirs"})
    assert len(names(console, kind)) == 1


@pytest.mark.parametrize("answer", [{"id": "../x"}, {"id": "create"}, []], ids=str)
@BOTH
def test_an_id_that_is_none_is_a_lost_answer(
    start_host: StartHost, proxy: Proxy, console: httpx.Client, kind: str, answer: Any
) -> None:
    path = ORDERS[kind].removeprefix("POST /v1")

    def misnamed(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        passed = pass_on()
        return Answer(200, answer) if sent.path in (path, "/instances/create") else passed

    proxy.rewrite = misnamed
    host = start_host(proxy.env(), before=IMPATIENT)
    made, machine = plain(host, kind).buy(PROGRAMS[kind]), host.instance(of=SHADEFORM).buy(A6000)
    plain(host, kind).delete(made)
    host.instance(of=SHADEFORM).delete(machine)
    assert names(console, kind) == set()
    assert {row["status"] for row in console.get("/instances").json()["instances"]} <= {"deleting"}


@BOTH
@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_of_what_was_carried_out_is_one_resource_by_its_own_name(
    start_host: StartHost, proxy: Proxy, console: httpx.Client, kind: str, status: int
) -> None:
    path = ORDERS[kind].removeprefix("POST /v1")

    def refused(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        passed = pass_on()
        return Answer(status, {"error": "no"}) if sent.path == path else passed

    proxy.rewrite = refused
    made = plain(start_host(proxy.env(), before=IMPATIENT), kind).buy(PROGRAMS[kind])
    assert names(console, kind) == {made.outs["name"]}


@BOTH
def test_an_empty_list_may_be_null(host: Host, simulator: Simulator, console: httpx.Client, kind: str) -> None:
    simulator.control.settings(null_lists=True)
    made = plain(host, kind).buy(PROGRAMS[kind])
    machine = host.instance(of=SHADEFORM).buy(A6000)
    plain(host, kind).delete(made)
    host.instance(of=SHADEFORM).delete(machine)
    simulator.control.settings(null_lists=False)
    assert names(console, kind) == set()


PRICES: Final[dict[str, tuple[Any, str | None]]] = {
    "0.25": ("0.25", "25.00"),
    "exponents": ("1e-4", "0.01"),
    **{
        name: (name, None)
        for name in ("NaN", "sNaN", "Infinity", "-1", "0", "", " 1", "1_0", "１", "1e999999", "1e-999999999", "1e30")
    },
}


@pytest.mark.parametrize("price", PRICES)
def test_a_volume_is_bought_at_a_price_that_is_one(start_host: StartHost, proxy: Proxy, price: str) -> None:
    reported, hourly = PRICES[price]

    def priced(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        for row in answer.body["volume_types"] if sent.path == "/volumes/types" else ():
            row["price_per_gb_per_hour"] = reported
        return answer

    proxy.rewrite = priced
    volume = plain(start_host(proxy.env(), before=IMPATIENT), VOLUME)
    inputs = volume.check(PROGRAMS[VOLUME]).inputs
    assert inputs["quote"].get("hourly_total") == hourly
    if hourly is None:
        with pytest.raises(CallFailedError, match=r"has no price for hyperstack/montreal-canada-2/volume"):
            volume.create(inputs)


def test_of_two_prices_of_one_place_the_higher_counts(start_host: StartHost, proxy: Proxy) -> None:
    def twice(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if sent.path == "/volumes/types":
            rows = answer.body["volume_types"]
            answer.body["volume_types"] = [*rows, *({**row, "price_per_gb_per_hour": "1"} for row in rows)]
        if sent.path == "/instances/types":
            rows = answer.body["instance_types"]
            answer.body["instance_types"] = [*rows, *({**row, "hourly_price": 99_900} for row in rows)]
        return answer

    proxy.rewrite = twice
    host = start_host(proxy.env(), before=IMPATIENT)
    assert plain(host, VOLUME).check(PROGRAMS[VOLUME]).inputs["quote"]["hourly_total"] == "100.00"
    assert host.instance(of=SHADEFORM).check(A6000).inputs["quote"]["hourly_total"] == "999.00"


def test_a_key_is_one_line_without_its_end(host: Host) -> None:
    assert plain(host, SSH_KEY).check({"public_key": f"{PUBLIC}\n"}).inputs["public_key"] == PUBLIC
    for wrong in ("AAAA", "", "ssh-rsa AAAA\nssh-rsa BBBB"):
        (reason,) = plain(host, SSH_KEY).check({"public_key": wrong}).reasons("public_key")
        assert reason.startswith("must be a public key such as ")


PRIVATE: Final = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n" * 8


@pytest.mark.parametrize("private", [PRIVATE, PRIVATE.replace("\n", " ")], ids=["a file", "a line"])
def test_a_private_key_is_refused_and_never_shown(host: Host, private: str) -> None:
    for resource, argument, program in (
        (plain(host, SSH_KEY), "public_key", {"public_key": private}),
        (plain(host, SSH_KEY), "public_key", {"public_key": [private]}),
        (host.instance(of=SHADEFORM), "ssh_key_id", {**A6000, "ssh_key_id": private}),
    ):
        (reason,) = resource.check(program).reasons(argument)
        assert reason.startswith("must be a")
        assert PRIVATE[40:60] not in reason


def test_the_default_key_is_not_deleted_and_named(host: Host, console: httpx.Client) -> None:
    made = plain(host, SSH_KEY).buy({**PROGRAMS[SSH_KEY], "name": "mine"})
    console.post(f"/sshkeys/{made.id}/setdefault").raise_for_status()
    with pytest.raises(CallFailedError, match="'mine' is the account's default key; make another one the default"):
        plain(host, SSH_KEY).delete(made)
    assert names(console, SSH_KEY) == {"mine"}


def test_a_volume_is_deleted_when_nothing_mounts_it(host: Host, console: httpx.Client, simulator: Simulator) -> None:
    made = plain(host, VOLUME).buy(PROGRAMS[VOLUME])
    instance = host.instance(of=SHADEFORM).buy({**A6000, **PLACE, "volume_ids": [made.id]})
    deletion = host.stub.Delete.future(plain(host, VOLUME).delete_request(made))
    until(lambda: simulator.control.requests().count("GET /v1/volumes") > 2)
    console.post(f"/instances/{instance.id}/delete").raise_for_status()
    deletion.result(timeout=25)
    assert names(console, VOLUME) == set()


def test_the_price_of_a_volume_is_in_the_plan(host: Host) -> None:
    volume = plain(host, VOLUME)
    quote = volume.check(PROGRAMS[VOLUME]).inputs["quote"]
    assert (quote["hourly_total"], quote["currency"], quote["source"]) == ("0.01", "USD", "simulator")
    assert volume.check({**PROGRAMS[VOLUME], "size_in_gb": UNKNOWN}).inputs["quote"] == UNKNOWN
    wrong = {"cloud": "hyperstak"}, {"region": "oslo-norway-1"}
    for change in wrong:
        ((name, reason),) = volume.check({**PROGRAMS[VOLUME], **change}).failures
        assert name in change
        assert reason


def test_without_a_network_the_catalogue_prices_a_volume_and_none_is_bought(
    start_host: StartHost, tmp_path: Path
) -> None:
    nowhere = "http://127.0.0.1:1/v1"
    file = str(pinned_from(nowhere, tmp_path / "pinned.yaml", "shadeform"))
    limits = tmp_path / "limits.json"
    ceiling = {"allowed_base_urls": [nowhere], "account_hourly_ceiling": "0.52 USD"}
    limits.write_text(json.dumps({"shadeform": ceiling}))
    offline = {
        "SHADEFORM_BASE_URL": nowhere,
        "PULUMI_CORTECS_CATALOGUE": file,
        "PULUMI_CORTECS_LIMITS": str(limits),
    }
    volume = plain(start_host(offline, before=IMPATIENT), VOLUME)
    settled = volume.check(PROGRAMS[VOLUME]).inputs
    assert settled["quote"]["hourly_total"] == "0.01"
    assert settled["quote"]["source"].startswith("catalogue 20")
    (reason,) = volume.check({**PROGRAMS[VOLUME], "region": "oslo-norway-1"}).reasons("region")
    assert reason.endswith("Shadeform cannot be reached)")
    with pytest.raises(CallFailedError, match="nothing was created: its price is from the pinned catalogue 20"):
        volume.create(settled)


def test_another_size_destroys_the_data_and_says_so(start_host: StartHost) -> None:
    with listening() as engine:
        volume = plain(start_host(engine=engine.address), VOLUME)
        settled = volume.check(PROGRAMS[VOLUME]).inputs
        news = volume.check({**PROGRAMS[VOLUME], "size_in_gb": 200}, settled).inputs
        assert set(volume.diff(Made("x", settled).outs, news).replaces) == {"size_in_gb", "name"}
    assert [message for message in engine.messages if "destroys the data" in message]


def test_instances_and_volumes_are_one_sum(start_host: StartHost, simulator: Simulator, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    url = simulator.env()["SHADEFORM_BASE_URL"]
    ceiling = {"allowed_base_urls": [url], "account_hourly_ceiling": "0.52 USD"}
    limits.write_text(json.dumps({"shadeform": ceiling}))
    host = start_host({"PULUMI_CORTECS_LIMITS": str(limits)}, before=IMPATIENT)
    host.instance(of=SHADEFORM).buy({**A6000, **PLACE})
    made = plain(host, VOLUME).buy(PROGRAMS[VOLUME])
    ((name, reason),) = plain(host, VOLUME, "more").check({**PROGRAMS[VOLUME], "size_in_gb": 200}).failures
    assert name == "cloud"
    assert "the account would cost 0.53 USD/h" in reason
    plain(host, VOLUME).delete(made)
    assert plain(host, VOLUME, "more").check({**PROGRAMS[VOLUME], "size_in_gb": 200}).failures == ()


def test_an_instance_is_checked_with_what_it_attaches(host: Host, console: httpx.Client) -> None:
    volume = plain(host, VOLUME).buy(PROGRAMS[VOLUME])
    other_place = {**A6000, "volume_ids": [volume.id], "ssh_key_id": "no-such-key"}
    assert host.instance(of=SHADEFORM).check(other_place).failures == (
        ("volume_ids", f"volume {volume.id} is in hyperstack/montreal-canada-2; an instance there can mount it"),
        ("ssh_key_id", "this account has no SSH key 'no-such-key'"),
    )
    unknown = {**A6000, "volume_ids": [UNKNOWN]}
    assert host.instance(of=SHADEFORM).check(unknown).failures == ()
    missing = host.instance(of=SHADEFORM).check({**A6000, "volume_ids": ["no-such-volume"]})
    assert missing.failures == (("volume_ids", "this account has no volume 'no-such-volume'"),)


def test_the_plan_says_that_a_volume_is_mounted_already(start_host: StartHost) -> None:
    with listening() as engine:
        host = start_host(engine=engine.address)
        volume = plain(host, VOLUME).buy(PROGRAMS[VOLUME])
        program = {**PLACE, "shade_instance_type": "A6000", "volume_ids": [volume.id]}
        user = host.instance(of=SHADEFORM).buy(program)
        assert host.instance("second", of=SHADEFORM).check(program).failures == ()
        (warning,) = [text for text in engine.messages if "delete_before_replace" in text]
        assert warning.startswith(f"volume_ids: {user.id} mounts volume {volume.id}")


def test_what_replaces_the_user_of_a_volume_waits_until_it_is_free(host: Host, simulator: Simulator) -> None:
    simulator.control.settings(deleting_seconds=3600)
    volume = plain(host, VOLUME).buy(PROGRAMS[VOLUME])
    program = {**PLACE, "shade_instance_type": "A6000", "volume_ids": [volume.id]}
    resource = host.instance(of=SHADEFORM)
    resource.delete(resource.buy(program))
    looks = "GET /v1/volumes/{volume_id}/info"
    inputs = resource.check(program).inputs
    before = simulator.control.requests().count(looks)
    creation = host.stub.Create.future(resource.create_request(inputs))
    until(lambda: simulator.control.requests().count(looks) > before)
    simulator.control.advance(3600)
    made = creation.result(timeout=25).id
    assert [instance.instance_id for instance in simulator.control.instances()] == [made]
    # a look at the one that is deleted may come just after its end
    assert simulator.control.requests().refused.keys() <= {"GET /v1/instances/{instance_id}/info"}
