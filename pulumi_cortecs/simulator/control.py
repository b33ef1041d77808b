"""`/_sim`: control of the simulator, by tests and users. This module has the part that all clouds share."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.cost import Money
from pulumi_cortecs.cost.suggestions import closest_match
from pulumi_cortecs.simulator.api_error import STATUS_WITHOUT_BODY, ApiError, ErrorBody
from pulumi_cortecs.simulator.clock import timestamp
from pulumi_cortecs.simulator.clouds import CLOUDS, SimulatorSettings
from pulumi_cortecs.simulator.corruption import WrongShape
from pulumi_cortecs.simulator.faults import PARAMETERS, Fault, FaultKind, FaultMatch, Parameter, ReusedId, Unreachable
from pulumi_cortecs.simulator.ledger import Run
from pulumi_cortecs.simulator.request_model import Integer, RequestModel, Seconds
from pulumi_cortecs.simulator.routing import CONTROL, control_route
from pulumi_cortecs.simulator.settings import settings_request
from pulumi_cortecs.simulator.world import SimulatedCloud, World


def _check_has_body(status: int) -> int:
    if status == STATUS_WITHOUT_BODY:
        raise ValueError(f"a response with status {STATUS_WITHOUT_BODY} has no body for an error")
    return status


_AnyErrorStatus = Annotated[Integer, Field(ge=300, le=599), AfterValidator(_check_has_body)]


def _read_kind(value: object) -> FaultKind:
    try:
        return FaultKind(value)
    except ValueError:
        kinds = [kind.value for kind in FaultKind]
        near = closest_match(str(value), kinds, at_least=0.6)
        hint = f"did you mean {near}? It is " if near else "expected "
        raise ValueError(f"{hint}one of {', '.join(kinds)}") from None


def _word_of(words: Iterable[str]) -> BeforeValidator:
    allowed = [str(word.value) if isinstance(word, Enum) else word for word in words]

    def check_word(value: object) -> object:
        for word in allowed:
            if word == value:
                return word
        raise ValueError(f"expected {' or '.join(allowed)}")

    return BeforeValidator(check_word)


_Body = Annotated[str, _word_of(ErrorBody)]
_HOW: Mapping[FaultKind, Sequence[str]] = {
    FaultKind.WRONG_SHAPE: [word.value for word in WrongShape],
    FaultKind.UNREACHABLE: [word.value for word in Unreachable],
}
_ARGUMENTS: Mapping[str, type] = {name: kind for cloud in CLOUDS for name, kind in cloud.arguments.items()}
_Argument = Annotated[str, _word_of(_ARGUMENTS)]
_ReusedId = Annotated[str, _word_of(ReusedId)]


class ResetRequest(RequestModel):
    """POST /_sim/reset: with a seed, ids and chances have the same order each time."""

    seed: Integer | None = None


class ClockRequest(RequestModel):
    """POST /_sim/clock: all optional; `speed` and `pause` take effect before `advance`."""

    advance: float | None = None
    speed: float | None = None
    pause: bool | None = None


class _Match(RequestModel):
    method: str | None = None
    path: str | None = None
    instance_id: str | None = None


_MATCHED_BY: dict[str, Any] = {name: (str | None, None) for cloud in CLOUDS for name in cloud.matched_by}
MatchRequest = create_model("MatchRequest", __base__=_Match, **_MATCHED_BY)
"""The filter of a fault; see `faults.FaultMatch`. Further fields are arguments of a cloud's orders."""


