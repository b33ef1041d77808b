"""What a launched container serves, and on which ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.simulator.vllm_server import Server, read_server


def server_of(container: Mapping[str, Any]) -> Server:
    """The server of a container."""
    variables = {env["name"]: env["value"] for env in container.get("envs") or []}
    return read_server(container["image"], container.get("args") or "", variables)


def host_ports(container: Mapping[str, Any] | None) -> list[int]:
    """The ports of the instance that lead to the container."""
    mappings = (container or {}).get("port_mappings") or []
    return list(dict.fromkeys(mapping["host_port"] for mapping in mappings))
