"""Moments of Gcore's life cycle that rounds have met by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clouds.case import Json
from tests.clouds.gcore import GCORE
from tests.stateful.playing import theatre_in
from tests.stateful.scene import Scene, Theatre


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    """The theatre of a cloud with names."""
    with theatre_in(tmp_path, case=GCORE) as made:
        yield made


def test_a_network_that_fails_after_the_price_was_asked_for_buys_nothing(theatre: Theatre) -> None:
    scene = Scene(theatre, 0)
    stack = scene.stack("stack")
    stack.program = {"a": GCORE.programs[0]}
    answered = scene.cloud.answered

    def answers_once(method: str, path: str, headers: Mapping[str, str], body: Json) -> Json:
        scene.wire.unreachable = float(path.startswith("/v2/pricing"))
        return answered(method, path, headers, body)

    scene.cloud.answered = answers_once  # type: ignore[method-assign]
    assert not scene.command(stack, "up")
    assert "its price could not be asked for" in scene.errors[0]
    scene.cloud.answered = answered  # type: ignore[method-assign]
    scene.quiet()
    assert scene.command(stack, "up")
    assert (scene.findings, len(scene.alive())) == ([], 1)
    scene.close()
