"""Acme's Instance in a program."""

from __future__ import annotations

import pulumi
from pulumi.dynamic import Resource

from pulumi_cortecs import _abi


class Instance(Resource, module="acme", name="Instance"):
    def __init__(
        self, resource_name: str, opts: pulumi.ResourceOptions | None = None, **arguments: pulumi.Input[str]
    ) -> None:
        props = {**dict.fromkeys(("quote", "instance_id", "account")), **arguments}
        super().__init__(_abi.load("acme.Instance"), resource_name, props, opts)
