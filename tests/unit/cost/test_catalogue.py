"""A catalogue holds what its file says, exactly, or it is refused."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cortecs.cost import BillingInterval, Money, PricedHardware, RamMeaning
from pulumi_cortecs.cost import catalogue as catalogues
from pulumi_cortecs.cost.catalogue import Catalogue, CatalogueError, CatalogueModel, PriceList, dump, load, read

SIMULATOR = Path(catalogues.__file__).parents[1] / "catalogues" / "simulator.lock.yaml"
AS_OF = datetime(2026, 11, 21, 8, 30, tzinfo=timezone.utc)


def row(name: str = "NVIDIA_L4_1", hour: str = "1.20", minute: str = "0.02", **more: Any) -> PricedHardware:
    return PricedHardware(name, Money.of(hour, "EUR"), Money.of(minute, "EUR"), **{"cloud": "cortecs", **more})


def prices(*rows: PricedHardware, models: tuple[CatalogueModel, ...] = (), **more: Any) -> PriceList:
    return PriceList(
        **{
            "cloud": "cortecs",
            "currency": "EUR",
            "source": "somewhere",
            "as_of": AS_OF,
            "models": models,
            "hardware_types": rows or (row(),),
            **more,
        }
    )


def edited(tmp_path: Path, edit: Callable[[dict[str, Any]], object], *, pin: bool = True) -> Path:
    """The simulator's catalogue with some change; with `pin` under a digest that fits."""
    data = yaml.load(SIMULATOR.read_text(encoding="utf-8"), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    edit(data)
    path = tmp_path / "edited.lock.yaml"
    path.write_text(_dump(data), encoding="utf-8")
    if pin:
        data["sha256"] = read(path).digest
        path.write_text(_dump(data), encoding="utf-8")
    return path


def _dump(data: dict[str, Any]) -> str:
    text: str = yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    return text


def cloud(data: dict[str, Any]) -> dict[str, Any]:
    section: dict[str, Any] = data["clouds"]["cortecs"]
    return section


def first(data: dict[str, Any]) -> dict[str, Any]:
    hardware: dict[str, Any] = cloud(data)["hardware_types"][0]
    return hardware


def test_what_is_written_is_read(tmp_path: Path) -> None:
    models = (CatalogueModel("A--B", "NVIDIA_L4_1", {"NVIDIA_L4_1": 32768, "CPU": None}), CatalogueModel("C--D"))
    odd = row(
        "CPU",
        "2.50",
        "0.0417",
        gpu_ram_gb=Decimal("24.5"),
        gpu_ram_is=RamMeaning.PER_GPU,
        region="eu-1",
        billing=(BillingInterval.PER_HOUR,),
        provenance="invented: ein Preis für's Beispiel",
    )
    dearer = row("FLAGGED", "3.00", "0.02")
    rows = tuple(sorted((odd, row(num_gpus=1, gpu_type="NVIDIA L4"), dearer), key=lambda row: row.hardware_type_id))
    written = Catalogue({"cortecs": prices(*rows, models=models)})
    path = tmp_path / "catalogue.lock.yaml"
    path.write_text(dump(written), encoding="utf-8")
    assert load(path) == written
    assert load(path).digest == written.digest
    assert dump(load(path)) == path.read_text(encoding="utf-8")


amounts = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(10_000), places=4)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=5), st.sampled_from(RamMeaning))
def test_any_prices_come_back_to_the_last_digit(pairs: list[tuple[Decimal, Decimal]], meaning: RamMeaning) -> None:
    rows = tuple(
        row(f"H{number}", str(hour), str(minute), gpu_ram_gb=minute, gpu_ram_is=meaning)
        for number, (hour, minute) in enumerate(pairs)
    )
    written = Catalogue({"cortecs": prices(*rows)})
    file = catalogues.catalogue_rows.read_rows(dump(written).encode())
    assert file.price_list("cortecs") == prices(*rows)


