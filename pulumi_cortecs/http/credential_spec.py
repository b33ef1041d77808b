"""The parts of a cloud's credentials, and the names of their sources. Light: programs import it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ARGUMENTS: Final = "arguments"
"""The Provider has the credentials themselves."""

ENVIRONMENT: Final = "environment"
"""The Provider has the names of environment variables."""

_EXPLICIT: Final = ":provider:"
"""Marks the config keys of an explicit Provider. A stack's config cannot contain them, because the engine refuses a key
of three parts; otherwise an editor of the config file could choose which of the environment's variables are sent, and
where to."""


@dataclass(frozen=True)
class CredentialKey:
    """The names of one part of the credentials: in the stack's config, in the environment, and as an argument of a
    Provider."""

    config: str
    variable: str
    argument: str
    secret: bool = False

    @property
    def named(self) -> str:
        """The config key that names another variable."""
        return self.config.replace(":", _EXPLICIT)


@dataclass(frozen=True)
class CredentialSpec:
    """A cloud's credentials: all `parts` are needed, and all of them and `url` come from one source.

    States keep the arguments of a Provider under these keys, so none of them may ever be renamed. `cloud` is the name
    in limits, catalogues and fingerprints, `vendor` the one in texts, `default_url` the URL by default. The first
    `account_parts` of the parts name the account.
    """

    cloud: str
    vendor: str
    parts: tuple[CredentialKey, ...]
    url: CredentialKey
    default_url: str
    account_parts: int = 1

    @property
    def source(self) -> str:
        """The config key that marks an explicit Provider, and its kind."""
        return f"{self.cloud}{_EXPLICIT}source"

    @property
    def keys(self) -> tuple[CredentialKey, ...]:
        """The parts and the URL."""
        return (*self.parts, self.url)

    @property
    def default_labels(self) -> str:
        """The config key of the labels of all instances. They are no credential, and so allowed with any source."""
        return f"{self.cloud}:defaultLabels"

    @property
    def config_keys(self) -> tuple[str, ...]:
        """All config keys of a provider process that concern its account."""
        keys = (*(key.config for key in self.keys), self.source, *(key.named for key in self.keys))
        return (*keys, self.default_labels)
