"""Records golden sets on the real engine: what a user of this tree has on disk, and what the vendor has of it.

`python -m tests.golden.record SET...` in the tree whose sets are wanted; README.md beside this file tells the rest. A
set that is there already is never written again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pulumi_cortecs.simulator import Simulator, running
from tests.engine.pulumi import Stack, kill_session, new_stack

HERE = Path(__file__).parent
JOURNAL = Path("orders", "orders.sqlite3")
_MODEL = "Qwen--Qwen2-7B-Instruct"
_PROGRAM = """\
import pulumi
from pulumi_cortecs import Instance

chat = Instance("chat", model_id="Qwen/Qwen2-7B-Instruct"{arguments})
for name in ("base_url", "status", "hardware_type_id", "quote"):
    pulumi.export(name, getattr(chat, name))
"""
_EVERY_FIELD = """\
import os

import pulumi
from pulumi_cortecs import Instance, Provider

account = Provider(
    "account",
    client_id=os.environ["CORTECS_CLIENT_ID"],
    client_secret=os.environ["CORTECS_CLIENT_SECRET"],
    api_base_url=os.environ["CORTECS_API_BASE_URL"],
)
chat = Instance(
    "chat",
    pulumi.ResourceOptions(provider=account),
    model_id="Qwen/Qwen2-7B-Instruct",
    restart_trigger="1",
    ttl="8h",
    on_timeout="stop",
)
pulumi.export("base_url", chat.base_url)
"""
_AT_MACHINE = frozenset({"sent_at", "answered_at", "closed_at"})
_AT_VENDOR = frozenset({"vendor_time"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
"""How the vendor writes times; the engine's own have more digits, and stay."""

_ELSEWHERE = re.compile(r'project:///(?:\.\./)+[^"]*?(?=(?:site-packages|asyncio|bin|pulumi_cortecs)/)')
"""Where the machine of the recording keeps what the engine calls source positions."""

_LONGEST = 60.0


@dataclass(frozen=True)
class Scene:
    """A stack and its vendor, whose clock goes as the machine's does."""

    stack: Stack
    simulator: Simulator

    def up(self, arguments: str = "") -> None:
        """Runs `up` with a program whose one instance has those further arguments."""
        self.stack.program(_PROGRAM.format(arguments=arguments))
        self.stack.up()

    @contextmanager
    def killed_up(self, arguments: str = "") -> Iterator[subprocess.Popen[str]]:
        """An `up` that is killed with all it has started, at the end of the block; the stack is unlocked then."""
        self.stack.program(_PROGRAM.format(arguments=arguments))
        with self.stack.started("up", "--yes", "--skip-preview") as process:
            yield process
            kill_session(process.pid)
            process.wait(timeout=10)
        self.stack.run("cancel", "--yes")

    @property
    def journal(self) -> Path:
        return self.stack.directory / JOURNAL


def running_one(scene: Scene) -> None:
    """`up`, and nothing else."""
    scene.up()


def stopped_one(scene: Scene) -> None:
    """`up`, and a second one with state="stopped"."""
    scene.up()
    scene.up(', state="stopped"')


def adopted_one(scene: Scene) -> None:
    """`up` with the adopt_id of an instance that somebody else has started."""
    with scene.simulator.client() as api:
        sent = {"model_id": _MODEL, "hardware_type_id": "NVIDIA_L4_2", "num_workers": 2}
        instance_id = api.post("/instances/start", json=sent).raise_for_status().json()["instance"]["instance_id"]
    scene.up(f', adopt_id="{instance_id}"')


def half_a_swap(scene: Scene) -> None:
    """`up`, and a second one with other arguments, killed when the replacement is made and waited for."""
    scene.up()
    scene.simulator.control.settings(boot_seconds=3600)
    with scene.killed_up(", context_length=4096"):
        _until(lambda: len(scene.stack.resources("Instance")) == 2)
        _until(lambda: bool(_pending(scene.stack)))


