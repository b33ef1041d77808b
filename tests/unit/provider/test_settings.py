"""The knobs of a provider process, read from its environment; a bad one keeps its default, and is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_cortecs.provider.settings import ProviderSettings, read_settings

LAG, POLL = "PULUMI_CORTECS_LIST_LAG", "PULUMI_CORTECS_POLL_INTERVAL"
FOLDER = "PULUMI_CORTECS_STATE_DIR"


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ({}, ProviderSettings()),
        ({LAG: "", POLL: ""}, ProviderSettings()),
        ({LAG: "0"}, ProviderSettings(list_lag=0.0)),
        ({LAG: "0.3", POLL: "0.1"}, ProviderSettings(list_lag=0.3, poll_interval=0.1)),
        ({LAG: "10"}, ProviderSettings(list_lag=10.0)),
        ({"HOME": "/root"}, ProviderSettings()),
    ],
)
def test_seconds_are_read_and_what_is_not_set_keeps_its_default(
    environment: dict[str, str], settings: ProviderSettings
) -> None:
    assert read_settings(environment) == settings


def test_by_default_the_list_may_lag_five_seconds_and_the_schedule_decides() -> None:
    assert read_settings({}) == ProviderSettings(list_lag=5.0, poll_interval=None, market_age=30.0)


@pytest.mark.parametrize(
    "value", ["soon", "-1", "-0.1", "nan", "inf", "-inf", "1e999", "5s", "1,5", "1e1", "٥", "1_0", "5 ", "+5", "-0"]
)
@pytest.mark.parametrize("name", [LAG, POLL])
def test_what_is_no_number_of_seconds_keeps_the_default_and_is_named(name: str, value: str) -> None:
    """Reading raises nothing: deletions, which end a bill, need the settings too."""
    settings = read_settings({name: value})
    assert settings.problems == (f"{name}: got {value!r}; must be a number of seconds",)
    assert (settings.list_lag, settings.poll_interval) == (5.0, None)


def test_a_poll_without_a_pause_keeps_the_default_and_is_named() -> None:
    settings = read_settings({POLL: "0"})
    assert settings.poll_interval is None
    assert POLL in settings.problems[0]


@pytest.mark.parametrize("named", ["orders", "./orders", "../orders", "~nobody-of-that-name/orders"])
def test_a_relative_folder_of_orders_is_named(named: str) -> None:
    assert read_settings({FOLDER: named}).problems == (f"{FOLDER} must be an absolute path, not {named!r}",)


def test_a_folder_of_orders_that_is_a_file_or_below_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for named in (tmp_path / "file", tmp_path / "file" / "below"):
        (problem,) = read_settings({FOLDER: str(named)}).problems
        assert problem.startswith(f"{FOLDER}: {str(named)!r} ")


def test_a_folder_of_orders_that_is_still_to_be_made_is_fine(tmp_path: Path) -> None:
    assert read_settings({FOLDER: str(tmp_path / "to" / "be" / "made")}).problems == ()


def test_all_that_is_wrong_is_named_at_once() -> None:
    problems = read_settings({LAG: "x", POLL: "y", FOLDER: "z"}).problems
    assert [name in problem for name, problem in zip((LAG, POLL, FOLDER), problems, strict=True)] == [True] * 3
