"""The common part of every cloud's Instance and Endpoint: how a program declares them, and their common outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_cortecs import _abi
from pulumi_cortecs.resources.constructor import (
    create_timeout,
    omit_keep,
    split_arguments,
    text_or_none,
    trigger_digest,
)
from pulumi_cortecs.resources.stack_trace import NO_FRAMES, USER_FRAMES, limited_stack_trace

_OUTPUT_ONLY = ("quote", "instance_id", "account", "expires_at", "purchase_labels")


class EndpointResource(Resource):
    """The base of every cloud's Endpoint, `class Endpoint(EndpointResource, cloud="acme")`."""

    instance_id: pulumi.Output[str]
    state: pulumi.Output[str]
    base_url: pulumi.Output[str]
    status: pulumi.Output[str]
    ready_by: pulumi.Output[str]
    price_difference: pulumi.Output[str]

    _cloud = ""

    def __init_subclass__(cls, cloud: str = "", **kwargs: Any) -> None:
        cls._cloud = cloud or cls._cloud
        super().__init_subclass__(module=cls._cloud, name="Endpoint", **kwargs)
        _add_inherited_annotations(cls, EndpointResource)

    def __init__(self, resource_name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None) -> None:
        """`inputs` are all inputs, None for those left out; the class declares the outputs."""
        props = {**inputs, **{key: None for key in type(self).__annotations__ if key not in inputs}}
        with limited_stack_trace(NO_FRAMES):
            super().__init__(_abi.load(f"{self._cloud}.Endpoint"), resource_name, props, opts)


def _arguments_as_inputs(arguments: Any, _resource_name: str | None) -> dict[str, Any]:
    return dict(vars(arguments))


@dataclass(frozen=True)
class InstanceForm:
    """The declaration of one cloud's Instance.

    `arguments` is the class of its arguments, `required` names those that a program has to give, each with the question
    that it answers, `ready_timeout` are the seconds of a wait for a program that sets none, `endpoint` is the class of
    its child, and `endpoint_arguments` are the arguments that the child gets. `inputs_of` makes inputs of arguments; it
    also gets the resource's name, None for an instance that is not bought.
    """

    cloud: str
    arguments: type[Any]
    required: Mapping[str, str]
    ready_timeout: int
    endpoint: Callable[..., Any]
    endpoint_arguments: tuple[str, ...] = ("ready", "ready_path", "ready_key")
    inputs_of: Callable[[Any, str | None], dict[str, Any]] = _arguments_as_inputs


_NO_FORM = InstanceForm("", object, {}, 1, EndpointResource)


class InstanceResource(Resource):
    """The base of every cloud's Instance, `class Instance(InstanceResource, form=InstanceForm(...))`."""

    state: pulumi.Output[str]
    restart_trigger: pulumi.Output[str]
    ttl: pulumi.Output[str | None]
    expires_at: pulumi.Output[str | None]
    """The end of its `ttl`, ISO-8601 in UTC; None without one."""
    on_timeout: pulumi.Output[str]
    adopt_id: pulumi.Output[str | None]
    """The id by which it was adopted; None for a purchased instance."""
    max_price: pulumi.Output[str | None]
    price_tolerance: pulumi.Output[int | None]
    ready: pulumi.Output[str | None]
    """`status`; None for the default, `answer`."""
    ready_path: pulumi.Output[str | None]
    ready_key: pulumi.Output[str | None]
    labels: pulumi.Output[Mapping[str, str] | None]
    """The labels of the program, with the default labels below them; None without any."""
    purchase_labels: pulumi.Output[Mapping[str, str] | None]
    """The labels of the run that bought it: `stack`, `project` and, in CI, `repository`, `commit` and `pull_request`;
    None for an adopted instance."""
    quote: pulumi.Output[Any]
    """Its price: `price_per_hour` and `price_per_minute` per worker, `hourly_total` for all of them, all decimal
    strings, with `currency` and `source`."""
    instance_id: pulumi.Output[str]
    """The vendor's id of the instance, the same as `id`."""
    account: pulumi.Output[str]
    """The fingerprint of the account that bought it, which reveals no credential."""

    endpoint: Any
    """The child that waits for readiness, for `depends_on=[instance.endpoint]`."""

    _form = _NO_FORM

    def __init_subclass__(cls, form: InstanceForm | None = None, **kwargs: Any) -> None:
        cls._form = form or cls._form
        # a user's subclass without these would have another type and URN, and replace the resource
        super().__init_subclass__(module=cls._form.cloud, name="Instance", **kwargs)
        _add_inherited_annotations(cls, InstanceResource)

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Takes `(name, InstanceArgs(...), opts)` or `(name, opts, argument=..., ...)`, as Pulumi's own SDKs do.

        Raises TypeError for a missing or unknown argument, or a mixture of both forms. `opts.custom_timeouts` with
        `create` bounds the wait for readiness.
        """
        form = self._form
        wanted, opts = split_arguments("Instance", form.arguments, form.required, args, kwargs)
        # before anything is registered: after an error in between Pulumi would wait for ever
        ready_timeout = create_timeout(opts, form.ready_timeout)
        given_id = opts.id if opts is not None else None
        inputs = form.inputs_of(wanted, resource_name if given_id is None else None)
        with limited_stack_trace(USER_FRAMES):
            props: dict[str, Any] = {**inputs, **dict.fromkeys(_OUTPUT_ONLY)}
            super().__init__(_abi.load(f"{form.cloud}.Instance"), resource_name, props, opts)
        self.endpoint = form.endpoint(
            resource_name,
            # the argument's id is known in previews, and that of the read resource is not
            instance_id=self.id if given_id is None else given_id,
            state=self.state,
            spec_digest=self.restart_trigger.apply(trigger_digest),
            ready_timeout=ready_timeout,
            # an instance of another owner is never deleted here
            on_timeout=self.on_timeout.apply(omit_keep) if given_id is None else None,
            **{key: inputs[key] for key in form.endpoint_arguments},
            opts=pulumi.ResourceOptions(parent=self),
        )

    @property
    def base_url(self) -> pulumi.Output[str | None]:
        """The OpenAI-compatible address, known once the instance is usable; None while it has none."""
        return self._text("base_url")

    @property
    def status(self) -> pulumi.Output[str]:
        """The vendor's status."""
        status: pulumi.Output[str] = self.endpoint.status
        return status

    @property
    def ready_by(self) -> pulumi.Output[str | None]:
        """The reason why it counts as ready: `answer`, `refused` or `status`; None while it is stopped."""
        return self._text("ready_by")

    def _text(self, name: str) -> pulumi.Output[str | None]:
        """A text among the Endpoint's outputs; None for none."""
        text: pulumi.Output[str | None] = getattr(self.endpoint, name).apply(text_or_none)
        return text


def _add_inherited_annotations(cls: type, base: type) -> None:
    """Gives a class the annotations of its bases, too: Pulumi reads only those of the class itself, and without them
    ints arrive as floats."""
    bases = [parent for parent in reversed(cls.__mro__) if issubclass(parent, base)]
    cls.__annotations__ = {key: kind for parent in bases for key, kind in inspect.get_annotations(parent).items()}


for _declared in (EndpointResource, InstanceResource):
    # strings would be compiled again for each resource, because Pulumi does not cache them
    _declared.__annotations__ = inspect.get_annotations(_declared, eval_str=True)
