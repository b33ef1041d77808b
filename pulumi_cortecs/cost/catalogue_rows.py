"""The rows of a catalogue file: read strictly, written sorted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

import yaml
from pydantic import AfterValidator, FailFast, Field, PlainValidator, Strict, model_validator

from pulumi_cortecs.cost.billing import BillingInterval
from pulumi_cortecs.cost.hardware import PricedHardware, RamMeaning
from pulumi_cortecs.cost.money import Money, MoneyError
from pulumi_cortecs.cost.pricelist import CatalogueError, CatalogueModel, PriceList
from pulumi_cortecs.cost.strict_reader import Name, StrictModel, invalid, parse_name, read_model
from pulumi_cortecs.cost.times import parse_utc_seconds, utc_seconds_text

VERSION: Final = "1"
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


def _whole(value: Any) -> int:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise invalid(value, "a whole number, 1 or more")
    return int(value)


def _context_length(value: Any) -> int | None:
    return None if value == _NO_LIMIT else _whole(value)


def _decimal(value: Any) -> Decimal:
    try:
        return Money.of(parse_name(value), "XXX").amount
    except MoneyError as error:
        raise ValueError(str(error)) from None


def _ram(value: Any) -> Decimal:
    number = _decimal(value)
    if number <= 0:
        raise invalid(value, "above 0")
    return number


def _unique(intervals: list[BillingInterval]) -> list[BillingInterval]:
    if len(set(intervals)) < len(intervals):
        raise ValueError(f"got {', '.join(intervals)}; must be different intervals")
    return intervals


def _time(value: Any) -> datetime:
    time = parse_utc_seconds(value) if isinstance(value, str) else None
    if time is None:
        raise invalid(value, "a time such as 2025-03-01T12:00:00Z")
    return time


_Amount: TypeAlias = Annotated[Decimal, PlainValidator(_decimal)]
_Interval: TypeAlias = Annotated[BillingInterval, Strict(False)]


class _Hardware(StrictModel):
    hardware_type_id: Name
    price_per_hour: _Amount
    price_per_minute: _Amount
    gpu_type: Name | None = None
    num_gpus: Annotated[int, PlainValidator(_whole)] | None = None
    gpu_ram_gb: Annotated[Decimal, PlainValidator(_ram)] | None = None
    gpu_ram_is: Annotated[RamMeaning, Strict(False)] | None = None
    region: Name | None = None
    billing: Annotated[list[_Interval], Field(min_length=1), AfterValidator(_unique)]
    provenance: Name | None = None
    hour_is_not_60_minutes: Literal["true"] | None = None

    @model_validator(mode="after")
    def _require_ram_meaning(self) -> _Hardware:
        if (self.gpu_ram_gb is None) != (self.gpu_ram_is is None):
            raise ValueError("got one of gpu_ram_gb and gpu_ram_is; must be both or none")
        return self

    def priced(self, where: str, cloud: str, currency: str) -> PricedHardware:
        cells = {key: value for key, value in self if value is not None and key != _FLAG}
        try:
            for key in ("price_per_hour", "price_per_minute"):
                cells[key] = Money(cells[key], currency)
            row = PricedHardware(cloud=cloud, **{**cells, "billing": tuple(self.billing)})
        except MoneyError as error:
            raise CatalogueError(f"{where}: {error}") from None
        if (self.hour_is_not_60_minutes is not None) != row.has_own_hourly_price:
            pair = f"{row.price_per_hour} an hour, {row.price_per_minute} a minute"
            hint = f"leave {_FLAG} out" if self.hour_is_not_60_minutes else f"if that is meant, add `{_FLAG}: true`"
            raise CatalogueError(f"{where}: got {pair}; {hint}")
        return row


class _Model(StrictModel):
    model_id: Name
    recommended_config: Name | None = None
    hardware_configs: dict[str, Annotated[int | None, PlainValidator(_context_length)]]


class _Cloud(StrictModel):
    currency: Name
    source: Name
    as_of: Annotated[datetime, PlainValidator(_time)]
    hardware_types: Annotated[list[_Hardware], FailFast()]  # a file of bad rows is refused after the first one
    models: Annotated[list[_Model], FailFast()]


class CatalogueFile(StrictModel):
    """The whole file."""

    version: Name
    clouds: dict[str, _Cloud]
    sha256: Name

    def price_list(self, cloud: str) -> PriceList:
        """One cloud's rows. Raises CatalogueError."""
        section = self.clouds[cloud]
        return PriceList(
            cloud=cloud,
            currency=section.currency,
            source=section.source,
            as_of=section.as_of,
            hardware_types=tuple(
                row.priced(f"clouds.{cloud}.hardware_types[{number}]", cloud, section.currency)
                for number, row in enumerate(section.hardware_types)
            ),
            models=tuple(
                CatalogueModel(row.model_id, row.recommended_config, row.hardware_configs) for row in section.models
            ),
        )


def read_rows(content: bytes) -> CatalogueFile:
    """The rows of a file, of this version. Raises CatalogueError, naming all problems."""
    try:
        data = yaml.load(content, Loader=_TextLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise CatalogueError(f"is not valid YAML: {str(error).splitlines()[0]}") from None
    version = data.get("version", VERSION) if isinstance(data, dict) else VERSION
    if version != VERSION:  # other versions have other keys
        raise CatalogueError(f"version: {invalid(version, VERSION)}")
    return read_model(CatalogueFile, data, CatalogueError)


def document(price_lists: Mapping[str, PriceList]) -> dict[str, Any]:
    """The document that `read_rows` reads, sorted by cloud and id; of strings, integers and lists only."""
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
        _FLAG: True if row.has_own_hourly_price else None,
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


def _plain(number: Decimal) -> int | str:
    whole = int(number)
    return whole if whole == number else Money.of(number, "XXX").decimal_string()
