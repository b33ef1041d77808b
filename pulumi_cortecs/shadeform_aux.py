"""Shadeform's SSH keys and volumes, until their blocks stand in shadeform/client.py, market.py, kind.py and
resources.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import pulumi
from pulumi.dynamic import Resource

from pulumi_cortecs import _abi
from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.quote import Quote
from pulumi_cortecs.cost.suggestions import suggestion
from pulumi_cortecs.http.api_client import Retry, WireModel
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.arguments import LIFE_CYCLE
from pulumi_cortecs.provider.kind import GENERATED, LIVE, Argument, ArgumentTable, CrudKind, Inputs, Problem, Required
from pulumi_cortecs.provider.properties import UNKNOWN, InvalidValueError, identifier, integer, is_unknown, string
from pulumi_cortecs.resources.constructor import split_arguments
from pulumi_cortecs.resources.stack_trace import USER_FRAMES, limited_stack_trace
from pulumi_cortecs.shadeform.client import VENDOR, ShadeformClient, _Created, _Done, _Id, _path, _Words
from pulumi_cortecs.shadeform.kind import CREDENTIALS, CURRENCY, INSTANCE
from pulumi_cortecs.shadeform.market import per_minute

if TYPE_CHECKING:
    from pulumi_cortecs.lifecycle.cloud import OrderAnswer

# ---------------------------------------------------------------------------------------------------------------------
# shadeform/client.py. The methods become those of ShadeformClient.


class ApiSshKey(WireModel):
    """An SSH key of the account. One of them is the default; the vendor's own cannot be told by any field."""

    id: _Id
    name: _Words
    public_key: _Words
    is_default: bool = False


class ApiVolume(WireModel):
    """A storage volume. `cost_estimate` is in dollars, `mounted_by` the id of an instance, "" for none."""

    id: _Id
    cloud: _Words
    region: _Words
    name: _Words
    size_in_gb: int
    cloud_assigned_id: _Words | None = None
    fixed_size: bool | None = None
    supports_multi_mount: bool | None = None
    cost_estimate: _Words | None = None
    mounted_by: _Words | None = None


class ApiVolumeType(WireModel):
    """A kind of volume in one region. `price_per_gb_per_hour` is in dollars."""

    cloud: _Id
    region: _Id
    price_per_gb_per_hour: str
    fixed_size: bool | None = None
    supports_multi_mount: bool | None = None


class _SshKeys(WireModel):
    ssh_keys: list[ApiSshKey]


class _Volumes(WireModel):
    volumes: list[ApiVolume]


class _VolumeTypes(WireModel):
    volume_types: list[ApiVolumeType]


class StorageClient(ShadeformClient):
    """The part of the API for SSH keys and volumes."""

    def ssh_keys(self) -> dict[str, ApiSshKey]:
        """All SSH keys of the account by id, the vendor's own among them."""
        answer = self._core.call("GET", "/sshkeys", _SshKeys, retry=Retry.IDEMPOTENT)
        return {key.id: key for key in answer.ssh_keys}

    def ssh_key(self, key_id: str) -> ApiSshKey:
        """One SSH key. Raises NotFoundError for an unknown id (404 by inference)."""
        return self._core.call("GET", f"{_path('sshkeys', key_id)}/info", ApiSshKey, retry=Retry.IDEMPOTENT)

    def add_ssh_key(self, name: str, public_key: str) -> str:
        """Adds an SSH key and returns its id. It is not sent again once the vendor may have received it."""
        body = {"name": name, "public_key": public_key}
        return self._core.call("POST", "/sshkeys/add", _Created, retry=Retry.IF_NEVER_SENT, body=body).id

    def delete_ssh_key(self, key_id: str) -> None:
        """Deletes an SSH key. Shadeform refuses it for its own, for the default one, and for one that is in use."""
        self._core.call("POST", f"{_path('sshkeys', key_id)}/delete", _Done, retry=Retry.IDEMPOTENT)

    def volumes(self) -> dict[str, ApiVolume]:
        """All volumes of the account by id."""
        answer = self._core.call("GET", "/volumes", _Volumes, retry=Retry.IDEMPOTENT)
        return {volume.id: volume for volume in answer.volumes}

    def volume(self, volume_id: str) -> ApiVolume:
        """One volume. Raises NotFoundError for an unknown id (404 by inference)."""
        return self._core.call("GET", f"{_path('volumes', volume_id)}/info", ApiVolume, retry=Retry.IDEMPOTENT)

    def volume_types(self) -> list[ApiVolumeType]:
        """The kinds of volumes of all clouds, with their prices."""
        return self._core.call("GET", "/volumes/types", _VolumeTypes, retry=Retry.IDEMPOTENT).volume_types

    def create_volume(self, order: Mapping[str, Any]) -> str:
        """Buys a volume and returns its id. It is not sent again once the vendor may have received it: after an error
        with `may_have_taken_effect` the volume may exist."""
        return self._core.call("POST", "/volumes/create", _Created, retry=Retry.IF_NEVER_SENT, body=dict(order)).id

    def delete_volume(self, volume_id: str) -> None:
        """Deletes a volume and its data. Shadeform refuses it while an instance mounts the volume."""
        self._core.call("POST", f"{_path('volumes', volume_id)}/delete", _Done, retry=Retry.IDEMPOTENT)


