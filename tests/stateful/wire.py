"""The vendor without a network: the simulator's own cloud, faults and answers, reached by a function call.

Its web framework takes some ten times as long as everything else in here; what it adds (routes, schemas, status codes)
is repeated in `answered`, and `test_wire.py` compares the two.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any, Final

import httpx

from pulumi_cortecs.simulator.blocked import Body, turned_away
from pulumi_cortecs.simulator.cortecs import answers
from pulumi_cortecs.simulator.cortecs.cloud import BASE, CortecsCloud
from pulumi_cortecs.simulator.cortecs.orders import Order
from pulumi_cortecs.simulator.faults import Call, Fault, FaultKind
from pulumi_cortecs.simulator.refusal import Refused
from pulumi_cortecs.simulator.shapes import WrongShape, emptied, misshapen

ORIGIN = "http://localhost"
BASE_URL = f"{ORIGIN}{BASE}"
START, STOP, RESTART, LIST = "start", "stop", "restart", "list"
BY_ID, DELETE, TOKEN, MARKET = "by id", "delete", "token", "market"
OPERATIONS = (START, STOP, RESTART, LIST, BY_ID, DELETE, TOKEN, MARKET)

Json = dict[str, Any]


def operation(method: str, path: str) -> str:
    """The request in a word; `path` is what follows the API's base."""
    parts = path.strip("/").split("/")
    if parts[0] == "oauth2":
        return TOKEN
    if parts[0] != "instances":
        return MARKET
    if len(parts) == 1:
        return LIST
    if method == "POST":
        return parts[1]
    return BY_ID if method == "GET" else DELETE


def answered(cloud: CortecsCloud, method: str, path: str, token: str | None, body: Json) -> Json:
    """What the simulator's routes answer. Raises Refused."""
    asked, parts = operation(method, path), path.strip("/").split("/")
    if asked == TOKEN:
        granted = cloud.tokens.grant(body["client_id"], body["client_secret"], 3600.0)
        if granted is None:
            raise Refused(401, "The client credentials are not valid.")
        return {"access_token": granted, "token_type": "Bearer", "expires_in": 3600}
    if asked == MARKET:
        return _market(cloud, parts)
    account = cloud.tokens.account_of(token or "")
    if account is None:
        raise Refused(401, "The access token is missing, unknown or expired.")
    now, origin, ahead = cloud.world.now, cloud.world.origin, cloud.world.settings.instance_clock_ahead_seconds
    if asked == LIST:
        seen_ones = cloud.listed(account)
        return {"instances": [answers.instance_json(one.instance, one.as_of, origin, ahead) for one in seen_ones]}
    if asked == BY_ID:
        seen = cloud.found(account, parts[1])
        return {"instance": answers.instance_json(seen.instance, seen.as_of, origin, ahead)}
    if asked == DELETE:
        cloud.delete(account, parts[1])
        return {"instance_id": parts[1]}
    if asked == STOP:
        stopped = cloud.stop(account, body["instance_id"])
        return {"message": "Instance is stopped.", "instance": answers.instance_json(stopped, now(), origin, ahead)}
    begun = cloud.start(account, Order(**body)) if asked == START else cloud.restart(account, body["instance_id"])
    return {"message": "Instance is starting.", "instance": answers.begun_json(begun, origin, ahead)}


def _market(cloud: CortecsCloud, parts: list[str]) -> Json:
    market = cloud.market
    if parts == ["models"]:
        return {"models": [answers.model_preview_json(each) for each in market.models.values()]}
    if parts[0] == "models":
        model = market.models.get(parts[1])
        if model is None:
            raise Refused(404, f"There is no model {parts[1]!r}.")
        return {"model": answers.model_json(model)}
    offers = [each for each in market.offers.values() if len(parts) == 1 or each.available]
    return {"hardware_types": [answers.hardware_json(each) for each in offers]}


LONGEST_ANSWER: Final = 60.0
"""For how many seconds an answer that drips is read, at most."""
LONGEST_PAUSE: Final = 30.0
"""How many seconds may pass between two bytes of it."""
_IDS: Final = re.compile(r'"instance_id": "([^"]+)"')
"""In an answer, whole or half."""


@dataclass
class _Request:
    """What a signature is put on. It is the same one that is sent once more."""

    headers: dict[str, str] = field(default_factory=dict)


