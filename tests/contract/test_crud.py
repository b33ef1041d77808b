"""Plain resources over the host's wire: created once under a unique name, found again by it, and deleted for certain.
`acme.Key` is free and tells a secret once, `acme.Disk` costs money."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.simulator import Simulator
from tests.acme.api import BASE
from tests.clouds.acme import ACME
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, UNKNOWN, CallFailedError, Diffed, Host, Made, Resource
from tests.contract.patience import until
from tests.contract.states import FOLDER

KEY, DISK = TOKENS["acme.Key"], TOKENS["acme.Disk"]
PROGRAMS: Final[Mapping[str, dict[str, Any]]] = {KEY: {"scope": "read"}, DISK: {"zone": "north", "size": 10}}
ROUTES: Final[Mapping[str, str]] = {KEY: "keys", DISK: "disks"}
QUOTE = {
    "price_per_hour": "0.20",
    "price_per_minute": "0.003333333333333333333333333333",
    "hourly_total": "0.20",
    "currency": "EUR",
    "source": "simulator",
}
StartHost = Callable[..., Host]


class Api:
    """Acme's own API, as its console."""

    def __init__(self, simulator: Simulator) -> None:
        environment = simulator.env()
        headers = {"x-api-key": environment["ACME_API_KEY"]}
        self._client = httpx.Client(base_url=environment["ACME_API_BASE_URL"], headers=headers, trust_env=False)

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        """All keys or disks by name."""
        return {row["name"]: row for row in self._client.get(f"/{ROUTES[kind]}").json()[ROUTES[kind]]}

    def post(self, path: str, **body: Any) -> str:
        """Adds something; its id."""
        return str(self._client.post(path, json=body).raise_for_status().json()["id"])

    def patch(self, path: str, **body: Any) -> None:
        """Changes something."""
        self._client.patch(path, json=body).raise_for_status()

    def delete(self, path: str) -> None:
        """Deletes something."""
        self._client.delete(path).raise_for_status()

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()


@pytest.fixture
def host(start_host: StartHost) -> Host:
    """A host of its own: what it has reviewed goes by the URN."""
    return start_host(before=IMPATIENT)


@pytest.fixture
def api(simulator: Simulator) -> Iterator[Api]:
    api = Api(simulator)
    yield api
    api.close()


@pytest.fixture
def next_host(start_host: StartHost, tmp_path: Path) -> StartHost:
    """Starts hosts that share one journal, as those of one machine do; or, with a name, that of another machine."""

    def start(machine: str = "one", environment: dict[str, str] | None = None, **options: str) -> Host:
        shared = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / machine), FOLDER: str(tmp_path / "states")}
        return start_host({**shared, **(environment or {})}, **{"before": IMPATIENT, **options})

    return start


def plain(host: Host, kind: str, name: str = "data") -> Resource:
    """A plain resource of a host."""
    return Resource(host, kind, name, parent=kind)


def kill(host: Host) -> None:
    host.process.kill()
    host.process.wait(timeout=10)


def in_the_state(folder: Path, kind: str, urn: str, made: Made) -> None:
    """A state that has the resource."""
    (folder / "states").mkdir(exist_ok=True)
    deployment = {"resources": [{"urn": urn, "type": kind, "id": made.id}]}
    (folder / "states" / "test.json").write_text(json.dumps({"version": 3, "deployment": deployment}))


def order(kind: str) -> dict[str, str]:
    """The parameters with which a fault hits what creates."""
    return {"method": "POST", "path": f"{BASE}/{ROUTES[kind]}"}


def orders(simulator: Simulator, kind: str) -> int:
    """The number of requests so far that create."""
    return simulator.control.requests().count(f"POST {BASE}/{ROUTES[kind]}")


BOTH = pytest.mark.parametrize("kind", [KEY, DISK], ids=["key", "disk"])


# -- check and names


