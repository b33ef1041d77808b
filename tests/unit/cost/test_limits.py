"""The limits of a machine: their refusals, in their words, and that an unreadable file allows nothing."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import Money, limits_schema
from pulumi_cortecs.cost.limits import CloudLimits, PurchaseLimits, Spending, Violation
from pulumi_cortecs.cost.limits_file import (
    MACHINE_FILE,
    VARIABLE,
    LimitsFileError,
    account_is_exclusive,
    argument_of,
    ledger_folder,
    limits_in_force,
)

VENDOR = "https://cortecs.ai/api/v1"
LIAR = "http://127.0.0.1:4/api/v1"
NOWHERE = Path("/nonexistent/pulumi-cortecs/limits.json")
GOOD = {
    "allowed_hardware": ["NVIDIA_L4_1", "NVIDIA_L4_2"],
    "allowed_models": ["Qwen/Qwen2-7B-Instruct"],
    "instance_hourly_cap": "2.40 EUR",
    "account_hourly_ceiling": "10.00 EUR",
    "account_is_exclusive": False,
    "ledger": "/srv/ledger",
}


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def written(path: Path, limits: Any, cloud: str = "cortecs") -> Path:
    path.write_text(json.dumps({cloud: limits}), encoding="utf-8")
    return path


def texts(refusals: list[Violation]) -> list[str]:
    return [refusal.text for refusal in refusals]


def kind(model: str | None, hardware: str | None) -> dict[str, str | None]:
    return {"model_id": model, "hardware_type_id": hardware}


def allowed(hardware: Iterable[str] | None = None, models: Iterable[str] | None = None) -> dict[str, frozenset[str]]:
    """The two lists of a limits file, without those that are None."""
    lists = {"hardware_type_id": hardware, "model_id": models}
    return {argument: frozenset(names) for argument, names in lists.items() if names is not None}


KIND = kind("M", "A")
CAP = PurchaseLimits((CloudLimits("FILE", instance_hourly_cap=eur("2.40")),))
CEILING = PurchaseLimits((CloudLimits("FILE", account_hourly_ceiling=eur("10")),))
LISTS = PurchaseLimits((CloudLimits("FILE", allowed(hardware="AB", models="M")),))


def test_without_a_file_there_are_no_limits() -> None:
    limits = limits_in_force("cortecs", {}, NOWHERE)
    assert limits == PurchaseLimits(())
    assert not limits.counts_price
    assert limits.check_allowed(KIND) == limits.check_price(None) == []
    assert limits.check_ceiling(Spending({"a": None}, (None,), None)) == []


def test_a_file_says_what_it_allows(tmp_path: Path) -> None:
    (limits,) = limits_in_force("cortecs", {}, written(tmp_path / "limits.json", GOOD)).files
    assert limits == CloudLimits(
        str(tmp_path / "limits.json"),
        allowed(hardware=["NVIDIA_L4_1", "NVIDIA_L4_2"], models=["Qwen--Qwen2-7B-Instruct"]),
        eur("2.40"),
        eur("10"),
        account_is_exclusive=False,
        ledger=Path("/srv/ledger"),
    )


def test_an_order_must_pass_both_files_so_the_variable_only_tightens(tmp_path: Path) -> None:
    machine = written(tmp_path / "machine.json", {"allowed_hardware": ["A", "B"], "instance_hourly_cap": "5.00 EUR"})
    named = written(tmp_path / "named.json", {"allowed_hardware": ["B", "C"], "instance_hourly_cap": "9.00 EUR"})
    limits = limits_in_force("cortecs", {VARIABLE: str(named)}, machine)
    assert [bool(limits.check_allowed(kind("M", hardware))) for hardware in "ABC"] == [True, False, True]
    assert [len(limits.check_price(eur(price))) for price in ("5", "5.01", "9.01")] == [0, 1, 2]


@given(
    st.tuples(*[st.none() | st.frozensets(st.sampled_from("ABCD"))] * 2),
    st.tuples(*[st.none() | st.integers(0, 20)] * 2),
    st.sampled_from("ABCD"),
    st.integers(1, 20),
)
def test_no_second_file_ever_allows_what_the_first_refuses(lists: Any, caps: Any, kind: str, price: int) -> None:
    one, other = (
        CloudLimits(name, allowed(hardware=names), instance_hourly_cap=None if cap is None else Money.of(cap, "EUR"))
        for name, names, cap in zip(("one", "other"), lists, caps, strict=True)
    )
    both = PurchaseLimits((one, other))
    for alone in (PurchaseLimits((one,)), PurchaseLimits((other,))):
        if alone.check_allowed({"hardware_type_id": kind}):
            assert both.check_allowed({"hardware_type_id": kind})
        if alone.check_price(Money.of(price, "EUR")):
            assert both.check_price(Money.of(price, "EUR"))


def test_no_variable_moves_the_machines_own_file() -> None:
    assert Path("/etc/pulumi-cortecs/limits.json") == MACHINE_FILE
    assert inspect.signature(limits_in_force).parameters["machine_file"].default is MACHINE_FILE


def test_a_refusal_is_shown_at_an_argument_also_if_its_value_is_made_of_several() -> None:
    assert argument_of("shadeform", "hardware_type_id") == "shade_instance_type"
    assert argument_of("shadeform", "cloud") == "cloud"
    assert argument_of("cortecs", "hardware_type_id") == "hardware_type_id"
    for about in (
        CAP.check_price(None),
        CEILING.check_ceiling(Spending({}, (), None)),
        CAP.check_source(LIAR, VENDOR, {}),
    ):
        assert [argument_of("cortecs", violation.about) for violation in about] == [""]


def test_a_machine_at_shadeform_must_be_on_each_list(tmp_path: Path) -> None:
    lists = {"allowed_hardware": ["a/r/T"], "allowed_clouds": ["a"], "allowed_regions": ["r"]}
    file = written(tmp_path / "limits.json", lists, "shadeform")
    limits = limits_in_force("shadeform", {}, file)
    ok = {"cloud": "a", "region": "r", "shade_instance_type": "T", "hardware_type_id": "a/r/T"}
    assert limits.check_allowed(ok) == []
    for name, other in (("cloud", "b"), ("region", "s"), ("hardware_type_id", "a/r/U")):
        (violation,) = limits.check_allowed({**ok, name: other})
        assert violation == Violation(name, f"{other} is not allowed by {file}, which allows {ok[name]}")
    with pytest.raises(LimitsFileError, match="shadeform: is missing"):
        limits_in_force("shadeform", {}, written(tmp_path / "limits.json", GOOD))


def test_what_is_not_on_a_list_is_named_with_what_is() -> None:
    assert LISTS.check_allowed(KIND) == []
    assert LISTS.check_allowed(kind(None, None)) == []  # not known yet
    assert LISTS.check_allowed(kind("N", "C")) == [
        Violation("model_id", "N is not allowed by FILE, which allows M"),
        Violation("hardware_type_id", "C is not allowed by FILE, which allows A, B"),
    ]
    assert [violation.about for violation in LISTS.check_allowed(kind("m", "a"))] == ["model_id", "hardware_type_id"]
    nothing = PurchaseLimits((CloudLimits("FILE", allowed(hardware="")),))
    assert texts(nothing.check_allowed(KIND)) == ["A is not allowed by FILE, which allows nothing"]


def test_each_of_several_values_has_to_be_on_the_list() -> None:
    limits = PurchaseLimits((CloudLimits("FILE", {"region": frozenset({"luxembourg-1", "luxembourg-2"})}),))
    assert limits.check_allowed({"region": ("luxembourg-1", "luxembourg-2")}) == []
    assert limits.check_allowed({"region": ()}) == []  # none of them is known yet
    (violation,) = limits.check_allowed({"region": ("luxembourg-2", "frankfurt-1")})
    assert violation.text == "frankfurt-1 is not allowed by FILE, which allows luxembourg-1, luxembourg-2"


def test_the_cap_is_for_one_instance() -> None:
    assert CAP.check_price(eur("2.40")) == []
    assert texts(CAP.check_price(eur("71.04"))) == [
        "the instance costs 71.04 EUR/h, and the cap per instance is 2.40 EUR (FILE), exceeded by 68.64 EUR"
    ]


def test_what_has_no_price_or_another_currency_is_refused() -> None:
    assert texts(CAP.check_price(None)) == ["the instance has no price, and the cap per instance is 2.40 EUR (FILE)"]
    (dollars,) = texts(CAP.check_price(Money.of("0.01", "USD")))
    assert dollars.endswith("not the same currency")


def test_the_ceiling_is_for_all_that_runs_and_is_being_bought() -> None:
    running = {"a": eur("4"), "b": eur("3.50")}
    assert CEILING.check_ceiling(Spending(running, (eur("1.25"),), eur("1.25"))) == []
    (refused,) = CEILING.check_ceiling(Spending(running, (eur("1.25"), eur("1.25")), eur("1.25")))
    assert refused.text == (
        "the account would cost 11.25 EUR/h (7.50 EUR for what it runs, 2.50 EUR for what was just ordered, "
        "1.25 EUR for this instance), and the ceiling of the account is 10.00 EUR "
        "(account_hourly_ceiling in FILE), exceeded by 1.25 EUR"
    )


@pytest.mark.parametrize(
    ("spending", "text"),
    [
        (Spending({"a": eur("1"), "b": None}, (), eur("1")), "running instances of the account have no price: b"),
        (Spending({}, (eur("1"), None), eur("1")), "a pending order has no price"),
        (Spending({}, (), None), "the instance has no price"),
        (Spending({"a": Money.of("1", "USD")}, (), eur("1")), "1.00 USD/h in it: not the same currency"),
        (Spending({}, (Money.of("1", "USD"),), eur("1")), "not the same currency"),
        (Spending({}, (), Money.of("1", "USD")), "not the same currency"),
    ],
)
def test_a_sum_that_cannot_be_told_is_refused(spending: Spending, text: str) -> None:
    (refused,) = CEILING.check_ceiling(spending)
    assert text in refused.text
    assert "the ceiling of the account is 10.00 EUR (account_hourly_ceiling in FILE)" in refused.text


def test_it_is_known_what_has_to_be_found_out() -> None:
    assert [limits.counts_price for limits in (CAP, CEILING, LISTS)] == [True, True, False]
    assert [limits.counts_account for limits in (CAP, CEILING, LISTS)] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not valid JSON"),
        (b'{"cortecs": {', "is not valid JSON"),
        (b"\xff\xfe{}", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON: maximum recursion"),
        (b"[]", "got []; must be a mapping of names"),
        (b"null", "got None; must be a mapping of names"),
        (b"{}", "cortecs: is missing, so nothing of it is allowed"),
        (b'{"cortecs": {}}', "cortecs: limits nothing; allowed: instance_hourly_cap"),
        (b'{"cortecs": []}', "cortecs: got []; must be a mapping"),
        (b'{"Cortecs": {"allowed_hardware": []}}', "Cortecs: unknown key; did you mean cortecs?"),
        (
            b'{"cortecs": {"allowed_hardwares": []}}',
            "allowed_hardwares: unknown key; did you mean allowed_hardware?",
        ),
        (b'{"cortecs": {"allowed_hardware": "A"}}', "cortecs.allowed_hardware: got 'A'; must be a list"),
        (
            b'{"cortecs": {"allowed_hardware": [" A"]}}',
            "allowed_hardware[0]: got ' A'; must be a string without",
        ),
        (b'{"cortecs": {"allowed_hardware": [null]}}', "got None"),
        (b'{"cortecs": {"allowed_hardware": null}}', "got None; must be a list"),
        (b'{"cortecs": {"allowed_models": {}}}', "got {}; must be a list"),
        (b'{"cortecs": {"instance_hourly_cap": 5}}', "instance_hourly_cap: got 5; must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": 5.0}}', "instance_hourly_cap: got 5.0; must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": Infinity}}', "not a number: Infinity"),
        (b'{"cortecs": {"instance_hourly_cap": "Infinity EUR"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "5.00"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "EUR 5.00"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "5,00 EUR"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "5.00 euro"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "-5.00 EUR"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "-0 EUR"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "+5.00 EUR"}}', "must be an amount"),
        (b'{"cortecs": {"account_hourly_ceiling": "1e3 EUR"}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": null}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": {"EUR": "5"}}}', "must be an amount"),
        (b'{"cortecs": {"instance_hourly_cap": "1 EUR", "instance_hourly_cap": "9 EUR"}}', "duplicate key"),
        (b'{"cortecs": {"allowed_hardware": []}, "cortecs": {"allowed_models": []}}', "duplicate key"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_file_that_nobody_understands_refuses(tmp_path: Path, content: bytes, text: str, named: bool) -> None:
    path = tmp_path / "limits.json"
    path.write_bytes(content)
    with pytest.raises(LimitsFileError) as refused:
        limits_in_force("cortecs", {VARIABLE: str(path)} if named else {}, NOWHERE if named else path)
    assert str(refused.value).startswith(f"{path}: ")
    assert text in str(refused.value)


def test_all_problems_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "limits.json", {"instance_hourly_cap": "5", "account_is_exclusive": 1, "ledgr": "/srv"})
    with pytest.raises(LimitsFileError) as refused:
        limits_in_force("cortecs", {}, path)
    assert str(refused.value) == (
        f"{path}: cortecs.instance_hourly_cap: got '5'; must be an amount with its currency, such as '12.50 EUR', of "
        "at most 20 digits; cortecs.account_is_exclusive: got 1; must be true or false; cortecs.ledgr: unknown key; "
        "did you mean ledger?"
    )


def test_a_bad_second_file_refuses_as_well(tmp_path: Path) -> None:
    good = written(tmp_path / "good.json", GOOD)
    with pytest.raises(LimitsFileError, match="cannot be read: No such file"):
        limits_in_force("cortecs", {VARIABLE: str(tmp_path / "none.json")}, good)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "is set and names no file"),
        ("limits.json", "must be an absolute path"),
        ("~/limits.json", "must be an absolute path"),
        ("/nonexistent/limits.json", "cannot be read: No such file"),
        ("/dev/null", "not a regular file"),
        ("/", "not a regular file"),
        ("/nul\0l", "cannot be read"),
    ],
)
def test_a_variable_that_names_no_file_refuses(value: str, text: str) -> None:
    with pytest.raises(LimitsFileError, match=text):
        limits_in_force("cortecs", {VARIABLE: value}, NOWHERE)


def test_the_machines_own_file_is_absent_only_when_that_is_certain(tmp_path: Path) -> None:
    link = tmp_path / "limits.json"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(LimitsFileError, match="cannot be read"):
        limits_in_force("cortecs", {}, link)
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    with pytest.raises(LimitsFileError, match="cannot be looked at: Not a directory"):
        limits_in_force("cortecs", {}, blocked / "limits.json")


def test_limits_are_read_anew_each_time(tmp_path: Path) -> None:
    path = written(tmp_path / "limits.json", GOOD)
    first = limits_in_force("cortecs", {}, path)
    written(path, {"allowed_hardware": []})
    assert limits_in_force("cortecs", {}, path) != first


def test_the_model_of_the_files_is_built_once(tmp_path: Path) -> None:
    path = written(tmp_path / "limits.json", GOOD)
    limits_in_force("cortecs", {}, path)
    built = limits_schema.file_model.cache_info().misses
    limits_in_force("cortecs", {VARIABLE: str(path)}, path)
    assert limits_schema.file_model.cache_info().misses == built


def test_the_page_shows_limits_that_are_understood_and_a_message_as_it_is(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "limits.md").read_text(encoding="utf-8")
    shown, *others = re.findall(r"^```json\n(.*?)^```", page, re.M | re.S)
    path = tmp_path / "limits.json"
    listed = {"shadeform": {"hardware_type_id", "cloud", "region"}, "gcore": {"hardware_type_id", "region"}}
    for section, (cloud, values) in zip(others, listed.items(), strict=True):
        path.write_text(section, encoding="utf-8")
        (lists,) = limits_in_force(cloud, {}, path).files
        assert lists.allowed.keys() == values
    path.write_text(shown, encoding="utf-8")
    limits = limits_in_force("cortecs", {}, path)
    assert None not in vars(limits.files[0]).values()
    (message,) = texts(limits.check_price(eur("16.80")))
    assert message.replace(str(path), str(MACHINE_FILE)) in page
    (message,) = texts(limits.check_source("http://127.0.0.1:3000/api/v1", VENDOR, {}))
    assert message.replace(str(path), str(MACHINE_FILE)) in page
    assert str(MACHINE_FILE) in page
    assert VARIABLE in page


def test_a_file_that_only_says_whose_account_it_is_limits_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "limits.json", {"account_is_exclusive": True})
    limits = limits_in_force("cortecs", {}, path)
    assert not limits.counts_price
    assert limits.check_allowed(KIND) == limits.check_price(None) == []
    assert account_is_exclusive("cortecs", {}, path)


def read(machine: Any, named: Any, directory: Path) -> PurchaseLimits:
    """The limits of a machine's file and of one that the variable names; None for none."""
    file = NOWHERE if machine is None else written(directory / "machine.json", machine)
    environment = {} if named is None else {VARIABLE: str(written(directory / "named.json", named))}
    return limits_in_force("cortecs", environment, file)


