"""The evasion suite, a limit that many share: a ceiling for one instance, and a vendor whose list is late, so that
its answers do not show the orders of the others. An attempt that gets a second one is through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, bought
from tests.contract.host import IMPATIENT, CallFailedError, Host, hosting
from tests.contract.patience import until
from tests.engine.pulumi import Stack
from tests.policy.attempts import Attempts
from tests.policy.conftest import ENGINE
from tests.policy.evading import HEADER
from tests.policy.test_evasion import sold
from tests.policy.test_evasion_second_line import machine

CEILING = "the ceiling of the account is 1.20 EUR"
LATE = 1200.0
"""Virtual seconds, twenty real ones."""

Process = Callable[..., Host]


def shouted(simulator: Simulator) -> str:
    """Its address, spelled otherwise."""
    return simulator.base_url.replace("http://", "HTTP://")


@pytest.fixture
def process(simulator: Simulator, tmp_path: Path) -> Iterator[Process]:
    """Begins provider processes of one machine, under a ceiling for one instance."""
    ceiling = machine(tmp_path, simulator, account_hourly_ceiling="1.20 EUR")
    with ExitStack() as stack:
        yield lambda folder=tmp_path, **more: stack.enter_context(
            hosting({**simulator.env(), **ceiling, **more}, before=IMPATIENT, machine=str(folder))
        )


def late(simulator: Simulator) -> None:
    """Makes the list late for all further purchases."""
    simulator.control.fault("list_lag", count=20, seconds=LATE)


def refused(host: Host) -> str:
    """The reason why a purchase was refused, "" when it was not."""
    try:
        host.instance().create(INPUTS)
    except CallFailedError as error:
        return str(error)
    return ""


def through(simulator: Simulator, text: str) -> bool:
    return len(sold(simulator)) != 1 or CEILING not in text


MOVED: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "HOME": {"HOME": "/nonexistent/elsewhere"},
    "XDG_STATE_HOME": {"XDG_STATE_HOME": "/nonexistent/elsewhere"},
    "PULUMI_HOME": {"PULUMI_HOME": "/nonexistent/elsewhere"},
    "the user's name": {"USER": "somebody", "LOGNAME": "somebody"},
    "the lag of the list": {"PULUMI_CORTECS_LIST_LAG": "0"},
}
"""By name, what a program sets for one more of its providers. The journal is another one each time."""


def test_processes_that_move_what_a_program_can_move(
    process: Process, simulator: Simulator, attempts: Attempts, tmp_path: Path
) -> None:
    late(simulator)
    process().instance().create(INPUTS)
    with ThreadPoolExecutor() as pool:
        hosts = list(pool.map(lambda moved: process(**moved), MOVED.values()))
        texts = list(pool.map(refused, hosts))
    for name, text in zip(MOVED, texts, strict=True):
        attempts.tried(f"another process that moves {name}", through=through(simulator, text))
    text = refused(process(CORTECS_API_BASE_URL=shouted(simulator)))
    attempts.tried("the address spelled otherwise", through=len(sold(simulator)) != 1 or "believes" not in text)
    text = refused(
        process(**machine(tmp_path, simulator, account_hourly_ceiling="1.20 EUR", ledger=str(tmp_path / "own")))
    )
    attempts.tried("a ledger that a file of one's own names", through=through(simulator, text))


@pytest.mark.parametrize("sent", [True, False])
def test_a_process_that_is_killed(process: Process, simulator: Simulator, attempts: Attempts, *, sent: bool) -> None:
    simulator.control.run_at(1)  # how long nothing has come of it is told by the vendor's clock
    late(simulator)
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=20, after_side_effect=sent)
    host = process()
    call = host.stub.Create.future(host.instance().create_request(INPUTS))
    until(lambda: simulator.control.requests().count("POST /api/v1/instances/start") == 1)
    until(lambda: not sent or len(sold(simulator)) == 1)
    host.process.kill()
    host.process.wait(timeout=10)
    call.cancel()
    simulator.control.clear_faults()
    text = "; ".join(refused(host) for host in (process(), process(PULUMI_CORTECS_LIST_LAG="0")))
    missed = len(sold(simulator)) > sent or text.count(CEILING) != 2
    attempts.tried(
        f"a process that is killed {'after' if sent else 'before'} the vendor has started it", through=missed
    )


def test_lists_that_are_empty(process: Process, simulator: Simulator, attempts: Attempts, tmp_path: Path) -> None:
    host = process()
    made = host.instance().create(INPUTS)
    simulator.control.fault("empty_list", count=50, path="/api/v1/instances")
    attempts.tried("an empty list, in the same process", through=through(simulator, refused(host)))
    attempts.tried("an empty list, in another process", through=through(simulator, refused(process())))
    newcomer = process(tmp_path / "nothing noted")
    newcomer.instance().diff(made.outs, INPUTS, made.id)
    attempts.tried("an empty list, where only the state knows", through=through(simulator, refused(newcomer)))
    simulator.control.clear_faults()
    host.instance().delete(made)  # and its room is free at once
    assert refused(process()) == ""


def test_a_restart_between_its_stop_and_its_start(process: Process, simulator: Simulator, attempts: Attempts) -> None:
    """The list shows it stopped then. A restart asks for no limits, and keeps its room."""
    one, other = process(), process()
    made = one.instance().create(INPUTS)
    simulator.control.fault("slow_answer", path="/instances/restart", real_seconds=2, after_side_effect=False)
    with ThreadPoolExecutor(1) as pool:
        restart = pool.submit(lambda: one.instance().update(made, {**INPUTS, "restart_trigger": "2"}))
        until(lambda: simulator.control.requests().count("POST /api/v1/instances/restart") == 1)
        for name, host in {"another process": other, "the same process": one}.items():
            text = refused(host)
            attempts.tried(f"a purchase in {name} while a restart is on its way", through=through(simulator, text))
        restart.result()


def test_an_order_on_its_way_behind_somebody_elses_instance(
    process: Process, simulator: Simulator, attempts: Attempts, tmp_path: Path
) -> None:
    """Room for two: one whose answer is late, and one like it that was bought outside."""
    room = machine(tmp_path, simulator, account_hourly_ceiling="2.40 EUR")
    one, other = process(**room), process(**room)
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=2, after_side_effect=False, count=1)
    with ThreadPoolExecutor(1) as pool:
        order = pool.submit(refused, one)
        until(lambda: simulator.control.requests().count("POST /api/v1/instances/start") == 1)
        bought(simulator)
        text = refused(other)
        assert order.result() == ""
    missed = len(sold(simulator)) != 2 or "the ceiling of the account is 2.40 EUR" not in text
    attempts.tried("a third behind somebody else's instance that looks like the second", through=missed)


def test_a_ledger_that_cannot_be_used(
    process: Process, simulator: Simulator, attempts: Attempts, tmp_path: Path
) -> None:
    """Then what one process orders goes one at a time. What several do at once is not known: docs/limits.md says so."""
    (tmp_path / "machine" / "ledger.sqlite3").mkdir(parents=True)
    simulator.control.fault("list_lag", count=20, seconds=60.0)
    host = process()
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: refused(host), range(4)))
    missed = len(sold(simulator)) != 1 or sum(CEILING in text for text in texts) != 3
    attempts.tried("four at once in one process without a ledger", through=missed)


@ENGINE
def test_four_providers_in_one_program_that_move_what_they_can(
    stack: Stack, simulator: Simulator, attempts: Attempts
) -> None:
    limits = machine(stack.directory, simulator, account_hourly_ceiling="1.20 EUR")
    late(simulator)
    stack.program(
        HEADER
        + "MOVED = ({}, {'ELSEWHERE': 'HOME'}, {'ELSEWHERE': 'XDG_STATE_HOME', 'NO': 'PULUMI_CORTECS_LIST_LAG'},\n"
        "         {'ELSEWHERE': 'PULUMI_CORTECS_STATE_DIR'})\n"
        "for i, moved in enumerate(MOVED):\n"
        "    one = Provider(f'p{i}', Opts(env_var_mappings=moved), client_id='sim', client_secret='sim',\n"
        "        api_base_url=os.environ['CORTECS_API_BASE_URL'])\n"
        "    make(f'n{i}', Opts(provider=one))\n"
    )
    run = stack.up(expect=None, env={**limits, "ELSEWHERE": str(stack.directory / "elsewhere"), "NO": "0"})
    attempts.tried("four providers in one program, each with an environment", through=through(simulator, run.text))


@ENGINE
def test_four_stacks_at_once(
    make_stack: Callable[[Mapping[str, str]], Stack], simulator: Simulator, attempts: Attempts, tmp_path: Path
) -> None:
    limits = machine(tmp_path, simulator, account_hourly_ceiling="1.20 EUR")
    late(simulator)
    stacks = [make_stack(simulator.env()) for _ in range(4)]
    for stack in stacks:
        stack.program(HEADER + "make('one')\n")
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda stack: stack.up(expect=None, env=limits), stacks))
    text = "; ".join(run.text for run in runs)
    missed = through(simulator, text) or sorted(run.code == 0 for run in runs) != [False, False, False, True]
    attempts.tried("four stacks at once", through=missed)