def test_it_answers_what_packs_ask() -> None:
    catalogue = load(SIMULATOR)
    l4 = catalogue.hardware("cortecs", "NVIDIA_L4_1")
    assert l4 is not None
    assert (l4.price_per_hour, l4.cloud, l4.total_ram_gb()) == (Money.of("1.20", "EUR"), "cortecs", (24, 24))
    fitting = [row.hardware_type_id for row in catalogue.fitting("cortecs", "Qwen--Qwen2-7B-Instruct")]
    assert fitting == ["NVIDIA_L4_1", "NVIDIA_L40S_1", "NVIDIA_L4_2"]  # 1.20, 2.10, 2.40
    assert catalogue.currency("cortecs") == "EUR"
    assert catalogue.clouds == ("cortecs", "gcore", "shadeform")
    assert "invented" in catalogue.sources["cortecs"]
    assert all(
        "invented" in row.provenance or row.hardware_type_id == "NVIDIA_L4_1"
        for row in catalogue.hardware_types("cortecs")
    )


def test_what_it_does_not_have_it_does_not_make_up() -> None:
    catalogue = load(SIMULATOR)
    assert catalogue.hardware("cortecs", "nvidia_l4_1") is None
    assert catalogue.hardware("elsewhere", "NVIDIA_L4_1") is None
    assert catalogue.fitting("cortecs", "no--model") == catalogue.fitting("elsewhere", "Qwen--Qwen2-7B-Instruct") == ()
    assert catalogue.models("elsewhere") == catalogue.hardware_types("elsewhere") == ()
    assert catalogue.currency("elsewhere") is None


