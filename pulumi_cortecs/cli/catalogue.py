"""`pulumi-cortecs catalogue`: pulls the pinned price list, compares it with today's prices, and shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pulumi_cortecs.cli.catalogue_tables import (
    catalogue_tables,
    changes_text,
    content_text,
    difference_table,
    percent_text,
    pulled_changes,
)
from pulumi_cortecs.cli.output import count_text, print_error, print_json, print_lines
from pulumi_cortecs.cli.project_catalogue import DEFAULT_FILE, cloud_of_project, file_of_project, load_pinned
from pulumi_cortecs.cost.pricelist import LOCK_FILE

if TYPE_CHECKING:
    from pulumi_cortecs.cost.catalogue import Catalogue
    from pulumi_cortecs.cost.catalogue_diff import Difference
    from pulumi_cortecs.cost.pricelist import PriceList

CLOUDS: Final = {name: f"pulumi_cortecs.{name}" for name in ("cortecs", "shadeform", "gcore")}
"""The package of each cloud whose prices can be pulled: `kind.INSTANCE` has its URL, `market.price_list` its offers."""
EXIT_DIFFERS: Final = 4
"""The exit code of `verify` when the prices differ from the pinned ones."""


def _known_cloud(cloud: str | None) -> str | None:
    if cloud is not None and cloud not in CLOUDS:
        raise typer.BadParameter(f"got {cloud!r}; must be {' or '.join(CLOUDS)}")
    return cloud


_Cloud = Annotated[
    str | None,
    typer.Option(
        help="The cloud to ask.",
        callback=_known_cloud,
        show_default="the only one of the file, else that of the program, else cortecs",
    ),
]

app = typer.Typer(no_args_is_help=True, help="The pinned price list: pull it, compare it with today's prices, show it.")

_File = Annotated[Path | None, typer.Argument(dir_okay=False, help="The pinned catalogue.", show_default=DEFAULT_FILE)]
_Url = Annotated[
    str | None, typer.Option(help="The API to ask.", show_default="the cloud's variable, or the vendor's own")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command(epilog="Example: pulumi-cortecs catalogue pull --cloud shadeform --output shadeform.lock.yaml")
def pull(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="The file to write.", show_default=DEFAULT_FILE),
    ] = None,
    url: _Url = None,
    cloud: _Cloud = None,
    source: Annotated[
        str | None, typer.Option(help="The source to record for the prices.", show_default="the API's URL")
    ] = None,
    update_limits: Annotated[
        bool, typer.Option("--update-limits", help="Write its sha256 into the limits beside it that require another.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Pin today's prices and models; only Gcore, and volumes of Shadeform, need credentials, those of the environment.

    Notes made by hand in the file (gpu_ram_is, billing, provenance) are kept as long as they fit.
    """
    from pulumi_cortecs.cost import catalogue
    from pulumi_cortecs.cost.catalogue_diff import differences

    output = file_of_project(output)
    with _cli_errors():
        old = catalogue.read(output) if output.exists() else None
        cloud = cloud or cloud_of_project(old, CLOUDS)
        new = _pull_today(cloud, url, source, old)
        _write(output, catalogue.dump(new))
        changes = () if old is None else differences(old, new)
        for limits in _limits_of_another(output, new.digest):
            _say_or_write_digest(limits, new.digest, update_limits)
    _warn_of_volumes(cloud, old, new, "not in the file")
    if as_json:
        print_json({**_as_json(new), "differences": _rows(changes)})
        return
    print_lines(*pulled_changes(changes, output))
    news = content_text(new, output) if old is None else changes_text(changes)
    if old is not None and not changes and _is_only_newer(old, new):
        news += "; only the date is new"
    print_lines(f"{output} written: sha256 {new.digest}; {news}")


@app.command(epilog="Example: pulumi-cortecs catalogue diff catalogue.lock.yaml")
def diff(
    file: _File = None,
    other: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="Another catalogue.", show_default="today's prices")
    ] = None,
    url: _Url = None,
    cloud: _Cloud = None,
    as_json: _Json = False,
) -> None:
    """Show what has changed since the catalogue was pinned: prices in percent, new rows, withdrawn rows."""
    _compare(file, other, cloud, url, None, as_json)


@app.command(epilog="Example: pulumi-cortecs catalogue verify --tolerance 5")
def verify(
    file: _File = None,
    url: _Url = None,
    cloud: _Cloud = None,
    tolerance: Annotated[
        str, typer.Option(help="The allowed change of a price in percent. Other differences always count.")
    ] = "0",
    as_json: _Json = False,
) -> None:
    """For a nightly job: exit 0 if today's prices equal the pinned ones, 4 if not, 1 on an error."""
    if _compare(file, None, cloud, url, _percent(tolerance), as_json):
        raise typer.Exit(EXIT_DIFFERS)


@app.command(epilog="Example: pulumi-cortecs catalogue show catalogue.lock.yaml --json")
def show(
    file: _File = None,
    gpu: Annotated[
        str, typer.Option(metavar="TYPE", help="Only hardware with this in its GPU's type or its id; not for --json.")
    ] = "",
    as_json: _Json = False,
) -> None:
    """Check the digest and the rows of a catalogue, and show it."""
    with _cli_errors():
        pinned = load_pinned(file_of_project(file))
    if as_json:
        print_json(_as_json(pinned))
        return
    print_lines(*catalogue_tables(pinned, gpu), f"sha256 {pinned.digest}")


