"""The quick way to the simulator answers what its own application answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Settings
from pulumi_cortecs.simulator.app import simulator_app
from pulumi_cortecs.simulator.clock import VirtualClock
from pulumi_cortecs.simulator.control import FaultRequest
from pulumi_cortecs.simulator.cortecs.cloud import BASE
from pulumi_cortecs.simulator.faults import FaultKind, FaultMatch, Parameter
from pulumi_cortecs.simulator.world import World
from tests.clouds.asgi import exchanged
from tests.clouds.cortecs import CORTECS, QWEN, StagedCortecs
from tests.stateful.rounds import CLOCKS, REFUSALS, SERVER_ERRORS, parameters
from tests.stateful.wire import LONGEST_ANSWER, LONGEST_PAUSE, ORIGIN, Wire

BASE_URL = f"{ORIGIN}{BASE}"

_CREDENTIALS = {"client_id": "sim", "client_secret": "sim", "grant_type": "client_credentials"}
_NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def sync_auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class _Application(httpx.BaseTransport):
    """The whole application, driven without an event loop: nothing in it waits."""

    def __init__(self, world: World) -> None:
        self._app = simulator_app(world, self)
        self._dropped = False

    async def drop(self, client: tuple[str, int]) -> None:
        self._dropped = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._dropped = False
        scope = {
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }
        sent = exchanged(self._app, scope, request.read())
        if self._dropped:
            raise httpx.ReadError("the connection was cut")
        content = b"".join(message.get("body", b"") for message in sent)
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=content)


class _Side:
    """One of the two ways to a world of its own; ids come in the same order in both."""

    def __init__(self, *, quick: bool) -> None:
        self.world = World(origin=ORIGIN, defaults=Settings(), seed=7)
        self.world.clock = VirtualClock(start=_NOW, monotonic=lambda: 0.0)
        cloud = StagedCortecs(self.world) if quick else None
        self._client: httpx.Client = (
            Wire(cloud, lambda *_: None, lambda seconds: None, lambda: 0.0, random.Random(0))
            if cloud is not None
            else httpx.Client(transport=_Application(self.world))
        )
        self._bearer: _Bearer | None = None

    def log_in(self) -> None:
        self._bearer = _Bearer(self.ask("POST", "/oauth2/token", _CREDENTIALS)[1].pop("access_token"))

    def fault(self, kind: FaultKind, **parameters: Parameter) -> None:
        self.world.faults.add(kind, FaultMatch(), count=1, parameters=parameters)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Status, JSON (what is none as bytes) and the headers that count; the word "cut" for no answer."""
        try:
            answer = self._client.request(method, f"{BASE_URL}{path}", json=body, auth=self._bearer)
        except httpx.ReadError:
            return "cut"
        try:
            content: object = answer.json()
        except ValueError:
            content = answer.content[:10]
        return (
            answer.status_code,
            content,
            answer.headers.get("retry-after"),
            answer.headers.get("location"),
            answer.headers["date"],
        )


@pytest.fixture
def sides() -> tuple[_Side, _Side]:
    """The quick way and the application, both logged in."""
    both = _Side(quick=True), _Side(quick=False)
    for side in both:
        side.log_in()
    return both


def _start_instance(side: _Side) -> str:
    return str(side.ask("POST", "/instances/start", {"model_id": QWEN})[1]["instance"]["instance_id"])


def _life(side: _Side) -> list[object]:
    first = _start_instance(side)
    return [
        side.ask("GET", "/models/"),
        side.ask("GET", f"/models/{QWEN}"),
        side.ask("GET", "/models/none-such"),
        side.ask("GET", "/hardware-types/"),
        side.ask("GET", "/hardware-types/available"),
        side.ask("GET", "/instances/"),
        side.ask("GET", f"/instances/{first}"),
        side.ask("GET", "/instances/none-such"),
        side.ask("POST", "/instances/start", {"model_id": "none-such"}),
        side.ask("DELETE", f"/instances/{first}"),
        side.ask("POST", "/instances/restart", {"instance_id": first}),
        side.ask("POST", "/instances/stop", {"instance_id": first}),
        side.ask("POST", "/instances/stop", {"instance_id": "none-such"}),
        side.ask("POST", "/instances/restart", {"instance_id": first}),
        side.ask("POST", "/instances/stop", {"instance_id": first}),
        side.ask("DELETE", f"/instances/{first}"),
        side.ask("GET", "/instances/"),
    ]


def test_a_whole_life_is_answered_alike(sides: tuple[_Side, _Side]) -> None:
    quick, slow = (_life(side) for side in sides)
    assert quick == slow


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (FaultKind.LOST_REQUEST, {}),
        (FaultKind.LOST_ANSWER, {}),
        (FaultKind.SERVER_ERROR, {"status": 503}),
        (FaultKind.SERVER_ERROR, {"after_side_effect": True}),
        (FaultKind.TOO_MANY_REQUESTS, {}),
        (FaultKind.MALFORMED_JSON, {}),
        (FaultKind.WRONG_SHAPE, {"how": "null", "field": "instance_id"}),
        (FaultKind.WRONG_SHAPE, {"how": "array"}),
        (FaultKind.TOKEN_EXPIRY, {}),
        (FaultKind.OUT_OF_STOCK, {}),
        (FaultKind.LIST_LAG, {"by_id": True}),
        (FaultKind.SERVER_ERROR, {"status": 403, "body": "html"}),
        (FaultKind.OTHER_ARGUMENT, {}),
        (FaultKind.OTHER_ARGUMENT, {"argument": "num_workers", "value": 8}),
        (FaultKind.REUSED_ID, {}),
    ],
)
def test_a_fault_at_a_purchase_shows_alike_and_leaves_the_same(
    sides: tuple[_Side, _Side], kind: FaultKind, parameters: dict[str, Parameter]
) -> None:
    answers = []
    for side in sides:
        side.fault(kind, **parameters)
        bought = side.ask("POST", "/instances/start", {"model_id": QWEN})
        side.log_in()
        answers.append((bought, side.ask("GET", "/instances/")))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("status", [*REFUSALS, *SERVER_ERRORS])
