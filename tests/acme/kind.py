"""The kinds of resources at Acme, and their tables of arguments."""

from typing import Any

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.provider.arguments import LIFE_CYCLE, LifeCycleWithoutStopArgs
from pulumi_cortecs.provider.imported import connected
from pulumi_cortecs.provider.kind import (
    GENERATED,
    MARKET,
    Argument,
    ArgumentTable,
    Change,
    CrudKind,
    InstanceKind,
    Required,
)
from pulumi_cortecs.provider.named_arguments import arguments_of
from pulumi_cortecs.provider.properties import identifier, integer, one_of, string
from tests.acme import market
from tests.acme.client import AcmeClient, Key

_LIFE_CYCLE = arguments_of(LifeCycleWithoutStopArgs)
_WITHOUT_RESTART = {key: row for key, row in _LIFE_CYCLE.items() if key != "restart_trigger"}

INSTANCE = InstanceKind(
    token=TOKENS["acme.Instance"],
    endpoint_token=TOKENS["acme.Endpoint"],
    credentials=CredentialSpec(
        cloud="acme",
        vendor="Acme",
        parts=(CredentialKey("acme:apiKey", "ACME_API_KEY", "api_key", secret=True),),
        url=CredentialKey("acme:apiBaseUrl", "ACME_API_BASE_URL", "api_base_url"),
        default_url="https://api.acme.example/v2",
    ),
    arguments=ArgumentTable(
        "an Instance",
        {
            "plan": Argument(identifier, "small", priced=True),
            "zone": Argument(identifier, MARKET),
            "label": Argument(string, "", Change.UPDATE),
            **_WITHOUT_RESTART,
        },
    ),
    connect=connected("tests.acme.cloud:AcmeCloud", "tests.acme.client:AcmeClient"),
    market=market.live,
    pinned=market.pinned,
    offers=market.offers,
    module="tests.acme.resources",
    billed_resources=lambda: (DISK,),
)


def _key_outputs(key: Key) -> dict[str, Any]:
    told_once = {} if key.secret is None else {"secret": key.secret}
    return {"name": key.name, "scope": key.scope, **told_once}


KEY = CrudKind(
    token=TOKENS["acme.Key"],
    credentials=INSTANCE.credentials,
    instances=INSTANCE,
    arguments=ArgumentTable(
        "a Key",
        {
            "name": Argument(identifier, GENERATED),
            "scope": Argument(one_of("read", "write"), "read", Change.UPDATE),
            "passphrase": Argument(string, "", secret=True),
        },
    ),
    client=AcmeClient,
    path="keys",
    update=lambda client, id, inputs: client.change_key(id, inputs["scope"]),
    outputs=_key_outputs,
    told_once=frozenset({"secret"}),
    release_timeout=1.0,
)

DISK = CrudKind(
    token=TOKENS["acme.Disk"],
    credentials=INSTANCE.credentials,
    instances=INSTANCE,
    arguments=ArgumentTable(
        "a Disk",
        {
            "zone": Argument(identifier, Required("where should it be?")),
            "size": Argument(integer(1), Required("how many GB?"), priced=True),
            "name": Argument(identifier, GENERATED),
            **{key: LIFE_CYCLE[key] for key in ("max_price", "price_tolerance")},
        },
    ),
    client=AcmeClient,
    path="disks",
    outputs=lambda disk: {"name": disk.name, "zone": disk.zone, "size": disk.size, "used_by": disk.used_by},
    market=market.disks,
    destroys_data=True,
    used_by=lambda disk: disk.used_by,
    release_timeout=1.0,
)
