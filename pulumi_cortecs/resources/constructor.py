"""The common part of the constructors of resources: both forms of arguments, as in Pulumi's own SDKs, and the custom
timeouts, which are passed as an ordinary input because the dynamic host drops them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import pulumi

from pulumi_cortecs.lifecycle.times import parse_duration
from pulumi_cortecs.provider.arguments import LIFE_CYCLE, MAX_READY_TIMEOUT
from pulumi_cortecs.provider.kind import ArgumentTable
from pulumi_cortecs.provider.named_arguments import NamedArguments, arguments_of, refuse_unknown
from pulumi_cortecs.provider.properties import without_float

A = TypeVar("A", bound=NamedArguments)
with_ints: Final = without_float
"""For outputs, too: Pulumi does not know the types within a list."""
_PACKAGE: Final = f"{__name__.partition('.')[0]}."


def split_arguments(
    resource: str, form: type[A], required: Mapping[str, str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[A, pulumi.ResourceOptions | None]:
    """The arguments of `(form(...), opts)` or `(opts, name=..., ...)`. `required` are the required arguments, each
    with the question that it answers.

    Raises TypeError for a missing or unknown argument, a mixture of both forms, and `opts.import_`.
    """
    first = next(iter(required or arguments_of(form)))
    named, rest = dict(kwargs), list(args)
    wanted = opts = None
    if rest and (isinstance(rest[0], form) or (rest[0] is None and len(rest) > 1)):
        wanted = rest.pop(0)
    if rest:
        opts = rest.pop(0)
    if rest:
        raise TypeError(f"{resource} takes a name, {form.__name__} and ResourceOptions; name everything else")
    wanted = _only_one_of(resource, "args", wanted, named.pop("args", None))
    opts = _only_one_of(resource, "opts", opts, named.pop("opts", None))
    if opts is not None and not isinstance(opts, pulumi.ResourceOptions):
        kind = type(opts).__name__
        raise TypeError(
            f"{resource} takes {form.__name__}({first}=...) or {first}=..., and ResourceOptions; not a {kind}"
        )
    if opts is not None and opts.import_ is not None:
        raise TypeError("Pulumi cannot import dynamic resources: leave import_ out")
    if wanted is None:
        refuse_unknown(resource, named, form)
        for name, why in required.items():
            if name not in named:
                raise TypeError(f"{resource} needs {name}: {why}")
        return form(**named), opts
    if not isinstance(wanted, form):
        raise TypeError(f"{resource}'s arguments are an {form.__name__}, not a {type(wanted).__name__}")
    if named:
        raise TypeError(
            f"{resource} got {form.__name__} and also {', '.join(sorted(named))}: put all into {form.__name__}"
        )
    return wanted, opts


def create_timeout(opts: pulumi.ResourceOptions | None, default: int) -> int:
    """`opts.custom_timeouts.create` ("15m", "1h30m") in whole seconds, at least 1; `default` without one.

    Raises ValueError for an invalid duration, and for a longer one than an Endpoint accepts, because the Endpoint's
    check comes after the purchase.
    """
    timeouts = opts.custom_timeouts if opts is not None else None
    text = timeouts.create if timeouts is not None else None
    if text is None:
        return default
    exact = None if "d" in text else parse_duration(text)  # the engine's own durations have no days
    if exact is None:
        raise ValueError(f"custom_timeouts.create must be a duration such as '15m' or '1h30m'; got {text!r}")
    seconds = round(exact)
    if seconds > MAX_READY_TIMEOUT:
        hours = MAX_READY_TIMEOUT // 3600
        raise ValueError(f"custom_timeouts.create must be at most {hours} hours; got {text!r}")
    return max(1, seconds)


def trigger_digest(restart_trigger: str | None) -> str:
    """The `spec_digest` of an Endpoint whose service only a restart interrupts."""
    return hashlib.sha256(restart_trigger.encode()).hexdigest()[:12] if restart_trigger else ""


def service_digest(arguments: ArgumentTable, values: Mapping[str, Any]) -> str:
    """The `spec_digest` of an Endpoint: it changes when a change interrupts the service. `values` are those of the
    arguments that can."""
    if set(values) <= {"restart_trigger"}:
        return trigger_digest(values.get("restart_trigger"))
    service = arguments.service_of(with_ints(values))
    return hashlib.sha256(json.dumps(service, sort_keys=True).encode()).hexdigest()[:12]


def omit_keep(on_timeout: str) -> Any:
    """None for the default of on_timeout, which keeps it out of the Endpoint's inputs and shortens the state."""
    return None if on_timeout == LIFE_CYCLE["on_timeout"].default else on_timeout


def text_or_none(text: str | None) -> str | None:
    """The text of an output; None for none, which states keep as ""."""
    return text or None


def add_inherited_annotations(cls: type, base: type) -> None:
    """Gives a class the annotations of its bases, too: Pulumi reads only those of the class itself, and without them
    ints arrive as floats. Ours are compiled here, because Pulumi would compile them for each resource."""
    bases = [parent for parent in reversed(cls.__mro__) if issubclass(parent, base)]
    cls.__annotations__ = {
        key: kind
        for parent in bases
        for key, kind in inspect.get_annotations(parent, eval_str=parent.__module__.startswith(_PACKAGE)).items()
    }


def as_secret(value: Any) -> Any:
    """The value as a secret; None for none."""
    return None if value is None else pulumi.Output.secret(value)


def secret_values(variables: Any) -> Any:
    """Variables with secret values; an Output of all of them is secret as a whole."""
    if not isinstance(variables, Mapping):
        return as_secret(variables)
    return {name: as_secret(value) for name, value in variables.items()}


def with_secrets(value: Any, *paths: str) -> Any:
    """An object with the values at these paths ("docker.envs") as secrets: all values of an object there. An Output is
    secret as a whole, at each step of a path."""
    if not isinstance(value, Mapping):
        return as_secret(value)
    parts = dict(value)
    for path in paths:
        name, _, rest = path.partition(".")
        if parts.get(name) is not None:
            parts[name] = with_secrets(parts[name], rest) if rest else secret_values(parts[name])
    return parts


def as_objects(value: Any) -> Any:
    """Arguments with nested classes as objects, without the fields that were left out."""
    if isinstance(value, NamedArguments):
        parts = {name: as_objects(part) for name, part in vars(value).items()}
        return {name: part for name, part in parts.items() if part is not None}
    if isinstance(value, (list, tuple)):
        return [as_objects(item) for item in value]
    if isinstance(value, Mapping):
        return {name: as_objects(item) for name, item in value.items()}
    return value


def _only_one_of(resource: str, name: str, by_position: Any, by_name: Any) -> Any:
    if by_position is not None and by_name is not None:
        raise TypeError(f"{resource} got {name} twice: by position and by name")
    return by_name if by_position is None else by_position
