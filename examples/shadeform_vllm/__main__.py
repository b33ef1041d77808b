"""One rented GPU machine on which vLLM serves one model, to those who have the key.

    pulumi config set --secret key "$(openssl rand -hex 24)"

Requests, answers and the key itself travel as plain http: the machine has an IP address and no certificate. Call it
from a network that you trust, or through a tunnel (`ssh -L`).
"""

import pulumi

from pulumi_cortecs import shadeform

MODEL = "Qwen/Qwen2-7B-Instruct"
key = pulumi.Config().require_secret("key")

chat = shadeform.Instance(
    "chat",
    shadeform.InstanceArgs(
        cloud="hyperstack",
        region="montreal-canada-2",
        shade_instance_type="A6000",
        launch_configuration=shadeform.LaunchConfiguration(
            docker_configuration=shadeform.DockerConfiguration(
                image="vllm/vllm-openai:latest",
                # without a key, anybody who finds the address uses the model at your cost
                args=pulumi.Output.concat("--model ", MODEL, " --api-key ", key),
                port_mappings=[shadeform.PortMapping(host_port=8000, container_port=8000)],
            )
        ),
        ready_key=key,
        ttl="8h",  # Shadeform deletes the machine then, though nobody's computer is on
        labels={"team": "search"},
    ),
)

pulumi.export("base_url", chat.base_url)
pulumi.export("status", chat.status)
pulumi.export("quote", chat.quote)
