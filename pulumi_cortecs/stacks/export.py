"""One exported state, read for the instances in it."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from pulumi_cortecs.lifecycle.owners import PendingPurchase, Row
from pulumi_cortecs.provider.cortecs.checking import INSTANCE_TYPE
from pulumi_cortecs.stacks.command import StacksError

_NEWEST: Final = 4
"""The newest form of a deployment that is known."""

T = TypeVar("T")
_List = Annotated[list[T], BeforeValidator(lambda value: [] if value is None else value)]
_Properties = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]


class _Resource(BaseModel):
    urn: str
    type: str
    id: str = ""
    external: bool = False
    protect: bool = False
    delete: bool = False
    inputs: _Properties = Field(default_factory=dict)
    outputs: _Properties = Field(default_factory=dict)


class _Operation(BaseModel):
    resource: _Resource
    type: str


class _Deployment(BaseModel):
    resources: _List[_Resource] = Field(default_factory=list)
    pending_operations: _List[_Operation] = Field(default_factory=list)


class _Export(BaseModel):
    version: int = Field(le=_NEWEST)
    deployment: _Deployment | None  # None for a stack that was never updated, but never missing


def rows_and_pending(stack: str, exported: str) -> tuple[tuple[Row, ...], tuple[PendingPurchase, ...]]:
    """The instances in what `pulumi stack export` printed, those that wait for their deletion among them, and the
    creations that never ended.

    Raises StacksError for what is no whole state of a form that we know.
    """
    try:
        state = _Export.model_validate_json(exported).deployment or _Deployment()
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise StacksError(f"the state of {stack} cannot be read: {where}: {problem['msg']}") from None
    rows = (
        Row(
            stack=stack,
            urn=each.urn,
            instance_id=each.id,
            external=each.external,
            protected=each.protect,
            expires_at=each.outputs.get("expires_at"),
            account=each.outputs.get("account"),
            doomed=each.delete,
        )
        for each in state.resources
        if each.type == INSTANCE_TYPE and each.id
    )
    pending = (
        PendingPurchase(stack, each.resource.urn, each.resource.inputs)
        for each in state.pending_operations
        if each.type == "creating" and each.resource.type == INSTANCE_TYPE
    )
    return tuple(rows), tuple(pending)
