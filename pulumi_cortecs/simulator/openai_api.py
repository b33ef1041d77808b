"""The OpenAI-compatible API of running instances, whose answers say that no model was run.

The vendor does not document the API key of its instances, so any Authorization header is accepted, and so is none,
unless the setting `inference_key` names one: then a gateway asks for it before anything of the instance shows.
Fields that are not simulated (temperature, tools, ...) are accepted and have no effect, as with similar servers: a
model may choose not to call a tool. What would have to change the answer is refused: a tool that must be called, a JSON
schema, embeddings.
"""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from pulumi_cortecs.simulator import completions
from pulumi_cortecs.simulator.api_error import ApiError
from pulumi_cortecs.simulator.completions import Completion
from pulumi_cortecs.simulator.request_model import Integer
from pulumi_cortecs.simulator.routing import simulated_route
from pulumi_cortecs.simulator.world import World

SERVE = "/serve"
_INSTANCE = SERVE + "/{instance_id}/v1"
_TYPES = {401: "authentication_error", 404: "not_found_error", 503: "service_unavailable_error"}


@dataclass(frozen=True)
class ServedModel:
    """The model that an instance of any cloud serves, under `model_name`; `model_id` is accepted too. `ready_at` is
    when its run got or gets ready, None if it never does. Its server wants `api_key`, or takes any for "". A `gateway`
    before it gets the headers of each request first, and may refuse it by an ApiError."""

    instance_id: str
    status: str
    model_name: str
    model_id: str
    context_length: int
    started_at: datetime
    ready_at: datetime | None
    api_key: str = ""
    gateway: Callable[[Mapping[str, str]], None] = lambda headers: None


ModelLookup = Callable[[str], ServedModel | None]


class StreamOptions(BaseModel):
    """The options of a stream, of which only `include_usage` has an effect."""

    include_usage: bool = False


