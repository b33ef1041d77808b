"""Programs under Pulumi's mocks, each in a process of its own: the mocks leave sockets and event loops behind, and here
warnings are errors."""

from __future__ import annotations

import json
import tempfile
from typing import Any

from tests.preloaded import python

_PRELUDE = """
import json
import pulumi
from pulumi_cortecs import Endpoint, Instance, InstanceArgs

registered, said = [], {}

class Mocks(pulumi.runtime.Mocks):
    def call(self, args):
        return {}

    def new_resource(self, args):
        inputs = {key: value for key, value in args.inputs.items() if key != "__provider"}
        registered.append({"type": args.typ, "name": args.name, "inputs": inputs})
        if args.typ.endswith(":Instance"):
            # what check and create make of it; the engine knows floats only
            settled = {"context_length": 32000.0, "num_workers": 1.0, "state": "running", "restart_trigger": "",
                       "hardware_type_id": "NVIDIA_L4_1", "billing_interval": "per_minute",
                       "quote": {"hourly_total": "1.20", "currency": "EUR"}, "account": "cortecs:0"}
            outs = {**settled, **inputs, "instance_id": args.name + "-id"}
            if "model_id" in outs:
                outs["model_id"] = outs["model_id"].replace("/", "--")
        else:
            stopped = inputs.get("state") == "stopped"
            outs = {**inputs, "status": "stopped" if stopped else "running",
                    "base_url": "" if stopped else "http://127.0.0.1/v1",
                    "worker_statuses": [{} if stopped else
                                        {"init_progress": {"current_step": 5.0, "description": "runs"}}],
                    "started_at": "2025-01-01T00:00:00Z", "stopped_at": "2025-01-02T00:00:00Z" if stopped else ""}
        return args.name + "-id", outs

pulumi.runtime.set_mocks(Mocks(), preview=False)

def say(key, output):
    # an Output as {value, is_secret, type}
    def known(value):
        said[key] = value
    return pulumi.Output.from_input(output).apply(known)
"""

_MAIN = """
@pulumi.runtime.test
def main():
    return pulumi.Output.all(*(program() or []))

main()
registered.sort(key=lambda resource: (resource["type"], resource["name"]))
print("RESULT " + json.dumps({"said": said, "registered": registered}))
"""


def run(body: str) -> dict[str, Any]:
    """Runs `body` as a function that may `return [say("key", output), ...]`.

    Returns `said`, by key, and `registered`: type, name and inputs of each resource, by type and name.
    """
    indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
    program = f"{_PRELUDE}\ndef program():\n{indented}\n{_MAIN}"
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = python(["-c", program], out.fileno(), err.fileno()).wait(60)
        out.seek(0)
        err.seek(0)
        assert code == 0, err.read().decode()
        printed = out.read().decode()
    (result,) = [line for line in printed.splitlines() if line.startswith("RESULT ")]
    result_data: dict[str, Any] = json.loads(result.removeprefix("RESULT "))
    return result_data
