"""The instances and the pending creations of one exported state."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pulumi_cortecs.lifecycle.stack_state import PendingCreation, StackState, StateRow, StateUnreadableError

_NEWEST_VERSION: Final = 4
"""The newest supported version of a deployment."""
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key that marks a special value: a secret, an asset, a reference."""

_PLAINTEXT: Final = "plaintext"


class _FormError(Exception):
    """A state has an unknown form; the text names the place and the problem."""


def parse_state(stack: str, exported: str, read_at: float, types: Collection[str]) -> StackState:
    """The rows and pending creations of these type tokens in the output of `pulumi stack export`.

    A row without an id does not count. The value of a secret is None, unless it was exported in plain text
    (`--show-secrets`). Raises StateUnreadableError for an incomplete state or an unknown form.
    """
    try:
        resources, operations = _deployment(exported)
        deleting = {_identity(resource) for kind, resource in operations if kind == "deleting"}
        rows = tuple(
            _row(stack, resource, deleting) for resource in resources if resource["type"] in types and resource["id"]
        )
        pending = tuple(
            PendingCreation(
                stack,
                resource["urn"],
                _plain_value(resource["inputs"]),
                resource["type"],
                _secrets(resource["inputs"]),
                resource["created"],
            )
            for kind, resource in operations
            if kind == "creating" and resource["type"] in types
        )
    except (_FormError, RecursionError) as error:
        problem = str(error) if isinstance(error, _FormError) else "it is nested too deeply"
        raise StateUnreadableError(f"the state of {stack} cannot be read: {problem}") from None
    return StackState(stack, read_at, rows, pending)


def parse_stack_names(listed: str) -> tuple[str, ...]:
    """The stack names in the output of `pulumi stack ls --json`. Raises StateUnreadableError."""
    try:
        entries = json.loads(listed)
        return tuple(_string(_object(entry, "it"), "name", "it") for entry in _list(entries, "it"))
    except (ValueError, RecursionError, _FormError):
        raise StateUnreadableError("the list of the stacks cannot be read") from None


def _deployment(exported: str) -> tuple[list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]:
    try:
        export = _object(json.loads(exported), "it")
    except ValueError:
        raise _FormError("it is not JSON") from None
    version = export.get("version")
    if type(version) is not int or version > _NEWEST_VERSION:
        raise _FormError(f"version: {version!r}; supported: up to {_NEWEST_VERSION}")
    if "deployment" not in export:
        raise _FormError("deployment: missing")
    # null for a stack that was never updated
    deployment = _object(_or_empty(export["deployment"], {}), "deployment")
    resources = [_resource(value, where) for where, value in _objects_in(deployment, "resources")]
    operations = [
        (_string(value, "type", where), _resource(value.get("resource"), f"{where}.resource"))
        for where, value in _objects_in(deployment, "pending_operations")
    ]
    return resources, operations


def _resource(value: Any, where: str) -> dict[str, Any]:
    resource = _object(value, where)
    return {
        "urn": _string(resource, "urn", where),
        "type": _string(resource, "type", where),
        **{key: _string(resource, key, where, otherwise="") for key in ("id", "created")},
        "inputs": _object(_or_empty(resource.get("inputs"), {}), f"{where}.inputs"),
        "outputs": _object(_or_empty(resource.get("outputs"), {}), f"{where}.outputs"),
        **{key: _boolean(resource, key, where) for key in ("delete", "external", "protect", "taint")},
    }


def _row(stack: str, resource: dict[str, Any], deleting: Collection[tuple[str, str, bool]]) -> StateRow:
    return StateRow(
        stack=stack,
        urn=resource["urn"],
        instance_id=resource["id"],
        doomed=resource["delete"],
        external=resource["external"],
        deleting=_identity(resource) in deleting,
        protected=resource["protect"],
        resource_type=resource["type"],
        outputs=_plain_value(resource["outputs"]),
        secrets=_secrets(resource["outputs"]),
        tainted=resource["taint"],
        created=resource["created"],
    )


def _identity(resource: dict[str, Any]) -> tuple[str, str, bool]:
    """The identity of a row: a URN may have a live row and several replaced ones."""
    return resource["urn"], resource["id"], resource["delete"]


def _secrets(properties: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(key for key, value in properties.items() if _is_marked(value))


def _plain_value(value: Any) -> Any:
    """The value, with None in place of each special value in it that is not a secret in plain text."""
    if _is_marked(value):
        return _plain_value(_parse_plaintext(value.get(_PLAINTEXT)))
    if isinstance(value, dict):
        return {key: _plain_value(item) for key, item in value.items()}
    return [_plain_value(item) for item in value] if isinstance(value, list) else value


def _parse_plaintext(text: Any) -> Any:
    """The value of a secret in plain text, which is JSON; None for anything else."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _is_marked(value: Any) -> bool:
    return isinstance(value, dict) and SIGNATURE in value


def _objects_in(deployment: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    where = f"deployment.{key}"
    for number, item in enumerate(_list(_or_empty(deployment.get(key), []), where)):
        yield f"{where}.{number}", _object(item, f"{where}.{number}")


def _or_empty(value: Any, empty: Any) -> Any:
    """The list, or an empty one for null, which is how the engine writes it."""
    return empty if value is None else value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _FormError(f"{where}: not an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _FormError(f"{where}: not a list")
    return value


def _string(parent: dict[str, Any], key: str, where: str, otherwise: str | None = None) -> str:
    value = parent.get(key, otherwise)
    if not isinstance(value, str):
        raise _FormError(f"{where}.{key}: not a string")
    return value


def _boolean(parent: dict[str, Any], key: str, where: str) -> bool:
    value = parent.get(key, False)
    if not isinstance(value, bool):
        raise _FormError(f"{where}.{key}: not a boolean")
    return value
