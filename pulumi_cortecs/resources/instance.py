"""The common part of every cloud's Instance and Endpoint: how a program declares them, and their common outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, overload

import pulumi
from pulumi.dynamic import Resource

from pulumi_cortecs import _abi
from pulumi_cortecs.provider.arguments import READINESS, OnTimeout, Ready, State
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.resources import price_line
from pulumi_cortecs.resources.account import warn_of_plain_credentials
from pulumi_cortecs.resources.constructor import (
    add_inherited_annotations,
    as_objects,
    as_secret,
    create_timeout,
    omit_keep,
    service_digest,
    split_arguments,
    text_or_none,
    with_ints,
)
from pulumi_cortecs.resources.shown_arguments import ShownArguments, with_arguments
from pulumi_cortecs.resources.source_line import report_source_line
from pulumi_cortecs.resources.stack_trace import NO_FRAMES, USER_FRAMES, limited_stack_trace
from pulumi_cortecs.resources.types import QuoteProperties

if TYPE_CHECKING:
    from typing import TypedDict

    from typing_extensions import Self

V = TypeVar("V")
_OUTPUT_ONLY = ("quote", "instance_id", "account", "expires_at", "purchase_labels")


class EndpointOutput(Generic[V]):
    """One of the `EndpointOutputs`, `boot_time = EndpointOutput[Any]()`."""

    def __init__(self, read: Callable[[Any], Any] = with_ints) -> None:
        self._read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        (kind,) = get_args(getattr(self, "__orig_class__", EndpointOutput[str]))
        owner.__annotations__[name] = pulumi.Output[kind]  # type: ignore[valid-type]

    @overload
    def __get__(self, resource: None, owner: type) -> Self: ...

    @overload
    def __get__(self, resource: EndpointOutputs, owner: type) -> pulumi.Output[V]: ...

    def __get__(self, resource: Any, owner: type) -> Self | pulumi.Output[V]:
        """The output of an Instance: Pulumi sets an Endpoint's own, which hides this."""
        if resource is None:
            return self
        output: pulumi.Output[V] = getattr(resource.endpoint, self._name).apply(self._read)
        return output


class EndpointText(EndpointOutput["str | None"]):
    """A text among them: an Instance has None for none, and its Endpoint ""."""

    def __init__(self) -> None:
        super().__init__(text_or_none)

    if TYPE_CHECKING:

        @overload  # type: ignore[override]  # an Endpoint's is never None
        def __get__(self, resource: None, owner: type) -> Self: ...

        @overload
        def __get__(self, resource: EndpointResource, owner: type) -> pulumi.Output[str]: ...

        @overload
        def __get__(self, resource: EndpointOutputs, owner: type) -> pulumi.Output[str | None]: ...

        def __get__(self, resource: Any, owner: type) -> Any: ...


class EndpointOutputs:
    """The outputs of an Endpoint that its Instance has, too. A class derived from this has a cloud's own, for both."""

    base_url = EndpointText()
    """The OpenAI-compatible address, known once the instance is usable; None while it has none."""
    status = EndpointOutput[str]()
    """The vendor's status."""
    ready_by = EndpointText()
    """The reason why it counts as ready: `answer`, `refused` or `status`; None while it is stopped."""


class EndpointResource(EndpointOutputs, Resource):
    """The base of every cloud's Endpoint, `class Endpoint(EndpointResource, cloud="acme")`."""

    instance_id: pulumi.Output[str]
    state: pulumi.Output[str]
    price_difference: pulumi.Output[str]

    _cloud = ""

    def __init_subclass__(cls, cloud: str = "", **kwargs: Any) -> None:
        cls._cloud = cloud or cls._cloud
        super().__init_subclass__(module=cls._cloud, name="Endpoint", **kwargs)
        add_inherited_annotations(cls, EndpointOutputs)

    def __init__(
        self,
        resource_name: str,
        *,
        instance_id: pulumi.Input[str],
        state: pulumi.Input[str],
        spec_digest: pulumi.Input[str],
        ready_timeout: pulumi.Input[int],
        on_timeout: pulumi.Input[str] | None = None,
        ready: pulumi.Input[str] | None = None,
        ready_path: pulumi.Input[str] | None = None,
        ready_key: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **own: pulumi.Input[Any] | None,
    ) -> None:
        """`own` are the inputs that only this cloud's has; the class declares the outputs."""
        props = {
            **dict.fromkeys(type(self).__annotations__),
            "instance_id": instance_id,
            "state": state,
            "spec_digest": spec_digest,
            "ready_timeout": ready_timeout,
            "on_timeout": on_timeout,
            "ready": ready,
            "ready_path": ready_path,
            "ready_key": ready_key,
            **own,
        }
        with limited_stack_trace(NO_FRAMES):
            super().__init__(_abi.load(f"{self._cloud}.Endpoint"), resource_name, props, opts)


if TYPE_CHECKING:

    class ReadinessArguments(TypedDict, total=False):
        """How the wait for readiness asks, as named arguments."""

        ready: pulumi.Input[Ready] | None
        ready_path: pulumi.Input[str] | None
        ready_key: pulumi.Input[str] | None

    class LifeCycleArguments(ReadinessArguments, total=False):
        """LifeCycleArgs as named arguments."""

        state: pulumi.Input[State] | None
        restart_trigger: pulumi.Input[str] | None
        ttl: pulumi.Input[str] | None
        on_timeout: pulumi.Input[OnTimeout] | None
        adopt_id: pulumi.Input[str] | None
        max_price: pulumi.Input[str] | None
        price_tolerance: pulumi.Input[int] | None
        labels: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None


