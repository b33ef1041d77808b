"""The mocks that we ship for users' own tests: they say what the real thing says, and leave nothing behind."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import inspect
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from pulumi_cortecs import Endpoint, Instance, InstanceArgs, _abi, gcore
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.cost import Money, MoneyError
from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.testing import CloudMocks, CortecsMocks, DeclaredInstance, RefusedArgumentsError
from tests.acme import resources as acme
from tests.clouds.acme import ACME
from tests.contract.host import hosting

QWEN = "Qwen/Qwen2-7B-Instruct"
EXAMPLES = Path(__file__).parents[3] / "examples"
SCALE = {"min": 0, "max": 1}
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "testing.md"
RUNNING_ENDPOINT = {"spec_digest": "", "ready_timeout": 20, "on_timeout": "keep"}


def declared(mocks: CortecsMocks | None = None, **arguments: Any) -> DeclaredInstance:
    """The one instance of a program with these arguments."""
    mocks = mocks or CortecsMocks()
    mocks.run(lambda: Instance("chat", **{"model_id": QWEN, **arguments}) and None)
    (instance,) = mocks.declared
    return instance


def test_what_is_left_out_is_filled_in_as_check_does() -> None:
    assert declared() == DeclaredInstance(
        name="chat",
        model_id="Qwen--Qwen2-7B-Instruct",
        hardware_type_id="NVIDIA_L4_1",
        context_length=32000,
        billing_interval="per_minute",
        num_workers=1,
        state="running",
        restart_trigger="",
        ttl="",
        on_timeout="keep",
        adopt_id="",
        labels={},
        quote=declared().quote,
        instance_id="chat-instance",
        expires_at="",
    )


def test_a_row_has_every_argument_that_an_instance_has() -> None:
    assert set(INSTANCE.inputs) <= {field.name for field in dataclasses.fields(DeclaredInstance)}


def test_the_mocks_tell_what_the_real_provider_tells(simulator: Simulator) -> None:
    mocks = CortecsMocks()
    inputs = {"model_id": QWEN, "num_workers": 2, "ttl": "8h"}
    _, mocked = mocks.new_resource(resource("Instance", **inputs))
    running, stopped = (endpoint(mocks, mocked, state=state) for state in ("running", "stopped"))
    with hosting(simulator.env()) as host:
        made = host.instance().buy(inputs)
        wanted = {"instance_id": made.id, "state": "running", **RUNNING_ENDPOINT}
        really_running = host.endpoint().create(wanted).outs
        stopped_now = host.instance().check({**inputs, "state": "stopped"}, made.outs).inputs
        host.instance().update(made, stopped_now)
        really_stopped = host.endpoint().create({**wanted, "state": "stopped"}).outs
    own = ("instance_id", "account", "expires_at", "base_url", "started_at", "stopped_at", "worker_statuses")
    own = (*own, "purchase_labels")
    real = {**made.outs, "quote": {**made.outs["quote"], "source": "mocks"}}
    for real_outputs, mock in ((real, mocked), (really_running, running), (really_stopped, stopped)):
        assert mock.keys() == real_outputs.keys()
        assert without(mock, own) == without(real_outputs, own)
        assert {key for key in mock if mock[key] in ("", [])} == {
            key for key in real_outputs if real_outputs[key] in ("", [])
        }
    assert [status.keys() for status in running["worker_statuses"]] == [
        status.keys() for status in really_running["worker_statuses"]
    ]
    assert stopped["worker_statuses"] == really_stopped["worker_statuses"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"num_workers": 9}, "num_workers must be 1..8; got 9"),
        ({"num_workers": True}, "num_workers must be a whole number"),
        ({"billing_interval": "per_day"}, "billing_interval must be per_minute or per_hour; got 'per_day'"),
        ({"model_id": ""}, "model_id must be a model id"),
        ({"ttl": "soon"}, "ttl must be a duration"),
    ],
)
def test_what_the_real_check_refuses_is_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(RefusedArgumentsError, match=rf"^Instance 'chat' would be refused: {text}"):
        declared(**arguments)


@pytest.mark.parametrize("inputs", [{"model": QWEN}, {"model_id": QWEN, "quote": {}}, {"model_id": QWEN, "__mine": 1}])
def test_an_unknown_argument_is_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(RefusedArgumentsError, match="is not an argument of an Instance"):
        CortecsMocks().new_resource(resource("Instance", **inputs))


def test_prices_are_per_worker_and_minute_and_the_only_hardware_then() -> None:
    prices = {"NVIDIA_L4_1": "0.025"}
    instance = declared(CortecsMocks(prices=prices), num_workers=3)
    assert instance.quote.price_per_hour == Money.of("1.50", "EUR")
    assert instance.quote.hourly_total == Money.of("4.50", "EUR")
    assert instance.quote.source == "mocks"
    with pytest.raises(RefusedArgumentsError, match=r"'NVIDIA_H100_2' is not among the prices.*: NVIDIA_L4_1$"):
        declared(CortecsMocks(prices=prices), hardware_type_id="NVIDIA_H100_2")
    with pytest.raises(MoneyError):
        CortecsMocks(prices={"NVIDIA_L4_1": "0"})


def test_hardware_is_recommended_for_all_or_for_each_model() -> None:
    assert declared(CortecsMocks(recommended="NVIDIA_L4_2")).hardware_type_id == "NVIDIA_L4_2"
    by_model = CortecsMocks(recommended={QWEN: "NVIDIA_H100_2"}, context_length=4000)
    instance = declared(by_model)
    assert (instance.hardware_type_id, instance.context_length) == ("NVIDIA_H100_2", 4000)
    with pytest.raises(RefusedArgumentsError, match="recommend none for other--model"):
        declared(CortecsMocks(recommended={QWEN: "NVIDIA_H100_2"}), model_id="other/model")
    assert declared(CortecsMocks(recommended={}), hardware_type_id="NVIDIA_L4_1").hardware_type_id == "NVIDIA_L4_1"


def test_a_program_sees_what_is_not_there_as_the_real_one_does() -> None:
    def program() -> dict[str, Any]:
        chat = Instance("chat", model_id=QWEN)
        short = Instance("short", model_id=QWEN, ttl="8h", on_timeout="stop")
        return {
            name: [instance.ttl, instance.expires_at, instance.on_timeout, instance.adopt_id]
            for name, instance in (("chat", chat), ("short", short))
        }

    assert CortecsMocks().run(program) == {
        "chat": [None, None, "keep", None],
        "short": ["8h", "2025-01-01T08:00:00Z", "stop", None],
    }


def test_a_ttl_ends_at_a_moment_that_does_not_move() -> None:
    east = timezone(timedelta(hours=2))
    assert (
        declared(CortecsMocks(now=datetime(2026, 3, 1, 1, tzinfo=east)), ttl="8h").expires_at == "2026-03-01T07:00:00Z"
    )
    with pytest.raises(ValueError, match="time zone"):
        CortecsMocks(now=datetime(2026, 3, 1))  # noqa: DTZ001 - that is what is tried


def test_an_adopted_instance_keeps_its_id() -> None:
    instance = declared(adopt_id="i-1")
    assert (instance.instance_id, instance.adopt_id) == ("i-1", "i-1")


def test_a_stopped_instance_has_no_address() -> None:
    def program() -> dict[str, Any]:
        chat = Instance("chat", model_id=QWEN, state="stopped", num_workers=2)
        return {"base_url": chat.base_url, "status": chat.instance_status, "workers": chat.worker_statuses}

    assert CortecsMocks().run(program) == {
        "base_url": None,
        "status": {
            "status": "stopped",
            "started_at": "2025-01-01T00:00:00Z",
            "stopped_at": "2025-01-01T01:00:00Z",
            "init_progress": None,
        },
        "workers": [{}, {}],
    }


def test_a_program_sees_plain_values_with_their_types() -> None:
    def program() -> dict[str, Any]:
        chat = Instance("chat", InstanceArgs(model_id=QWEN, num_workers=2))
        config = chat.chat_openai_config(temperature=0.2)
        return {
            "workers": chat.num_workers,
            "config": config,
            "status": chat.instance_status,
            "args": chat.instance_args,
            "each": chat.worker_statuses,
            "id": chat.id,
            "plain": 1,
        }

    exports = CortecsMocks().run(program)
    assert exports["config"] == {
        "model_name": QWEN,
        "base_url": "https://chat-instance.invalid/v1",
        "temperature": 0.2,
    }
    assert isinstance(exports["workers"], int)
    assert exports["args"] == {
        "model_id": QWEN.replace("/", "--"),
        "hardware_type_id": "NVIDIA_L4_1",
        "context_length": 32000,
        "billing_interval": "per_minute",
        "num_workers": 2,
    }
    step = {"current_step": 5, "num_steps": 5, "description": "Running."}
    assert exports["each"] == [{"init_progress": step}] * 2
    assert exports["status"]["init_progress"] == step
    assert (exports["id"], exports["plain"]) == ("chat-instance", 1)


def test_several_instances_are_found_by_name_unless_two_share_one() -> None:
    def program() -> None:
        Instance("chat", model_id=QWEN)
        Instance("code", model_id=QWEN, num_workers=2)

    mocks = CortecsMocks()
    mocks.run(program)
    assert {name: instance.num_workers for name, instance in mocks.instances.items()} == {"chat": 1, "code": 2}
    mocks.run(program)
    assert len(mocks.declared) == 4
    with pytest.raises(ValueError, match="same name"):
        _ = mocks.instances


def test_a_function_may_be_async_and_a_test_may_run_in_a_loop_of_its_own() -> None:
    async def program() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"status": Instance("chat", model_id=QWEN).status}

    async def test_of_a_user() -> dict[str, Any]:
        return CortecsMocks().run(program)

    assert asyncio.run(test_of_a_user()) == {"status": "running"}


WITH_SET_MOCKS = """
import pulumi
from pulumi_cortecs.testing import CortecsMocks

