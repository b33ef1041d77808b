"""The hourly cost of a run stands once under Diagnostics, which the CLI shows above its question."""

from __future__ import annotations

import re
import textwrap

from pulumi_cortecs.simulator import Simulator
from tests.engine.pulumi import Stack

PROGRAM = textwrap.dedent(
    """
    import pulumi
    from pulumi_cortecs import Instance, gcore, shadeform

    place = {"cloud": "hyperstack", "region": "montreal-canada-2"}
    chat = Instance("chat", model_id="Qwen/Qwen2-7B-Instruct", num_workers=WORKERS)
    shadeform.Volume("data", **place, size_in_gb=100)
    scale = {"min": 0, "max": 2}
    gcore.InferenceDeployment(
        "scaled", flavor_name="inference-4vcpu-16gib", image="i", listening_port=80, ready="status",
        containers=[{"region_id": 1, "scale": scale}],
    )
    chat.quote.apply(lambda quote: Instance("inner", model_id="Qwen/Qwen2-7B-Instruct", state="STATE"))
    """
)


def test_one_line_counts_every_cloud_and_what_an_apply_declares(stack: Stack, simulator: Simulator) -> None:
    stack.program(PROGRAM.replace("WORKERS", "1").replace("STATE", "running"))
    total = "3 instances and 1 volume, 2.40 EUR/h and 0.01 to 0.25 USD/h"
    for run in (stack.preview(), stack.up()):
        diagnostics = run.text.partition("Diagnostics:")[2]
        assert diagnostics.count(total) == 1, run.text
        assert diagnostics.count("EUR/h") == 1, run.text
        assert re.search(r"shadeform:Volume data created? .*0\.01 USD/h", run.text), run.text
    stack.program(PROGRAM.replace("WORKERS", "2").replace("STATE", "stopped"))
    text = stack.preview().text
    assert "replace [diff: ~num_workers,quote]; 1.20 -> 2.40 EUR/h; both are billed while swapping" in text, text
    assert "3 instances and 1 volume, 2.40 EUR/h and 0.01 to 0.25 USD/h; 1 stopped" in text, text
