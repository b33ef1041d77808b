"""Access tokens: real time, whatever the virtual clock does."""

from __future__ import annotations

import pytest

from pulumi_cortecs.simulator.cortecs.tokens import Credential, Token, Tokens


class RealTime:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def real() -> RealTime:
    return RealTime()


@pytest.fixture
def tokens(real: RealTime) -> Tokens:
    return Tokens(real)


def grant_token(tokens: Tokens, client: str = "sim", secret: str = "sim") -> str:
    token = tokens.grant(client, secret, 3600)
    assert token is not None
    return token


def test_a_token_is_good_until_its_last_real_second(tokens: Tokens, real: RealTime) -> None:
    token = grant_token(tokens)
    real.seconds = 3599.9
    assert tokens.account_of(token) == "sim"
    real.seconds = 3600
    assert tokens.account_of(token) is None


def test_tokens_are_never_the_same(tokens: Tokens) -> None:
    assert grant_token(tokens) != grant_token(tokens)


@pytest.mark.parametrize(("client", "secret"), [("sim", "wrong"), ("other", "sim"), ("", ""), ("sim", "sím")])
def test_wrong_credentials_get_none(client: str, secret: str, tokens: Tokens) -> None:
    assert tokens.grant(client, secret, 3600) is None


def test_expiring_all_leaves_new_ones_good(tokens: Tokens) -> None:
    old = grant_token(tokens)
    tokens.expire_all()
    assert tokens.account_of(old) is None
    assert tokens.account_of(grant_token(tokens)) == "sim"


def test_a_rotated_key_opens_the_same_account_and_another_client_another(tokens: Tokens) -> None:
    tokens.register("sim-2", "s", "sim")
    tokens.register("acme", "s", "acme")
    assert tokens.account_of(grant_token(tokens, "sim-2", "s")) == "sim"
    assert tokens.account_of(grant_token(tokens, "acme", "s")) == "acme"


def test_what_is_kept_opens_nothing(real: RealTime) -> None:
    credentials: dict[str, Credential] = {}
    kept: dict[str, Token] = {}
    tokens = Tokens(real, credentials, kept)
    tokens.register("acme", "hunter2", "acme")
    token = grant_token(tokens, "acme", "hunter2")
    assert Tokens(real, credentials, kept).account_of(token) == "acme"
    for secret in ("hunter2", token):
        assert secret not in f"{credentials} {kept}"


def test_a_client_that_was_kept_is_not_overwritten_by_the_first_one(real: RealTime) -> None:
    credentials: dict[str, Credential] = {}
    Tokens(real, credentials).register("sim", "changed", "sim")
    assert Tokens(real, credentials).grant("sim", "sim", 60) is None


def test_expired_tokens_are_not_kept(real: RealTime) -> None:
    kept: dict[str, Token] = {}
    tokens = Tokens(real, None, kept)
    for _ in range(3):
        real.seconds += 3600
        grant_token(tokens)
    assert len(kept) == 1


@pytest.mark.parametrize("odd", ["\ud800", "", "s\u00edm"])
def test_any_text_can_be_tried_as_a_secret_or_a_token(odd: str, tokens: Tokens) -> None:
    assert tokens.grant("sim", odd, 60) is None
    assert tokens.account_of(odd) is None
    tokens.register("acme", odd, "acme")
    assert tokens.account_of(grant_token(tokens, "acme", odd)) == "acme"
