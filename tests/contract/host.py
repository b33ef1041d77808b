"""Pulumi's dynamic provider host as the engine drives it: a child process, real gRPC requests, and no engine.

The driver says exactly what an engine would say and nothing more; whatever a test claims about check, diff, create,
read, update and delete is claimed about the bytes on this wire.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from pulumi_cortecs import _abi
from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.lifecycle.stack_export import SIGNATURE
from tests import preloaded
from tests.clouds.case import CloudCase
from tests.clouds.cortecs import CORTECS
from tests.contract.states import fake_cli
from tests.engine.packages import few_certificates
from tests.engine.stand_in import OF_PYTHON
from tests.machine import elsewhere

INSTANCE = "pulumi-python:dynamic/cortecs:Instance"
ENDPOINT = "pulumi-python:dynamic/cortecs:Endpoint"
UNKNOWN: str = rpc.UNKNOWN
"""Stands on the wire for what only `up` will know."""

NO_ENGINE = "127.0.0.1:1"
IMPATIENT = "import stamina; stamina.set_testing(True, attempts=4, cap=True)"
"""To be run in a host before anything else: its retries follow each other at once."""

_WITHOUT = "PULUMI_CORTECS_HOST_WITHOUT"
_LONGEST_CALL = 30.0
_LONGEST_START = 30.0

Properties = dict[str, Any]


@dataclass(frozen=True)
class Checked:
    """The result of a check. `failures` are (property, reason)."""

    inputs: Properties
    failures: tuple[tuple[str, str], ...]

    def reasons(self, property_: str) -> list[str]:
        """The reasons why a property was refused."""
        return [reason for name, reason in self.failures if name == property_]


@dataclass(frozen=True)
class Diffed:
    """`changes` None lets the engine find out by itself."""

    changes: bool | None
    replaces: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """An id with its outputs; for a read also the inputs, and an empty id for "gone"."""

    id: str
    outs: Properties
    inputs: Properties | None = None


class CallFailedError(Exception):
    """A call of the engine's that failed: `text` is what the CLI shows, `details` what gRPC carries by itself."""

    def __init__(self, code: grpc.StatusCode, text: str | None, details: str) -> None:
        super().__init__(text or details)
        self.code = code
        self.text = text
        self.details = details


def pickled(kind: str) -> str:
    """`__provider` as a program of today sends it."""
    name = next(name for name, token in TOKENS.items() if token == kind)
    serialized: str = serialize_provider(_abi.load(name))
    return serialized


def urn(kind: str, name: str, parent: str = INSTANCE) -> str:
    """The URN of a resource of ours; an Endpoint is its Instance's child."""
    path = kind if kind == parent else f"{parent}${kind}"
    return f"urn:pulumi:test::tests::{path}::{name}"


def _plain(struct: struct_pb2.Struct) -> Properties:
    return {key: _value(value) for key, value in struct.fields.items()}


def _value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        parts = _plain(value.struct_value)
        return parts["value"] if SIGNATURE in parts else parts  # a secret, which the engine passes on in clear
    if kind == "list_value":
        return [_value(item) for item in value.list_value.values]
    return None if kind == "null_value" else getattr(value, str(kind))


