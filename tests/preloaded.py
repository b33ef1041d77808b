"""Python processes that are forked instead of started. Each begins with Pulumi's packages and ours imported, which is
most of what its start costs; imports and nothing else have run by then.

`Preloaded` starts the process that others are forked from: this file, run as a script, which is asked for a child over
a Unix socket. Each request has a connection of its own: the answer is the pid, and the wait status when the child
has ended; a byte that the other side sends is a signal for the child, and when the other side is gone the child is
killed. So a process can stand for a child of its, as tests/engine/packages.py does with what the engine starts.
"""

from __future__ import annotations

import array
import atexit
import builtins
import gc
import importlib
import marshal
import os
import runpy
import secrets
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn, TextIO

_LONGEST_FORK = 30.0
_MOST = 1 << 17
"""Bytes of one request."""

IS_POSSIBLE = sys.platform == "linux"

_IMPORTED = (
    *("dill", "encodings.idna", "httpx", "pulumi.dynamic", "pydantic", "stamina"),
    # what gRPC imports when the first server and the first channel are made
    *("grpc", "grpc._channel", "grpc._interceptor", "grpc._server", "grpc._simple_stubs", "grpc.experimental"),
    # what a host imports with the first check and the first request
    *("pulumi_cortecs.provider.endpoint", "pulumi_cortecs.provider.instance", "pulumi_cortecs.provider.instance_check"),
    "pulumi_cortecs.provider.pinned_catalogue",
    *(f"pulumi_cortecs.{cloud}.{of}" for cloud in ("cortecs", "gcore", "shadeform") for of in ("cloud", "data")),
    # packs
    *("pulumi_policy", "pulumi_cortecs.policy", "pulumi_cortecs.policy.pack"),
    # simulators
    *("pulumi_cortecs.cli", "pulumi_cortecs.simulator.process"),
)
"""Modules that most children need. They make no threads and send no requests."""


