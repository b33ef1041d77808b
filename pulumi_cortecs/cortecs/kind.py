"""The description of an Instance at Cortecs: its credentials, its arguments and their defaults. Light: programs import
it."""

from __future__ import annotations

import re
from typing import Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.provider.arguments import LIFE_CYCLE
from pulumi_cortecs.provider.imported import connected, imported
from pulumi_cortecs.provider.kind import MARKET, Argument, ArgumentTable, InstanceKind, Required
from pulumi_cortecs.provider.properties import InvalidValueError, identifier, integer, one_of, string

BILLING_INTERVALS: Final = ("per_minute", "per_hour")
MAX_WORKERS: Final = 8

CLIENT_ID: Final = CredentialKey("cortecs:clientId", "CORTECS_CLIENT_ID", "client_id")
CLIENT_SECRET: Final = CredentialKey("cortecs:clientSecret", "CORTECS_CLIENT_SECRET", "client_secret", secret=True)
BASE_URL: Final = CredentialKey("cortecs:apiBaseUrl", "CORTECS_API_BASE_URL", "api_base_url")
CREDENTIALS: Final = CredentialSpec(
    cloud="cortecs",
    vendor="Cortecs",
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


INSTANCE: Final = InstanceKind(
    token=TOKENS["cortecs.Instance"],
    endpoint_token=TOKENS["cortecs.Endpoint"],
    credentials=CREDENTIALS,
    arguments=ARGUMENTS,
    connect=connected("pulumi_cortecs.cortecs.cloud:CortecsCloud", "pulumi_cortecs.cortecs.client:CortecsClient"),
    market=imported("pulumi_cortecs.cortecs.market:live_market"),
    pinned=imported("pulumi_cortecs.cortecs.market:pinned_market"),
    offers=imported("pulumi_cortecs.cortecs.market:offers"),
    module="pulumi_cortecs",
    columns={"model_id": "model", "hardware_type_id": "hardware", "num_workers": "workers"},
)
