"""The evasion suite against a pack as a process, call by call: what a program can say to a pack that it has found, and
what an engine may pass on that no builder of ours would make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.testing import INSTANCE, configuration, cortecs_instance
from tests.contract.engine import listening
from tests.engine.pulumi import kill_session
from tests.policy.attempts import Attempts
from tests.policy.conftest import POLICIES
from tests.unit.policy.test_limits import DEMO

AUTHENTIC = cortecs_instance().provider
NO_ENGINE = "127.0.0.1:1"
TESTS = analyzer_pb2.AnalyzerStackConfigureRequest(organization="organization", project="tests", stack="test")
LINUX = pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="the pack finds its pulumi by /proc")
SIGNED = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNED: "1b47061264138c4ac30d75fd1eb44270"}
Properties = dict[str, Any]


@dataclass(frozen=True)
class Pack:
    """The pack guard as a process; `stub` calls it."""

    stub: Any

    def configured(self, *, previews: bool, limits: Mapping[str, Any] = DEMO) -> Pack:
        """With the limits of the demo, or others."""
        stack = analyzer_pb2.AnalyzerStackConfigureRequest()
        stack.CopyFrom(TESTS)
        stack.dry_run = previews
        self.stub.ConfigureStack(stack, timeout=10)
        self.stub.Configure(configuration(PACKS["guard"], limits), timeout=10)
        return self

    def refuses(self, name: str, struct: struct_pb2.Struct, provider: str = AUTHENTIC) -> bool:
        """Returns whether the engine would stop: at a mandatory finding, and at a call that fails."""
        request = analyzer_pb2.AnalyzeRequest(type=INSTANCE, urn=urn(name), name=name, properties=struct)
        shown = analyzer_pb2.AnalyzeRequest()
        shown.CopyFrom(request)
        shown.properties["__provider"] = provider
        try:
            self.stub.Remediate(shown, timeout=10)
            diagnostics = self.stub.Analyze(request, timeout=10).diagnostics
        except grpc.RpcError as error:
            # the engine would take "unimplemented" for a pack of old, and go on
            return error.code() is not grpc.StatusCode.UNIMPLEMENTED
        return any(diagnostic.enforcementLevel == analyzer_pb2.MANDATORY for diagnostic in diagnostics)

    def refuses_in_the_end(self, *made: tuple[str, struct_pb2.Struct]) -> bool:
        """Returns whether the stack pass has a mandatory finding."""
        stack = analyzer_pb2.AnalyzeStackRequest()
        for name, struct in made:
            stack.resources.add(type=INSTANCE, urn=urn(name), name=name, properties=struct)
        diagnostics = self.stub.AnalyzeStack(stack, timeout=10).diagnostics
        return any(diagnostic.enforcementLevel == analyzer_pb2.MANDATORY for diagnostic in diagnostics)


def urn(name: str) -> str:
    return f"urn:pulumi:test::tests::{INSTANCE}::{name}"


def struct(**changed: Any) -> struct_pb2.Struct:
    """The usual instance, changed like this."""
    made = struct_pb2.Struct()
    made.update({**cortecs_instance().properties, **changed})
    return made


@contextmanager
def started(engine: str, environment: Mapping[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The pack guard as the process of an engine, and its port, for the length of the block."""
    process = subprocess.Popen(
        [str(POLICIES / "guard" / "run"), engine],
        env={"PATH": os.environ["PATH"], "PULUMI_CORTECS_POLICY_PYTHON": sys.executable, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate(timeout=10)


@contextmanager
def serving(environment: Mapping[str, str] | None = None) -> Iterator[Pack]:
    """The pack guard for the length of the block."""
    with (
        listening() as engine,
        started(engine.address, environment) as (_, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Pack(analyzer_pb2_grpc.AnalyzerStub(channel))


_ENGINE = '"$0" "$1"; exit $?'
_TELLS = """#!/bin/sh
echo "$*" >> asked
case "$*" in *--show-secrets*) cat shown ;; *) cat said ;; esac
"""


@contextmanager
def below(directory: Path, exported: str, *arguments: str, shown: str | None = None) -> Iterator[Pack]:
    """The pack guard, started by an executable called pulumi with these arguments, which prints this when it is asked
    for a state, and what is `shown` when it is asked for the secrets, too. Another one is the first on PATH, as a
    program could have it, and says that there is nothing."""
    cli, impostor = directory / "pulumi", directory / "bin" / "pulumi"
    cli.write_bytes(Path("/bin/sh").resolve().read_bytes())  # `sh stack export` runs the file `stack`
    impostor.parent.mkdir()
    impostor.write_text('#!/bin/sh\ntouch impostor\necho \'{"version": 3, "deployment": null}\'\n')
    (directory / "stack").write_text(_TELLS)
    (directory / "said").write_text(exported)
    if shown is not None:
        (directory / "shown").write_text(shown)
    for script in (cli, impostor):
        script.chmod(0o755)
    with (
        listening() as engine,
        _started_by(cli, impostor.parent, engine.address, *arguments) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Pack(analyzer_pb2_grpc.AnalyzerStub(channel))


@contextmanager
def _started_by(cli: Path, first_on_path: Path, engine: str, *arguments: str) -> Iterator[int]:
    """The port of the pack guard, started by this executable in its own folder, with these arguments."""
    directory = cli.parent
    process = subprocess.Popen(
        [str(cli), "-c", _ENGINE, str(POLICIES / "guard" / "run"), engine, *arguments],
        cwd=directory,
        env={
            "PATH": f"{first_on_path}:{os.environ['PATH']}",
            "PULUMI_CORTECS_POLICY_PYTHON": sys.executable,
            "PULUMI_BACKEND_URL": f"file://{directory}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        kill_session(process.pid)
        process.communicate(timeout=10)


def rows(*names: str, changed: Mapping[str, Any] = MappingProxyType({}), **more: bool) -> list[dict[str, Any]]:
    """The usual instance, changed like this, as rows of a state, under these names."""
    outputs = {**cortecs_instance().properties, **changed}
    return [
        {"urn": urn(name), "type": INSTANCE, "id": name, "outputs": outputs, "created": "today", **more}
        for name in names
    ]


def state(*resources: dict[str, Any], pending: Iterable[dict[str, Any]] = ()) -> str:
    """A state with these rows and operations that never ended, as the CLI prints it."""
    operations = [{"type": "creating", "resource": {**row, "id": "", "inputs": row["outputs"]}} for row in pending]
    return json.dumps({"version": 3, "deployment": {"resources": resources, "pending_operations": operations}})


def in_state(plaintext: str | None = None) -> dict[str, str]:
    """A secret as the CLI exports it, in plain text where it is asked for that."""
    return {**SECRET, **({"ciphertext": "v1:x:y"} if plaintext is None else {"plaintext": json.dumps(plaintext)})}


@pytest.fixture
def fresh() -> Iterator[Pack]:
    """A pack without configuration."""
    with serving() as pack:
        yield pack


@pytest.fixture(scope="module")
def pack() -> Iterator[Pack]:
    """A pack in a preview, where what was refused does not weigh on what follows; tests take names of their own."""
    with serving() as pack:
        yield pack.configured(previews=True)


def nested(depth: int) -> struct_pb2.Value:
    value = struct_pb2.Value(number_value=8)
    for _ in range(depth):
        outer = struct_pb2.Value()
        outer.struct_value.fields["x"].CopyFrom(value)
        value = outer
    return value


def with_value(key: str, value: struct_pb2.Value) -> struct_pb2.Struct:
    made = struct()
    made.fields[key].CopyFrom(value)
    return made


ASSET = {SIGNED: "c44067f5952c0a294b673a41bacd8c17", "text": "NVIDIA_L4_1"}
ARCHIVE = {SIGNED: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": None}
REFERENCE = {SIGNED: "5cf8f73096256a8f31e491e813e4eb8e", "urn": urn("chat"), "id": "NVIDIA_L4_1"}
ODD: dict[str, Callable[[], struct_pb2.Struct]] = {
    "NaN for the workers": lambda: with_value("num_workers", struct_pb2.Value(number_value=float("nan"))),
    "infinity for the workers": lambda: with_value("num_workers", struct_pb2.Value(number_value=float("inf"))),
    "a value without a kind for the workers": lambda: with_value("num_workers", struct_pb2.Value()),
    "null for the hardware": lambda: struct(hardware_type_id=None),
    "an asset for the hardware": lambda: struct(hardware_type_id=ASSET),
    "an archive for the hardware": lambda: struct(hardware_type_id=ARCHIVE),
    "a reference for the hardware": lambda: struct(hardware_type_id=REFERENCE),
    "an archive beside eight workers": lambda: struct(num_workers=8, restart_trigger=ARCHIVE),
    "NaN beside eight workers": lambda: struct(num_workers=8, restart_trigger=float("nan")),
    "keys that begin with __ beside eight workers": lambda: struct(num_workers=8, __num_workers=1, __defaults=[]),
    "a hundred and fifty levels beside eight workers": lambda: with_value("num_workers", nested(150)),
    "a megabyte beside eight workers": lambda: struct(num_workers=8, restart_trigger="x" * 1_000_000),
    "no properties but a class": lambda: struct_pb2.Struct(),
}
"""By name, properties that are to be refused."""


@pytest.mark.parametrize("name", ODD)
def test_odd_properties_are_refused(pack: Pack, name: str, attempts: Attempts) -> None:
    attempts.tried(f"on the wire: {name}", through=not pack.refuses(name, ODD[name]()))


def test_what_is_allowed_goes_through(pack: Pack) -> None:
    assert not pack.refuses("allowed", struct())
    assert not pack.refuses("odd, and harmless", with_value("restart_trigger", struct_pb2.Value()))


def test_a_pack_is_not_talked_into_anything(fresh: Pack, attempts: Attempts) -> None:
    before = fresh.refuses("early", struct())
    attempts.tried("an instance before the pack has its limits", through=not before)
    pack = fresh.configured(previews=True)
    loose = configuration(PACKS["guard"], {**DEMO, "workers-max": {"most": 99}, "gpu-count-max": {"most": 99}})
    with pytest.raises(grpc.RpcError, match="has its limits already"):
        pack.stub.Configure(loose, timeout=10)
    three = struct(num_workers=3)
    attempts.tried("other limits, handed to a pack that has its own", through=not pack.refuses("three", three))
    pack.refuses("disguised", struct())  # the program says that it is authentic, before the engine shows what it is
    attempts.tried(
        "a class of one's own, called authentic first", through=not pack.refuses("disguised", struct(), "another")
    )
    pack.refuses("disguised before", struct(), "another")
    attempts.tried(
        "a class of one's own, called authentic later", through=not pack.refuses("disguised before", struct())
    )
    empty = analyzer_pb2.AnalyzeRequest(type=INSTANCE, urn=urn("empty"), name="empty")
    pack.stub.Remediate(empty, timeout=10)
    attempts.tried("an instance, called left alone first", through=not pack.refuses("empty", three))


def test_the_stack_pass_sees_what_a_replacement_makes(fresh: Pack, attempts: Attempts) -> None:
    pack = fresh.configured(previews=True)
    assert not pack.refuses("replaced", struct())
    assert not pack.refuses_in_the_end(("replaced", struct()))
    dear = struct(num_workers=8)
    is_refused = pack.refuses_in_the_end(("replaced", dear))
    attempts.tried("a replacement that makes something else than was judged", through=not is_refused)
    cheap = struct(num_workers=3)  # too many, and within every budget
    pack.refuses("replaced", cheap)  # the program asks, so that it counts as judged
    again = pack.refuses_in_the_end(("replaced", cheap))
    attempts.tried("the same, when the program has asked the pack before", through=not again)


def outlives(process: subprocess.Popen[str]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    return process.poll() is None


def test_a_pack_ends_with_an_engine_that_was_killed(attempts: Attempts) -> None:
    with ExitStack() as engines, ExitStack() as packs:
        engine = engines.enter_context(listening())
        served, _ = packs.enter_context(started(engine.address))
        assert served.poll() is None
        engines.close()
        late, _ = packs.enter_context(started(engine.address))
        attempts.tried("a pack that outlives its engine", through=outlives(served))
        attempts.tried("a pack that outlives an engine killed before it began", through=outlives(late))


@pytest.mark.parametrize("named", ["python", "./python", "bin/python"])
def test_a_pack_whose_python_has_no_place_does_not_start(tmp_path: Path, named: str, attempts: Attempts) -> None:
    (tmp_path / "bin").mkdir()
    for place in (tmp_path / "python", tmp_path / "bin" / "python"):
        place.write_text("#!/bin/sh\necho 1234\n")
        place.chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PULUMI_CORTECS_POLICY_PYTHON": named}
    run = [str(POLICIES / "guard" / "run"), NO_ENGINE]
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False)
    through = done.returncode == 0 or done.stdout != ""
    attempts.tried(f"a Python of the program's for the pack: {named}", through=through)
    assert "must be an absolute path" in done.stderr


def test_no_order_takes_a_budget_beyond_its_double(fresh: Pack, attempts: Attempts) -> None:
    """5,000 EUR/month are five at 876 EUR. Five are there, and the program has new ones registered before them."""
    pack = fresh.configured(previews=False)
    with pytest.raises(grpc.RpcError, match="knows its stack already"):
        pack.stub.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(dry_run=True), timeout=10)
    new = [name for name in map("new {}".format, range(9)) if not pack.refuses(name, struct())]
    assert len(new) == 5
    there = [name for name in map("old {}".format, range(5)) if not pack.refuses(name, struct())]
    attempts.tried("new ones registered before those that are there", through=there != [])


@LINUX
def test_what_the_state_holds_counts_in_the_budget(tmp_path: Path, attempts: Attempts) -> None:
    """5,000 EUR/month are five at 876 EUR. Ten are there, and eleven are within twice the budget."""
    there = [*rows("p1", "p2", "p3", "p4", protect=True), *rows("a"), *rows("a", "b", "c", "d", "e", delete=True)]
    with below(tmp_path, json.dumps({"version": 3, "deployment": {"resources": there}})) as pack:
        pack.configured(previews=False)
        assert not pack.refuses("new 1", struct())
        refused = pack.refuses("new 2", struct())
        is_allowed = not pack.refuses("a", struct())  # it is kept, and adds nothing
    attempts.tried("a budget on top of protected rows and of such as wait for their deletion", through=not refused)
    assert is_allowed
    assert (
        tmp_path / "asked"
    ).read_text() == "export --stack organization/tests/test --non-interactive --color never\n"
    impostor = (tmp_path / "impostor").exists()
    attempts.tried("another pulumi, the first on PATH, that tells of an empty state", through=impostor)


DOUBLE = [*rows("b", "c", "d", "e"), *rows("a", "b", "c", "d", "e", "f", delete=True)]
"""With one more, eleven at 876 EUR: as many as are within twice the budget of the demo, 5,000 EUR/month."""


@LINUX
@pytest.mark.parametrize("flag", [("--replace", urn("a")), (f"--replace={urn('*')}",), ("--target-replace", urn("a"))])
def test_what_the_command_replaces_counts(tmp_path: Path, flag: tuple[str, ...], attempts: Attempts) -> None:
    with below(tmp_path, state(*rows("a"), *DOUBLE), *flag) as pack:
        through = not pack.configured(previews=False).refuses("a", struct())
    attempts.tried(f"a third budget by {flag[0]}, of what the program keeps", through=through)


@LINUX
def test_what_is_tainted_counts(tmp_path: Path, attempts: Attempts) -> None:
    with below(tmp_path, state(*rows("a", taint=True), *DOUBLE)) as pack:
        through = not pack.configured(previews=False).refuses("a", struct())
        assert not pack.refuses("b", struct())
    attempts.tried("a third budget by `state taint`, of what the program keeps", through=through)


@LINUX
def test_what_is_secret_counts_where_it_differs(tmp_path: Path, attempts: Attempts) -> None:
    """The pack asks for the secrets of a state that has some, and only then."""
    exported, shown = (state(*rows("a", changed={"restart_trigger": in_state(x)}), *DOUBLE) for x in (None, "x"))
    with below(tmp_path, exported, shown=shown) as pack:
        pack.configured(previews=True)
        for same in ("x", {**SECRET, "value": "x"}):
            assert not pack.refuses("a", struct(restart_trigger=same))
        for other in ("", "y", {**SECRET, "value": "y"}):
            pack.refuses("a", struct(restart_trigger=other))
            through = not pack.refuses_in_the_end(("a", struct(restart_trigger=other)))
            attempts.tried(f"a third budget by a secret of the state that becomes {other!r}", through=through)
    assert [line.rpartition(" --non-")[0] for line in (tmp_path / "asked").read_text().splitlines()] == [
        "export --stack organization/tests/test",
        "export --stack organization/tests/test --show-secrets",
    ]


@LINUX
def test_a_secret_that_nobody_can_tell_counts(tmp_path: Path, attempts: Attempts) -> None:
    with below(tmp_path, state(*rows("a", changed={"restart_trigger": in_state()}), *DOUBLE)) as pack:
        pack.configured(previews=False)
        assert not pack.refuses("b", struct())
        through = not pack.refuses("a", struct(restart_trigger={**SECRET, "value": "y"}))
    attempts.tried("a third budget by a secret of the state that cannot be read", through=through)


@LINUX
def test_a_secret_number_of_workers_is_summed_up(tmp_path: Path) -> None:
    exported, shown = (
        state(*rows("a", changed={"num_workers": secret})) for secret in (in_state(), {**SECRET, "plaintext": "2"})
    )
    with below(tmp_path, exported, shown=shown) as pack:
        pack.configured(previews=False)
        assert not pack.refuses("a", struct(num_workers={**SECRET, "value": 2}))
        assert [pack.refuses(name, struct(num_workers={**SECRET, "value": 2})) for name in "bc"] == [False, True]


@LINUX
def test_a_replacement_that_was_begun_counts_beside_what_it_was_to_replace(tmp_path: Path, attempts: Attempts) -> None:
    with below(tmp_path, state(*rows("a"), *DOUBLE[:-1], pending=rows("a"))) as pack:
        pack.configured(previews=False)
        assert not pack.refuses("a", struct())
        through = not pack.refuses("new", struct())
    attempts.tried("a third budget on top of a replacement that was killed when it had bought", through=through)


@LINUX
def test_a_state_that_cannot_be_read_lets_a_strict_budget_refuse(tmp_path: Path, attempts: Attempts) -> None:
    with below(tmp_path, "no state") as pack:
        pack.stub.ConfigureStack(TESTS, timeout=10)
        budget = {"per_month": ["5000.00 EUR"], "state": "required"}
        pack.stub.Configure(configuration(PACKS["guard"], {**DEMO, "stack-monthly-budget": budget}), timeout=10)
        attempts.tried("a state that cannot be read, where it must be", through=not pack.refuses("new", struct()))


def test_a_running_sum_is_not_talked_down(fresh: Pack, attempts: Attempts) -> None:
    pack = fresh.configured(previews=False)
    dear = struct(hardware_type_id="NVIDIA_L40S_1")  # three are 4,599 EUR/month, of 5,000
    assert not any(pack.refuses(name, dear) for name in "abc")
    for name in "abc":
        pack.refuses(name, struct())  # so the program says
    attempts.tried("a running sum that the program talks down", through=not pack.refuses("d", dear))