class Preloaded:
    """The process that others are forked from. It ends with the process that has started it, and so do its children."""

    def __init__(self) -> None:
        self.address = f"\0pulumi-cortecs-{os.getpid()}-{secrets.token_hex(8)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            listening.bind(self.address)
            listening.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, "-u", __file__, str(listening.fileno())],
                env={**os.environ, "PYTHONHASHSEED": "0"},
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
        atexit.register(self._close)

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def child(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str, descriptors: Sequence[int]
    ) -> Child:
        """A new process, in a session of its own, that does what `python COMMAND` would: "-c CODE ...", "-m MODULE ..."
        or "SCRIPT ...". `descriptors` are its stdin, stdout and stderr."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(_LONGEST_FORK)
        connection.connect(self.address)
        request = marshal.dumps((list(command), dict(environment), folder, None, os.getpid(), ""))
        connection.sendmsg([request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])
        return Child(connection)


@cache
def preloaded() -> Preloaded:
    """The one of this process."""
    return Preloaded()


def python(
    command: Sequence[str],
    stdout: int,
    stderr: int,
    environment: Mapping[str, str] = os.environ,
    folder: Path = Path(),
) -> Child | subprocess.Popen[bytes]:
    """`python COMMAND` in a session of its own, with these two descriptors: forked where that is possible."""
    with open(os.devnull, "rb") as nothing:
        if IS_POSSIBLE:
            return preloaded().child(command, environment, str(folder.absolute()), (nothing.fileno(), stdout, stderr))
        return subprocess.Popen(
            [sys.executable, *command],
            env=dict(environment),
            cwd=folder,
            stdin=nothing,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


class Child:
    """A forked process, as far as it is used like a `subprocess.Popen`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = int.from_bytes(connection.recv(8), "little")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it lives."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float) -> int:
        """The exit code, when it has ended; the negative number of the signal that killed it."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked process", timeout)
            status = self._connection.recv(8)
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(status, "little")) if status else -1
            self._connection.close()
        return self.returncode

    def kill(self) -> None:
        """Kills it, if it lives."""
        if self.poll() is None:
            with suppress(OSError):
                self._connection.send(bytes([signal.SIGKILL]))


class _Server:
    """Forks a child for each request, passes its exit on, and kills those without a waiting caller."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._ended, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._children: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        for source in (listening, self._ended, sys.stdin):
            self._selector.register(source, selectors.EVENT_READ)

    def serve(self) -> tuple[Any, list[int]]:
        """Returns in a child only: what it shall be, and its three descriptors."""
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    self._end()
                elif key.fileobj is self._ended:
                    self._report()
                elif key.fileobj is self._listening:
                    if (request := self._fork()) is not None:
                        return request
                elif key.data in self._children:
                    self._signal(key.data)

    def _fork(self) -> tuple[Any, list[int]] | None:
        connection, _ = self._listening.accept()
        message, control, _, _ = connection.recvmsg(_MOST, socket.CMSG_SPACE(12))
        if not message:  # whoever asked was killed in between
            connection.close()
            return None
        descriptors = list(array.array("i", control[0][2]))
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self._selector.close()
            for sock in (self._listening, self._ended, self._wake, connection, *self._children.values()):
                sock.close()
            return marshal.loads(message), descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        self._children[pid] = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)
        connection.send(pid.to_bytes(8, "little"))
        return None

    def _signal(self, pid: int) -> None:
        try:
            number = self._children[pid].recv(1)
        except OSError:
            number = b""
        os.kill(pid, number[0] if number else signal.SIGKILL)
        if not number:
            self._selector.unregister(self._children[pid])

    def _report(self) -> None:
        self._ended.recv(4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                with self._children.pop(pid) as connection:
                    with suppress(KeyError):  # its caller is gone
                        self._selector.unregister(connection)
                    with suppress(OSError):
                        connection.send(status.to_bytes(8, "little"))

    def _end(self) -> NoReturn:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


def _become(request: Any, descriptors: list[int]) -> None:
    """Goes on as the Python that was asked for. Nothing of this file is left in its `__main__`."""
    command, environment, folder, path, parent, before = request
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.getppid = lambda: parent  # of the process that this one stands for
    time.tzset()
    sys.orig_argv = [sys.executable, "-u", *command]
    kind = command[0]
    sys.argv = [kind, *command[2:]] if kind in ("-c", "-m") else command
    sys.path[:] = [folder if kind == "-m" else os.path.dirname(kind), *(path or sys.path[1:])]
    exec(before, {})
    run_module, namespace = runpy._run_module_as_main, vars(sys.modules["__main__"])  # type: ignore[attr-defined]
    code = None if kind == "-m" else _compile(command)
    exit_, main = _exit, {"__name__": "__main__", "__builtins__": builtins, "__file__": kind}
    namespace.clear()
    namespace.update(main)
    try:
        if code is None:
            run_module(command[1])
        else:
            exec(code, namespace)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            exit_(end.code or 0)
        raise
    exit_(0)


def _exit(
    code: int,
    end_threads: Callable[[], None] = threading._shutdown,  # type: ignore[attr-defined]
    end: Callable[[], None] = atexit._run_exitfuncs,
    streams: Sequence[TextIO] = (sys.stdout, sys.stderr),
    exit_: Callable[[int], NoReturn] = os._exit,
) -> NoReturn:
    """Ends this process as the interpreter does, but that it does not visit every object that was there before."""
    end_threads()
    end()
    for stream in streams:
        stream.flush()
    exit_(code)


def _compile(command: list[str]) -> CodeType:
    if command[0] == "-c":
        return compile(command[1], "<string>", "exec")
    return compile(Path(command[0]).read_bytes(), command[0], "exec")


def main() -> None:
    for module in _IMPORTED:
        importlib.import_module(module)
    gc.disable()
    assert threading.active_count() == 1, "a process with threads cannot be forked"
    _become(*_Server(socket.socket(fileno=int(sys.argv[1]))).serve())


if __name__ == "__main__":
    main()