CAPPED = {"instance_hourly_cap": "2.40 EUR"}
OURS = {"allowed_base_urls": [LIAR]}
WHOSE = {"account_is_exclusive": True}


@pytest.mark.parametrize(
    ("machine", "named", "believed"),
    [
        (None, None, {VENDOR, LIAR}),
        (WHOSE, None, {VENDOR, LIAR}),
        (WHOSE, WHOSE, {VENDOR, LIAR}),
        (CAPPED, None, {VENDOR}),
        (None, CAPPED, {VENDOR}),
        (WHOSE, CAPPED, {VENDOR}),
        (OURS, None, {LIAR}),
        (None, OURS, {LIAR}),
        (OURS, CAPPED, {LIAR}),
        (OURS, OURS, {LIAR}),
        (CAPPED, OURS, set()),  # the variable only tightens
        (CAPPED, {"allowed_base_urls": [VENDOR]}, {VENDOR}),
        ({"allowed_base_urls": []}, None, set()),
    ],
)
def test_only_those_are_believed_that_the_files_name(
    machine: Any, named: Any, believed: set[str], tmp_path: Path
) -> None:
    limits = read(machine, named, tmp_path)
    for url in (VENDOR, LIAR):
        assert (limits.check_source(url, VENDOR, {}) == []) is (url in believed)
    for spelled in (f"{VENDOR}/", VENDOR.upper(), f"{VENDOR}/v2", "https://cortecs.ai", f"{VENDOR}?"):
        assert limits.check_source(spelled, VENDOR, {}) != [] or not {"machine", "named"} & _limiting(machine, named)


