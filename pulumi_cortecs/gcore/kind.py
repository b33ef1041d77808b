"""The resources of Gcore as the provider knows them, and the credentials. Light: programs import it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.gcore.arguments import ApiKeyArgs, InferenceDeploymentArgs, RegistryCredentialArgs, SecretArgs
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.lifecycle.times import format_duration, in_utc, parse_timestamp
from pulumi_cortecs.provider.arguments import GIVE_UP_AFTER
from pulumi_cortecs.provider.imported import connected, imported
from pulumi_cortecs.provider.kind import ArgumentTable, CrudKind, Inputs, InstanceKind
from pulumi_cortecs.provider.named_arguments import arguments_of

if TYPE_CHECKING:
    from pulumi_cortecs.gcore.client import ApiApiKey, ApiRegistryCredential, GcoreClient

KEY: Final = CredentialKey("gcore:apiKey", "GCORE_API_KEY", "api_key", secret=True)
PROJECT_ID: Final = CredentialKey("gcore:projectId", "GCORE_CLOUD_PROJECT_ID", "project_id")
BASE_URL: Final = CredentialKey("gcore:apiBaseUrl", "GCORE_BASE_URL", "api_base_url")
CREDENTIALS: Final = CredentialSpec(
    cloud="gcore",
    vendor="Gcore",
    parts=(KEY, PROJECT_ID),
    url=BASE_URL,
    default_url="https://api.gcore.com",
    account_parts=2,  # another project of the same key is another account
)

EXPIRY_WARNING_DAYS: Final = 7

_CLIENT: Final = "pulumi_cortecs.gcore.client:GcoreClient"
ARGUMENTS: Final = ArgumentTable("an InferenceDeployment", arguments_of(InferenceDeploymentArgs))
INSTANCE: Final = InstanceKind(
    token=TOKENS["gcore.InferenceDeployment"],
    endpoint_token=TOKENS["gcore.Endpoint"],
    credentials=CREDENTIALS,
    arguments=ARGUMENTS,
    connect=connected("pulumi_cortecs.gcore.cloud:GcoreCloud", _CLIENT),
    account_market=imported("pulumi_cortecs.gcore.market:live_market"),
    pinned=imported("pulumi_cortecs.gcore.market:pinned_market"),
    offers=imported("pulumi_cortecs.gcore.market:offers"),
    module="pulumi_cortecs.gcore",
    columns={"name": "name", "flavor_name": "flavor"},
    named_after="name",
    ready_timeout=1200,
    ready_status="ACTIVE",
    sleeping_status="PENDING",
    endpoint_arguments=(GIVE_UP_AFTER,),
)


def expiry_warning(inputs: Inputs, now: datetime) -> str:
    """The warning that a key expires within days, or has expired; "" for none."""
    expires_at = inputs.get("expires_at")
    seconds = parse_timestamp(expires_at) if isinstance(expires_at, str) else None
    left = None if seconds is None else seconds - now.timestamp()
    if left is None or left > EXPIRY_WARNING_DAYS * 86_400:
        return ""
    when = "has expired" if left <= 0 else f"expires in {format_duration(left)}"
    return f"the key {when} ({expires_at}), and deployments then refuse it; another expires_at makes a new key"


def _key_outputs(key: ApiApiKey) -> dict[str, Any]:
    outputs = {
        "name": key.name,
        "description": key.description or "",
        "expires_at": in_utc(key.expires_at),
        "created_at": key.created_at or "",
        "deployment_names": list(key.deployment_names),
    }
    return outputs if key.secret is None else {**outputs, "secret": key.secret}


def _registry_outputs(credential: ApiRegistryCredential) -> dict[str, Any]:
    reported = {key: getattr(credential, key) for key in ("name", "registry_url", "username", "project_id")}
    return {key: value for key, value in reported.items() if value is not None}


def _plain(path: str, **specific: Any) -> CrudKind[GcoreClient, Any]:
    """A plain resource, whose id is its name. Its update sends all other arguments."""
    common: dict[str, Any] = {
        "credentials": CREDENTIALS,
        "instances": INSTANCE,
        "client": imported(_CLIENT),
        "path": path,
        "id_of": lambda resource: str(resource.name),
        "update": lambda client, name, inputs: client.put(path, name, inputs),
    }
    return CrudKind(**{**common, **specific})


API_KEY: Final = _plain(
    "api_keys",
    token=TOKENS["gcore.ApiKey"],
    arguments=ArgumentTable("an ApiKey", arguments_of(ApiKeyArgs)),
    update=lambda client, name, inputs: client.patch("api_keys", name, {"description": inputs["description"]}),
    outputs=_key_outputs,
    told_once=frozenset({"secret"}),
    used_by=lambda key: ", ".join(key.deployment_names),
    warning=expiry_warning,
)
REGISTRY_CREDENTIAL: Final = _plain(
    "registry_credentials",
    token=TOKENS["gcore.RegistryCredential"],
    arguments=ArgumentTable("a RegistryCredential", arguments_of(RegistryCredentialArgs)),
    outputs=_registry_outputs,
)
SECRET: Final = _plain(
    "secrets",
    token=TOKENS["gcore.Secret"],
    arguments=ArgumentTable("a Secret", arguments_of(SecretArgs)),
    outputs=lambda secret: {"name": secret.name, "type": secret.type, "data": secret.data.model_dump()},
)
