"""The evasion suite against the source of prices and lists that the limits of the machine are compared with, call by
call on the provider's host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.cortecs.kind import BASE_URL, CLIENT_ID, CLIENT_SECRET, CREDENTIALS
from pulumi_cortecs.http.credential_spec import ARGUMENTS
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, bought, ids, machine_limits
from tests.contract.conftest import proxy, start_host
from tests.contract.host import IMPATIENT, CallFailedError, Host, Made
from tests.contract.proxy import Answer, Proxy, Sent
from tests.policy.attempts import Attempts

__all__ = ["proxy", "start_host"]

StartHost = Callable[..., Host]
RESTART = "POST /api/v1/instances/restart"
WORKERS = {"model_id": QWEN, "num_workers": 8}
EIGHT = {**INPUTS, "num_workers": 8, "quote": {**INPUTS["quote"], "hourly_total": "9.60"}}


def lying(sent: Sent, pass_on: Callable[[], Answer]) -> Answer:
    """Everything is nearly free, what the account has among it."""
    answer = pass_on()
    if sent.path.startswith("/hardware-types"):
        for row in answer.body["hardware_types"]:
            row["price_info"].update(price_per_hour=0.01, price_per_minute=0.0001)
    return answer


@pytest.fixture
def limits(tmp_path: Path, simulator: Simulator) -> Path:
    """Limits that believe the simulator, and none in between."""
    path = tmp_path / "limits.json"
    caps = {"instance_hourly_cap": "2.00 EUR", "account_hourly_ceiling": "3.00 EUR"}
    path.write_text(machine_limits(simulator, **caps))
    return path


def refused(call: Callable[[], Any], text: str) -> bool:
    """Returns whether a call fails, or comes with failures, with this text."""
    try:
        message = str(getattr(call(), "failures", ()))
    except CallFailedError as error:
        message = error.text
    return text in message


@pytest.mark.parametrize("by", ["the variable", "a Provider"])
def test_prices_and_lists_of_a_liar(
    start_host: StartHost, proxy: Proxy, simulator: Simulator, limits: Path, by: str, attempts: Attempts
) -> None:
    runs, made = bought(simulator, num_workers=8), bought(simulator, num_workers=8)
    simulator.control.stop(made.id)
    proxy.rewrite = lying
    url = proxy.env()["CORTECS_API_BASE_URL"]
    env = {"PULUMI_CORTECS_LIMITS": str(limits), **(proxy.env() if by == "the variable" else {})}
    host = start_host(env, before=IMPATIENT)
    if by == "a Provider":
        host.configure(
            {CLIENT_ID.config: "sim", CLIENT_SECRET.config: "sim", BASE_URL.config: url, CREDENTIALS.source: ARGUMENTS}
        )
    resource, says = host.instance(), f"prices and lists would come from {url}, and {limits} believes"
    stopped = Made(made.id, {**EIGHT, **made.outs, "state": "stopped"})
    tries: dict[str, Callable[[], Any]] = {
        "eight are checked": lambda: resource.check(WORKERS),
        "eight are bought": lambda: resource.create(EIGHT),
        "one that exists is replaced": lambda: resource.check(WORKERS, INPUTS),
        "eight are adopted in a check": lambda: resource.check({**WORKERS, "adopt_id": runs.id}),
        "eight are adopted": lambda: resource.create({**EIGHT, "adopt_id": runs.id}),
        "eight are started in a check": lambda: resource.check(WORKERS, {**EIGHT, "state": "stopped"}),
        "eight are started": lambda: resource.update(stopped, EIGHT),
    }
    attempts.batch({f"a liar, named by {by}: {name}": not refused(call, says) for name, call in tries.items()})
    assert simulator.control.requests().count(RESTART) == 0
    assert ids(simulator) == [runs.id, made.id]
    # what ends a bill, or only looks, goes on
    resource = start_host(env, before=IMPATIENT).instance()
    assert resource.read(stopped).id == made.id
    resource.delete(stopped)
    assert ids(simulator) == [runs.id]


def test_calls_to_the_providers_own_port(
    start_host: StartHost, simulator: Simulator, limits: Path, attempts: Attempts
) -> None:
    """A program finds it as it finds a pack's, and asks for a purchase that no check and no pack has seen."""
    host = start_host({"PULUMI_CORTECS_LIMITS": str(limits)}, before=IMPATIENT)
    assert refused(lambda: host.instance().create(EIGHT), "the cap per instance is 2.00 EUR")
    small = host.instance().create(INPUTS)
    assert ids(simulator) == [small.id]  # no pack was asked
    attempts.out_of_reach("calls to the provider's own port", stopped_by="the limits of the machine")


def test_a_file_that_names_nobody_believes_the_vendor_alone(
    start_host: StartHost, simulator: Simulator, tmp_path: Path, attempts: Attempts
) -> None:
    path = tmp_path / "limits.json"
    path.write_text('{"cortecs": {"instance_hourly_cap": "99.00 EUR"}}')
    host = start_host({"PULUMI_CORTECS_LIMITS": str(path)})
    says = f"{path} believes https://cortecs.ai/api/v1 only"
    through = not refused(lambda: host.instance().create(INPUTS), says)
    attempts.tried("a vendor on loopback that no file names", through=through)
    assert ids(simulator) == []
    alike = simulator.base_url.replace("127.0.0.1", "localhost")
    path.write_text(machine_limits(simulator))
    host = start_host({"PULUMI_CORTECS_LIMITS": str(path), "CORTECS_API_BASE_URL": alike})
    through = not refused(lambda: host.instance().create(INPUTS), f"would come from {alike}")
    attempts.tried("a URL that leads to the same place by another name", through=through)
    assert ids(simulator) == []
