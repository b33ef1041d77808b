"""One rented instance that serves one model, and the address it answers at."""

import pulumi

from pulumi_cortecs import Instance, InstanceArgs

chat = Instance("chat", InstanceArgs(model_id="Qwen/Qwen2-7B-Instruct"))

pulumi.export("base_url", chat.base_url)
pulumi.export("status", chat.status)
pulumi.export("quote", chat.quote)
