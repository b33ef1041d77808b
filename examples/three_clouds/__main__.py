"""One model at three clouds, for a client that takes the next address when one does not answer.

What all of it may cost an hour is limited in each currency, by a policy pack:

    pulumi preview --policy-pack policies/cost/run --policy-pack-config policies/cost/limits/demo-all.json
"""

import pulumi

from pulumi_cortecs import Instance, gcore, shadeform

MODEL = "Qwen/Qwen2-7B-Instruct"
key = gcore.ApiKey("users")  # the machine at Shadeform takes it, too

rented = {
    "cortecs": Instance("cortecs", model_id=MODEL, ttl="8h"),
    "shadeform": shadeform.Instance(
        "shadeform",
        cloud="hyperstack",
        region="montreal-canada-2",
        shade_instance_type="A6000",
        launch_configuration=shadeform.LaunchConfiguration(
            docker_configuration=shadeform.DockerConfiguration(
                image="vllm/vllm-openai:latest",
                args=pulumi.Output.concat("--model ", MODEL, " --api-key ", key.secret),
                port_mappings=[shadeform.PortMapping(host_port=8000, container_port=8000)],
            )
        ),
        ready_key=key.secret,
        ttl="8h",
    ),
    "gcore": gcore.InferenceDeployment(
        "gcore",
        flavor_name="inference-16vcpu-232gib-1xl40s-48gb",
        image="vllm/vllm-openai:latest",
        command=["vllm", "serve", MODEL],
        listening_port=8000,
        containers=[gcore.Container(region_id="luxembourg-1", scale=gcore.Scale(min=0, max=2))],
        timeout=900,
        api_keys=[key.name],
        ready_key=key.secret,
        ttl="8h",
    ),
}

pulumi.export("base_urls", {cloud: instance.base_url for cloud, instance in rented.items()})
pulumi.export("quotes", {cloud: instance.quote for cloud, instance in rented.items()})
pulumi.export("key", key.secret)
