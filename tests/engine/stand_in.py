"""Lets a Python that the engine has started stand for one that is forked from tests/preloaded.py: it passes on what it
is asked to run, its output, its signals and the exit code. It runs before everything else, and imports next to nothing.
"""

from __future__ import annotations

import os
import sys

OF_PYTHON = ("PYTHON", "LD_", "GRPC_")
"""How the variables begin that are about the interpreter, and what it is linked with."""

_HARMLESS = {"PYTHONPATH", "PYTHONHASHSEED", "PYTHONUNBUFFERED"}
_MODULES = (["-m", "pulumi.dynamic"], ["-m", "pulumi.policy"])


def of_python() -> dict[str, str]:
    """The variables that a process heeds when it starts, or when it imports."""
    return {k: v for k, v in os.environ.items() if k.startswith(OF_PYTHON) and k not in _HARMLESS}


def stand_in(address: str, prefix: str, variables: dict[str, str], before: str) -> None:
    """Never returns where a forked process can do it: the program's, the provider's or a pack's, of the same
    installation and variables, with nothing beside the program that could be imported instead of a package. `before` is
    Python to be run there first."""
    command = [argument for argument in sys.orig_argv[1:] if argument != "-u"]
    if command[:2] not in _MODULES and not command[0].endswith("pulumi-language-python-exec"):
        return
    if sys.prefix != prefix or of_python() != variables or _has_modules(os.getcwd()):
        return

    import _signal
    import _socket
    import array
    import marshal

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    connection.connect(address)
    request = marshal.dumps((command, dict(os.environ), os.getcwd(), sys.path, os.getppid(), before))
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]).tobytes())
    connection.sendmsg([request], [rights])
    connection.recv(8)
    for signal_number in (_signal.SIGINT, _signal.SIGTERM):
        _signal.signal(signal_number, lambda number, _: connection.send(bytes([number])))
    code = os.waitstatus_to_exitcode(int.from_bytes(connection.recv(8), "little"))
    if code < 0:
        os.kill(os.getpid(), _signal.SIGKILL)
    os._exit(code)


def _has_modules(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return any(
            os.path.exists(f"{entry.path}/__init__.py")  # any other folder gives way to a package that is installed
            if entry.is_dir()
            else entry.name.endswith(".py") and entry.name != "__main__.py"
            for entry in entries
        )
