"""`/_sim`: what a test or a person says to the simulator itself. This part is about what all clouds share."""

# no `from __future__ import annotations`: the framework evaluates annotations, and could not see the local ones
from dataclasses import asdict, replace
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from starlette.responses import JSONResponse, Response

from pulumi_cortecs.cost import BillingInterval
from pulumi_cortecs.simulator.blocked import NO_BODY, Body
from pulumi_cortecs.simulator.faults import PARAMETERS, Fault, FaultKind, Match, Parameter
from pulumi_cortecs.simulator.ledger import Run
from pulumi_cortecs.simulator.refusal import Refused
from pulumi_cortecs.simulator.routing import plain_route
from pulumi_cortecs.simulator.sent import Amount, Sent, Whole
from pulumi_cortecs.simulator.shapes import WrongShape
from pulumi_cortecs.simulator.supplied import Argument, Reused
from pulumi_cortecs.simulator.timestamps import timestamp
from pulumi_cortecs.simulator.world import World

CONTROL = "/_sim"


def _ok_or_error(status: int) -> int:
    if status != 200 and not 400 <= status <= 599:
        raise ValueError("it is 200, or 400 to 599")
    return status


def _with_body(status: int) -> int:
    if status == NO_BODY:
        raise ValueError(f"an answer with {NO_BODY} has no body to refuse with")
    return status


_Seconds = Annotated[float, Field(ge=0, le=1e9)]
_Shift = Annotated[float, Field(ge=-1e9, le=1e9)]
_ErrorStatus = Annotated[Whole, Field(ge=400, le=599)]
_AnyRefusal = Annotated[Whole, Field(ge=300, le=599), AfterValidator(_with_body)]
_AnyStatus = Annotated[Whole, AfterValidator(_ok_or_error)]


def _kind(value: object) -> FaultKind:
    try:
        return FaultKind(value)
    except ValueError:
        raise ValueError(f"the kinds are {', '.join(kind.value for kind in FaultKind)}") from None


def _word_of(words: type[Enum]) -> BeforeValidator:
    def checked(value: object) -> object:
        try:
            return words(value).value
        except ValueError:
            raise ValueError(f"it is {' or '.join(str(each.value) for each in words)}") from None

    return BeforeValidator(checked)


_Body = Annotated[str, _word_of(Body)]
_How = Annotated[str, _word_of(WrongShape)]
_Argument = Annotated[str, _word_of(Argument)]
_Reused = Annotated[str, _word_of(Reused)]


class ResetRequest(Sent):
    """POST /_sim/reset: with a seed, ids and chances come in the same order each time."""

    seed: Whole | None = None


class ClockRequest(Sent):
    """POST /_sim/clock: any of them; `speed` and `pause` take effect before `advance`."""

    advance: float | None = None
    speed: float | None = None
    pause: bool | None = None


class MatchRequest(Sent):
    """What a fault hits; see `faults.Match`."""

    method: str | None = None
    path: str | None = None
    model_id: str | None = None
    instance_id: str | None = None


class FaultRequest(Sent):
    """POST /_sim/faults: the kind, how often, what it hits, and the parameters of that kind (see `faults`)."""

    kind: Annotated[FaultKind, BeforeValidator(_kind)]
    probability: float = Field(1.0, ge=0, le=1)
    count: Whole | None = Field(None, ge=1)
    match: MatchRequest = MatchRequest()

    status: _AnyRefusal | None = None
    body: _Body | None = None
    after_side_effect: bool | None = None
    retry_after: _Seconds | None = None
    real_seconds: _Seconds | None = None
    step: Whole | None = Field(None, ge=1, le=4)
    seconds: _Seconds | None = None
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
            _check_value(Argument(self.argument or PARAMETERS[self.kind]["argument"]), self.value)
        return self

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that were given."""
        return self.model_dump(exclude={"kind", "probability", "count", "match"}, exclude_none=True)


def _check_value(argument: Argument, value: int | str) -> None:
    if argument.is_number != (isinstance(value, int) and value >= 1):
        raise ValueError(f"value {value!r}: that of {argument.value} is a {'number' if argument.is_number else 'text'}")
    if argument is Argument.INTERVAL and value not in {each.value for each in BillingInterval}:
        raise ValueError(f"value {value!r}: it is {' or '.join(each.value for each in BillingInterval)}")


class SettingsRequest(Sent):
    """PATCH /_sim/settings: the knobs to turn; see `settings.Settings`."""

    boot_seconds: _Seconds | None = None
    worker_stagger_seconds: _Seconds | None = None
    bill_pending: bool | None = None
    initial_balance: Amount | None = None
    error_key: str | None = None
    unknown_id_status: _ErrorStatus | None = None
    unknown_model_status: _ErrorStatus | None = None
    empty_balance_status: _AnyStatus | None = None
    stop_stopped_status: _AnyStatus | None = None
    stop_pending_status: _AnyStatus | None = None
    token_ttl_real_seconds: _Seconds | None = None
    date_ahead_seconds: _Shift | None = None
    instance_clock_ahead_seconds: _Shift | None = None
    stream_chunk_real_seconds: _Seconds | None = None


def control_error(refused: Refused) -> dict[str, Any]:
    """The body of an error of `/_sim`."""
    return {"error": refused.message}


def control_router(world: World) -> APIRouter:
    """Reset, clock, settings, faults, ledger and requests."""
    router = APIRouter(prefix=CONTROL, route_class=plain_route(control_error, world), redirect_slashes=False)

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
        match = Match(**sent.match.model_dump())
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
        entries = [_run_json(run, run.amount(now).decimal_string()) for run in world.ledger]
        return JSONResponse({"now": timestamp(now), "entries": entries, "totals": totals})

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
        "match": {name: value for name, value in asdict(fault.match).items() if value is not None},
        "probability": fault.probability,
        "count": fault.count,
        "happened": fault.happened,
        **{name: fault.parameter(name) for name in PARAMETERS[fault.kind]},
    }


def _run_json(run: Run, amount: str) -> dict[str, Any]:
    return {
        "account": run.account,
        "instance_id": run.instance_id,
        "hardware_type_id": run.hardware.hardware_type_id,
        "billing_interval": run.billing_interval.value,
        "num_workers": run.num_workers,
        "started_at": timestamp(run.started_at),
        "billed_from": timestamp(run.billed_from) if run.billed_from else None,
        "ended_at": timestamp(run.ended_at) if run.ended_at else None,
        "amount": amount,
        "currency": run.hardware.currency,
    }
