"""The keys of a limits file and their values. It loads pydantic: `limits_file.py` imports it where there is a file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field, PlainValidator, create_model, model_validator

from pulumi_cortecs.cost.money import Money
from pulumi_cortecs.cost.strict_reader import Name, StrictModel, invalid, parse_money, parse_name


def _folder(value: Any) -> Path:
    if not isinstance(value, str) or not value.isprintable() or not Path(value).is_absolute():
        raise invalid(value, "an absolute path of a folder")
    return Path(value)


_Amount: TypeAlias = Annotated[Money, PlainValidator(parse_money)]
_Names: TypeAlias = Annotated[list[Name], AfterValidator(frozenset)]
_Url: TypeAlias = Annotated[str, Field(pattern="^https?://"), AfterValidator(parse_name)]
_Path: TypeAlias = Annotated[str, Field(pattern="^/"), AfterValidator(parse_name)]
_ABSENT: Any = None
"""The value of a key that is not in the file; `null` in a file is refused."""


class CloudSection(StrictModel):
    """The limits of one cloud but its lists, which `file_model` adds."""

    instance_hourly_cap: _Amount = _ABSENT
    account_hourly_ceiling: _Amount = _ABSENT
    account_is_exclusive: bool = _ABSENT
    ledger: Annotated[Path, PlainValidator(_folder)] = _ABSENT
    allowed_base_urls: Annotated[list[_Url], AfterValidator(frozenset)] = _ABSENT
    allowed_certificates: Annotated[list[_Path], AfterValidator(frozenset)] = _ABSENT

    @model_validator(mode="after")
    def _require_limit(self) -> CloudSection:
        if not self.model_fields_set:
            raise ValueError(f"limits nothing; allowed: {', '.join(type(self).model_fields)}")
        return self


@lru_cache(maxsize=8)  # building it takes thirty times as long as reading a file
def file_model(lists: tuple[tuple[str, tuple[str, ...]], ...]) -> type[StrictModel]:
    """The model of a file, by cloud the keys of its lists."""
    sections: dict[str, Any] = {}
    for cloud, keys in lists:
        fields: dict[str, Any] = dict.fromkeys(keys, (_Names, None))
        sections[cloud] = (create_model("Section", __base__=CloudSection, **fields), None)
    return create_model("LimitsFile", __base__=StrictModel, **sections)
