"""The simulator as a process of its own that can be killed, and goes on from its state file at the same port."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from pulumi_cortecs.simulator import Control
from pulumi_cortecs.simulator.embedded import environment
from tests.preloaded import Child, python

SPEED: Final = 60.0
BOOT: Final = 18.0
"""Virtual seconds: three tenths of a real one."""
_LONGEST_START: Final = 60.0


class SimulatorProcess:
    """A simulator process; `control` is its control client, a new one after each start."""

    control: Control

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = 0
        self._process: Child | subprocess.Popen[bytes] | None = None
        self._open = ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """The environment that points providers at this simulator."""
        return environment(self._port)

    def start(self) -> None:
        """Starts it, or starts it again after a kill; it listens when this returns."""
        port_file = self._directory / "port"
        port_file.unlink(missing_ok=True)
        command = ["-m", "pulumi_cortecs.cli", "simulator", "--quiet", "--port", str(self._port)]
        command += ["--state", str(self._directory / "simulator.db"), "--port-file", str(port_file)]
        command += ["--parent-pid", str(os.getpid())]
        if self._process is None:
            command += ["--speed", str(SPEED), "--boot", str(BOOT)]
        with (self._directory / "simulator.log").open("ab") as log:
            self._process = python(command, log.fileno(), log.fileno())
        until = time.monotonic() + _LONGEST_START
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the simulator does not start: {(self._directory / 'simulator.log').read_text()}")
            time.sleep(0.01)
        self._port = int(port_file.read_text())
        self.control = self._open.enter_context(Control(f"http://127.0.0.1:{self._port}"))

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)
        self._open.close()


@contextmanager
def running_simulator(directory: Path) -> Iterator[SimulatorProcess]:
    """A simulator that is running, with everything it keeps in that directory."""
    simulator = SimulatorProcess(directory)
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.kill()
