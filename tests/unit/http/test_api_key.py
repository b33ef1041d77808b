"""A key in a header: sent with every request, never renewed, and in no error."""

from __future__ import annotations

import httpx
import pytest

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, new_client
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.errors import UnauthorizedError

KEY = 'a key with a " in it'


def core(answers: list[httpx.Response], asked: list[httpx.Request]) -> ApiClient:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers.pop(0)

    made = ApiClient("Acme", "https://acme.test", new_client(httpx.MockTransport(answer)))
    made.auth = ApiKey("X-Api-Key", KEY)
    return made


@pytest.mark.parametrize("retry", Retry)
def test_each_request_has_the_key(retry: Retry) -> None:
    asked: list[httpx.Request] = []
    core([httpx.Response(200, json={})], asked).call("GET", "/", WireModel, retry=retry)
    assert [request.headers["X-Api-Key"] for request in asked] == [KEY]


def test_a_refusal_shows_no_key_and_an_order_is_not_repeated() -> None:
    asked: list[httpx.Request] = []
    refused = httpx.Response(401, json={"error": f"{KEY} is not valid, nor is {KEY!r}"})
    with pytest.raises(UnauthorizedError) as error:
        core([refused], asked).call("POST", "/", WireModel, retry=Retry.IF_NEVER_SENT)
    assert str(error.value) == "Acme answered POST / with 401: [redacted] is not valid, nor is '[redacted]'"
    assert len(asked) == 1
