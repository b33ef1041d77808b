"""The config keys of explicit Providers: states hold them, so they never change."""

from __future__ import annotations

import pytest

from pulumi_cortecs.cortecs.kind import CREDENTIALS as CORTECS
from pulumi_cortecs.gcore.kind import CREDENTIALS as GCORE
from pulumi_cortecs.http.credential_spec import CredentialSpec
from pulumi_cortecs.shadeform.kind import CREDENTIALS as SHADEFORM


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (CORTECS, ["clientId", "clientSecret", "apiBaseUrl"]),
        (GCORE, ["apiKey", "projectId", "apiBaseUrl"]),
        (SHADEFORM, ["apiKey", "apiBaseUrl"]),
    ],
)
def test_the_keys_are_those_of_every_state(spec: CredentialSpec, names: list[str]) -> None:
    assert spec.config_keys == (
        *(f"{spec.cloud}:{name}" for name in names),
        f"{spec.cloud}:provider:source",
        *(f"{spec.cloud}:provider:{name}" for name in names),
        f"{spec.cloud}:defaultLabels",
    )