mocks = CortecsMocks()
pulumi.runtime.set_mocks(mocks)

@pulumi.runtime.test
def program():
    from pulumi_cortecs import Instance
    status = Instance("chat", model_id="Qwen/Qwen2-7B-Instruct").status
    return status.apply(lambda status: print(list(mocks.instances), status))

program()
"""
"""In a process of its own, because Pulumi leaves sockets and settings behind."""


def test_every_test_in_the_documentation_passes(tmp_path: Path) -> None:
    program, test = re.findall(r"```python\n(.*?)```", DOCUMENTATION.read_text(), flags=re.DOTALL)
    (tmp_path / "__main__.py").write_text(program)
    (tmp_path / "test_shop.py").write_text(test)
    module = runpy.run_path(str(tmp_path / "test_shop.py"))
    tests = [module[name] for name in module if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()


def test_the_documentation_names_every_argument() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENTATION.read_text(), flags=re.MULTILINE)
    assert rows == list(inspect.signature(CortecsMocks).parameters)


class Buckets(Mocks):
    """A user's mocks for other clouds."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return "b-1", {**args.inputs, "arn": "arn:of:" + args.name}

    def call(self, args: MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {"zones": [args.token]}, []


class Bucket(pulumi.CustomResource):
    """A resource of another cloud."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, acl: pulumi.Input[str]) -> None:
        super().__init__("other:index:Bucket", name, {"acl": acl, "arn": None})


def with_a_bucket() -> dict[str, Any]:
    bucket = Bucket("logs", acl=Instance("chat", model_id=QWEN).base_url.apply(str))
    zones = pulumi.Output.from_input(pulumi.runtime.invoke_async("other:index:zones", {}))
    return {"id": bucket.id, "arn": bucket.arn, "zones": zones}


def test_what_is_not_ours_passes_through_or_goes_to_the_users_own_mocks() -> None:
    passed = CortecsMocks().run(with_a_bucket)
    assert (passed["id"], passed["arn"], passed["zones"] or {}) == ("logs-id", None, {})
    others = CortecsMocks(others=Buckets()).run(with_a_bucket)
    assert others == {"id": "b-1", "arn": "arn:of:logs", "zones": {"zones": ["other:index:zones"]}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A program of two modules that reads a file beside it."""
    (tmp_path / "size.txt").write_text("2")
    (tmp_path / "rented.py").write_text(
        "from pathlib import Path\n"
        "from pulumi_cortecs import Instance\n"
        "chat = Instance('chat', model_id='q/w', num_workers=int(Path('size.txt').read_text()))\n"
    )
    (tmp_path / "__main__.py").write_text(
        "import pulumi, rented\n"
        "assert __name__ == '__main__'\n"
        "pulumi.export('where', [pulumi.get_project(), pulumi.get_stack(), pulumi.Config().get('color')])\n"
        "pulumi.export('workers', rented.chat.num_workers)\n"
    )
    return tmp_path


@pytest.mark.parametrize("of", [str, Path, lambda folder: folder / "__main__.py"])
def test_a_program_is_run_from_its_folder_or_file_as_often_as_wanted(
    project: Path, of: Callable[[Path], str | Path]
) -> None:
    before = os.getcwd(), list(sys.path), sys.modules["__main__"]
    for color in ("red", "blue"):
        mocks = CortecsMocks()
        exports = mocks.run(of(project), config={"shop:color": color}, project="shop", stack="prod")
        assert exports == {"where": ["shop", "prod", color], "workers": 2}
        assert list(mocks.instances) == ["chat"]
    assert (os.getcwd(), list(sys.path), sys.modules["__main__"]) == before
    assert "rented" not in sys.modules


def test_a_program_that_fails_says_so_and_leaves_nothing_behind(project: Path) -> None:
    (project / "rented.py").write_text("raise LookupError('no such room')")
    before = os.getcwd(), list(sys.path)
    with pytest.raises(LookupError, match="no such room"):
        CortecsMocks().run(project)
    assert (os.getcwd(), list(sys.path)) == before
    gc.collect()  # an event loop that was left open would be a warning now, and with it an error


def test_a_refusal_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RefusedArgumentsError):
        declared(num_workers=9)
    gc.collect()  # asyncio would log each output whose exception was not retrieved
    assert caplog.records == []


