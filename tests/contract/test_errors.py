"""The error of a call that fails: one clean text on the resource, and never a credential."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.engine import listening
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made, hosting
from tests.contract.proxy import Answer, Proxy, Sent

StartHost = Callable[..., Host]

ANOTHER_HOST = """
import importlib.util, re, sys, types
source = open(importlib.util.find_spec("pulumi.dynamic.__main__").origin).read()
for old, new in {"request": "req", "context": "ctx"}.items():
    source = re.sub(rf"\\b{old}\\b", new, source)
for method in ("Check", "Diff", "Create", "Read", "Update", "Delete"):
    assert f"def {method}(self, req, ctx)" in source
module = types.ModuleType("__main__")
sys.modules["__main__"] = module
exec(compile(source, "another host", "exec"), module.__dict__)
"""
"""A host whose insides are not those that we know: its methods name their arguments otherwise. It never returns."""


FAILING: dict[str, tuple[Callable[[Host, Made], object], str]] = {
    "check": (
        lambda host, made: host.instance(urn_="urn:pulumi:s::p::a:b:C::n").check({"model_id": QWEN}),
        "this provider serves pulumi-python:dynamic/cortecs:Instance only, not a:b:C",
    ),
    "create": (
        lambda host, made: host.instance().create(
            {**INPUTS, "hardware_type_id": "NVIDIA_H100_2", "price_tolerance": 1000}
        ),
        "Cortecs answered POST /instances/start with 400",
    ),
    "read": (
        lambda host, made: host.instance().read(Made(made.id, {**made.outs, "account": "cortecs:other"})),
        "was created with other credentials (account cortecs:other)",
    ),
    "update": (lambda host, made: host.instance().update(made, INPUTS), "any more; `pulumi up --refresh` creates"),
    "delete": (
        lambda host, made: host.instance().delete(Made(made.id, {**made.outs, "account": "cortecs:other"})),
        "was created with other credentials (account cortecs:other)",
    ),
    "wait": (
        lambda host, made: host.endpoint().create(
            {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20}
        ),
        "does not exist any more, so it costs nothing",
    ),
}
"""A failing call of each kind, with an instance that does not exist any more, and what is to be said."""


@pytest.fixture
def gone(simulator: Simulator) -> Made:
    """An instance that does not exist any more."""
    made = bought(simulator)
    simulator.control.vanish(made.id)
    return made


@pytest.mark.parametrize("call", FAILING)
def test_an_error_is_one_text_without_a_traceback(host: Host, gone: Made, call: str) -> None:
    failing, message = FAILING[call]
    with pytest.raises(CallFailedError) as failed:
        failing(host, gone)
    assert failed.value.code is grpc.StatusCode.UNKNOWN
    # the trailer, which the CLI shows as it is; what newer hosts put into the details is a traceback
    text = failed.value.text
    assert text is not None
    assert message in text
    assert "Traceback" not in text
    assert "\n" not in text


def test_a_bug_of_ours_says_so_and_where(host: Host, gone: Made) -> None:
    with pytest.raises(CallFailedError, match=r"^unexpected KeyError in pulumi-cortecs at pulumi_cortecs\.\S+:\d+: "):
        host.endpoint().read(Made("some-id", {}))


@pytest.mark.parametrize("call", [call for call in FAILING if call != "check"])
def test_an_unknown_host_gets_a_plain_error(start_host: StartHost, gone: Made, call: str) -> None:
    failing, message = FAILING[call]
    with pytest.raises(CallFailedError) as failed:
        failing(start_host(before=ANOTHER_HOST), gone)
    assert failed.value.text is None
    assert message in failed.value.details


def test_an_unknown_host_serves_a_whole_life_without_progress(simulator: Simulator) -> None:
    with listening() as engine, hosting(simulator.env(), engine=engine.address, before=ANOTHER_HOST) as host:
        resource = host.instance()
        made = resource.buy({"model_id": QWEN})
        endpoint = host.endpoint()
        waited = endpoint.create({"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 20})
        assert waited.outs["status"] == "running"
        assert endpoint.read(waited).outs == waited.outs
        resource.delete(resource.read(made))
        assert engine.lines == []
    assert ids(simulator) == []


CLIENT, SECRET = "client-7f3a", "s3cr3t-8d1b/c2+e\"4'"


@pytest.fixture
def telltale(simulator: Simulator, proxy: Proxy) -> Proxy:
    """A vendor that repeats in each error whatever it was sent."""
    simulator.control.register(CLIENT, SECRET)

    def repeated(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
        answer = pass_on()
        if answer.status < 400:
            return answer
        return Answer(answer.status, {"error": f"no: {sent.authorization} {sent.body} {SECRET}"})

    proxy.rewrite = repeated
    return proxy


@contextmanager
def _any_error(messages: list[str]) -> Iterator[None]:
    try:
        yield
    except CallFailedError as error:
        messages.append(f"{error.text} {error.details}")
    else:
        pytest.fail("there was to be an error")


def test_no_credential_gets_into_errors_or_output(start_host: StartHost, simulator: Simulator, telltale: Proxy) -> None:
    key = {"CORTECS_CLIENT_ID": CLIENT, "CORTECS_CLIENT_SECRET": SECRET}
    host = start_host({**telltale.env(), **key}, before=IMPATIENT)
    messages: list[str] = []
    made = host.instance("chat").buy({"model_id": QWEN})
    messages.append(str(made))
    faults: list[dict[str, Any]] = [
        {"kind": "server_error", "path": "/instances/*"},
        {"kind": "server_error", "path": "/instances*", "status": 400},
        {"kind": "token_expiry", "path": "/instances*"},
    ]
    for fault in faults:
        simulator.control.fault(**fault)
        for call in (
            lambda: host.instance().create(INPUTS),
            lambda: host.instance("chat").update(made, {**INPUTS, "state": "stopped"}),
            lambda: host.instance("chat").delete(made),
        ):
            with _any_error(messages):
                call()
        simulator.control.clear_faults()
    simulator.control.register(CLIENT, "another one")
    simulator.control.expire_tokens()
    with _any_error(messages):
        host.instance("chat").delete(made)
    with _any_error(messages):
        host.endpoint("chat").create({"instance_id": "i", "state": "running", "spec_digest": "", "ready_timeout": 1})
    messages.append(host.printed())
    tokens = telltale.tokens()
    assert len(tokens) > 1
    everything = "\n".join(messages)
    assert "[redacted]" in everything
    for secret in (SECRET, "s3cr3t-8d1b", *tokens):
        assert secret not in everything


def test_a_host_says_nothing_by_itself(start_host: StartHost, simulator: Simulator) -> None:
    # what it prints is shown on the stack's row: warnings of libraries, retries
    host = start_host()
    resource = host.instance()
    simulator.control.fault("server_error", method="GET", path="/models", count=2)
    simulator.control.fault("lost_answer", path="/instances/start")
    made = resource.buy({"model_id": QWEN})
    simulator.control.fault("malformed_json", method="GET", path="/instances", count=1)
    resource.delete(made)
    with pytest.raises(CallFailedError):
        resource.get("no-such-id", {"model_id": QWEN})
    time.sleep(0.1)
    assert host.printed() == ""