def order_that_is_known(scene: Scene) -> None:
    """A first `up`, killed between the provider's note of what was bought and the engine's own."""
    control = scene.simulator.control
    control.fault("slow_answer", path="/instances/start", real_seconds=2)
    with scene.killed_up() as process:
        _until(lambda: bool(control.instances()))
        os.kill(process.pid, signal.SIGSTOP)  # the engine alone: the provider goes on, and its answer is not read
        _until(lambda: _progress(scene.journal) == ["bought"])


def order_without_an_answer(scene: Scene) -> None:
    """A first `up`, killed when the vendor has carried the order out and not answered."""
    control = scene.simulator.control
    control.fault("slow_answer", path="/instances/start", real_seconds=20)
    with scene.killed_up():
        _until(lambda: bool(control.instances()))


def every_field(scene: Scene) -> None:
    """`up` of an instance with every optional field of the state, whose order's answer is lost."""
    scene.simulator.control.fault("lost_answer", path="/instances/start", count=1)
    scene.stack.program(_EVERY_FIELD)
    scene.stack.up()


SETS: dict[str, Callable[[Scene], None]] = {
    "running": running_one,
    "stopped": stopped_one,
    "adopted": adopted_one,
    "swap": half_a_swap,
    "order-bought": order_that_is_known,
    "order-sent": order_without_an_answer,
    "every-field": every_field,
}


def record(name: str, pulumi: Path, target: Path) -> None:
    """Records one set. Raises FileExistsError when it is there."""
    with tempfile.TemporaryDirectory() as folder, running(boot=0.3) as simulator:
        directory, home = Path(folder, "stack").resolve(), Path(folder, "home")
        directory.mkdir()
        home.mkdir()
        scene = Scene(new_stack(pulumi, directory, simulator.env(), home), simulator)
        SETS[name](scene)
        target.mkdir()
        _write(scene, target)


def _write(scene: Scene, target: Path) -> None:
    hide = Placeholders.of(scene)
    stack = scene.stack
    files = {
        "disk/project/Pulumi.yaml": (stack.project / "Pulumi.yaml").read_text(),
        # with a name of their own: git ignores the one, and linters are no reason to rewrite the other
        f"disk/project/Pulumi.{stack.name}.yaml.txt": (stack.project / f"Pulumi.{stack.name}.yaml").read_text(),
        "disk/project/__main__.py.txt": (stack.project / "__main__.py").read_text(),
        "disk/state/.pulumi/meta.yaml": (stack.directory / "state" / ".pulumi" / "meta.yaml").read_text(),
        str(Path("disk") / stack.state_file.relative_to(stack.directory)): hide.text(stack.state_file.read_text()),
        "vendor.json": json.dumps(
            [_bought(instance, hide) for instance in scene.simulator.control.instances()], indent=4
        ),
    }
    if scene.journal.exists():  # who has ordered nothing has none
        files[f"disk/{JOURNAL}.sql"] = hide.dump(scene.journal)
    mark = stack.directory / "state" / ".pulumi-cortecs.json"
    if mark.exists():
        files[f"disk/state/{mark.name}"] = hide.text(mark.read_text())
    for path in stack.directory.glob("orders/processes/*"):
        files[f"disk/orders/processes/{path.name}"] = path.read_text()
    for path, content in files.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(content if not content or content.endswith("\n") else f"{content}\n")


def _bought(instance: Any, hide: Placeholders) -> dict[str, Any]:
    status = instance.answer["instance_status"]
    return {
        "instance_id": instance.instance_id,
        "model_id": instance.model_id,
        "hardware_type_id": instance.hardware_type_id,
        "context_length": instance.context_length,
        "billing_interval": instance.billing_interval.value,
        "num_workers": instance.num_workers,
        "age": round(hide.vendor - _moment(status["started_at"]), 3),
        "stopped": status["status"] == "stopped",
    }