@BOTH
def test_all_problems_come_at_once_on_their_properties(host: Host, kind: str) -> None:
    wrong = {KEY: {"scope": "all", "passphrase": 7, "colour": "red"}, DISK: {"size": 0, "colour": "red"}}[kind]
    checked = plain(host, kind).check(wrong)
    expected = {KEY: {"scope", "passphrase", "colour"}, DISK: {"zone", "size", "colour"}}[kind]
    assert {name for name, _ in checked.failures} == expected
    assert checked.reasons("passphrase") == (["cannot be used"] if kind == KEY else [])


@BOTH
def test_a_name_is_made_once_and_stays(host: Host, start_host: StartHost, kind: str) -> None:
    names = {plain(one, kind, "My data").check(PROGRAMS[kind]).inputs["name"] for one in (host, start_host())}
    (name,) = names
    assert re.fullmatch("my-data-[a-z2-7]{6}", name)
    assert plain(host, kind, "other").check(PROGRAMS[kind]).inputs["name"].startswith("other-")
    resource = plain(host, kind, "My data")
    settled = resource.check(PROGRAMS[kind]).inputs
    assert resource.check(PROGRAMS[kind], settled).inputs == settled


@BOTH
def test_each_replacement_has_another_name(host: Host, kind: str) -> None:
    resource = plain(host, kind)
    news = {KEY: {"passphrase": "x"}, DISK: {"zone": "north", "size": 20}}[kind]
    made, names = resource.buy(PROGRAMS[kind]), set[str]()
    old = resource.check(PROGRAMS[kind]).inputs
    for _ in range(2):  # a preview and its `up`
        checked = resource.check(news, old).inputs
        diffed = resource.diff(made.outs, checked, made.id)
        assert set(diffed.replaces) == {"name", *({"passphrase"} if kind == KEY else {"size"})}
        second = resource.check(news)
        assert second.failures == ()
        assert second.inputs == checked
        names.add(second.inputs["name"])
    assert len(names | {made.outs["name"]}) == 2
    replaced = resource.create(second.inputs)
    assert replaced.id != made.id
    resource.delete(made)


@BOTH
def test_a_replacement_of_the_same_has_another_name(host: Host, kind: str, api: Api) -> None:
    resource = plain(host, kind, "again")
    made = resource.buy(PROGRAMS[kind])
    inputs = resource.check(PROGRAMS[kind], resource.check(PROGRAMS[kind]).inputs).inputs
    assert resource.diff(made.outs, inputs, made.id).changes is False
    second = resource.check(PROGRAMS[kind]).inputs
    assert second["name"] != made.outs["name"]
    assert resource.create(second).id != made.id
    assert len(api.rows(kind)) == 2


@BOTH
def test_a_replacement_without_old_inputs_has_another_name(next_host: StartHost, tmp_path: Path, kind: str) -> None:
    resource = plain(next_host(), kind)
    made, names = resource.buy(PROGRAMS[kind]), set[str]()
    for _ in range(3):  # `up --replace`: the engine ignores the old state
        in_the_state(tmp_path, kind, resource.urn, made)
        previewed = plain(next_host(), kind).check(PROGRAMS[kind]).inputs
        resource, old = plain(next_host(), kind), made
        assert resource.check(PROGRAMS[kind]).inputs == previewed
        made = resource.create(previewed)
        resource.delete(old)
        names |= {old.outs["name"], made.outs["name"]}
    assert len(names) == 4


# -- create, read, update, delete


@BOTH
def test_what_is_created_reads_as_it_was(host: Host, start_host: StartHost, api: Api, kind: str) -> None:
    inputs = plain(host, kind).check(PROGRAMS[kind]).inputs
    made = plain(host, kind).create(inputs)
    account = made.outs["account"]
    assert account.startswith("acme:")
    more = {KEY: {"secret": f"secret of {inputs['name']} 0"}, DISK: {"used_by": ""}}[kind]
    assert made.outs == {**inputs, **more, "account": account}
    assert api.rows(kind)[inputs["name"]]["id"] == made.id
    refreshing = plain(start_host(), kind)
    assert refreshing.read(made) == Made(made.id, made.outs, inputs)
    assert refreshing.diff(made.outs, inputs, made.id).changes is False
    refreshing.delete(made)
    assert api.rows(kind) == {}