# ---------------------------------------------------------------------------------------------------------------------
# shadeform/market.py


@dataclass(frozen=True)
class VolumeMarket:
    """The market of volumes. See `kind.Market`."""

    volume_types: Callable[[], Sequence[ApiVolumeType]]

    def complete(self, wanted: Inputs, current: Inputs, problems: list[Problem]) -> dict[str, Any]:
        """Checks cloud and region, and adds the quote."""
        quote, refusals = self.quote(wanted)
        problems += refusals
        return {**wanted, "quote": quote}

    def availability(self, inputs: Inputs, _refusal: str = "", /) -> list[Problem]:
        """The problems with cloud and region."""
        return self.quote(inputs)[1]

    def quote(self, inputs: Inputs) -> tuple[Any, list[Problem]]:
        """The quote, by cloud, region and size."""
        kinds = self.volume_types()  # once: the next answer may be another list
        cloud, region, size = (inputs.get(key, UNKNOWN) for key in ("cloud", "region", "size_in_gb"))
        clouds = sorted({kind.cloud for kind in kinds})
        if not is_unknown(cloud) and cloud not in clouds:
            return {}, [Problem("cloud", f"{VENDOR} has no volumes of {cloud!r}{suggestion(cloud, clouds)}")]
        if is_unknown(cloud, region):
            return UNKNOWN, []
        matching = (kind for kind in kinds if (kind.cloud, kind.region) == (cloud, region))
        if (kind := next(matching, None)) is None:
            regions = [kind.region for kind in kinds if kind.cloud == cloud]
            reason = f"{cloud} has no volumes in region {region!r}{suggestion(region, regions)}"
            return {}, [Problem("region", reason)]
        if is_unknown(size):
            return UNKNOWN, []
        hour = _volume_price(kind.price_per_gb_per_hour, size)
        return {} if hour is None else Quote(hour, per_minute(hour), hour, LIVE).as_property(), []

    def policy_values(self, inputs: Inputs) -> Mapping[str, str | None]:
        """The values for allow-lists, as policies spell them: "CLOUD/REGION/volume" for its hardware."""
        place = [inputs.get(key, f"{key} that {VENDOR} does not report") for key in ("cloud", "region")]
        cloud, region = (None if is_unknown(part) else str(part) for part in place)
        return {
            "cloud": cloud,
            "region": region,
            "hardware_type_id": None if cloud is None or region is None else f"{cloud}/{region}/volume",
        }


def volume_market(client: StorageClient, answers: AnswerCache) -> VolumeMarket:
    """The market by Shadeform's answers, which need a key."""
    return VolumeMarket(lambda: answers.get("volume types", client.volume_types))


def _volume_price(price_per_gb: str, size: int) -> Money | None:
    """The hourly price of a volume, None for a price that is none."""
    try:
        amount = Decimal(price_per_gb) * size
    except InvalidOperation:
        return None
    return Money(amount, CURRENCY) if amount.is_finite() and amount > 0 else None


