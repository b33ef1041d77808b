"""The clouds on which rounds are played: the program's text for each, what happens at it, and its side of the books."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pulumi_cortecs.simulator import Control, SimulatedInstance
from pulumi_cortecs.simulator.cortecs.control_client import SimulatedCortecsInstance
from pulumi_cortecs.simulator.gcore.control_client import SimulatedGcoreInstance
from pulumi_cortecs.simulator.shadeform.control_client import ShadeformLedgerEntry, SimulatedShadeformInstance
from tests.chaos.books import Arguments
from tests.chaos.program import Edit, Entry, Program, VolumeEntry
from tests.clouds import cortecs, gcore, shadeform
from tests.clouds.case import CloudCase


@dataclass(frozen=True)
class ChaosVolumes:
    """The volumes of a cloud, and the keys with which its instances are reached.

    `order` is the route that buys one, and `delete` the one that ends it. `key` and `constructor` are the expressions
    that make a key and a volume, `existing` the arguments of all that the simulator bills, by id, and `recorded` those
    of a row's outputs, written alike.
    """

    order: str
    delete: str
    key: str
    constructor: Callable[[VolumeEntry], str]
    existing: Callable[[Control], Mapping[str, Arguments]]
    recorded: Callable[[Mapping[str, Any]], Arguments]


@dataclass(frozen=True)
class ChaosCloud:
    """One cloud of the simulator as a process.

    Programs import `module`, and `constructor` has the arguments of an entry's Instance there, whose class is
    `resource`. `edits` are those that its instances know, `endings` the routes that change, stop, reboot or end one,
    and `on_timeout` the values of that argument.
    `ordered` and `recorded` are the arguments of an instance by the simulator and by a row's outputs, written alike.
    `exists` says whether an instance has not been deleted, `is_stuck` whether it never gets ready. `volumes` are those
    that programs have, too, None where the cloud has none.
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
    volumes: ChaosVolumes | None = None
    resource: str = "Instance"

    @property
    def name(self) -> str:
        """Its name."""
        return self.case.name

    @property
    def orders(self) -> tuple[str, ...]:
        """The routes that buy."""
        return (self.case.order, *([self.volumes.order] if self.volumes else []))

    def source(self, program: Program) -> str:
        """The text of a program."""
        names = (self.resource, *(("SshKey", "Volume") if self.volumes else ()))
        lines = ["import pulumi", f"from {self.module} import {', '.join(names)}"]
        if self.volumes:
            lines += [f"key = {self.volumes.key}"] if program.has_key else []
            lines += [f"{volume.name} = {self.volumes.constructor(volume)}" for volume in program.volumes]
        for entry in program.entries:
            attached = ", ssh_key_id=key.id" if program.has_key else ""
            attached += f", volume_ids=[{entry.volume}.id]" if entry.volume else ""
            options = f"custom_timeouts=pulumi.CustomTimeouts(create='{program.patience}s')"
            if entry.delete_first:
                options += ", delete_before_replace=True"
            lines.append(
                f"{self.resource}('{entry.name}', pulumi.ResourceOptions({options}), {self.constructor(entry)}, "
                f"state='{entry.state}', restart_trigger={entry.restart_trigger or None!r}, "
                f"adopt_id={entry.adopt_id or None!r}, on_timeout='{program.on_timeout}', "
                f"labels={ ({'chaos': entry.label} if entry.label else None)!r}{attached})"
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
    """A container that answers; its image is what the vendor's list does not tell. One with a volume is beside it."""
    arguments = {**shadeform.A6000, **(_VOLUMES_PLACE if entry.volume else {})}
    place = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
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


def _gcore_constructor(entry: Entry) -> str:
    """One region; the image is what changes in place and interrupts, and the replicas what costs."""
    containers = [{"region_id": "luxembourg-2", "scale": {"min": 1, "max": entry.replicas}}]
    arguments = {**gcore.PROGRAM, "image": _image(entry.variant), "containers": containers, "give_up_after": 2}
    given = {"name": entry.given} if entry.given else {}
    return ", ".join(f"{name}={value!r}" for name, value in {**arguments, **given}.items())


def _gcore_ordered(instance: SimulatedInstance) -> Arguments:
    assert isinstance(instance, SimulatedGcoreInstance)
    return _gcore_recorded(instance.answer)


def _gcore_recorded(outputs: Mapping[str, Any]) -> Arguments:
    replicas = tuple(int(row["scale"]["max"]) for row in outputs["containers"])
    return (outputs["flavor_name"], outputs["image"], replicas)


_VOLUMES_PLACE: Final = {"cloud": "hyperstack", "region": "montreal-canada-2"}


def _shadeform_volume(volume: VolumeEntry) -> str:
    place = ", ".join(f"{name}={value!r}" for name, value in _VOLUMES_PLACE.items())
    return f"Volume('{volume.name}', {place}, size_in_gb={volume.size})"


def _shadeform_volumes(control: Control) -> Mapping[str, Arguments]:
    runs = [run for run in control.ledger().open if isinstance(run, ShadeformLedgerEntry)]
    return {run.instance_id: (run.product,) for run in runs if run.resource == "volume"}


def _shadeform_volume_recorded(outputs: Mapping[str, Any]) -> Arguments:
    return (f"{outputs['cloud']}/{outputs['region']}/{int(outputs['size_in_gb'])}GB",)


CORTECS: Final = ChaosCloud(
    case=cortecs.CORTECS,
    module="pulumi_cortecs",
    constructor=_cortecs_constructor,
    edits=tuple(edit for edit in Edit if edit not in (Edit.LABEL, Edit.RESIZE, Edit.CHANGE, Edit.SCALE)),
    endings=("POST /api/v1/instances/stop", cortecs.CORTECS.delete),
    on_timeout=("keep", "stop", "delete"),
    ordered=_cortecs_ordered,
    recorded=_cortecs_recorded,
    exists=lambda instance: True,
    is_stuck=lambda instance: instance.status == "pending" and instance.answer["stuck_at_step"] is not None,
)
SHADEFORM_VOLUMES: Final = ChaosVolumes(
    order="POST /v1/volumes/create",
    delete="POST /v1/volumes/{volume_id}/delete",
    key="SshKey('key', public_key='ssh-ed25519 AAAA chaos')",
    constructor=_shadeform_volume,
    existing=_shadeform_volumes,
    recorded=_shadeform_volume_recorded,
)
SHADEFORM: Final = ChaosCloud(
    case=shadeform.SHADEFORM,
    module="pulumi_cortecs.shadeform",
    constructor=_shadeform_constructor,
    edits=tuple(edit for edit in Edit if edit not in (Edit.STOP, Edit.CHANGE, Edit.SCALE)),
    endings=("POST /v1/instances/{instance_id}/restart", shadeform.SHADEFORM.delete, SHADEFORM_VOLUMES.delete),
    on_timeout=("keep", "delete"),
    ordered=_shadeform_ordered,
    recorded=_shadeform_recorded,
    exists=lambda instance: instance.status not in ("deleting", "deleted"),
    is_stuck=lambda instance: instance.status not in ("active", "deleting", "deleted"),
    volumes=SHADEFORM_VOLUMES,
)
GCORE: Final = ChaosCloud(
    case=gcore.GCORE,
    module="pulumi_cortecs.gcore",
    constructor=_gcore_constructor,
    edits=(*(edit for edit in Edit if edit not in (Edit.LABEL, Edit.RESIZE)), Edit.CHANGE, Edit.SCALE),
    endings=(
        gcore.GCORE.one.replace("GET", "PATCH"),
        f"{gcore.GCORE.one.replace('GET', 'POST')}/stop",
        gcore.GCORE.delete,
    ),
    on_timeout=("keep", "stop", "delete"),
    ordered=_gcore_ordered,
    recorded=_gcore_recorded,
    exists=lambda instance: instance.status != "DELETING",
    is_stuck=lambda instance: instance.status in ("DEPLOYING", "PARTIALLYDEPLOYED"),
    resource="InferenceDeployment",
)
CLOUDS: Final[Mapping[str, ChaosCloud]] = {cloud.name: cloud for cloud in (CORTECS, SHADEFORM, GCORE)}
