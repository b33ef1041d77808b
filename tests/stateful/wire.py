"""The vendor without a network: a simulated cloud (`tests/clouds`) and the simulator's faults, reached by a function
call."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any, Final

import httpx

from pulumi_cortecs.simulator.api_error import ApiError, ErrorBody, blocked_error
from pulumi_cortecs.simulator.corruption import WrongShape, corrupt, with_empty_lists
from pulumi_cortecs.simulator.faults import Fault, FaultKind, FaultTarget
from tests.clouds.case import START, Json, Staged

ORIGIN = "http://localhost"

LONGEST_ANSWER: Final = 60.0
"""For how many seconds an answer that drips is read, at most."""
LONGEST_PAUSE: Final = 30.0
"""The longest pause between two bytes of an answer, in seconds."""
_IDS: Final = re.compile(r'"(?:instance_)?id": "([^"]+)"')
"""In an answer, whole or half."""


@dataclass
class _Request:
    """The request that is signed; it may be sent once more."""

    headers: dict[str, str] = field(default_factory=dict)


class Wire(httpx.Client):
    """The HTTP client of the provider. `point` is called for each request before it is sent and when it was
    carried out, with the instance that it was about ("" for none); `passes` lets the time pass that it takes;
    `unreachable` is the probability that the vendor cannot be reached. `tell` receives a line for every answer.

    An answer that drips ends as it does with the provider's own HTTP core: after LONGEST_ANSWER, or after LONGEST_PAUSE
    without a byte. A bomb cannot be unpacked."""

    def __init__(
        self,
        cloud: Staged,
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
        path = str(url).removeprefix(f"{ORIGIN}{self._cloud.base}")
        if auth is None:
            return self._send(request, method, path, json or {})
        flow = auth.sync_auth_flow(request)
        next(flow)
        while True:
            response = self._send(request, method, path, json or {})
            try:
                flow.send(response)
            except StopIteration:
                return response

    @contextmanager
    def stream(self, method: str, url: Any, **more: Any) -> Iterator[httpx.Response]:
        """Like `request`, for who reads the answer bit by bit."""
        yield self.request(method, url, **more)

    def _send(self, request: _Request, method: str, path: str, body: Json) -> httpx.Response:
        cloud, world = self._cloud, self._cloud.world
        asked, subject = cloud.operation(method, path), cloud.subject(path, body)
        self._point("before", asked, subject)
        self._passes(self._latency())
        if self.unreachable and self._chance.random() < self.unreachable:
            raise httpx.ConnectError("connection refused")
        call = FaultTarget(
            method=method,
            path=f"{cloud.base}{path}",
            base=cloud.base,
            instance_id=subject or None,
            authorized="Authorization" in request.headers,
            for_list=method == "GET" and path.rstrip("/") in cloud.lists,
        )
        faults = world.faults.take_matching(call)
        status, content, headers, subject = self._outcome(faults, method, path, request.headers, body, subject)
        kinds = "".join(f", {fault.kind.value}" for fault in faults)
        self._tell(f"{asked} {subject} is answered {status}{kinds} {' '.join(_IDS.findall(content.decode()))}")
        self._point("done", asked, subject)
        slow = sum(fault.number("real_seconds") for fault in faults if fault.kind is FaultKind.SLOW_ANSWER)
        self._passes(self._latency() + slow)
        if any(fault.kind is FaultKind.LOST_ANSWER for fault in faults):
            raise httpx.ReadError("the connection was cut")
        self._hold_back(faults, len(content))
        headers = {"date": format_datetime(world.reported_date(), usegmt=True), **headers}
        return httpx.Response(status, headers=headers, content=content)

    def _hold_back(self, faults: list[Fault], size: int) -> None:
        if any(fault.kind is FaultKind.BOMB for fault in faults):
            raise httpx.DecodingError("the answer unpacks to too much")
        for pause in (fault.number("real_seconds") for fault in faults if fault.kind is FaultKind.DRIP):
            self._passes(min(pause * size, LONGEST_PAUSE if pause >= LONGEST_PAUSE else LONGEST_ANSWER))
            if pause >= LONGEST_PAUSE or pause * size > LONGEST_ANSWER:
                raise httpx.ReadTimeout("the answer does not end")

    def _outcome(
        self, faults: list[Fault], method: str, path: str, headers: Mapping[str, str], body: Json, subject: str
    ) -> tuple[int, bytes, dict[str, str], str]:
        """Status, body, headers, and the instance that it was about: of an order, what was really made."""
        earlier = set(self._cloud.every()) if self._cloud.operation(method, path) == START else None
        try:
            for fault in faults:
                self._before(fault)
            answer = self._cloud.answered(method, path, headers, body)
            if earlier is not None:
                subject = next((instance_id for instance_id in self._cloud.every() if instance_id not in earlier), "")
            return 200, self._corrupt(faults, answer), {}, subject
        except ApiError as error:
            content = json.dumps(self._cloud.error_body(error)) if error.page is None else error.page
            return error.status, content.encode(), dict(error.headers), subject

    def _before(self, fault: Fault) -> None:
        if fault.kind is FaultKind.LOST_REQUEST:
            raise httpx.ReadError("the connection was cut")
        if fault.kind is FaultKind.TOKEN_EXPIRY:
            self._cloud.expire_tokens()
        if fault.kind is FaultKind.TOO_MANY_REQUESTS:
            raise ApiError(429, "Too many requests.", headers={"Retry-After": f"{fault.number('retry_after'):g}"})
        if fault.kind is FaultKind.SERVER_ERROR and not fault.after_side_effect:
            raise self._blocked(fault)

    def _blocked(self, fault: Fault) -> ApiError:
        return blocked_error(fault.status, ErrorBody(fault.parameter("body")), self._cloud.world.origin)

    def _corrupt(self, faults: list[Fault], answer: Json) -> bytes:
        spoiled: Any = answer
        cut = False
        for fault in faults:
            if fault.kind is FaultKind.WRONG_SHAPE:
                spoiled = corrupt(spoiled, WrongShape(fault.parameter("how")), str(fault.parameter("field")))
            elif fault.kind is FaultKind.EMPTY_LIST:
                spoiled = with_empty_lists(spoiled)
            elif fault.kind is FaultKind.MALFORMED_JSON:
                cut = True
            elif fault.kind is FaultKind.SERVER_ERROR and fault.after_side_effect:
                raise self._blocked(fault)
        content = json.dumps(spoiled).encode()
        return content[: len(content) // 2] if cut else content
