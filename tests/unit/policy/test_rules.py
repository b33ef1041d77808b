"""Each rule: what it lets through, what it refuses, and that it refuses what it cannot know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from pulumi_cortecs.cost import Money, PricedHardware, RamMeaning
from pulumi_cortecs.cost.catalogue import Catalogue
from pulumi_cortecs.policy import Known, Missing, Purchase, Rule
from pulumi_cortecs.policy.pinned import PinnedPrices
from pulumi_cortecs.policy.registry import PACKS
from pulumi_cortecs.policy.rules.placement import REGION_ALLOWED, AllowedRegions
from pulumi_cortecs.policy.testing import (
    MISSING,
    PackTester,
    Resource,
    assert_advised,
    assert_allowed,
    assert_denied,
    cortecs_instance,
    resource,
    sample_catalogue,
    secret,
    shadeform_instance,
    shadeform_volume,
    unknown,
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in PACKS["guard"]}
LLAMA_70B = "neuralmagic--Meta-Llama-3.1-70B-Instruct-FP8"


def bench(rule: str, catalogue: Catalogue | PinnedPrices | None = None, **settings: Any) -> PackTester:
    """A pack with this one rule."""
    return PackTester([RULES[rule]], {rule: settings}, catalogue=catalogue)


def with_row(hardware_type_id: str, change: Callable[[PricedHardware], PricedHardware]) -> Catalogue:
    """The sample catalogue with one row changed."""
    prices = sample_catalogue().price_lists["cortecs"]
    rows = tuple(change(row) if row.hardware_type_id == hardware_type_id else row for row in prices.hardware_types)
    return Catalogue({"cortecs": replace(prices, hardware_types=rows)})


A6000 = "hyperstack/montreal-canada-2/A6000"
VOLUME = "hyperstack/montreal-canada-2/volume"

ALLOWED: list[tuple[str, dict[str, Any], Resource]] = [
    ("hardware-allowed", {"allowed": {"cortecs": ["NVIDIA_L4_1"]}}, cortecs_instance()),
    (
        "hardware-allowed",
        {"allowed": {"cortecs": ["NVIDIA_L4_1"]}},
        cortecs_instance(hardware_type_id=secret("NVIDIA_L4_1")),
    ),
    ("gpu-type-allowed", {"allowed": ["NVIDIA L4"]}, cortecs_instance()),
    ("gpu-count-max", {"most": 4}, cortecs_instance(hardware_type_id="NVIDIA_L4_2", num_workers=2)),
    ("vram-range", {"at_least_gb": 24, "at_most_gb": 24}, cortecs_instance()),
    ("model-allowed", {"allowed": ["Qwen/*"]}, cortecs_instance()),
    ("model-allowed", {"allowed": ["Qwen--Qwen2-7B-Instruct"]}, cortecs_instance()),
    ("model-fits-hardware", {}, cortecs_instance()),
    ("region-allowed", {"allowed": ["eu-*"], "without_region": ["cortecs"]}, cortecs_instance()),
    ("region-allowed", {"allowed": ["*-canada-*"]}, shadeform_instance()),
    ("region-allowed", {"allowed": ["*-canada-*"]}, shadeform_volume()),
    ("hardware-allowed", {"allowed": {"shadeform": [A6000]}}, shadeform_instance()),
    ("hardware-allowed", {"allowed": {"shadeform": [VOLUME]}}, shadeform_volume()),
    ("gpu-type-allowed", {"allowed": ["A6000"]}, shadeform_instance()),
    ("gpu-type-allowed", {"allowed": []}, shadeform_volume()),
    ("gpu-count-max", {"most": 0}, shadeform_volume()),
    ("vram-range", {"at_least_gb": 96}, shadeform_instance(shade_instance_type="A6000x2")),
    ("model-allowed", {"allowed": [], "without_model": ["shadeform"]}, shadeform_instance()),
    ("model-allowed", {"allowed": []}, shadeform_volume()),
    ("model-fits-hardware", {"without_model": ["shadeform"]}, shadeform_instance()),
    ("workers-max", {"most": 1}, shadeform_instance()),
    ("endpoint-has-key", {}, cortecs_instance()),
    ("endpoint-has-key", {}, shadeform_volume()),
    ("instance-hourly-cap", {"per_hour": ["0.50 USD"]}, shadeform_instance()),
    ("instance-hourly-cap", {"per_hour": ["0.01 USD"]}, shadeform_volume()),
    ("price-per-gpu-cap", {"per_gpu_hour": ["0.50 USD"]}, shadeform_instance(shade_instance_type="A6000x2")),
    ("stack-hourly-budget", {"per_hour": ["1.00 EUR", "0.50 USD"]}, shadeform_instance()),
    ("ttl-required", {"at_most": "8h"}, shadeform_instance(ttl="8h")),
    ("billing-interval", {"allowed": ["per_minute"]}, shadeform_instance()),
    ("labels-required", {"required": {"team": ""}}, shadeform_instance(labels={"team": "search"})),
    ("quote-matches-catalogue", {"tolerance_percent": "0"}, shadeform_instance()),
    ("quote-matches-catalogue", {"tolerance_percent": "0"}, shadeform_volume()),
    ("workers-max", {"most": 8}, cortecs_instance(num_workers=8)),
    ("workers-max", {"most": 8}, cortecs_instance(num_workers=secret(8))),
    ("scale-to-zero-required", {"clouds": ["gcore"]}, cortecs_instance()),
    ("instance-hourly-cap", {"per_hour": ["2.40 EUR"]}, cortecs_instance(num_workers=2)),
    ("price-per-gpu-cap", {"per_gpu_hour": ["4.44 EUR"]}, cortecs_instance(hardware_type_id="NVIDIA_H100_2")),
    ("stack-hourly-budget", {"per_hour": ["1.20 EUR"]}, cortecs_instance()),
    ("stack-monthly-budget", {"per_month": ["876.00 EUR"]}, cortecs_instance()),
    ("billing-interval", {"allowed": ["per_minute"]}, cortecs_instance()),
    ("ttl-required", {"at_most": "8h"}, cortecs_instance(ttl="480m")),
    ("labels-required", {"required": {"team": ""}}, cortecs_instance(labels={"team": "search", "other": 1})),
    ("labels-required", {"required": {"team": "[a-z]+"}}, cortecs_instance(labels=secret({"team": secret("a")}))),
    ("catalogue-fresh", {"warn_after": "1d", "block_after": "2d"}, cortecs_instance()),
    ("catalogue-digest", {}, cortecs_instance()),
    ("quote-matches-catalogue", {"tolerance_percent": "0"}, cortecs_instance()),
    ("exemptions-valid", {}, cortecs_instance()),
    ("provider-authentic", {}, cortecs_instance()),
    ("unknown-dynamic-type", {}, cortecs_instance()),
    ("unknown-dynamic-type", {}, resource("aws:s3/bucket:Bucket")),
    (
        "unknown-dynamic-type",
        {"allowed": ["pulumi-python:dynamic/ours:Row"]},
        resource("pulumi-python:dynamic/ours:Row", provider="x"),
    ),
    (
        "ignore-changes-forbidden",
        {},
        cortecs_instance(ignore_changes=["state", "restart_trigger", "ttl", "on_timeout", "labels"]),
    ),
    ("ignore-changes-forbidden", {}, resource("aws:s3/bucket:Bucket", ignore_changes=["*"])),
]

DENIED: list[tuple[str, dict[str, Any], Resource, str]] = [
    (
        "hardware-allowed",
        {"allowed": {"shadeform": [A6000]}},
        shadeform_volume(),
        f"{VOLUME} is not among the hardware that is allowed on shadeform: {A6000}.",
    ),
    ("hardware-allowed", {"allowed": {"cortecs": [A6000]}}, shadeform_instance(), "allowed on shadeform: nothing."),
    ("region-allowed", {"allowed": ["eu-*"]}, shadeform_instance(), "montreal-canada-2 is not among the regions"),
    (
        "model-allowed",
        {"allowed": ["*"]},
        shadeform_instance(),
        "model_id is not given; if no purchase on shadeform names one, list it under without_model",
    ),
    ("model-allowed", {"allowed": [], "without_model": ["shadeform"]}, cortecs_instance(model_id=MISSING), "not given"),
    ("model-fits-hardware", {}, shadeform_instance(), "list it under without_model"),
    (
        "model-fits-hardware",
        {"without_model": ["shadeform"]},
        cortecs_instance(model_id=MISSING),
        "if no purchase on cortecs names one",
    ),
    ("instance-hourly-cap", {"per_hour": ["0.49 USD"]}, shadeform_instance(), f"1 x {A6000} cost 0.50 USD/h"),
    (
        "instance-hourly-cap",
        {"per_hour": ["0.01 USD"]},
        shadeform_volume(size_in_gb=101),
        f"101 GB of {VOLUME} cost 0.0101 USD/h; the limit is 0.01 USD: 0.0001 USD too much.",
    ),
    (
        "instance-hourly-cap",
        {"per_hour": ["9.00 USD"]},
        shadeform_volume(size_in_gb=0),
        "size_in_gb is 0; a volume has at least one GB",
    ),
    (
        "instance-hourly-cap",
        {"per_hour": ["9.00 USD"]},
        shadeform_volume(cloud="scaleway", region="paris-france-1"),
        "'scaleway/paris-france-1/volume' is not in the catalogue",
    ),
    ("instance-hourly-cap", {"per_hour": ["9.00 EUR"]}, shadeform_instance(), "no limit is in USD, only 9.00 EUR."),
    ("stack-hourly-budget", {"per_hour": ["9.00 EUR"]}, shadeform_instance(), "no limit is in USD, only 9.00 EUR ("),
    ("labels-required", {"required": {"team": ""}}, shadeform_volume(), "it has no label team"),
    ("ttl-required", {"at_most": "8h"}, shadeform_instance(), "ttl is not given"),
    (
        "ttl-required",
        {"at_most": "8h"},
        shadeform_instance(auto_delete={"date_threshold": "2026-11-28T00:00:00Z"}),
        "ttl is not given",
    ),
    (
        "hardware-allowed",
        {"allowed": {"cortecs": ["NVIDIA_L4_2"]}},
        cortecs_instance(),
        "NVIDIA_L4_1 is not among the hardware that is allowed on cortecs: NVIDIA_L4_2.",
    ),
    ("hardware-allowed", {"allowed": {"gcore": ["NVIDIA_L4_1"]}}, cortecs_instance(), "allowed on cortecs: nothing."),
    (
        "hardware-allowed",
        {"allowed": {"cortecs": ["NVIDIA_B200_8"]}},
        cortecs_instance(hardware_type_id="NVIDIA_B200_8"),
        "the hardware 'NVIDIA_B200_8' is not in the catalogue of 2026-",
    ),
    (
        "gpu-type-allowed",
        {"allowed": ["NVIDIA L4"]},
        cortecs_instance(hardware_type_id="NVIDIA_L40S_1"),
        "has NVIDIA L40S",
    ),
    (
        "gpu-count-max",
        {"most": 4},
        cortecs_instance(hardware_type_id="NVIDIA_L4_2", num_workers=3),
        "3 x NVIDIA_L4_2 are 6 GPUs; 4 are allowed per instance: 2 too many.",
    ),
    (
        "vram-range",
        {"at_most_gb": 23},
        cortecs_instance(),
        "NVIDIA_L4_1 has 24 GB; at most 23 GB are allowed: 1 GB too many.",
    ),
    ("vram-range", {"at_least_gb": 40}, cortecs_instance(), "at least 40 GB are wanted: 16 GB too few."),
    ("model-allowed", {"allowed": ["Qwen/Qwen?-7B-Instruct"]}, cortecs_instance(), "is not among the models"),
    ("model-allowed", {"allowed": ["[Q]wen/*", "[!x]*"]}, cortecs_instance(), "is not among the models"),
    ("model-allowed", {"allowed": ["qwen/*"]}, cortecs_instance(), "Qwen/Qwen2-7B-Instruct is not among the models"),
    (
        "model-fits-hardware",
        {},
        cortecs_instance(hardware_type_id="NVIDIA_H100_1"),
        "does not run on NVIDIA_H100_1; it runs on NVIDIA_L4_1, NVIDIA_L40S_1, NVIDIA_L4_2.",
    ),
    ("model-fits-hardware", {}, cortecs_instance(model_id="x--y"), "does not know the model x/y."),
    ("region-allowed", {"allowed": ["eu-*"]}, cortecs_instance(), "region is not given"),
    ("workers-max", {"most": 2}, cortecs_instance(num_workers=8), "8 workers; 2 are allowed per instance: 6 too many."),
    ("scale-to-zero-required", {"clouds": ["cortecs"]}, cortecs_instance(), "at least 1 runs and is billed"),
    (
        "instance-hourly-cap",
        {"per_hour": ["2.39 EUR"]},
        cortecs_instance(num_workers=2),
        "2 x NVIDIA_L4_1 cost 2.40 EUR/h; the limit is 2.39 EUR: 0.01 EUR too much.",
    ),
    (
        "instance-hourly-cap",
        {"per_hour": ["9.00 USD"]},
        cortecs_instance(),
        "no limit is in EUR, only 9.00 USD.",
    ),
    (
        "instance-hourly-cap",
        {"per_hour": ["1.19 EUR"]},
        cortecs_instance(state="stopped"),
        "1.20 EUR/h; the limit is 1.19 EUR",
    ),
    (
        "price-per-gpu-cap",
        {"per_gpu_hour": ["4.43 EUR"]},
        cortecs_instance(hardware_type_id="NVIDIA_H100_2"),
        "a GPU of NVIDIA_H100_2 costs 4.44 EUR/h; the limit is 4.43 EUR: 0.01 EUR too much.",
    ),
    ("price-per-gpu-cap", {"per_gpu_hour": ["9.00 USD"]}, cortecs_instance(), "no limit is in EUR"),
    (
        "stack-hourly-budget",
        {"per_hour": ["1.19 EUR"]},
        cortecs_instance(),
        "the budget of the stack is 1.19 EUR",
    ),
    ("stack-hourly-budget", {"per_hour": ["1.19 USD"]}, cortecs_instance(), "no limit is in EUR"),
    (
        "stack-monthly-budget",
        {"per_month": ["875.99 EUR"]},
        cortecs_instance(),
        "876.00 EUR/month; the budget of the stack is 875.99 EUR",
    ),
    (
        "billing-interval",
        {"allowed": ["per_hour"]},
        cortecs_instance(),
        "it is billed per_minute; allowed is per_hour.",
    ),
    ("ttl-required", {"at_most": "8h"}, cortecs_instance(), 'ttl is not given; write ttl="8h" or less.'),
    (
        "ttl-required",
        {"at_most": "8h"},
        cortecs_instance(ttl="481m"),
        "8:00:00 is the longest allowed: 0:01:00 too long.",
    ),
    ("ttl-required", {"at_most": "90m"}, cortecs_instance(ttl="soon"), "'soon', not a duration; write ttl=\"90m\" or"),
    *[
        ("labels-required", {"required": {"a": "[0-9]", "team": ""}}, cortecs_instance(labels=labels), says)
        for labels, says in (
            (MISSING, "it has no label a; write labels={'a': ...}, with a text that matches [0-9]."),
            ({}, "it has no label team; write labels={'team': ...}."),
            ({"a": "1", "team": ""}, "it has no label team"),
            ({"a": "1", "team": None}, "it has no label team"),
            ({"a": "11", "team": "x"}, "its label a is '11'; write labels={'a': ...}, with a text that matches [0-9]."),
            ({"a": unknown(), "team": "x"}, "an unknown value is not allowed"),
            ({"a": "1", "team": secret(unknown())}, "an unknown value is not allowed"),
            ({"a": 1, "team": "x"}, "labels.a is 1.0, not a string; what cannot be judged is not allowed."),
            (unknown(), "an unknown value is not allowed"),
            (["a"], "labels is a list or an object, not an object; what cannot be judged is not allowed."),
        )
    ],
    ("provider-authentic", {}, cortecs_instance(provider="gASV"), "is served by a foreign class"),
    ("provider-authentic", {}, cortecs_instance(provider=None), "is served by a foreign class"),
    ("provider-authentic", {}, cortecs_instance(provider=secret("x")), "is served by a foreign class"),
    (
        "unknown-dynamic-type",
        {},
        resource("pulumi-python:dynamic:Resource", provider="x"),
        "made by code in the program",
    ),
    ("unknown-dynamic-type", {}, resource("pulumi-python:dynamic/cortecs:instance", provider="x"), "made by code"),
    ("unknown-dynamic-type", {}, resource("pulumi-python:other/kind:Thing", provider="x"), "made by code"),
    ("unknown-dynamic-type", {}, resource("pulumi-nodejs:dynamic:Resource"), "made by code"),
    *[
        ("ignore-changes-forbidden", {}, cortecs_instance(ignore_changes=[path]), f"changes of {path!r} are ignored")
        for path in ("*", "hardware_type_id", "quote", "quote.hourly_total", '["num_workers"]', "adopt_id", "model_id")
    ],
]


@pytest.mark.parametrize(("rule", "settings", "bought"), ALLOWED)
def test_allowed(rule: str, settings: dict[str, Any], bought: Resource) -> None:
    for verdict in (bench(rule, **settings).preview(bought), bench(rule, **settings).up(bought)):
        assert_allowed(verdict)
        assert verdict.findings == ()


@pytest.mark.parametrize(("rule", "settings", "bought", "says"), DENIED)
def test_denied(rule: str, settings: dict[str, Any], bought: Resource, says: str) -> None:
    assert_denied(bench(rule, **settings).preview(bought), rule, says)
    assert_denied(bench(rule, **settings).up(bought), rule, says)


def test_every_rule_is_here() -> None:
    elsewhere = {"catalogue-fresh", "catalogue-digest", "quote-matches-catalogue", "exemptions-valid"}
    elsewhere |= {"endpoint-has-key"}
    assert {case[0] for case in ALLOWED} == set(RULES)
    assert {case[0] for case in DENIED} | elsewhere == set(RULES)


NEEDS: Mapping[str, tuple[str, ...]] = {
    "hardware-allowed": ("hardware_type_id",),
    "gpu-type-allowed": ("hardware_type_id",),
    "gpu-count-max": ("hardware_type_id", "num_workers"),
    "vram-range": ("hardware_type_id",),
    "model-allowed": ("model_id",),
    "model-fits-hardware": ("model_id", "hardware_type_id"),
    "workers-max": ("num_workers",),
    "instance-hourly-cap": ("hardware_type_id", "num_workers", "billing_interval"),
    "price-per-gpu-cap": ("hardware_type_id", "num_workers", "billing_interval"),
    "stack-hourly-budget": ("hardware_type_id", "num_workers", "billing_interval"),
    "stack-monthly-budget": ("hardware_type_id", "num_workers", "billing_interval"),
    "billing-interval": ("billing_interval",),
    "ttl-required": ("ttl",),
}
ODD = {
    "unknown": unknown(),
    "a secret unknown": secret(unknown()),
    "missing": MISSING,
    "null": None,
    "empty": "",
    "a list": ["NVIDIA_L4_1"],
    "an object": {"a": 1},
    "a boolean": True,
    "not a number": float("nan"),
    "infinite": float("inf"),
}


@pytest.mark.parametrize("value", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize(("rule", "key"), [(rule, key) for rule, keys in NEEDS.items() for key in keys])
def test_what_is_not_known_is_not_allowed(rule: str, key: str, value: Any) -> None:
    settings = next(settings for name, settings, _ in ALLOWED if name == rule)
    odd = cortecs_instance(**{"ttl": "8h", key: value})
    refusal = "; " if rule == "ttl-required" else "is not allowed"  # that one says what to write
    assert_denied(bench(rule, **settings).preview(odd), rule, refusal)
    assert_denied(bench(rule, **settings).up(odd), rule, refusal)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "8", 1e9, True])
def test_odd_numbers_of_workers_have_no_price(workers: Any) -> None:
    odd = cortecs_instance(num_workers=workers)
    assert bench("instance-hourly-cap", per_hour=["1000.00 EUR"]).preview(odd).denied
    assert bench("stack-hourly-budget", per_hour=["1000.00 EUR"]).up(odd).denied


@pytest.mark.parametrize(
    "look_alike", ["nvidia_l4_1", "NVIDIA_L4_1 ", "NVIDIA_L4_１", "NVIDIA_L4\u200b_1", "NVIDIA_L4_1\n", "NVIDIА_L4_1"]
)
def test_look_alikes_are_something_else(look_alike: str) -> None:
    odd = cortecs_instance(hardware_type_id=look_alike)
    assert bench("hardware-allowed", allowed={"cortecs": ["NVIDIA_L4_1"]}).preview(odd).denied
    assert bench("instance-hourly-cap", per_hour=["1000.00 EUR"]).preview(odd).denied


def test_hidden_keys_change_nothing() -> None:
    hidden = cortecs_instance(
        num_workers=8, __num_workers=1, quote={"hourly_total": "0.01", "currency": "EUR", "source": "live"}
    )
    assert_denied(
        bench("instance-hourly-cap", per_hour=["1.20 EUR"]).preview(hidden), "instance-hourly-cap", "9.60 EUR"
    )


def test_memory_whose_meaning_is_undecided_must_be_right_either_way() -> None:
    undecided = with_row(
        "NVIDIA_L4_2", lambda row: replace(row, gpu_ram_gb=Decimal(24), gpu_ram_is=RamMeaning.UNDECIDED)
    )
    bought = cortecs_instance(hardware_type_id="NVIDIA_L4_2")
    assert_allowed(bench("vram-range", undecided, at_least_gb=24, at_most_gb=48).preview(bought))
    assert_denied(bench("vram-range", undecided, at_most_gb=47).preview(bought), "vram-range", "24 GB or 48 GB")
    assert_denied(bench("vram-range", undecided, at_least_gb=25).preview(bought), "vram-range", "24 GB or 48 GB")


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        ("gpu-type-allowed", {"allowed": ["NVIDIA L4"]}),
        ("gpu-count-max", {"most": 99}),
        ("vram-range", {"at_most_gb": 9999}),
        ("price-per-gpu-cap", {"per_gpu_hour": ["99.00 EUR"]}),
    ],
)
def test_what_the_catalogue_does_not_say_is_not_allowed(rule: str, settings: dict[str, Any]) -> None:
    bare = with_row("NVIDIA_L4_1", lambda row: replace(row, gpu_type=None, num_gpus=None, gpu_ram_gb=None))
    assert bench(rule, bare, **settings).preview(cortecs_instance()).denied


@pytest.mark.parametrize(
    ("regions", "wrong"),
    [(("eu-1", "eu-2"), []), (("eu-1", "us-1", "us-2"), ["us-1", "us-2"]), ((), ["nowhere"])],
)
def test_every_region_must_be_on_the_list(regions: tuple[str, ...], wrong: list[str]) -> None:
    nothing: dict[str, Any] = {field.name: Missing(field.name) for field in fields(Purchase)}
    unit, settings = Purchase(**{**nothing, "regions": Known(regions)}), AllowedRegions(allowed=("eu-*",))
    messages = list(REGION_ALLOWED.check(unit, settings, None))  # type: ignore[arg-type]
    assert messages == [f"{region} is not among the regions that are allowed: eu-*." for region in wrong]


def test_a_region_of_the_catalogue_is_where_it_runs() -> None:
    somewhere = with_row("NVIDIA_L4_1", lambda row: replace(row, region="us-east-1"))
    refused = bench("region-allowed", somewhere, allowed=["eu-*"], without_region=["cortecs"]).preview(
        cortecs_instance()
    )
    assert_denied(refused, "region-allowed", "us-east-1 is not among the regions that are allowed: eu-*.")
    assert_allowed(bench("region-allowed", somewhere, allowed=["us-*"]).preview(cortecs_instance()))


def test_an_hour_dearer_than_sixty_minutes_is_priced_as_it_is_billed() -> None:
    dear_hours = with_row("NVIDIA_L4_1", lambda row: replace(row, price_per_hour=Money.of("3.00", "EUR")))
    cap = bench("instance-hourly-cap", dear_hours, per_hour=["2.00 EUR"])
    assert_allowed(cap.preview(cortecs_instance()))
    assert_denied(cap.preview(cortecs_instance(billing_interval="per_hour")), "instance-hourly-cap", "3.00 EUR/h")


@pytest.mark.parametrize(
    ("days", "advised", "denied"), [(14, False, False), (15, True, False), (45, True, False), (46, False, True)]
)
def test_an_old_catalogue_warns_and_then_blocks(days: int, advised: bool, denied: bool) -> None:
    now = sample_catalogue().as_of + timedelta(days=days)
    limits = {"catalogue-fresh": {"warn_after": "14d", "block_after": "45d"}}
    verdict = PackTester([RULES["catalogue-fresh"]], limits, now=now).preview(cortecs_instance())
    assert verdict.denied is denied
    assert bool(verdict.findings) is (advised or denied)
    if advised:
        assert_advised(verdict, "catalogue-fresh", f"{days} days old; after 45 nothing is bought", "catalogue pull")


def test_a_catalogue_of_the_future_blocks() -> None:
    now = sample_catalogue().as_of - timedelta(days=2)
    limits = {"catalogue-fresh": {"warn_after": "14d", "block_after": "45d"}}
    verdict = PackTester([RULES["catalogue-fresh"]], limits, now=now).preview(cortecs_instance())
    assert_denied(verdict, "catalogue-fresh", "yet to come")


def test_an_unusable_catalogue_blocks_under_every_rule_that_needs_it() -> None:
    broken = PinnedPrices(None, "the catalogue cannot be used: it was cut")
    assert_denied(bench("catalogue-digest", broken).preview(cortecs_instance()), "catalogue-digest", "it was cut;")
    for rule in NEEDS:
        if "hardware_type_id" in NEEDS[rule]:
            settings = next(settings for name, settings, _ in ALLOWED if name == rule)
            assert_denied(bench(rule, broken, **settings).preview(cortecs_instance()), rule, "it was cut")


def quoted(total: str, currency: str = "EUR", source: str = "live") -> dict[str, str]:
    return {"hourly_total": total, "currency": currency, "source": source}


@pytest.mark.parametrize(
    ("quote", "says"),
    [
        (quoted("1.27"), "the vendor wants 1.27 EUR/h now, the catalogue of 2026-"),
        (quoted("1.27"), "has 1.20 EUR: +5.8 %, and 5 % are tolerated"),
        (quoted("1.13"), "-5.8 %"),
        (quoted("0.00"), "-100.0 %"),
        (quoted("1.20", "USD"), "the vendor wants 1.20 USD/h"),
        (quoted("NaN"), "quote makes no sense"),
        (quoted("-1.20"), "the vendor wants -1.20 EUR"),
        ({"currency": "EUR", "source": "live"}, "quote is not complete: quote.hourly_total is not given"),
        (unknown(), "quote is only known when"),
        (MISSING, "quote is not given"),
        ("1.20 EUR", "quote is '1.20 EUR', not an object"),
    ],
)
def test_a_live_price_that_is_not_the_pinned_one_is_advice(quote: Any, says: str) -> None:
    verdict = bench("quote-matches-catalogue", tolerance_percent="5").preview(cortecs_instance(quote=quote))
    assert_advised(verdict, "quote-matches-catalogue", says)
    assert_allowed(verdict)


@pytest.mark.parametrize("quote", [quoted("1.26"), quoted("1.14"), quoted("9.99", source="catalogue of 2026-01-01")])
def test_a_price_within_tolerance_or_not_newer_than_the_catalogue_passes(quote: Any) -> None:
    verdict = bench("quote-matches-catalogue", tolerance_percent="5").preview(cortecs_instance(quote=quote))
    assert verdict.findings == ()


def test_two_currencies_are_never_added() -> None:
    prices = sample_catalogue().price_lists["cortecs"]
    dollars = tuple(
        replace(
            row,
            price_per_hour=Money(row.price_per_hour.amount, "USD"),
            price_per_minute=Money(row.price_per_minute.amount, "USD"),
        )
        for row in prices.hardware_types
    )
    in_dollars = Catalogue({"cortecs": replace(prices, currency="USD", hardware_types=dollars)})
    limits = {"stack-hourly-budget": {"per_hour": ["1.20 EUR"]}}
    verdict = PackTester([RULES["stack-hourly-budget"]], limits, catalogue=in_dollars).preview(cortecs_instance())
    assert_denied(verdict, "stack-hourly-budget", "1.20 USD/h; no limit is in USD, only 1.20 EUR (")
