"""What the generic provider has to know of Cortecs."""

from __future__ import annotations

from typing import Final

from pulumi_cortecs.clouds.credentials import CORTECS_BASE_URL
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.cortecs.arguments import ARGUMENTS, VENDOR
from pulumi_cortecs.provider.cortecs.market import InstanceMarket
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.session import INSTANCE_TYPE

INSTANCE: Final = InstanceKind(
    cloud="cortecs",
    vendor=VENDOR,
    base_url=CORTECS_BASE_URL,
    token=INSTANCE_TYPE,
    endpoint_token="pulumi-python:dynamic/cortecs:Endpoint",
    arguments=ARGUMENTS,
    market=lambda: InstanceMarket(accounts.market()),
    pinned=InstanceMarket,
)
