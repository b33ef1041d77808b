"""The uses of cortecs-py's DedicatedLLM, unmodified and with its own langchain, against the simulator.

Runs in the environment that has langchain (`fetch.py`), with CORTECS_* and the simulator's URL. Prints one line per
scenario; exits with 1 if one failed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from importlib.metadata import version
from typing import Any

import openai
import requests
from cortecs_py import Cortecs
from cortecs_py.integrations.langchain import DedicatedLLM

QWEN = "Qwen/Qwen2-7B-Instruct"
ANSWER = "This answer comes from the pulumi_cortecs simulator"

simulator = sys.argv[1]
cortecs = Cortecs()


def dedicated(**options: Any) -> DedicatedLLM:
    """Builds the class as a user does; the instances accept any key."""
    return DedicatedLLM(client=cortecs, model_name=QWEN, poll_interval=0.01, **{"api_key": "any", **options})


def a_block_starts_asks_and_leaves_nothing() -> None:
    with dedicated(temperature=0.2) as llm:
        (instance,) = cortecs.get_all_instances()
        assert instance.instance_status.status == "running"
        answer = llm.invoke("What is a pulumi?")
        assert answer.content.startswith(ANSWER), answer.content
        assert answer.usage_metadata["output_tokens"] > 0
        assert (llm.model_name, llm.temperature, llm.openai_api_base) == (QWEN, 0.2, instance.base_url)
    assert cortecs.get_all_instances() == []


def it_streams_batches_and_answers_asynchronously() -> None:
    with dedicated() as llm:
        pieces = [piece.content for piece in llm.stream("What is a pulumi?")]
        assert len([piece for piece in pieces if piece]) > 1
        assert "".join(pieces).startswith(ANSWER)
        answers = llm.batch(["one", "two", "three"])
        assert all(answer.content.startswith(ANSWER) for answer in answers)
        assert len(answers) == 3
        assert asyncio.run(llm.ainvoke([("system", "Be brief."), ("human", "Hello")])).content.startswith(ANSWER)


def the_order_says_what_was_asked_for() -> None:
    with dedicated(hardware_type_id="NVIDIA_L4_2", context_length=2000, billing_interval="per_hour"):
        (instance,) = cortecs.get_all_instances()
        args = instance.instance_args
        assert (args.hardware_type_id, args.context_length, args.billing_interval, args.num_workers) == (
            "NVIDIA_L4_2",
            2000,
            "per_hour",
            1,
        )


def an_error_in_the_block_ends_the_instance_too() -> None:
    try:
        with dedicated():
            raise LookupError
    except LookupError:
        assert cortecs.get_all_instances() == []
    else:
        raise AssertionError("the error was swallowed")


def what_was_shut_down_answers_no_more() -> None:
    dedicated_llm = dedicated()
    llm = dedicated_llm.start_up()
    assert llm.invoke("Hello").content.startswith(ANSWER)
    dedicated_llm.shut_down()
    try:
        llm.invoke("Hello")
    except openai.NotFoundError:
        return
    raise AssertionError("it still answers")


def a_boot_that_is_stuck_leaves_an_instance_that_is_billed() -> None:
    fault("stuck_boot")
    try:
        with dedicated(max_retries=3):
            raise AssertionError("it came up")
    except TimeoutError:
        (left,) = cortecs.get_all_instances()
    assert left.instance_status.status == "pending"  # this client forgets it: it is what our resources are for
    assert cortecs.delete_all(force=True) == [left.instance_id]


def without_a_key_nothing_is_ordered() -> None:
    os.environ.pop("OPENAI_API_KEY", None)
    try:
        dedicated(api_key=None)
    except ValueError:
        assert cortecs.get_all_instances() == []
        return
    raise AssertionError("it does without a key")


SCENARIOS = [
    a_block_starts_asks_and_leaves_nothing,
    it_streams_batches_and_answers_asynchronously,
    the_order_says_what_was_asked_for,
    an_error_in_the_block_ends_the_instance_too,
    what_was_shut_down_answers_no_more,
    a_boot_that_is_stuck_leaves_an_instance_that_is_billed,
    without_a_key_nothing_is_ordered,
]


def fault(kind: str) -> None:
    """Lets something go wrong with the next instance."""
    requests.post(f"{simulator}/_sim/faults", json={"kind": kind}, timeout=10).raise_for_status()


def main() -> int:
    """Runs all scenarios, each from an empty cloud."""
    print(", ".join(f"{name} {version(name)}" for name in ("cortecs-py", "langchain-openai", "openai")))
    failed = 0
    for scenario in SCENARIOS:
        requests.post(f"{simulator}/_sim/reset", json={}, timeout=10).raise_for_status()
        try:
            scenario()
        except Exception:
            failed += 1
            print(f"FAILED {scenario.__name__}\n{traceback.format_exc()}")
        else:
            print(f"ok {scenario.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
