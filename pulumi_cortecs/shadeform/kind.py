"""The resources of Shadeform as the provider knows them, and the credentials. Light: programs import it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.lifecycle.times import parse_timestamp
from pulumi_cortecs.provider.arguments import ENDPOINT_PORT
from pulumi_cortecs.provider.imported import connected, imported
from pulumi_cortecs.provider.kind import ArgumentTable, CrudKind, Inputs, InstanceKind, Problem
from pulumi_cortecs.provider.named_arguments import arguments_of
from pulumi_cortecs.provider.properties import has_unknown, is_unknown
from pulumi_cortecs.shadeform.arguments import InstanceArgs, SshKeyArgs, VolumeArgs

if TYPE_CHECKING:
    from pulumi_cortecs.shadeform.client import ApiSshKey, ApiVolume, ShadeformClient

API_KEY: Final = CredentialKey("shadeform:apiKey", "SHADEFORM_API_KEY", "api_key", secret=True)
BASE_URL: Final = CredentialKey("shadeform:apiBaseUrl", "SHADEFORM_BASE_URL", "api_base_url")
CREDENTIALS: Final = CredentialSpec(
    cloud="shadeform",
    vendor="Shadeform",
    parts=(API_KEY,),
    url=BASE_URL,
    default_url="https://api.shadeform.ai/v1",
)

_CLIENT: Final = "pulumi_cortecs.shadeform.client:ShadeformClient"
ARGUMENTS: Final = ArgumentTable("an Instance", arguments_of(InstanceArgs))


def _conflicts(inputs: Inputs, olds: Inputs, now: datetime) -> list[Problem]:
    """The arguments that exclude each other, new dates in the past, and a port that no mapping leads to."""
    problems = [
        Problem("auto_delete", f"got auto_delete and {key}, which sets it; leave one of them out")
        for key in ("ttl", "spend_limit")
        if _is_given(inputs, "auto_delete") and _is_given(inputs, key)
    ]
    if _is_given(inputs, "spend_limit") and inputs.get("shade_cloud") is False:
        reason = "got one with shade_cloud=False: the linked account is billed, and Shadeform counts no cost"
        problems.append(Problem("spend_limit", reason))
    for key in ("auto_delete", "alert"):
        thresholds = inputs.get(key)
        end = thresholds.get("date_threshold") if isinstance(thresholds, dict) else None
        is_past = isinstance(end, str) and (parse_timestamp(end) or 0.0) <= now.timestamp()
        if is_past and thresholds != olds.get(key):
            problems.append(Problem(key, f"date_threshold must be in the future; got {end!r}"))
    return [*problems, *_port_problems(inputs)]


def _port_problems(inputs: Inputs) -> list[Problem]:
    launch, port = inputs.get("launch_configuration"), inputs.get(ENDPOINT_PORT)
    if not port or has_unknown(launch, port) or not isinstance(launch, dict):
        return []
    ports = [row["container_port"] for row in launch.get("docker_configuration", {}).get("port_mappings", [])]
    if not ports or port in ports:
        return []
    reason = f"got {port}, and port_mappings lead to the container's ports {', '.join(map(str, ports))} only"
    return [Problem(ENDPOINT_PORT, reason)]


def _is_given(inputs: Inputs, key: str) -> bool:
    """Returns whether an argument has a value; one that only `up` will know may turn out to be none."""
    return bool(inputs.get(key)) and not is_unknown(inputs[key])


INSTANCE: Final = InstanceKind(
    token=TOKENS["shadeform.Instance"],
    endpoint_token=TOKENS["shadeform.Endpoint"],
    credentials=CREDENTIALS,
    arguments=ARGUMENTS,
    connect=connected("pulumi_cortecs.shadeform.cloud:ShadeformCloud", _CLIENT),
    market=imported("pulumi_cortecs.shadeform.market:live_market"),
    pinned=imported("pulumi_cortecs.shadeform.market:pinned_market"),
    offers=imported("pulumi_cortecs.shadeform.market:offers"),
    module="pulumi_cortecs.shadeform",
    columns={"cloud": "cloud", "region": "region", "shade_instance_type": "type"},
    named_after="shade_instance_type",
    ready_timeout=1800,  # ten minutes of `pending_provider` are common
    ready_status="active",
    endpoint_arguments=(ENDPOINT_PORT,),
    conflicts=_conflicts,
    billed_resources=lambda: (VOLUME,),
)


def _volume_outputs(volume: ApiVolume) -> dict[str, Any]:
    flags = {key: bool(getattr(volume, key)) for key in ("fixed_size", "supports_multi_mount")}
    texts = ("cloud", "region", "name", "cloud_assigned_id", "cost_estimate", "mounted_by")
    return {**{key: getattr(volume, key) or "" for key in texts}, "size_in_gb": volume.size_in_gb, **flags}


def _undeletable(key: ApiSshKey) -> str:  # docs/apis/shadeform.md#endpoints
    return f"{key.name!r} is the account's default key; make another one the default first" if key.is_default else ""


_PLAIN: Final = partial(CrudKind, credentials=CREDENTIALS, instances=INSTANCE, client=imported(_CLIENT))
SSH_KEY: Final[CrudKind[ShadeformClient, ApiSshKey]] = _PLAIN(
    token=TOKENS["shadeform.SshKey"],
    arguments=ArgumentTable("an SshKey", arguments_of(SshKeyArgs)),
    path="sshkeys",
    outputs=lambda key: {"name": key.name, "public_key": key.public_key, "is_default": key.is_default},
    undeletable=_undeletable,
)
VOLUME: Final[CrudKind[ShadeformClient, ApiVolume]] = _PLAIN(
    token=TOKENS["shadeform.Volume"],
    arguments=ArgumentTable("a Volume", arguments_of(VolumeArgs)),
    path="volumes",
    outputs=_volume_outputs,
    market=imported("pulumi_cortecs.shadeform.market:volume_market"),
    pinned=imported("pulumi_cortecs.shadeform.market:pinned_volume_market"),
    destroys_data=True,
    used_by=lambda volume: volume.mounted_by or "",
)