def test_what_changes_in_place_keeps_its_id(host: Host, api: Api) -> None:
    key = plain(host, KEY)
    made = key.buy({"scope": "read"})
    news = key.check({"scope": "write"}, key.check({"scope": "read"}).inputs).inputs
    assert key.diff(made.outs, news, made.id) == Diffed(None, ())
    updated = key.update(made, news)
    assert updated == Made(made.id, {**made.outs, "scope": "write"})
    assert api.rows(KEY)[made.outs["name"]]["scope"] == "write"


def test_drift_is_a_change_of_inputs(host: Host, start_host: StartHost, api: Api) -> None:
    made = plain(host, KEY).buy({"scope": "read"})
    api.patch(f"/keys/{made.id}", scope="write")
    read = plain(start_host(), KEY).read(made)
    assert read.inputs is not None
    assert (read.inputs["scope"], read.outs["scope"], read.outs["secret"]) == ("write", "write", made.outs["secret"])


@BOTH
def test_gone_takes_successful_answers(
    host: Host, start_host: StartHost, simulator: Simulator, api: Api, kind: str
) -> None:
    made = plain(host, kind).buy(PROGRAMS[kind])
    api.delete(f"/{ROUTES[kind]}/{made.id}")
    simulator.control.fault("server_error", method="GET", path=f"{BASE}/{ROUTES[kind]}")
    refreshing = plain(start_host(before=IMPATIENT), kind)
    with pytest.raises(CallFailedError, match=f"^the status of {made.id} is unknown, so the state stays as it was: "):
        refreshing.read(made)
    simulator.control.clear_faults()
    assert refreshing.read(made).id == ""
    refreshing.delete(made)  # silent


def test_what_is_only_read_has_to_exist(host: Host) -> None:
    made = plain(host, DISK).buy(PROGRAMS[DISK])
    got = plain(host, DISK, "other").get(made.id, {})
    assert got.outs == made.outs
    with pytest.raises(CallFailedError, match="Acme Disk 'no-such-id' does not exist in this account"):
        plain(host, DISK, "other").get("no-such-id", {})


# -- lost answers

LOST: dict[str, dict[str, Any]] = {
    "the connection breaks behind the order": {"kind": "lost_answer"},
    "a 500 behind the order": {"kind": "server_error", "after_side_effect": True},
    "half an answer": {"kind": "malformed_json"},
}


@BOTH
@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("name", [{}, {"name": "mine"}], ids=["made", "given"])
def test_a_lost_answer_is_one_resource(
    host: Host, simulator: Simulator, api: Api, kind: str, fault: str, name: dict[str, str]
) -> None:
    simulator.control.fault(**LOST[fault], **order(kind), count=1)
    made = plain(host, kind).buy({**PROGRAMS[kind], **name})
    assert [row["id"] for row in api.rows(kind).values()] == [made.id]
    # a secret that was never told is of no use
    assert orders(simulator, kind) == (2 if kind == KEY else 1)
    assert kind == DISK or made.outs["secret"]


@BOTH
@pytest.mark.parametrize("kind_of_fault", ["lost_request", "server_error"])
def test_what_was_not_carried_out_is_an_error(
    host: Host, simulator: Simulator, api: Api, kind: str, kind_of_fault: str
) -> None:
    simulator.control.fault(kind_of_fault, **order(kind), count=1)
    with pytest.raises(CallFailedError, match=r"^nothing was created: "):
        plain(host, kind).buy(PROGRAMS[kind])
    assert api.rows(kind) == {}
    assert plain(host, kind).buy(PROGRAMS[kind]).id