class FaultRequest(RequestModel):
    """POST /_sim/faults: the kind, its count, its filter, and the parameters of that kind (see `faults`)."""

    kind: Annotated[FaultKind, BeforeValidator(_read_kind)]
    probability: float = Field(1.0, ge=0, le=1)
    count: Integer | None = Field(None, ge=1)
    match: MatchRequest = MatchRequest()

    status: _AnyErrorStatus | None = None
    body: _Body | None = None
    after_side_effect: bool | None = None
    retry_after: Seconds | None = None
    real_seconds: Seconds | None = None
    step: Integer | None = Field(None, ge=1, le=max(cloud.boot_steps for cloud in CLOUDS))
    seconds: Annotated[float, Field(ge=-1, le=1e9)] | None = None
    by_id: bool | None = None
    limit: Integer | None = Field(None, ge=0)
    vanish: bool | None = None
    megabytes: Integer | None = Field(None, ge=1, le=10_000)
    argument: _Argument | None = None
    value: Integer | str | None = None
    of: _ReusedId | None = None
    makes: bool | None = None
    how: str | None = None
    field: str | None = None
    message: str | None = None

    @model_validator(mode="after")
    def _check_parameter_names(self) -> "FaultRequest":
        foreign = sorted(set(self.parameters) - set(PARAMETERS[self.kind]))
        if foreign:
            own = ", ".join(PARAMETERS[self.kind]) or "none"
            raise ValueError(f"{self.kind.value} has no parameter {foreign[0]!r}; valid parameters: {own}")
        return self

    @model_validator(mode="after")
    def _check_parameter_values(self) -> "FaultRequest":
        if self.status is not None and self.status < 400 and self.kind is not FaultKind.SERVER_ERROR:
            raise ValueError(f"status {self.status}: {self.kind.value} takes 400 to 599")
        is_endless = self.seconds == -1 and self.kind is FaultKind.NOT_ANSWERING
        if self.seconds is not None and self.seconds < 0 and not is_endless:
            raise ValueError(f"seconds {self.seconds:g}: expected 0 or more; not_answering takes -1, for ever")
        if self.how is not None and self.how not in _HOW[self.kind]:
            raise ValueError(f"how {self.how!r}: {self.kind.value} takes {' or '.join(_HOW[self.kind])}")
        if self.value is not None and self.value != "":
            _check_value(str(self.argument or PARAMETERS[self.kind]["argument"]), self.value)
        return self

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of the request."""
        return self.model_dump(exclude={"kind", "probability", "count", "match"}, exclude_none=True)


def _check_value(argument: str, value: int | str) -> None:
    kind = _ARGUMENTS[argument]
    if (kind is int) != (isinstance(value, int) and value >= 1):
        raise ValueError(f"value {value!r}: {argument} takes a {'number' if kind is int else 'string'}")
    if issubclass(kind, Enum):
        allowed = [member.value for member in kind]
        if value not in allowed:
            raise ValueError(f"value {value!r}: expected {' or '.join(allowed)}")


class SettingsRequest(settings_request(SimulatorSettings)):  # type: ignore[misc]
    """PATCH /_sim/settings: the settings to change; see `clouds.SimulatorSettings`."""


def control_router(world: World) -> APIRouter:
    """Reset, clock, settings, faults, ledger, instances, tokens and requests."""
    router = APIRouter(prefix=CONTROL, route_class=control_route(world), redirect_slashes=False)

    @router.post("/reset", response_model=None)
    async def reset(body: ResetRequest | None = None) -> Response:
        world.reset(body.seed if body else None)
        return JSONResponse({"seed": world.seed})

    @router.get("/clock", response_model=None)
    async def get_clock() -> Response:
        return JSONResponse(_clock_json(world))

    @router.post("/clock", response_model=None)
    async def change_clock(body: ClockRequest) -> Response:
        try:
            if body.speed is not None:
                world.clock.run_at(body.speed)
            if body.pause is not None:
                world.clock.pause() if body.pause else world.clock.resume()
            if body.advance is not None:
                world.clock.advance(body.advance)
        except ValueError as error:
            raise ApiError(400, str(error)) from None
        return JSONResponse(_clock_json(world))

    @router.get("/settings", response_model=None)
    async def get_settings() -> Response:
        return JSONResponse(_settings_json(world))

    @router.patch("/settings", response_model=None)
    @router.post("/settings", response_model=None)
    async def change_settings(body: SettingsRequest) -> Response:
        world.settings = replace(world.settings, **body.model_dump(exclude_none=True))
        return JSONResponse(_settings_json(world))

    @router.get("/faults", response_model=None)
    async def list_faults() -> Response:
        return JSONResponse({"faults": [_fault_json(fault) for fault in world.faults]})

    @router.post("/faults", response_model=None)
    async def add_fault(body: FaultRequest) -> Response:
        match = FaultMatch.of(**body.match.model_dump())
        fault = world.faults.add(
            body.kind, match, probability=body.probability, count=body.count, parameters=body.parameters
        )
        return JSONResponse(_fault_json(fault))

    @router.delete("/faults", response_model=None)
    async def clear_faults() -> Response:
        world.faults.clear()
        return JSONResponse({"faults": []})

    @router.delete("/faults/{fault_id}", response_model=None)
    async def remove_fault(fault_id: str) -> Response:
        if not world.faults.remove(fault_id):
            raise ApiError(404, f"fault_id {fault_id!r}: no such fault.")
        return JSONResponse({"fault_id": fault_id})

    @router.get("/ledger", response_model=None)
    async def get_ledger() -> Response:
        now = world.now()
        totals = {currency: total.decimal_string() for currency, total in world.ledger.totals(now).items()}
        entries = [_run_json(run, run.amount(now)) for run in world.ledger]
        return JSONResponse({"now": timestamp(now), "entries": entries, "totals": totals})

    @router.get("/instances", response_model=None)
    async def list_instances() -> Response:
        return JSONResponse(
            {"instances": [instance for cloud in world.clouds for instance in cloud.true_states().values()]}
        )

    @router.post("/instances/{instance_id}/stop", response_model=None)
    async def stop_instance(instance_id: str) -> Response:
        return JSONResponse(_cloud_of(instance_id, world).stop_from_outside(instance_id))

    @router.delete("/instances/{instance_id}", response_model=None)
    async def remove_instance(instance_id: str) -> Response:
        _cloud_of(instance_id, world).vanish(instance_id)
        return JSONResponse({"instance_id": instance_id})

    @router.post("/tokens/expire", response_model=None)
    async def expire_tokens() -> Response:
        for cloud in world.clouds:
            cloud.expire_tokens()
        return JSONResponse({})

    @router.get("/requests", response_model=None)
    async def count_requests() -> Response:
        request_log = world.request_log
        return JSONResponse(
            {
                "counts": dict(request_log.counts),
                "refused": dict(request_log.refused),
                "refusals": [asdict(refusal) for refusal in request_log.refusals],
            }
        )

    return router


def _clock_json(world: World) -> dict[str, Any]:
    clock = world.clock
    return {"now": timestamp(world.now()), "speed": clock.speed, "paused": clock.paused}


def _settings_json(world: World) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(world.settings).items()}


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "fault_id": fault.fault_id,
        "kind": fault.kind.value,
        "match": fault.match.to_dict(),
        "probability": fault.probability,
        "count": fault.count,
        "happened": fault.happened,
        **{name: fault.parameter(name) for name in PARAMETERS[fault.kind]},
    }


def _cloud_of(instance_id: str, world: World) -> SimulatedCloud:
    for cloud in world.clouds:
        if instance_id in cloud.true_states():
            return cloud
    raise ApiError(404, f"instance_id {instance_id!r}: no such instance.")


def _run_json(run: Run, amount: Money) -> dict[str, Any]:
    return {
        "cloud": run.cloud,
        "account": run.account,
        "instance_id": run.instance_id,
        **run.tariff(),
        "started_at": timestamp(run.started_at),
        "billed_from": timestamp(run.billed_from) if run.billed_from else None,
        "ended_at": timestamp(run.ended_at) if run.ended_at else None,
        "amount": amount.decimal_string(),
        "currency": amount.currency,
    }
