"""Host processes that are forked instead of started: each begins with Pulumi's packages and ours imported, which is
four fifths of what a start costs (0.1 instead of 0.5 s of processor time, with a purchase). Imports and nothing else
have run by then. Hosts of which the imports matter are started, and so is everything that the engine starts.

Run as a script it is the process that is forked from, on one end of a socket that the tests hold the other end of.
"""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import IO, Any

_MOST = 1 << 20
_LONGEST_FORK = 30.0


class Forked:
    """A forked host, as far as it is used like a `subprocess.Popen`. Its exit code is not known."""

    def __init__(self, pid: int, stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdout = stdout
        self._end = os.pidfd_open(pid)

    def __del__(self) -> None:
        os.close(self._end)

    def poll(self) -> int | None:
        """None while it lives."""
        return -1 if select.select([self._end], [], [], 0)[0] else None

    def wait(self, timeout: float) -> int:
        """Returns when it has ended. Raises subprocess.TimeoutExpired."""
        if not select.select([self._end], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked host", timeout)
        return -1

    def kill(self) -> None:
        """Kills it, if it lives."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._end, signal.SIGKILL)


class Template:
    """The process that hosts are forked from. Threads may share it; it ends with the process that has started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_LONGEST_FORK)
        with theirs:
            environment = {**os.environ, "PYTHONHASHSEED": "0"}
            command = [sys.executable, "-u", __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], cwd="/")

    def forked(self, code: str, engine: str, environment: Mapping[str, str], stderr: IO[bytes]) -> Forked:
        """A new process in a session of its own that runs this Python, as `python -u -c CODE ENGINE` would."""
        reading, writing = os.pipe()
        try:
            message = json.dumps([code, engine, dict(environment), os.getcwd()]).encode()
            descriptors = array.array("i", [writing, stderr.fileno()])
            with self._lock:
                self._socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
                pid = int(self._socket.recv(32))
        finally:
            os.close(writing)
        return Forked(pid, os.fdopen(reading, "rb"))


def main(server: socket.socket) -> None:
    """Forks a host for each message, and returns in the host; ends with whoever holds the other end."""
    import dill  # noqa: F401
    import grpc  # noqa: F401
    import httpx  # noqa: F401
    import pydantic  # noqa: F401
    import stamina  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits for them
    while True:
        message, control, _, _ = server.recvmsg(_MOST, socket.CMSG_SPACE(8))
        if not message:
            os._exit(0)
        descriptors = array.array("i", control[0][2])
        pid = os.fork()
        if pid == 0:
            server.close()
            _become(*json.loads(message), *descriptors)
            return
        for each in descriptors:
            os.close(each)
        server.send(str(pid).encode())


def _become(code: str, engine: str, environment: dict[str, str], folder: str, stdout: int, stderr: int) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv, sys.path[0] = ["-c", engine], ""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    globals()["RUN"] = lambda: exec(compile(code, "<string>", "exec"), namespace)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
    RUN()  # type: ignore[name-defined] # noqa: F821