def test_it_is_as_old_as_its_oldest_part() -> None:
    other = PricedHardware("A6000", Money.of("0.60", "USD"), Money.of("0.01", "USD"), cloud="elsewhere")
    older = prices(other, cloud="elsewhere", currency="USD", as_of=datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert Catalogue({"cortecs": prices(), "elsewhere": older}).as_of == older.as_of


def test_the_same_content_is_parsed_once(tmp_path: Path) -> None:
    copy = tmp_path / "copy.lock.yaml"
    copy.write_bytes(SIMULATOR.read_bytes())
    assert load(copy) is load(SIMULATOR)


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: first(data).update(price_per_hour="0.90", price_per_minute="0.015"),
        lambda data: first(data).update(num_gpus="4"),
        lambda data: first(data).update(gpu_ram_is="per_gpu"),
        lambda data: first(data).update(provenance="fact"),
        lambda data: cloud(data).update(as_of="2099-01-01T00:00:00Z"),
        lambda data: cloud(data).update(source="Cortecs' own"),
        lambda data: cloud(data).update(currency="USD"),
        lambda data: cloud(data)["models"].pop(),
        lambda data: cloud(data)["models"][0]["hardware_configs"].update(NVIDIA_H100_2="1"),
        lambda data: data.update(sha256="0" * 64),
    ],
)
def test_any_edit_shows_in_the_digest(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = edited(tmp_path, edit, pin=False)
    with pytest.raises(CatalogueError, match="the file was edited or cut"):
        load(path)
    assert read(path).digest != load(SIMULATOR).digest or "0" * 64 in path.read_text()


def test_how_it_is_laid_out_does_not_matter(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda data: cloud(data)["hardware_types"].reverse(), pin=False)
    assert load(path).digest == load(SIMULATOR).digest


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda data: cloud(data)["hardware_types"].append(deepcopy(first(data))),
            "duplicate hardware type NVIDIA_H100_1",
        ),
        (
            lambda data: cloud(data)["models"].append(deepcopy(cloud(data)["models"][0])),
            "duplicate model Qwen--Qwen2-7B-Instruct",
        ),
        (lambda data: first(data).update(price_per_hour="0"), "price_per_hour must be positive, not 0.00 EUR"),
        (lambda data: first(data).update(price_per_minute="-0.02"), "price_per_minute must be positive"),
        (lambda data: first(data).update(price_per_hour="NaN"), "not a decimal amount: 'NaN'"),
        (lambda data: first(data).update(price_per_hour="Infinity"), "not a decimal amount"),
        (lambda data: first(data).update(price_per_hour="1_0.0"), "not a decimal amount"),
        (lambda data: first(data).update(price_per_hour="\uff14.5"), "not a decimal amount"),
        (
            lambda data: first(data).pop("price_per_minute"),
            "clouds.cortecs.hardware_types[0].price_per_minute: is",
        ),
        (lambda data: first(data).update(price_per_hour="4.00"), "add `hour_is_not_60_minutes: true`"),
        (lambda data: first(data).update(hour_is_not_60_minutes="true"), "leave hour_is_not_60_minutes out"),
        (
            lambda data: first(data).update(hour_is_not_60_minutes="yes"),
            "60_minutes: got 'yes'; must be 'true'",
        ),
        (
            lambda data: first(data).pop("gpu_ram_is"),
            "[0]: got one of gpu_ram_gb and gpu_ram_is; must",
        ),
        (
            lambda data: first(data).update(gpu_ram_is="whatever"),
            "must be 'per_gpu', 'total' or 'undecided'",
        ),
        (
            lambda data: first(data).pop("gpu_ram_gb"),
            "[0]: got one of gpu_ram_gb and gpu_ram_is; must",
        ),
        (lambda data: first(data).update(gpu_ram_gb="0"), "gpu_ram_gb: got '0'; must be above 0"),
        (lambda data: first(data).update(num_gpus="1.5"), "num_gpus: got '1.5'; must be a whole number"),
        (lambda data: first(data).update(num_gpus="0"), "num_gpus: got '0'; must be a whole number"),
        (lambda data: first(data).update(billing=[]), "billing: got []; must have at least 1 item"),
        (
            lambda data: first(data).update(billing=["per_day"]),
            "[0]: got 'per_day'; must be 'per_minute' or",
        ),
        (
            lambda data: first(data).update(hardware_type_id=" X"),
            "type_id: got ' X'; must be a string",
        ),
        (lambda data: first(data).update(discount="50 %"), "discount: unknown key; allowed: billing"),
        (lambda data: first(data).update(currency="USD"), "currency: unknown key; allowed: billing"),
        (lambda data: cloud(data).update(currency="Euro"), "a currency is a three-letter code"),
        (lambda data: cloud(data).update(as_of="2026-11-21"), "as_of: got '2026-11-21'; must be a time such as"),
        (
            lambda data: cloud(data).update(as_of="2026-13-21T00:00:00Z"),
            "as_of: got '2026-13-21T00:00:00Z'; must be",
        ),
        (lambda data: cloud(data).update(hardware_types=[], models=[]), "has no hardware type"),
        (lambda data: cloud(data).update(hardware_types="none"), "hardware_types: got 'none'; must be a list"),
        (lambda data: cloud(data).update(models=["Qwen"]), "models[0]: got 'Qwen'; must be a mapping of names"),
        (lambda data: cloud(data)["models"][0].update(hardware_configs={"TPU": "1"}), "runs on TPU, which has no row"),
        (lambda data: cloud(data)["models"][0].update(recommended_config="TPU"), "where it does not run"),
        (
            lambda data: cloud(data)["models"][0].update(size="7"),
            "models[0].size: unknown key; allowed: ",
        ),
        (lambda data: data.update(clouds={}), "contains no cloud"),
        (lambda data: data.update(clouds=[]), "clouds: got []; must be a mapping of names"),
        (lambda data: data.update(version="2"), "version: got '2'; must be 1"),
        (lambda data: data.update(signature="x"), "signature: unknown key; allowed: clouds"),
        (lambda data: data.pop("sha256"), "sha256: is missing"),
    ],
)
def test_what_cannot_be_true_is_refused(tmp_path: Path, edit: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        edited(tmp_path, edit)
    assert message in str(refused.value)
    assert "edited.lock.yaml: " in str(refused.value)


def test_all_problems_of_the_rows_are_named_at_once(tmp_path: Path) -> None:
    def edit(data: dict[str, Any]) -> None:
        cloud(data)["hardware_types"][1].update(price_per_hour="1,20", billing=["per_hour", "per_hour"])
        cloud(data)["models"][2].update(modle_id="x")

    with pytest.raises(CatalogueError) as refused:
        edited(tmp_path, edit)
    assert str(refused.value) == (
        f"{tmp_path}/edited.lock.yaml: clouds.cortecs.hardware_types[1].price_per_hour: not a decimal amount: '1,20'; "
        "clouds.cortecs.hardware_types[1].billing: got per_hour, per_hour; must be different intervals; "
        "clouds.cortecs.models[2].modle_id: unknown key; did you mean model_id?"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "got None; must be a mapping of names"),
        (b"- a", r"got \['a'\]; must be a mapping of names"),
        (b"version: 1\nversion: 1\n", "line 1: duplicate key 'version'"),
        (b"{", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not valid YAML"),
        (b"[" * 100_000, "nests deeper than 20 levels"),
        (b"a: &a [*a]", "is not valid YAML"),
        (b"version: !!python/object:os.system {}\n", "version: got {}; must be 1"),
    ],
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(text)
    with pytest.raises(CatalogueError, match=message):
        load(path)


def test_a_file_that_was_cut_is_refused_wherever_the_cut_is(tmp_path: Path) -> None:
    whole = SIMULATOR.read_bytes()
    path = tmp_path / "cut.yaml"
    for end in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:end])
        with pytest.raises(CatalogueError):
            load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("hour", "minute", "differs"),
    [
        ("1.20", "0.02", False),
        ("2.50", "0.0417", False),  # 2.50 / 60, rounded to four places
        ("2.50", "0.04166667", False),
        ("0.90", "0.015", False),
        ("2.50", "0.04", True),
        ("1.00", "0.02", True),
        ("1.20", "0.03", True),
        ("1.20", "0.02008", False),  # 1.2048: 1.20, rounded to cents
        ("1.20", "0.0201", True),
        ("1.20", "0.02010000000000000000000000000000000001", True),
    ],
)
def test_an_hour_is_sixty_minutes_but_for_rounding(tmp_path: Path, hour: str, minute: str, differs: bool) -> None:
    text = dump(Catalogue({"cortecs": prices(row(hour=hour, minute=minute))}))
    assert ("hour_is_not_60_minutes: true" in text) is differs


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hardware_types": (row(), row())}, "duplicate hardware type"),
        ({"currency": "USD"}, "NVIDIA_L4_1 is priced in EUR, the rest in USD"),
        ({"cloud": "elsewhere"}, "NVIDIA_L4_1 is a row of cortecs"),
        ({"as_of": datetime(2026, 1, 1)}, "as_of is a time in UTC"),  # noqa: DTZ001
        ({"as_of": AS_OF.replace(microsecond=1)}, "to the second"),
        ({"models": (CatalogueModel("A", None, {"TPU": 1}),)}, "which has no row"),
    ],
)
def test_a_price_list_made_in_code_has_to_be_true_as_well(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        prices(**wrong)


def test_nobody_puts_one_cloud_under_the_name_of_another() -> None:
    with pytest.raises(CatalogueError, match="under elsewhere"):
        Catalogue({"elsewhere": prices()})


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ({"gpu_ram_is": RamMeaning.TOTAL, "num_gpus": 2}, (48, 48)),
        ({"gpu_ram_is": RamMeaning.TOTAL}, (48, 48)),
        ({"gpu_ram_is": RamMeaning.PER_GPU, "num_gpus": 2}, (96, 96)),
        ({"gpu_ram_is": RamMeaning.UNDECIDED, "num_gpus": 2}, (48, 96)),
        ({"gpu_ram_is": RamMeaning.UNDECIDED}, None),
        ({"gpu_ram_is": RamMeaning.PER_GPU}, None),
    ],
)
def test_memory_means_what_the_row_says(more: dict[str, Any], total: tuple[int, int] | None) -> None:
    assert row(gpu_ram_gb=Decimal(48), **more).total_ram_gb() == total
    assert row(**more).total_ram_gb() is None