def _limiting(machine: Any, named: Any) -> set[str]:
    return {where for where, cells in (("machine", machine), ("named", named)) if cells not in (None, WHOSE)}


@pytest.mark.parametrize(
    ("machine", "named", "believed"),
    [
        (None, None, True),
        (WHOSE, None, True),
        (CAPPED, None, False),
        (None, CAPPED, False),
        (CAPPED, {"allowed_certificates": ["/ca.pem"]}, False),
        ({"allowed_certificates": ["/ca.pem"]}, CAPPED, True),
        ({"allowed_certificates": ["/ca.pem"]}, {"allowed_certificates": ["/other.pem"]}, False),
    ],
)
def test_a_certificate_of_ones_own_is_believed_where_the_files_name_it(
    machine: Any, named: Any, believed: bool, tmp_path: Path
) -> None:
    violations = read(machine, named, tmp_path).check_source(VENDOR, VENDOR, {"SSL_CERT_FILE": "/ca.pem"})
    assert (violations == []) is believed
    if not believed:
        assert texts(violations)[0].startswith(f"SSL_CERT_FILE has /ca.pem vouch for {VENDOR}, and {tmp_path}/")


@pytest.mark.parametrize(
    "cells",
    [{"allowed_base_urls": [url]} for url in ("cortecs.ai/api/v1", "", " https://a", None)]
    + [{"allowed_certificates": ["ca.pem"]}, {"allowed_certificates": "/ca.pem"}],
)
def test_whom_to_believe_is_written_out(tmp_path: Path, cells: Any) -> None:
    with pytest.raises(LimitsFileError, match=r"allowed_\w+(\[0\])?: got .*; must "):
        read(cells, None, tmp_path)


