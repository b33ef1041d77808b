"""The rows of a catalogue file: read strictly, written sorted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

import yaml

from pulumi_cortecs.cost.billing import BillingInterval
from pulumi_cortecs.cost.hardware import PricedHardware, RamMeaning
from pulumi_cortecs.cost.money import Money, MoneyError
from pulumi_cortecs.cost.pricelist import CatalogueError, CatalogueModel, PriceList, has_own_hourly_price
from pulumi_cortecs.cost.times import parse_utc_seconds, utc_seconds_text

E = TypeVar("E", RamMeaning, BillingInterval)

_WHOLE: Final = re.compile(r"[1-9][0-9]{0,11}")
_FLAG: Final = "hour_is_not_60_minutes"
_NO_LIMIT: Final = "unlimited"
_DEEPEST: Final = 20


class _TextLoader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Loads every scalar as a string, and refuses duplicate keys."""

    _depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:  # the C parser itself would go on until it crashes
            raise CatalogueError(f"nests deeper than {_DEEPEST} levels")

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        if node in self.constructed_objects:  # a few lines of them are a file without end
            raise CatalogueError(f"line {node.start_mark.line + 1}: is named and used again (&, *), which is not read")
        return super().construct_object(node, deep=deep)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys: set[str] = set()
        for key in (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key in keys:
                raise CatalogueError(f"line {node.start_mark.line + 1}: duplicate key {key!r}")
            keys.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


@dataclass
class Table:
    """One mapping of the file. What is never asked for is an unknown key, which `done` refuses."""

    where: str
    cells: Mapping[str, Any]
    asked: set[str] = field(default_factory=set)

    @staticmethod
    def of_yaml(content: bytes) -> Table:
        """The whole file. Raises CatalogueError."""
        try:
            data = yaml.load(content, Loader=_TextLoader)
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise CatalogueError(f"is not valid YAML: {str(error).splitlines()[0]}") from None
        return Table("the file", _mapping("the file", data))

    @property
    def names(self) -> tuple[str, ...]:
        """All keys there are."""
        return tuple(self.cells)

    def has(self, key: str) -> bool:
        """Returns whether there is such a key."""
        return key in self.cells

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._cell(key)
        if not isinstance(value, str) or not value or value != value.strip() or not value.isprintable():
            raise CatalogueError(f"{self.where}: {key} must be a string, not {value!r}")
        return value

    def maybe_text(self, key: str) -> str | None:
        """A text, None where the key is missing."""
        return self.text(key) if self.has(key) else None

    def whole(self, key: str) -> int:
        """A whole number, 1 or more."""
        text = self.text(key)
        if not _WHOLE.fullmatch(text):
            raise CatalogueError(f"{self.where}: {key} must be a whole number, not {text!r}")
        return int(text)

    def money(self, key: str, currency: str) -> Money:
        """A decimal amount."""
        try:
            return Money.of(self.text(key), currency)
        except MoneyError as error:
            raise CatalogueError(f"{self.where}: {key}: {error}") from None

    def table(self, key: str) -> Table:
        """A mapping in it."""
        return Table(f"{self.where}, {key}", _mapping(f"{self.where}: {key}", self._cell(key)))

    def tables(self, key: str, name: str) -> list[Table]:
        """A list of mappings, each called what it has under `name`."""
        return [
            Table(f"{self.where}, {row.get(name, f'{key}[{number}]')}", row)
            for number, item in enumerate(self._list(key))
            for row in [_mapping(f"{self.where}: {key}[{number}]", item)]
        ]

    def words(self, key: str, kind: type[E]) -> tuple[E, ...]:
        """A list of known words, each once."""
        words = tuple(self._word(key, item, kind) for item in self._list(key))
        if not words or len(set(words)) < len(words):
            raise CatalogueError(f"{self.where}: {key} must name each at most once, and at least one")
        return words

    def word(self, key: str, kind: type[E]) -> E:
        """One of a few words."""
        return self._word(key, self.text(key), kind)

    def done(self) -> None:
        """Raises CatalogueError for unknown keys: those that were never asked for."""
        if unknown := sorted(set(self.cells) - self.asked):
            raise CatalogueError(f"{self.where}: unknown key {', '.join(map(repr, unknown))}")

    def _cell(self, key: str) -> Any:
        self.asked.add(key)
        if key not in self.cells:
            raise CatalogueError(f"{self.where}: {key} is missing")
        return self.cells[key]

    def _list(self, key: str) -> list[Any]:
        value = self._cell(key)
        if not isinstance(value, list):
            raise CatalogueError(f"{self.where}: {key} must be a list, not {value!r}")
        return value

    def _word(self, key: str, value: Any, kind: type[E]) -> E:
        try:
            return kind(value)
        except ValueError:
            words = " or ".join(member.value for member in kind)
            raise CatalogueError(f"{self.where}: {key} must be {words}, not {value!r}") from None


def price_list(cloud: str, table: Table) -> PriceList:
    """One cloud's rows. Raises CatalogueError."""
    currency = table.text("currency")
    prices = PriceList(
        cloud=cloud,
        currency=currency,
        source=table.text("source"),
        as_of=_moment(table, "as_of"),
        hardware_types=tuple(
            _hardware(cloud, currency, row) for row in table.tables("hardware_types", "hardware_type_id")
        ),
        models=tuple(_model(row) for row in table.tables("models", "model_id")),
    )
    table.done()
    return prices


def document(price_lists: Mapping[str, PriceList]) -> dict[str, Any]:
    """The document that `price_list` reads, sorted by cloud and id; of strings, integers and lists only."""
    return {
        cloud: {
            "currency": prices.currency,
            "source": prices.source,
            "as_of": utc_seconds_text(prices.as_of),
            "hardware_types": [
                _row(row) for row in sorted(prices.hardware_types, key=lambda row: row.hardware_type_id)
            ],
            "models": [_model_row(model) for model in sorted(prices.models, key=lambda model: model.model_id)],
        }
        for cloud, prices in sorted(price_lists.items())
    }


def as_yaml(data: Mapping[str, Any]) -> str:
    """The text of a document."""
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120)


