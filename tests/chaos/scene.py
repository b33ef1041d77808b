"""One stack against one simulator, as a round acts on it: commands, faults, locks, and the books after each command."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pulumi_cortecs.simulator import Control
from tests.chaos.books import Arguments, Auditor, Books, Finding, Kind
from tests.chaos.clouds import CORTECS, ChaosCloud
from tests.chaos.plan import Fault
from tests.chaos.program import Program
from tests.chaos.simulated import SimulatorProcess, running_simulator
from tests.engine.packages import quick
from tests.engine.pulumi import Stack, kill_session, new_stack, session_processes
from tests.engine.vault import key_service

BROKEN: Final = Path(__file__).with_name("broken")
LONGEST_COMMAND: Final = 90.0
_LONGEST_UNDOING: Final = 60.0
_HALF_A_FILE: Final = "failed to load checkpoint: EOF"
_REFRESH_ALWAYS: Final = "name: tests\nruntime: python\noptions:\n  refresh: always\n"
_A_LOOK: Final = 0.02
_LOOKS_AT_STATE: Final = 20
_ORPHANS: Final = (sys.executable, "-m", "pulumi_cortecs.cli", "orphans")


@dataclass(frozen=True)
class Ended:
    """The end of a command: `code` is None if it hung and was killed."""

    code: int | None
    text: str
    seconds: float


class Running:
    """A command while it runs; it is the leader of a session and a process group, as in a terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._began_at = time.monotonic()
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def runs(self) -> bool:
        """Returns whether the command still runs."""
        return self.process.poll() is None

    def interrupt(self) -> None:
        """^C, as a terminal sends it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL for the CLI alone; its children live on."""
        self.process.send_signal(signal.SIGKILL)

    def kill_all(self) -> None:
        """SIGKILL for everything it has started, too."""
        kill_session(self.process.pid)

    def providers(self) -> list[int]:
        """The dynamic provider's processes."""
        return [pid for pid in session_processes(self.process.pid) if _is_provider(pid)]

    def kill_provider(self) -> bool:
        """SIGKILL for the dynamic provider; False if none runs."""
        pids = self.providers()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def wait(self, condition: Callable[[], bool], limit: float = LONGEST_COMMAND) -> bool:
        """Polls the condition while the command runs; returns whether it came true."""
        until = time.monotonic() + limit
        while self.runs and time.monotonic() < until:
            if condition():
                return True
            time.sleep(_A_LOOK)
        return False

    def end(self, limit: float = LONGEST_COMMAND) -> Ended:
        """Waits for its end, and kills it when that does not come."""
        code: int | None
        try:
            code = self.process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            self.kill_all()
            code = None
        # what it has started may outlive it, and hold the pipe open
        self._reader.join(timeout=0.5)
        return Ended(code, "".join(self._lines), time.monotonic() - self._began_at)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):  # closed at the end of the scene
            for line in self.process.stdout:
                self._lines.append(line)


