"""An explicit Provider: all of an account from one place, distinct from a stack's config, and secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from pulumi_cortecs import Provider
from pulumi_cortecs.cortecs.kind import CREDENTIALS
from pulumi_cortecs.http.credentials import resolve_credentials
from tests.unit.mocked import run

ID, SECRET, URL = "CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET", "CORTECS_API_BASE_URL"
B_ID, B_SECRET, B_URL = "B_ID", "B_SECRET", "B_URL"
OF_A = {ID: "id-of-a", SECRET: "secret-of-a", URL: "https://a.example/v1"}
OF_B = {B_ID: "id-of-b", B_SECRET: "secret-of-b", B_URL: "https://b.example/v1"}


def mapped(mappings: Mapping[str, str]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(env_var_mappings=mappings)


def sent(call: str) -> dict[str, str]:
    """The configuration of a Provider's provider process; credentials have to travel as secrets."""
    body = f"from pulumi_cortecs import Provider\nopts = pulumi.ResourceOptions\n{call}"
    (registered,) = run(body)["registered"]
    assert (registered["type"], registered["name"]) == ("pulumi:providers:pulumi-python", "b")
    inputs: dict[str, Any] = registered["inputs"]
    secret = {key for key, value in inputs.items() if isinstance(value, dict)}
    assert secret == {"cortecs:clientId", "cortecs:clientSecret"} & inputs.keys()
    return {key: value["value"] if key in secret else value for key, value in inputs.items()}


def test_given_credentials_are_what_the_provider_is_configured_with() -> None:
    inputs = sent(
        'Provider("b", client_id="id-of-b", client_secret="secret-of-b", api_base_url="https://b.example/v1")'
    )
    credentials = resolve_credentials(CREDENTIALS, OF_A, inputs)
    assert (credentials.base_url, *credentials.parts) == tuple(OF_B[key] for key in (B_URL, B_ID, B_SECRET))


def test_inputs_will_do_and_what_is_left_out_is_not_sent() -> None:
    secret = 'pulumi.Output.secret("secret-of-b")'
    inputs = sent(f'Provider("b", opts(), client_id=pulumi.Output.from_input("id-of-b"), client_secret={secret})')
    assert inputs == {
        "cortecs:provider:source": "arguments",
        "cortecs:clientId": "id-of-b",
        "cortecs:clientSecret": "secret-of-b",
    }
    assert resolve_credentials(CREDENTIALS, OF_A, inputs).base_url == CREDENTIALS.default_url


@pytest.mark.parametrize(
    "account",
    [
        'client_id="id-of-b", client_secret="secret-of-b"',
        f"opts=opts(env_var_mappings={ {B_ID: ID, B_SECRET: SECRET} })",
    ],
)
def test_default_labels_go_with_either_form_of_the_account(account: str) -> None:
    labels = '{"team": pulumi.Output.from_input("search"), "cost_center": "4711"}'
    inputs = sent(f'Provider("b", {account}, default_labels={labels})')
    assert json.loads(inputs[CREDENTIALS.default_labels]) == {"team": "search", "cost_center": "4711"}
    assert resolve_credentials(CREDENTIALS, OF_B, inputs).parts == ("id-of-b", "secret-of-b")


def test_default_labels_are_no_account() -> None:
    with pytest.raises(TypeError, match="needs client_id"):
        Provider("b", default_labels={"team": "search"})


def test_mapped_variables_are_sent_by_name_and_no_others_count() -> None:
    mappings = {B_ID: ID, B_SECRET: SECRET, "PROXY_OF_B": "HTTPS_PROXY"}
    inputs = sent(f'Provider("b", opts(env_var_mappings={mappings}))')
    assert inputs == {
        "cortecs:provider:source": "environment",
        "cortecs:provider:clientId": B_ID,
        "cortecs:provider:clientSecret": B_SECRET,
    }
    credentials = resolve_credentials(CREDENTIALS, {**OF_A, **OF_B}, inputs)
    assert (credentials.base_url, *credentials.parts) == (CREDENTIALS.default_url, "id-of-b", "secret-of-b")


def test_a_mapped_url_goes_with_mapped_credentials() -> None:
    inputs = sent(f'Provider("b", opts(env_var_mappings={ ({B_ID: ID, B_SECRET: SECRET, B_URL: URL}) }))')
    assert resolve_credentials(CREDENTIALS, {**OF_A, **OF_B}, inputs).base_url == "https://b.example/v1"


@pytest.mark.parametrize(
    ("opts", "arguments", "says"),
    [
        (None, {}, "needs client_id"),
        (None, {"client_secret": "hidden-one"}, "needs client_id"),
        (None, {"client_id": "id"}, "needs client_secret"),
        (None, {"api_base_url": "https://b.example/v1"}, "needs client_id"),
        (mapped({B_ID: ID}), {}, f"no variable for {SECRET}"),
        (mapped({B_URL: URL}), {}, f"no variable for {ID}"),
        (mapped({B_ID: ID, B_SECRET: SECRET}), {"api_base_url": "https://b.example/v1"}, "all by argument, or all by"),
        (mapped({B_URL: URL}), {"client_id": "id", "client_secret": "hidden-one"}, "all by argument, or all by"),
        (mapped({"PROXY_OF_B": "HTTPS_PROXY"}), {}, "needs client_id"),
    ],
)
def test_half_of_an_account_is_refused_before_anything_is_registered(
    opts: pulumi.ResourceOptions | None, arguments: dict[str, str], says: str
) -> None:
    with pytest.raises(TypeError, match=says) as raised:
        Provider("b", opts, **arguments)
    assert "hidden-one" not in str(raised.value)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_text_is_refused(empty: str) -> None:
    with pytest.raises(ValueError, match="empty client_secret"):
        Provider("b", client_id="id", client_secret=empty)


def test_credentials_are_in_no_repr() -> None:
    body = """
from pulumi_cortecs import Provider
b = Provider("b", client_id="id-of-b", client_secret="secret-of-b")
return [say("repr", f"{b} {b!r}")]
"""
    assert "secret-of-b" not in run(body)["said"]["repr"]
