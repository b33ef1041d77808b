"""What earlier trees have left on a user's disk: this one refreshes, previews, settles and destroys it.

README.md beside this file tells where the sets are from. These tests know the files of the sets, the `pulumi` CLI and
the simulator, and nothing else of the package.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.engine.pulumi import Stack
from tests.golden.record import fingerprint

MakeStack = Callable[[Mapping[str, str]], Stack]
HERE = Path(__file__).parent
SETS = sorted(path.parent.name for path in HERE.glob("*/vendor.json"))
SETTLED = ("adopted", "every-field", "running", "stopped")
ORDERS = ("order-bought", "order-sent")
ORDER = "POST /api/v1/instances/start"
_TIME = re.compile(r"@(MACHINE|VENDOR|VENDOR_TIME)-([0-9.]+)@")


@dataclass(frozen=True)
class Golden:
    """A set, put on this machine's disk and into a simulator. `ids` are those of its instances, oldest first."""

    stack: Stack
    simulator: Simulator
    ids: tuple[str, ...]

    def there(self) -> list[str]:
        """The ids of what the vendor has."""
        return [instance.instance_id for instance in self.simulator.control.instances()]

    def bought(self) -> int:
        """How many orders the vendor has got from this tree."""
        return self.simulator.control.requests().count(ORDER)

    def destroy(self) -> None:
        """Destroys the stack: nothing is left, neither in the state nor at the vendor, nor on a bill."""
        self.stack.destroy()
        assert (self.stack.resources(), self.there()) == ([], [])
        assert self.simulator.control.ledger().open == ()


@pytest.fixture
def golden(make_stack: MakeStack) -> Iterator[Callable[[str], Golden]]:
    """Puts a set in place."""
    with running(boot=0.1) as simulator:

        def put(name: str) -> Golden:
            stack = make_stack(simulator.env())
            with _standing(simulator) as now:
                for file in _files(HERE / name / "disk"):
                    _place(file, file.relative_to(HERE / name / "disk"), stack, _filled(file, stack, simulator, now))
                each_given = json.loads((HERE / name / "vendor.json").read_text())
                ids = tuple(simulator.control.put(**arguments).instance_id for arguments in each_given)
            return Golden(stack, simulator, ids)

        yield put


def test_no_set_was_rewritten() -> None:
    lines = [line.split("  ", 1) for line in (HERE / "MANIFEST").read_text().splitlines()]
    recorded = {path: digest for digest, path in lines}
    digests = {
        str(file.relative_to(HERE)): hashlib.sha256(file.read_bytes()).hexdigest()
        for name in SETS
        for file in _files(HERE / name)
    }
    assert digests == recorded, (
        "sets may be added (with their lines in MANIFEST), none rewritten: users have these files"
    )


@pytest.mark.engine
@pytest.mark.parametrize("name", SETTLED)
def test_a_settled_stack_is_quiet_until_it_is_destroyed(golden: Callable[[str], Golden], name: str) -> None:
    scene = golden(name)
    scene.stack.preview("--refresh", "--expect-no-changes")
    assert scene.there() == list(scene.ids)
    scene.destroy()


@pytest.mark.engine
def test_a_swap_is_finished_by_the_next_up(golden: Callable[[str], Golden]) -> None:
    scene = golden("swap")
    old, new = scene.ids
    scene.stack.up()
    assert (scene.stack.instance_ids(), scene.there(), scene.bought()) == ({new}, [new], 0)
    assert scene.stack.outputs()["base_url"].endswith(f"/serve/{new}/v1")
    assert [entry.instance_id for entry in scene.simulator.control.ledger().open] == [new]
    scene.stack.preview("--refresh", "--expect-no-changes")
    scene.destroy()
    assert scene.simulator.control.ledger().of(old)


@pytest.mark.engine
def test_half_a_swap_can_be_destroyed(golden: Callable[[str], Golden]) -> None:
    golden("swap").destroy()


@pytest.mark.engine
@pytest.mark.parametrize("name", ORDERS)
def test_an_open_order_is_settled_by_the_next_up_without_a_second_purchase(
    golden: Callable[[str], Golden], name: str
) -> None:
    scene = golden(name)
    (bought,) = scene.ids
    assert scene.stack.resources("Instance") == []
    scene.stack.up()
    assert (scene.stack.instance_ids(), scene.there(), scene.bought()) == ({bought}, [bought], 0)
    for urn, names in _names(_rows("running")).items():  # the same program, and what d829b33 has made of it
        assert names <= _names(scene.stack.resources())[urn], "a name that users' states have is no more"
    scene.stack.preview("--refresh", "--expect-no-changes")
    scene.destroy()


@contextmanager
def _standing(simulator: Simulator) -> Iterator[float]:
    """The vendor's time, which stands still meanwhile."""
    now = simulator.control.pause().now.timestamp()
    yield now
    simulator.control.resume()


def _place(file: Path, path: Path, stack: Stack, content: str) -> None:
    target = stack.directory / path.with_suffix("") if path.suffix in (".txt", ".sql") else stack.directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".sql":
        target.write_text(content)
        return
    with closing(sqlite3.connect(target)) as connection:
        connection.executescript(content)


def _filled(file: Path, stack: Stack, simulator: Simulator, vendor: float) -> str:
    machine = time.time()

    def at(match: re.Match[str]) -> str:
        clock, ago = match.groups()
        if clock == "VENDOR_TIME":
            moment = datetime.fromtimestamp(vendor - float(ago), timezone.utc)
            return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return repr((machine if clock == "MACHINE" else vendor) - float(ago))

    values = {
        "HOST": platform.node(),
        "FOLDER": str(stack.directory.resolve()),
        "PORT": simulator.port,
        "ACCOUNT": fingerprint(simulator),
    }
    text = file.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return _TIME.sub(at, text)


def _rows(name: str) -> list[dict[str, Any]]:
    """The rows of a set's state."""
    (checkpoint,) = (HERE / name / "disk" / "state").rglob("stacks/*/*.json")
    rows: list[dict[str, Any]] = json.loads(checkpoint.read_text())["checkpoint"]["latest"]["resources"]
    return rows


def _names(rows: list[dict[str, Any]]) -> dict[str, set[tuple[str, ...]]]:
    """The names of everything in the inputs and outputs of each row, by its URN."""
    return {row["urn"]: set(_paths({part: row.get(part, {}) for part in ("inputs", "outputs")})) for row in rows}


def _paths(value: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*above, name)
            yield from _paths(inner, (*above, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, above)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
