"""The description of an Instance at Cortecs: its credentials, its arguments and their defaults. Light: programs import
it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.provider.arguments import LIFE_CYCLE
from pulumi_cortecs.provider.kind import MARKET, Argument, ArgumentTable, Inputs, InstanceKind, Market, Required
from pulumi_cortecs.provider.properties import InvalidValueError, identifier, integer, one_of, string

if TYPE_CHECKING:
    from pulumi_cortecs.cost import Money, Offer
    from pulumi_cortecs.cost.pricelist import PriceList
    from pulumi_cortecs.http.credentials import Credentials
    from pulumi_cortecs.lifecycle.cloud import Cloud
    from pulumi_cortecs.provider.answer_cache import AnswerCache

BILLING_INTERVALS: Final = ("per_minute", "per_hour")
MAX_WORKERS: Final = 8

CLIENT_ID: Final = CredentialKey("cortecs:clientId", "CORTECS_CLIENT_ID", "client_id", "cortecs:provider:clientId")
CLIENT_SECRET: Final = CredentialKey(
    "cortecs:clientSecret", "CORTECS_CLIENT_SECRET", "client_secret", "cortecs:provider:clientSecret", secret=True
)
BASE_URL: Final = CredentialKey(
    "cortecs:apiBaseUrl", "CORTECS_API_BASE_URL", "api_base_url", "cortecs:provider:apiBaseUrl"
)
CREDENTIALS: Final = CredentialSpec(
    cloud="cortecs",
    vendor="Cortecs",
    source="cortecs:provider:source",
    parts=(CLIENT_ID, CLIENT_SECRET),
    url=BASE_URL,
    default_url="https://cortecs.ai/api/v1",
)

_MODEL_ID = re.compile(r"[^\s/]+(/[^\s/]+)?")


def _read_model_id(value: Any) -> str:
    model_id = string(value)
    if not _MODEL_ID.fullmatch(model_id) or not model_id.isprintable():
        raise InvalidValueError(f"must be a model id such as Qwen/Qwen2-7B-Instruct; got {model_id!r}")
    return model_id.replace("/", "--")


ARGUMENTS: Final = ArgumentTable(
    "an Instance",
    {
        "model_id": Argument(
            _read_model_id,
            Required("which model should the instance serve?"),
            spell=lambda model_id: str(model_id).replace("--", "/", 1),
        ),
        "hardware_type_id": Argument(identifier, MARKET, priced=True),
        "context_length": Argument(integer(1), MARKET),
        "billing_interval": Argument(one_of(*BILLING_INTERVALS), "per_minute", priced=True),
        "num_workers": Argument(integer(1, MAX_WORKERS), 1, priced=True),
        **LIFE_CYCLE,
    },
)


def _connect(credentials: Credentials, list_lag: float, price: Callable[[Inputs], Money | None]) -> Cloud[Any]:
    from pulumi_cortecs.cortecs.client import CortecsClient
    from pulumi_cortecs.cortecs.cloud import CortecsCloud

    return CortecsCloud(CortecsClient(credentials), credentials.fingerprint, list_lag, price)


def _market(base_url: str, answers: AnswerCache) -> Market:
    from pulumi_cortecs.cortecs.client import CortecsPublicClient
    from pulumi_cortecs.cortecs.market import InstanceMarket, LiveOffers

    return InstanceMarket(LiveOffers(CortecsPublicClient(base_url), answers))


def _pinned(prices: PriceList) -> Market:
    from pulumi_cortecs.cortecs.market import InstanceMarket, PinnedOffers

    return InstanceMarket(PinnedOffers(prices))


def _offers(base_url: str) -> list[Offer]:
    from pulumi_cortecs.cortecs.market import offers

    return offers(base_url)


INSTANCE: Final = InstanceKind(
    token=TOKENS["cortecs.Instance"],
    endpoint_token=TOKENS["cortecs.Endpoint"],
    credentials=CREDENTIALS,
    arguments=ARGUMENTS,
    connect=_connect,
    market=_market,
    pinned=_pinned,
    offers=_offers,
    module="pulumi_cortecs",
    columns={"model_id": "model", "hardware_type_id": "hardware", "num_workers": "workers"},
)
