"""The files of limits: the machine's own, and the one that a variable names. Every purchase must pass both, so whoever
sets the variable can only tighten them.

A file that is named and missing, malformed, or has an unknown key is an error, never "no limits".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_cortecs.cost.limits import CloudLimits, PurchaseLimits

MACHINE_FILE: Final = Path("/etc/pulumi-cortecs/limits.json")
"""The limits of the owner of a machine. No setting moves the file: that would be a way around it."""
VARIABLE: Final = "PULUMI_CORTECS_LIMITS"


@dataclass(frozen=True)
class AllowList:
    """A list in a cloud's section: the argument of a purchase that must be on it, and how programs spell its ids.

    `made_of`: the name of the value that must be on it, if that is made of several arguments (`Market.policy_values`
    names it). A refusal is then shown at `argument`.
    """

    argument: str
    spelled: Callable[[str], str] = str
    made_of: str = ""

    @property
    def value(self) -> str:
        """The name of the value that must be on the list."""
        return self.made_of or self.argument


CLOUDS: Final[dict[str, Mapping[str, AllowList]]] = {
    "cortecs": {
        "allowed_hardware": AllowList("hardware_type_id"),
        "allowed_models": AllowList("model_id", lambda model: model.replace("/", "--")),  # either spelling is taken
    },
    "shadeform": {
        "allowed_hardware": AllowList("shade_instance_type", made_of="hardware_type_id"),
        "allowed_clouds": AllowList("cloud"),
        "allowed_regions": AllowList("region"),
    },
    "gcore": {
        "allowed_hardware": AllowList("flavor_name", made_of="hardware_type_id"),
        "allowed_regions": AllowList("containers", made_of="region"),
    },
}
"""The sections that a file may have, and the lists of each."""

MAX_BYTES: Final = 2**20
"""Bytes of a file; both are read at each purchase."""


class LimitsFileError(ValueError):
    """Limits are named and cannot be used: until they can, nothing may be bought. The text names the file."""


def limits_in_force(cloud: str, environment: Mapping[str, str], machine_file: Path = MACHINE_FILE) -> PurchaseLimits:
    """The limits of purchases in a cloud now. Both files are read each time. Raises LimitsFileError."""
    return PurchaseLimits(_files(cloud, environment, machine_file))


def argument_of(cloud: str, value: str) -> str:
    """The argument at which a refusal of a value is shown; "" for a value without a list, such as the price."""
    return next((listed.argument for listed in CLOUDS.get(cloud, {}).values() if listed.value == value), "")


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
        return _parse(content, str(path), cloud)
    except LimitsFileError as error:
        raise LimitsFileError(f"{path}: {error}") from None


def _parse(content: bytes, source: str, cloud: str) -> CloudLimits:
    from pulumi_cortecs.cost.limits_schema import CloudSection, file_model
    from pulumi_cortecs.cost.strict_reader import parse_json, read_model

    data = parse_json(content, LimitsFileError)
    model = file_model(tuple((name, tuple(lists)) for name, lists in CLOUDS.items()))
    section = getattr(read_model(model, data, LimitsFileError), cloud, None)
    if section is None:
        raise LimitsFileError(f"{cloud}: is missing, so nothing of it is allowed; add a section")
    return CloudLimits(
        source=source,
        allowed={
            allow_list.value: frozenset(map(allow_list.spelled, ids))
            for key, allow_list in CLOUDS[cloud].items()
            if (ids := getattr(section, key)) is not None
        },
        **{key: getattr(section, key) for key in CloudSection.model_fields},
    )
