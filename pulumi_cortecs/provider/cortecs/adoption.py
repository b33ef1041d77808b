"""Taking over an instance that runs already: nothing is bought, what the program says must be true of it, and what it
leaves out is filled in from it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from pulumi_cortecs.clouds import cortecs
from pulumi_cortecs.lifecycle.phases import Phase
from pulumi_cortecs.provider import accounts
from pulumi_cortecs.provider.cortecs.arguments import PURCHASE, default, same
from pulumi_cortecs.provider.cortecs.properties import LATER, Problem, unknown

_DEFAULTED: Final = ("billing_interval", "num_workers")


class NotAsJudgedError(Exception):
    """An instance is not what was judged under its id. The text names each argument: what was judged, what it is."""


_lock = threading.Lock()
_owners: dict[str, str] = {}
_wanted: set[str] = set()
_keepers: dict[str, str] = {}


def arguments_of(instance: cortecs.Instance) -> dict[str, Any]:
    """What the vendor tells of the order, in the form that the program's arguments have after check.

    What it does not tell is left out (its documented examples omit the workers).
    """
    told = {key: value for key, value in instance.instance_args.model_dump().items() if value is not None}
    told["model_id"] = told["model_id"].replace("/", "--")  # spelled otherwise, it would be replaced
    return {key: told[key] for key in PURCHASE if key in told}


def differences(judged: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """Where the vendor tells something else than what was judged, in words. What either of them leaves out, or what
    only `up` will know, is no difference."""
    return [
        f"{key}: {shown(judged[key])} was judged, {shown(value)} is what Cortecs tells"
        for key, value in told.items()
        if key in judged and not alike(judged[key], value)
    ]


def must_be_as_judged(live: cortecs.Instance, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the vendor tells of the instance, for the limits to judge, too. `inputs` are what check settled and policies
    let pass.

    A journal, a state, an adopt_id and an imported file name ids, and whoever writes the program can write those: to
    take over or to start what has the id without a look would be to believe them. Raises NotAsJudgedError.
    """
    told = arguments_of(live)
    if found := differences(inputs, told):
        raise NotAsJudgedError(f"{live.instance_id} is not what was judged: {'; '.join(found)}")
    return told


def shown(value: Any) -> str:
    """A value as a program has it: the host passes every whole number as a float."""
    return repr(int(value) if isinstance(value, float) and value.is_integer() else value)


def alike(one: Any, other: Any) -> bool:
    """Whether two values of an argument are the same, or not known yet."""
    return unknown(one) or unknown(other) or same(one, other)


def state_of(instance: cortecs.Instance) -> str:
    """`stopped` or `running`, which a booting instance is, too. Raises UnknownStatusError."""
    return "stopped" if accounts.phase(instance) is Phase.STOPPED else "running"


def settle(wanted: Mapping[str, Any], live: cortecs.Instance) -> tuple[dict[str, Any], list[Problem]]:
    """`wanted` completed from the running instance, and where it says something else than what runs.

    `wanted` holds what the program says, and its state. Raises UnknownStatusError.
    """
    told, name = arguments_of(live), live.instance_id
    actual = {**{key: default(key) for key in _DEFAULTED}, **told}
    problems = [
        Problem(key, f"{name} has {told[key]!r}, not {wanted[key]!r}; leave {key} out, or say what it has")
        for key in PURCHASE
        if key in wanted and key in told and not unknown(wanted[key]) and not same(wanted[key], told[key])
    ]
    if not unknown(wanted["state"]) and wanted["state"] != (state := state_of(live)):
        hint = "say state='stopped' to adopt it as it is, and start it later" if state == "stopped" else "stop it later"
        problems.append(Problem("state", f"{name} is {state}, not {wanted['state']}; {hint}"))
    missing = [key for key in PURCHASE if key not in wanted and key not in actual]
    problems += [Problem(key, f"is required: Cortecs does not tell it of {name}") for key in missing]
    return {**actual, **wanted, **dict.fromkeys(missing, LATER)}, problems


def want(instance_id: str) -> None:
    """Notes that a resource of this run is going to take the instance over."""
    with _lock:
        _wanted.add(instance_id)


def is_wanted(instance_id: str) -> bool:
    """Whether a resource of this run is going to take the instance over, or has done so."""
    with _lock:
        return instance_id in _wanted


def keep(instance_id: str, urn: str) -> None:
    """Notes that the resource has adopted the instance in an earlier run, and keeps it."""
    with _lock:
        _keepers[instance_id] = urn


def keeper_of(instance_id: str) -> str | None:
    """The URN of the resource that keeps the instance as its own, None where none has said so in this process."""
    with _lock:
        return _keepers.get(instance_id)


def claim(instance_id: str, urn: str) -> str | None:
    """Notes that the resource has taken the instance over; the URN of another one of this process that already has."""
    with _lock:
        owner = _owners.setdefault(instance_id, urn)
    return None if owner == urn else owner


def owner_of(instance_id: str) -> str | None:
    """The URN of the resource that has taken the instance over in this process, None if none has."""
    with _lock:
        return _owners.get(instance_id)
