"""The change of code between two previews against an empty backend, in which every resource is new: matched by URN, as
the preview that a stack with the base's resources would have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.review.events import Preview, Step
from pulumi_cortecs.review.run import PreviewCommand
from pulumi_cortecs.review.two_sides import Side, two_sides

NOTE: Final = "compares code with code, not with what runs"

_NOT_OF_THE_CODE: Final = frozenset({"__provider", "quote"})
_NAMES: Final = {token: name for name, token in TOKENS.items() if not name.endswith(".Endpoint")}


def preview_code(command: PreviewCommand, ref: str, environment: Mapping[str, str]) -> Preview:
    """The change of code from where the checkout branched off a branch or commit `ref`, judged by the command's packs.
    Raises SidesError, and OSError if the command cannot be started."""
    with two_sides(command.directory, ref, command.stack, command.executable, environment) as sides:
        base = None if sides.base is None else _of_side(replace(command, packs=(), pack_configs=()), sides.base)
        return compare_code(base, _of_side(command, sides.head))


def _of_side(command: PreviewCommand, side: Side) -> Preview:
    there = replace(command, directory=side.folder, stack=side.stack, config_file=side.config_file)
    return there.run(side.environment)


def compare_code(base: Preview | None, head: Preview) -> Preview:
    """The preview of the change from `base`, None for a new project, to `head`. A base that is not whole is a problem
    like a head that is not."""
    if base is None:
        return head
    before = {step.urn: step for step in base.steps if step.op == "create"}
    after = {step.urn for step in head.steps}
    changed = tuple(part for step in head.steps for part in _changed(before.get(step.urn), step))
    ended = tuple(replace(step, op="delete", old=step.new, new={}) for urn, step in before.items() if urn not in after)
    problems = (*(f"the base: {problem}" for problem in base.problems), *head.problems)
    return replace(head, steps=(*changed, *ended), problems=problems)


def _changed(before: Step | None, after: Step) -> tuple[Step, ...]:
    """The steps that make one of the other."""
    if before is None or after.op != "create":
        return (after,)
    old, new = _inputs(before), _inputs(after)
    diffs = tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))
    is_replacement = not set(diffs).isdisjoint(_replacing(after.resource_type))
    op = "create-replacement" if is_replacement else "update" if diffs else "same"
    step = replace(after, op=op, old=before.new, diffs=diffs)
    if not (is_replacement and before.new.get("retainOnDelete")):
        return (step,)
    return step, replace(before, op="delete-replaced", old=before.new, new={})  # it goes on running


def _replacing(resource_type: str) -> tuple[str, ...]:
    """The arguments of a type of ours whose change replaces the resource."""
    if resource_type not in _NAMES:
        return ()
    from pulumi_cortecs._abi import load_kind  # loads pulumi, which no other review needs

    return load_kind(_NAMES[resource_type]).arguments.replacing


def _inputs(step: Step) -> Mapping[str, Any]:
    inputs = step.new.get("inputs")
    mapping = inputs if isinstance(inputs, Mapping) else {}
    return {name: value for name, value in mapping.items() if name not in _NOT_OF_THE_CODE}
