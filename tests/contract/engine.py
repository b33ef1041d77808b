"""The one thing that a provider may say to the engine: progress, through Engine.Log."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


@dataclass
class FakeEngine:
    """An engine that only listens: `lines` is what was logged."""

    address: str
    lines: list[engine_pb2.LogRequest] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        """The texts alone."""
        return [line.message for line in self.lines]

    @property
    def notes(self) -> list[str]:
        """The texts that stay, without those of a row: its price and its progress."""
        return [line.message for line in self.lines if not line.ephemeral]


@contextmanager
def listening() -> Iterator[FakeEngine]:
    """An engine on a free port, for the length of the block."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine = FakeEngine(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")

    class Servicer(engine_pb2_grpc.EngineServicer):  # type: ignore[misc]
        def Log(self, request: engine_pb2.LogRequest, context: Any) -> empty_pb2.Empty:
            engine.lines.append(request)
            return empty_pb2.Empty()

    engine_pb2_grpc.add_EngineServicer_to_server(Servicer(), server)
    server.start()
    try:
        yield engine
    finally:
        server.stop(0).wait(timeout=10)
