"""The resources that a program declares, and the outputs that it sees, under Pulumi's mocks."""

from __future__ import annotations

import inspect
from typing import Any

import pulumi
import pytest

from pulumi_cortecs import Endpoint, Instance, InstanceArgs
from pulumi_cortecs.cortecs.kind import ARGUMENTS
from pulumi_cortecs.provider.properties import read_properties
from tests.unit.mocked import run

INSTANCE = "pulumi-python:dynamic/cortecs:Instance"
ENDPOINT = "pulumi-python:dynamic/cortecs:Endpoint"


def test_an_instance_is_two_resources() -> None:
    registered = run('Instance("chat", model_id="Qwen/Qwen2-7B-Instruct")')["registered"]
    endpoint, instance = registered
    assert (instance["type"], instance["name"]) == (INSTANCE, "chat")
    assert instance["inputs"] == {"model_id": "Qwen/Qwen2-7B-Instruct"}
    assert (endpoint["type"], endpoint["name"]) == (ENDPOINT, "chat")
    assert endpoint["inputs"] == {
        "instance_id": "chat-id",
        "state": "running",
        "spec_digest": "",
        "ready_timeout": 1200,
    }


OPTIONS = pulumi.ResourceOptions()
SAME = {
    "args": 'Instance("a", InstanceArgs(model_id="q/w", num_workers=2), OPTS)',
    "args without options": 'Instance("a", InstanceArgs(model_id="q/w", num_workers=2))',
    "args by name": 'Instance("a", args=InstanceArgs(model_id="q/w", num_workers=2), opts=OPTS)',
    "keywords": 'Instance("a", OPTS, model_id="q/w", num_workers=2)',
    "keywords, options by name": 'Instance("a", model_id="q/w", num_workers=2, opts=OPTS)',
    "keywords, nothing by position": 'Instance("a", None, model_id="q/w", num_workers=2, opts=OPTS)',
    "args, nothing by position": 'Instance("a", None, args=InstanceArgs(model_id="q/w", num_workers=2), opts=OPTS)',
    "keywords, no options": 'Instance("a", None, model_id="q/w", num_workers=2)',
    "keywords, neither": 'Instance("a", None, None, model_id="q/w", num_workers=2)',
    "all by name": 'Instance(resource_name="a", model_id="q/w", num_workers=2)',
}


