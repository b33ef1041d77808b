"""Lets a Python that the engine has started stand for one that is forked from tests/preloaded.py: it passes on what it
is asked to run, its output, its signals and the exit code. It runs before everything else, and imports next to nothing.
"""

from __future__ import annotations

import os
import sys

OF_PYTHON = ("PYTHON", "LD_", "GRPC_")
"""How the variables begin that are about the interpreter, and what it is linked with."""

_HARMLESS = {
    *("PYTHONPATH", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # nothing here has a certificate
}
_MODULES = (["-m", "pulumi.dynamic"], ["-m", "pulumi.policy"], ["-m", "pulumi_cortecs.cli"])
_SCRIPTS = ("/pulumi-language-python-exec", "/bin/pulumi-cortecs")


def of_python() -> dict[str, str]:
    """The variables that a process heeds when it starts, or when it imports; an empty one is none."""
    return {k: v for k, v in os.environ.items() if v and k.startswith(OF_PYTHON) and k not in _HARMLESS}


def stand_in(address: str, prefix: str, variables: dict[str, str], before: str) -> None:
    """Never returns where a forked process can do it: the program's, the provider's, a pack's or our command's, of the
    same installation and variables, with nothing beside the program that would be imported instead of a library.
    `before` is Python to be run there first."""
    command = [argument for argument in sys.orig_argv[1:] if argument != "-u"]
    if command[:2] not in _MODULES and not command[0].endswith(_SCRIPTS):
        return
    if sys.prefix != prefix or of_python() != variables or _hides_a_library(os.getcwd()):
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


def _hides_a_library(folder: str) -> bool:
    libraries = [path for path in sys.path if path != folder]
    with os.scandir(folder) as entries:
        return any(
            name in sys.stdlib_module_names
            or any(os.path.exists(f"{path}/{name}{end}") for path in libraries for end in ("/__init__.py", ".py"))
            for entry in entries
            if (name := _module(entry)) and name != "__main__"
        )


def _module(entry: os.DirEntry[str]) -> str:
    """The name that it is imported by; a folder without `__init__.py` gives way to an installed package."""
    if entry.is_dir():
        return entry.name if os.path.exists(f"{entry.path}/__init__.py") else ""
    return entry.name.removesuffix(".py") if entry.name.endswith(".py") else ""
