"""One exported state, read for the instances in it and for the creations that never ended."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow, StateUnreadableError

_NEWEST: Final = 4
"""The newest form of a deployment that is known."""
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key that marks what is no plain value: a secret, an asset, a reference."""

_PLAINTEXT: Final = "plaintext"


class _FormError(Exception):
    """Where a state is not of the form that we know, and how."""


def stack_state(stack: str, exported: str, read_at: float, types: Collection[str]) -> StackState:
    """The rows and pending creations of these type tokens in what `pulumi stack export` printed.

    A row without an id is none. What is secret stays so, its value None, but for what was exported in plain text
    (`--show-secrets`). Raises StateUnreadableError for what is no whole state of a form that we know.
    """
    try:
        resources, operations = _deployment(exported)
        deleting = {_identity(each) for kind, each in operations if kind == "deleting"}
        rows = tuple(_row(stack, each, deleting) for each in resources if each["type"] in types and each["id"])
        pending = tuple(
            PendingCreation(
                stack, each["urn"], _plain(each["inputs"]), each["type"], _secrets(each["inputs"]), each["created"]
            )
            for kind, each in operations
            if kind == "creating" and each["type"] in types
        )
    except (_FormError, RecursionError) as error:
        problem = str(error) if isinstance(error, _FormError) else "it is nested too deeply"
        raise StateUnreadableError(f"the state of {stack} cannot be read: {problem}") from None
    return StackState(stack, read_at, rows, pending)


def stack_names(listed: str) -> tuple[str, ...]:
    """The names in what `pulumi stack ls --json` printed. Raises StateUnreadableError."""
    try:
        found = json.loads(listed)
        return tuple(_text(_object(each, "it"), "name", "it") for each in _list(found, "it"))
    except (ValueError, RecursionError, _FormError):
        raise StateUnreadableError("the list of the stacks cannot be read") from None


def _deployment(exported: str) -> tuple[list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]:
    try:
        export = _object(json.loads(exported), "it")
    except ValueError:
        raise _FormError("it is no JSON") from None
    version = export.get("version")
    if type(version) is not int or version > _NEWEST:
        raise _FormError(f"version: {version!r}; known are those up to {_NEWEST}")
    if "deployment" not in export:
        raise _FormError("deployment: it is missing")
    # null for a stack that was never updated
    deployment = _object(_or(export["deployment"], {}), "deployment")
    resources = [_resource(each, where) for where, each in _each(deployment, "resources")]
    operations = [
        (_text(each, "type", where), _resource(each.get("resource"), f"{where}.resource"))
        for where, each in _each(deployment, "pending_operations")
    ]
    return resources, operations


def _resource(value: Any, where: str) -> dict[str, Any]:
    found = _object(value, where)
    return {
        "urn": _text(found, "urn", where),
        "type": _text(found, "type", where),
        **{key: _text(found, key, where, otherwise="") for key in ("id", "created")},
        "inputs": _object(_or(found.get("inputs"), {}), f"{where}.inputs"),
        "outputs": _object(_or(found.get("outputs"), {}), f"{where}.outputs"),
        **{key: _flag(found, key, where) for key in ("delete", "external", "protect", "taint")},
    }


def _row(stack: str, found: dict[str, Any], deleting: Collection[tuple[str, str, bool]]) -> StateRow:
    return StateRow(
        stack=stack,
        urn=found["urn"],
        instance_id=found["id"],
        doomed=found["delete"],
        external=found["external"],
        deleting=_identity(found) in deleting,
        protected=found["protect"],
        resource_type=found["type"],
        outputs=_plain(found["outputs"]),
        secrets=_secrets(found["outputs"]),
        tainted=found["taint"],
        created=found["created"],
    )


def _identity(found: dict[str, Any]) -> tuple[str, str, bool]:
    """Which row that is: a URN may have a live one and some that were replaced."""
    return found["urn"], found["id"], found["delete"]


def _secrets(properties: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(key for key, value in properties.items() if _is_marked(value))


def _plain(value: Any) -> Any:
    """The value, None in place of everything in it that is no plain one, nor a secret in plain text."""
    if _is_marked(value):
        return _plain(_shown(value.get(_PLAINTEXT)))
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _shown(text: Any) -> Any:
    """The value of a secret in plain text, which is JSON; None for what is none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _is_marked(value: Any) -> bool:
    return isinstance(value, dict) and _SIGNATURE in value


def _each(deployment: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    where = f"deployment.{key}"
    for number, each in enumerate(_list(_or(deployment.get(key), []), where)):
        yield f"{where}.{number}", _object(each, f"{where}.{number}")


def _or(value: Any, empty: Any) -> Any:
    """Nothing is written as null."""
    return empty if value is None else value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _FormError(f"{where}: no object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _FormError(f"{where}: no list")
    return value


def _text(found: dict[str, Any], key: str, where: str, otherwise: str | None = None) -> str:
    value = found.get(key, otherwise)
    if not isinstance(value, str):
        raise _FormError(f"{where}.{key}: no text")
    return value


def _flag(found: dict[str, Any], key: str, where: str) -> bool:
    value = found.get(key, False)
    if not isinstance(value, bool):
        raise _FormError(f"{where}.{key}: neither true nor false")
    return value