@dataclass
class Scene:
    """The stack and the simulator of a round. `commands` counts the commands that were run, `halves` the half files
    that a kill has left beside the state; `findings` are the errors."""

    stack: Stack
    simulator: SimulatorProcess
    tell: Callable[[str], None]
    cloud: ChaosCloud = CORTECS
    auditor: Auditor = field(default_factory=Auditor)
    findings: set[Finding] = field(default_factory=set)
    commands: int = 0
    halves: int = 0
    two_clocks: bool = False
    last: Ended | None = None
    _open: ExitStack = field(default_factory=ExitStack)
    _older: list[Running] = field(default_factory=list)

    @property
    def control(self) -> Control:
        """The control of the simulator."""
        return self.simulator.control

    @property
    def journal(self) -> Path:
        """The directory of the provider's journal."""
        return Path(self.stack.environment["PULUMI_CORTECS_STATE_DIR"])

    def program(self, program: Program) -> None:
        """Set the user's program."""
        self.stack.program(self.cloud.source(program))

    def refresh_always(self) -> None:
        """The project refreshes before each `up`, as ours do."""
        (self.stack.project / "Pulumi.yaml").write_text(_REFRESH_ALWAYS)

    def begin(self, *arguments: str) -> Running:
        """Starts a command; all its processes are killed at the end of the scene, if not before."""
        self.commands += 1
        options = () if arguments[0] == "cancel" else ("--skip-preview",)
        running = Running(self._open.enter_context(self.stack.started(*arguments, "--yes", *options)))
        self._older.append(running)
        return running

    def run(self, *arguments: str) -> Ended:
        """Runs a command to its end, and checks the books afterwards."""
        return self.ended(self.begin(*arguments), " ".join(arguments))

    def ended(self, running: Running, name: str, limit: float = LONGEST_COMMAND) -> Ended:
        """The end of a command that was begun."""
        self.last = ended = running.end(limit)
        if ended.code is None:
            self.findings.add(Finding(Kind.HUNG))
        self.findings |= self.auditor.note(self.books())
        self.tell(f"{name}: exit code {ended.code} after {ended.seconds:.1f} s")
        if ended.code != 0:
            self.tell(ended.text)
        return ended

    def unlock(self) -> None:
        """Follows docs/recovery.md after a killed command that has left half a file, or its lock."""
        if self.last is not None and _HALF_A_FILE in self.last.text:
            self.stack.state_file.with_name(f"{self.stack.state_file.name}.attrs").unlink(missing_ok=True)
            self.halves += 1
        if not self.stack.is_in_a_folder:  # other backends do not show whether there is a lock
            if self.last is not None and self.last.code != 0:
                self.run("cancel")
            return
        locks = self.stack.directory / "state" / ".pulumi" / "locks"
        if any(path.is_file() for path in locks.rglob("*")):
            self.run("cancel")

    def forget(self) -> None:
        """Removes the journal, and every process that might still write to it."""
        for running in self._older:
            running.kill_all()
        shutil.rmtree(self.journal, ignore_errors=True)

    def let_the_old_ones_end(self) -> None:
        """Waits for the providers of commands that were killed: they may be undoing what was bought."""
        until = time.monotonic() + _LONGEST_UNDOING
        while any(_has_our_code(pid) for running in self._older if not running.runs for pid in running.providers()):
            if time.monotonic() > until:
                self.findings.add(Finding(Kind.HUNG))
                for running in self._older:
                    running.kill_all()
                return
            time.sleep(0.1)

    def put_in_force(self, faults: Iterable[Fault], probability: float) -> None:
        """Puts exactly these faults in force, each with this probability."""
        self.control.clear_faults()
        if probability:
            for fault in faults:
                parameters: dict[str, Any] = dict(fault.parameters)
                self.control.fault(fault.kind, probability=probability, **parameters)

    def let_the_vendor_finish(self) -> None:
        """Lets everything that is due at the vendor happen; stops boots that are stuck for ever in its console."""
        self.control.resume()
        self.control.advance(600)
        for instance in self.control.instances():
            if self.cloud.is_stuck(instance):
                self.control.stop(instance.instance_id)

    def books(self) -> Books:
        """Both sides as they are."""
        instances = {
            instance.instance_id: self.cloud.ordered(instance)
            for instance in self.control.instances()
            if self.cloud.exists(instance)
        }
        return Books(
            alive={**instances, **self.volumes()},
            rows=tuple(self._recorded()),
            billed=frozenset(entry.instance_id for entry in self.control.ledger().open),
        )

    def running_ids(self) -> set[str]:
        """The ids of what can be taken over as it is."""
        instances = [instance for instance in self.control.instances() if self.cloud.exists(instance)]
        return {instance.instance_id for instance in instances if instance.status not in ("stopped", "DISABLED")}

    def volumes(self) -> Mapping[str, Arguments]:
        """The arguments of the volumes that exist, by id."""
        return self.cloud.volumes.existing(self.control) if self.cloud.volumes else {}

    def rows(self) -> list[dict[str, Any]]:
        """The state's rows."""
        for _ in range(_LOOKS_AT_STATE):
            with suppress(ValueError):  # half written, by an engine that still runs
                return self.stack.resources()
            time.sleep(_A_LOOK)
        return self.stack.resources()

    def _recorded(self) -> Iterator[tuple[str, Arguments]]:
        """The id and the arguments of each row that costs money."""
        for row in self.rows():
            if row["type"] == self.cloud.case.token:
                yield str(row["id"]), self.cloud.recorded(row["outputs"])
            elif row["type"].endswith(":Volume") and self.cloud.volumes:
                yield str(row["id"]), self.cloud.volumes.recorded(row["outputs"])

    def delete_orphans(self) -> bool:
        """Runs `pulumi-cortecs orphans --delete --yes` when nothing is young any more; returns whether it succeeded."""
        return self.orphans("--stack", self.stack.name, "--delete", "--volumes", "--yes")

    def delete_orphan(self, purchase_id: str) -> bool:
        """The same for a single one, as a refusal names it."""
        return self.orphans("--all-stacks", "--delete", purchase_id, "--volumes", "--yes")

    def clear_pending(self) -> bool:
        """Runs `pulumi refresh --clear-pending-creates`; returns whether it succeeded."""
        return self.run("refresh", "--clear-pending-creates").code == 0

    def orphans(self, *arguments: str) -> bool:
        """Runs `pulumi-cortecs orphans` when nothing is young any more; returns whether it succeeded."""
        self.commands += 1
        self.control.advance(600)
        # two clocks that are apart keep what there is young for ever, and volumes have no age
        keeps_young = self.two_clocks or self.volumes()
        young = ("--include-young",) if keeps_young and "--delete" in arguments else ()
        done = subprocess.run(
            [*_ORPHANS, "--cloud", self.cloud.name, *arguments, *young],
            cwd=self.stack.project,
            env=self.stack.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND,
            check=False,
        )
        self.tell(f"orphans {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.returncode == 0


@contextmanager
def scene(
    pulumi: Path,
    *,
    seed: int,
    tell: Callable[[str], None],
    cloud: ChaosCloud = CORTECS,
    broken: str = "",
    exclusive: bool = False,
    backend: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Scene]:
    """A new stack against a new simulator. Nothing of it is left afterwards: no file, no process.

    `exclusive`: the machine's owner declares the account exclusive. `broken` names a protection of the
    provider that is switched off (see `broken/sitecustomize.py`); `backend` is the environment that names a state
    backend, which is a folder of the scene's if it names none.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        directory = Path(name)
        (directory / "home").mkdir()
        with running_simulator(directory) as simulator:
            simulator.control.reset(seed=seed)
            modules = [
                *([str(BROKEN)] if broken else []),
                _quick()["PYTHONPATH"],
                *filter(None, [os.environ.get("PYTHONPATH")]),
            ]
            environment = {
                **_quick(),
                **key_service(),
                **simulator.environment,
                "PULUMI_CORTECS_STATE_DIR": str(directory / "journal"),
                "PYTHONPATH": os.pathsep.join(filter(None, modules)),
                "CHAOS_BREAK": broken,
                **backend,
            }
            if exclusive:
                limits = directory / "limits.json"
                limits.write_text(json.dumps({cloud.name: {"account_is_exclusive": True}}))
                environment["PULUMI_CORTECS_LIMITS"] = str(limits)
            stack = new_stack(pulumi, directory, environment, directory / "home")
            acted = Scene(stack, simulator, tell, cloud)
            with acted._open:
                yield acted


@cache
def _quick() -> dict[str, str]:
    directory = tempfile.mkdtemp(prefix="chaos-packages-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return quick(Path(directory))


def _is_provider(pid: int) -> bool:
    try:
        return b"pulumi.dynamic" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _has_our_code(pid: int) -> bool:
    """Returns whether a process has loaded our code: without it, the process buys nothing and does not know that it
    should end."""
    try:
        return "pydantic" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False
