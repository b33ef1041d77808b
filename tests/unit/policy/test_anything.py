"""Whatever a program puts into a resource: what gets through is on the list, and within the cap."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money, quote
from pulumi_cortecs.policy.testing import (
    MISSING,
    PackTester,
    Resource,
    cortecs_instance,
    sample_catalogue,
    secret,
    unknown,
)
from tests.unit.policy.test_limits import DEMO

ROWS = [row.hardware_type_id for row in sample_catalogue().hardware_types("cortecs")]
MODELS = [model.model_id for model in sample_catalogue().models("cortecs")]
CAP = Money.of("5.00", "EUR")

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=12),
    st.floats(),
    st.integers(min_value=-3, max_value=12),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    st.just(unknown()),
    st.just(MISSING),
)


def any_of(*sensible: Any) -> st.SearchStrategy[Any]:
    """A sensible value, a secret one, or anything."""
    return st.one_of(st.sampled_from(sensible), st.sampled_from(sensible).map(secret), JUNK)


CHANGES = {
    "hardware_type_id": any_of(*ROWS),
    "model_id": any_of(*MODELS),
    "num_workers": any_of(1, 2, 3, 8),
    "billing_interval": any_of("per_minute", "per_hour"),
    "context_length": any_of(32000),
    "state": any_of("running", "stopped"),
    "quote": any_of({"hourly_total": "0.01", "currency": "EUR", "source": "live"}),
}


@st.composite
def purchases(draw: st.DrawFn) -> Resource:
    """The usual instance, with up to three properties changed."""
    keys = draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=3, unique=True))
    return cortecs_instance(**{key: draw(CHANGES[key]) for key in keys})


@given(purchases(), st.booleans())
def test_what_gets_through_is_within_the_limits(bought: Resource, previews: bool) -> None:
    bench = PackTester("guard", DEMO)
    verdict = bench.preview(bought) if previews else bench.up(bought)
    if verdict.denied:
        return
    properties = {
        key: value.get("value", value) if isinstance(value, dict) else value for key, value in bought.properties.items()
    }
    assert properties["hardware_type_id"] in DEMO["hardware-allowed"]["allowed"]["cortecs"]
    assert properties["billing_interval"] == "per_minute"
    row = sample_catalogue().hardware("cortecs", properties["hardware_type_id"])
    assert row is not None
    assert row in sample_catalogue().fitting("cortecs", properties["model_id"])
    assert quote(row, BillingInterval.PER_MINUTE, int(properties["num_workers"]), "catalogue").hourly_total <= CAP
