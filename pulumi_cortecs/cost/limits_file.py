"""The files of limits: the machine's own, and the one that a variable names. Every purchase must pass both, so whoever
sets the variable can only tighten them.

A file that is named and missing, malformed, or has an unknown key is an error, never "no limits".
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pulumi_cortecs.cost.limits import CloudLimits, PurchaseLimits
from pulumi_cortecs.cost.money import Money, MoneyError
from pulumi_cortecs.cost.strict_json import DuplicateKeyError, reject_duplicate_keys

MACHINE_FILE: Final = Path("/etc/pulumi-cortecs/limits.json")
"""The limits of the owner of a machine. No setting moves the file: that would be a way around it."""
VARIABLE: Final = "PULUMI_CORTECS_LIMITS"


@dataclass(frozen=True)
class AllowList:
    """A list in a cloud's section: the argument of a purchase that must be on it, and how programs spell its ids."""

    argument: str
    spelled: Callable[[str], str] = str


CLOUDS: Final[dict[str, Mapping[str, AllowList]]] = {
    "cortecs": {
        "allowed_hardware": AllowList("hardware_type_id"),
        "allowed_models": AllowList("model_id", lambda model: model.replace("/", "--")),  # either spelling is taken
    },
}
"""The sections that a file may have, and the lists of each."""

MAX_BYTES: Final = 2**20
"""Bytes of a file; both are read at each purchase."""

_AMOUNTS: Final = ("instance_hourly_cap", "account_hourly_ceiling")
_EXCLUSIVE: Final = "account_is_exclusive"
_LEDGER: Final = "ledger"
_TRUSTED_KEYS: Final[Mapping[str, tuple[str, str | tuple[str, ...]]]] = {
    "allowed_base_urls": ("URLs", ("https://", "http://")),
    "allowed_certificates": ("absolute paths", "/"),
}
"""By key the kind of its items, and how each item begins."""
_KEYS: Final = (*_AMOUNTS, _EXCLUSIVE, _LEDGER, *_TRUSTED_KEYS)


class LimitsFileError(ValueError):
    """Limits are named and cannot be used: until they can, nothing may be bought. The text names the file."""


def limits_in_force(cloud: str, environment: Mapping[str, str], machine_file: Path = MACHINE_FILE) -> PurchaseLimits:
    """The limits of purchases in a cloud now. Both files are read each time. Raises LimitsFileError."""
    return PurchaseLimits(_files(cloud, environment, machine_file))


def account_is_exclusive(cloud: str, environment: Mapping[str, str], machine_file: Path = MACHINE_FILE) -> bool:
    """Whether one of the files says that the account is exclusive, and none that it is shared.

    It limits nothing, so whoever calls must know who set the variable in that environment. Raises LimitsFileError.
    """
    answers = {limits.account_is_exclusive for limits in _files(cloud, environment, machine_file)}
    return True in answers and False not in answers


def ledger_folder(cloud: str, machine_file: Path = MACHINE_FILE) -> Path | None:
    """The folder in which the machine's own file wants the ledger of the ceiling, None where it says nothing. In a file
    that a variable names it does not count: a program could set that. Raises LimitsFileError."""
    return next((limits.ledger for limits in _files(cloud, {}, machine_file)), None)


def _files(cloud: str, environment: Mapping[str, str], machine_file: Path) -> tuple[CloudLimits, ...]:
    files = []
    if _exists(machine_file):
        files.append(_read(machine_file, cloud))
    if VARIABLE in environment:
        files.append(_read(_absolute_path(environment[VARIABLE]), cloud))
    return tuple(files)


def _absolute_path(path: str) -> Path:
    if not path:
        raise LimitsFileError(f"{VARIABLE} is set and names no file; unset it, if there is none")
    named = Path(path)
    if not named.is_absolute():  # relative to what? The working directory is the project's, and its author's
        raise LimitsFileError(f"{VARIABLE} must be an absolute path, not {path!r}")
    return named


