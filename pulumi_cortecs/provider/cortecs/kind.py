"""What the generic provider has to know of Cortecs."""

from __future__ import annotations

from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.clouds.cortecs_credentials import CORTECS_BASE_URL
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.cortecs.arguments import ARGUMENTS, VENDOR
from pulumi_cortecs.provider.cortecs.market import InstanceMarket
from pulumi_cortecs.provider.kind import InstanceKind

INSTANCE: Final = InstanceKind(
    cloud="cortecs",
    vendor=VENDOR,
    base_url=CORTECS_BASE_URL,
    token=TOKENS["cortecs.Instance"],
    endpoint_token=TOKENS["cortecs.Endpoint"],
    arguments=ARGUMENTS,
    market=lambda: InstanceMarket(accounts.market()),
    pinned=InstanceMarket,
)
