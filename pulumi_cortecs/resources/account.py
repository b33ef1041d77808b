"""An explicit provider: another account than that of the environment, for the resources that use it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.config import get_config, is_config_secret
from pulumi.runtime.mocks import MockEngine
from pulumi.runtime.settings import get_engine

from pulumi_cortecs.http.credential_spec import ARGUMENTS, ENVIRONMENT, CredentialKey, CredentialSpec

_warned_of: WeakKeyDictionary[asyncio.AbstractEventLoop, set[str]] = WeakKeyDictionary()
"""The config keys that a program was warned of, by its event loop."""

_PACKAGE: Final = "pulumi-python"
"""The package of all dynamic resources, by which components and children inherit a provider."""


class ExplicitProvider(pulumi.ProviderResource):
    """The base of every cloud's `Provider`, which has the cloud's own arguments.

    A program gives either the credentials, which Pulumi keeps in the state, the keys encrypted; or, in
    `opts.env_var_mappings`, the names of environment variables that have them: then no key is in the state, and a
    rotated one is used at once. All parts of an account come from one source; both forms accept mappings of further
    variables. `default_labels` are labels of all its instances, below their own.

    `spec` has the names of a cloud's credentials; `arguments` are the program's values, None for those left out.

    Raises TypeError for incomplete or missing credentials, and for both forms at once (arguments, and the variables of
    `opts.env_var_mappings`); ValueError for an empty string.
    """

    def __init__(
        self,
        resource_name: str,
        spec: CredentialSpec,
        arguments: Mapping[CredentialKey, pulumi.Input[str] | None],
        opts: pulumi.ResourceOptions | None,
        default_labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
    ) -> None:
        mappings = (opts.env_var_mappings if opts is not None else None) or {}
        arguments_given = {key: value for key, value in arguments.items() if value is not None}
        self._configured = _configuration(spec, arguments_given, mappings)
        hidden = {key.config for key in spec.parts}
        secret = {key: pulumi.Output.secret(value) for key, value in self._configured.items() if key in hidden}
        labels = {} if default_labels is None else {spec.default_labels: pulumi.Output.json_dumps(default_labels)}
        super().__init__(_PACKAGE, resource_name, {**self._configured, **secret, **labels}, opts)


def configuration_of(provider: ExplicitProvider) -> Mapping[str, pulumi.Input[str]]:
    """The configuration of the provider's process, with the credentials unchanged."""
    return provider._configured


def warn_of_plain_credentials(spec: CredentialSpec) -> None:
    """Warns once in a program of a credential that its stack's config has in plain text; never in tests with mocks. A
    provider cannot tell: it gets the whole config decrypted."""
    if get_engine() is None or isinstance(get_engine(), MockEngine):
        return
    with suppress(RuntimeError):  # no event loop: no program is running
        named = _warned_of.setdefault(asyncio.get_running_loop(), set())
        for key in (part.config for part in spec.parts if part.secret):
            if key not in named and get_config(key) is not None and not is_config_secret(key):
                named.add(key)
                pulumi.log.warn(f"{key} is in the stack's config in plain text: `pulumi config set --secret {key}`")


def _configuration(
    spec: CredentialSpec, arguments: Mapping[CredentialKey, pulumi.Input[str]], mappings: Mapping[str, str]
) -> Mapping[str, pulumi.Input[str]]:
    names = {key.variable for key in spec.keys}
    variables = {target: source for source, target in mappings.items() if target in names}
    if arguments and variables:
        raise TypeError(
            f"Provider got {_names(arguments)} and also {', '.join(sorted(variables.values()))} of the environment: a "
            "key is only ever sent to the URL it was given with, so give all by argument, or all by env_var_mappings"
        )
    if variables:
        for key in spec.parts:
            if key.variable not in variables:
                raise TypeError(f"Provider's env_var_mappings name no variable for {key.variable}")
        named = {key.named: variables[key.variable] for key in spec.keys if key.variable in variables}
        return {spec.source: ENVIRONMENT, **named}
    for key in spec.parts:
        if key not in arguments:
            raise TypeError(
                f"Provider needs {key.argument}: give it {' and '.join(key.argument for key in spec.parts)}, or name "
                "the environment variables that have them in opts.env_var_mappings"
            )
    if empty := [key for key, value in arguments.items() if isinstance(value, str) and not value.strip()]:
        raise ValueError(f"Provider got an empty {_names(empty)}")
    return {spec.source: ARGUMENTS, **{key.config: value for key, value in arguments.items()}}


def _names(keys: Iterable[CredentialKey]) -> str:
    return ", ".join(key.argument for key in keys)
