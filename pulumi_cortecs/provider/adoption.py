"""Taking over an instance that runs already: nothing is bought, what the program says must be true of it, and what it
leaves out is filled in from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.arguments import vendor_arguments
from pulumi_cortecs.provider.kind import InstanceKind, Problem
from pulumi_cortecs.provider.properties import equal_values, is_unknown, without_float


class ReviewMismatchError(Exception):
    """An instance is not what was reviewed under its id. The text names each argument: what was reviewed, what it
    is."""


def describe_mismatches(kind: InstanceKind, reviewed: Mapping[str, Any], reported: Mapping[str, Any]) -> list[str]:
    """The differences between what the vendor reports and what was reviewed. What either of them leaves out, or what
    only `up` will know, does not count as a difference."""
    return [
        f"{key}: {format_value(reviewed[key])} was reviewed, {kind.vendor} reports {format_value(value)}"
        for key, value in reported.items()
        if key in reviewed and not is_equal_or_unknown(reviewed[key], value)
    ]


def require_reviewed(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], inputs: Mapping[str, Any]
) -> None:
    """Compares what the vendor reports of the instance with `inputs`, which are what check settled and policies let
    pass.

    A journal, a state, an adopt_id and an imported file name ids, and whoever writes the program can write those: to
    take over or to start what has the id without a look would be to believe them. Raises ReviewMismatchError.
    """
    if mismatches := describe_mismatches(kind, inputs, reported):
        raise ReviewMismatchError(f"{instance_id} is not what was reviewed: {'; '.join(mismatches)}")


def inputs_for_start(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], inputs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The inputs that the limits judge a start by: as the vendor reports and, if not adopted, as ordered.

    Raises ReviewMismatchError, also for an adopted one of which something was reviewed that the vendor does not report.
    """
    require_reviewed(kind, instance_id, reported, inputs)
    if not inputs["adopt_id"]:
        return {**inputs, **reported}
    if believed := [key for key in unreported_arguments(kind, reported) if key in inputs]:
        raise ReviewMismatchError(
            f"{instance_id} was adopted, and {kind.vendor} does not report what was reviewed: {', '.join(believed)}"
        )
    return reported


def format_value(value: Any) -> str:
    """A value as a program has it, for a person."""
    return repr(without_float(value))


def is_equal_or_unknown(one: Any, other: Any) -> bool:
    """Returns whether two values of an argument are the same, or not known yet."""
    return is_unknown(one) or is_unknown(other) or equal_values(one, other)


def complete_from_instance(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], state: str, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Problem]]:
    """`wanted` completed from the running instance, and a problem for each difference: `reported` is what the
    vendor reports of it, and `state` whether it is `running` or `stopped`.

    `wanted` holds what the program says, and its state. What the vendor does not report is left out of the result,
    whatever the program says of it: it cannot be checked.
    """
    problems = [
        Problem(key, f"{instance_id} has {reported[key]!r}, not {wanted[key]!r}; leave {key} out, or say what it has")
        for key in vendor_arguments(kind.arguments)
        if key in wanted
        and key in reported
        and not is_unknown(wanted[key])
        and not equal_values(wanted[key], reported[key])
    ]
    if not is_unknown(wanted["state"]) and wanted["state"] != state:
        hint = "say state='stopped' to adopt it as it is, and start it later" if state == "stopped" else "stop it later"
        problems.append(Problem("state", f"{instance_id} is {state}, not {wanted['state']}; {hint}"))
    return {
        **reported,
        **{key: value for key, value in wanted.items() if key in reported or key not in kind.arguments.replacing},
    }, problems


def unreported_arguments(kind: InstanceKind, reported: Mapping[str, Any]) -> list[str]:
    """The arguments of a purchase that the vendor does not report of an instance."""
    return [key for key in kind.arguments.replacing if key not in reported]


def request(instance_id: str) -> None:
    """Notes that a resource of this run is going to take the instance over."""
    session.current().requested_adoptions.add(instance_id)


def is_requested(instance_id: str) -> bool:
    """Returns whether a resource of this run is going to take the instance over, or has done so."""
    return instance_id in session.current().requested_adoptions


def record_owner(instance_id: str, urn: str) -> None:
    """Notes that the resource has adopted the instance in an earlier run, and keeps it."""
    session.current().owners_in_state[instance_id] = urn


def owner_in_state(instance_id: str) -> str | None:
    """The URN of the resource that keeps the instance as its own, None where none has said so in this process."""
    return session.current().owners_in_state.get(instance_id)


def claim(instance_id: str, urn: str) -> str | None:
    """Notes that the resource has taken the instance over; the URN of another one of this process that already has."""
    owner = session.current().claims.setdefault(instance_id, urn)
    return None if owner == urn else owner


def claimed_by(instance_id: str) -> str | None:
    """The URN of the resource that has taken the instance over in this process, None if none has."""
    return session.current().claims.get(instance_id)
