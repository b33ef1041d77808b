"""The knobs of a provider process, read from its environment; a bad one is refused by its name."""

from __future__ import annotations

import pytest

from pulumi_cortecs.clouds.errors import ConfigurationError
from pulumi_cortecs.provider.settings import Settings, settings_from

LAG, POLL = "PULUMI_CORTECS_LIST_LAG", "PULUMI_CORTECS_POLL_INTERVAL"


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ({}, Settings()),
        ({LAG: "", POLL: ""}, Settings()),
        ({LAG: "0"}, Settings(list_lag=0.0)),
        ({LAG: "0.3", POLL: "0.1"}, Settings(list_lag=0.3, poll_interval=0.1)),
        ({LAG: "1e1"}, Settings(list_lag=10.0)),
        ({"HOME": "/root"}, Settings()),
    ],
)
def test_seconds_are_read_and_what_is_not_set_keeps_its_default(
    environment: dict[str, str], settings: Settings
) -> None:
    assert settings_from(environment) == settings


def test_by_default_the_list_may_lag_five_seconds_and_the_schedule_decides() -> None:
    assert settings_from({}) == Settings(list_lag=5.0, poll_interval=None, market_age=30.0)


@pytest.mark.parametrize("value", ["soon", "-1", "-0.1", "nan", "inf", "-inf", "1e999", "5s", "1,5"])
@pytest.mark.parametrize("name", [LAG, POLL])
def test_what_is_no_number_of_seconds_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as raised:
        settings_from({name: value})
    assert repr(value) in str(raised.value)


def test_a_poll_without_a_pause_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=POLL):
        settings_from({POLL: "0"})
