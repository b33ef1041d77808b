"""Answers that drip, and answers that unpack to far more than was sent."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.simulator.corruption import MEGABYTE, bomb
from tests.unit.simulated import list_statuses, post_order, start


def test_a_bomb_is_whole_gzip_and_small() -> None:
    packed = bomb(b'{"a": 1}', 3)
    assert len(packed) < 3 * MEGABYTE / 900
    unpacked = gzip.decompress(packed)
    assert len(unpacked) == 3 * MEGABYTE + 8
    assert json.loads(unpacked) == {"a": 1}


def test_the_default_bomb_is_600_kilobytes_that_become_600_megabytes() -> None:
    packed = bomb(b"{}", 600)
    assert len(packed) < 620_000
    assert int.from_bytes(packed[-4:], "little") == 600 * MEGABYTE + 2


def test_an_answer_unpacks_to_megabytes_of_spaces_and_what_was_asked_for(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    sim.control.fault("bomb", path="/instances", count=1, megabytes=2)
    with api.stream("GET", "/instances") as answer:
        sent = b"".join(answer.iter_raw())
    assert (answer.headers["content-encoding"], answer.headers["content-length"]) == ("gzip", str(len(sent)))
    assert len(sent) < 4_000
    unpacked = gzip.decompress(sent)
    assert len(unpacked) > 2 * MEGABYTE
    assert [instance["instance_id"] for instance in json.loads(unpacked)["instances"]] == [instance_id]
    assert list(list_statuses(api)) == [instance_id]


def test_two_bombs_are_one(sim: Simulator, api: httpx.Client) -> None:
    for _ in range(2):
        sim.control.fault("bomb", path="/instances", megabytes=1)
    assert MEGABYTE < len(api.get("/instances").content) < 2 * MEGABYTE
    assert list_statuses(api) == {}


def test_a_refusal_can_be_a_bomb(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("bomb", path="/instances/start", count=1, megabytes=1)
    sim.control.fault("server_error", path="/instances/start", count=1, status=403, after_side_effect=True)
    answer = post_order(api)
    assert (answer.status_code, len(answer.content) > MEGABYTE, list(answer.json())) == (403, True, ["error"])


def test_an_answer_drips_and_its_side_effect_is_in_time(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("drip", path="/instances/start", count=1, real_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        api.post("/instances/start", json={"model_id": "Qwen--Qwen2-7B-Instruct"}, timeout=1)
    assert len(list_statuses(api)) == 1


def test_what_drips_comes_a_byte_at_a_time_and_is_whole(sim: Simulator, api: httpx.Client) -> None:
    instance_id = start(api)
    fault = sim.control.fault("drip", path=f"/instances/{instance_id}", real_seconds=0)
    with api.stream("GET", f"/instances/{instance_id}") as answer:
        sent = b"".join(answer.iter_raw())
    assert json.loads(sent)["instance"]["instance_id"] == instance_id
    assert answer.headers["content-length"] == str(len(sent))
    assert sim.control.faults() == {fault: 1}


def test_an_answer_that_is_lost_does_not_drip(sim: Simulator, api: httpx.Client) -> None:
    sim.control.fault("drip", path="/instances/start", count=1, real_seconds=30)
    sim.control.fault("lost_answer", path="/instances/start", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        post_order(api)
    assert len(list_statuses(api)) == 1
