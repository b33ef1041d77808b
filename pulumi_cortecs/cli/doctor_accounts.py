"""The checks of `pulumi-cortecs doctor` that ask a cloud. None prints a credential."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from httpx import URL

from pulumi_cortecs import _abi
from pulumi_cortecs.cli.doctor_result import Check, Status
from pulumi_cortecs.cli.program_clouds import clouds_of_program
from pulumi_cortecs.http.base_url import is_loopback_url
from pulumi_cortecs.http.credential_spec import CredentialSpec
from pulumi_cortecs.http.credentials import resolve_credentials
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, UnauthorizedError, UnreachableError
from pulumi_cortecs.provider.kind import InstanceKind

_SIMULATOR: Final = (
    "start the simulator, `pulumi-cortecs simulator`, and point this shell at it: "
    'eval "$(pulumi-cortecs simulator --print-env)"'
)


def check_accounts(environment: Mapping[str, str], directory: Path) -> Iterator[Check]:
    """The results for the clouds that the program uses; if that is unknown, for those that have credentials."""
    configured, kinds = _configured(directory), _abi.instance_kinds()
    used, has_any = clouds_of_program(directory, kinds), False
    for cloud, kind in kinds.items():
        spec, variables = kind.credentials, " and ".join(key.variable for key in kind.credentials.parts)
        if used and cloud not in used:
            continue
        if any(environment.get(key.variable) for key in spec.parts):
            has_any = True
            yield from _offers(kind, environment, variables)
        elif all(key.config in configured for key in spec.parts):
            has_any = True
            yield Check("credentials", Status.OK, f"{spec.vendor}: in a stack's config")
        elif used:
            what = f"none of {spec.vendor}, where the program rents"
            yield Check("credentials", Status.MISSING, what, f"set {variables}, or {_SIMULATOR}")
    if not used and not has_any:
        yield Check("credentials", Status.MISSING, "of no cloud", f"set those of one, or {_SIMULATOR}")


def _offers(kind: InstanceKind, environment: Mapping[str, str], variables: str) -> Iterator[Check]:
    """The credentials of the environment, and whether the server for which they are answers."""
    spec = kind.credentials
    try:
        credentials = resolve_credentials(spec, environment, {})
    except ConfigurationError as error:
        yield Check("credentials", Status.MISSING, str(error), f"set {variables} to rent at {spec.vendor}")
        return
    base_url = credentials.base_url
    try:
        offers = len(kind.offers(base_url))
        kind.open_cloud(credentials, 0.0, lambda _: None).list_instances()  # some vendors show offers to everybody
    except CloudError as error:
        name = "credentials" if isinstance(error, UnauthorizedError) else "offers"
        yield Check(name, Status.MISSING, str(error), _next_step(error, spec, base_url, variables))
        return
    yield Check("credentials", Status.OK, f"{spec.vendor}: {variables}")
    yield Check("offers", Status.OK, f"{spec.vendor}: {offers} at {base_url}")


def _next_step(error: CloudError, spec: CredentialSpec, base_url: str, variables: str) -> str:
    port = f" --port {URL(base_url).port or 80}"
    if isinstance(error, UnauthorizedError):
        own = f', or take the simulator\'s: eval "$(pulumi-cortecs simulator{port} --print-env)"'
        return f"set {variables}{own if is_loopback_url(base_url) else ''}"
    if isinstance(error, UnreachableError) and is_loopback_url(base_url):
        return f"start the simulator: pulumi-cortecs simulator{port}"
    return f"is {spec.url.variable} right, and the server up?"


def _configured(directory: Path) -> frozenset[str]:
    """The keys in the config of any stack of the project."""
    keys: set[str] = set()
    for file in directory.glob("Pulumi.*.yaml"):
        try:
            content: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
            keys.update(content["config"])
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
            continue
    return frozenset(keys)