def test_a_list_that_lags_does_not_create_it_twice(start_host: StartHost, simulator: Simulator, api: Api) -> None:
    host = start_host({"PULUMI_CORTECS_LIST_LAG": "1"}, before=IMPATIENT)
    simulator.control.fault("list_lag", seconds=50)  # most of a second
    simulator.control.fault("lost_answer", **order(DISK), count=1)
    made = plain(host, DISK).buy(PROGRAMS[DISK])
    assert [row["id"] for row in api.rows(DISK).values()] == [made.id]


# -- killed runs


def killed_while_it_creates(host: Host, simulator: Simulator, api: Api, kind: str, program: Mapping[str, Any]) -> str:
    """Kills the host when the vendor has carried out the order and not answered; the id."""
    resource = plain(host, kind)
    inputs = resource.check(program).inputs
    simulator.control.fault("slow_answer", **order(kind), real_seconds=20)
    call = host.stub.Create.future(resource.create_request(inputs))
    until(lambda: bool(api.rows(kind)))
    kill(host)
    call.cancel()
    simulator.control.clear_faults()
    (row,) = api.rows(kind).values()
    return str(row["id"])


def interrupted_in_the_state(folder: Path, kind: str, urn: str, inputs: Mapping[str, Any]) -> None:
    """The state of an engine that was killed while it created the resource."""
    (folder / "states").mkdir(exist_ok=True)
    creation = {"urn": urn, "type": kind, "inputs": dict(inputs)}
    # the last one is the run's own
    deployment = {"pending_operations": [{"type": "creating", "resource": creation}] * 2}
    (folder / "states" / "test.json").write_text(json.dumps({"version": 3, "deployment": deployment}))


@BOTH
@pytest.mark.parametrize("name", [{}, {"name": "mine"}], ids=["made", "given"])
def test_killed_while_it_creates_is_taken_over(
    next_host: StartHost, simulator: Simulator, api: Api, kind: str, name: dict[str, str]
) -> None:
    program = {**PROGRAMS[kind], **name}
    lost = killed_while_it_creates(next_host(), simulator, api, kind, program)
    ids = set[str]()
    for _ in range(2):  # and again, when it has answered and no state has the answer
        host = next_host()
        ids.add(plain(host, kind).buy(program).id)
        kill(host)
    assert {row["id"] for row in api.rows(kind).values()} <= ids
    assert ids == {lost} if kind == DISK else lost not in ids
    assert len(api.rows(kind)) == 1


@pytest.mark.parametrize("name", [{}, {"name": "mine"}], ids=["made", "given"])
def test_killed_on_one_machine_is_taken_over_on_another(
    next_host: StartHost, simulator: Simulator, api: Api, tmp_path: Path, name: dict[str, str], engine: FakeEngine
) -> None:
    program = {**PROGRAMS[DISK], **name}
    host = next_host()
    resource = plain(host, DISK)
    inputs = resource.check(program).inputs
    lost = killed_while_it_creates(host, simulator, api, DISK, program)
    if name:  # a name that was made proves by itself whose it is
        interrupted_in_the_state(tmp_path, DISK, resource.urn, inputs)
    other = next_host("another", engine=engine.address)
    assert plain(other, DISK).buy(program).id == lost
    assert any(message.startswith(f"{lost} is taken over: ") for message in engine.messages)
    assert orders(simulator, DISK) == 1


def test_other_arguments_than_those_of_a_killed_run_are_refused(
    next_host: StartHost, simulator: Simulator, api: Api
) -> None:
    lost = killed_while_it_creates(next_host(), simulator, api, DISK, PROGRAMS[DISK])
    for machine, what in (("one", "other arguments"), ("another", "another size")):
        with pytest.raises(CallFailedError, match=f"an earlier run has created {lost} .* with {what}"):
            plain(next_host(machine), DISK).buy({**PROGRAMS[DISK], "size": 20})
    assert orders(simulator, DISK) == 1


