"""The inputs that policies have reviewed, kept for the second check of a replacement.

For a replacement the engine checks again, with no old inputs and the program's raw arguments, *after* the policies ran
and with `ignore_changes` and remediations undone, and buys the second result. So the first result is kept under the
URN, diff replaces it by the result of policies and `ignore_changes`, and the second check must agree with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.kind import Problem, ResourceKind
from pulumi_cortecs.provider.properties import equal_values, is_unknown
from pulumi_cortecs.provider.session import ReviewedInputs

NO_STOPPED_REPLACEMENT: Final = (
    "a stopped instance cannot be replaced: that would buy and boot a new one; "
    "set state to 'running' first, or remove the resource"
)
_UNREVIEWED_REPLACEMENT: Final = (
    "replacement_trigger and replace_with replace an instance without a diff, which would undo a policy's remediation; "
    "nothing was bought or deleted. Use `pulumi up --replace`, or replace_on_changes=['restart_trigger']"
)
_UNREPORTED: Final = (
    "is unknown for the instance to replace: {} does not report it; nothing was bought or deleted. Use `pulumi up "
    "--replace`"
)
ALREADY_ADOPTED: Final = (
    "this resource has {} already, and would only adopt it again; leave adopt_id out to buy a new one"
)


def record(urn: str, inputs: Mapping[str, Any], *, is_adoption: bool = False) -> None:
    """Records the result of a check that had old inputs. Does nothing without a URN."""
    if urn:
        session.current().reviewed[urn] = ReviewedInputs(dict(inputs), is_adoption)


def update(urn: str, inputs: Mapping[str, Any]) -> None:
    """Replaces the recorded inputs by those of the diff; a refresh, which calls diff without a check, adds nothing."""
    ours = session.current()
    with ours.lock:
        if urn in ours.reviewed:
            ours.reviewed[urn] = replace(ours.reviewed[urn], inputs=dict(inputs), is_diffed=True)


def get(urn: str) -> ReviewedInputs | None:
    """The reviewed inputs of this URN in this process, or None."""
    kept = session.current().reviewed.get(urn)
    return None if kept is None else replace(kept, inputs=dict(kept.inputs))


def changed_arguments(kind: ResourceKind, props: Mapping[str, Any], shown: Mapping[str, Any]) -> list[str]:
    """The arguments of a purchase that differ from the reviewed ones."""
    return [key for key in kind.arguments.purchased if not equal_values(props.get(key), shown.get(key))]


def recheck_replacement(
    kind: ResourceKind, program_inputs: Mapping[str, Any], problems: list[Problem], shown: ReviewedInputs
) -> tuple[dict[str, Any], list[Problem]]:
    """The reviewed inputs, and `problems` with all that a replacement would buy differently.

    `program_inputs`: the program's arguments, read and normalised.
    """
    inputs = shown.inputs
    if not shown.is_diffed:
        return inputs, [*problems, Problem(kind.arguments.replacing[0], _UNREVIEWED_REPLACEMENT)]
    if shown.is_adoption:
        return inputs, [*problems, *_mismatches(kind, program_inputs, inputs, (*kind.arguments.replacing, "adopt_id"))]
    if inputs.get("state") == "stopped":
        return inputs, [*problems, Problem("state", NO_STOPPED_REPLACEMENT)]
    refusals = [*problems, *_mismatches(kind, program_inputs, inputs, kind.arguments.purchased)]
    refusals += [Problem(key, _UNREPORTED.format(kind.vendor)) for key in kind.arguments.replacing if key not in inputs]
    if program_inputs.get(
        "adopt_id"
    ):  # `up --replace`: the same machine would be adopted, and then deleted as the old one
        refusals.append(Problem("adopt_id", ALREADY_ADOPTED.format(inputs.get("adopt_id") or "another instance")))
    return {**inputs, "adopt_id": ""}, refusals


def _mismatches(
    kind: ResourceKind, program_inputs: Mapping[str, Any], shown: Mapping[str, Any], keys: tuple[str, ...]
) -> list[Problem]:
    """The arguments that differ from those shown to policies and reviewers."""
    hidden = kind.arguments.names_where(lambda argument: argument.secret)
    values = dict.fromkeys(hidden, ("another value", "this one"))
    values |= {key: (repr(shown.get(key)), repr(program_inputs.get(key))) for key in keys if key not in hidden}
    return [
        Problem(
            key,
            f"the replacement was reviewed with {values[key][0]}, and the program says {values[key][1]} (ignore_"
            "changes or a policy's remediation is undone when a resource is replaced); nothing was bought or "
            "deleted. Write the value that you want into the program",
        )
        for key in keys
        if key in program_inputs
        and key in shown
        and not is_unknown(program_inputs[key], shown[key])
        and not equal_values(program_inputs[key], shown[key])
    ]