class Wire(httpx.Client):
    """What the provider takes for an HTTP client. `point` is told of each request before it is sent and when it was
    carried out, with the instance that it was about ("" for none); `passes` lets the time pass that it takes;
    `unreachable` is how likely it is that nobody listens. `tell` hears of every answer.

    An answer that drips ends as it does with the provider's own HTTP core: after LONGEST_ANSWER, or after LONGEST_PAUSE
    without a byte. A bomb cannot be unpacked."""

    def __init__(
        self,
        cloud: CortecsCloud,
        point: Callable[[str, str, str], None],
        passes: Callable[[float], None],
        latency: Callable[[], float],
        chance: random.Random,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(transport=httpx.MockTransport(lambda request: httpx.Response(500)), trust_env=False)
        self._cloud = cloud
        self._point = point
        self._passes = passes
        self._latency = latency
        self._chance = chance
        self._tell = tell
        self.unreachable = 0.0

    def request(self, method: str, url: Any, *, json: Any = None, auth: Any = None, **_: Any) -> httpx.Response:
        """Sends a request, signed with `auth`. Raises httpx.RequestError."""
        request = _Request()
        path = str(url).removeprefix(BASE_URL)
        if auth is None:
            return self._sent(request, method, path, json or {})
        flow = auth.sync_auth_flow(request)
        next(flow)
        while True:
            response = self._sent(request, method, path, json or {})
            try:
                flow.send(response)
            except StopIteration:
                return response

    def _sent(self, request: _Request, method: str, path: str, body: Json) -> httpx.Response:
        asked, world = operation(method, path), self._cloud.world
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or None
        subject = str(body.get("instance_id", "")) or (path.split("/")[2] if asked in (BY_ID, DELETE) else "")
        self._point("before", asked, subject)
        self._passes(self._latency())
        if self.unreachable and self._chance.random() < self.unreachable:
            raise httpx.ConnectError("nobody listens")
        call = Call(
            method=method,
            path=f"{BASE}{path}",
            base=BASE,
            instance_id=subject or None,
            authorized=token is not None,
            for_list=method == "GET" and path.strip("/") in ("instances", "models", "hardware-types"),
        )
        faults = world.faults.hitting(call)
        status, content, headers, subject = self._outcome(faults, method, path, token, body, subject)
        kinds = "".join(f", {fault.kind.value}" for fault in faults)
        self._tell(f"{asked} {subject} is answered {status}{kinds} {' '.join(_IDS.findall(content.decode()))}")
        self._point("done", asked, subject)
        slow = sum(fault.number("real_seconds") for fault in faults if fault.kind is FaultKind.SLOW_ANSWER)
        self._passes(self._latency() + slow)
        if any(fault.kind is FaultKind.LOST_ANSWER for fault in faults):
            raise httpx.ReadError("the connection was cut")
        self._delivered(faults, len(content))
        headers = {"date": format_datetime(world.told_date(), usegmt=True), **headers}
        return httpx.Response(status, headers=headers, content=content)

    def _delivered(self, faults: list[Fault], size: int) -> None:
        if any(fault.kind is FaultKind.BOMB for fault in faults):
            raise httpx.DecodingError("the answer unpacks to too much")
        for pause in (fault.number("real_seconds") for fault in faults if fault.kind is FaultKind.DRIP):
            self._passes(min(pause * size, LONGEST_PAUSE if pause >= LONGEST_PAUSE else LONGEST_ANSWER))
            if pause >= LONGEST_PAUSE or pause * size > LONGEST_ANSWER:
                raise httpx.ReadTimeout("the answer does not end")

    def _outcome(
        self, faults: list[Fault], method: str, path: str, token: str | None, body: Json, subject: str
    ) -> tuple[int, bytes, dict[str, str], str]:
        """Status, body, headers, and the instance that it was about: of an order, what was really made."""
        earlier = {each.instance_id for each in self._cloud.every()} if operation(method, path) == START else None
        try:
            for fault in faults:
                self._before(fault)
            answer = answered(self._cloud, method, path, token, body)
            if earlier is not None:
                subject = next((one.instance_id for one in self._cloud.every() if one.instance_id not in earlier), "")
            return 200, self._spoiled(faults, answer), {}, subject
        except Refused as refused:
            content = json.dumps({"error": refused.message}) if refused.page is None else refused.page
            return refused.status, content.encode(), dict(refused.headers), subject

    def _before(self, fault: Fault) -> None:
        if fault.kind is FaultKind.LOST_REQUEST:
            raise httpx.ReadError("the connection was cut")
        if fault.kind is FaultKind.TOKEN_EXPIRY:
            self._cloud.tokens.expire_all()
        if fault.kind is FaultKind.TOO_MANY_REQUESTS:
            raise Refused(429, "Too many requests.", headers={"Retry-After": f"{fault.number('retry_after'):g}"})
        if fault.kind is FaultKind.SERVER_ERROR and not fault.after_side_effect:
            raise self._turned_away(fault)

    def _turned_away(self, fault: Fault) -> Refused:
        return turned_away(fault.status, Body(fault.parameter("body")), self._cloud.world.origin)

    def _spoiled(self, faults: list[Fault], answer: Json) -> bytes:
        spoiled: Any = answer
        cut = False
        for fault in faults:
            if fault.kind is FaultKind.WRONG_SHAPE:
                spoiled = misshapen(spoiled, WrongShape(fault.parameter("how")), str(fault.parameter("field")))
            elif fault.kind is FaultKind.EMPTY_LIST:
                spoiled = emptied(spoiled)
            elif fault.kind is FaultKind.MALFORMED_JSON:
                cut = True
            elif fault.kind is FaultKind.SERVER_ERROR and fault.after_side_effect:
                raise self._turned_away(fault)
        content = json.dumps(spoiled).encode()
        return content[: len(content) // 2] if cut else content