def inputs_of(arguments: Any, _resource_name: str | None = None) -> dict[str, Any]:
    """Arguments as inputs: nested classes as objects, and the key of readiness as a secret."""
    inputs = {key: as_objects(value) for key, value in vars(arguments).items()}
    return {**inputs, "ready_key": as_secret(arguments.ready_key)}


@dataclass(frozen=True)
class InstanceForm:
    """The declaration of one cloud's Instance.

    `kind` is what the provider knows of it, `arguments` the class of its arguments, and `endpoint` that of its child.
    `inputs_of` makes inputs of arguments; it also gets the resource's name, None for an instance that is not bought.
    `secret_outputs` are the properties that are secret even where the program did not give them.
    """

    kind: InstanceKind
    arguments: type[Any]
    endpoint: Callable[..., Any]
    inputs_of: Callable[[Any, str | None], dict[str, Any]] = inputs_of
    secret_outputs: tuple[str, ...] = ()


class InstanceResource(EndpointOutputs, Resource):
    """The base of every cloud's Instance, `class Instance(InstanceResource, form=InstanceForm(...))`."""

    state: pulumi.Output[State]
    restart_trigger: pulumi.Output[str]
    ttl: pulumi.Output[str | None]
    expires_at: pulumi.Output[str | None]
    """The end of its `ttl`, ISO-8601 in UTC; None without one."""
    on_timeout: pulumi.Output[OnTimeout]
    adopt_id: pulumi.Output[str | None]
    """The id by which it was adopted; None for a purchased instance."""
    max_price: pulumi.Output[str | None]
    price_tolerance: pulumi.Output[int | None]
    ready: pulumi.Output[Ready | None]
    """`status`; None for the default, `answer`."""
    ready_path: pulumi.Output[str | None]
    ready_key: pulumi.Output[str | None]
    labels: pulumi.Output[Mapping[str, str] | None]
    """The labels of the program, with the default labels below them; None without any."""
    purchase_labels: pulumi.Output[Mapping[str, str] | None]
    """The labels of the run that bought it: `stack`, `project` and, in CI, `repository`, `commit` and `pull_request`;
    None for an adopted instance."""
    quote: pulumi.Output[QuoteProperties]
    """Its price: `price_per_hour` and `price_per_minute` per worker, `hourly_total` for all of them, all decimal
    strings, with `currency` and `source`."""
    instance_id: pulumi.Output[str]
    """The vendor's id of the instance, the same as `id`."""
    account: pulumi.Output[str]
    """The fingerprint of the account that bought it, which reveals no credential."""

    endpoint: Any
    """The child that waits for readiness, for `depends_on=[instance.endpoint]`."""

    if TYPE_CHECKING:  # Pulumi takes annotations for outputs
        _form: InstanceForm

    __signature__ = ShownArguments(lambda cls: cls._form.arguments)

    def __init_subclass__(cls, form: InstanceForm | None = None, **kwargs: Any) -> None:
        if form is not None:
            cls._form, cls.__doc__ = form, with_arguments(cls.__doc__, form.arguments)
        # a user's subclass without these would have another type and URN, and replace the resource
        super().__init_subclass__(module=cls._form.kind.cloud, name=cls._form.kind.type_name, **kwargs)
        add_inherited_annotations(cls, InstanceResource)

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Takes `(name, InstanceArgs(...), opts)` or `(name, opts, argument=..., ...)`, as Pulumi's own SDKs do.

        Raises TypeError for a missing or unknown argument, or a mixture of both forms. `opts.custom_timeouts` with
        `create` bounds the wait for readiness.
        """
        form, kind = self._form, self._form.kind
        arguments = kind.arguments
        wanted, opts = split_arguments(kind.type_name, form.arguments, arguments.required, args, kwargs)
        # before anything is registered: after an error in between Pulumi would wait for ever
        ready_timeout = create_timeout(opts, kind.ready_timeout)
        given_id = opts.id if opts is not None else None
        inputs = form.inputs_of(wanted, resource_name if given_id is None else None)
        hidden = (
            pulumi.ResourceOptions(additional_secret_outputs=list(form.secret_outputs)) if form.secret_outputs else None
        )
        opts = pulumi.ResourceOptions.merge(opts, hidden)
        warn_of_plain_credentials(kind.credentials)
        with limited_stack_trace(USER_FRAMES):
            props: dict[str, Any] = {**inputs, **dict.fromkeys(_OUTPUT_ONLY)}
            super().__init__(_abi.load(f"{kind.cloud}.{kind.type_name}"), resource_name, props, opts)
        if given_id is None:
            price_line.count("instance", self.quote, self.state)
        report_source_line(self)
        self.endpoint = form.endpoint(
            resource_name,
            # the argument's id is known in previews, and that of the read resource is not
            instance_id=self.id if given_id is None else given_id,
            state=self.state,
            spec_digest=pulumi.Output.all(**{key: getattr(self, key) for key in arguments.interrupting}).apply(
                partial(service_digest, arguments)
            ),
            ready_timeout=ready_timeout,
            # an instance of another owner is never deleted here
            on_timeout=self.on_timeout.apply(omit_keep) if given_id is None else None,
            **{key: inputs[key] for key in (*READINESS, *kind.endpoint_arguments)},
            opts=pulumi.ResourceOptions(parent=self),
        )

    @classmethod
    def _reading(
        cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None, **endpoint: Any
    ) -> Self:
        """A running instance, which this program neither buys, changes nor deletes. `endpoint` are the arguments of its
        Endpoint, which waits like any other's; all other values are read."""
        wanted = cls._form.arguments(**dict.fromkeys(cls._form.kind.arguments.required), **endpoint)
        return cls(resource_name, wanted, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id)))