def test_all_ways_to_call_it_mean_the_same() -> None:
    program = "\n".join(
        [
            "wait = {}",
            "OPTS = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='7s'))",
            *(f"wait[{way!r}] = {call}.endpoint.ready_timeout" for way, call in SAME.items()),
            "return [say(way, output) for way, output in wait.items()]",
        ]
    )
    ran = run(program)
    inputs = [resource["inputs"] for resource in ran["registered"] if resource["type"] == INSTANCE]
    assert inputs == [{"model_id": "q/w", "num_workers": 2}] * len(SAME)
    # options are easily lost on the way
    assert ran["said"] == {way: 7 if "OPTS" in call else 1200 for way, call in SAME.items()}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Instance("a"), "needs model_id"),  # type: ignore[call-overload]
        (lambda: Instance("a", None), "needs model_id"),  # type: ignore[call-overload]
        (lambda: Instance("a", num_workers=1), "needs model_id"),  # type: ignore[call-overload]
        (lambda: Instance("a", InstanceArgs(model_id="m"), model_id="m"), ("and also model_id")),  # type: ignore[call-overload]
        (lambda: Instance("a", InstanceArgs(model_id="m"), num_workers=1), ("and also num_workers")),  # type: ignore[call-overload]
        (lambda: InstanceArgs(modle_id="m"), r"InstanceArgs has no argument modle_id; did you mean model_id\?$"),  # type: ignore[call-arg]
        (lambda: InstanceArgs(), "model_id"),  # type: ignore[call-arg]
        (lambda: Instance("a", modle_id="m"), r"no argument modle_id; did you mean model_id\?$"),  # type: ignore[call-overload]
        (lambda: Instance("a", model="m"), r"no argument model; did you mean model_id\?$"),  # type: ignore[call-overload]
        (lambda: Instance("a", pulumi.ResourceOptions(import_="x"), model_id="m"), "leave import_ out"),
        (lambda: Instance("a", {"model_id": "m"}), "not a dict"),  # type: ignore[call-overload]
        (lambda: Instance("a", args={"model_id": "m"}), "not a dict"),  # type: ignore[call-overload]
        (lambda: Instance("a", "m"), "not a str"),  # type: ignore[call-overload]
        (lambda: Instance("a", model_id="m", colour="red"), "no argument colour; valid arguments: model_id, "),  # type: ignore[call-overload]
        (lambda: Instance("a", InstanceArgs(model_id="m"), {}), "not a dict"),  # type: ignore[call-overload]
        (lambda: Instance("a", InstanceArgs(model_id="m"), None, None), ("name everything else")),  # type: ignore[call-overload]
        (lambda: Instance("a", InstanceArgs(model_id="m"), args=InstanceArgs(model_id="n")), ("args twice")),  # type: ignore[call-overload]
        (lambda: Instance("a", InstanceArgs(model_id="m"), OPTIONS, opts=OPTIONS), ("opts twice")),  # type: ignore[call-overload]
        (lambda: Instance("a", OPTIONS, opts=OPTIONS, model_id="m"), "opts twice"),  # type: ignore[call-overload]
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_declared(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_a_timeout_that_is_none_is_refused_before_anything_is_declared() -> None:
    soon = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="soon"))
    with pytest.raises(ValueError, match="must be a duration such as '15m' or '1h30m'; got 'soon'"):
        Instance("a", soon, model_id="m")


def test_both_ways_to_call_it_know_the_same_arguments() -> None:
    accepted = set(inspect.signature(InstanceArgs).parameters) - {"self"}
    # the provider's own list, by way of what it says about a key that it does not know
    (problem,) = [refusal for refusal in read_properties({"zzz": 1.0}, ARGUMENTS)[1] if refusal.property == "zzz"]
    assert set(problem.reason.split("valid arguments: ")[1].split(", ")) == accepted


def test_outputs_are_what_their_types_say_for_a_subclass_too() -> None:
    outputs = run(
        """
class Mine(Instance):
    pass

class Further(Mine):
    extra: str = "x"

return [
    say(f"{cls.__name__}.{key}", value.apply(lambda v: [type(v).__name__, v]))
    for cls in (Instance, Mine, Further)
    for made in [cls(cls.__name__.lower(), model_id="q/w")]
    for key, value in (("context_length", made.context_length), ("num_workers", made.num_workers))
]
"""
    )["said"]
    assert outputs == {
        f"{cls}.{key}": ["int", value]
        for cls in ("Instance", "Mine", "Further")
        for key, value in (("context_length", 32000), ("num_workers", 1))
    }


def test_whole_numbers_of_the_workers_are_ints() -> None:
    outputs = run('return [say("workers", Instance("chat", model_id="q/w").worker_statuses)]')["said"]
    ((progress,),) = [list(worker.values()) for worker in outputs["workers"]]
    assert progress == {"current_step": 5, "description": "runs"}
    assert type(progress["current_step"]) is int


def test_a_subclass_is_the_same_type_to_the_engine() -> None:
    program = """
class Mine(Instance):
    def __init__(self, name):
        super().__init__(name, model_id="q/w")

class Further(Mine):
    pass

Further("chat")
"""
    assert [resource["type"] for resource in run(program)["registered"]] == [ENDPOINT, INSTANCE]


@pytest.mark.parametrize("keyword", ["module", "name"])
def test_a_subclass_cannot_take_another_type(keyword: str) -> None:
    with pytest.raises(TypeError, match=keyword):
        type("Mine", (Instance,), {}, **{keyword: "mine"})


