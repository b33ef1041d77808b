"""Gcore's API of Everywhere Inference, typed (docs/apis/gcore.md). Threads may share a client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar

import httpx
from pydantic import ConfigDict, Field

from pulumi_cortecs.http.api_client import Retry, WireModel
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import BadAnswerError, ConfigurationError
from pulumi_cortecs.http.paged_api import Page, PagedApi
from pulumi_cortecs.http.rows import read_as
from pulumi_cortecs.http.text import secret_parts
from pulumi_cortecs.http.wire import Id, Number, Object, Rows, Told, Whole, Words, path_part
from pulumi_cortecs.lifecycle.cloud import OrderAnswer

VENDOR: Final = "Gcore"
CLOUD: Final = "gcore"

QUOTA_EXCEEDED: Final = "QuotaExceededError"
_REFUSALS: Final = frozenset({QUOTA_EXCEEDED})
"""Refusals that no repetition changes, whatever their status (docs/apis/gcore.md#errors)."""
_RESERVED_PATHS: Final = frozenset({"check_limits"})
"""Names that would turn `/deployments/{name}` into another request."""
_MAY_BE_SECRET: Final = ("envs", "command", "probes", "password", "data")
"""The values of a body that no text of ours may have: an error of the vendor may quote a part of them."""

N = TypeVar("N", bound=WireModel)
R = TypeVar("R")
M = TypeVar("M", bound="_Named")

_Name = Annotated[Id, path_part(_RESERVED_PATHS)]


class _Named(WireModel):
    name: _Name


class ApiScale(WireModel):
    """The replicas of one region. What is billed is strict, the rest may be missing."""

    min: int
    max: int
    cooldown_period: Told[int] = None
    polling_interval: Told[int] = None
    triggers: Object = Field(default_factory=dict)


class ApiDeployStatus(WireModel):
    """How many replicas run, and how many should."""

    ready: int
    total: int


class ApiContainer(WireModel):
    """A deployment in one region. `error_message` says why it does not come up there."""

    region_id: int
    scale: ApiScale
    address: Told[Words] = None
    deploy_status: Told[ApiDeployStatus] = None
    error_message: Told[Words] = None

    @property
    def spec(self) -> dict[str, Any]:
        """What a program would have written for it, with the vendor's defaults."""
        return {"region_id": self.region_id, "scale": self.scale.model_dump(exclude_none=True)}


class ApiReference(WireModel):
    """The application to which a deployment belongs."""

    kind: Words
    name: Words


class ApiDeployment(_Named):
    """A rented deployment, which its name identifies. `command` is one string, `created_at` ISO-8601; `timeout` is in
    seconds. `envs` and `probes` may have secrets."""

    status: Words
    flavor_name: Words
    containers: Whole[ApiContainer]
    object_references: Whole[ApiReference] = Field(default_factory=list)
    image: Told[Words] = None
    listening_port: Told[int] = None
    project_id: Told[int] = None
    address: Told[Words] = None
    created_at: Told[Words] = None
    auth_enabled: Told[bool] = None
    api_keys: Told[list[Words]] = None
    command: Told[str] = None
    credentials_name: Told[Words] = None
    description: Told[Words] = None
    envs: Told[dict[str, str]] = Field(default=None, repr=False)
    ingress_opts: Told[dict[str, Any]] = None
    logging: Told[dict[str, Any]] = None
    probes: Told[dict[str, Any]] = Field(default=None, repr=False)
    timeout: Told[int] = None


class _CreatedResources(WireModel):
    inference_instances: Rows[Id] = Field(default_factory=list)


class ApiTask(WireModel):
    """A task: `state` is NEW, RUNNING, FINISHED or ERROR; `error` are its words for a failure."""

    id: Id
    state: Words
    error: Told[Words] = None
    created_resources: Told[_CreatedResources] = None


class ApiFlavor(WireModel):
    """A hardware type. Memory is in GiB, `gpu_memory` of one GPU."""

    name: Id
    description: Told[Words] = None
    cpu: Told[Number] = None
    memory: Told[Number] = None
    gpu: Told[int] = None
    gpu_model: Told[Words] = None
    gpu_memory: Told[Number] = None
    gpu_compute_capability: Told[Words] = None
    is_gpu_shared: Told[bool] = None


@dataclass(frozen=True)
class ApiRegion:
    """A region: `slug` is its name in programs, "luxembourg-2"."""

    id: int
    slug: Id


class ApiFlavorCapacity(WireModel):
    """How many replicas of a flavor can be had now."""

    flavor_name: Id
    capacity: int


class ApiCapacity(WireModel):
    """The capacity of one region."""

    region_id: int
    capacity: Rows[ApiFlavorCapacity]


class ApiPricePreview(WireModel):
    """The price of a deployment with all its replicas, net and after discount. `price_status` is show, hide or error;
    without a currency or a price there is none."""

    price_status: Words
    currency_code: Told[Words] = None
    price_per_hour: Told[Number] = None
    price_per_month: Told[Number] = None
    price_without_discount_per_month: Told[Number] = None
    discount_percent: Told[Number] = None
    tax_percent: Told[Number] = None


class ApiQuota(WireModel):
    """The quota that a deployment needs: `NAME_limit`, `NAME_usage`, `NAME_requested`, for several names."""

    model_config = ConfigDict(extra="allow")

    @property
    def rows(self) -> dict[str, tuple[int, int, int]]:
        """The limit, the usage and the request of each quota, by its name."""
        numbers = {key: value for key, value in (self.model_extra or {}).items() if type(value) is int}
        return {
            name: (numbers[f"{name}_limit"], numbers.get(f"{name}_usage", 0), numbers.get(f"{name}_requested", 0))
            for name in sorted(key.removesuffix("_limit") for key in numbers if key.endswith("_limit"))
        }


class ApiApiKey(_Named):
    """A key for deployments. Only the answer to its creation has the `secret`; `expires_at` is ISO-8601."""

    description: Told[Words] = None
    expires_at: Told[Words] = None
    created_at: Told[Words] = None
    deployment_names: Rows[Words] = Field(default_factory=list)
    secret: Told[str] = Field(default=None, repr=False)


class ApiRegistryCredential(_Named):
    """The credentials of an image registry. No answer has the password."""

    registry_url: Words
    username: Words
    project_id: Told[int] = None


class _AwsKeys(WireModel):
    aws_access_key_id: str = Field(repr=False)
    aws_secret_access_key: str = Field(repr=False)


class ApiSecret(_Named):
    """A secret, in clear."""

    type: Words
    data: _AwsKeys = Field(repr=False)


class ApiLogLine(WireModel):
    """One line of a deployment's log; `time` is ISO-8601."""

    message: Words
    time: Told[Words] = None
    pod: Told[Words] = None
    region_id: Told[int] = None


class _Tasks(WireModel):
    tasks: Whole[Id]


PLAIN: Final[Mapping[str, type[_Named]]] = {
    "api_keys": ApiApiKey,
    "registry_credentials": ApiRegistryCredential,
    "secrets": ApiSecret,
}
"""What a project has beside deployments, by its name in paths."""


class GcoreClient(PagedApi):
    """The API for one project."""

    vendor, refusals, reserved = VENDOR, _REFUSALS, _RESERVED_PATHS

    def __init__(self, credentials: Credentials, client: httpx.Client | None = None) -> None:
        super().__init__(credentials.base_url, client)
        key, self.project_id = credentials.parts
        self._core.auth = ApiKey("Authorization", key, scheme="APIKey")

    def deployments(self) -> dict[str, ApiDeployment]:
        """All deployments of the project by name, stopped ones and those of applications among them."""
        return self._by_name("deployments", ApiDeployment)

    def deployment(self, name: str) -> ApiDeployment:
        """One deployment. Raises NotFoundError for an unknown name (404 by inference)."""
        return self._get(self._of_project("deployments", name), ApiDeployment)

    def create_deployment(self, body: Mapping[str, Any]) -> list[str]:
        """Buys a deployment, and returns the ids of its tasks. It is not sent again once the vendor may have received
        it: after an error with `may_have_taken_effect` the deployment may exist."""
        return self._send("POST", self._of_project("deployments"), _Tasks, body, Retry.IF_NEVER_SENT).tasks

    def patch_deployment(self, name: str, changes: Mapping[str, Any]) -> list[str]:
        """Changes these arguments, and returns the ids of the tasks: none if the vendor had nothing to do."""
        return self._send("PATCH", self._of_project("deployments", name), _Tasks, changes).tasks

    def delete_deployment(self, name: str) -> list[str]:
        """Requests the deletion, and returns the ids of its tasks."""
        return self._send("DELETE", self._of_project("deployments", name), _Tasks).tasks

    def switch_deployment(self, name: str, verb: Literal["start", "stop"]) -> None:
        """Starts a stopped deployment with its least replicas, or stops one, which then costs nothing."""
        self._send("POST", f"{self._of_project('deployments', name)}/{verb}", WireModel)

    def logs(self, name: str, limit: int, region_id: int | None = None) -> list[ApiLogLine]:
        """The last lines of a deployment's log, the newest first: of all regions, or of one."""
        params = {"limit": str(limit), "order_by": "time.desc"}
        if region_id is not None:
            params["region_id"] = str(region_id)
        path = f"{self._of_project('deployments', name)}/logs"
        page = self._core.call("GET", path, Page[Told[ApiLogLine]], retry=Retry.IDEMPOTENT, params=params)
        return [line for line in page.results if line is not None]

    def task(self, task_id: str) -> ApiTask:
        """One task. Raises NotFoundError for an unknown id (404 by inference)."""
        return self._get(self._path("cloud/v1/tasks", task_id), ApiTask)

    def check_limits(self, flavor_name: str, containers: Iterable[Mapping[str, Any]]) -> ApiQuota:
        """The quota that such a deployment needs; `containers` are in the API's form."""
        body = {"flavor_name": flavor_name, "containers": [dict(one) for one in containers]}
        path = f"{self._of_project('deployments')}/check_limits"
        return self._send("POST", path, ApiQuota, body)

    def price(self, flavor_name: str, containers: Iterable[Mapping[str, Any]]) -> ApiPricePreview:
        """The price of such a deployment with all its replicas; of `containers` only region and `scale.max` count."""
        wanted = [{"region_id": one["region_id"], "scale": {"max": one["scale"]["max"]}} for one in containers]
        body = {"flavor_name": flavor_name, "containers": wanted}
        return self._send("POST", "/cloud/v2/pricing/inference/deployments", ApiPricePreview, body)

    def flavors(self) -> list[ApiFlavor]:
        """All hardware types."""
        return self._offers("/cloud/v3/inference/flavors", ApiFlavor)

    def models(self, form: type[R]) -> list[R]:
        """The models of the catalogue, as rows of this dataclass."""
        return self._offers("/cloud/v3/inference/models", read_as(form))  # type: ignore[arg-type]

    def regions(self) -> list[ApiRegion]:
        """The regions with inference."""
        return self.regions_as(ApiRegion)

    def regions_as(self, form: type[R]) -> list[R]:
        """The same, as rows of this dataclass."""
        return self._offers("/cloud/v1/regions", read_as(form), {"product": "inference"})  # type: ignore[arg-type]

    def capacity(self) -> list[ApiCapacity]:
        """What can be had now, by region."""
        return self._get("/cloud/v3/inference/capacity", Page[ApiCapacity]).results

    def all_of(self, kind: str) -> dict[str, Any]:
        """All resources of this kind in the project (a key of `PLAIN`), by name."""
        return self._by_name(kind, PLAIN[kind])

    def one_of(self, kind: str, name: str) -> Any:
        """One of them. Raises NotFoundError for an unknown name (404 by inference)."""
        return self._get(self._of_project(kind, name), PLAIN[kind])

    def create(self, kind: str, inputs: Mapping[str, Any]) -> OrderAnswer[Any]:
        """Creates one of check's inputs: no later answer has the secret of a key. It is not sent again once the vendor
        may have received it."""
        body = {key: value for key, value in inputs.items() if value != ""}
        made: Any = self._send("POST", self._of_project(kind), PLAIN[kind], body, Retry.IF_NEVER_SENT)
        return OrderAnswer(made.name, made)

    def patch(self, kind: str, name: str, changes: Mapping[str, Any]) -> None:
        """Changes these fields of one."""
        self._send("PATCH", self._of_project(kind, name), WireModel, changes)

    def put(self, kind: str, name: str, inputs: Mapping[str, Any]) -> None:
        """Replaces all fields of one, but its name."""
        body = {key: inputs[key] for key in inputs if key != "name"}
        self._send("PUT", self._of_project(kind, name), WireModel, body)

    def delete(self, kind: str, name: str) -> None:
        """Deletes one."""
        self._send("DELETE", self._of_project(kind, name), WireModel)

    def _of_project(self, kind: str, name: str | None = None) -> str:
        """The path of a list of the project, or of what has this name in it. Raises ConfigurationError for a project
        that is no number: the path would be another request."""
        if not (self.project_id.isascii() and self.project_id.isdecimal()):
            raise ConfigurationError(f"the project id of {VENDOR} must be a number such as 1; got {self.project_id!r}")
        path = f"cloud/v3/inference/{self.project_id}/{kind}"
        return f"/{path}" if name is None else self._path(path, name)

    def _send(
        self,
        method: str,
        path: str,
        answer: type[N],
        body: Mapping[str, Any] | None = None,
        retry: Retry = Retry.IDEMPOTENT,
    ) -> N:
        sent = None if body is None else dict(body)
        secrets = secret_parts([(body or {}).get(key) for key in _MAY_BE_SECRET])
        return self._core.call(method, path, answer, retry=retry, body=sent, secrets=secrets)

    def _by_name(self, kind: str, row: type[M]) -> dict[str, M]:
        """All of the project's by name. Raises BadAnswerError if a name comes twice: then another may be missing."""
        path = self._of_project(kind)
        rows: list[M] = self._all(path, Page[row])  # type: ignore[valid-type]
        named = {row.name: row for row in rows}
        if len(named) < len(rows):
            raise BadAnswerError(f"{VENDOR} answered GET {path} with the same row twice; try again")
        return named
