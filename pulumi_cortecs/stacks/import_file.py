"""The means to let a stack own a running instance: lines for its program, and a file for `pulumi import`."""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider

from pulumi_cortecs import _abi
from pulumi_cortecs.provider import accounts, endpoint, instance
from pulumi_cortecs.provider.arguments import updatable_by_vendor
from pulumi_cortecs.provider.kind import InstanceKind


@dataclass(frozen=True)
class ImportedInstance:
    """An instance for the state of a stack: its name, its inputs and outputs, and those of its Endpoint."""

    kind: InstanceKind
    instance_id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    endpoint_inputs: Mapping[str, Any]
    endpoint_outputs: Mapping[str, Any]
    name: str = ""

    def renamed(self, name: str) -> ImportedInstance:
        """The instance under another name."""
        return replace(self, name=name)

    @property
    def ready(self) -> bool:
        """True if the instance is ready: otherwise the next preview shows an update of its Endpoint."""
        return bool(
            self.inputs["state"] == "stopped"
            or self.endpoint_outputs["status"] in (self.kind.ready_status, self.kind.sleeping_status)
        )

    def program(self, *, qualified: bool) -> str:
        """The lines of a program that declare it unchanged."""
        return constructor(self.kind, self.name, self.inputs, qualified=qualified)


def import_lines(kinds: Iterable[InstanceKind]) -> str:
    """The imports that the other lines need. An Instance of several clouds is named with its module."""
    classes = {kind.module: kind.type_name for kind in kinds}
    if len(classes) == 1:
        return "".join(f"from {module} import {name}\n" for module, name in classes.items())
    return "".join(f"import {module}\n" for module in sorted(classes))


def read_for_import(kind: InstanceKind, instance_id: str) -> ImportedInstance:
    """Read a running instance as the provider does. Raises InstanceError, also for one that something else at the
    vendor manages, and EndpointError."""
    instance_state = instance.read(kind, instance_id, {})
    account = accounts.account(kind)
    live = account.find(instance_id)
    if live is not None and (manager := account.cloud.manager_of(live)):
        raise instance.InstanceError(f"{instance_id} cannot be imported: {manager} manages it")
    inputs: Mapping[str, Any] = instance_state.inputs or {}
    passed_on = {
        "instance_id": instance_id,
        "state": inputs["state"],
        "spec_digest": "",
        "ready_timeout": kind.ready_timeout,
    }
    endpoint_state = endpoint.read(kind, "", passed_on)
    if not endpoint_state.outs:
        raise instance.InstanceError(f"{instance_id} was deleted meanwhile")
    return ImportedInstance(
        kind, instance_id, inputs, instance_state.outs or {}, endpoint_state.inputs or {}, endpoint_state.outs
    )


def import_file_text(instances: Iterable[ImportedInstance]) -> str:
    """The file for `pulumi import --file`: with inputs and outputs it asks no provider. It has no secret argument: the
    program's is in the state after the next `pulumi up`, encrypted."""
    resources: list[dict[str, Any]] = []
    for row in instances:
        resources.append(
            {
                "type": row.kind.token,
                "name": row.name,
                "logicalName": row.name,
                "id": row.instance_id,
                **_properties(
                    _without_secrets(row.kind, row.inputs),
                    _without_secrets(row.kind, row.outputs),
                    serialize_provider(_abi.load(f"{row.kind.cloud}.{row.kind.type_name}")),
                ),
            }
        )
        resources.append(
            {
                "type": row.kind.endpoint_token,
                "name": f"the Endpoint of {row.name}",  # unique within the file
                "logicalName": row.name,
                "parent": row.name,
                "id": secrets.token_hex(6),
                **_properties(
                    row.endpoint_inputs,
                    row.endpoint_outputs,
                    serialize_provider(_abi.load(f"{row.kind.cloud}.Endpoint")),
                ),
            }
        )
    return json.dumps({"resources": resources}, indent=2, ensure_ascii=False) + "\n"


def constructor(
    kind: InstanceKind, name: str, inputs: Mapping[str, Any], adopt_id: str = "", *, qualified: bool = False
) -> str:
    """The lines of a program that declare an instance with these inputs. An unknown or secret argument is a comment,
    to be completed. `qualified`: the class is named with its module."""
    table = kind.arguments
    keys = (*table.replacing, *updatable_by_vendor(table), "state", "labels")
    arguments = {key: inputs[key] for key in dict.fromkeys(keys) if key in inputs}
    if adopt_id:
        arguments["adopt_id"] = adopt_id
    changed = {key: value for key, value in arguments.items() if not table.is_default(key, value)}
    lines = [
        f"    # {key}=...,  # it is secret\n" if table[key].secret else f"    {key}={table[key].in_program(value)},\n"
        for key, value in changed.items()
    ]
    unknown = dict.fromkeys(table.replacing, f"{kind.vendor} does not report it")
    unknown |= {key: "it is secret" for key in updatable_by_vendor(table) if table[key].secret}
    unknown |= dict.fromkeys(("ttl", "labels"), "a policy may require it")
    lines += [f"    # {key}=...,  # {why}\n" for key, why in unknown.items() if key not in arguments]
    class_name = f"{kind.module}.{kind.type_name}" if qualified else kind.type_name
    return f"{class_name}(\n    {json.dumps(name, ensure_ascii=False)},\n{''.join(lines)})\n"


def names_for_models(model_ids: Sequence[str]) -> list[str]:
    """A name for each instance after its model, or what tells it at its cloud; no two alike."""
    names: dict[str, None] = {}
    numbers: Counter[str] = Counter()
    for model_id in model_ids:
        short = re.sub(r"[^a-z0-9]+", "-", model_id.rpartition("--")[2].lower()).strip("-") or "instance"
        name = short
        while name in names:
            numbers[short] += 1
            name = f"{short}-{numbers[short] + 1}"
        names[name] = None
    return list(names)


def _without_secrets(kind: InstanceKind, properties: Mapping[str, Any]) -> dict[str, Any]:
    table = kind.arguments
    secrets = table.names_where(lambda argument: argument.secret)
    return {key: value for key, value in properties.items() if key not in secrets or table.is_default(key, value)}


def _properties(inputs: Mapping[str, Any], outputs: Mapping[str, Any], provider: str) -> dict[str, Any]:
    return {"inputs": {**inputs, PROVIDER_KEY: provider}, "outputs": {**outputs, PROVIDER_KEY: provider}}
