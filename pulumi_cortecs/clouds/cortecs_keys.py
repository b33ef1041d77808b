"""What Cortecs' credentials consist of, by name. Light: programs import it."""

from __future__ import annotations

from typing import Final

from pulumi_cortecs.http.sources import CredentialSpec, Key

CLIENT_ID: Final = Key("cortecs:clientId", "CORTECS_CLIENT_ID", "client_id", "cortecs:provider:clientId")
CLIENT_SECRET: Final = Key(
    "cortecs:clientSecret", "CORTECS_CLIENT_SECRET", "client_secret", "cortecs:provider:clientSecret", secret=True
)
BASE_URL: Final = Key("cortecs:apiBaseUrl", "CORTECS_API_BASE_URL", "api_base_url", "cortecs:provider:apiBaseUrl")

CREDENTIALS: Final = CredentialSpec(
    vendor="Cortecs",
    source="cortecs:provider:source",
    parts=(CLIENT_ID, CLIENT_SECRET),
    url=BASE_URL,
    default_url="https://cortecs.ai/api/v1",
)