def _compare(
    file: Path | None, other: Path | None, cloud: str | None, url: str | None, tolerance: Decimal | None, as_json: bool
) -> bool:
    """Print the differences, and return whether any of them exceeds the tolerance."""
    from pulumi_cortecs.cost.catalogue_diff import differences

    file = file_of_project(file)
    with _cli_errors():
        pinned = load_pinned(file)
        cloud = cloud or cloud_of_project(pinned, CLOUDS)
        today = _pull_today(cloud, url, None, pinned) if other is None else load_pinned(other)
        changes = differences(pinned, today)
    _warn_of_volumes(cloud, pinned, today, "not compared")
    too_much = [difference for difference in changes if difference.above(tolerance or Decimal(0))]
    if as_json:
        summary = {} if tolerance is None else {"tolerance": str(tolerance), "above_tolerance": len(too_much)}
        print_json({"differences": _rows(changes), **summary})
        return bool(too_much)
    if changes:
        print_lines(difference_table(changes))
    of_cloud = f" of {cloud}" if pinned.clouds != (cloud,) else ""
    against = str(other) if other is not None else f"today's prices{of_cloud}"
    above = "" if tolerance is None else f", {len(too_much)} of them above {tolerance} %"
    print_lines(f"{file} and {against}: {count_text(len(changes), 'difference')}{above}")
    return bool(too_much)


def _pull_today(cloud: str, url: str | None, source: str | None, pinned: Catalogue | None) -> Catalogue:
    """Today's prices of a cloud, with the notes of the pinned ones, and with the other clouds of the pinned catalogue.

    Raises CloudError and CatalogueError.
    """
    from pulumi_cortecs.cost.catalogue import Catalogue
    from pulumi_cortecs.cost.catalogue_diff import carry_over_notes

    prices = _price_list(cloud, url)
    if source:
        prices = replace(prices, source=source)
    lists = dict(pinned.price_lists) if pinned else {}
    if cloud in lists:
        prices = carry_over_notes(lists[cloud], prices)
    return Catalogue({**lists, cloud: prices})


def _is_only_newer(old: Catalogue, new: Catalogue) -> bool:
    lists = old.price_lists
    return old.digest != new.digest and lists == {
        cloud: replace(prices, as_of=lists[cloud].as_of) for cloud, prices in new.price_lists.items() if cloud in lists
    }


def _price_list(cloud: str, url: str | None) -> PriceList:
    from pulumi_cortecs.http.base_url import check_base_url
    from pulumi_cortecs.provider import accounts

    package = CLOUDS[cloud]
    kind = import_module(f"{package}.kind").INSTANCE
    base_url = accounts.base_url(kind, {}) if url is None else check_base_url(url, "--url")
    prices: PriceList = import_module(f"{package}.market").price_list(base_url)
    return prices


def _warn_of_volumes(cloud: str, old: Catalogue | None, new: Catalogue, what: str) -> None:
    """Say what became of the volumes of a vendor that shows their prices with a key only."""
    prices = new.price_lists.get(cloud)
    if prices is None or not prices.lacks_volumes:
        return
    kind = import_module(f"{CLOUDS[cloud]}.kind").INSTANCE
    rows = [row for row in old.hardware_types(cloud) if row.is_volume] if old else []
    pinned = f", {len(rows)} of them pinned until now" if rows else ""
    variables = " and ".join(part.variable for part in kind.credentials.parts)
    print_error(
        f"Note: the prices of {kind.vendor}'s volumes are {what}{pinned}: it shows them with a key only; "
        f"set {variables}, and run this again"
    )


def _limits_of_another(lock: Path, digest: str) -> Iterator[Path]:
    """The limits beside a catalogue, or in a folder beside it, that require another digest of it."""
    for file in sorted([*lock.parent.glob("*.json"), *lock.parent.glob("*/*.json")]):
        try:
            pin = json.loads(file.read_bytes())["catalogue-digest"]
            if pin.get("file", LOCK_FILE) == lock.name and pin.get("sha256", digest) != digest:
                yield file
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # no limits


def _say_or_write_digest(limits: Path, digest: str, is_wanted: bool) -> None:
    if is_wanted:
        text = limits.read_text(encoding="utf-8")
        _write(limits, re.sub(r'("sha256"\s*:\s*)"[^"]*"', rf'\g<1>"{digest}"', text))
        print_error(f"{limits} requires these prices now: review both, like code")
        return
    print_error(
        f"Warning: {limits} names another sha256, so it refuses every purchase; once these prices are reviewed, "
        f'write {digest} into its "catalogue-digest" (--update-limits does so)'
    )


def _write(path: Path, text: str) -> None:
    """Write the file in one step: a truncated one would block every purchase."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _percent(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise typer.BadParameter(f"--tolerance: got {text!r}; must be a number of percent, 0 or more")
    return number


@contextmanager
def _cli_errors() -> Iterator[None]:
    """Turn expected errors into one line on stderr and exit code 1."""
    from pulumi_cortecs.cost.pricelist import CatalogueError
    from pulumi_cortecs.http.errors import CloudError

    try:
        yield
    except (CloudError, CatalogueError, OSError) as error:
        print_error(f"Error: {error}")
        raise typer.Exit(1) from None


def _as_json(catalogue: Catalogue) -> dict[str, Any]:
    from pulumi_cortecs.cost.catalogue_rows import document

    return {"clouds": document(catalogue.price_lists), "sha256": catalogue.digest}


def _rows(rows: Iterable[Difference]) -> list[dict[str, Any]]:
    """The differences for JSON; percent as a string with two decimals, so that it never becomes a binary fraction."""
    return [
        {**asdict(difference), "kind": difference.kind.value, "percent": percent_text(difference) or None}
        for difference in rows
    ]