@BOTH
def test_a_given_name_that_is_there_is_refused(host: Host, api: Api, simulator: Simulator, kind: str) -> None:
    body = {KEY: {"scope": "read", "passphrase": ""}, DISK: PROGRAMS[DISK]}[kind]
    foreign = api.post(f"/{ROUTES[kind]}", name="mine", **body)
    expected = (
        f"^name: 'mine' exists already \\({foreign}\\); no order of this resource has created it; "
        "choose another name, or leave it out, so that one is made. Nothing was created$"
    )
    with pytest.raises(CallFailedError, match=expected):
        plain(host, kind).buy({**PROGRAMS[kind], "name": "mine"})
    assert orders(simulator, kind) == 1  # the console's


@BOTH
@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refusal_of_a_given_name_claims_nothing(
    host: Host, next_host: StartHost, simulator: Simulator, api: Api, kind: str, status: int
) -> None:
    program = {**PROGRAMS[kind], "name": "mine"}
    simulator.control.fault("server_error", status=status, after_side_effect=True, **order(kind), count=1)
    with pytest.raises(CallFailedError) as failed:
        plain(host, kind).buy(program)
    assert str(failed.value).startswith(f"it is unknown whether 'mine' was created: Acme answered POST /{ROUTES[kind]}")
    assert str(failed.value).endswith(". The next `pulumi up` says what has that name")
    created = api.rows(kind)["mine"]["id"]
    with pytest.raises(CallFailedError, match=f"^name: 'mine' exists already \\({created}\\); "):
        plain(next_host(), kind).buy(program)
    assert orders(simulator, kind) == 1


def test_what_keeps_its_given_name_is_deleted_before_its_replacement(host: Host, api: Api) -> None:
    disk, program = plain(host, DISK), {**PROGRAMS[DISK], "name": "mine"}
    made = disk.buy(program)
    news = disk.check({**program, "size": 20}, disk.check(program).inputs).inputs
    assert disk.diff_response(made.outs, news, made.id).deleteBeforeReplace
    disk.delete(made)
    assert disk.create(disk.check({**program, "size": 20}).inputs).id == api.rows(DISK)["mine"]["id"]


def test_a_name_that_a_row_has_is_refused(next_host: StartHost, tmp_path: Path) -> None:
    program = {**PROGRAMS[DISK], "name": "mine"}
    disk = plain(next_host(), DISK)
    made = disk.buy(program)
    in_the_state(tmp_path, DISK, disk.urn, made)
    with pytest.raises(CallFailedError, match="data of stack test has it; choose another name, or leave it out"):
        plain(next_host(), DISK, "other").buy(program)
    with pytest.raises(CallFailedError, match="data of stack test has it; set delete_before_replace=True, or leave"):
        plain(next_host(), DISK).buy(program)


def test_what_was_removed_from_the_state_is_taken_over(next_host: StartHost, simulator: Simulator) -> None:
    program = {**PROGRAMS[DISK], "name": "mine"}
    host = next_host()
    made, inputs = plain(host, DISK).buy(program), plain(host, DISK).check(program).inputs
    plain(next_host(), DISK).diff(made.outs, inputs, made.id)  # a state had it
    assert plain(next_host(), DISK).buy(program).id == made.id
    assert orders(simulator, DISK) == 1


def test_what_was_deleted_and_is_still_listed_is_not_taken_over(host: Host, simulator: Simulator, api: Api) -> None:
    disk = plain(host, DISK)
    made = disk.buy(PROGRAMS[DISK])
    disk.delete(made)
    api.post("/disks", **{**PROGRAMS[DISK], "name": made.outs["name"]})
    foreign = api.rows(DISK)[made.outs["name"]]["id"]
    simulator.control.fault("server_error", status=404, method="GET", path=f"{BASE}/disks/{foreign}")
    with pytest.raises(CallFailedError, match="The name is taken"):
        disk.buy(PROGRAMS[DISK])


@BOTH
def test_what_nobody_waits_for_any_more_is_deleted_again(host: Host, simulator: Simulator, api: Api, kind: str) -> None:
    resource = plain(host, kind)
    inputs = resource.check(PROGRAMS[kind]).inputs
    simulator.control.fault("slow_answer", **order(kind), real_seconds=1)
    call = host.stub.Create.future(resource.create_request(inputs))
    until(lambda: bool(api.rows(kind)))
    host.sees_the_end_of(call)
    until(lambda: not api.rows(kind))
    simulator.control.clear_faults()


