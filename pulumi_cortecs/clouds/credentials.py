"""Where a cloud's credentials come from: all of them from one source, or none.

An explicit Provider goes before the environment, and that before the stack's config. An environment's key is never sent
to a URL out of stack config: whoever can edit the stack's config file could otherwise have the key delivered to a host
of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pulumi_cortecs.clouds.errors import ConfigurationError
from pulumi_cortecs.clouds.http import checked_base_url, server_of
from pulumi_cortecs.clouds.sources import (
    ARGUMENTS,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    ENVIRONMENT,
    IN_ENVIRONMENT,
    SOURCE,
    VARIABLES,
)

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

    @property
    def payer(self) -> str:
        """Names whose bill it is, however the base URL is spelled: a digest of its host and port, and of the client id.

        A program may spell it in many ways, and must not have a limit for each.
        """
        digest = hashlib.sha256(f"{server_of(self.base_url)}\n{self.client_id}".encode()).hexdigest()
        return f"cortecs:{digest[:16]}"


def cortecs_base_url(environment: Mapping[str, str], config: Mapping[str, str]) -> str:
    """Where the public part of the API (models, hardware types) is: it needs no credentials.

    Raises ConfigurationError for a URL that is unfit.
    """
    source = _source(environment, config)
    if source.kind is _Kind.CONFIG and environment.get(IN_ENVIRONMENT[BASE_URL]):
        source = _environment(environment)
    return checked_base_url(source.base_url or CORTECS_BASE_URL, source.names[2])


def cortecs_credentials(environment: Mapping[str, str], config: Mapping[str, str]) -> CortecsCredentials:
    """The credentials in force: an explicit Provider's, else the environment's, else the stack config's; no mixture.

    `config` is what the provider process was configured with: cortecs:clientId, cortecs:clientSecret and
    cortecs:apiBaseUrl of the stack, or all that a Provider sends (`sources.py`). The environment has CORTECS_CLIENT_ID,
    CORTECS_CLIENT_SECRET and CORTECS_API_BASE_URL. Raises ConfigurationError when they are missing or incomplete.
    """
    source = _source(environment, config)
    if source.kind is _Kind.CONFIG:
        if environment.get(IN_ENVIRONMENT[BASE_URL]) and (source.client_id or source.client_secret):
            raise ConfigurationError(
                "CORTECS_API_BASE_URL is set in the environment and the Cortecs credentials are in the stack's config; "
                "take both from one place, so that a key is only ever sent to the URL it was given with"
            )
        if not source.client_id and not source.client_secret:
            raise ConfigurationError(
                "no Cortecs credentials: set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET in the environment, "
                "or `pulumi config set cortecs:clientId ...` and `pulumi config set --secret cortecs:clientSecret ...` "
                "(refresh and destroy see the config of the last `up`, unless they get --run-program)"
            )
    return source.complete()


class _Kind(Enum):
    ARGUMENTS = "the Provider's arguments"
    VARIABLES = "the variables that the Provider names"
    ENVIRONMENT = "the environment"
    CONFIG = "the stack's config"


@dataclass(frozen=True)
class _Source:
    """What one place says, and how a person knows the three there. The secret is in no repr."""

    kind: _Kind
    names: tuple[str, str, str]
    client_id: str | None
    client_secret: str | None = field(repr=False)
    base_url: str | None

    def complete(self) -> CortecsCredentials:
        client_id = self._usable(self.names[0], self.client_id)
        client_secret = self._usable(self.names[1], self.client_secret)
        return CortecsCredentials(
            checked_base_url(self.base_url or CORTECS_BASE_URL, self.names[2]), client_id, client_secret
        )

    def _usable(self, name: str, value: str | None) -> str:
        if not value:
            only = "" if self.kind in (_Kind.ENVIRONMENT, _Kind.CONFIG) else f", and only {self.kind.value} count"
            raise ConfigurationError(f"the Cortecs credentials are incomplete: {name} is not set{only}")
        if value != value.strip() or not value.isprintable():
            raise ConfigurationError(f"{name} has a space or line break around it, or something unprintable in it")
        return value


_KEYS = (CLIENT_ID, CLIENT_SECRET, BASE_URL)


def _source(environment: Mapping[str, str], config: Mapping[str, str]) -> _Source:
    told = config.get(SOURCE)
    if told == ARGUMENTS:
        names = ("client_id of the Provider", "client_secret of the Provider", "api_base_url of the Provider")
        return _Source(_Kind.ARGUMENTS, names, *(config.get(key) for key in _KEYS))
    if told == ENVIRONMENT:
        variables = [config.get(VARIABLES[key], "") for key in _KEYS]
        client_id, client_secret, base_url = variables
        return _Source(
            _Kind.VARIABLES, (client_id, client_secret, base_url), *(environment.get(name) for name in variables)
        )
    if told:
        raise ConfigurationError(
            f"this Provider takes its credentials from {told!r}, which this pulumi-cortecs does not know; a newer one "
            "does: pip install -U pulumi-cortecs"
        )
    if any(environment.get(IN_ENVIRONMENT[key]) for key in (CLIENT_ID, CLIENT_SECRET)):
        return _environment(environment)
    return _Source(_Kind.CONFIG, _KEYS, *(config.get(key) for key in _KEYS))


def _environment(environment: Mapping[str, str]) -> _Source:
    names = (IN_ENVIRONMENT[CLIENT_ID], IN_ENVIRONMENT[CLIENT_SECRET], IN_ENVIRONMENT[BASE_URL])
    return _Source(_Kind.ENVIRONMENT, names, *(environment.get(name) for name in names))