def _exists(path: Path) -> bool:
    """False only when it is certain; a link to nowhere is there."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LimitsFileError(f"{path}: cannot be looked at: {error.strerror or error}") from None
    return True


def _read(path: Path, cloud: str) -> CloudLimits:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise LimitsFileError(f"{path}: not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise LimitsFileError(f"{path}: has more than {MAX_BYTES // 1024} kB, the limit of a limits file")
    except (OSError, ValueError) as error:
        if isinstance(error, LimitsFileError):
            raise
        raise LimitsFileError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        sections = _object(
            json.loads(
                content.decode(),
                object_pairs_hook=reject_duplicate_keys,
                parse_float=_no_number,
                parse_int=_no_number,
                parse_constant=_no_number,
            ),
            "it",
            tuple(CLOUDS),
        )
        by_cloud = {name: _cloud(str(path), name, section) for name, section in sections.items()}
        if cloud not in by_cloud:
            raise LimitsFileError(f"it allows nothing of {cloud}: there is no {cloud!r} in it")
        return by_cloud[cloud]
    except json.JSONDecodeError as error:
        raise LimitsFileError(f"{path}: is not valid JSON: {error}") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise LimitsFileError(f"{path}: is not valid JSON: {type(error).__name__}") from None
    except (LimitsFileError, DuplicateKeyError) as error:
        raise LimitsFileError(f"{path}: {error}") from None


def _cloud(source: str, name: str, section: Any) -> CloudLimits:
    keys = (*CLOUDS[name], *_KEYS)
    cells = _object(section, name, keys)
    if not cells:
        raise LimitsFileError(f"{name}: limits nothing; valid keys: {', '.join(keys)}")
    allowed = {
        allow_list.argument: frozenset(map(allow_list.spelled, _names(f"{name}: {key}", cells[key])))
        for key, allow_list in CLOUDS[name].items()
        if key in cells
    }
    amounts = {key: _amount(f"{name}: {key}", cells[key]) for key in _AMOUNTS if key in cells}
    believed = {key: _names(f"{name}: {key}", cells[key], *_TRUSTED_KEYS[key]) for key in _TRUSTED_KEYS if key in cells}
    exclusive = cells.get(_EXCLUSIVE)
    if _EXCLUSIVE in cells and not isinstance(exclusive, bool):
        raise LimitsFileError(f"{name}: {_EXCLUSIVE} must be true or false, not {exclusive!r}")
    ledger = cells.get(_LEDGER)
    if _LEDGER in cells and not (isinstance(ledger, str) and os.path.isabs(ledger) and ledger.isprintable()):
        raise LimitsFileError(f"{name}: {_LEDGER} must be an absolute path of a folder, not {ledger!r}")
    return CloudLimits(
        source=source,
        allowed=allowed,
        instance_hourly_cap=amounts.get("instance_hourly_cap"),
        account_hourly_ceiling=amounts.get("account_hourly_ceiling"),
        account_is_exclusive=exclusive,
        allowed_base_urls=believed.get("allowed_base_urls"),
        allowed_certificates=believed.get("allowed_certificates"),
        ledger=None if ledger is None else Path(ledger),
    )


def _object(value: Any, where: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LimitsFileError(f"{where} must be an object, not {_kind(value)}")
    if unknown := [key for key in value if key not in keys]:
        raise LimitsFileError(f"{where}: unknown key {', '.join(map(repr, unknown))}; valid keys: {', '.join(keys)}")
    return value


def _names(where: str, value: Any, what: str = "ids", begin: str | tuple[str, ...] = "") -> frozenset[str]:
    if not isinstance(value, list):
        raise LimitsFileError(f"{where} must be a list of {what}, not {_kind(value)}")
    for item in value:
        if not _is_word(item) or not item.startswith(begin):
            raise LimitsFileError(f"{where} must be a list of {what}; got {item!r}")
    return frozenset(value)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value == value.strip() and value.isprintable()


def _amount(where: str, value: Any) -> Money:
    """Money from "5.00 EUR"."""
    try:
        return Money.read(value)
    except MoneyError:
        raise LimitsFileError(f'{where} must be an amount such as "5.00 EUR", not {value!r}') from None


def _no_number(text: str) -> Any:
    raise LimitsFileError(f'amounts are strings such as "5.00 EUR", not the number {text}')


def _kind(value: Any) -> str:
    return {str: "a string", list: "a list", dict: "an object", bool: "true or false"}.get(type(value), "null")