def test_addresses_and_times_are_none_where_there_are_none() -> None:
    outputs = run(
        """
up = Instance("up", model_id="q/w")
down = Instance("down", model_id="q/w", state="stopped")
return [
    say(f"{name} {key}", getattr(made, key))
    for name, made in (("up", up), ("down", down))
    for key in ("base_url", "status", "started_at", "stopped_at", "instance_status")
]
"""
    )["said"]
    started, stopped = "2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"
    assert outputs == {
        "up base_url": "http://127.0.0.1/v1",
        "up status": "running",
        "up started_at": started,
        "up stopped_at": None,
        "up instance_status": {
            "status": "running",
            "started_at": started,
            "stopped_at": None,
            "init_progress": {"current_step": 5, "description": "runs"},
        },
        "down base_url": None,
        "down status": "stopped",
        "down started_at": started,
        "down stopped_at": stopped,
        "down instance_status": {
            "status": "stopped",
            "started_at": started,
            "stopped_at": stopped,
            "init_progress": None,
        },
    }


def test_the_clients_get_their_address_and_whatever_else_is_said() -> None:
    outputs = run(
        """
chat = Instance("chat", model_id="q/w")
plain = chat.chat_openai_config(temperature=0.2)
secret = chat.chat_openai_config(api_key=pulumi.Output.secret("k"), extra={"later": pulumi.Output.from_input(1)})
other = chat.chat_openai_config(model="mine", base_url="http://elsewhere")
client = chat.openai_client_config(api_key="k")
return [say("plain", plain), say("secret", secret), say("other", other), say("client", client),
        say("model", chat.model_name),
        say("secrecy", pulumi.Output.from_input(secret.is_secret())),
        say("openness", pulumi.Output.from_input(plain.is_secret()))]
"""
    )["said"]
    assert outputs == {
        "plain": {"model_name": "q/w", "base_url": "http://127.0.0.1/v1", "temperature": 0.2},
        "secret": {"model_name": "q/w", "base_url": "http://127.0.0.1/v1", "api_key": "k", "extra": {"later": 1}},
        "client": {"base_url": "http://127.0.0.1/v1", "api_key": "k"},
        "model": "q/w",
        "other": {"base_url": "http://elsewhere", "model": "mine"},
        "secrecy": True,
        "openness": False,
    }


def test_what_changes_the_instance_in_place_reaches_the_endpoint() -> None:
    registered = run(
        """
Instance("a", model_id="q/w", restart_trigger="one", state="stopped")
Instance("b", model_id="q/w", restart_trigger="two")
Instance("c", model_id="q/w", restart_trigger="one")
Instance("d", model_id="q/w", opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="90s")))
"""
    )["registered"]
    inputs = {resource["name"]: resource["inputs"] for resource in registered if resource["type"] == ENDPOINT}
    assert [inputs[name]["state"] for name in "abcd"] == ["stopped", "running", "running", "running"]
    assert [inputs[name]["ready_timeout"] for name in "abcd"] == [1200, 1200, 1200, 90]
    digests = [inputs[name]["spec_digest"] for name in "abcd"]
    assert digests[0] == digests[2] != digests[1]
    assert digests[3] == ""


def test_arguments_may_be_outputs() -> None:
    registered = run(
        """
first = Instance("first", model_id="q/w")
Instance("second", model_id=first.model_id, num_workers=first.num_workers)
"""
    )["registered"]
    assert {"model_id": "q--w", "num_workers": 1} in [resource["inputs"] for resource in registered]


def test_the_endpoint_is_public() -> None:
    outputs = run(
        """
chat = Instance("chat", model_id="q/w")
assert isinstance(chat.endpoint, Endpoint)
return [say("urn", chat.endpoint.urn)]
"""
    )["said"]
    assert outputs["urn"].endswith(f"::{INSTANCE}${ENDPOINT}::chat")


def test_no_attribute_bears_the_name_of_a_property() -> None:
    # it would hide the output of that name
    for cls in (Instance, Endpoint):
        properties = {name for name, value in inspect.getmembers(cls) if isinstance(value, property)}
        assert properties & set(inspect.get_annotations(cls)) == set()
