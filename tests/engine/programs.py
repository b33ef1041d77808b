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


def things() -> str:
    """Source that defines Thing, a resource of no cloud that costs nothing, to stand beside an instance."""
    return (
        "import pulumi\n"
        "from pulumi.dynamic import CreateResult, Resource, ResourceProvider\n"
        "class Maker(ResourceProvider):\n"
        "    def create(self, props):\n"
        "        return CreateResult('made', props)\n"
        "class Thing(Resource, name='Thing'):\n"
        "    def __init__(self, name, opts=None):\n"
        "        super().__init__(Maker(), name, {}, opts)\n"
    )


def in_a_component(constructor: str, options: str = "") -> str:
    """A program whose component "app" has one instance, "chat", made by what `constructor` says: "Instance", or the
    name of a subclass, Sized, that knows its hardware."""
    return (
        "import pulumi\n"
        "from pulumi_cortecs import Instance\n"
        "class Sized(Instance):\n"
        "    def __init__(self, name, opts=None, **arguments):\n"
        "        super().__init__(name, opts, hardware_type_id='NVIDIA_L4_1', **arguments)\n"
        "class App(pulumi.ComponentResource):\n"
        "    def __init__(self, name):\n"
        "        super().__init__('tests:index:App', name)\n"
        f"        opts = pulumi.ResourceOptions(parent=self, {options})\n"
        f"        self.chat = {constructor}('chat', opts, model_id='Qwen/Qwen2-7B-Instruct')\n"
        "        self.register_outputs({'base_url': self.chat.base_url})\n"
        "app = App('app')\n"
        "pulumi.export('base_url', app.chat.base_url)\n"
        "pulumi.export('context_length', app.chat.context_length)\n"
    )