# -- delete


@BOTH
def test_in_use_is_waited_for(host: Host, api: Api, simulator: Simulator, kind: str) -> None:
    made = plain(host, kind).buy(PROGRAMS[kind])
    machine = api.post("/machines", plan="small", zone="north", label=f"uses {made.id}")
    with pytest.raises(
        CallFailedError, match=f"^{made.id} may still exist.*: .*{machine}.* Run `pulumi destroy` again"
    ):
        plain(host, kind).delete(made)
    before = simulator.control.requests().count(f"GET {BASE}/{ROUTES[kind]}")
    deletion = host.stub.Delete.future(plain(host, kind).delete_request(made))
    until(lambda: simulator.control.requests().count(f"GET {BASE}/{ROUTES[kind]}") > before)
    api.delete(f"/machines/{machine}")
    deletion.result(timeout=20)
    assert api.rows(kind) == {}


@BOTH
def test_a_deletion_in_doubt_can_be_repeated(host: Host, api: Api, simulator: Simulator, kind: str) -> None:
    made = plain(host, kind).buy(PROGRAMS[kind])
    simulator.control.fault("server_error", status=500, method="DELETE", path=f"{BASE}/{ROUTES[kind]}/*")
    with pytest.raises(CallFailedError, match=f"^{made.id} may still exist"):
        plain(host, kind).delete(made)
    simulator.control.clear_faults()
    simulator.control.fault("lost_answer", method="DELETE", path=f"{BASE}/{ROUTES[kind]}/*", count=1)
    plain(host, kind).delete(made)
    assert api.rows(kind) == {}


# -- secrets


def test_no_secret_gets_into_a_journal_or_a_log(
    next_host: StartHost, simulator: Simulator, tmp_path: Path, engine: FakeEngine
) -> None:
    host = next_host(engine=engine.address)
    simulator.control.fault("lost_answer", **order(KEY), count=1)
    key, program = plain(host, KEY), {"passphrase": "hunter-two-passphrase"}
    made = key.buy(program)
    assert made.outs["passphrase"] == "hunter-two-passphrase"  # the engine encrypts what the program marks
    other = key.check({"passphrase": "another-passphrase"}, key.check(program).inputs)
    key.diff(made.outs, other.inputs, made.id)
    refused = key.check(program)
    assert refused.reasons("passphrase")
    texts = [host.printed(), *engine.messages, *(reason for _, reason in refused.failures)]
    texts += [file.read_bytes().decode("latin-1") for file in (tmp_path / "one").rglob("*") if file.is_file()]
    for secret in ("hunter-two-passphrase", "another-passphrase", made.outs["secret"]):
        assert not any(secret in text for text in texts)


# -- what costs money


def test_the_plan_has_the_price(host: Host) -> None:
    disk = plain(host, DISK)
    inputs = disk.check(PROGRAMS[DISK]).inputs
    assert inputs["quote"] == QUOTE
    assert "quote" not in plain(host, KEY).check({}).inputs
    assert disk.check({**PROGRAMS[DISK], "size": UNKNOWN}).inputs["quote"] == UNKNOWN
    (reason,) = disk.check({**PROGRAMS[DISK], "max_price": "0.10 EUR"}).reasons("max_price")
    assert reason.startswith("is 0.10 EUR, and the price is 0.20 EUR/h")


def test_a_price_that_rose_since_the_plan_is_not_paid(host: Host, simulator: Simulator, api: Api) -> None:
    inputs = plain(host, DISK).check(PROGRAMS[DISK]).inputs
    shown = {**inputs, "quote": {**QUOTE, "hourly_total": "0.10"}}
    with pytest.raises(CallFailedError, match=r"its price rose: 0\.10 EUR/h was shown, and now it is 0\.20 EUR/h"):
        plain(host, DISK, "dear").create({**shown, "name": "dear"})
    assert orders(simulator, DISK) == 0