class Resource:
    """One resource of a host, as the engine sees it: a type, a URN, and the calls that the engine makes for it."""

    def __init__(
        self,
        host: Host,
        kind: str,
        name: str,
        urn_: str | None = None,
        provider: str | None = None,
        parent: str = INSTANCE,
    ) -> None:
        self._host = host
        self._provider = pickled(kind) if provider is None else provider
        self.urn = urn(kind, name, parent) if urn_ is None else urn_

    def check(self, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> Checked:
        """`olds` are old inputs; without them it is a new resource, or the second check of a replacement."""
        request = provider_pb2.CheckRequest(
            urn=self.urn, news=self._struct(news), olds=None if olds is None else self._struct(olds)
        )
        answer = self._call("Check", request)
        return Checked(
            self._mine(answer.inputs), tuple((failure.property, failure.reason) for failure in answer.failures)
        )

    def diff(self, olds: Mapping[str, Any], news: Mapping[str, Any], id_: str = "some-id") -> Diffed:
        """`olds` are old outputs, `news` checked inputs."""
        answer = self.diff_response(olds, news, id_)
        words = {
            provider_pb2.DiffResponse.DIFF_UNKNOWN: None,
            provider_pb2.DiffResponse.DIFF_NONE: False,
            provider_pb2.DiffResponse.DIFF_SOME: True,
        }
        return Diffed(words[answer.changes], tuple(answer.replaces))

    def diff_response(self, olds: Mapping[str, Any], news: Mapping[str, Any], id_: str) -> provider_pb2.DiffResponse:
        """The whole answer to a diff."""
        request = provider_pb2.DiffRequest(id=id_, urn=self.urn, olds=self._struct(olds), news=self._struct(news))
        answer: provider_pb2.DiffResponse = self._call("Diff", request)
        return answer

    def create_request(self, inputs: Mapping[str, Any]) -> provider_pb2.CreateRequest:
        """For those who want to send it themselves."""
        return provider_pb2.CreateRequest(urn=self.urn, properties=self._struct(inputs))

    def create(self, inputs: Mapping[str, Any]) -> Made:
        """`inputs` as the last check returned them."""
        answer = self._call("Create", self.create_request(inputs))
        return Made(answer.id, self._mine(answer.properties))

    def buy(self, news: Mapping[str, Any]) -> Made:
        """Check and create, as an `up` does it for a new resource."""
        checked = self.check(news)
        assert checked.failures == ()
        return self.create(checked.inputs)

    def read(self, made: Made) -> Made:
        """Reads a resource as a refresh does."""
        properties = self._struct(made.outs)
        return self._read(provider_pb2.ReadRequest(id=made.id, urn=self.urn, properties=properties))

    def get(self, id_: str, inputs: Mapping[str, Any]) -> Made:
        """Reads a resource as `opts.id` does, with nothing recorded yet."""
        return self._read(provider_pb2.ReadRequest(id=id_, urn=self.urn, inputs=self._struct(inputs)))

    def update(self, made: Made, news: Mapping[str, Any]) -> Made:
        """`news` as the last check returned them."""
        olds, new = self._struct(made.outs), self._struct(news)
        answer = self._call("Update", provider_pb2.UpdateRequest(id=made.id, urn=self.urn, olds=olds, news=new))
        return Made(made.id, self._mine(answer.properties))

    def delete(self, made: Made) -> None:
        """Deletes a resource as a destroy does."""
        self._call("Delete", self.delete_request(made))

    def delete_request(self, made: Made) -> provider_pb2.DeleteRequest:
        """For those who want to send it themselves."""
        return provider_pb2.DeleteRequest(id=made.id, urn=self.urn, properties=self._struct(made.outs))

    def _read(self, request: provider_pb2.ReadRequest) -> Made:
        answer = self._call("Read", request)
        inputs = self._mine(answer.inputs) if answer.HasField("inputs") else None
        return Made(answer.id, self._mine(answer.properties), inputs)

    def _struct(self, props: Mapping[str, Any]) -> struct_pb2.Struct:
        struct = struct_pb2.Struct()
        struct.update({"__provider": self._provider, **props})
        return struct

    def _mine(self, struct: struct_pb2.Struct) -> Properties:
        """The properties without `__provider`, which the host itself puts back into each answer."""
        props = _plain(struct)
        provider = props.pop("__provider", None)
        assert provider in (None, self._provider)
        return props

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._host.stub, method)(request, timeout=_LONGEST_CALL)
        except grpc.RpcError as error:
            raise self._host.failure(error) from None


class Host:
    """A running host process. Everything it prints is kept, for tests that look for what must not be there."""

    def __init__(
        self, process: subprocess.Popen[bytes] | preloaded.Child, stderr: IO[bytes], channel: grpc.Channel
    ) -> None:
        self.process = process
        self.stub = provider_pb2_grpc.ResourceProviderStub(channel)
        self._stderr = stderr
        self._stdout: list[bytes] = []
        self._names = iter(range(1_000_000))

    def instance(self, name: str | None = None, *, of: CloudCase = CORTECS, **more: Any) -> Resource:
        """An Instance of a cloud, of a new name unless one is given."""
        return Resource(self, of.token, name or f"n{next(self._names)}", parent=of.token, **more)

    def endpoint(self, name: str | None = None, *, of: CloudCase = CORTECS, **more: Any) -> Resource:
        """An Endpoint of a cloud, of a new name unless one is given."""
        return Resource(self, of.endpoint_token, name or f"n{next(self._names)}", parent=of.token, **more)

    def configure(self, config: Mapping[str, str]) -> None:
        """Hands the stack's configuration over, as the engine does before anything else."""
        args = struct_pb2.Struct()
        args.update(config)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=args), timeout=_LONGEST_CALL)

    def printed(self) -> str:
        """All that the process has written so far, behind the port."""
        self._stderr.seek(0)
        return b"".join(self._stdout).decode() + self._stderr.read().decode()

    @staticmethod
    def failure(error: grpc.RpcError) -> CallFailedError:
        """A failed call as the engine takes it: the status trailer goes before the plain details."""
        trailer = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        text = None if trailer is None else status_pb2.Status.FromString(trailer).message
        return CallFailedError(error.code(), text, error.details() or "")

    def sees_the_end_of(self, call: grpc.Future) -> None:
        """Cancels a call, and returns when the host knows that its caller is gone."""
        call.cancel()
        self.stub.GetPluginInfo(empty_pb2.Empty(), timeout=_LONGEST_CALL)  # served after what came before it

    def keep(self, line: bytes) -> None:
        """Takes over what the process wrote to stdout."""
        self._stdout.append(line)


