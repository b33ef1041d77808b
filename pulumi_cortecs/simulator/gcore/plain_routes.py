"""The routes of API keys, registry credentials and secrets (docs/apis/gcore.md#endpoints)."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.gcore.cloud import PROJECT, SimulatedGcore
from pulumi_cortecs.simulator.gcore.objects import Json, PlainObject, PlainObjects
from pulumi_cortecs.simulator.gcore.paging import page
from pulumi_cortecs.simulator.request_model import RequestModel
from pulumi_cortecs.simulator.routing import RouteDecorator

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_Label = Annotated[str, Field(min_length=4, pattern=f"^{_LABEL}$")]
_DottedName = Annotated[str, Field(min_length=4, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
_Text = Annotated[str, Field(min_length=1)]


def _check_time(text: str) -> str:
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError("expected an ISO 8601 time such as 2026-01-02T15:04:05Z") from None
    return text


class _Secret(RequestModel):
    """The base of bodies with secrets, which are never printed."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class UpdateApiKeyRequest(RequestModel):
    """PATCH of an API key: its only field that changes; null removes it, which is inferred."""

    description: str | None = Field(None, max_length=300)


class CreateApiKeyRequest(UpdateApiKeyRequest):
    """POST of an API key."""

    name: Annotated[_DottedName, Field(max_length=63)]
    expires_at: Annotated[str, AfterValidator(_check_time)] | None = None


class ReplaceCredentialRequest(_Secret):
    """PUT of a registry credential: all of its fields."""

    registry_url: _Text
    username: _Text
    password: _Text


class CreateCredentialRequest(ReplaceCredentialRequest):
    """POST of a registry credential."""

    name: _Label


class AwsIamData(_Secret):
    """The content of a secret."""

    aws_access_key_id: str
    aws_secret_access_key: str


class ReplaceSecretRequest(_Secret):
    """PUT of a secret: all of its fields."""

    type: Literal["aws-iam"]
    data: AwsIamData


class CreateSecretRequest(ReplaceSecretRequest):
    """POST of a secret."""

    name: _DottedName


def add_plain_routes(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    """The routes of the three kinds of objects."""
    _api_keys(route, cloud)
    _credentials(route, cloud)
    _secrets(route, cloud)


def _api_keys(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    path, keys = f"{PROJECT}/api_keys", cloud.api_keys

    def shown(key: PlainObject) -> Json:
        cloud.world.now()  # ends the deployments whose deletion is due
        return {
            "name": key.name,
            "description": key.body.get("description"),
            "expires_at": key.body.get("expires_at"),
            "created_at": timestamp(key.created_at),
            "deployment_names": cloud.deployments_with_key(key.project_id, key.name),
        }

    _common(route, path, cloud, keys, shown)

    @route("POST", path)
    async def create(project_id: int, body: CreateApiKeyRequest) -> Response:
        secret = cloud.world.new_id().replace("-", "")
        key = keys.add(replace(_new(cloud, project_id, body), secret=secret))
        return JSONResponse({**shown(key), "secret": key.secret})

    @route("PATCH", f"{path}/{{name}}")
    async def update(project_id: int, name: str, body: UpdateApiKeyRequest) -> Response:
        key = keys.require(project_id, name)
        changes = body.model_dump(exclude_unset=True)
        return JSONResponse(shown(keys.put(replace(key, body={**key.body, **changes}))))


def _credentials(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    path, credentials = f"{PROJECT}/registry_credentials", cloud.credentials

    def shown(credential: PlainObject) -> Json:
        fields = {name: credential.body[name] for name in ("registry_url", "username")}
        return {"name": credential.name, "project_id": credential.project_id, **fields}

    _common(route, path, cloud, credentials, shown)

    @route("POST", path)
    async def create(project_id: int, body: CreateCredentialRequest) -> Response:
        return JSONResponse(shown(credentials.add(_new(cloud, project_id, body))))

    @route("PUT", f"{path}/{{name}}")
    async def replace_all(project_id: int, name: str, body: ReplaceCredentialRequest) -> Response:
        return JSONResponse(shown(_replaced(credentials, project_id, name, body)))


def _secrets(route: RouteDecorator, cloud: SimulatedGcore) -> None:
    path, secrets = f"{PROJECT}/secrets", cloud.secrets

    def shown(secret: PlainObject) -> Json:
        return {"name": secret.name, **{name: secret.body[name] for name in ("type", "data")}}

    _common(route, path, cloud, secrets, shown)

    @route("POST", path)
    async def create(project_id: int, body: CreateSecretRequest) -> Response:
        return JSONResponse(shown(secrets.add(_new(cloud, project_id, body))))

    @route("PUT", f"{path}/{{name}}")
    async def replace_all(project_id: int, name: str, body: ReplaceSecretRequest) -> Response:
        return JSONResponse(shown(_replaced(secrets, project_id, name, body)))


def _common(
    route: RouteDecorator,
    path: str,
    cloud: SimulatedGcore,
    objects: PlainObjects,
    shown: Callable[[PlainObject], Json],
) -> None:
    """The routes that are the same for every kind. One that is in use is deleted as well, which is inferred."""

    @route("GET", path)
    async def all_of_them(project_id: int, request: Request) -> Response:
        rows = [shown(row) for row in objects.of(project_id)]
        return JSONResponse(page(request.query_params, rows, cloud.settings.gcore_page_size))

    @route("GET", f"{path}/{{name}}")
    async def one(project_id: int, name: str) -> Response:
        return JSONResponse(shown(objects.require(project_id, name)))

    @route("DELETE", f"{path}/{{name}}")
    async def delete(project_id: int, name: str) -> Response:
        objects.remove(project_id, name)
        return Response(status_code=204)


def _new(
    cloud: SimulatedGcore, project_id: int, body: CreateApiKeyRequest | CreateCredentialRequest | CreateSecretRequest
) -> PlainObject:
    return PlainObject(project_id, body.name, cloud.world.now(), body.model_dump(exclude={"name"}))


def _replaced(objects: PlainObjects, project_id: int, name: str, body: RequestModel) -> PlainObject:
    return objects.put(replace(objects.require(project_id, name), body=body.model_dump()))
