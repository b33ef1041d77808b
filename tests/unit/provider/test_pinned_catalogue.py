"""The catalogues that stand in for an API that cannot be reached, and those that do not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pulumi_cortecs.cortecs.market import PinnedOffers
from pulumi_cortecs.cost import catalogue
from pulumi_cortecs.cost.catalogue import Catalogue, CatalogueError
from pulumi_cortecs.cost.pricelist import PriceList
from pulumi_cortecs.http.errors import UnreachableError
from pulumi_cortecs.provider.pinned_catalogue import fallback_prices, quote_source
from tests.contract.catalogues import pinned_from

API = "https://vendor.example/api/v1"
OTHER = "https://other.example/api/v1"
NO_WAY = UnreachableError("no way")


@pytest.fixture
def named(tmp_path: Path) -> Path:
    return pinned_from(API, tmp_path / "pinned.yaml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def in_project(project: Path, source: str = API) -> Path:
    return pinned_from(source, project / "catalogue.lock.yaml")


def asked(project: Path, named: Path | str | None = None) -> PriceList:
    environment = {} if named is None else {"PULUMI_CORTECS_CATALOGUE": str(named)}
    return fallback_prices("cortecs", API, NO_WAY, environment, project)


def test_the_one_that_is_named_goes_before_that_of_the_project(named: Path, project: Path) -> None:
    in_project(project).write_text("nonsense", encoding="utf-8")
    assert asked(project, named).source == API
    with pytest.raises(CatalogueError, match="must be a mapping"):
        asked(project)


def test_that_of_the_project_will_do(project: Path) -> None:
    in_project(project, f"{API}/")
    assert quote_source(asked(project)) == "catalogue 2026-11-21"


def test_without_one_it_is_as_if_there_were_no_catalogues(project: Path) -> None:
    with pytest.raises(UnreachableError) as raised:
        asked(project)
    assert raised.value is NO_WAY


def test_the_prices_of_another_api_do_not_stand_in(project: Path, tmp_path: Path) -> None:
    other = pinned_from(OTHER, tmp_path / "other.yaml")
    with pytest.raises(CatalogueError, match=f"has the prices of '{re.escape(OTHER)}', not of"):
        asked(project, other)
    in_project(project, "our own list")
    with pytest.raises(UnreachableError, match=r"^no way; .* has the prices of 'our own list', not of"):
        asked(project)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "names no file"),
        ("pinned.yaml", "must be an absolute path"),
        ("{folder}", "cannot be read"),
        ("{folder}/missing.yaml", "cannot be read"),
    ],
)
def test_a_name_that_names_no_file_is_an_error(project: Path, path: str, message: str) -> None:
    in_project(project)
    with pytest.raises(CatalogueError, match=message):
        asked(project, path.format(folder=project))


def test_a_file_that_was_edited_is_an_error(named: Path, project: Path) -> None:
    named.write_text(named.read_text(encoding="utf-8").replace("id fact", "id a fact"), encoding="utf-8")
    with pytest.raises(CatalogueError, match="the file was edited or cut"):
        asked(project, named)


def test_a_catalogue_of_other_clouds_is_an_error(named: Path, project: Path) -> None:
    ours = catalogue.load(named).price_lists["cortecs"]
    rows = tuple(replace(row, cloud="other") for row in ours.hardware_types)
    other = Catalogue({"other": replace(ours, cloud="other", hardware_types=rows)})
    named.write_text(catalogue.dump(other), encoding="utf-8")
    with pytest.raises(CatalogueError, match="has no entries for cortecs"):
        asked(project, named)


def test_it_answers_what_the_market_answers(named: Path, project: Path) -> None:
    market = PinnedOffers(asked(project, named))
    model = market.model("Qwen--Qwen2-7B-Instruct")
    assert model.model_id in market.model_ids()
    assert model.recommended_config == "NVIDIA_L4_1"
    assert model.max_context("NVIDIA_L4_1") == 32768
    assert market.hardware_types()["NVIDIA_L4_1"].price_per_hour.decimal_string() == "1.20"
    assert market.in_stock() == market.hardware_types()
