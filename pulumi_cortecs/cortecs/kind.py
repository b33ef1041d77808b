"""The description of an Instance at Cortecs, and the credentials. Light: programs import it."""

from __future__ import annotations

from typing import Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cortecs.arguments import InstanceArgs
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.provider.imported import connected, imported
from pulumi_cortecs.provider.kind import ArgumentTable, InstanceKind
from pulumi_cortecs.provider.named_arguments import arguments_of

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

ARGUMENTS: Final = ArgumentTable("an Instance", arguments_of(InstanceArgs))
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
