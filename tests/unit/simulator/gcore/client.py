"""A small client of Gcore's deployments, written from docs/apis/gcore.md and from no code of ours."""

from __future__ import annotations

from typing import Any

import httpx

from tests.unit.simulator.gcore.answers import body_of

BOOT = 30
"""Virtual seconds from the order to ACTIVE in these tests, a third of it DEPLOYING."""
TASK = 6
"""Virtual seconds of a task."""
PROJECT = "/cloud/v3/inference/1"
PATH = f"{PROJECT}/deployments"
L40S = "inference-16vcpu-232gib-1xl40s-48gb"
"""A flavor at 1.80 an hour, 0.03 a minute."""
CPU = "inference-4vcpu-16gib"
"""A flavor at 0.12 an hour."""
NAME = "my-model"
WANTED = {"name": NAME, "flavor_name": L40S, "image": "vllm/vllm-openai:v1", "listening_port": 8000}


def region(region_id: int = 7, least: int = 1, most: int = 3, **scale: Any) -> dict[str, Any]:
    """A container with a scale."""
    return {"region_id": region_id, "scale": {"min": least, "max": most, **scale}}


class GcoreClient:
    """One method per route; each wants a success. `plain` has no key of the account."""

    def __init__(self, http: httpx.Client):
        self.http = http
        self.plain = httpx.Client(trust_env=False, verify=False)

    def __enter__(self) -> GcoreClient:
        return self

    def __exit__(self, *failure: object) -> None:
        self.plain.close()

    def create(self, *containers: dict[str, Any], **wanted: Any) -> list[str]:
        """Order a deployment, by default with one replica in one region."""
        order = {**WANTED, "containers": list(containers) or [region()], **wanted}
        return list(body_of(self.http.post(PATH, json=order))["tasks"])

    def info(self, name: str = NAME) -> Any:
        return body_of(self.http.get(f"{PATH}/{name}"))

    def status(self, name: str = NAME) -> str:
        """The status by name; "gone" for a 404."""
        answer = self.http.get(f"{PATH}/{name}")
        return "gone" if answer.status_code == 404 else str(body_of(answer)["status"])

    def replicas(self) -> list[tuple[int, int]]:
        """The ready and all replicas of each region."""
        states = [container["deploy_status"] for container in self.info()["containers"]]
        return [(state["ready"], state["total"]) for state in states]

    def listed(self, **query: Any) -> dict[str, str]:
        """The status of each deployment in the list."""
        return {row["name"]: row["status"] for row in body_of(self.http.get(PATH, params=query))["results"]}

    def update(self, **changes: Any) -> list[str]:
        return list(body_of(self.http.patch(f"{PATH}/{NAME}", json=changes))["tasks"])

    def delete(self) -> list[str]:
        return list(body_of(self.http.delete(f"{PATH}/{NAME}"))["tasks"])

    def start(self) -> None:
        assert body_of(self.http.post(f"{PATH}/{NAME}/start"), 204) is None

    def stop(self) -> None:
        assert body_of(self.http.post(f"{PATH}/{NAME}/stop"), 204) is None

    def task(self, task_id: str) -> Any:
        return body_of(self.http.get(f"/cloud/v1/tasks/{task_id}"))

    def ask(self, **headers: str) -> int:
        """Send a request to the deployment itself; returns the status of the answer."""
        return self.plain.get(f"{self.info()['address']}/v1/models", headers=headers).status_code
