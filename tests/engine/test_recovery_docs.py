"""docs/recovery.md: what it says is seen is seen, and its commands go on from there. Interrupts and what the vendor
does are followed by tests of their own, in test_interrupt.py and test_vendor_moves.py."""

from __future__ import annotations

import json
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import pytest

from pulumi_cortecs.http import api_client
from pulumi_cortecs.lifecycle.orphans import GRACE_PERIOD
from pulumi_cortecs.simulator import Simulator
from tests.contract.patience import until
from tests.engine import advice
from tests.engine.advice import assert_seen, follow
from tests.engine.documented import commands_of
from tests.engine.programs import fleet, one_instance
from tests.engine.pulumi import Stack, kill_session, read_until

FOLLOWED_IN = "\n".join(
    (Path(__file__).parent / name).read_text(encoding="utf-8")
    for name in (
        "test_recovery_docs.py",
        "test_interrupt.py",
        "test_vendor_moves.py",
        "test_asked.py",
        "test_came.py",
        "test_shared_rows.py",
    )
)
KILLED = "Killed, or the terminal closed"
SPACE = 2048
"""Bytes that are left on a disk: too few for a state with an instance in it."""

limits_disk = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits the files of another")


def leave_space(process: Popen[str], size: int) -> None:
    """From now on no file that the CLI itself writes can be larger than that."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


@contextmanager
def buying(stack: Stack, simulator: Simulator, instances: int, answered_after: float) -> Iterator[Popen[str]]:
    """Runs `up` until the vendor has started so many instances and has not answered yet."""
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=answered_after)
    with stack.started("up", "--yes", "--skip-preview") as process:
        until(lambda: len(simulator.control.instances()) == instances or process.poll() is not None, seconds=30)
        yield process
    simulator.control.clear_faults()


def is_broken(state: Path) -> bool:
    try:
        json.loads(state.read_text())
    except ValueError:
        return True
    return False


@limits_disk
def test_on_a_full_disk_nothing_is_bought_until_there_is_space(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(1))
    with stack.started("up", "--yes", "--skip-preview") as process:
        leave_space(process, 0)
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 1
    assert_seen("a disk that is full from the start", text + stack.up(expect=1).text)
    assert simulator.control.instances() == ()
    follow(stack, "A full disk")

    stack.program(fleet(2))
    with buying(stack, simulator, 2, answered_after=2) as process:
        leave_space(process, SPACE)
        read_until(process, "Instance n1 created")
        leave_space(process, resource.RLIM_INFINITY)
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}
    assert len(stack.instance_ids()) == 2


@limits_disk
def test_a_disk_that_fills_up_costs_the_state_and_no_instance(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(1))
    stack.up()
    stack.program(fleet(3))
    with buying(stack, simulator, 3, answered_after=2) as process:
        leave_space(process, SPACE)
        read_until(process, "created")
        until(lambda: is_broken(stack.state_file), seconds=30)
        process.send_signal(signal.SIGKILL)  # it would try again for half a minute, and fail with the same
        process.wait(timeout=10)
    folder = str(stack.directory / "state")
    stack.state_file.with_name(f"{stack.name}.json.attrs").unlink(missing_ok=True)  # it may be half written, too
    stack.run("cancel", "--yes")
    assert_seen("a disk that fills up", stack.up(expect=1).text)
    text = follow(stack, "A full disk", 1, FOLDER=folder, PROJECT="tests", STACK=stack.name)
    assert text.count("is taken over") >= 2
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}
    assert len(stack.instance_ids()) == 3


def test_a_kill_while_the_state_is_saved_only_leaves_half_a_file(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(1))
    stack.up()
    beside = stack.state_file.with_name(f"{stack.name}.json.attrs")
    beside.write_text("")
    assert_seen("killed while it saved the state", stack.up(expect=1).text)
    follow(stack, KILLED, 2, FOLDER=str(stack.directory / "state"), PROJECT="tests", STACK=stack.name)
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}
    assert len(stack.instance_ids()) == 1


def test_a_journal_that_cannot_be_used_is_warned_of_and_buys_nothing_twice(stack: Stack, simulator: Simulator) -> None:
    folder = Path(stack.environment["PULUMI_CORTECS_STATE_DIR"])
    folder.mkdir()
    (folder / "orders.sqlite3").write_text("no database " * 1000)
    stack.program(one_instance())
    with buying(stack, simulator, 1, answered_after=60) as process:
        kill_session(process.pid)
    (lost,) = simulator.control.instances()
    simulator.control.advance(GRACE_PERIOD.total_seconds())

    assert "1 orphan" in follow(stack, "Without a journal", expect=3)
    refused = stack.up(expect=1).text
    assert_seen("killed, and without a journal", refused)
    assert lost.instance_id in refused
    assert len(simulator.control.instances()) == 1
    bought = follow(stack, "Without a journal", 1, ID=lost.instance_id)
    assert_seen("the journal cannot be written", bought)
    (replacement,) = simulator.control.instances()
    assert stack.instance_ids() == {replacement.instance_id} != {lost.instance_id}


def test_a_proxy_for_everything_is_taken_between_pulumi_and_the_program(stack: Stack) -> None:
    stack.program("print('the first line')")
    stack.environment |= {"http_proxy": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
    assert_seen("a proxy for everything", stack.preview(expect=1).text)
    stack.environment |= {"no_proxy": "127.0.0.1,localhost"}
    assert "the first line" in stack.preview().text


def test_an_unusable_variable_stops_purchases_and_no_destroy(stack: Stack, simulator: Simulator) -> None:
    stack.program(fleet(1))
    stack.up()
    stack.environment["PULUMI_CORTECS_LIST_LAG"] = "x"
    stack.environment |= {
        "NO_PROXY": "127.0.0.1,[::1]",
        "ALL_PROXY": "socks://127.0.0.1:9",
        "SSL_CERT_FILE": "/nowhere",
    }
    stack.program(fleet(2))
    refused = stack.up(expect=1).text
    assert_seen("a variable that cannot be used", refused)
    assert "PULUMI_CORTECS_LIST_LAG: got 'x'; must be a number of seconds" in refused
    assert "Traceback" not in refused
    assert len(simulator.control.ledger().entries) == 1
    stack.refresh()
    stack.destroy()
    assert simulator.control.instances() == ()


def test_what_was_not_ready_in_time_goes_on_whatever_became_of_it(stack: Stack, simulator: Simulator) -> None:
    simulator.control.pause()
    soon = "pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create='1s'))"
    stack.program(
        "import pulumi\n"
        "from pulumi_cortecs import Instance\n"
        "for word in ('keep', 'stop', 'delete'):\n"
        f"    Instance(word, {soon}, model_id='Qwen/Qwen2-7B-Instruct', on_timeout=word)\n"
    )
    text = stack.up(expect=1).text
    assert text.count("was not ready within") >= 3
    assert_seen("not ready in time", text)
    assert sorted(instance.status for instance in simulator.control.instances()) == ["pending", "stopped"]
    simulator.control.resume()
    follow(stack, "Not ready in time")
    assert [instance.status for instance in simulator.control.instances()] == ["running"] * 3
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}


def test_every_row_is_seen_and_every_section_followed_by_some_test() -> None:
    assert advice.rows()
    for row in advice.rows():
        assert f'assert_seen("{row}"' in FOLLOWED_IN, row
    sections = re.findall(r"^## (.+)$", advice.TEXT, re.M)
    for section in sections:
        for number in range(len(commands_of(advice.PAGE, section))):
            name = {"Two ^C, or an API that hangs": "TWO", KILLED: "KILLED"}.get(section)
            call = f"follow(stack, {name or repr(section)}".replace("'", '"')
            assert FOLLOWED_IN.count(call) > number, (section, number)


def test_the_figures_of_the_page() -> None:
    text = " ".join(advice.TEXT.split())
    assert (
        f"An answer is given {api_client._TIMEOUT.read or 0:.0f} seconds to go on, "
        f"and {api_client.MAX_ANSWER_SECONDS:.0f}" in text
    )
    assert f"more than {api_client.MAX_ANSWER_BYTES // 2**20} MB" in text
    assert (GRACE_PERIOD.total_seconds(), "younger than two minutes" in advice.TEXT) == (120, True)
