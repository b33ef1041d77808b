"""The evasion suite by resources that buy nothing: Endpoints and reads that a program makes by itself, and that name
a foreign instance.

On the host that the engine calls, call by call. What got through is what the vendor did to the instance, or what became
of the order that has bought it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from inspect import unwrap
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.cortecs import data
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, bought
from tests.contract.host import ENDPOINT, INSTANCE, CallFailedError, Host, Made, Resource, hosting
from tests.policy.attempts import Attempts

THEIRS = "urn:pulumi:theirs::tests::"
MINE = "urn:pulumi:test::tests::"
Wait = Callable[[Host, Made, dict[str, Any]], object]


def show(host: Host, made: Made, name: str) -> None:
    """Asks for a diff, as the engine does with an Instance that is in the state."""
    host.instance(name).diff(made.outs, INPUTS, made.id)


def wanted(made: Made, **inputs: Any) -> dict[str, Any]:
    return {"instance_id": made.id, "state": "running", "spec_digest": "", "ready_timeout": 1, **inputs}


def created_at(urn: str) -> Wait:
    return lambda host, _, inputs: host.endpoint(urn_=urn).create(inputs)


def updated(host: Host, made: Made, inputs: dict[str, Any]) -> object:
    earlier = Made("endpoint", {**inputs, "instance_id": "mine-of-old"})
    return host.endpoint("mine").update(earlier, inputs)


def shown_for_another(host: Host, made: Made, inputs: dict[str, Any]) -> object:
    show(host, made, "theirs")
    return host.endpoint("mine").create(inputs)


def beside_ones_own(host: Host, made: Made, inputs: dict[str, Any]) -> object:
    show(host, Made("mine-of-old", {**made.outs, "instance_id": "mine-of-old"}), "beside")
    return host.endpoint("beside").create(inputs)


WAITS: Mapping[str, Wait] = {
    "under any name": created_at(f"{MINE}{INSTANCE}${ENDPOINT}::any"),
    "without a parent": created_at(f"{MINE}{ENDPOINT}::any"),
    "below a component": created_at(f"{MINE}team:index:Team${ENDPOINT}::any"),
    "under the URN of another stack's": created_at(f"{THEIRS}{INSTANCE}${ENDPOINT}::theirs"),
    "an update of one that had another id": updated,
    "for what another Instance of the stack has": shown_for_another,
    "below an Instance that has something else": beside_ones_own,
}
"""By name, an Endpoint that waits for a machine which boots for ever, and which its Instance does not have."""


@pytest.fixture
def host(simulator: Simulator) -> Iterator[Host]:
    """A host that has been shown nothing."""
    with hosting(simulator.env()) as host:
        yield host


def test_an_endpoint_of_ones_own_ends_nothing(host: Host, simulator: Simulator, attempts: Attempts) -> None:
    simulator.control.fault("stuck_boot", count=1000)
    booting = {(on_timeout, name): bought(simulator) for on_timeout in ("stop", "delete") for name in WAITS}
    simulator.control.advance(18)

    def wait(key: tuple[str, str]) -> str:
        on_timeout, name = key
        with pytest.raises(CallFailedError) as failed:
            WAITS[name](host, booting[key], wanted(booting[key], on_timeout=on_timeout))
        return str(failed.value)

    with ThreadPoolExecutor(len(booting)) as pool:
        messages = list(pool.map(wait, booting))
    after = {instance.instance_id: instance.status for instance in simulator.control.instances()}
    attempts.batch(
        {
            f"an endpoint of one's own, on_timeout={on_timeout}: {name}": after.get(made.id) != "pending"
            for (on_timeout, name), made in booting.items()
        }
    )
    assert all("It was left as it is, whatever on_timeout says" in text for text in messages)


def test_an_endpoint_of_ones_own_changes_nothing(host: Host, simulator: Simulator, attempts: Attempts) -> None:
    simulator.control.fault("stuck_boot", count=1000)
    made = bought(simulator)
    mine, there = host.endpoint("mine"), Made("endpoint", wanted(made))
    config = {f"cortecs:{key}": value for key, value in {"clientId": "sim", "clientSecret": "sim"}.items()}
    calls: Mapping[str, Callable[[], object]] = {
        "that says it is stopped": lambda: mine.create(wanted(made, state="stopped")),
        "that is taken out of the program": lambda: mine.delete(there),
        "that is refreshed": lambda: mine.read(there),
        "that is refreshed after its end": lambda: mine.read(Made("endpoint", wanted(made, state="stopped"))),
        "an Instance that is only got": lambda: host.instance("got").get(made.id, {}),
        "a data source": lambda: unwrap(data.get_instance)(
            {**config, "cortecs:apiBaseUrl": simulator.base_url}, made.id
        ),
    }
    for name, call in calls.items():
        call()
        after = [(instance.instance_id, instance.status) for instance in simulator.control.instances()]
        attempts.tried(f"an endpoint of one's own: {name}", through=after != [(made.id, "pending")])


@pytest.fixture
def next_host(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[[], Host]]:
    """Hosts of one machine, that share a journal; each kills the one before it."""
    with ExitStack() as stack:

        def start() -> Host:
            stack.close()
            return stack.enter_context(hosting({**simulator.env(), "PULUMI_CORTECS_STATE_DIR": str(tmp_path)}))

        yield start


def theirs(host: Host) -> Resource:
    return host.instance(urn_=f"{THEIRS}{INSTANCE}::theirs")


def checked(host: Host, made: Made) -> None:
    host.endpoint("mine").check(wanted(made))


def checked_as_theirs(host: Host, made: Made) -> None:
    host.endpoint(urn_=f"{THEIRS}{INSTANCE}${ENDPOINT}::theirs").check(wanted(made))


def got(host: Host, made: Made) -> None:
    host.instance("mine").get(made.id, made.outs)


SETTLING: Mapping[str, Callable[[Host, Made], None]] = {
    "an Endpoint, in a preview": checked,
    "an Endpoint under the name of theirs": checked_as_theirs,
    "an Instance that is only got, and says what a state would": got,
}


@pytest.mark.parametrize("name", SETTLING)
def test_what_names_an_instance_settles_nobodys_order(
    next_host: Callable[[], Host], attempts: Attempts, name: str
) -> None:
    """Another run was killed when it had just bought. Settled, its order would not be taken over by the next."""
    made = theirs(next_host()).create(INPUTS)
    with suppress(CallFailedError):
        SETTLING[name](next_host(), made)
    attempts.tried(f"an order of somebody else's, settled by {name}", through=not takes_over(next_host(), made))


def takes_over(host: Host, made: Made) -> bool:
    try:
        return theirs(host).create(INPUTS).id == made.id
    except CallFailedError:  # it is told of, and in a person's hands
        return False
