"""The kind of an Instance at Acme, and its table of arguments."""

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.http.credential_spec import CredentialKey, CredentialSpec
from pulumi_cortecs.provider.arguments import LIFE_CYCLE_WITHOUT_STOP
from pulumi_cortecs.provider.kind import MARKET, Argument, ArgumentTable, Change, InstanceKind
from pulumi_cortecs.provider.properties import identifier, string
from tests.acme import market
from tests.acme.cloud import AcmeCloud

INSTANCE = InstanceKind(
    token=TOKENS["acme.Instance"],
    endpoint_token=TOKENS["acme.Endpoint"],
    credentials=CredentialSpec(
        cloud="acme",
        vendor="Acme",
        source="acme:provider:source",
        parts=(CredentialKey("acme:apiKey", "ACME_API_KEY", "api_key", "acme:provider:apiKey", secret=True),),
        url=CredentialKey("acme:apiBaseUrl", "ACME_API_BASE_URL", "api_base_url", "acme:provider:apiBaseUrl"),
        default_url="https://api.acme.example/v2",
    ),
    arguments=ArgumentTable(
        "an Instance",
        {
            "plan": Argument(identifier, "small", priced=True),
            "zone": Argument(identifier, MARKET),
            "label": Argument(string, "", Change.UPDATE),
            **LIFE_CYCLE_WITHOUT_STOP,
        },
    ),
    connect=AcmeCloud,
    market=market.live,
    pinned=market.pinned,
    offers=market.offers,
    module="tests.acme.resources",
)
