"""The lookups of a cloud's data sources, for plain values or Inputs, and their account.

Each data source has two forms, as in Pulumi's own SDKs: `get_x` takes plain values and returns the answer,
`get_x_output` takes Inputs and returns an Output. Both send requests from the program's own process, also in previews.
The account is that of `opts.provider`, or of the parent's provider; without one it is the environment's, else the
stack config's, as for resources. They raise DataSourceError, and TypeError for an Output in place of a plain value and
for another package's provider.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache, partial, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar, cast

import pulumi

from pulumi_cortecs.http.credential_spec import CredentialSpec
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.resources.account import ExplicitProvider, configuration_of
from pulumi_cortecs.resources.errors import DataSourceError

P = ParamSpec("P")
R = TypeVar("R")
Config: TypeAlias = Mapping[str, str]
"""The configuration that names an account; see http/credentials.py."""

_THREADS: Final = 4


@dataclass(frozen=True)
class DataSources:
    """The data sources of one cloud. `token` is one of its resource types, by which a parent's provider is found, and
    `provider` the class of its explicit providers, which programs know as `provider_name`. The function of a data
    source may raise CloudError."""

    spec: CredentialSpec
    token: str
    provider: type[ExplicitProvider]
    provider_name: str = "pulumi_cortecs.Provider"

    def source(self, ask: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
        """The data source for plain values, of a function that gets the Config of its `opts` first. It raises
        DataSourceError, and TypeError for an Output."""
        signature = inspect.signature(ask)
        _, *parameters = signature.parameters.values()
        plain_signature = signature.replace(parameters=parameters)

        @wraps(ask)
        def answer(*args: P.args, **kwargs: P.kwargs) -> R:
            values = plain_signature.bind(*args, **kwargs).arguments
            config = self._configuration(values.get("opts"))
            plain = {key: value for key, value in config.items() if isinstance(value, str)}
            if len(plain) < len(config) or any(isinstance(value, pulumi.Output) for value in values.values()):
                name = ask.__name__
                raise TypeError(
                    f"{name} takes plain values, and a Provider with plain ones; for Outputs use {name}_output"
                )
            return _call(ask, plain, *args, **kwargs)

        vars(answer)["__signature__"] = plain_signature
        return answer

    def for_inputs(self, source: Callable[..., R]) -> Callable[..., pulumi.Output[R]]:
        """The form of a `source` that takes Inputs: its answer, when they and the resources of `opts.depends_on` are
        available. A type checker knows the answer, and not the arguments."""
        signature = inspect.signature(source)
        ask: Callable[..., R] = inspect.unwrap(source)

        def output(*args: pulumi.Input[Any], **kwargs: pulumi.Input[Any]) -> pulumi.Output[R]:
            bound = signature.bind(*args, **kwargs)
            opts = bound.arguments.pop("opts", None)
            return self._invoke(ask, opts, bound.arguments)

        output.__name__ = output.__qualname__ = f"{source.__name__}_output"
        output.__module__, output.__doc__ = source.__module__, f"Like `{source.__name__}`, for Inputs. {source.__doc__}"
        parameters = [
            one if one.name == "opts" else one.replace(annotation=f"pulumi.Input[{one.annotation}]")
            for one in signature.parameters.values()
        ]
        returned = f"pulumi.Output[{signature.return_annotation}]"
        vars(output)["__signature__"] = signature.replace(parameters=parameters, return_annotation=returned)
        return output

    def _invoke(
        self, ask: Callable[..., R], opts: pulumi.InvokeOptions | None, arguments: Mapping[str, pulumi.Input[Any]]
    ) -> pulumi.Output[R]:
        async def answer(resolved: list[Any]) -> R:
            config, values, _ = resolved
            # neither on Pulumi's event loop nor in its threads, which booting instances can occupy for minutes
            asking = partial(_call, ask, config, **values)
            return await asyncio.get_running_loop().run_in_executor(_threads(), asking)

        # the answer contains no credentials, so their secrecy does not apply to it
        config = pulumi.Output.unsecret(pulumi.Output.from_input(dict(self._configuration(opts))))
        resolved = pulumi.Output.all(
            config, pulumi.Output.from_input(dict(arguments)), _resolved_dependencies(getattr(opts, "depends_on", None))
        )
        return resolved.apply(answer)

    def _configuration(self, opts: pulumi.InvokeOptions | None) -> Mapping[str, pulumi.Input[str]]:
        """The configuration that names the account: a Provider's settings, else those of the stack's config."""
        provider = opts.provider if opts is not None else None
        if provider is None and opts is not None and opts.parent is not None:
            provider = opts.parent.get_provider(self.token)
        if isinstance(provider, self.provider):
            return configuration_of(provider)
        if provider is not None:
            raise TypeError(
                f"data sources of {self.spec.vendor} take a {self.provider_name}, not a {type(provider).__name__}"
            )
        stack = pulumi.Config(self.spec.cloud)
        settings = {key.config: stack.get(key.config.partition(":")[2]) for key in self.spec.keys}
        return {key: value for key, value in settings.items() if value is not None}


def row_of(form: type[R], *sources: object, **more: Any) -> R:
    """A row of that dataclass: the fields `more`, and the others from the first source that has an attribute of their
    name."""
    names = [part.name for part in fields(cast("Any", form)) if part.name not in more]
    values = {name: next(getattr(source, name) for source in sources if hasattr(source, name)) for name in names}
    return form(**more, **values)


def _call(ask: Callable[Concatenate[Config, P], R], config: Config, *args: P.args, **kwargs: P.kwargs) -> R:
    retries = logging.getLogger("stamina")
    if retries.level == logging.NOTSET:  # a line for each retry, of which the error says the outcome
        retries.setLevel(logging.ERROR)
    try:
        return ask(config, *args, **kwargs)
    except CloudError as error:
        raise DataSourceError(f"{ask.__name__}: {error}") from None


@cache
def _threads() -> Executor:
    return ThreadPoolExecutor(_THREADS, "pulumi-cortecs-data")


def _resolved_dependencies(depends_on: Any) -> pulumi.Output[Any]:
    """An Output that is known when all of these resources exist; unknown in the preview of new ones."""
    return pulumi.Output.from_input(depends_on).apply(
        lambda resources: pulumi.Output.all(
            *(
                resource.id if isinstance(resource, pulumi.CustomResource) else resource.urn
                for resource in _as_list(resources)
            )
        )
    )


def _as_list(resources: Any) -> list[Any]:
    if resources is None:
        return []
    return [resources] if isinstance(resources, pulumi.Resource) else list(resources)
