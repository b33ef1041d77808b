"""One model in two regions, behind one address, for those who have the key. While nobody asks it has no replica and
costs nothing.

The first request after a pause wakes it, and is refused with 503, like each one until a replica is ready.
"""

import pulumi

from pulumi_cortecs import gcore

MODEL = "Qwen/Qwen2-7B-Instruct"

key = gcore.ApiKey("chat-users")
chat = gcore.InferenceDeployment(
    "chat",
    gcore.InferenceDeploymentArgs(
        flavor_name="inference-16vcpu-232gib-1xl40s-48gb",
        image="vllm/vllm-openai:latest",
        command=["vllm", "serve", MODEL],
        listening_port=8000,
        containers=[
            gcore.Container(region_id="luxembourg-1", scale=gcore.Scale(min=0, max=1)),
            gcore.Container(region_id="luxembourg-2", scale=gcore.Scale(min=0, max=1)),
        ],
        timeout=900,  # seconds without a request, after which the replicas go
        api_keys=[key.name],  # without a key, anybody who finds the address uses the model at your cost
        ready_key=key.secret,
        ttl="8h",
        labels={"team": "search"},
    ),
)

pulumi.export("base_url", chat.base_url)
pulumi.export("key", key.secret)
pulumi.export("status", chat.status)
pulumi.export("quote", chat.quote)