def _hardware(cloud: str, currency: str, table: Table) -> PricedHardware:
    with_ram = table.has("gpu_ram_gb")
    try:
        row = PricedHardware(
            hardware_type_id=table.text("hardware_type_id"),
            price_per_hour=table.money("price_per_hour", currency),
            price_per_minute=table.money("price_per_minute", currency),
            gpu_type=table.maybe_text("gpu_type"),
            num_gpus=table.whole("num_gpus") if table.has("num_gpus") else None,
            gpu_ram_gb=_amount(table, "gpu_ram_gb") if with_ram else None,
            cloud=cloud,
            region=table.maybe_text("region"),
            gpu_ram_is=table.word("gpu_ram_is", RamMeaning) if with_ram else RamMeaning.UNDECIDED,
            billing=table.words("billing", BillingInterval),
            provenance=table.maybe_text("provenance") or "",
        )
    except MoneyError as error:
        raise CatalogueError(f"{table.where}: {error}") from None
    flag = table.maybe_text(_FLAG)
    if flag not in (None, "true"):
        raise CatalogueError(f"{table.where}: {_FLAG} is true, or not there, not {flag!r}")
    if (flag is not None) != has_own_hourly_price(row):
        prices = f"{row.price_per_hour} an hour, {row.price_per_minute} a minute"
        hint = f"leave {_FLAG} out" if flag else f"if that is meant, the row needs `{_FLAG}: true`"
        raise CatalogueError(f"{table.where}: {prices}: {hint}")
    table.done()
    return row


def _model(table: Table) -> CatalogueModel:
    contexts = table.table("hardware_configs")
    model = CatalogueModel(
        model_id=table.text("model_id"),
        recommended_config=table.maybe_text("recommended_config"),
        hardware_configs={
            key: None if contexts.text(key) == _NO_LIMIT else contexts.whole(key) for key in contexts.names
        },
    )
    table.done()
    return model


def _row(row: PricedHardware) -> dict[str, Any]:
    cells = {
        "hardware_type_id": row.hardware_type_id,
        "region": row.region,
        "gpu_type": row.gpu_type,
        "num_gpus": row.num_gpus,
        "gpu_ram_gb": None if row.gpu_ram_gb is None else _plain(row.gpu_ram_gb),
        "gpu_ram_is": None if row.gpu_ram_gb is None else row.gpu_ram_is.value,
        "price_per_hour": row.price_per_hour.decimal_string(),
        "price_per_minute": row.price_per_minute.decimal_string(),
        _FLAG: True if has_own_hourly_price(row) else None,
        "billing": [interval.value for interval in row.billing],
        "provenance": row.provenance or None,
    }
    return {key: value for key, value in cells.items() if value is not None}


def _model_row(model: CatalogueModel) -> dict[str, Any]:
    cells = {
        "model_id": model.model_id,
        "recommended_config": model.recommended_config,
        "hardware_configs": {key: tokens or _NO_LIMIT for key, tokens in sorted(model.hardware_configs.items())},
    }
    return {key: value for key, value in cells.items() if value is not None}


def _amount(table: Table, key: str) -> Decimal:
    """A decimal number above zero: the same digits as money."""
    number = table.money(key, "XXX").amount
    if number <= 0:
        raise CatalogueError(f"{table.where}: {key} must be above 0, not {number}")
    return number


def _plain(number: Decimal) -> int | str:
    whole = int(number)
    return whole if whole == number else Money.of(number, "XXX").decimal_string()


def _moment(table: Table, key: str) -> datetime:
    text = table.text(key)
    time = parse_utc_seconds(text)
    if time is None:
        raise CatalogueError(f"{table.where}: {key} must be a time such as 2025-03-01T12:00:00Z, not {text!r}")
    return time


def _mapping(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise CatalogueError(f"{where} must be a mapping of names, not {type(value).__name__}")
    return value
