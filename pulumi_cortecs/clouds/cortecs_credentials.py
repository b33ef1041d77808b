"""Cortecs' credentials in force, and how an account is named without telling its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pulumi_cortecs.clouds.cortecs_keys import CREDENTIALS
from pulumi_cortecs.http.credentials import account_name, base_url_in_force, credentials_in_force
from pulumi_cortecs.http.http import server_of

CORTECS_BASE_URL = CREDENTIALS.default_url


@dataclass(frozen=True)
class CortecsCredentials:
    """Who asks, and where. The secret is in no repr."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Names the account in a state without telling its key: a digest of base URL and client id."""
        return account_name("cortecs", self.base_url, self.client_id)

    @property
    def payer(self) -> str:
        """Names whose bill it is, however the base URL is spelled: a digest of its host and port, and of the client id.

        A program may spell it in many ways, and must not have a limit for each.
        """
        return account_name("cortecs", server_of(self.base_url), self.client_id)


def cortecs_base_url(environment: Mapping[str, str], config: Mapping[str, str]) -> str:
    """Where the public part of the API is; see `base_url_in_force`. Raises ConfigurationError."""
    return base_url_in_force(CREDENTIALS, environment, config)


def cortecs_credentials(environment: Mapping[str, str], config: Mapping[str, str]) -> CortecsCredentials:
    """The credentials in force; see `credentials_in_force`. Raises ConfigurationError."""
    return CortecsCredentials(*credentials_in_force(CREDENTIALS, environment, config))
