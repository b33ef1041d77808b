"""A ready pack as a process, which its three-line `__main__.py` starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

try:
    import pulumi_policy  # noqa: F401
except ModuleNotFoundError:
    raise SystemExit(
        f"pulumi-policy is missing where {sys.executable} looks: install pulumi-cortecs with its extra [policy]"
    ) from None

import grpc
from pulumi.runtime.proto import analyzer_pb2_grpc, engine_pb2, engine_pb2_grpc

from pulumi_cortecs._engine_watch import watch_engine
from pulumi_cortecs.policy.engine_state import read_holdings
from pulumi_cortecs.policy.pinned import PinnedPrices, load_pinned
from pulumi_cortecs.policy.registry import rules_of
from pulumi_cortecs.policy.rule import Rule
from pulumi_cortecs.policy.rules.catalogue import Pin
from pulumi_cortecs.policy.servicer import PackServicer
from pulumi_cortecs.policy.wire import PackInfo

DESCRIPTIONS: Final = {
    "hardware": "Which hardware, models and regions may be bought.",
    "cost": "What an instance, a GPU and a stack may cost.",
    "guard": "What may be bought, and what it may cost: the packs hardware and cost in one.",
}
_LARGEST_MESSAGE: Final = 400 * 1024 * 1024  # as the engine's own


def serve(pack: str, directory: Path, rules: Iterable[Rule] = ()) -> None:
    """Serves a pack ("hardware", "cost", "guard") on a free port of this machine, until its engine is gone.

    `directory` is the pack's folder; `rules` are your own, in addition to those of the pack. The port is the first
    output on stdout.
    """
    prices = partial(_pinned, directory)
    servicer = PackServicer(pack_info(pack), rules_of(pack, rules), prices, _now, _log, read_holdings)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=4),
        options=[
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
        ],
    )
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    watch_engine(sys.argv[1] if len(sys.argv) > 1 else "", lambda: os._exit(0))  # a pack has nothing to clean up
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(0)


def pack_info(pack: str) -> PackInfo:
    """The name and description of a pack. Raises KeyError for an unknown one."""
    return PackInfo(f"cortecs-{pack}", version("pulumi-cortecs"), DESCRIPTIONS[pack])


def _pinned(directory: Path, pin: Pin) -> PinnedPrices:
    return load_pinned(directory, pin.file, pin.sha256)


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _log(short: str, full: str) -> None:
    """Logs the short text for every command, and the full one for --debug."""
    sys.stderr.write(f"{short}\n")
    sys.stderr.flush()
    with suppress(Exception), grpc.insecure_channel(sys.argv[1]) as channel:  # a pack works without an engine
        line = engine_pb2.LogRequest(severity=engine_pb2.DEBUG, message=full)
        engine_pb2_grpc.EngineStub(channel).Log(line, timeout=2)
