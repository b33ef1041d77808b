"""`/_sim`: what a test or a person says to the simulator itself. This part is about what all clouds share."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.cost import Money
from pulumi_cortecs.simulator.blocked import NO_BODY, Body
from pulumi_cortecs.simulator.clouds import CLOUDS, Settings
from pulumi_cortecs.simulator.faults import PARAMETERS, Fault, FaultKind, Match, Parameter
from pulumi_cortecs.simulator.ledger import Run
from pulumi_cortecs.simulator.refusal import Refused
from pulumi_cortecs.simulator.routing import CONTROL, control_route
from pulumi_cortecs.simulator.sent import Seconds, Sent, Whole
from pulumi_cortecs.simulator.settings import settings_request
from pulumi_cortecs.simulator.shapes import WrongShape
from pulumi_cortecs.simulator.supplied import Reused
from pulumi_cortecs.simulator.timestamps import timestamp
from pulumi_cortecs.simulator.world import Cloud, World


def _with_body(status: int) -> int:
    if status == NO_BODY:
        raise ValueError(f"an answer with {NO_BODY} has no body to refuse with")
    return status


_AnyRefusal = Annotated[Whole, Field(ge=300, le=599), AfterValidator(_with_body)]


def _kind(value: object) -> FaultKind:
    try:
        return FaultKind(value)
    except ValueError:
        raise ValueError(f"the kinds are {', '.join(kind.value for kind in FaultKind)}") from None


def _word_of(words: Iterable[str]) -> BeforeValidator:
    known = [str(word.value) if isinstance(word, Enum) else word for word in words]

    def checked(value: object) -> object:
        for word in known:
            if word == value:
                return word
        raise ValueError(f"it is {' or '.join(known)}")

    return BeforeValidator(checked)


_Body = Annotated[str, _word_of(Body)]
_How = Annotated[str, _word_of(WrongShape)]
_ARGUMENTS: Mapping[str, type] = {name: kind for cloud in CLOUDS for name, kind in cloud.arguments.items()}
_Argument = Annotated[str, _word_of(_ARGUMENTS)]
_Reused = Annotated[str, _word_of(Reused)]


class ResetRequest(Sent):
    """POST /_sim/reset: with a seed, ids and chances come in the same order each time."""

    seed: Whole | None = None


class ClockRequest(Sent):
    """POST /_sim/clock: any of them; `speed` and `pause` take effect before `advance`."""

    advance: float | None = None
    speed: float | None = None
    pause: bool | None = None


class _Match(Sent):
    method: str | None = None
    path: str | None = None
    instance_id: str | None = None


_MATCHED_BY: dict[str, Any] = {name: (str | None, None) for cloud in CLOUDS for name in cloud.matched_by}
MatchRequest = create_model("MatchRequest", __base__=_Match, **_MATCHED_BY)
"""What a fault hits; see `faults.Match`. Beside the rest it has the arguments by which a cloud's orders are matched."""


