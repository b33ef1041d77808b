"""A small client of Shadeform's API, written from docs/apis/shadeform.md and from no code of ours."""

from __future__ import annotations

from typing import Any

import httpx

PLACE = {"cloud": "hyperstack", "region": "montreal-canada-2"}
WANTED = {**PLACE, "shade_instance_type": "A6000", "name": "one"}
"""A machine at 50 cents an hour."""
ZERO_TIME = "0001-01-01T00:00:00Z"
BOOT = 30
"""Virtual seconds from the order to active in these tests, a third of it in each state before."""


class ShadeformError(Exception):
    """An answer other than 200."""

    def __init__(self, response: httpx.Response):
        super().__init__(f"{response.status_code} {response.text}")
        self.status = response.status_code
        body = response.json()
        assert set(body) == {"error_code", "error"}, body
        self.code, self.message = body["error_code"], body["error"]


class ShadeformClient:
    """One method per route; paths begin behind the base URL."""

    def __init__(self, base_url: str, key: str):
        self.http = httpx.Client(base_url=base_url, headers={"X-API-KEY": key}, trust_env=False, timeout=10)

    def get(self, path: str, **query: str) -> Any:
        return self._ask(self.http.get(path, params=query))

    def post(self, path: str, body: Any = None) -> Any:
        return self._ask(self.http.post(path) if body is None else self.http.post(path, json=body))

    def create(self, **wanted: Any) -> str:
        return str(self.post("/instances/create", {**WANTED, **wanted})["id"])

    def info(self, instance_id: str) -> Any:
        return self.get(f"/instances/{instance_id}/info")

    def status(self, instance_id: str) -> str:
        """The status by id; "deleted" for a 404."""
        answer = self.http.get(f"/instances/{instance_id}/info")
        return "deleted" if answer.status_code == 404 else str(self._ask(answer)["status"])

    def listed(self) -> dict[str, str]:
        """The status of each instance in the list."""
        return {row["id"]: row["status"] for row in self.get("/instances")["instances"]}

    def types(self, **query: str) -> list[Any]:
        rows: list[Any] = self.get("/instances/types", **query)["instance_types"]
        return rows

    def update(self, instance_id: str, **changes: Any) -> None:
        assert self.post(f"/instances/{instance_id}/update", changes) is None

    def restart(self, instance_id: str) -> None:
        assert self.post(f"/instances/{instance_id}/restart") is None

    def delete(self, instance_id: str) -> None:
        assert self.post(f"/instances/{instance_id}/delete") is None

    def add_key(self, name: str) -> str:
        return str(self.post("/sshkeys/add", {"name": name, "public_key": "ssh-ed25519 AAAA"})["id"])

    def ssh_keys(self) -> list[Any]:
        rows: list[Any] = self.get("/sshkeys")["ssh_keys"]
        return rows

    def create_volume(self, name: str = "data", size: int = 100, **place: str) -> str:
        return str(self.post("/volumes/create", {**PLACE, **place, "size_in_gb": size, "name": name})["id"])

    def _ask(self, response: httpx.Response) -> Any:
        if response.status_code != 200:
            raise ShadeformError(response)
        return response.json() if response.content else None


def docker(args: str = "--model Qwen/Qwen2.5-0.5B-Instruct", ports: tuple[int, ...] = (8000,), **more: Any) -> Any:
    """A launch configuration of a vLLM container behind these ports."""
    mappings = [{"host_port": port, "container_port": 8000} for port in ports]
    container = {"image": "vllm/vllm-openai:latest", "args": args, "port_mappings": mappings, **more}
    return {"type": "docker", "docker_configuration": container}