def test_what_a_failed_program_has_begun_is_ended() -> None:
    ended = []

    async def background() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def program() -> None:
        task = asyncio.ensure_future(background())
        await asyncio.sleep(0)
        raise LookupError(f"{task.done()}")

    with pytest.raises(LookupError, match="False"):
        CortecsMocks().run(program)
    assert ended == [True]


def test_nothing_of_one_run_is_seen_by_another_or_by_the_test() -> None:
    settings = pulumi.get_stack(), pulumi.get_project(), pulumi.runtime.get_root_resource()
    for stack in ("one", "two"):
        exports = CortecsMocks().run(lambda: {"stack": pulumi.get_stack()}, config={"p:k": "v"}, stack=stack)
        assert exports == {"stack": stack}
    assert (pulumi.get_stack(), pulumi.get_project(), pulumi.runtime.get_root_resource()) == settings
    assert pulumi.Config("p").get("k") is None
    gc.collect()


def test_they_go_with_pulumis_own_set_mocks_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITH_SET_MOCKS], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "['chat'] running\n"), ran.stderr


def test_an_endpoint_can_be_read_by_its_own_class() -> None:
    def program() -> dict[str, Any]:
        chat = Instance("chat", model_id=QWEN)
        assert isinstance(chat.endpoint, Endpoint)
        return {"url": chat.endpoint.base_url}

    assert CortecsMocks().run(program) == {"url": "https://chat-instance.invalid/v1"}


