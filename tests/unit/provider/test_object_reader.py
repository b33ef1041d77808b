"""An object has two spellings beside the given one: without what the vendor fills in, and with all of it."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.provider.properties import UNKNOWN, InvalidValueError, boolean, integer, object_of, string

INNER = object_of({"path": string, "port": integer(1)}, ("port",), {"path": "/"})
OUTER = object_of(
    {"enabled": boolean, "seconds": integer(0), "http": INNER, "rules": object_of({"cpu": integer(1)})},
    ("enabled",),
    {"seconds": 10, "http": None, "rules": {"cpu": 80}},
    switch="enabled",
)


@pytest.mark.parametrize(
    ("given", "minimal", "full"),
    [
        ({"enabled": True}, {"enabled": True}, {"seconds": 10, "http": None, "rules": {"cpu": 80}}),
        ({"enabled": True, "seconds": 10.0, "rules": {"cpu": 80}}, {"enabled": True}, {"rules": {"cpu": 80}}),
        ({"enabled": True, "seconds": 0, "rules": {}}, {"enabled": True, "seconds": 0, "rules": {}}, {"rules": {}}),
        (
            {"enabled": True, "http": {"port": 1, "path": "/"}},
            {"enabled": True, "http": {"port": 1}},
            {"http": {"port": 1, "path": "/"}},
        ),
    ],
)
def test_both_spellings_mean_the_same(given: Any, minimal: Any, full: Any) -> None:
    assert OUTER.read_minimal(given) == minimal
    assert OUTER.full(minimal).items() >= {"enabled": True, **full}.items()
    assert OUTER.minimal(OUTER.full(minimal)) == minimal


def test_an_object_that_is_switched_off_is_none() -> None:
    assert OUTER.read_minimal({"enabled": False, "seconds": 3}) == OUTER.minimal(None) == {}
    assert OUTER.full({}) == {"enabled": False}


def test_what_only_up_will_know_stays() -> None:
    assert OUTER.minimal(UNKNOWN) is UNKNOWN
    assert OUTER.minimal({"enabled": UNKNOWN, "http": UNKNOWN}) == {"enabled": UNKNOWN, "http": UNKNOWN}


def test_fields_that_do_not_fit_together_are_refused() -> None:
    def check(read: dict[str, Any]) -> None:
        if len(read) > 1:
            raise InvalidValueError("must be one of both")

    either = object_of({"cpu": integer(1), "memory": integer(1)}, check=check)
    assert either({"cpu": 1}) == {"cpu": 1}
    with pytest.raises(InvalidValueError, match="one of both"):
        either({"cpu": 1, "memory": 1})
