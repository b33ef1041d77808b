"""Data sources: what can be rented, what it costs, and what an account has.

They ask Cortecs from the program's own process, in previews too. Models and hardware types are asked for once in half a
minute, however often a program wants them; an instance and the balance each time. Each comes in two forms, as in
Pulumi's own SDKs: `get_x` takes plain values and answers at once, `get_x_output` takes Inputs and gives an Output.

`opts.provider`, or what `opts.parent` has, is a `pulumi_cortecs.Provider` whose account is asked; without one it is the
environment's, else the stack config's, as for resources. Every function raises DataSourceError, and TypeError for an
Output where a plain value is needed and for another package's provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import pulumi

from pulumi_cortecs._tokens import TOKENS
from pulumi_cortecs.clouds.cortecs_keys import CREDENTIALS
from pulumi_cortecs.resources.account import Provider, configuration_of
from pulumi_cortecs.resources.errors import DataSourceError

if TYPE_CHECKING:  # a program that asks nothing must not pay for these
    from concurrent.futures import Executor

    from pulumi_cortecs.cortecs.rows import Balance, HardwareType, InstanceInfo, Model, ModelPreview

P = ParamSpec("P")
R = TypeVar("R")
_Config = Mapping[str, str]

_THREADS: Final = 4


def get_hardware_types(available: bool = False, opts: pulumi.InvokeOptions | None = None) -> list[HardwareType]:
    """All hardware types with their prices per worker, or those of which something is in stock now."""
    from pulumi_cortecs.cortecs import asking

    return _now(opts, asking.hardware_types, available)


def get_hardware_types_output(
    available: pulumi.Input[bool] = False, opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[list[HardwareType]]:
    """Like `get_hardware_types`, for Inputs."""
    from pulumi_cortecs.cortecs import asking

    return _later(opts, asking.hardware_types, available)


def get_hardware_type(hardware_type_id: str, opts: pulumi.InvokeOptions | None = None) -> HardwareType:
    """One hardware type, in stock or not. Raises UnknownIdError."""
    from pulumi_cortecs.cortecs import asking

    return _now(opts, asking.hardware_type, hardware_type_id)


def get_hardware_type_output(
    hardware_type_id: pulumi.Input[str], opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[HardwareType]:
    """Like `get_hardware_type`, for Inputs."""
    from pulumi_cortecs.cortecs import asking

    return _later(opts, asking.hardware_type, hardware_type_id)


def get_models(opts: pulumi.InvokeOptions | None = None) -> list[ModelPreview]:
    """All models on offer, each with the ids of the hardware types that it runs on."""
    from pulumi_cortecs.cortecs import asking

    return _now(opts, asking.models)


def get_models_output(opts: pulumi.InvokeOptions | None = None) -> pulumi.Output[list[ModelPreview]]:
    """Like `get_models`, for a provider whose credentials are Outputs."""
    from pulumi_cortecs.cortecs import asking

    return _later(opts, asking.models)


def get_model(model_id: str, opts: pulumi.InvokeOptions | None = None) -> Model:
    """One model, named with `/` or `--`, with its context limits. Raises UnknownIdError."""
    from pulumi_cortecs.cortecs import asking

    return _now(opts, asking.model, model_id)


def get_model_output(model_id: pulumi.Input[str], opts: pulumi.InvokeOptions | None = None) -> pulumi.Output[Model]:
    """Like `get_model`, for Inputs."""
    from pulumi_cortecs.cortecs import asking

    return _later(opts, asking.model, model_id)


def get_instance(instance_id: str, opts: pulumi.InvokeOptions | None = None) -> InstanceInfo:
    """An instance of the account as it is now, whoever bought it. Raises UnknownIdError."""
    from pulumi_cortecs.cortecs import asking

    return _now(opts, asking.instance, instance_id)


def get_instance_output(
    instance_id: pulumi.Input[str], opts: pulumi.InvokeOptions | None = None
) -> pulumi.Output[InstanceInfo]:
    """Like `get_instance`, for Inputs. With `chat.id` it is asked as soon as the instance is bought, so it may boot
    still; `InvokeOutputOptions(depends_on=[chat.endpoint])` waits until it can answer."""
    from pulumi_cortecs.cortecs import asking

    return _later(opts, asking.instance, instance_id)


def get_balance(opts: pulumi.InvokeOptions | None = None) -> Balance:
    """What is left of the account's prepaid balance."""
    from pulumi_cortecs.cortecs import asking

    return _now(opts, asking.balance)


