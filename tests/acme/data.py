"""What Acme sells, for a program that asks."""

from __future__ import annotations

from pulumi_cortecs.provider import accounts
from tests.acme.kind import INSTANCE
from tests.acme.market import AcmeMarket


def get_plans() -> list[str]:
    market = accounts.market(INSTANCE)
    assert isinstance(market, AcmeMarket)
    return list(market.plans())
