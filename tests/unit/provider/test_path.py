"""The path of a purchase from the engine's call to the vendor is short, and never calls up into a higher room.

`pytest -s` prints it.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import httpx
import pytest

import pulumi_cortecs
from pulumi_cortecs import _abi
from pulumi_cortecs.http import api_client
from pulumi_cortecs.lifecycle.stack_state import StateUnreadableError
from pulumi_cortecs.provider import session
from pulumi_cortecs.simulator import Simulator

PACKAGE = Path(pulumi_cortecs.__file__).parent
ROOMS = (
    {"cli", "testing"},
    {"stacks"},
    {"resources"},
    {"_abi.py", "provider"},
    {"lifecycle"},
    {"cortecs"},
    {"http"},
    {"cost"},
)
"""From the top down. The life cycle calls a cloud as its contract, lifecycle/cloud.py, so a cloud is below it there."""
CLOUD = 5
MOST_FILES = 8
START = "/instances/start"
URN = "urn:pulumi:test::tests::pulumi-python:dynamic/cortecs:Instance::chat"


@dataclass
class Request:
    """The part of the engine's request that the provider reads."""

    urn: str = URN


class Context:
    """The part of a grpc.ServicerContext that the provider uses."""

    def is_active(self) -> bool:
        return True

    def set_trailing_metadata(self, metadata: object) -> None:
        raise AssertionError(f"the call failed: {metadata!r}")


def Create(request: Request, context: Context, inputs: Mapping[str, Any]) -> None:
    """The gRPC method of a host, whose frame the provider looks for."""
    _abi.load("cortecs.Instance").create(dict(inputs))


def files_at_the_post(inputs: Mapping[str, Any]) -> list[str]:
    """The package's files that are on the stack when the order leaves, from the engine's call down."""
    names: list[str] = []

    def profile(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_code is not httpx.Client.send.__code__ or names:
            return
        if not frame.f_locals["request"].url.path.endswith(START):
            return
        above: FrameType | None = frame
        while above is not None:
            file = Path(above.f_code.co_filename)
            if file.is_relative_to(PACKAGE):
                names.append(file.relative_to(PACKAGE).as_posix())
            above = above.f_back
        names.reverse()

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        Create(Request(), Context(), inputs)
    finally:
        sys.setprofile(before)
    return names


def room(file: str) -> int:
    """The number of a file's room, counted from the top."""
    return next(number for number, names in enumerate(ROOMS) if file.split("/")[0] in names)


@pytest.fixture
def inputs(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Any]]:
    """The inputs after a check of a program's arguments, in a process that has just begun."""
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "CORTECS_"))]:
        monkeypatch.delenv(name)
    ours = {"STATE_DIR": str(tmp_path), "LIST_LAG": "0.1"}
    named = {f"PULUMI_CORTECS_{name}": value for name, value in ours.items()}
    for name, value in {**simulator.env(), **named, "PULUMI_BACKEND_URL": "file:///nowhere"}.items():
        monkeypatch.setenv(name, value)
    before = session.current()
    session.activate(session.Session())
    yield _abi.load("cortecs.Instance").check({}, {"model_id": "Qwen/Qwen2-7B-Instruct"}).inputs
    session.current().journal.close()
    api_client.shared_client().close()
    api_client.shared_client.cache_clear()
    session.activate(before)


def test_the_path_from_create_to_the_post_is_short_and_only_goes_down(inputs: Mapping[str, Any]) -> None:
    stack = files_at_the_post(inputs)
    files = list(dict.fromkeys(stack))
    path = "\n  ".join(["from the engine's create to the POST:", *files])
    print(path)
    assert files, "no order has left"
    up = [f"{one} -> {other}" for one, other in itertools.pairwise(stack) if room(other) < room(one)]
    assert up == [], path
    assert len(files) <= MOST_FILES, path


def test_a_creation_has_the_state_read_beside_the_market_and_before_the_list(
    inputs: Mapping[str, Any], simulator: Simulator
) -> None:
    works, lists_before = list[Callable[[], object]](), list[int]()

    def stack_of(urn: str, not_before: float) -> None:
        lists_before.append(simulator.control.requests().count("GET /api/v1/instances"))
        raise StateUnreadableError("no state")

    session.current().in_background = works.append
    vars(session.current())["states"] = SimpleNamespace(stack_of=stack_of)
    assert files_at_the_post(inputs)
    # the older the list, the more of what others buy meanwhile may be taken for the instance of a lost answer
    assert lists_before == [0]
    (work,) = works
    with pytest.raises(StateUnreadableError):
        work()
    assert len(lists_before) == 2


def test_a_call_up_is_seen() -> None:
    assert room("lifecycle/purchases.py") > room("provider/instance.py") > room("cli/orphans.py")
    assert room("http/api_client.py") > room("cortecs/cloud.py") == CLOUD