@contextmanager
def hosting(
    environment: Mapping[str, str],
    *,
    engine: str = NO_ENGINE,
    before: str = "",
    hash_seed: str = "0",
    folder: str | None = None,
    machine: str | None = None,
) -> Iterator[Host]:
    """A host process for the length of the block, forked from one that has imported everything where nothing speaks
    against it. `before` is Python that runs in it before Pulumi's own code; `folder` is the program's, ours unless
    given; `machine` holds what all processes of the machine share under limits: a folder of this host's own unless
    given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "CORTECS_", "PYTEST_"))}
    knobs = {
        "PULUMI_BACKEND_URL": "file:///nowhere/contract",
        "PULUMI_CORTECS_POLL_INTERVAL": "0.05",
        "PULUMI_CORTECS_LIST_LAG": "0.3",
        "PYTHONHASHSEED": hash_seed,
    }
    if engine == NO_ENGINE:  # else it would end itself
        environment = {**environment, _WITHOUT: ",".join(filter(None, [environment.get(_WITHOUT), "engine"]))}
    with (
        tempfile.TemporaryFile() as stderr,
        tempfile.TemporaryDirectory() as state,
        tempfile.TemporaryDirectory() as commands,
    ):
        knobs |= few_certificates(Path(commands))
        knobs["PATH"] = os.pathsep.join((str(fake_cli(Path(commands))), clean["PATH"]))
        is_usual = before in ("", IMPATIENT) and folder is None and hash_seed == "0"
        is_usual = is_usual and not any(name.startswith(OF_PYTHON) for name in environment)
        if "PULUMI_CORTECS_LIMITS" in environment:
            before = elsewhere(Path(machine or state) / "machine") + before
        if is_usual:
            before = f"import tests.acme\n{before}"
        code = f"{before}\nimport runpy\nrunpy.run_module('pulumi.dynamic', run_name='__main__')"
        environment = {**clean, **knobs, "PULUMI_CORTECS_STATE_DIR": state, **environment}
        process: subprocess.Popen[bytes] | preloaded.Child
        stdout: IO[bytes]
        if is_usual and preloaded.IS_POSSIBLE:
            process, stdout = _forked(["-c", code, engine], environment, stderr)
        else:
            process = subprocess.Popen(
                [sys.executable, "-u", *(["-c", code] if before else ["-m", "pulumi.dynamic"]), engine],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
            assert process.stdout is not None
            stdout = process.stdout
        lines: queue.Queue[bytes] = queue.Queue()
        reader = threading.Thread(target=_drain, args=(stdout, lines), daemon=True)
        reader.start()
        try:
            first = lines.get(timeout=_LONGEST_START)
            assert first.strip().isdigit(), f"the host said {first!r} instead of its port"
            with grpc.insecure_channel(f"127.0.0.1:{int(first)}") as channel:
                host = Host(process, stderr, channel)
                yield host
        finally:
            process.kill()
            process.wait(timeout=10)
            reader.join(timeout=10)
            stdout.close()


def _forked(command: list[str], environment: Mapping[str, str], stderr: IO[bytes]) -> tuple[preloaded.Child, IO[bytes]]:
    reading, writing = os.pipe()
    with open(os.devnull, "rb") as nothing:
        descriptors = (nothing.fileno(), writing, stderr.fileno())
        try:
            child = preloaded.preloaded().child(command, environment, os.getcwd(), descriptors)
        finally:
            os.close(writing)
    return child, os.fdopen(reading, "rb")


def _drain(stdout: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stdout:
        lines.put(line)
    lines.put(b"")
