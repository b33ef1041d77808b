"""Programs that tests run, as source."""

from __future__ import annotations


def one_instance(arguments: str = "", options: str = "", export: bool = True) -> str:
    """A program with one instance, "chat", of the model that the simulator recommends an L4 for."""
    more = f", {arguments}" if arguments else ""
    lines = [
        "import pulumi",
        "from pulumi_cortecs import Instance, InstanceArgs",
        f"chat = Instance('chat', InstanceArgs(model_id='Qwen/Qwen2-7B-Instruct'{more}),",
        f"                pulumi.ResourceOptions({options}))",
    ]
    if export:
        lines += [
            f"pulumi.export('{name}', chat.{name})" for name in ("base_url", "status", "hardware_type_id", "quote")
        ]
    return "\n".join(lines) + "\n"


def fleet(size: int) -> str:
    """A program with that many instances, n0, n1 ..."""
    return (
        "from pulumi_cortecs import Instance\n"
        f"for i in range({size}):\n"
        "    Instance(f'n{i}', model_id='Qwen/Qwen2-7B-Instruct')\n"
    )


NOTHING = "import pulumi\n"
