"""Orders that are carried out and then refused, by the vendor or by a web filter in between."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from tests.unit.simulated import list_statuses, post_order, start, status_by_id

STATUSES = (
    *(301, 302, 303, 307, 308),
    *(400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 460, 499),
    *(500, 502, 503, 504),
)


def refuses_starts(sim: Simulator, status: int, **parameters: Any) -> None:
    options = {"status": status, "after_side_effect": True, **parameters}
    sim.control.fault("server_error", path="/instances/start", count=1, **options)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", ["json", "html"])
def test_an_order_is_carried_out_and_refused(status: int, body: str, sim: Simulator, api: httpx.Client) -> None:
    refuses_starts(sim, status, body=body)
    answer = post_order(api)
    assert answer.status_code == status
    assert len(list_statuses(api)) == 1
    assert ("location" in answer.headers) == (300 <= status < 400)
    if body == "json":
        assert list(answer.json()) == ["error"]
    else:
        assert answer.headers["content-type"].startswith("text/html")
        assert "web filter" in answer.text


def test_what_a_refused_order_made_is_listed_late(sim: Simulator, api: httpx.Client) -> None:
    refuses_starts(sim, 402)
    sim.control.fault("list_lag", path="/instances/start", seconds=3, by_id=True)
    assert post_order(api).status_code == 402
    (made,) = sim.control.instances()
    assert (list_statuses(api), status_by_id(api, made.instance_id)) == ({}, 404)
    sim.control.advance(3)
    assert list(list_statuses(api)) == [made.instance_id]
    assert len(sim.control.ledger().open) == 1


def test_a_refusal_without_the_side_effect_may_be_a_web_filters_page_too(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("server_error", path="/instances/start", count=1, status=403, body="html")
    answer = post_order(api)
    assert (answer.status_code, answer.text[:15]) == (403, "<!DOCTYPE html>")
    assert sim.control.instances() == ()


def test_a_redirect_leads_to_a_page_of_this_machine_that_does_not_exist(sim: Simulator, api: httpx.Client) -> None:
    refuses_starts(sim, 302)
    place = post_order(api).headers["location"]
    assert place == f"{sim.url}/blocked"
    assert api.get(place).status_code == HTTPStatus.NOT_FOUND


def test_stops_and_deletions_may_be_refused_after_they_were_done(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.fault("server_error", method="POST", count=1, status=409, after_side_effect=True)
    assert api.post("/instances/stop", json={"instance_id": instance_id}).status_code == 409
    assert list_statuses(api) == {instance_id: "stopped"}
    sim.control.fault("server_error", method="DELETE", count=1, status=405, after_side_effect=True)
    assert api.delete(f"/instances/{instance_id}").status_code == 405
    assert list_statuses(api) == {}