# ---------------------------------------------------------------------------------------------------------------------
# shadeform/kind.py, which stays light: what sends requests is imported within functions.


def _client(credentials: Credentials) -> StorageClient:
    return StorageClient(credentials)  # imported here


def _add_ssh_key(client: StorageClient, inputs: Inputs) -> OrderAnswer[ApiSshKey]:
    from pulumi_cortecs.lifecycle.cloud import OrderAnswer

    return OrderAnswer(client.add_ssh_key(inputs["name"], inputs["public_key"]))


def _create_volume(client: StorageClient, inputs: Inputs) -> OrderAnswer[ApiVolume]:
    from pulumi_cortecs.lifecycle.cloud import OrderAnswer

    return OrderAnswer(client.create_volume({key: inputs[key] for key in ("cloud", "region", "size_in_gb", "name")}))


def _volume_market(client: StorageClient, answers: AnswerCache) -> VolumeMarket:
    return volume_market(client, answers)  # imported here


def _volume_outputs(volume: ApiVolume) -> dict[str, Any]:
    return {
        "cloud": volume.cloud,
        "region": volume.region,
        "size_in_gb": volume.size_in_gb,
        "name": volume.name,
        "cloud_assigned_id": volume.cloud_assigned_id or "",
        "fixed_size": bool(volume.fixed_size),
        "supports_multi_mount": bool(volume.supports_multi_mount),
        "cost_estimate": volume.cost_estimate or "",
        "mounted_by": volume.mounted_by or "",
    }


def _public_key(value: Any) -> str:
    key = string(value).strip()  # a file ends with a newline
    if len(key.split()) < 2 or not key.isprintable():
        raise InvalidValueError(f"must be a public key such as 'ssh-ed25519 AAAA... name', in one line; got {key!r}")
    return key


def _undeletable(key: ApiSshKey) -> str:
    """The refusal that no waiting ends (docs/apis/shadeform.md#requests)."""
    return f"{key.name!r} is the account's default key; make another one the default first" if key.is_default else ""


SSH_KEY: Final[CrudKind[StorageClient, ApiSshKey]] = CrudKind(
    name="SshKey",
    token=TOKENS["shadeform.SshKey"],
    credentials=CREDENTIALS,
    instances=INSTANCE,
    arguments=ArgumentTable(
        "an SshKey",
        {
            "public_key": Argument(_public_key, Required("which public key should be added?")),
            "name": Argument(identifier, GENERATED),
        },
    ),
    client=_client,
    list_all=lambda client: client.ssh_keys(),
    get=lambda client, key_id: client.ssh_key(key_id),
    create=_add_ssh_key,
    delete=lambda client, key_id: client.delete_ssh_key(key_id),
    id_of=lambda key: key.id,
    outputs=lambda key: {"name": key.name, "public_key": key.public_key, "is_default": key.is_default},
    undeletable=_undeletable,
)
VOLUME: Final[CrudKind[StorageClient, ApiVolume]] = CrudKind(
    name="Volume",
    token=TOKENS["shadeform.Volume"],
    credentials=CREDENTIALS,
    instances=INSTANCE,
    arguments=ArgumentTable(
        "a Volume",
        {
            "cloud": Argument(identifier, Required("on which cloud should it be?"), priced=True),
            "region": Argument(identifier, Required("in which region should it be?"), priced=True),
            "size_in_gb": Argument(integer(1), Required("how large should it be?"), priced=True),
            "name": Argument(identifier, GENERATED),
            **{key: LIFE_CYCLE[key] for key in ("max_price", "price_tolerance")},
        },
    ),
    client=_client,
    list_all=lambda client: client.volumes(),
    get=lambda client, volume_id: client.volume(volume_id),
    create=_create_volume,
    delete=lambda client, volume_id: client.delete_volume(volume_id),
    id_of=lambda volume: volume.id,
    outputs=_volume_outputs,
    market=_volume_market,
    destroys_data=True,
    used_by=lambda volume: volume.mounted_by or "",
)