class _Request(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Integer | None = Field(None, ge=0)
    n: Integer | None = Field(None, ge=1, le=16)


class Message(BaseModel):
    """One turn of a chat; its content is a string, nothing, or a list of parts."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: str
    content: str | list[dict[str, Any]] | None = None


class ResponseFormat(BaseModel):
    """The form of a chat's answer; further fields have its schema."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Literal["text", "json_object", "json_schema"]


class ChatRequest(_Request):
    """POST chat/completions."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: Integer | None = Field(None, ge=0)
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None


class TextRequest(_Request):
    """POST completions."""

    prompt: str | Annotated[list[str], Field(min_length=1)]


class EmbeddingRequest(BaseModel):
    """POST embeddings."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str


class OpenAiApi:
    """Errors in OpenAI's shape. Only faults that name a path below /serve hit these routes."""

    base = SERVE
    by_path_only = True
    lists = frozenset({f"{_INSTANCE}/models"})

    def __init__(self, lookup: ModelLookup):
        self._lookup = lookup

    def error_body(self, error: ApiError) -> dict[str, Any]:
        kind = _TYPES.get(error.status, "invalid_request_error")
        return {"error": {"message": error.message, "type": kind, "param": None, "code": error.code}}

    def known_query(self, template: str) -> Iterable[str]:
        return ()

    def subject(self, path: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str | None, Mapping[str, str]]:
        served = self._lookup(path["instance_id"])
        return path["instance_id"], {"model_id": served.model_id} if served else {}

    def expire_tokens(self) -> None:
        """Does nothing, because served models accept any token."""


def openai_router(world: World, lookup: ModelLookup) -> APIRouter:
    """The routes below `/serve/{instance_id}/v1`."""
    router = APIRouter(prefix=_INSTANCE, route_class=simulated_route(OpenAiApi(lookup), world), redirect_slashes=False)

    async def answering(instance_id: str, request: Request) -> ServedModel:
        authorization = request.headers.get("authorization", "")
        _check_key(world.settings.inference_key, authorization)
        served, now = lookup(instance_id), world.now()
        if served is None:
            raise ApiError(404, f"instance_id {instance_id!r}: no such instance.", code="instance_not_found")
        served.gateway(request.headers)
        if world.serving.is_old_answering(served.instance_id, now):
            return _with_own_key(served, authorization)
        if served.status != "running" or served.ready_at is None:
            raise ApiError(503, f"Instance {instance_id} is {served.status}.", code="instance_not_running")
        silent_status = world.serving.silent_status(served.instance_id, served.ready_at, now)
        if silent_status is not None:
            raise ApiError(silent_status, f"Instance {instance_id} does not answer.", code="instance_not_answering")
        return _with_own_key(served, authorization)

    # a dependency, so that neither a wrong body nor a wrong field is complained about before it
    Served = Annotated[ServedModel, Depends(answering)]

    def answer(
        served: ServedModel,
        body: _Request,
        prompts: list[str],
        max_tokens: int | None,
        *,
        chat: bool,
        as_json: bool = False,
    ) -> Response:
        _check_name(served, body.model)
        limit, prompt_tokens = served.context_length, [completions.count_tokens(prompt) for prompt in prompts]
        total_tokens = max(prompt_tokens) + (max_tokens or 0)
        if total_tokens > limit:
            message = f"The context length is {limit} tokens; prompt and max_tokens add up to {total_tokens}."
            raise ApiError(400, message, code="context_length_exceeded")
        created = int(world.now().timestamp())
        choices = (body.n or 1) * len(prompts)
        completion = completions.make_completion(
            served.model_name,
            created,
            sum(prompt_tokens),
            choices=choices,
            max_tokens=max_tokens,
            chat=chat,
            as_json=as_json,
        )
        if not body.stream:
            return JSONResponse(completions.completion_json(completion))
        with_usage = body.stream_options is not None and body.stream_options.include_usage
        events = _events(completion, with_usage=with_usage, pause=world.settings.stream_chunk_real_seconds)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})

    @router.get("/models", response_model=None)
    async def models(served: Served) -> Response:
        return JSONResponse({"object": "list", "data": [_card(served)]})

    @router.get("/models/{model:path}", response_model=None)
    async def model(served: Served, model: str) -> Response:
        _check_name(served, model)
        return JSONResponse(_card(served))

    @router.post("/chat/completions", response_model=None)
    async def chat(served: Served, body: ChatRequest) -> Response:
        prompt = " ".join(_text(message.content) for message in body.messages)
        max_tokens = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
        if body.tool_choice not in (None, "none", "auto"):
            raise _unsupported(f"tool_choice {json.dumps(body.tool_choice)}", "leave it out, and no tool is called")
        form = "text" if body.response_format is None else body.response_format.type
        if form == "json_schema":
            raise _unsupported("response_format json_schema", "json_object gets an object with the answer in it")
        return answer(served, body, [prompt], max_tokens, chat=True, as_json=form == "json_object")

    @router.post("/completions", response_model=None)
    async def text(served: Served, body: TextRequest) -> Response:
        prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
        return answer(served, body, prompts, body.max_tokens, chat=False)

    @router.post("/embeddings", response_model=None)
    async def embeddings(served: Served, body: EmbeddingRequest) -> Response:
        _check_name(served, body.model)
        raise _unsupported("the embeddings of a model", f"{served.model_name} answers chat/completions and completions")

    return router


def _unsupported(what: str, instead: str) -> ApiError:
    return ApiError(400, f"{what}: the simulator runs no model and does not have it; {instead}.", code="not_simulated")


async def _events(completion: Completion, *, with_usage: bool, pause: float) -> AsyncIterator[str]:
    for chunk in completions.chunks_json(completion, with_usage=with_usage):
        if pause:
            await asyncio.sleep(pause)
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


def _with_own_key(served: ServedModel, authorization: str) -> ServedModel:
    """The model, once its server has checked its own key."""
    _check_key(served.api_key, authorization)
    return served


def _check_key(key: str, authorization: str) -> None:
    if key and authorization != f"Bearer {key}":
        raise ApiError(401, "The key is missing or not valid.", code="invalid_api_key")


def _check_name(served: ServedModel, name: str) -> None:
    if name not in (served.model_name, served.model_id):
        message = f"The model {name!r} does not exist: this instance serves {served.model_name}."
        raise ApiError(404, message, code="model_not_found")


def _card(served: ServedModel) -> dict[str, Any]:
    return {
        "id": served.model_name,
        "object": "model",
        "created": int(served.started_at.timestamp()),
        "owned_by": "pulumi_cortecs simulator",
        "max_model_len": served.context_length,
    }


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part["text"]) for part in content or [] if "text" in part)