def test_an_account_is_exclusive_only_if_it_is_declared_and_not_denied(tmp_path: Path) -> None:
    yes = written(tmp_path / "yes.json", {"account_is_exclusive": True})
    no = written(tmp_path / "no.json", {"account_is_exclusive": False})
    silent = written(tmp_path / "silent.json", {"instance_hourly_cap": "2.40 EUR"})
    assert not account_is_exclusive("cortecs", {}, NOWHERE)
    assert not account_is_exclusive("cortecs", {VARIABLE: str(silent)}, silent)
    assert account_is_exclusive("cortecs", {VARIABLE: str(silent)}, yes)
    assert account_is_exclusive("cortecs", {VARIABLE: str(yes)}, silent)
    assert account_is_exclusive("cortecs", {VARIABLE: str(yes)}, NOWHERE)
    assert not account_is_exclusive("cortecs", {VARIABLE: str(yes)}, no)
    assert not account_is_exclusive("cortecs", {VARIABLE: str(no)}, yes)


@pytest.mark.parametrize("value", [None, "true", [], {}])
def test_whose_account_it_is_is_true_or_false(tmp_path: Path, value: Any) -> None:
    path = written(tmp_path / "limits.json", {"account_is_exclusive": value})
    for read in (limits_in_force, account_is_exclusive):
        with pytest.raises(LimitsFileError, match=r"account_is_exclusive: got .*; must be true or false"):
            read("cortecs", {}, path)


def test_only_the_machines_own_file_names_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "limits.json", {"ledger": "/srv/ledger"})
    assert ledger_folder("cortecs", path) == Path("/srv/ledger")
    assert ledger_folder("cortecs", NOWHERE) is None
    monkeypatch.setenv(VARIABLE, str(path))
    assert ledger_folder("cortecs", NOWHERE) is None
    assert not limits_in_force("cortecs", {VARIABLE: str(path)}, NOWHERE).counts_account  # and it is no limit


@pytest.mark.parametrize("value", ["", "ledger", "~/ledger", "./ledger", "/srv/led\0ger", 5, None, True, ["/srv"]])
def test_a_ledger_is_named_by_an_absolute_path(tmp_path: Path, value: Any) -> None:
    path = written(tmp_path / "limits.json", {"ledger": value})
    with pytest.raises(LimitsFileError, match=r"ledger: got .*; must be an absolute path"):
        ledger_folder("cortecs", path)