# ---------------------------------------------------------------------------------------------------------------------
# shadeform/resources.py


@dataclass(kw_only=True)
class SshKeyArgs:
    """The arguments of an SshKey.

    `public_key`: the public key, as in a file `id_ed25519.pub`. `name`: a name that no other key of the account has; by
    default one is made of the resource's name. A change of either is a replacement.
    """

    public_key: pulumi.Input[str]
    name: pulumi.Input[str] | None = None


class SshKey(Resource, module="shadeform", name="SshKey"):
    """A public key for `ssh_key_id` of an Instance. It costs nothing."""

    public_key: pulumi.Output[str]
    name: pulumi.Output[str]
    is_default: pulumi.Output[bool]
    """Whether instances without an `ssh_key_id` get it."""
    account: pulumi.Output[str]
    """The fingerprint of the account that has it, which reveals no credential."""

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Takes `(name, SshKeyArgs(...), opts)` or `(name, opts, public_key=..., ...)`, as Pulumi's own SDKs do."""
        required = {"public_key": "which public key should be added?"}
        wanted, opts = split_arguments("SshKey", SshKeyArgs, required, args, kwargs)
        with limited_stack_trace(USER_FRAMES):
            props = {**vars(wanted), **dict.fromkeys(("is_default", "account"))}
            super().__init__(_abi.load("shadeform.SshKey"), resource_name, props, opts)


@dataclass(kw_only=True)
class VolumeArgs:
    """The arguments of a Volume.

    `cloud`, `region`: the place, the same as that of the instance that mounts it. `size_in_gb`: its size. `name`: a
    name that no other volume of the account has; by default one is made of the resource's name. `max_price`: the
    highest price to buy at, per hour, "0.05 USD". `price_tolerance`: the whole percents (0 by default) by which the
    price may exceed the one that the preview showed.

    A change of the first four is a replacement, which destroys the data.
    """

    cloud: pulumi.Input[str]
    region: pulumi.Input[str]
    size_in_gb: pulumi.Input[int]
    name: pulumi.Input[str] | None = None
    max_price: pulumi.Input[str] | None = None
    price_tolerance: pulumi.Input[int] | None = None


class Volume(Resource, module="shadeform", name="Volume"):
    """A storage volume for `volume_ids` of an Instance: bought by `pulumi up`, deleted by `pulumi destroy`, and billed
    in between."""

    cloud: pulumi.Output[str]
    region: pulumi.Output[str]
    size_in_gb: pulumi.Output[int]
    name: pulumi.Output[str]
    max_price: pulumi.Output[str | None]
    price_tolerance: pulumi.Output[int | None]
    quote: pulumi.Output[Any]
    """Its price: `hourly_total`, `price_per_hour` and `price_per_minute`, all decimal strings, with `currency` and
    `source`."""
    cloud_assigned_id: pulumi.Output[str]
    """The id that the cloud has given it."""
    fixed_size: pulumi.Output[bool]
    """Whether it has a fixed size, and does not grow with its content."""
    supports_multi_mount: pulumi.Output[bool]
    """Whether several instances can mount it at the same time."""
    cost_estimate: pulumi.Output[str]
    """What it has cost at the last refresh, in US dollars."""
    mounted_by: pulumi.Output[str]
    """The id of the instance that mounted it at the last refresh, "" for none."""
    account: pulumi.Output[str]
    """The fingerprint of the account that bought it, which reveals no credential."""

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Takes `(name, VolumeArgs(...), opts)` or `(name, opts, cloud=..., ...)`, as Pulumi's own SDKs do."""
        required = {key: VOLUME.arguments.required[key] for key in ("cloud", "region", "size_in_gb")}
        wanted, opts = split_arguments("Volume", VolumeArgs, required, args, kwargs)
        computed = ("quote", "cloud_assigned_id", "fixed_size", "supports_multi_mount", "cost_estimate", "mounted_by")
        with limited_stack_trace(USER_FRAMES):
            props = {**vars(wanted), **dict.fromkeys((*computed, "account"))}
            super().__init__(_abi.load("shadeform.Volume"), resource_name, props, opts)
