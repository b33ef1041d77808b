"""Acme's Instance in a program."""

from typing import Any

from pulumi import ResourceOptions
from pulumi.dynamic import Resource

from pulumi_cortecs import _abi


class Instance(Resource, module="acme", name="Instance"):
    def __init__(self, resource_name: str, opts: ResourceOptions | None = None, **arguments: Any) -> None:
        props = {**dict.fromkeys(("quote", "instance_id", "account")), **arguments}
        super().__init__(_abi.load("acme.Instance"), resource_name, props, opts)
