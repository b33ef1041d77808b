"""The description of an InferenceDeployment at Gcore: its credentials, its arguments and their defaults; and that of
the plain resources. Light: programs import it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.gcore import spec
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.lifecycle.times import format_duration, in_utc, parse_timestamp
from pulumi_cortecs.provider.arguments import GIVE_UP_AFTER, LIFE_CYCLE, optional
from pulumi_cortecs.provider.formats import date, dns_name, port, secret_text, text_of, variables
from pulumi_cortecs.provider.imported import connected, imported
from pulumi_cortecs.provider.kind import (
    GENERATED,
    Argument,
    ArgumentTable,
    Change,
    CrudKind,
    Generated,
    Inputs,
    InstanceKind,
    Reader,
    Required,
)
from pulumi_cortecs.provider.properties import (
    InvalidValueError,
    identifier,
    integer,
    list_of,
    object_of,
    one_of,
    or_none,
    string,
)

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

AWS_IAM: Final = "aws-iam"
MAX_NAME: Final = 30
"""Characters of a deployment's name."""
EXPIRY_WARNING_DAYS: Final = 7

_CLIENT: Final = "pulumi_cortecs.gcore.client:GcoreClient"
_WORD: Final = r"[a-z0-9]+([._-][a-z0-9]+)*"
_IMAGE: Final = re.compile(rf"({_WORD}/)*{_WORD}(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?")


def _image(value: Any) -> str:
    image = string(value)
    if not _IMAGE.fullmatch(image):
        raise InvalidValueError(
            "must be an image such as 'vllm/vllm-openai:v0.10.0', in lower case, without a port and a digest; "
            f"got {image!r}"
        )
    return image


def _no_auth_enabled(value: Any) -> str:
    if value != "":
        raise InvalidValueError("is not an input any more; give api_keys, the names of the keys that may be used")
    return ""


_AWS_FIELDS: Final = ("aws_access_key_id", "aws_secret_access_key")
_AWS_KEYS: Final = object_of(dict.fromkeys(_AWS_FIELDS, secret_text), _AWS_FIELDS, may_be_none=False)

ARGUMENTS: Final = ArgumentTable(
    "an InferenceDeployment",
    {
        "name": Argument(dns_name(4, MAX_NAME), Generated(MAX_NAME)),
        "flavor_name": Argument(
            identifier, Required("which hardware should be rented?"), Change.UPDATE, priced=True, interrupts=True
        ),
        "image": Argument(_image, Required("which image should run?"), Change.UPDATE, interrupts=True),
        "listening_port": Argument(
            port,
            Required("on which port does the image listen?"),
            Change.UPDATE,
            interrupts=True,
        ),
        "containers": Argument(
            spec.containers,
            Required("in which regions, and with how many replicas?"),
            Change.UPDATE,
            priced=True,
            interrupts=spec.regions_of,
        ),
        "timeout": optional(integer(0), 120, Change.UPDATE, priced=True),
        "api_keys": optional(lambda value: spec.sorted_names(list_of(identifier)(value)), [], Change.UPDATE),
        # a command and the headers of a probe may have a key in them
        "command": optional(list_of(string), [], Change.UPDATE, interrupts=True, secret=True),
        "credentials_name": optional(or_none(identifier), "", Change.UPDATE, interrupts=True),
        "description": optional(string, "", Change.UPDATE),
        # always in the state: the engine hides what a refresh reads where the program's value is a secret
        "envs": Argument(variables, {}, Change.UPDATE, interrupts=True, secret=True),
        "ingress_opts": optional(spec.INGRESS.read_minimal, {}, Change.UPDATE),
        "logging": optional(spec.LOGGING.read_minimal, {}, Change.UPDATE),
        "probes": optional(spec.PROBES.read_minimal, {}, Change.UPDATE, interrupts=True, secret=True),
        "auth_enabled": optional(_no_auth_enabled, "", Change.NOTHING),
        GIVE_UP_AFTER: optional(integer(1), 120, Change.NOTHING),
        **LIFE_CYCLE,
    },
)

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


def _expiry(value: Any) -> str:
    """A date, "" for none, as the vendor gets it."""
    return in_utc(date(value)) if value != "" else ""


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


def _argument(read: Reader, why: str, *, secret: bool = False) -> Argument:
    return Argument(read, Required(why), Change.UPDATE, secret=secret)


API_KEY: Final = _plain(
    "api_keys",
    token=TOKENS["gcore.ApiKey"],
    arguments=ArgumentTable(
        "an ApiKey",
        {
            "name": Argument(dns_name(4, 63, dotted=True), GENERATED),
            "description": optional(text_of(300), "", Change.UPDATE),
            "expires_at": optional(_expiry, "", Change.REPLACE),  # the vendor changes the description only
        },
    ),
    update=lambda client, name, inputs: client.patch("api_keys", name, {"description": inputs["description"]}),
    outputs=_key_outputs,
    told_once=frozenset({"secret"}),
    used_by=lambda key: ", ".join(key.deployment_names),
    warning=expiry_warning,
)
REGISTRY_CREDENTIAL: Final = _plain(
    "registry_credentials",
    token=TOKENS["gcore.RegistryCredential"],
    arguments=ArgumentTable(
        "a RegistryCredential",
        {
            "registry_url": _argument(identifier, "which registry has the images?"),
            "username": _argument(identifier, "who may pull the images?"),
            "password": _argument(secret_text, "which password does the user have?", secret=True),
            "name": Argument(dns_name(4, 63), GENERATED),
        },
    ),
    outputs=_registry_outputs,
)
SECRET: Final = _plain(
    "secrets",
    token=TOKENS["gcore.Secret"],
    arguments=ArgumentTable(
        "a Secret",
        {
            "data": _argument(_AWS_KEYS, "which AWS keys may read the queue?", secret=True),
            "type": optional(one_of(AWS_IAM), AWS_IAM, Change.UPDATE),
            "name": Argument(dns_name(4, 63, dotted=True), GENERATED),
        },
    ),
    outputs=lambda secret: {"name": secret.name, "type": secret.type, "data": secret.data.model_dump()},
)
