"""API keys, registry credentials and secrets of Gcore over the host's wire, on the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.simulator import Simulator, running
from tests.clouds.gcore import GCORE, PROGRAM
from tests.contract.engine import FakeEngine
from tests.contract.host import IMPATIENT, CallFailedError, Host, Resource
from tests.contract.patience import until

KEY, LOGIN, SECRET = (TOKENS[f"gcore.{name}"] for name in ("ApiKey", "RegistryCredential", "Secret"))
PATHS: Final = {KEY: "api_keys", LOGIN: "registry_credentials", SECRET: "secrets"}
PROGRAMS: Final[dict[str, dict[str, Any]]] = {
    KEY: {"description": "for tests"},
    LOGIN: {"registry_url": "registry.example.com", "username": "me", "password": "hidden-pass"},
    SECRET: {"data": {"aws_access_key_id": "id", "aws_secret_access_key": "hidden-key"}},
}
COMPUTED: Final = {KEY: {"secret", "created_at", "deployment_names"}, LOGIN: {"project_id"}, SECRET: set[str]()}
PROJECT: Final = "/cloud/v3/inference/1"
EVERY = pytest.mark.parametrize("kind", [KEY, LOGIN, SECRET], ids=["key", "login", "secret"])
QUEUE: Final = {
    "activation_queue_length": 1,
    "queue_length": 1,
    "queue_url": "https://sqs.test/q",
    "aws_region": "eu-west-1",
    "secret_name": "no-such-secret",
}
StartHost = Callable[..., Host]


@pytest.fixture(scope="module")
def _shared() -> Iterator[Simulator]:
    with running(speed=60, boot=18) as simulator:
        yield simulator


@pytest.fixture
def simulator(_shared: Simulator) -> Simulator:
    _shared.control.reset()
    return _shared


@pytest.fixture
def host(start_host: StartHost) -> Host:
    return start_host(before=IMPATIENT)


@pytest.fixture
def console(simulator: Simulator) -> Iterator[httpx.Client]:
    with simulator.gcore_client() as client:
        yield client


def plain(host: Host, kind: str, name: str = "mine") -> Resource:
    return Resource(host, kind, name, parent=kind)


def names(console: httpx.Client, kind: str) -> set[str]:
    return {row["name"] for row in console.get(f"{PROJECT}/{PATHS[kind]}").json()["results"]}


def orders(simulator: Simulator, kind: str) -> int:
    return simulator.control.requests().count(f"POST /cloud/v3/inference/{{project_id}}/{PATHS[kind]}")


@EVERY
def test_what_is_created_reads_as_it_was_and_is_deleted(
    host: Host, start_host: StartHost, console: httpx.Client, kind: str
) -> None:
    inputs = plain(host, kind).check(PROGRAMS[kind]).inputs
    made = plain(host, kind).create(inputs)
    assert made.id == inputs["name"]
    assert made.outs.keys() - inputs.keys() == {*COMPUTED[kind], "account"}
    read = plain(start_host(), kind).read(made)
    assert (read.id, read.inputs, read.outs) == (made.id, inputs, made.outs)
    assert names(console, kind) == {made.id}
    plain(host, kind).delete(made)
    assert names(console, kind) == set()


@EVERY
@pytest.mark.parametrize("fault", [{"kind": "lost_answer"}, {"kind": "server_error", "after_side_effect": True}])
def test_a_lost_answer_is_one_resource_whose_secret_is_known(
    host: Host, simulator: Simulator, console: httpx.Client, kind: str, fault: dict[str, Any]
) -> None:
    simulator.control.fault(**fault, method="POST", path=f"*/{PATHS[kind]}", count=1)
    made = plain(host, kind).buy(PROGRAMS[kind])
    assert names(console, kind) == {made.outs["name"]}
    assert COMPUTED[kind] <= made.outs.keys()
    assert orders(simulator, kind) == (2 if kind == KEY else 1)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (KEY, {"description": "other"}),
        (KEY, {"description": ""}),
        (LOGIN, {"password": "another-pass"}),
        (LOGIN, {"registry_url": "other.example.com", "username": "you"}),
        (SECRET, {"data": {"aws_access_key_id": "id2", "aws_secret_access_key": "hidden-key"}}),
    ],
)
def test_a_change_is_made_in_place_and_keeps_what_was_told_once(
    host: Host, console: httpx.Client, kind: str, change: dict[str, Any]
) -> None:
    resource = plain(host, kind)
    made = resource.buy(PROGRAMS[kind])
    wanted = resource.check({**PROGRAMS[kind], **change}, made.outs).inputs
    assert resource.diff(made.outs, wanted, made.id).replaces == ()
    changed = resource.update(made, wanted)
    row = console.get(f"{PROJECT}/{PATHS[kind]}/{made.id}").json()
    assert {key: row[key] for key in change if key != "password"} == {
        key: value for key, value in change.items() if key != "password"
    }
    assert changed.outs.get("secret") == made.outs.get("secret")
    assert plain(host, kind).read(changed).inputs == wanted


def test_a_change_elsewhere_is_drift_but_for_a_password(host: Host, console: httpx.Client) -> None:
    made = plain(host, LOGIN).buy(PROGRAMS[LOGIN])
    other = {"registry_url": "elsewhere.example.com", "username": "me", "password": "other-pass"}
    console.put(f"{PROJECT}/registry_credentials/{made.id}", json=other).raise_for_status()
    inputs = plain(host, LOGIN).read(made).inputs
    assert (inputs["registry_url"], inputs["password"]) == ("elsewhere.example.com", "hidden-pass")


def test_another_date_is_another_key(host: Host) -> None:
    resource = plain(host, KEY)
    made = resource.buy({"expires_at": "2099-01-01T00:00:00Z"})
    assert resource.check({"expires_at": "2099-01-01T01:00:00+01:00"}, made.outs).inputs == {
        "name": made.id,
        "expires_at": "2099-01-01T00:00:00Z",
    }
    wanted = resource.check({"expires_at": "2099-02-01T00:00:00Z"}, made.outs).inputs
    difference = resource.diff(made.outs, wanted, made.id)
    assert set(difference.replaces) == {"name", "expires_at"}


def test_a_key_is_deleted_after_the_deployments_that_name_it(
    host: Host, start_host: StartHost, console: httpx.Client, engine: FakeEngine
) -> None:
    made = plain(host, KEY).buy(PROGRAMS[KEY])
    order = {
        "name": "llama",
        "flavor_name": "inference-4vcpu-16gib",
        "image": "nginx:latest",
        "listening_port": 80,
        "containers": [{"region_id": 1, "scale": {"min": 1, "max": 1}}],
        "api_keys": [made.id],
    }
    console.post(f"{PROJECT}/deployments", json=order).raise_for_status()
    host = start_host(before=IMPATIENT, engine=engine.address)
    with ThreadPoolExecutor() as pool:
        deleting = pool.submit(plain(host, KEY).delete, made)
        until(lambda: any("waiting until it can be deleted: llama uses it" in text for text in engine.messages))
        assert names(console, KEY) == {made.id}
        console.delete(f"{PROJECT}/deployments/llama").raise_for_status()
        deleting.result(timeout=20)
    assert engine.messages[-1] == "waited until it could be deleted"
    assert names(console, KEY) == set()


def test_a_key_that_expires_soon_warns(start_host: StartHost, engine: FakeEngine) -> None:
    soon = f"{datetime.now(timezone.utc) + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
    host = start_host(before=IMPATIENT, engine=engine.address)
    made = plain(host, KEY).buy({"expires_at": soon})
    plain(host, KEY).read(made)
    until(lambda: any(f"the key expires in 47h59m ({soon})" in text for text in engine.messages))
    assert len([text for text in engine.messages if "the key expires" in text]) == 1  # not at each of its calls


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("api_keys", {"api_keys": ["no-such-key"]}),
        ("credentials_name", {"credentials_name": "no-such-login"}),
        ("containers", {"containers": [{"region_id": 7, "scale": {"min": 1, "max": 1, "triggers": {"sqs": QUEUE}}}]}),
    ],
)
def test_a_name_that_nothing_has_is_a_warning_in_the_plan_and_no_order(
    start_host: StartHost, simulator: Simulator, engine: FakeEngine, argument: str, names: dict[str, Any]
) -> None:
    resource = start_host(engine=engine.address).instance(of=GCORE)
    checked = resource.check({**PROGRAM, **names})
    assert checked.failures == ()  # the same program may create it
    (warning,) = [message for message in engine.messages if "in this project" in message]
    assert warning.startswith(f"{argument}: Gcore has no ")
    with pytest.raises(CallFailedError, match=f"nothing was bought: {argument}: Gcore has no .* 'no-such-"):
        resource.create(checked.inputs)
    assert simulator.control.requests().count(GCORE.order) == 0


def test_a_key_that_the_same_plan_creates_is_no_warning_and_one_that_it_only_has_is(
    start_host: StartHost, simulator: Simulator, console: httpx.Client, engine: FakeEngine
) -> None:
    host = start_host(engine=engine.address)
    planned, instance = plain(host, KEY).check(PROGRAMS[KEY]).inputs, host.instance(of=GCORE)
    checked = instance.check({**PROGRAM, "api_keys": [planned["name"]]})
    with pytest.raises(CallFailedError, match="nothing was bought: api_keys: Gcore has no API key"):
        instance.create(checked.inputs)  # its creation failed
    host = start_host(engine=engine.address)
    plain(host, KEY).check(PROGRAMS[KEY], planned)
    assert [message for message in engine.messages if "in this project" in message] == []
    host.instance(of=GCORE).check({**PROGRAM, "api_keys": [planned["name"]]})
    assert len([message for message in engine.messages if "in this project" in message]) == 1


def test_a_key_that_the_run_has_created_since_the_check_is_used_and_lists_are_shared(
    host: Host, simulator: Simulator, console: httpx.Client
) -> None:
    simulator.control.pause()  # answers age by the vendor's clock, which runs fast here
    resources = [host.instance(f"keyed{number}", of=GCORE) for number in range(3)]
    inputs = [resource.check({**PROGRAM, "api_keys": ["new-key"]}).inputs for resource in resources]
    console.post(f"{PROJECT}/api_keys", json={"name": "new-key"}).raise_for_status()
    bought = [resource.create(one) for resource, one in zip(resources, inputs, strict=True)]
    assert [made.outs["api_keys"] for made in bought] == [["new-key"]] * 3
    assert simulator.control.requests().count("GET /cloud/v3/inference/{project_id}/api_keys") <= 2


def test_a_key_that_somebody_made_under_the_name_of_a_deleted_one_is_theirs(
    host: Host, start_host: StartHost, simulator: Simulator, console: httpx.Client
) -> None:
    program = {"name": "shared-key", "description": "ours"}
    made = plain(host, KEY).buy(program)
    console.delete(f"{PROJECT}/api_keys/{made.id}").raise_for_status()
    simulator.control.advance(3600)
    console.post(f"{PROJECT}/api_keys", json={"name": made.id, "description": "theirs"}).raise_for_status()
    later = plain(start_host(before=IMPATIENT), KEY)
    news = later.check({**program, "description": "again"}, later.check(program).inputs).inputs
    calls: list[Callable[[], object]] = [
        lambda: later.read(made),
        lambda: later.update(made, news),
        lambda: later.delete(made),
    ]
    for call in calls:
        with pytest.raises(CallFailedError, match=r"it may be another's, .*forgets this resource; another name then"):
            call()
    (row,) = console.get(f"{PROJECT}/api_keys").json()["results"]
    assert row["description"] == "theirs"


@EVERY
def test_what_somebody_made_under_a_name_that_a_refresh_found_free_is_theirs(
    start_host: StartHost, tmp_path: Path, console: httpx.Client, kind: str
) -> None:
    shared, program = {"PULUMI_CORTECS_STATE_DIR": str(tmp_path)}, {**PROGRAMS[kind], "name": "shared"}
    resource = plain(start_host(shared, before=IMPATIENT), kind)
    made = resource.buy(program)
    resource.diff(made.outs, made.outs, made.id)  # a row has it
    console.delete(f"{PROJECT}/{PATHS[kind]}/shared").raise_for_status()
    assert plain(start_host(shared), kind).read(made).id == ""
    order = {**program, "type": "aws-iam"} if kind == SECRET else program
    console.post(f"{PROJECT}/{PATHS[kind]}", json=order).raise_for_status()
    with pytest.raises(CallFailedError, match=r"'shared' exists already .*; no order of this resource has created it"):
        plain(start_host(shared, before=IMPATIENT), kind).buy(program)
