"""The adoption of a running instance: nothing is bought, the instance must match the program's arguments, and it
provides those that the program leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.arguments import vendor_arguments
from pulumi_cortecs.provider.kind import InstanceKind, Problem
from pulumi_cortecs.provider.properties import equal_values, is_unknown, without_float


class ReviewMismatchError(Exception):
    """An instance differs from the inputs that were reviewed under its id. The text names each argument with both
    values."""


def describe_mismatches(kind: InstanceKind, reviewed: Mapping[str, Any], reported: Mapping[str, Any]) -> list[str]:
    """The differences between the vendor's report and the reviewed inputs. An argument that either of them leaves out,
    or that only `up` will know, does not count as a difference."""
    return [
        f"{key}: {shown_value(kind, key, reviewed[key])} was reviewed, {kind.vendor} reports "
        f"{shown_value(kind, key, value)}"
        for key, value in reported.items()
        if key in reviewed and not is_equal_or_unknown(reviewed[key], value)
    ]


def require_reviewed(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], inputs: Mapping[str, Any]
) -> None:
    """Compares the vendor's report of the instance with `inputs`, which check has completed and policies have passed.

    Journals, states, adopt_ids and imported files name ids, and the author of the program can write all of them: an id
    alone does not prove which instance it is. Raises ReviewMismatchError.
    """
    if mismatches := describe_mismatches(kind, inputs, reported):
        raise ReviewMismatchError(f"{instance_id} is not what was reviewed: {'; '.join(mismatches)}")


def inputs_for_start(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], inputs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The inputs by which the limits judge a start: as the vendor reports them and, unless adopted, as ordered.

    Raises ReviewMismatchError, also for an adopted instance if the vendor does not report a reviewed argument.
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
    """The text of a value as a program spells it."""
    return repr(without_float(value))


def shown_value(kind: InstanceKind, key: str, value: Any) -> str:
    """The text of an argument's value, which hides a secret one."""
    return "a secret value" if key in kind.arguments and kind.arguments[key].secret else format_value(value)


def is_equal_or_unknown(one: Any, other: Any) -> bool:
    """Returns whether two values of an argument are equal, or either of them is unknown."""
    return is_unknown(one) or is_unknown(other) or equal_values(one, other)


def complete_from_instance(
    kind: InstanceKind, instance_id: str, reported: Mapping[str, Any], state: str, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Problem]]:
    """`wanted` completed from the running instance, and a problem for each difference: `reported` is what the vendor
    reports of it, and `state` whether it is `running` or `stopped`.

    `wanted` has the program's arguments, and its state. Arguments that the vendor does not report are left out of the
    result, whatever the program says: they cannot be checked.
    """
    problems = [
        Problem(key, _difference_text(kind, instance_id, key, reported[key], wanted[key]))
        for key in vendor_arguments(kind.arguments)
        if key in wanted
        and key in reported
        and not is_unknown(wanted[key])
        and not equal_values(wanted[key], reported[key])
    ]
    if not is_unknown(wanted["state"]) and wanted["state"] != state:
        hint = "set state='stopped' to adopt it as it is, and start it later" if state == "stopped" else "stop it later"
        problems.append(Problem("state", f"{instance_id} is {state}, not {wanted['state']}; {hint}"))
    return {
        **reported,
        **{key: value for key, value in wanted.items() if key in reported or key not in kind.arguments.replacing},
    }, problems


def _difference_text(kind: InstanceKind, instance_id: str, key: str, actual: Any, wanted: Any) -> str:
    if kind.arguments[key].secret:  # a program that leaves it out says that it is empty
        return f"{instance_id} has another value, which is secret; set {key} to that value"
    return f"{instance_id} has {actual!r}, not {wanted!r}; leave {key} out, or set it to that value"


def unreported_arguments(kind: InstanceKind, reported: Mapping[str, Any]) -> list[str]:
    """The arguments of a purchase that the vendor does not report of an instance."""
    return [key for key in kind.arguments.replacing if key not in reported]


def request(kind: InstanceKind, instance_id: str) -> None:
    """Records that a resource of this run is going to adopt the instance."""
    session.current().requested_adoptions.add((kind.cloud, instance_id))


def is_requested(kind: InstanceKind, instance_id: str) -> bool:
    """Returns whether a resource of this run is going to adopt the instance, or has adopted it."""
    return (kind.cloud, instance_id) in session.current().requested_adoptions


def record_owner(kind: InstanceKind, instance_id: str, urn: str) -> None:
    """Records that the resource has adopted the instance in an earlier run, and keeps it."""
    session.current().owners_in_state[kind.cloud, instance_id] = urn


def owner_in_state(kind: InstanceKind, instance_id: str) -> str | None:
    """The URN of the resource that `record_owner` recorded for the instance, or None."""
    return session.current().owners_in_state.get((kind.cloud, instance_id))


def claim(kind: InstanceKind, instance_id: str, urn: str) -> str | None:
    """Records that the resource has adopted the instance. Returns the URN of another resource that already has, or
    None."""
    owner = session.current().claims.setdefault((kind.cloud, instance_id), urn)
    return None if owner == urn else owner


def claimed_by(kind: InstanceKind, instance_id: str) -> str | None:
    """The URN of the resource that has adopted the instance in this process, or None."""
    return session.current().claims.get((kind.cloud, instance_id))
