"""`pulumi-cortecs simulator` as a person and as a program starts it: a process each time, most of them forked."""

from __future__ import annotations

import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, TextIO

import httpx
import pytest
from typer.testing import CliRunner

from pulumi_cortecs.cli import app
from pulumi_cortecs.simulator import Control, running
from pulumi_cortecs.simulator.process import exports
from tests.preloaded import Child, python

PROGRAM = ["-c", "from pulumi_cortecs.cli import main; main()"]
COMMAND = [sys.executable, *PROGRAM]
QWEN = "Qwen--Qwen2-7B-Instruct"
PATIENCE = 30


class Command(NamedTuple):
    """`pulumi-cortecs simulator` while it runs, and what it prints."""

    process: Child | subprocess.Popen[bytes]
    lines: TextIO
    errors: IO[bytes]

    def end(self, number: signal.Signals | None = None) -> tuple[int, str]:
        """Its exit code, after this signal, and its errors."""
        if number is not None:
            os.kill(self.process.pid, number)
        code = self.process.wait(PATIENCE)
        self.errors.seek(0)
        return code, self.errors.read().decode()


@contextmanager
def launched(*args: str) -> Iterator[Command]:
    """The command with these arguments; it is ended, whatever the test does."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, tempfile.TemporaryFile() as errors:
        try:
            process = python([*PROGRAM, "simulator", "--port", *args], writing, errors.fileno())
        finally:
            os.close(writing)
        try:
            yield Command(process, lines, errors)
        finally:
            process.kill()
            process.wait(PATIENCE)


@contextmanager
def started(*args: str) -> Iterator[tuple[Command, str]]:
    """A simulator on a free port, once its first line is there."""
    with launched("0", *args) as command:
        line = command.lines.readline().strip()
        assert line.startswith("simulator listening on http://127.0.0.1:"), line
        yield command, line.removeprefix("simulator listening on ")


def refused(*args: str) -> str:
    """What it says when it does not start, on its one line of errors."""
    with launched(*args) as command:
        code, errors = command.end()
        assert (code, command.lines.read(), errors.count("\n")) == (1, "", 1)
    return errors.removesuffix("\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_in_the_middle_of_a_stream(number: signal.Signals) -> None:
    with started("--boot", "0", "--quiet") as (command, url), httpx.Client(trust_env=False) as client:
        sent = {"client_id": "sim", "client_secret": "sim", "grant_type": "client_credentials"}
        token = client.post(f"{url}/api/v1/oauth2/token", json=sent).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        answer = client.post(f"{url}/api/v1/instances/start", json={"model_id": QWEN})
        instance_id = answer.json()["instance"]["instance_id"]
        with Control(url) as control:
            control.settings(stream_chunk_real_seconds=60)
        body = {"model": QWEN, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        with client.stream("POST", f"{url}/serve/{instance_id}/v1/chat/completions", json=body) as stream:
            assert stream.status_code == 200
            began = time.monotonic()
            assert command.end(number) == (0, "")
            assert time.monotonic() - began < 50  # of the 60 s that it would last


def test_the_port_file_is_there_while_it_listens(tmp_path: Path) -> None:
    file = tmp_path / "port"
    with started("--port-file", str(file)) as (command, url):
        assert file.read_text() == f"{url.rsplit(':', 1)[1]}\n"
        assert list(tmp_path.iterdir()) == [file]
        assert command.end(signal.SIGTERM)[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_a_short_error(tmp_path: Path) -> None:
    theirs = tmp_path / "port"
    theirs.write_text("theirs")
    with running() as sim:
        said = refused(str(sim.port), "--port-file", str(theirs))
    command = f"pulumi-cortecs simulator --port {sim.port + 1}"
    assert said == (
        f"Error: port {sim.port} is taken by another program, perhaps a simulator; run `{command}`, and point its "
        f'clients there with `eval "$({command} --print-env)"`'
    )
    assert theirs.read_text() == "theirs"


def test_an_impossible_port_file_is_a_short_error(tmp_path: Path) -> None:
    assert refused("0", "--port-file", str(tmp_path / "no" / "port")).startswith("Error: ")


def test_speed_boot_and_token_ttl_reach_the_simulator() -> None:
    with started("--speed", "50", "--boot", "7", "--token-ttl", "60") as (_, url), Control(url) as control:
        assert control.clock().speed == 50
        settings = control.settings()
        assert (settings["boot_seconds"], settings["token_ttl_real_seconds"]) == (7, 60)


def test_what_is_not_given_comes_from_the_state(tmp_path: Path) -> None:
    file = str(tmp_path / "sim.db")
    with started("--state", file, "--speed", "50", "--boot", "7") as (command, _):
        assert command.end(signal.SIGTERM)[0] == 0
    with started("--state", file, "--boot", "9") as (_, url), Control(url) as control:
        assert (control.clock().speed, control.settings()["boot_seconds"]) == (50, 9)


class Customer:
    """A client that starts, stops and deletes until the simulator is gone, and remembers the answers."""

    def __init__(self, url: str, headers: dict[str, str]):
        self._client = httpx.Client(base_url=f"{url}/api/v1", headers=headers, trust_env=False)
        self.started: list[str] = []
        self.stopped: list[str] = []
        self.deleted: list[str] = []

    def __call__(self) -> None:
        with self._client as client, suppress(httpx.HTTPError):
            while True:
                instance = (
                    client.post("/instances/start", json={"model_id": QWEN}).raise_for_status().json()["instance"]
                )
                self.started.append(instance["instance_id"])
                if len(self.started) % 2:
                    continue
                client.post("/instances/stop", json={"instance_id": self.started[-1]}).raise_for_status()
                self.stopped.append(self.started[-1])
                if len(self.stopped) % 2:
                    client.delete(f"/instances/{self.stopped[-1]}").raise_for_status()
                    self.deleted.append(self.stopped[-1])


def test_killed_at_any_moment_it_goes_on_with_all_that_it_had_answered(tmp_path: Path) -> None:
    file, chance, customers = str(tmp_path / "sim.db"), random.Random(4), list[Customer]()
    with started("--state", file, "--quiet") as (command, url):
        sent = {"client_id": "sim", "client_secret": "sim", "grant_type": "client_credentials"}
        token = httpx.post(f"{url}/api/v1/oauth2/token", json=sent, trust_env=False).json()["access_token"]
        command.process.kill()
    for _ in range(2):
        with started("--state", file, "--quiet") as (command, url):
            new = [Customer(url, {"Authorization": f"Bearer {token}"}) for _ in range(3)]
            threads = [threading.Thread(target=customer) for customer in new]
            for thread in threads:
                thread.start()
            _until(lambda customers=new: all(customer.deleted for customer in customers))  # type: ignore[misc]
            time.sleep(chance.uniform(0.1, 0.4))
            command.process.kill()
            for thread in threads:
                thread.join()
            customers += new
    with started("--state", file, "--quiet") as (_, url), Control(url) as control:
        truth = {instance.instance_id: instance.status for instance in control.instances()}
        runs = [run.instance_id for run in control.ledger().entries]
        still_billed = {run.instance_id for run in control.ledger().open}
    started_ids = {instance_id for customer in customers for instance_id in customer.started}
    stopped = {instance_id for customer in customers for instance_id in customer.stopped}
    deleted = {instance_id for customer in customers for instance_id in customer.deleted}
    assert min(len(started_ids), len(stopped), len(deleted)) > 3
    assert len(runs) == len(set(runs))
    assert started_ids <= set(runs)
    assert not deleted & set(truth)
    assert not stopped & still_billed
    assert still_billed == {instance_id for instance_id, status in truth.items() if status != "stopped"}
    # a customer has one request on its way at most: that one has happened, or it has not
    assert len(set(runs) - started_ids) <= len(customers)
    assert len(started_ids - deleted - set(truth)) <= len(customers)


def test_a_state_in_use_is_a_short_error(tmp_path: Path) -> None:
    file = tmp_path / "sim.db"
    with running(state=file):
        assert refused("0", "--state", str(file)) == f"Error: {file} is in use by another simulator"


def test_a_file_that_is_no_state_is_a_short_error_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("dear diary")
    assert (
        refused("0", "--state", str(file)) == f"Error: {file} is not a state of this simulator, and was left as it is"
    )
    assert file.read_text() == "dear diary"


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_keeps_the_loud_lines_only(quiet: bool) -> None:
    with started(*(["--quiet"] if quiet else [])) as (command, url):
        httpx.get(f"{url}/api/v1/models", trust_env=False)
        httpx.get(f"{url}/api/v1/nope", trust_env=False)
        _, errors = command.end(signal.SIGTERM)
    assert ("GET /api/v1/models 200" in errors) is not quiet
    assert "WARNING no such route: GET /api/v1/nope" in errors


def test_it_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    file = tmp_path / "port"
    # a middleman starts the simulator and is killed without a chance to end it
    middleman = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen({COMMAND!r} + ['simulator', '--port', '0', '--port-file', sys.argv[1],"
        " '--parent-pid', str(os.getpid())], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", middleman, str(file)]) as process:
        try:
            _until(file.exists)
        finally:
            process.kill()
        # before anybody reaps the middleman: a dead parent is a zombie for as long as its own parent likes
        _until(lambda: not file.exists())


def test_a_parent_that_is_not_the_direct_one_is_watched_too(tmp_path: Path) -> None:
    file = tmp_path / "port"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other:
        try:
            with started("--port-file", str(file), "--parent-pid", str(other.pid)) as (command, _):
                assert command.process.poll() is None
                other.kill()
                other.wait()
                assert command.process.wait(PATIENCE) == 0
        finally:
            with suppress(ProcessLookupError):
                other.kill()


def test_print_env_is_what_a_shell_needs() -> None:
    line = (
        f'eval "$({sys.executable} -c "from pulumi_cortecs.cli import main; main()" simulator --port 4321 --print-env)"'
    )
    shown = subprocess.run(
        ["sh", "-c", f"{line}; env | grep -E '^(CORTECS|GCORE)_' | sort"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={"PATH": os.environ["PATH"]},
        check=True,
    )
    assert shown.stdout.split() == [
        "CORTECS_API_BASE_URL=http://127.0.0.1:4321/api/v1",
        "CORTECS_CLIENT_ID=sim",
        "CORTECS_CLIENT_SECRET=sim",
        "GCORE_API_KEY=sim$sim",
        "GCORE_BASE_URL=http://127.0.0.1:4321",
        "GCORE_CLOUD_PROJECT_ID=1",
    ]


@pytest.mark.parametrize(
    ("environment", "direct"),
    [
        ({"no_proxy": "example.org"}, None),
        ({"https_proxy": "http://proxy:1"}, "127.0.0.1,localhost"),
        ({"HTTP_PROXY": "http://proxy:1", "NO_PROXY": "example.org, localhost"}, "example.org,localhost,127.0.0.1"),
    ],
)
def test_print_env_leads_past_a_proxy(environment: dict[str, str], direct: str | None) -> None:
    lines = exports(4321, environment).splitlines()
    shown = [line for line in lines if "_proxy" in line.lower()]
    assert shown == ([] if direct is None else [f"export {name}={direct}" for name in ("no_proxy", "NO_PROXY")])


@pytest.mark.parametrize(
    "wrong",
    [
        ["--port", "0", "--print-env"],
        ["--port", "70000"],
        ["--speed", "0"],
        ["--speed", "nan"],
        ["--boot", "-1"],
        ["--boot", "nan"],
        ["--boot", "inf"],
        ["--token-ttl", "nan"],
        ["--host", "0.0.0.0"],
    ],
)
def test_a_wrong_option_is_a_usage_error(wrong: list[str]) -> None:
    failed = CliRunner().invoke(app, ["simulator", *wrong])
    assert failed.exit_code == 2
    assert "Traceback" not in failed.output


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def test_its_second_line_points_clients_at_the_proxy() -> None:
    with started("--tls-proxy", "--quiet") as (command, _):
        line = command.lines.readline().strip()
        variables = dict(word.split("=") for word in line.removeprefix("tls proxy: export ").split())
        with httpx.Client(
            proxy=variables["HTTPS_PROXY"],
            verify=ssl.create_default_context(cafile=variables["SSL_CERT_FILE"]),
            trust_env=False,
        ) as client:
            assert client.get("https://api.shadeform.ai/v1/instances/types").status_code == 200
        command.end(signal.SIGTERM)
        assert not Path(variables["SSL_CERT_FILE"]).exists()