@dataclass(frozen=True)
class Placeholders:
    """What stands for things that are of this very recording. Times are told by how long ago they were: `machine` and
    `vendor` are now, by either clock."""

    values: dict[str, str]
    machine: float
    vendor: float

    @classmethod
    def of(cls, scene: Scene) -> Placeholders:
        values = {
            f"file://{platform.node()}{scene.stack.directory}": "file://@HOST@@FOLDER@",
            str(scene.stack.directory): "@FOLDER@",
            f"127.0.0.1:{scene.simulator.port}": "127.0.0.1:@PORT@",
            fingerprint(scene.simulator): "@ACCOUNT@",
        }
        return cls(values, time.time(), scene.simulator.control.clock().now.timestamp())

    def text(self, text: str) -> str:
        """A text with placeholders for everything that is in `values`, and for the vendor's times."""
        for value, name in self.values.items():
            text = text.replace(value, name)
        text = _ELSEWHERE.sub("project:///../", text)
        return _TIME.sub(lambda match: f"@VENDOR_TIME-{self.vendor - _moment(match.group()):.3f}@", text)

    def dump(self, journal: Path) -> str:
        """A journal as SQL. Not sqlite's own dump: that one has no user_version, and 20 digits to a time."""
        with closing(sqlite3.connect(journal)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            schema = [f"{sql};" for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            rows = [line for (table,) in tables for line in self._rows(connection, table)]
        return self.text("\n".join(["PRAGMA journal_mode = WAL;", f"PRAGMA user_version = {version};", *schema, *rows]))

    def _rows(self, connection: sqlite3.Connection, table: str) -> Iterator[str]:
        cursor = connection.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in cursor.description]
        for row in cursor:
            values = ", ".join(self._value(*cell) for cell in zip(columns, row, strict=True))
            yield f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values});"

    def _value(self, column: str, value: object) -> str:
        if value is None:
            return "NULL"
        if column in _AT_MACHINE:
            return f"@MACHINE-{self.machine - float(str(value)):.3f}@"
        if column in _AT_VENDOR:
            return f"@VENDOR-{self.vendor - float(str(value)):.3f}@"
        return str(value) if isinstance(value, (int, float)) else "'" + str(value).replace("'", "''") + "'"


def fingerprint(simulator: Simulator) -> str:
    """How the trees of the sets named the simulator's account, whatever later ones do."""
    return hashlib.sha256(f"{simulator.base_url}\nsim".encode()).hexdigest()[:16]


def _moment(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def _pending(stack: Stack) -> list[Any]:
    latest = json.loads(stack.state_file.read_text())["checkpoint"]["latest"]
    return latest.get("pending_operations") or []


def _progress(journal: Path) -> list[str]:
    with closing(sqlite3.connect(journal)) as connection:
        return [progress for (progress,) in connection.execute("SELECT progress FROM orders")]


def _until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + _LONGEST
    while not happened():
        if time.monotonic() > until:
            raise TimeoutError(f"{_LONGEST:g} s have passed, and what is to be recorded has not happened")
        time.sleep(0.01)


def main() -> int:
    """The exit code: 1 when a set was there already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="SET", help=f"{', '.join(SETS)}; all unless given")
    parser.add_argument("--pulumi", type=Path, help="the pulumi CLI; PULUMI_CORTECS_ENGINE unless given")
    parser.add_argument("--into", type=Path, default=HERE, metavar="FOLDER", help="where the sets are written")
    options = parser.parse_args()
    pulumi = options.pulumi or Path(os.environ["PULUMI_CORTECS_ENGINE"])
    for name in options.names or SETS:
        if name not in SETS:
            parser.error(f"set {name!r}: it is {', '.join(SETS)}")
        if (options.into / name).exists():
            print(f"{options.into / name} is there already: sets may be added, none rewritten", file=sys.stderr)
            return 1
        record(name, pulumi, options.into / name)
        print("".join(f"{line}\n" for line in manifest(options.into / name)), end="")
    return 0


def manifest(folder: Path) -> list[str]:
    """The lines that MANIFEST is to have for a set, as `sha256sum` writes them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder.parent)}" for path in files]


if __name__ == "__main__":
    raise SystemExit(main())
