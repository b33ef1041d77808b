"""Whose account it is: one source for all of it, complete or refused, and never shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pulumi_cortecs.clouds.credentials import (
    CORTECS_BASE_URL,
    CortecsCredentials,
    cortecs_base_url,
    cortecs_credentials,
)
from pulumi_cortecs.clouds.errors import ConfigurationError

ID, SECRET, URL = "CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET", "CORTECS_API_BASE_URL"
C_ID, C_SECRET, C_URL = "cortecs:clientId", "cortecs:clientSecret", "cortecs:apiBaseUrl"
ENVIRONMENT = {ID: "env-id", SECRET: "env-secret"}
CONFIG = {C_ID: "conf-id", C_SECRET: "conf-secret"}
OWN, OTHER = "https://own.example/v1", "https://other.example/v1"


@pytest.mark.parametrize(
    ("environment", "config", "found"),
    [
        (ENVIRONMENT, {}, (CORTECS_BASE_URL, "env-id", "env-secret")),
        ({**ENVIRONMENT, URL: OWN}, {}, (OWN, "env-id", "env-secret")),
        ({}, CONFIG, (CORTECS_BASE_URL, "conf-id", "conf-secret")),
        ({}, {**CONFIG, C_URL: OWN}, (OWN, "conf-id", "conf-secret")),
        ({ID: "", SECRET: "", URL: ""}, {**CONFIG, C_URL: OWN}, (OWN, "conf-id", "conf-secret")),
        (ENVIRONMENT, CONFIG, (CORTECS_BASE_URL, "env-id", "env-secret")),
        ({**ENVIRONMENT, URL: OWN}, {**CONFIG, C_URL: OTHER}, (OWN, "env-id", "env-secret")),
        # the key of the environment never goes to a URL out of the config
        (ENVIRONMENT, {C_URL: OTHER}, (CORTECS_BASE_URL, "env-id", "env-secret")),
        (ENVIRONMENT, {**CONFIG, C_URL: OTHER}, (CORTECS_BASE_URL, "env-id", "env-secret")),
    ],
)
def test_the_environment_beats_the_config_as_a_whole(
    environment: Mapping[str, str], config: Mapping[str, str], found: tuple[str, str, str]
) -> None:
    credentials = cortecs_credentials(environment, config)
    assert (credentials.base_url, credentials.client_id, credentials.client_secret) == found
    assert cortecs_base_url(environment, config) == credentials.base_url


@pytest.mark.parametrize(
    ("environment", "config", "says"),
    [
        ({}, {}, "no Cortecs credentials"),
        ({URL: OWN}, {}, "no Cortecs credentials"),
        ({ID: "id"}, {}, f"incomplete: {SECRET} is not set"),
        ({SECRET: "s3cret"}, {}, f"incomplete: {ID} is not set"),
        ({}, {C_ID: "id"}, f"incomplete: {C_SECRET} is not set"),
        ({}, {C_SECRET: "s3cret"}, f"incomplete: {C_ID} is not set"),
        # half from here and half from there is not a pair
        ({ID: "id"}, CONFIG, f"incomplete: {SECRET} is not set"),
        ({SECRET: "s3cret"}, CONFIG, f"incomplete: {ID} is not set"),
        # nor does the config's key go to the environment's URL
        ({URL: OWN}, CONFIG, "take both from one place"),
        ({URL: OWN}, {C_SECRET: "s3cret"}, "take both from one place"),
        ({**ENVIRONMENT, URL: "http://cortecs.ai"}, {}, URL),
        ({}, {**CONFIG, C_URL: "http://cortecs.ai"}, C_URL),
        ({ID: "id", SECRET: "s3cret\n"}, {}, f"{SECRET} has a space or line break"),
        ({ID: " id", SECRET: "s3cret"}, {}, f"{ID} has a space or line break"),
        ({}, {C_ID: "id", C_SECRET: "s3cret\udcff"}, f"{C_SECRET} has"),
        ({}, {C_ID: "id", C_SECRET: "s3\x00cret"}, f"{C_SECRET} has"),
    ],
)
def test_what_is_missing_or_mixed_is_refused_by_name(
    environment: Mapping[str, str], config: Mapping[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        cortecs_credentials(environment, config)
    assert says in str(raised.value)
    assert "s3" not in str(raised.value)
    assert CONFIG[C_SECRET] not in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "config", "url"),
    [
        ({}, {}, CORTECS_BASE_URL),
        ({URL: OWN}, {}, OWN),
        ({}, {C_URL: OWN}, OWN),
        ({URL: OWN}, {C_URL: OTHER}, OWN),
        ({ID: "id"}, {C_URL: OTHER}, CORTECS_BASE_URL),
    ],
)
def test_the_market_is_where_the_account_would_be(
    environment: Mapping[str, str], config: Mapping[str, str], url: str
) -> None:
    assert cortecs_base_url(environment, config) == url


def test_a_fingerprint_names_the_account_and_not_its_key() -> None:
    account = CortecsCredentials(OWN, "client-one", "hunter2")
    assert account.fingerprint == CortecsCredentials(OWN, "client-one", "a rotated secret").fingerprint
    assert account.fingerprint != CortecsCredentials(OWN, "client-two", "hunter2").fingerprint
    assert account.fingerprint != CortecsCredentials(OTHER, "client-one", "hunter2").fingerprint
    assert account.fingerprint.startswith("cortecs:")
    assert not {"hunter2", "client-one", OWN} & set(account.fingerprint.split(":"))


def test_the_fingerprint_is_written_into_states_so_it_stays_what_it_is() -> None:
    assert CortecsCredentials("https://cortecs.ai/api/v1", "id", "x").fingerprint == "cortecs:bdf6915493ddc6f5"


def test_the_secret_is_in_no_repr() -> None:
    credentials = CortecsCredentials(OWN, "client-one", "hunter2")
    assert "hunter2" not in f"{credentials} {credentials!r} {[credentials]}"
    assert "client-one" in repr(credentials)