@pytest.mark.parametrize("body", ["json", "html"])
def test_a_purchase_is_refused_alike_after_it_was_made_and_listed_late(
    sides: tuple[_Side, _Side], status: int, body: str
) -> None:
    answers = []
    for side in sides:
        side.fault(FaultKind.SERVER_ERROR, status=status, after_side_effect=True, body=body)
        side.fault(FaultKind.LIST_LAG, seconds=3)
        asked = [side.ask("POST", "/instances/start", {"model_id": QWEN}), side.ask("GET", "/instances/")]
        side.world.clock.advance(3)
        answers.append([*asked, side.ask("GET", "/instances/")])
    assert answers[0] == answers[1]
    refused, at_first, later = answers[0]
    assert refused[0] == status
    assert (len(at_first[1]["instances"]), len(later[1]["instances"])) == (0, 1)


@pytest.mark.parametrize("knobs", CLOCKS)
def test_two_clocks_show_alike(sides: tuple[_Side, _Side], knobs: dict[str, float]) -> None:
    for side in sides:
        side.world.settings = replace(side.world.settings, **knobs)
    quick, slow = (_life(side) for side in sides)
    assert quick == slow


@pytest.mark.parametrize("parameters", [{}, {"of": "existing"}, {"of": "existing", "makes": False}])
def test_an_id_is_reused_alike(sides: tuple[_Side, _Side], parameters: dict[str, Parameter]) -> None:
    answers = []
    for side in sides:
        first, second = _start_instance(side), _start_instance(side)
        side.ask("POST", "/instances/stop", {"instance_id": first})
        side.ask("DELETE", f"/instances/{first}")
        side.fault(FaultKind.REUSED_ID, **parameters)
        assert _start_instance(side) == (second if parameters else first)
        answers.append(side.ask("GET", "/instances/"))
    assert answers[0] == answers[1]


def _wired_world(passed: list[float], points: list[tuple[str, str, str]]) -> tuple[World, Wire, _Bearer]:
    world = World(origin=ORIGIN, defaults=Settings(), seed=7)
    wire = Wire(StagedCortecs(world), lambda *point: points.append(point), passed.append, lambda: 0.0, random.Random(0))
    granted = wire.request("POST", f"{BASE_URL}/oauth2/token", json=_CREDENTIALS).json()
    return world, wire, _Bearer(granted["access_token"])


@pytest.mark.parametrize(
    ("kind", "parameters", "error", "waited"),
    [
        (FaultKind.BOMB, {}, httpx.DecodingError, 0.0),
        (FaultKind.DRIP, {}, httpx.ReadTimeout, LONGEST_ANSWER),
        (FaultKind.DRIP, {"real_seconds": 31}, httpx.ReadTimeout, LONGEST_PAUSE),
    ],
)
def test_what_no_reader_can_take_is_an_error_after_a_purchase(
    kind: FaultKind, parameters: dict[str, Parameter], error: type[Exception], waited: float
) -> None:
    passed: list[float] = []
    world, wire, bearer = _wired_world(passed, [])
    world.faults.add(kind, FaultMatch(), count=1, parameters=parameters)
    with pytest.raises(error):
        wire.request("POST", f"{BASE_URL}/instances/start", json={"model_id": QWEN}, auth=bearer)
    assert sum(passed) == waited
    assert len(wire.request("GET", f"{BASE_URL}/instances/", auth=bearer).json()["instances"]) == 1


def test_what_drips_fast_enough_arrives() -> None:
    passed: list[float] = []
    world, wire, bearer = _wired_world(passed, [])
    world.faults.add(FaultKind.DRIP, FaultMatch(), count=1, parameters={"real_seconds": 0.01})
    answer = wire.request("GET", f"{BASE_URL}/instances/", auth=bearer)
    assert answer.status_code == 200
    assert sum(passed) == pytest.approx(0.01 * len(answer.content))


@pytest.mark.parametrize(("makes", "made"), [(True, True), (False, False)])
def test_a_purchase_is_told_as_what_was_made_whatever_the_answer_says(makes: bool, made: bool) -> None:
    points: list[tuple[str, str, str]] = []
    world, wire, bearer = _wired_world([], points)
    order = {"json": {"model_id": QWEN}, "auth": bearer}
    first = wire.request("POST", f"{BASE_URL}/instances/start", **order).json()["instance"]["instance_id"]
    world.faults.add(FaultKind.REUSED_ID, FaultMatch(), parameters={"of": "existing", "makes": makes})
    answered = wire.request("POST", f"{BASE_URL}/instances/start", **order).json()["instance"]["instance_id"]
    assert answered == first
    assert (points[-1][2] not in ("", first)) is made
    assert (points[-1][2] == "") is not made


@pytest.mark.parametrize("kind", sorted(FaultKind))
def test_every_kind_of_fault_has_parameters_that_the_simulator_takes(kind: FaultKind) -> None:
    for seed in range(20):
        FaultRequest.model_validate({"kind": kind.value, **parameters(kind, random.Random(seed), CORTECS.fields)})


def test_an_empty_list_shows_alike(sides: tuple[_Side, _Side]) -> None:
    answers = []
    for side in sides:
        _start_instance(side)
        side.fault(FaultKind.EMPTY_LIST)
        answers.append([side.ask("GET", "/instances/"), side.ask("GET", "/instances/")])
    assert answers[0] == answers[1]
    assert answers[0][0][1] == {"instances": []}