class FaultRequest(Sent):
    """POST /_sim/faults: the kind, how often, what it hits, and the parameters of that kind (see `faults`)."""

    kind: Annotated[FaultKind, BeforeValidator(_kind)]
    probability: float = Field(1.0, ge=0, le=1)
    count: Whole | None = Field(None, ge=1)
    match: MatchRequest = MatchRequest()

    status: _AnyRefusal | None = None
    body: _Body | None = None
    after_side_effect: bool | None = None
    retry_after: Seconds | None = None
    real_seconds: Seconds | None = None
    step: Whole | None = Field(None, ge=1, le=max(cloud.boot_steps for cloud in CLOUDS))
    seconds: Seconds | None = None
    by_id: bool | None = None
    limit: Whole | None = Field(None, ge=0)
    vanish: bool | None = None
    megabytes: Whole | None = Field(None, ge=1, le=10_000)
    argument: _Argument | None = None
    value: Whole | str | None = None
    of: _Reused | None = None
    makes: bool | None = None
    how: _How | None = None
    field: str | None = None

    @model_validator(mode="after")
    def _only_its_own_parameters(self) -> "FaultRequest":
        foreign = sorted(set(self.parameters) - set(PARAMETERS[self.kind]))
        if foreign:
            own = ", ".join(PARAMETERS[self.kind]) or "none"
            raise ValueError(f"{foreign[0]} is no parameter of {self.kind.value}, which has {own}")
        return self

    @model_validator(mode="after")
    def _such_as_its_kind_has(self) -> "FaultRequest":
        if self.status is not None and self.status < 400 and self.kind is not FaultKind.SERVER_ERROR:
            raise ValueError(f"status {self.status}: that of {self.kind.value} is 400 to 599")
        if self.value is not None and self.value != "":
            _check_value(str(self.argument or PARAMETERS[self.kind]["argument"]), self.value)
        return self

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that were given."""
        return self.model_dump(exclude={"kind", "probability", "count", "match"}, exclude_none=True)


def _check_value(argument: str, value: int | str) -> None:
    kind = _ARGUMENTS[argument]
    if (kind is int) != (isinstance(value, int) and value >= 1):
        raise ValueError(f"value {value!r}: that of {argument} is a {'number' if kind is int else 'text'}")
    if issubclass(kind, Enum) and value not in [each.value for each in kind]:
        raise ValueError(f"value {value!r}: it is {' or '.join(each.value for each in kind)}")


class SettingsRequest(settings_request(Settings)):  # type: ignore[misc]
    """PATCH /_sim/settings: the knobs to turn; see `clouds.Settings`."""


def control_router(world: World) -> APIRouter:
    """Reset, clock, settings, faults, ledger, instances, tokens and requests."""
    router = APIRouter(prefix=CONTROL, route_class=control_route(world), redirect_slashes=False)

    @router.post("/reset", response_model=None)
    async def reset(sent: ResetRequest | None = None) -> Response:
        world.reset(sent.seed if sent else None)
        return JSONResponse({"seed": world.seed})

    @router.get("/clock", response_model=None)
    async def clock() -> Response:
        return JSONResponse(_clock_json(world))

    @router.post("/clock", response_model=None)
    async def turn_clock(sent: ClockRequest) -> Response:
        try:
            if sent.speed is not None:
                world.clock.run_at(sent.speed)
            if sent.pause is not None:
                world.clock.pause() if sent.pause else world.clock.resume()
            if sent.advance is not None:
                world.clock.advance(sent.advance)
        except ValueError as impossible:
            raise Refused(400, str(impossible)) from None
        return JSONResponse(_clock_json(world))

    @router.get("/settings", response_model=None)
    async def settings() -> Response:
        return JSONResponse(_settings_json(world))

    @router.patch("/settings", response_model=None)
    @router.post("/settings", response_model=None)
    async def change_settings(sent: SettingsRequest) -> Response:
        world.settings = replace(world.settings, **sent.model_dump(exclude_none=True))
        return JSONResponse(_settings_json(world))

    @router.get("/faults", response_model=None)
    async def faults() -> Response:
        return JSONResponse({"faults": [_fault_json(fault) for fault in world.faults]})

    @router.post("/faults", response_model=None)
    async def add_fault(sent: FaultRequest) -> Response:
        match = Match.of(**sent.match.model_dump())
        fault = world.faults.add(
            sent.kind, match, probability=sent.probability, count=sent.count, parameters=sent.parameters
        )
        return JSONResponse(_fault_json(fault))

    @router.delete("/faults", response_model=None)
    async def clear_faults() -> Response:
        world.faults.clear()
        return JSONResponse({"faults": []})

    @router.delete("/faults/{fault_id}", response_model=None)
    async def remove_fault(fault_id: str) -> Response:
        if not world.faults.remove(fault_id):
            raise Refused(404, f"There is no fault {fault_id!r}.")
        return JSONResponse({"fault_id": fault_id})

    @router.get("/ledger", response_model=None)
    async def ledger() -> Response:
        now = world.now()
        totals = {currency: total.decimal_string() for currency, total in world.ledger.totals(now).items()}
        entries = [_run_json(run, run.amount(now)) for run in world.ledger]
        return JSONResponse({"now": timestamp(now), "entries": entries, "totals": totals})

    @router.get("/instances", response_model=None)
    async def instances() -> Response:
        return JSONResponse({"instances": [each for cloud in world.clouds for each in cloud.truths().values()]})

    @router.post("/instances/{instance_id}/stop", response_model=None)
    async def stop(instance_id: str) -> Response:
        cloud = _cloud_of(instance_id, world)
        cloud.stop_from_outside(instance_id)
        return JSONResponse(cloud.truths()[instance_id])

    @router.delete("/instances/{instance_id}", response_model=None)
    async def vanish(instance_id: str) -> Response:
        _cloud_of(instance_id, world).vanish(instance_id)
        return JSONResponse({"instance_id": instance_id})

    @router.post("/tokens/expire", response_model=None)
    async def expire_tokens() -> Response:
        for cloud in world.clouds:
            cloud.expire_tokens()
        return JSONResponse({})

    @router.get("/requests", response_model=None)
    async def requests() -> Response:
        traffic = world.traffic
        return JSONResponse(
            {
                "counts": dict(traffic.counts),
                "refused": dict(traffic.refused),
                "refusals": [asdict(refusal) for refusal in traffic.refusals],
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
        "match": fault.match.given,
        "probability": fault.probability,
        "count": fault.count,
        "happened": fault.happened,
        **{name: fault.parameter(name) for name in PARAMETERS[fault.kind]},
    }


def _cloud_of(instance_id: str, world: World) -> Cloud:
    for cloud in world.clouds:
        if instance_id in cloud.truths():
            return cloud
    raise Refused(404, f"There is no instance {instance_id!r}.")


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
