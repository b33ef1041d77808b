"""The clouds on which rounds are played: the program's text for each, what happens at it, and its side of the books."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pulumi_cortecs.simulator import SimulatedInstance
from pulumi_cortecs.simulator.cortecs.control_client import SimulatedCortecsInstance
from pulumi_cortecs.simulator.shadeform.control_client import SimulatedShadeformInstance
from tests.chaos.books import Arguments
from tests.chaos.program import Edit, Entry, Program
from tests.clouds import cortecs, shadeform
from tests.clouds.case import CloudCase


@dataclass(frozen=True)
class ChaosCloud:
    """One cloud of the simulator as a process.

    Programs import `module`, and `constructor` has the arguments of an entry's Instance there. `edits` are those that
    its instances know, `endings` the routes that stop, reboot or end one, and `on_timeout` the values of that argument.
    `ordered` and `recorded` are the arguments of an instance by the simulator and by a row's outputs, written alike.
    `exists` says whether an instance has not been deleted, `is_stuck` whether it never gets ready.
    """

    case: CloudCase
    module: str
    constructor: Callable[[Entry], str]
    edits: Sequence[Edit]
    endings: Sequence[str]
    on_timeout: Sequence[str]
    ordered: Callable[[SimulatedInstance], Arguments]
    recorded: Callable[[Mapping[str, Any]], Arguments]
    exists: Callable[[SimulatedInstance], bool]
    is_stuck: Callable[[SimulatedInstance], bool]

    @property
    def name(self) -> str:
        """Its name."""
        return self.case.name

    def source(self, program: Program) -> str:
        """The text of a program."""
        lines = ["import pulumi", f"from {self.module} import Instance"]
        for entry in program.entries:
            options = f"custom_timeouts=pulumi.CustomTimeouts(create='{program.patience}s')"
            if entry.delete_first:
                options += ", delete_before_replace=True"
            lines.append(
                f"Instance('{entry.name}', pulumi.ResourceOptions({options}), {self.constructor(entry)}, "
                f"state='{entry.state}', restart_trigger={entry.restart_trigger or None!r}, "
                f"adopt_id={entry.adopt_id or None!r}, on_timeout='{program.on_timeout}', "
                f"labels={ ({'chaos': entry.label} if entry.label else None)!r})"
            )
        return "\n".join(lines) + "\n"


def parts(route: str) -> tuple[str, str]:
    """The method and the path of a route, as a fault matches them."""
    method, path = route.split()
    return method, re.sub(r"{.*?}", "*", path)


def _cortecs_constructor(entry: Entry) -> str:
    return f"model_id='Qwen/Qwen2-7B-Instruct', context_length={entry.variant}"


def _cortecs_ordered(instance: SimulatedInstance) -> Arguments:
    assert isinstance(instance, SimulatedCortecsInstance)
    return (instance.model_id, instance.hardware_type_id, instance.context_length)


def _cortecs_recorded(outputs: Mapping[str, Any]) -> Arguments:
    return (outputs["model_id"], outputs["hardware_type_id"], int(outputs["context_length"]))


def _shadeform_constructor(entry: Entry) -> str:
    """A container that answers; its image is what the vendor's list does not tell."""
    place = ", ".join(f"{name}={value!r}" for name, value in shadeform.A6000.items())
    docker = {"image": _image(entry.variant), "port_mappings": [{"host_port": 8000, "container_port": 8000}]}
    return f"{place}, launch_configuration={ {'docker_configuration': docker}!r}"


def _image(variant: int) -> str:
    return f"vllm/vllm-openai:{variant}"


def _shadeform_ordered(instance: SimulatedInstance) -> Arguments:
    assert isinstance(instance, SimulatedShadeformInstance)
    launched = instance.answer["launch_configuration"]
    return (instance.region, instance.shade_instance_type, launched["docker_configuration"]["image"])


def _shadeform_recorded(outputs: Mapping[str, Any]) -> Arguments:
    launched = outputs["launch_configuration"]
    return (outputs["region"], outputs["shade_instance_type"], launched["docker_configuration"]["image"])


CORTECS: Final = ChaosCloud(
    case=cortecs.CORTECS,
    module="pulumi_cortecs",
    constructor=_cortecs_constructor,
    edits=tuple(edit for edit in Edit if edit is not Edit.LABEL),
    endings=("POST /api/v1/instances/stop", cortecs.CORTECS.delete),
    on_timeout=("keep", "stop", "delete"),
    ordered=_cortecs_ordered,
    recorded=_cortecs_recorded,
    exists=lambda instance: True,
    is_stuck=lambda instance: instance.status == "pending" and instance.answer["stuck_at_step"] is not None,
)
SHADEFORM: Final = ChaosCloud(
    case=shadeform.SHADEFORM,
    module="pulumi_cortecs.shadeform",
    constructor=_shadeform_constructor,
    edits=tuple(edit for edit in Edit if edit is not Edit.STOP),
    endings=("POST /v1/instances/{instance_id}/restart", shadeform.SHADEFORM.delete),
    on_timeout=("keep", "delete"),
    ordered=_shadeform_ordered,
    recorded=_shadeform_recorded,
    exists=lambda instance: instance.status not in ("deleting", "deleted"),
    is_stuck=lambda instance: instance.status not in ("active", "deleting", "deleted"),
)
CLOUDS: Final[Mapping[str, ChaosCloud]] = {cloud.name: cloud for cloud in (CORTECS, SHADEFORM)}
