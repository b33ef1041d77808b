"""An account as a provider process works with it: what counts as "no such instance", as ready, and as what was
ordered."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pulumi_cortecs.cortecs.client import ApiInstance, ApiWorkerStatus, CortecsClient
from pulumi_cortecs.cortecs.cloud import CortecsCloud
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import CloudError, ConfigurationError, UnauthorizedError
from pulumi_cortecs.lifecycle.cloud import OrderMatch, OrderSpec, Phase, UnknownStatusError
from pulumi_cortecs.lifecycle.creations import Creations
from pulumi_cortecs.lifecycle.order_recovery import OrderRecovery
from pulumi_cortecs.lifecycle.poller import Poller
from pulumi_cortecs.lifecycle.purchases import Purchases
from pulumi_cortecs.lifecycle.waiting import SCHEDULE
from pulumi_cortecs.provider import accounts, power
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.settings import ProviderSettings
from tests.unit.fakes import Answer, FakeClock, Script, answer
from tests.unit.journals import FakeStates, order_log

TOKEN = answer(200, {"access_token": "a-good-token", "expires_in": 3600})


def account(*answers: Answer, **settings: Any) -> Account:
    """An account whose vendor answers by a script, after it has given a token."""
    http = new_client(httpx.MockTransport(Script(TOKEN, *answers)))
    credentials = Credentials("cortecs", "https://vendor.example", ("me", "a-long-secret"))
    clock, knobs = FakeClock(), ProviderSettings(**settings)
    cloud = CortecsCloud(CortecsClient(credentials, http), credentials.fingerprint, knobs.list_lag, lambda _: None)
    poller = Poller(cloud, clock)
    log, states = order_log(cloud, poller, clock), FakeStates(clock)
    creations = Creations(lambda: states, clock, lambda _: None)
    recovery = OrderRecovery(log, creations=creations, is_exclusive=lambda: False, warn=lambda _: None)
    return Account(cloud, poller, log, Purchases(cloud, poller, clock, log), recovery, clock, knobs)


CLOUD = account(answer(200)).cloud


def instance(status: str = "running", base_url: str | None = "https://x.eu/v1", **args: Any) -> ApiInstance:
    return ApiInstance.model_validate(
        {
            "instance_id": "i-1",
            "base_url": base_url,
            "instance_args": {"model_id": "m", **args},
            "instance_status": {"status": status},
        }
    )


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_no_to_an_id_is_no_such_instance(status: int) -> None:
    assert account(answer(status, {"error": "there is none"})).cloud.get_instance("i-1") is None


@pytest.mark.parametrize("status", [302, 307, 401, 402, 403, 405, 407, 408, 409, 418, 429, 451, 500, 503])
def test_an_answer_about_something_else_is_an_error(status: int) -> None:
    """A login page of a proxy, an unpaid bill, a vendor in trouble: none of them says that nothing is billed."""
    with pytest.raises(CloudError):
        account(answer(status)).cloud.get_instance("i-1")


@pytest.mark.parametrize("status", [400, 404])
def test_a_token_that_is_not_to_be_had_is_no_answer_about_an_instance(status: int) -> None:
    http = new_client(httpx.MockTransport(Script(answer(status))))
    credentials = Credentials("cortecs", "https://vendor.example/wrong", ("me", "a-long-secret"))
    with pytest.raises(UnauthorizedError):
        CortecsCloud(CortecsClient(credentials, http), "", 0, lambda _: None).get_instance("i-1")


def test_an_id_that_cannot_be_one_is_no_such_instance() -> None:
    assert account(answer(500)).cloud.get_instance("delete-all") is None


@pytest.mark.parametrize(
    ("status", "base_url", "phase", "usable"),
    [
        ("pending", None, Phase.STARTING, Phase.STARTING),
        ("running", "https://x.eu/v1", Phase.READY, Phase.READY),
        ("running", None, Phase.READY, Phase.STARTING),
        ("running", "", Phase.READY, Phase.STARTING),
        ("stopped", None, Phase.STOPPED, Phase.STOPPED),
        ("stopped", "https://x.eu/v1", Phase.STOPPED, Phase.STOPPED),
    ],
)
def test_an_instance_without_an_address_is_not_usable(
    status: str, base_url: str | None, phase: Phase, usable: Phase
) -> None:
    assert CLOUD.phase(instance(status, base_url)) is phase
    assert CLOUD.ready_phase(instance(status, base_url)) is usable


@pytest.mark.parametrize("word", ["", "Running", "failed", "running "])
def test_an_unknown_word_is_nobodys_guess(word: str) -> None:
    for judge in (CLOUD.phase, CLOUD.ready_phase):
        with pytest.raises(UnknownStatusError, match=repr(word)):
            judge(instance(word))


ORDERED = ("m", "NVIDIA_L4_1", 32000, "per_minute", 2)
ARGS = {"hardware_type_id": "NVIDIA_L4_1", "context_length": 32000, "billing_interval": "per_minute", "num_workers": 2}


@pytest.mark.parametrize(
    ("args", "may_be"),
    [
        (ARGS, True),
        ({**ARGS, "num_workers": 1}, False),
        ({**ARGS, "num_workers": None}, True),
        ({**ARGS, "context_length": 16000}, False),
        ({**ARGS, "billing_interval": "per_hour"}, False),
        ({**ARGS, "hardware_type_id": "NVIDIA_L4_2"}, False),
        ({**ARGS, "hardware_type_id": None}, True),
        ({}, True),
    ],
)
def test_what_the_vendor_does_not_tell_speaks_against_no_order(args: dict[str, Any], may_be: bool) -> None:
    assert (CLOUD.match(instance(**args), OrderSpec(ORDERED)) is OrderMatch.MAYBE) is may_be


def test_workers_that_are_not_all_listed_yet_speak_against_no_order() -> None:
    """Else what a lost answer has bought would be bought again while it boots."""
    booting = instance(**{**ARGS, "num_workers": None}).model_copy(update={"worker_statuses": [ApiWorkerStatus()]})
    assert booting.reported()["num_workers"] == 1
    assert CLOUD.match(booting, OrderSpec(ORDERED)) is OrderMatch.MAYBE


def test_a_model_is_the_same_with_a_slash() -> None:
    stopped = instance(**ARGS)
    slashed = stopped.model_copy(update={"instance_args": stopped.instance_args.model_copy(update={"model_id": "a/b"})})
    assert CLOUD.match(slashed, OrderSpec(("a--b", *ORDERED[1:]))) is OrderMatch.MAYBE
    assert CLOUD.match(slashed, OrderSpec(ORDERED)) is not OrderMatch.MAYBE


def step(number: int, words: str | None = None) -> dict[str, Any]:
    return {"init_progress": {"current_step": number, "num_steps": 5, "description": words}}


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (None, "pending"),
        ([], "pending"),
        ([None], "pending"),
        ([step(3, "loading")], "3/5 loading"),
        ([step(3)], "3/5"),
        ([step(2, "slow"), step(4, "fast"), {"init_progress": None}], "4/5 fast"),
    ],
)
def test_progress_is_told_in_words_of_the_fastest_worker(statuses: Any, words: str) -> None:
    body = {
        "instance_id": "i-1",
        "instance_args": {"model_id": "m"},
        "instance_status": {"status": "pending"},
        "worker_statuses": statuses,
    }
    assert CLOUD.progress_text(ApiInstance.model_validate(body)) == words


def test_a_poll_interval_replaces_the_schedule() -> None:
    assert account(answer(200)).wait().schedule == SCHEDULE
    assert account(answer(200), poll_interval=0.1).wait().schedule == ((float("inf"), 0.1),)


def test_a_wait_counts_from_our_own_start_or_from_now() -> None:
    mine = account(answer(200))
    assert mine.started_at("i-1") == mine.clock.now()
    mine.poller.mark_started("i-1")
    began_at = mine.clock.now()
    mine.clock.sleep(10)
    assert mine.started_at("i-1") == began_at
    assert mine.started_at("i-2") == mine.clock.now()


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CORTECS_CLIENT_ID", "CORTECS_CLIENT_SECRET", "CORTECS_API_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


CONFIG = {
    "cortecs:clientId": "id",
    "cortecs:clientSecret": "a-long-secret",
    "cortecs:apiBaseUrl": "https://vendor.example/v1",
}


@pytest.mark.usefixtures("no_environment")
def test_one_account_is_one_client_one_poller_and_one_purchase_book() -> None:
    accounts.configure(INSTANCE, {**CONFIG, "other:clientId": "not ours"})
    first = accounts.account(INSTANCE)
    accounts.configure(INSTANCE, dict(CONFIG))
    assert accounts.account(INSTANCE) is first
    assert first.fingerprint == Credentials("cortecs", "https://vendor.example/v1", ("id", "x")).fingerprint
    assert accounts.market(INSTANCE) is accounts.market(INSTANCE)
    accounts.configure(INSTANCE, {**CONFIG, "cortecs:clientId": "another"})
    assert accounts.account(INSTANCE) is not first
    accounts.configure(INSTANCE, {})
    with pytest.raises(ConfigurationError):
        accounts.account(INSTANCE)


@pytest.mark.usefixtures("no_environment")
def test_configuring_a_second_provider_never_takes_the_credentials_away() -> None:
    accounts.configure(INSTANCE, CONFIG)
    interval = sys.getswitchinterval()
    errors: list[CloudError] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                accounts.account(INSTANCE)
            except CloudError as error:
                errors.append(error)

    def meanwhile(work: Callable[[], None]) -> None:
        for _ in range(3000):
            work()
        done.set()

    sys.setswitchinterval(1e-6)
    try:
        looker = threading.Thread(target=look)
        looker.start()
        meanwhile(lambda: accounts.configure(INSTANCE, dict(CONFIG)))
        looker.join(10)
    finally:
        sys.setswitchinterval(interval)
        accounts.configure(INSTANCE, {})
    assert errors == []


@pytest.mark.parametrize("shown", [("running", "stopped"), ("running", "running", "stopped")])
def test_a_stop_has_ended_when_the_vendor_reports_it(shown: tuple[str, ...]) -> None:
    bodies = ({"instance": instance(status).model_dump(mode="json")} for status in shown)
    script = account(*(answer(200, body) for body in bodies))
    power.stop(script, "i-1")


def test_a_stop_that_is_accepted_and_never_shows_is_an_error() -> None:
    running = answer(200, {"instance": instance("running").model_dump(mode="json")})
    with pytest.raises(CloudError, match=r"the stop of i-1 was accepted, and the vendor still reports running"):
        power.stop(account(*[running] * 60), "i-1")