def get_balance_output(opts: pulumi.InvokeOptions | None = None) -> pulumi.Output[Balance]:
    """Like `get_balance`, for a provider whose credentials are Outputs."""
    from pulumi_cortecs.cortecs import asking

    return _later(opts, asking.balance)


def _now(
    opts: pulumi.InvokeOptions | None, ask: Callable[Concatenate[_Config, P], R], *args: P.args, **kwargs: P.kwargs
) -> R:
    config = _configuration(opts)
    plain = {key: value for key, value in config.items() if isinstance(value, str)}
    if len(plain) < len(config) or any(isinstance(value, pulumi.Output) for value in args):
        raise TypeError(
            f"{_name(ask)} takes plain values, and a Provider with plain ones; for Outputs there is {_name(ask)}_output"
        )
    return _asked(ask, plain, *args, **kwargs)


def _later(opts: pulumi.InvokeOptions | None, ask: Callable[..., R], *args: pulumi.Input[Any]) -> pulumi.Output[R]:
    async def answer(known: list[Any]) -> R:
        config, given, _ = known
        # neither on Pulumi's event loop nor in its threads, which instances that boot can hold for minutes
        asking = partial(_asked, ask, config, *given)
        return await asyncio.get_running_loop().run_in_executor(_threads(), asking)

    # the answer shows nothing of the credentials: that they are secret does not make a price list one
    config = pulumi.Output.unsecret(pulumi.Output.from_input(dict(_configuration(opts))))
    known = pulumi.Output.all(config, pulumi.Output.all(*args), _made(getattr(opts, "depends_on", None)))
    return known.apply(answer)


def _asked(ask: Callable[Concatenate[_Config, P], R], config: _Config, *args: P.args, **kwargs: P.kwargs) -> R:
    from pulumi_cortecs.http.errors import CloudError

    try:
        return ask(config, *args, **kwargs)
    except CloudError as error:
        raise DataSourceError(f"{_name(ask)}: {error}") from None


@cache
def _threads() -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_THREADS, "pulumi-cortecs-data")


def _configuration(opts: pulumi.InvokeOptions | None) -> Mapping[str, pulumi.Input[str]]:
    """What the account is to be found by: a Provider's settings, else those of the stack's config."""
    provider = opts.provider if opts is not None else None
    if provider is None and opts is not None and opts.parent is not None:
        provider = opts.parent.get_provider(TOKENS["cortecs.Instance"])
    if isinstance(provider, Provider):
        return configuration_of(provider)
    if provider is not None:
        raise TypeError(f"data sources of Cortecs take a pulumi_cortecs.Provider, not a {type(provider).__name__}")
    stack = pulumi.Config("cortecs")
    found = {key.config: stack.get(key.config.partition(":")[2]) for key in CREDENTIALS.keys}
    return {key: value for key, value in found.items() if value is not None}


def _made(depends_on: Any) -> pulumi.Output[Any]:
    """Known when all of these resources have been made; unknown in the preview of those that have not."""
    return pulumi.Output.from_input(depends_on).apply(
        lambda resources: pulumi.Output.all(
            *(each.id if isinstance(each, pulumi.CustomResource) else each.urn for each in _listed(resources))
        )
    )


def _listed(resources: Any) -> list[Any]:
    if resources is None:
        return []
    return [resources] if isinstance(resources, pulumi.Resource) else list(resources)


def _name(ask: Callable[..., object]) -> str:
    return f"get_{ask.__name__}"
