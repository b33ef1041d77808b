"""The common part of plain resources, such as keys and volumes: how a program declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from pulumi_cortecs import _abi
from pulumi_cortecs.provider.kind import CrudKind
from pulumi_cortecs.resources import price_line
from pulumi_cortecs.resources.account import warn_of_plain_credentials
from pulumi_cortecs.resources.constructor import add_inherited_annotations, as_objects, as_secret, split_arguments
from pulumi_cortecs.resources.shown_arguments import ShownArguments, with_arguments
from pulumi_cortecs.resources.source_line import report_source_line
from pulumi_cortecs.resources.stack_trace import USER_FRAMES, limited_stack_trace


class PlainResource(Resource):
    """The base of every plain resource, `class Key(PlainResource, kind=KEY, arguments=KeyArgs)`. It declares the
    arguments and the outputs."""

    account: pulumi.Output[str]
    """The fingerprint of the account that has it, which reveals no credential."""

    if TYPE_CHECKING:  # Pulumi takes annotations for outputs
        _kind: CrudKind[Any, Any]
        _arguments: type[Any]

    __signature__ = ShownArguments(lambda cls: cls._arguments)

    def __init_subclass__(
        cls, kind: CrudKind[Any, Any] | None = None, arguments: type[Any] | None = None, **kwargs: Any
    ) -> None:
        if kind is not None and arguments is not None:
            cls._kind, cls._arguments, cls.__doc__ = kind, arguments, with_arguments(cls.__doc__, arguments)
        # a user's subclass without these would have another type and URN, and replace the resource
        super().__init_subclass__(module=cls._kind.cloud, name=cls._kind.name, **kwargs)
        add_inherited_annotations(cls, PlainResource)

    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:
        """Takes `(name, Args(...), opts)` or `(name, opts, argument=..., ...)`, as Pulumi's own SDKs do. Raises
        TypeError for a missing or unknown argument, or a mixture of both forms."""
        kind = self._kind
        wanted, opts = split_arguments(kind.name, self._arguments, kind.arguments.required, args, kwargs)
        outputs = dict.fromkeys(key for key in type(self).__annotations__ if not key.startswith("_"))
        inputs = {key: as_objects(value) for key, value in vars(wanted).items()}
        secrets = kind.arguments.names_where(lambda argument: argument.secret)
        hidden = [*kind.told_once, *secrets]
        if hidden:
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=hidden))
        warn_of_plain_credentials(kind.credentials)
        with limited_stack_trace(USER_FRAMES):
            props = {**outputs, **inputs, **{key: as_secret(inputs[key]) for key in secrets}}
            super().__init__(_abi.load(f"{kind.cloud}.{kind.name}"), resource_name, props, opts)
        if kind.market is not None:
            quote: pulumi.Output[Any] = vars(self)["quote"]
            price_line.count(kind.name.lower(), quote)
        report_source_line(self)
