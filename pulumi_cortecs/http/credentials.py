"""The source of a cloud's credentials: one source for all of them.

An explicit Provider takes precedence over the environment, and the environment over the stack's config. A key of the
environment is never sent to a URL of the stack's config: otherwise an editor of the config file could direct the key to
a host of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pulumi_cortecs.http.base_url import check_base_url, server_of
from pulumi_cortecs.http.credential_spec import ARGUMENTS, ENVIRONMENT, CredentialKey, CredentialSpec
from pulumi_cortecs.http.errors import ConfigurationError


@dataclass(frozen=True)
class Credentials:
    """The credentials of an account, and its base URL: `parts` are in the order of the cloud's CredentialSpec, and the
    first `account_parts` of them name the account. None of them is in a repr."""

    cloud: str
    base_url: str
    parts: tuple[str, ...] = field(repr=False)
    account_parts: int = 1

    @property
    def fingerprint(self) -> str:
        """The name of the account in a state, without its key: a digest of base URL and these parts; and, where more
        than the key names the account, one of the server and the others, which stays when the key is rotated."""
        name, place = self._name_of(self.base_url), self.parts[1 : self.account_parts]
        return f"{name}@{_digest(server_of(self.base_url), *place)}" if place else name

    @property
    def payer(self) -> str:
        """The payer's name, however the base URL is spelled: a digest of its host and port, and of these parts.

        A program may spell the URL in many ways, and must not get a limit for each.
        """
        return self._name_of(server_of(self.base_url))

    def _name_of(self, where: str) -> str:
        return f"{self.cloud}:{_digest(where, *self.parts[: self.account_parts])}"


def are_apart(one: object, other: object) -> bool:
    """Returns whether two names of accounts, as states and journals have them, are certainly those of two accounts,
    whichever key was rotated: both may then have an instance of one name."""
    places = {_place_of(name) for name in (one, other)}
    return "" not in places and len(places) > 1


def _place_of(name: object) -> str:
    """The part of an account's name that stays when its key is rotated; "" for none."""
    return name.partition("/")[0].partition("@")[2] if isinstance(name, str) else ""


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def resolve_base_url(spec: CredentialSpec, environment: Mapping[str, str], config: Mapping[str, str]) -> str:
    """The base URL of the public part of the API (models, hardware types), which needs no credentials.

    Raises ConfigurationError for an invalid URL.
    """
    source = _source(spec, environment, config)
    if source.kind is _Kind.CONFIG and environment.get(spec.url.variable):
        source = _environment(spec, environment)
    return source.base_url()


def resolve_credentials(spec: CredentialSpec, environment: Mapping[str, str], config: Mapping[str, str]) -> Credentials:
    """The credentials: an explicit Provider's, else the environment's, else the stack config's; never a mixture.

    `config` is the configuration of the provider process: the keys of the stack, or of a Provider
    (`credential_spec.py`). Raises ConfigurationError when they are missing or incomplete.
    """
    source = _source(spec, environment, config)
    if source.kind is _Kind.CONFIG:
        if environment.get(spec.url.variable) and any(source.parts):
            raise ConfigurationError(
                f"{spec.url.variable} is set in the environment and the {spec.vendor} credentials are in the stack's "
                "config; take both from one place, so that a key is only ever sent to the URL it was given with"
            )
        if not any(source.parts):
            raise ConfigurationError(
                f"no {spec.vendor} credentials: set {' and '.join(key.variable for key in spec.parts)} in the "
                f"environment, or {' and '.join(map(_config_set, spec.parts))} "
                "(refresh and destroy see the config of the last `up`, unless they get --run-program)"
            )
    return source.complete()


def credentials_at(spec: CredentialSpec, base_url: str, environment: Mapping[str, str]) -> Credentials:
    """The environment's credentials, if they are for this base URL: no other server gets them. Raises
    ConfigurationError otherwise."""
    credentials = resolve_credentials(spec, environment, {})
    if credentials.base_url != base_url:
        raise ConfigurationError(
            f"the {spec.vendor} credentials are for {credentials.base_url}, not {base_url}: set {spec.url.variable} to "
            "the URL that they are for"
        )
    return credentials


def _config_set(key: CredentialKey) -> str:
    return f"`pulumi config set {'--secret ' * key.secret}{key.config} ...`"


class _Kind(Enum):
    ARGUMENTS = "the Provider's arguments"
    VARIABLES = "the variables that the Provider names"
    ENVIRONMENT = "the environment"
    CONFIG = "the stack's config"


@dataclass(frozen=True)
class _Source:
    """The values of one source, the URL last, and their names for messages. A repr shows no value."""

    spec: CredentialSpec
    kind: _Kind
    names: tuple[str, ...]
    values: tuple[str | None, ...] = field(repr=False)

    @property
    def parts(self) -> tuple[str | None, ...]:
        return self.values[:-1]

    def base_url(self) -> str:
        return check_base_url(self.values[-1] or self.spec.default_url, self.names[-1])

    def complete(self) -> Credentials:
        parts = tuple(
            self._require_usable(name, value) for name, value in zip(self.names[:-1], self.parts, strict=True)
        )
        return Credentials(self.spec.cloud, self.base_url(), parts, self.spec.account_parts)

    def _require_usable(self, name: str, value: str | None) -> str:
        if not value:
            only = "" if self.kind in (_Kind.ENVIRONMENT, _Kind.CONFIG) else f"; only {self.kind.value} count"
            raise ConfigurationError(f"the {self.spec.vendor} credentials are incomplete: {name} is not set{only}")
        if value != value.strip() or not value.isprintable():
            raise ConfigurationError(f"{name} has a space or line break around it, or something unprintable in it")
        return value


def _source(spec: CredentialSpec, environment: Mapping[str, str], config: Mapping[str, str]) -> _Source:
    origin = config.get(spec.source)
    in_config = tuple(config.get(key.config) for key in spec.keys)
    if origin == ARGUMENTS:
        return _Source(spec, _Kind.ARGUMENTS, tuple(f"{key.argument} of the Provider" for key in spec.keys), in_config)
    if origin == ENVIRONMENT:
        variables = tuple(config.get(key.named, "") for key in spec.keys)
        return _Source(spec, _Kind.VARIABLES, variables, tuple(map(environment.get, variables)))
    if origin:
        raise ConfigurationError(
            f"this Provider takes its credentials from {origin!r}, which this version of pulumi-cortecs does not "
            "support; upgrade it: pip install -U pulumi-cortecs"
        )
    if any(environment.get(key.variable) for key in spec.parts):
        return _environment(spec, environment)
    return _Source(spec, _Kind.CONFIG, tuple(key.config for key in spec.keys), in_config)


def _environment(spec: CredentialSpec, environment: Mapping[str, str]) -> _Source:
    variables = tuple(key.variable for key in spec.keys)
    return _Source(spec, _Kind.ENVIRONMENT, variables, tuple(map(environment.get, variables)))