def test_any_cloud_has_mocks_by_its_table_of_arguments() -> None:
    mocks = CloudMocks("acme", price="0.60 EUR", market={"zone": "north"})
    mocks.run(lambda: acme.Instance("chat", plan="large", ttl="8h") and None)
    instance = mocks.instances["chat"]
    arguments = {key: instance.arguments[key] for key in ("plan", "zone", "label")}
    assert arguments == {"plan": "large", "zone": "north", "label": ""}
    assert (instance.cloud, str(instance.quote.hourly_total)) == ("acme", "0.60 EUR")
    assert instance.expires_at == "2025-01-01T08:00:00Z"
    inputs = {"instance_id": instance.instance_id, "state": "running", **RUNNING_ENDPOINT}
    token = ACME.endpoint_token
    _, outputs = mocks.new_resource(MockResourceArgs(token, "chat", {**inputs, "__provider": "gASV"}, custom=True))
    assert (outputs["base_url"], outputs["account"]) == ("https://chat-instance.invalid/v1", "acme:mocks")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"plan": 7}, "plan "),
        ({"state": "stopped"}, "state "),
        ({}, r"zone is required, because these mocks choose none: CloudMocks\('acme', market=\{'zone': ...\}\)"),
    ],
)
def test_mocks_of_any_cloud_refuse_what_check_refuses(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(RefusedArgumentsError, match=f"^Instance 'chat' would be refused: {text}"):
        CloudMocks("acme").run(lambda: acme.Instance("chat", **arguments) and None)


def test_secrets_of_a_program_are_read_as_check_reads_them() -> None:
    """Pulumi passes them to mocks wrapped."""
    assert declared(ready_key="sesame").ready_key == "sesame"
    with pytest.raises(RefusedArgumentsError, match="ready_key cannot be used"):
        declared(ready_key="open sesame")


def test_a_deployment_at_gcore_takes_its_key_and_has_the_name_that_check_would_make() -> None:
    mocks = CloudMocks("gcore", price="3.60 USD")
    exports = mocks.run(EXAMPLES / "gcore_autoscale")
    chat = mocks.instances["chat"]
    given = {key: chat.arguments[key] for key in ("api_keys", "ready_key", "timeout", "envs", "probes")}
    (key_name,) = given.pop("api_keys")
    assert re.fullmatch("chat-users-[a-z2-7]{6}", key_name)
    assert given == {"ready_key": "chat-users-secret", "timeout": 900, "envs": {}, "probes": {}}
    assert [one["region_id"] for one in chat.arguments["containers"]] == ["luxembourg-1", "luxembourg-2"]
    assert re.fullmatch("chat-[a-z2-7]{6}", chat.instance_id)
    assert (chat.arguments["name"], chat.quote.hourly_total) == (chat.instance_id, Money.of("3.60", "USD"))
    assert exports["base_url"] == f"https://{chat.instance_id}.invalid/v1"
    assert (exports["status"], exports["key"]) == ("ACTIVE", "chat-users-secret")


def deployment(**changed: Any) -> None:
    arguments = {"flavor_name": "small", "image": "vllm/vllm-openai:v1", "listening_port": 8000}
    gcore.InferenceDeployment("chat", **{**arguments, "containers": [{"region_id": 7, "scale": SCALE}], **changed})


@pytest.mark.parametrize(
    ("program", "text"),
    [
        (lambda: deployment(flavor_name=None), "InferenceDeployment 'chat' would be refused: flavor_name "),
        (lambda: deployment(envs={"KEY": 7}), "InferenceDeployment 'chat' would be refused: envs "),
        (
            lambda: deployment(containers=[{"region_id": 7, "scale": {"min": 2, "max": 1}}]),
            "InferenceDeployment 'chat' would be refused: containers ",
        ),
        (lambda: gcore.ApiKey("users", name="No"), "ApiKey 'users' would be refused: name "),
        (
            lambda: gcore.RegistryCredential("hub", registry_url="r", username="u", password=""),
            "RegistryCredential 'hub' would be refused: password ",
        ),
    ],
)
def test_mocks_of_gcore_refuse_what_check_refuses(program: Callable[[], None], text: str) -> None:
    with pytest.raises(RefusedArgumentsError, match=f"^{text}"):
        CloudMocks("gcore").run(program)


def test_plain_resources_have_their_arguments_and_what_the_vendor_tells_once() -> None:
    def program() -> dict[str, Any]:
        hub = gcore.RegistryCredential("hub", registry_url="registry.test", username="me", password="sesame")
        key = gcore.ApiKey("users", name="users-1", description="all of them")
        queue = gcore.Secret("queue", data=gcore.AwsIamData(aws_access_key_id="a", aws_secret_access_key="b"))
        deployment(credentials_name=hub.name, api_keys=[key.name], name="chat-1")
        return {"key": [key.name, key.description, key.secret, key.account], "data": queue.data, "login": hub.password}

    mocks = CloudMocks("gcore")
    assert mocks.run(program) == {
        "key": ["users-1", "all of them", "users-secret", "gcore:mocks"],
        "data": {"aws_access_key_id": "a", "aws_secret_access_key": "b"},
        "login": "sesame",
    }
    arguments = mocks.instances["chat"].arguments
    assert re.fullmatch("hub-[a-z2-7]{6}", arguments["credentials_name"])
    assert (arguments["name"], arguments["api_keys"]) == ("chat-1", ["users-1"])


def test_one_program_at_three_clouds() -> None:
    at_gcore = CloudMocks("gcore")
    at_shadeform = CloudMocks("shadeform", others=at_gcore)
    mocks = CortecsMocks(others=at_shadeform)
    addresses = mocks.run(EXAMPLES / "three_clouds")["base_urls"]
    rented = [each for one in (mocks, at_shadeform, at_gcore) for each in one.declared]
    assert [each.name for each in rented] == ["cortecs", "shadeform", "gcore"]
    assert addresses == {each.name: f"https://{each.instance_id}.invalid/v1" for each in rented}
    machine = at_shadeform.instances["shadeform"].arguments["launch_configuration"]
    assert "--api-key users-secret" in machine["docker_configuration"]["args"]


def test_mocks_of_two_clouds_go_together() -> None:
    ours = CloudMocks("acme", market={"zone": "south"})
    mocks = CortecsMocks(others=ours)
    mocks.run(lambda: acme.Instance("batch") and Instance("chat", model_id=QWEN) and None)
    assert (list(mocks.instances), list(ours.instances)) == (["chat"], ["batch"])
    with pytest.raises(ValueError, match=f"cloud: got 'nowhere'; allowed: {', '.join(_abi.instance_kinds())}$"):
        CloudMocks("nowhere")


def resource(kind: str, **inputs: Any) -> MockResourceArgs:
    """The arguments that Pulumi passes to mocks."""
    sent = {**inputs, "__provider": "gASV"}
    return MockResourceArgs(f"pulumi-python:dynamic/cortecs:{kind}", "chat", sent, custom=True)


def endpoint(mocks: CortecsMocks, instance: dict[str, Any], state: str) -> dict[str, Any]:
    """The outputs of an Instance's child."""
    inputs = {"instance_id": instance["instance_id"], "state": state, **RUNNING_ENDPOINT}
    return mocks.new_resource(resource("Endpoint", **inputs))[1]


def without(props: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key not in keys}