def test_without_a_network_the_plan_has_no_price_and_nothing_is_bought(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    nowhere = {"ACME_API_BASE_URL": "http://127.0.0.1:9/acme/v2"}
    disk = plain(start_host(nowhere, before=IMPATIENT, engine=engine.address), DISK)
    checked = disk.check(PROGRAMS[DISK])
    assert (checked.failures, "quote" in checked.inputs) == ((), False)
    assert engine.messages[0].startswith("the price is unknown, and `pulumi up` would refuse to buy it: ")
    with pytest.raises(
        CallFailedError, match=r"^nothing was created: its price could not be asked for: .* cannot be reached"
    ):
        disk.create(checked.inputs)


def test_what_destroys_data_says_so_in_the_plan(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine
) -> None:
    disk = plain(start_host(engine=engine.address), DISK)
    settled = disk.check(PROGRAMS[DISK]).inputs
    disk.check(PROGRAMS[DISK], settled)
    assert engine.notes == []
    disk.check({"zone": "south", "size": 20}, settled)
    text = "another zone, size destroys the data: the new Disk is empty, and the old one is deleted"
    assert engine.notes == [text]


def limited(start: StartHost, folder: Path, simulator: Simulator, **limits: Any) -> Host:
    """A host under limits."""
    base_url = simulator.env()[ACME.kind().credentials.url.variable]
    file = folder / "limits.json"
    file.write_text(json.dumps({"acme": {"allowed_base_urls": [base_url], **limits}}))
    return start(environment={"PULUMI_CORTECS_LIMITS": str(file)}, machine="one")


def test_the_limits_judge_it_in_the_plan_and_at_the_purchase(
    next_host: StartHost, host: Host, simulator: Simulator, tmp_path: Path
) -> None:
    inputs = plain(host, DISK).check(PROGRAMS[DISK]).inputs
    disk = plain(limited(next_host, tmp_path, simulator, instance_hourly_cap="0.10 EUR"), DISK)
    ((_, reason),) = disk.check(PROGRAMS[DISK]).failures
    assert "0.20 EUR/h" in reason
    assert "0.10 EUR" in reason
    with pytest.raises(CallFailedError, match=r"^nothing was created: .*0\.10 EUR"):
        disk.create(inputs)
    assert orders(simulator, DISK) == 0


def test_instances_and_disks_are_one_sum(next_host: StartHost, simulator: Simulator, tmp_path: Path, api: Api) -> None:
    host = limited(next_host, tmp_path, simulator, account_hourly_ceiling="0.95 EUR")
    machine = host.instance(of=ACME)
    machine.buy({"plan": "small"})  # 0.60
    disk = plain(host, DISK)
    made = disk.buy(PROGRAMS[DISK])
    assert [row["id"] for row in api.rows(DISK).values()] == [made.id]
    ((_, reason),) = plain(host, DISK, "more").check(PROGRAMS[DISK]).failures
    assert "the account would cost 1.00 EUR/h" in reason
    ((_, reason),) = host.instance(of=ACME).check({"plan": "small"}).failures
    assert "the account would cost 1.40 EUR/h" in reason
    disk.delete(made)
    assert plain(host, DISK, "more").buy(PROGRAMS[DISK]).id
    assert len(simulator.control.ledger().open) == 2


def test_a_lost_answer_counts_once_under_the_ceiling(
    next_host: StartHost, simulator: Simulator, tmp_path: Path
) -> None:
    host = limited(next_host, tmp_path, simulator, account_hourly_ceiling="0.45 EUR")
    simulator.control.fault("lost_answer", **order(DISK), count=1)
    made = [plain(host, DISK, name).buy(PROGRAMS[DISK]).id for name in ("one", "two")]
    assert len(set(made)) == 2
    assert plain(host, DISK, "three").check(PROGRAMS[DISK]).failures
