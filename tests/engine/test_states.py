"""The states as a provider's own process reads them: through the CLI above it, whatever the program maps for it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.engine.pulumi import Stack

_PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Reader(ResourceProvider):
    def create(self, props):
        import json, os, time
        from pulumi_cortecs.lifecycle.backends import identify_backend
        from pulumi_cortecs.lifecycle import engine_cli
        from pulumi_cortecs.provider import session
        from pulumi_cortecs.provider.host import current_call, provider_method
        from pathlib import Path

        @provider_method
        def read():
            before, urn = time.monotonic(), current_call().urn
            cli = engine_cli.current_cli()
            mine = session.current().states.stack_of(urn, before)
            every = session.current().states.every_stack(urn, before)
            return {
                "urn": urn,
                "mapped": os.environ["PULUMI_BACKEND_URL"],
                "command": cli.arguments[1],
                "executable": cli.executable,
                "backend": cli.environment["PULUMI_BACKEND_URL"],
                "is_the_clis": session.current().backend == identify_backend(cli.environment, Path("/")),
                "exclusive": session.current().is_exclusive("cortecs"),
                "fresh": mine.read_at >= before,
                "pending": [[order.urn, order.inputs["model_id"]] for order in mine.pending],
                "rows": [[row.urn.split("::")[-1], row.instance_id] for row in mine.rows],
                "stacks": [stack.name for stack in every],
            }

        Path(props["to"]).write_text(json.dumps(read()))
        return CreateResult("i-" + props["model_id"], props)

class Thing(Resource, module="cortecs", name="Instance"):
    def __init__(self, name, model_id, opts=None):
        super().__init__(Reader(), name, {"model_id": model_id, "to": f"TO/{name}.json"}, opts)

liar = pulumi.ProviderResource("pulumi-python", "liar", {}, pulumi.ResourceOptions(
    env_var_mappings={"LIE": "PULUMI_BACKEND_URL", "LIMITS": "PULUMI_CORTECS_LIMITS"}))
first = Thing("first", "a", pulumi.ResourceOptions(provider=liar))
Thing("second", "b", pulumi.ResourceOptions(provider=liar, depends_on=[first]))
"""


def test_a_provider_reads_its_own_runs_state_whatever_the_program_maps(stack: Stack, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"cortecs": {"account_is_exclusive": true}}')
    stack.program(_PROGRAM.replace("TO", str(tmp_path)))
    stack.up(env={"LIE": f"file://{tmp_path}/elsewhere", "LIMITS": str(limits)})
    readings = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("first", "second")}
    assert readings["second"] == {
        "urn": readings["second"]["urn"],
        "mapped": f"file://{tmp_path}/elsewhere",
        "command": "up",
        "executable": str(stack.pulumi.resolve()),
        "backend": stack.environment["PULUMI_BACKEND_URL"],
        "is_the_clis": True,
        "exclusive": False,
        "fresh": True,
        # the engine writes down what it is about to create before it calls us
        "pending": [[readings["second"]["urn"], "b"]],
        "rows": [["first", "i-a"]],
        "stacks": ["organization/tests/test"],
    }
    assert readings["first"]["pending"] == [[readings["first"]["urn"], "a"]]
    assert readings["first"]["rows"] == []


def test_whose_account_it_is_is_read_where_the_cli_says_so_itself(stack: Stack, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"cortecs": {"account_is_exclusive": true}}')
    stack.program(_PROGRAM.replace("TO", str(tmp_path)).replace(', "LIMITS": "PULUMI_CORTECS_LIMITS"', ""))
    lie = {"LIE": f"file://{tmp_path}/elsewhere", "PULUMI_CORTECS_LIMITS": str(limits)}
    stack.up(env=lie)
    assert json.loads((tmp_path / "second.json").read_text())["exclusive"] is True
