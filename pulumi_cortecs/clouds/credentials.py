"""Where a cloud's credentials come from: all of them from one source, or none.

An environment's key is never sent to a URL out of stack config: whoever can edit the stack's config file could
otherwise have the key delivered to a host of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi_cortecs.clouds.errors import ConfigurationError
from pulumi_cortecs.clouds.http import checked_base_url

CORTECS_BASE_URL = "https://cortecs.ai/api/v1"


@dataclass(frozen=True)
class CortecsCredentials:
    """Who asks, and where. The secret is in no repr."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Names the account in a state without telling its key: a digest of base URL and client id."""
        digest = hashlib.sha256(f"{self.base_url}\n{self.client_id}".encode()).hexdigest()
        return f"cortecs:{digest[:16]}"


def cortecs_base_url(environment: Mapping[str, str], config: Mapping[str, str]) -> str:
    """Where the public part of the API (models, hardware types) is: it needs no credentials."""
    if environment.get("CORTECS_API_BASE_URL"):
        return checked_base_url(environment["CORTECS_API_BASE_URL"], "CORTECS_API_BASE_URL")
    if _from_environment(environment):
        return CORTECS_BASE_URL
    return checked_base_url(config.get("cortecs:apiBaseUrl") or CORTECS_BASE_URL, "cortecs:apiBaseUrl")


def cortecs_credentials(environment: Mapping[str, str], config: Mapping[str, str]) -> CortecsCredentials:
    """The credentials in force: the environment's, else the stack config's, never a mixture.

    Reads CORTECS_CLIENT_ID, CORTECS_CLIENT_SECRET and CORTECS_API_BASE_URL, else cortecs:clientId,
    cortecs:clientSecret and cortecs:apiBaseUrl. Raises ConfigurationError when they are missing or incomplete.
    """
    if _from_environment(environment):
        client_id, secret = environment.get("CORTECS_CLIENT_ID"), environment.get("CORTECS_CLIENT_SECRET")
        names = ("CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET")
    else:
        client_id, secret = config.get("cortecs:clientId"), config.get("cortecs:clientSecret")
        names = ("cortecs:clientId", "cortecs:clientSecret")
        if environment.get("CORTECS_API_BASE_URL") and (client_id or secret):
            raise ConfigurationError(
                "CORTECS_API_BASE_URL is set in the environment and the Cortecs credentials are in the stack's config; "
                "take both from one place, so that a key is only ever sent to the URL it was given with"
            )
    if not client_id and not secret:
        raise ConfigurationError(
            "no Cortecs credentials: set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET in the environment, "
            "or `pulumi config set cortecs:clientId ...` and `pulumi config set --secret cortecs:clientSecret ...` "
            "(refresh and destroy see the config of the last `up`, unless they get --run-program)"
        )
    if not client_id or not secret:
        missing = names[0] if not client_id else names[1]
        raise ConfigurationError(f"the Cortecs credentials are incomplete: {missing} is not set")
    for name, value in zip(names, (client_id, secret), strict=True):
        if value != value.strip() or not value.isprintable():
            raise ConfigurationError(f"{name} has a space or line break around it, or something unprintable in it")
    return CortecsCredentials(cortecs_base_url(environment, config), client_id, secret)


def _from_environment(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("CORTECS_CLIENT_ID") or environment.get("CORTECS_CLIENT_SECRET"))
