"""The filter of requests: those that a page on the web has sent are refused."""

from __future__ import annotations

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.simulator.local_requests import foreign_origin

EVIL = "http://evil.example"
HOSTS = [
    "evil.example:3000",
    "127.0.0.1.evil.example",
    "evil.example#127.0.0.1",
    "localhost.evil.example",
    "",
    "0.0.0.0",
]
OWN = ["127.0.0.1", "127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "[::1]"]
PAGES: list[dict[str, str]] = [
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": "https://127.0.0.1:3000"},
    {"origin": "http://127.0.0.1:4000"},
    {"origin": "http://localhost:3000"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:3000"},
]
"""What a browser says of a page that asks 127.0.0.1:3000."""


@pytest.mark.parametrize("host", OWN)
def test_programs_of_this_machine_and_pages_of_its_own_are(host: str) -> None:
    own: list[dict[str, str]] = [
        {},
        {"origin": f"http://{host}"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": f"http://{host}".lower()},
    ]
    assert [foreign_origin({"host": host, **headers}) for headers in own] == ["", "", "", ""]


def test_what_a_stranger_asks_for_is_not_done(sim: Simulator) -> None:
    before = sim.control.clock()
    for headers in ({"Host": "evil.example"}, {"Origin": EVIL}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("/_sim/reset", "/_sim/expire-tokens", "/api/v1/instances/stop-all"):
            answer = httpx.post(f"{sim.url}{path}", headers=headers)
            assert answer.status_code == 403
            assert answer.json()["error"].endswith("; the simulator only serves requests of its own machine.")
    assert sim.control.clock() == before
    assert sum(sim.control.requests().counts.values()) == 0
