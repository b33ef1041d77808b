"""Whose account it is: one source for all of it, complete or refused, and never shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pulumi_cortecs.cortecs.kind import CREDENTIALS
from pulumi_cortecs.http import credential_spec
from pulumi_cortecs.http.base_url import check_base_url
from pulumi_cortecs.http.credentials import (
    Credentials,
    are_apart,
    credentials_at,
    resolve_base_url,
    resolve_credentials,
)
from pulumi_cortecs.http.errors import ConfigurationError

ID, SECRET, URL = "CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET", "CORTECS_API_BASE_URL"
C_ID, C_SECRET, C_URL = "cortecs:clientId", "cortecs:clientSecret", "cortecs:apiBaseUrl"
ENVIRONMENT = {ID: "env-id", SECRET: "env-secret"}
CONFIG = {C_ID: "conf-id", C_SECRET: "conf-secret"}
PROVIDER = {"cortecs:provider:source": "arguments", C_ID: "prov-id", C_SECRET: "prov-secret"}
NAMING = {
    "cortecs:provider:source": "environment",
    "cortecs:provider:clientId": "B_ID",
    "cortecs:provider:clientSecret": "B_SECRET",
}
NAMING_ALL = {**NAMING, "cortecs:provider:apiBaseUrl": "B_URL"}
OF_B = {"B_ID": "b-id", "B_SECRET": "b-secret"}
OWN, OTHER = "https://own.example/v1", "https://other.example/v1"


@pytest.mark.parametrize(
    ("environment", "config", "expected"),
    [
        (ENVIRONMENT, {}, (CREDENTIALS.default_url, "env-id", "env-secret")),
        ({**ENVIRONMENT, URL: OWN}, {}, (OWN, "env-id", "env-secret")),
        ({}, CONFIG, (CREDENTIALS.default_url, "conf-id", "conf-secret")),
        ({}, {**CONFIG, C_URL: OWN}, (OWN, "conf-id", "conf-secret")),
        ({ID: "", SECRET: "", URL: ""}, {**CONFIG, C_URL: OWN}, (OWN, "conf-id", "conf-secret")),
        (ENVIRONMENT, CONFIG, (CREDENTIALS.default_url, "env-id", "env-secret")),
        ({**ENVIRONMENT, URL: OWN}, {**CONFIG, C_URL: OTHER}, (OWN, "env-id", "env-secret")),
        # the key of the environment never goes to a URL out of the config
        (ENVIRONMENT, {C_URL: OTHER}, (CREDENTIALS.default_url, "env-id", "env-secret")),
        (ENVIRONMENT, {**CONFIG, C_URL: OTHER}, (CREDENTIALS.default_url, "env-id", "env-secret")),
    ],
)
def test_the_environment_beats_the_config_as_a_whole(
    environment: Mapping[str, str], config: Mapping[str, str], expected: tuple[str, str, str]
) -> None:
    credentials = resolve_credentials(CREDENTIALS, environment, config)
    assert (credentials.base_url, *credentials.parts) == expected
    assert resolve_base_url(CREDENTIALS, environment, config) == credentials.base_url


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
        resolve_credentials(CREDENTIALS, environment, config)
    assert says in str(raised.value)
    assert "s3" not in str(raised.value)
    assert CONFIG[C_SECRET] not in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "config", "url"),
    [
        ({}, {}, CREDENTIALS.default_url),
        ({URL: OWN}, {}, OWN),
        ({}, {C_URL: OWN}, OWN),
        ({URL: OWN}, {C_URL: OTHER}, OWN),
        ({ID: "id"}, {C_URL: OTHER}, CREDENTIALS.default_url),
    ],
)
def test_the_market_is_where_the_account_would_be(
    environment: Mapping[str, str], config: Mapping[str, str], url: str
) -> None:
    assert resolve_base_url(CREDENTIALS, environment, config) == url


@pytest.mark.parametrize(
    ("environment", "config", "expected"),
    [
        ({**ENVIRONMENT, URL: OWN}, PROVIDER, (CREDENTIALS.default_url, "prov-id", "prov-secret")),
        ({**ENVIRONMENT, URL: OWN}, {**PROVIDER, C_URL: OTHER}, (OTHER, "prov-id", "prov-secret")),
        # no "take both from one place" here: what the environment has is another account's
        ({URL: OWN}, PROVIDER, (CREDENTIALS.default_url, "prov-id", "prov-secret")),
        ({**ENVIRONMENT, URL: OWN, **OF_B}, NAMING, (CREDENTIALS.default_url, "b-id", "b-secret")),
        ({**ENVIRONMENT, URL: OWN, **OF_B, "B_URL": OTHER}, NAMING_ALL, (OTHER, "b-id", "b-secret")),
        ({**ENVIRONMENT, URL: OWN, **OF_B}, NAMING_ALL, (CREDENTIALS.default_url, "b-id", "b-secret")),
        # a URL beside the names belongs to no account
        ({**ENVIRONMENT, **OF_B}, {**NAMING, C_URL: OTHER}, (CREDENTIALS.default_url, "b-id", "b-secret")),
    ],
)
def test_a_provider_beats_the_environment_as_a_whole(
    environment: Mapping[str, str], config: Mapping[str, str], expected: tuple[str, str, str]
) -> None:
    credentials = resolve_credentials(CREDENTIALS, environment, config)
    assert (credentials.base_url, *credentials.parts) == expected
    assert resolve_base_url(CREDENTIALS, environment, config) == credentials.base_url


@pytest.mark.parametrize(
    ("environment", "config", "says"),
    [
        (ENVIRONMENT, {**PROVIDER, C_SECRET: ""}, "client_secret of the Provider is not set"),
        (ENVIRONMENT, {**PROVIDER, C_ID: ""}, "client_id of the Provider is not set"),
        (ENVIRONMENT, {**PROVIDER, C_SECRET: "s3cret "}, "client_secret of the Provider has a space"),
        (ENVIRONMENT, {**PROVIDER, C_URL: "http://cortecs.ai"}, "api_base_url of the Provider"),
        # where a mapped variable is not set, the engine leaves the other account's value in its place
        (ENVIRONMENT, NAMING, "B_ID is not set"),
        ({**ENVIRONMENT, "B_ID": "b-id"}, NAMING, "B_SECRET is not set"),
        ({**ENVIRONMENT, "B_ID": "", "B_SECRET": "s3cret"}, NAMING, "B_ID is not set"),
        ({**OF_B, "B_URL": "http://cortecs.ai"}, NAMING_ALL, "B_URL"),
        (ENVIRONMENT, {**PROVIDER, "cortecs:provider:source": "a vault"}, "'a vault'"),
    ],
)
def test_what_a_provider_lacks_is_not_made_up_for_by_anything_else(
    environment: Mapping[str, str], config: Mapping[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolve_credentials(CREDENTIALS, environment, config)
    assert says in str(raised.value)
    assert "s3" not in str(raised.value)


def test_the_keys_are_written_into_states_so_they_stay_what_they_are() -> None:
    assert CREDENTIALS.config_keys == (
        "cortecs:clientId",
        "cortecs:clientSecret",
        "cortecs:apiBaseUrl",
        "cortecs:provider:source",
        "cortecs:provider:clientId",
        "cortecs:provider:clientSecret",
        "cortecs:provider:apiBaseUrl",
        "cortecs:defaultLabels",
    )
    assert (credential_spec.ARGUMENTS, credential_spec.ENVIRONMENT) == ("arguments", "environment")


def test_a_fingerprint_names_the_account_and_not_its_key() -> None:
    account = Credentials("cortecs", OWN, ("client-one", "hunter2"))
    assert account.fingerprint == Credentials("cortecs", OWN, ("client-one", "a rotated secret")).fingerprint
    assert account.fingerprint != Credentials("cortecs", OWN, ("client-two", "hunter2")).fingerprint
    assert account.fingerprint != Credentials("cortecs", OTHER, ("client-one", "hunter2")).fingerprint
    assert account.fingerprint.startswith("cortecs:")
    assert not {"hunter2", "client-one", OWN} & set(account.fingerprint.split(":"))


def test_accounts_of_two_projects_are_apart_and_a_rotated_key_is_not() -> None:
    def name(key: str, project: str, url: str = OWN) -> str:
        return Credentials("gcore", url, (key, project), account_parts=2).fingerprint

    one, rotated, other = name("hunter2", "1"), name("another key", "1"), name("hunter2", "2")
    assert len({one, rotated, other}) == 3
    assert are_apart(one, other)
    assert are_apart(f"{rotated}/ApiKey", other)
    assert are_apart(one, name("hunter2", "1", OTHER))
    assert not any(are_apart(one, same) for same in (one, rotated, f"{rotated}/ApiKey", None, "", "gcore:0123"))
    assert not are_apart("cortecs:0123", "cortecs:4567")


def test_the_fingerprint_is_written_into_states_so_it_stays_what_it_is() -> None:
    assert Credentials("cortecs", "https://cortecs.ai/api/v1", ("id", "x")).fingerprint == "cortecs:bdf6915493ddc6f5"


def test_the_secret_is_in_no_repr() -> None:
    credentials = Credentials("cortecs", OWN, ("client-one", "hunter2"))
    assert "hunter2" not in f"{credentials} {credentials!r} {[credentials]}"
    assert OWN in repr(credentials)


@pytest.mark.parametrize(
    "spelled",
    ["https://cortecs.ai", "HTTPS://Cortecs.AI/api/v1", "https://cortecs.ai:443/api//v1", "https://cortecs.ai./api/v1"],
)
def test_whose_bill_it_is_does_not_depend_on_how_the_address_is_spelled(spelled: str) -> None:
    payer = Credentials("cortecs", CREDENTIALS.default_url, ("key", "secret")).payer
    assert Credentials("cortecs", check_base_url(spelled, "it"), ("key", "other")).payer == payer
    assert Credentials("cortecs", CREDENTIALS.default_url, ("another", "secret")).payer != payer


def test_loopback_is_one_server_for_each_port() -> None:
    hosts = ("127.0.0.1", "localhost", "[::1]")
    assert len({Credentials("cortecs", f"http://{host}:3000/api/v1", ("key", "secret")).payer for host in hosts}) == 1
    ports = {
        Credentials("cortecs", f"http://localhost:{port}/api/v1", ("key", "secret")).payer for port in (3000, 3001)
    }
    assert len(ports) == 2


def test_a_key_is_only_for_the_url_that_it_was_given_with() -> None:
    assert credentials_at(CREDENTIALS, OWN, {**ENVIRONMENT, URL: OWN}).base_url == OWN
    with pytest.raises(ConfigurationError, match=f"are for {CREDENTIALS.default_url}, not {OTHER}: set {URL} "):
        credentials_at(CREDENTIALS, OTHER, ENVIRONMENT)
