"""Bad input through the real CLI: a short message in the right place, a non-zero exit, nothing bought or lost."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator, running
from tests.contract.catalogues import pinned_from
from tests.contract.host import IMPATIENT
from tests.engine.packages import quick
from tests.engine.programs import one_instance
from tests.engine.pulumi import Run, Stack, read_until
from tests.preloaded import IS_POSSIBLE, preloaded

MakeStack = Callable[[Mapping[str, str]], Stack]


def assert_short_and_clean(run: Run, *words: str) -> None:
    """The message is there, says the words, and drags no traceback along."""
    for word in words:
        assert word in run.text
    for noise in ("Traceback", 'File "', "Exception calling application", "grpc"):
        assert noise not in run.text, run.text


def test_a_wrong_argument_is_refused_on_its_property(stack: Stack, simulator: Simulator) -> None:
    # what else can be wrong: tests/contract/test_check.py
    stack.run("config", "set", "--secret", "model", "Qwen/Qwen2-7B-Instrukt")
    stack.program(one_instance().replace("'Qwen/Qwen2-7B-Instruct'", "pulumi.Config().require_secret('model')"))
    run = stack.up(expect=1)
    assert_short_and_clean(run, "property model_id", "no model '[secret]'; did you mean Qwen--Qwen2-7B-Instruct?")
    assert "Instrukt" not in run.text
    assert simulator.control.instances() == ()
    assert stack.resources("Instance") == []


def test_hardware_that_does_not_fit_the_model_is_refused(stack: Stack, simulator: Simulator) -> None:
    small = "hardware_type_id='NVIDIA_L4_1'"
    stack.program(one_instance(small).replace("Qwen/Qwen2-7B-Instruct", "neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8"))
    assert_short_and_clean(stack.preview(expect=1), "property hardware_type_id", "does not run on NVIDIA_L4_1")
    assert simulator.control.instances() == ()


def test_a_wrong_change_leaves_what_runs_alone(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    ids = stack.instance_ids()
    stack.program(one_instance("hardware_type_id='NVIDIA_L5_1'"))
    stack.up(expect=1)
    assert stack.instance_ids() == ids
    assert len(simulator.control.ledger().open) == 1


def test_without_credentials_the_price_is_shown_and_nothing_is_bought(
    simulator: Simulator, make_stack: MakeStack
) -> None:
    stack = make_stack({"CORTECS_API_BASE_URL": simulator.base_url})
    stack.program(one_instance())
    assert 'hourly_total    : "1.20"' in stack.preview("--diff").text
    assert_short_and_clean(stack.up(expect=1), "nothing was bought", "set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET")
    assert simulator.control.instances() == ()


def test_wrong_credentials_buy_nothing_and_are_not_shown(simulator: Simulator, make_stack: MakeStack) -> None:
    stack = make_stack({**simulator.env(), "CORTECS_CLIENT_SECRET": "quite-wrong-secret"})
    stack.program(one_instance())
    run = stack.up(expect=1)
    assert_short_and_clean(run, "nothing was bought", "401")
    assert "quite-wrong-secret" not in run.text
    assert simulator.control.instances() == ()


def test_wrong_credentials_never_take_an_instance_for_gone(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    ids = stack.instance_ids()
    wrong = {"CORTECS_CLIENT_SECRET": "quite-wrong-secret"}
    run = stack.refresh(expect=1, env=wrong)
    assert_short_and_clean(run, "state stays as it was")
    assert stack.instance_ids() == ids


def test_another_accounts_key_never_takes_an_instance_for_gone(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    ids = stack.instance_ids()
    simulator.control.register("someone", "else", account="another")
    run = stack.refresh(expect=1, env={"CORTECS_CLIENT_ID": "someone", "CORTECS_CLIENT_SECRET": "else"})
    assert_short_and_clean(run, "was created with other credentials")
    assert stack.instance_ids() == ids
    assert len(stack.resources("Endpoint")) == 1


@contextmanager
def unreachable(make_stack: MakeStack, impatient: Path) -> Iterator[tuple[Stack, int]]:
    """A stack whose API cannot be reached for the length of the block, and the API's port. `impatient` is a folder for
    what makes the retries follow each other at once."""
    impatience = quick(impatient, preloaded() if IS_POSSIBLE else None, before=IMPATIENT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        port = taken.getsockname()[1]
        credentials = {"CORTECS_CLIENT_ID": "sim", "CORTECS_CLIENT_SECRET": "sim", **impatience}
        stack = make_stack({"CORTECS_API_BASE_URL": f"http://127.0.0.1:{port}/api/v1", **credentials})
        stack.program(one_instance())
        yield stack, port


def test_an_unreachable_api_buys_nothing(make_stack: MakeStack, tmp_path: Path) -> None:
    with unreachable(make_stack, tmp_path) as (stack, _):
        preview = stack.preview("--diff")
        run = stack.up(expect=1)
    # a preview of a fork's pull request has no network, and is no reason to stop reviewing it
    assert "warning: the defaults and the price are unknown" in preview.text
    assert_short_and_clean(run, "cannot be reached", "nothing was bought: its price could not be asked for")
    assert stack.resources("Instance") == []


def test_without_the_api_the_pinned_catalogue_prices_the_plan_only(make_stack: MakeStack, tmp_path: Path) -> None:
    with unreachable(make_stack, tmp_path) as (stack, port):
        pinned_from(f"http://127.0.0.1:{port}/api/v1", stack.project / "catalogue.lock.yaml")
        plan = str(stack.directory / "plan.json")
        preview = stack.preview("--diff", "--save-plan", plan)
        run = stack.up(expect=1)
    for shown in ('hourly_total    : "1.20"', 'source          : "catalogue 2026-11-21"', "NVIDIA_L4_1"):
        assert shown in preview.text
    assert "warning: defaults and prices are those of the catalogue of 2026-11-21" in preview.text
    assert_short_and_clean(
        run, "nothing was bought: its price is from the pinned catalogue 2026-11-21, not from the API"
    )
    assert stack.resources("Instance") == []
    with running(port=port) as simulator:  # what was reviewed is not what would be bought
        assert "violates plan" in stack.up("--plan", plan, expect=1).text
        assert simulator.control.instances() == ()


def test_a_url_that_would_send_the_secret_in_clear_is_refused(make_stack: MakeStack) -> None:
    credentials = {"CORTECS_CLIENT_ID": "sim", "CORTECS_CLIENT_SECRET": "sim"}
    stack = make_stack({"CORTECS_API_BASE_URL": "http://cortecs.invalid/api/v1", **credentials})
    stack.program(one_instance())
    run = stack.up(expect=1)
    assert_short_and_clean(run, "CORTECS_API_BASE_URL must start with https://")


def test_an_api_that_dies_during_the_wait_loses_nothing(make_stack: MakeStack) -> None:
    with ExitStack() as until_it_dies:
        simulator = until_it_dies.enter_context(running(speed=1, boot=600))
        stack = make_stack(simulator.env())
        stack.program(one_instance(options="custom_timeouts=pulumi.CustomTimeouts(create='3s')"))
        with stack.started("up", "--yes", "--skip-preview") as process:
            assert process.stdout is not None
            read_until(process, "1/5")
            (bought,) = simulator.control.instances()
            until_it_dies.close()
            run = Run(text=process.stdout.read(), code=process.wait(timeout=60))
    assert run.code == 1
    assert_short_and_clean(run, "was not ready within 3 s", "no answer", "costs 1.20 EUR/h")
    assert stack.instance_ids() == {bought.instance_id}


@pytest.mark.parametrize("path", ["*/models*", "*/hardware-types*"])
def test_malformed_prices_buy_nothing(stack: Stack, simulator: Simulator, path: str) -> None:
    simulator.control.fault("malformed_json", method="GET", path=path)
    stack.program(one_instance())
    run = stack.up(expect=1)
    assert_short_and_clean(run, "nothing was bought", "in an undocumented form")
    assert simulator.control.instances() == ()


def test_a_lost_answer_to_the_purchase_still_buys_exactly_one(stack: Stack, simulator: Simulator) -> None:
    # what else can happen to it: tests/contract/test_every_cloud.py
    simulator.control.fault("lost_answer", method="POST", path="*/instances/start", count=1)
    stack.program(one_instance())
    stack.up()
    assert stack.instance_ids() == {instance.instance_id for instance in simulator.control.instances()}
    assert len(stack.instance_ids()) == 1
    stack.destroy()
    assert simulator.control.ledger().open == ()


def test_a_busy_vendor_buys_nothing_and_the_next_up_does(stack: Stack, simulator: Simulator) -> None:
    simulator.control.fault("too_many_requests", method="POST", path="*/instances/start", count=1)
    stack.program(one_instance())
    assert_short_and_clean(stack.up(expect=1), "nothing was bought", "429")
    assert simulator.control.instances() == ()
    stack.up()
    assert len(simulator.control.instances()) == 1


def test_an_error_is_never_taken_for_gone(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    ids = stack.instance_ids()
    for kind in ("server_error", "malformed_json"):
        simulator.control.fault(kind, method="GET", path="*/instances*")
        run = stack.refresh(expect=1)
        assert_short_and_clean(run, "state stays as it was")
        assert stack.instance_ids() == ids
        simulator.control.clear_faults()
    stack.drift(expect=0)


def test_a_destroy_that_fails_keeps_the_instance_in_the_state(stack: Stack, simulator: Simulator) -> None:
    stack.program(one_instance())
    stack.up()
    ids = stack.instance_ids()
    simulator.control.fault("server_error", method="DELETE")
    assert_short_and_clean(stack.destroy(expect=1), "may still exist and be billed")
    assert stack.instance_ids() == ids
    simulator.control.clear_faults()
    stack.destroy()
    assert simulator.control.instances() == ()
