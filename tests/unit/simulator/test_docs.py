"""`docs/simulator.md` and the code say the same, and what it shows for a shell works."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer.main
from fastapi import APIRouter

from pulumi_cortecs import cli
from pulumi_cortecs.simulator import FaultKind, SimulatorSettings, faults, running
from pulumi_cortecs.simulator.api_error import ErrorBody
from pulumi_cortecs.simulator.control import FaultRequest, SettingsRequest, control_router
from pulumi_cortecs.simulator.corruption import WrongShape
from pulumi_cortecs.simulator.cortecs import SimulatedCortecs, cortecs_control_router, cortecs_router
from pulumi_cortecs.simulator.faults import PARAMETERS, ReusedId
from pulumi_cortecs.simulator.gcore import SimulatedGcore, gcore_control_router, gcore_router
from pulumi_cortecs.simulator.openai_api import openai_router
from pulumi_cortecs.simulator.shadeform import SimulatedShadeform, shadeform_control_router, shadeform_router
from pulumi_cortecs.simulator.world import World

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def rows(text: str, header: str) -> list[list[str]]:
    """The rows of the tables below a header line, as cells."""
    table_rows, inside = [], False
    for line in text.splitlines():
        inside = line.startswith("|") and (inside or line.startswith(header))
        if inside and not line.startswith((header, "|---")):
            table_rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table_rows


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def shell() -> str:
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S))


def test_the_tables_of_faults_are_one() -> None:
    header = "| kind |"
    assert rows(PAGE, header) == rows(inspect.getdoc(faults) or "", header)
    assert len(rows(PAGE, header)) == len(FaultKind)


def test_the_table_has_exactly_the_kinds_and_their_parameters() -> None:
    listed = {
        quoted(kind)[0]: dict(re.findall(r"`(\w+)` ([^,]+)", parameters))
        for kind, _, _, parameters in rows(PAGE, "| kind |")
    }
    expected = {
        kind.value: {
            name: value if isinstance(value, str) and value else json.dumps(value)
            for name, value in PARAMETERS[kind].items()
        }
        for kind in FaultKind
    }
    assert listed == expected


def test_every_parameter_can_be_sent_and_no_other() -> None:
    own = {name for parameters in PARAMETERS.values() for name in parameters}
    assert set(FaultRequest.model_fields) - {"kind", "probability", "count", "match"} == own


def test_every_wrong_shape_is_described() -> None:
    (what,) = (what for kind, _, what, _ in rows(PAGE, "| kind |") if quoted(kind) == ["wrong_shape"])
    assert set(quoted(what)) == {shape.value for shape in WrongShape}


@pytest.mark.parametrize(("kind", "words"), [("server_error", ErrorBody), ("reused_id", ReusedId)])
def test_every_word_that_a_parameter_may_be_is_described(kind: str, words: type[Enum]) -> None:
    (what,) = (what for name, _, what, _ in rows(PAGE, "| kind |") if quoted(name) == [kind])
    assert {word.value for word in words} <= set(quoted(what))


def test_the_table_has_exactly_the_knobs_and_their_defaults() -> None:
    listed = {quoted(name)[0]: default for name, default, _ in rows(PAGE, "| knob |")}
    plain = {
        name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(SimulatorSettings()).items()
    }
    assert listed == {name: json.dumps(value) for name, value in plain.items()}
    assert set(SettingsRequest.model_fields) == set(plain)


def routers() -> Iterable[APIRouter]:
    world = World(origin="http://127.0.0.1:3000", defaults=SimulatorSettings())
    cloud, shadeform, gcore = SimulatedCortecs(world), SimulatedShadeform(world), SimulatedGcore(world)
    return (
        cortecs_router(cloud),
        openai_router(world, cloud.find_served_model),
        control_router(world),
        cortecs_control_router(cloud),
        shadeform_router(shadeform),
        shadeform_control_router(shadeform),
        gcore_router(gcore),
        gcore_control_router(gcore),
    )


def routes() -> set[str]:
    return {
        f"{method} {route.path_format.rstrip('/')}"
        for router in routers()
        for route in router.routes
        for method in route.methods
    }


def test_the_tables_have_exactly_the_routes() -> None:
    listed = [quoted(route)[0] for route, *_ in rows(PAGE, "| route |")]
    assert len(listed) == len(set(listed))
    assert set(listed) == routes()


def test_the_table_has_exactly_the_options() -> None:
    command = typer.main.get_command(cli.app).commands["simulator"]  # type: ignore[attr-defined]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {quoted(option)[0] for option, *_ in rows(PAGE, "| option |")} == options
    used = {word for line in PAGE.splitlines() if line.startswith("pulumi-cortecs ") for word in line.split()}
    assert {word for word in used if word.startswith("--")} <= options


def requests_shown() -> Iterator[tuple[str, str, Any]]:
    """Method, path and body of every curl on the page."""
    for line in shell().splitlines():
        start = line.find("curl ")
        if start < 0:
            continue
        words = shlex.split(line[start:].rstrip(" |"))[1:]
        options = dict(pairwise(words))
        (url,) = (word for word in words if word.startswith("$SIM/"))
        body = json.loads(options["--json"]) if "--json" in options else None
        yield options.get("-X", "GET" if body is None else "POST"), url.removeprefix("$SIM"), body


def test_every_request_shown_has_a_route() -> None:
    shown = list(requests_shown())
    assert len(shown) > 20
    for method, path, _ in shown:
        fits = [route for route in routes() if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), f"{method} {path}")]
        assert fits, (method, path)


def test_every_fault_shown_is_taken() -> None:
    with running() as sim:
        bodies = [body for method, path, body in requests_shown() if (method, path) == ("POST", "/_sim/faults")]
        for body in bodies:
            sim.control.fault(**{"kind": body.pop("kind"), **body.pop("match", {}), **body})
        assert len(sim.control.faults()) == len(bodies) > 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_what_is_shown_for_a_shell_works() -> None:
    lines = [line for line in shell().splitlines() if not line.startswith("pulumi-cortecs ")]
    with running() as sim:
        script = (
            "\n".join(lines)
            .replace("http://127.0.0.1:3000", sim.url)
            .replace("curl -s", "curl -sS --fail-with-body --noproxy '*'")
        )
        done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert '"status":"pending"' in done.stdout
        assert sim.control.requests().refused == {}
