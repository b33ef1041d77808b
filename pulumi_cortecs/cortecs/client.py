"""Cortecs' dedicated provisioning API, typed (docs/apis/cortecs.md). Threads may share a client."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BeforeValidator, Field

from pulumi_cortecs.cost import Money, MoneyError, PricedHardware
from pulumi_cortecs.http.api_client import Retry, WireModel
from pulumi_cortecs.http.authentication import ClientCredentials
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import BadAnswerError
from pulumi_cortecs.http.text import escape_unprintable
from pulumi_cortecs.http.vendor_api import VendorApi
from pulumi_cortecs.http.wire import Id, Told, Words, path_part

VENDOR = "Cortecs"
CLOUD = "cortecs"

_RESERVED_PATHS: Final = frozenset({"delete-all", "stop-all", "start", "stop", "restart"})
"""Ids that would turn `/instances/{id}` into another request."""

T = TypeVar("T")
K = TypeVar("K")

# informative fields may be null: an instance must stay visible, or it could not be deleted
_MaybeNull = Annotated[T, BeforeValidator(lambda value: {} if value is None else value)]
_List = Annotated[list[_MaybeNull[T]], BeforeValidator(lambda value: [] if value is None else value)]
_Dict = Annotated[dict[K, _MaybeNull[T]], BeforeValidator(lambda value: {} if value is None else value)]

_InstanceId = Annotated[Id, path_part(_RESERVED_PATHS)]
_Prose = Annotated[str, AfterValidator(lambda text: escape_unprintable(text, keep="\n\t"))]


class ApiInstanceArgs(WireModel):
    """The arguments of an order. The vendor fills in those left out; its documented examples do not have all of
    them."""

    model_id: Words | None = None
    hardware_type_id: Words | None = None
    context_length: int | None = None
    billing_interval: Words | None = None
    num_workers: int | None = None


class ApiInstanceStatus(WireModel):
    """`status` is pending, running or stopped; the times are ISO-8601 with Z."""

    status: Words
    started_at: Words | None = None
    stopped_at: Words | None = None


class ApiInitProgress(WireModel):
    """The progress of a worker's boot: step 1 to 5 of 5, with the vendor's description."""

    current_step: int
    num_steps: int
    description: Words | None = None


class ApiWorkerStatus(WireModel):
    """One worker; no progress while stopped."""

    init_progress: ApiInitProgress | None = None


class ApiInstance(WireModel):
    """A rented instance. `base_url` is None while it boots."""

    instance_id: _InstanceId
    base_url: Words | None = None
    instance_args: _MaybeNull[ApiInstanceArgs] = Field(default_factory=ApiInstanceArgs)
    instance_status: ApiInstanceStatus
    worker_statuses: _List[ApiWorkerStatus] = Field(default_factory=list)

    def reported(self) -> dict[str, str | int]:
        """The arguments that the vendor reports, ids spelled as in an order.

        Where it does not report the workers, each of its `worker_statuses` is one.
        """
        reported = {key: value for key, value in self.instance_args.model_dump().items() if value is not None}
        if "model_id" in reported:
            reported["model_id"] = reported["model_id"].replace(
                "/", "--"
            )  # another spelling would replace the instance
        if self.worker_statuses:
            reported.setdefault("num_workers", len(self.worker_statuses))
        return reported


class _HardwareConfig(WireModel):
    params: _MaybeNull[dict[str, Any]] = Field(default_factory=dict)
    max_context_length: int | None = None


class ApiCreator(WireModel):
    """Who has made a model."""

    name: Told[Words] = None
    url: Told[Words] = None


class _ModelCard(WireModel):
    """What every answer says of a model. `size` is its number of parameters; most may be missing."""

    model_id: Id
    hf_name: Told[Words] = None
    screen_name: Told[Words] = None
    description: Told[_Prose] = None
    size: Told[int] = None
    instant_provisioned: Told[bool] = None
    creator: Told[ApiCreator] = None


class ApiModel(_ModelCard):
    """A model and its hardware."""

    recommended_config: Id | None = None
    hardware_configs: _Dict[Id, _HardwareConfig] = Field(default_factory=dict)

    def max_context(self, hardware_type_id: str) -> int | None:
        """The longest context in tokens on this hardware, None if the vendor names no limit.

        Raises KeyError for hardware that the model does not run on.
        """
        config = self.hardware_configs[hardware_type_id]
        # its name has changed between releases of the vendor's client (docs/apis/cortecs.md#versions-of-cortecs-py)
        named = (
            config.params.get("--max-model-len"),
            config.params.get("max_context_length"),
            config.max_context_length,
        )
        return next((limit for limit in named if isinstance(limit, int) and limit > 0 and limit is not True), None)


class ApiModelPreview(_ModelCard):
    """A model as the list of all shows it."""

    hardware_configs: _List[Id] = Field(default_factory=list)


class _PriceInfo(WireModel):
    price_per_hour: Decimal
    price_per_minute: Decimal
    currency: str


class _HardwareInfo(WireModel):
    gpu_type: Words | None = None
    num_gpus: int | None = None
    gpu_ram_gb: Decimal | None = None


class _HardwareType(WireModel):
    hardware_type_id: Id
    price_info: _PriceInfo
    hardware_info: _HardwareInfo


class _Balance(WireModel):
    current_balance: Decimal
    currency: str


class _Instances(WireModel):
    instances: list[ApiInstance]


class _OneInstance(WireModel):
    instance: ApiInstance


class _ModelId(WireModel):
    model_id: Id


class _ModelIds(WireModel):
    models: list[_ModelId]


class _Models(WireModel):
    models: list[ApiModelPreview]


class _OneModel(WireModel):
    model: ApiModel


class _HardwareTypes(WireModel):
    hardware_types: list[_HardwareType]


class CortecsPublicClient(VendorApi):
    """The public part of the API: models, hardware and prices. Needs no credentials."""

    vendor = VENDOR

    def model_ids(self) -> list[str]:
        """The ids of all models on offer, with `--` for `/`. Other fields of the list may differ from the
        documentation."""
        return [model.model_id for model in self._get("/models/", _ModelIds).models]

    def models(self) -> list[ApiModelPreview]:
        """All models on offer, ids with `--` for `/`."""
        return self._get("/models/", _Models).models

    def model(self, model_id: str) -> ApiModel:
        """One model with its hardware. Raises RefusedError for an unknown id."""
        return self._get(f"/models/{quote(model_id, safe='')}", _OneModel).model

    def hardware_types(self) -> dict[str, PricedHardware]:
        """All hardware types by id, prices per worker."""
        return self._hardware_types("/hardware-types/")

    def available_hardware_types(self) -> dict[str, PricedHardware]:
        """The hardware types in stock."""
        return self._hardware_types("/hardware-types/available")

    def _hardware_types(self, path: str) -> dict[str, PricedHardware]:
        rows = self._get(path, _HardwareTypes).hardware_types
        try:
            return {row.hardware_type_id: _parse_hardware_type(row) for row in rows}
        except MoneyError as error:
            raise BadAnswerError(f"{VENDOR} returned an invalid price: {error}") from None


class CortecsClient(VendorApi):
    """The part of the API that costs money, for one account."""

    vendor, reserved = VENDOR, _RESERVED_PATHS

    def __init__(self, credentials: Credentials, client: httpx.Client | None = None) -> None:
        super().__init__(credentials.base_url, client)
        client_id, client_secret = credentials.parts
        self._core.auth = ClientCredentials(self._core, client_id, client_secret)

    def instances(self) -> dict[str, ApiInstance]:
        """All instances of the account by id, also stopped ones. A new one may be missing for some seconds."""
        answer = self._get("/instances/", _Instances)
        return {instance.instance_id: instance for instance in answer.instances}

    def instance(self, instance_id: str) -> ApiInstance:
        """One instance. Raises RefusedError for an unknown id (404 by inference; the vendor documents no status)."""
        path = self._path("instances", instance_id)
        return self._get(path, _OneInstance).instance

    def balance(self, retry: Retry = Retry.IDEMPOTENT) -> Money:
        """The remaining prepaid balance."""
        left = self._core.call("GET", "/user/balance", _Balance, retry=retry)
        try:
            return Money(left.current_balance, left.currency)
        except MoneyError as error:
            raise BadAnswerError(f"{VENDOR} returned an invalid balance: {error}") from None

    def create_instance(self, args: ApiInstanceArgs) -> ApiInstance:
        """Buys and boots a new instance; returns while it is pending. It is not sent again once the vendor may have
        received it: after an error with `may_have_taken_effect` the instance may exist."""
        body = args.model_dump()
        return self._order("/instances/start", _OneInstance, body).instance

    def start_instance(self, instance_id: str) -> ApiInstance:
        """Boots a stopped instance again. The vendor refuses it for one that runs."""
        return self._switch("restart", instance_id)

    def stop_instance(self, instance_id: str) -> ApiInstance:
        """Stops an instance; when this returns, it is stopped and costs nothing."""
        return self._switch("stop", instance_id)

    def delete_instance(self, instance_id: str) -> None:
        """Deletes a stopped instance. Raises RefusedError for one that is not stopped."""
        self._act("DELETE", self._path("instances", instance_id))

    def _switch(self, verb: str, instance_id: str) -> ApiInstance:
        body = {"instance_id": instance_id}
        return self._core.call("POST", f"/instances/{verb}", _OneInstance, retry=Retry.IDEMPOTENT, body=body).instance


def _parse_hardware_type(row: _HardwareType) -> PricedHardware:
    return PricedHardware(
        hardware_type_id=row.hardware_type_id,
        price_per_hour=Money(row.price_info.price_per_hour, row.price_info.currency),
        price_per_minute=Money(row.price_info.price_per_minute, row.price_info.currency),
        gpu_type=row.hardware_info.gpu_type,
        num_gpus=row.hardware_info.num_gpus,
        gpu_ram_gb=row.hardware_info.gpu_ram_gb,
        cloud=CLOUD,
    )
