"""The pages under docs/apis: what code rests on is a heading of theirs, and their tables have the names of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pulumi_cortecs.cortecs import client as cortecs
from pulumi_cortecs.cortecs.cloud import STATUSES
from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator import SimulatorSettings
from pulumi_cortecs.simulator.cortecs import SimulatedCortecs, cortecs_router, serializers
from pulumi_cortecs.simulator.cortecs.instances import NUM_STEPS, Status
from pulumi_cortecs.simulator.cortecs.orders import DEFAULT_CONTEXT, DEFAULT_INTERVAL, WORKERS, StartOrder
from pulumi_cortecs.simulator.world import World
from tests.engine.documented import anchors

ROOT = Path(__file__).parents[2]
APIS = ROOT / "docs" / "apis"
PAGE = (APIS / "cortecs.md").read_text(encoding="utf-8")


def pointers() -> Iterator[tuple[str, str, str]]:
    """File, page and anchor ("" for none) of whatever points to a page: `apis/cortecs.md#states`, `*.md` for each."""
    folders = [
        ROOT / name for name in ("pulumi_cortecs", "policies", "tests", "docs", "examples", "benchmarks", "tools")
    ]
    files = [*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.*"))]
    for file in files:
        if file.suffix in {".py", ".md", ".yaml"} and file != Path(__file__):
            text = file.read_text(encoding="utf-8")
            for page, anchor in re.findall(r"\bapis/([\w*-]+)\.md(?:#([\w-]+))?", text):
                yield str(file.relative_to(ROOT)), page, anchor


def test_what_code_and_pages_point_to_is_there() -> None:
    all_pointers = list(pointers())
    assert {file.split("/")[0] for file, _, _ in all_pointers} >= {"README.md", "docs", "pulumi_cortecs", "tests"}
    for file, page, anchor in all_pointers:
        pages = sorted(APIS.glob(f"{page}.md"))
        assert pages, (file, page)
        for path in pages:
            assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), (file, path.name, anchor)


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by what is in backquotes in their first column."""
    (below,) = re.findall(rf"^#+ {heading}$(.*?)(?=^#|\Z)", PAGE, re.M | re.S)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in below.splitlines() if line[:3] == "| `"]
    return {re.findall(r"`([^`]*)`", name)[0]: cells for name, *cells in rows}


def test_its_routes_are_those_of_the_simulator() -> None:
    router = cortecs_router(SimulatedCortecs(World(origin="http://127.0.0.1:3000", defaults=SimulatorSettings())))
    served: list[Any] = list(router.routes)
    assert {row.rstrip("/") for row in table("Endpoints")} == {
        f"{method} {route.path_format.removeprefix(router.prefix).rstrip('/')}"
        for route in served
        for method in route.methods
    }


def test_its_arguments_are_those_of_the_client_and_of_an_order() -> None:
    rows = table("Arguments")
    assert list(rows) == list(cortecs.ApiInstanceArgs.model_fields) == [field.name for field in fields(StartOrder)]
    assert rows["billing_interval"][2:] == [
        f"`{DEFAULT_INTERVAL.value}`",
        ", ".join(f"`{interval.value}`" for interval in BillingInterval),
    ]
    assert rows["num_workers"][3] == f"{WORKERS[0]} to {WORKERS[-1]}"
    assert str(DEFAULT_CONTEXT) in rows["context_length"][2]


def test_its_statuses_are_those_of_the_simulator_and_of_the_life_cycle() -> None:
    listed = re.findall(r"`(\w+)`", table("Status")["status"][1])
    assert listed == [status.value for status in Status] == list(STATUSES)
    assert f"num_steps: {NUM_STEPS}" in table("Instance")["worker_statuses"][1]


def test_its_objects_have_the_fields_that_are_read_and_served() -> None:
    cloud = SimulatedCortecs(World(origin="http://127.0.0.1:3000", defaults=SimulatorSettings()))
    model = cloud.market.models["Qwen--Qwen2-7B-Instruct"]
    instance = cloud.start("sim", StartOrder(model.model_id))
    shown = serializers.instance_json(instance, datetime.now(timezone.utc), "http://127.0.0.1:3000")
    assert set(table("Instance")) == set(shown) == set(cortecs.ApiInstance.model_fields)
    assert set(table("Arguments")) == set(shown["instance_args"])
    assert set(table("Status")) == set(shown["instance_status"])
    # the progress is read from the workers, of which it is the first one's
    assert set(table("Status")) - {"init_progress"} == set(cortecs.ApiInstanceStatus.model_fields)
    assert set(table("Hardware")) == set(serializers.hardware_json(next(iter(cloud.market.offers.values()))))
    assert set(table("Models")) == set(serializers.model_json(model))
    assert set(table("Models")) >= set(cortecs.ApiModelPreview.model_fields) | set(cortecs.ApiModel.model_fields)
