"""The names that users' states hold for ever, and the providers behind them.

A state keeps each provider as a pickle that says "call `pulumi_cortecs._abi.load` with this name". So neither this
module nor `load` nor a name in it may ever be renamed, or users could not refresh or destroy what they have; where what
serves the names lives is free to change. Thin on purpose: a program imports this module with the resources, and only
the engine's own host process needs what is behind it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from pulumi_cortecs._tokens import PLAIN_RESOURCES, is_instance
from pulumi_cortecs.provider.host import provider_method, silence_retry_log

if TYPE_CHECKING:
    from pulumi_cortecs.provider.kind import CrudKind, InstanceKind, ResourceKind

KINDS: Final[dict[str, str]] = {
    "cortecs.Instance": "pulumi_cortecs.cortecs.kind:INSTANCE",
    "cortecs.Endpoint": "pulumi_cortecs.cortecs.kind:INSTANCE",
    "shadeform.Instance": "pulumi_cortecs.shadeform.kind:INSTANCE",
    "shadeform.Endpoint": "pulumi_cortecs.shadeform.kind:INSTANCE",
    "shadeform.SshKey": "pulumi_cortecs.shadeform.kind:SSH_KEY",
    "shadeform.Volume": "pulumi_cortecs.shadeform.kind:VOLUME",
    "gcore.InferenceDeployment": "pulumi_cortecs.gcore.kind:INSTANCE",
    "gcore.Endpoint": "pulumi_cortecs.gcore.kind:INSTANCE",
    "gcore.ApiKey": "pulumi_cortecs.gcore.kind:API_KEY",
    "gcore.RegistryCredential": "pulumi_cortecs.gcore.kind:REGISTRY_CREDENTIAL",
    "gcore.Secret": "pulumi_cortecs.gcore.kind:SECRET",
}
"""The kind of resource that each name serves: "module:constant"."""


def load_kind(name: str) -> InstanceKind:
    """The kind of instances that a name of KINDS serves."""
    kind: InstanceKind = _constant(name)
    return kind


def _constant(name: str) -> Any:
    module, _, constant = KINDS[name].partition(":")
    return getattr(import_module(module), constant)


def instance_kinds() -> dict[str, InstanceKind]:
    """The instances of every cloud, by the cloud's name."""
    kinds = [load_kind(name) for name in KINDS if is_instance(name)]
    return {kind.cloud: kind for kind in kinds}


def plain_kinds(cloud: str) -> list[CrudKind[Any, Any]]:
    """The plain resource types of a cloud."""
    return [_constant(name) for name in KINDS if name in PLAIN_RESOURCES and name.startswith(f"{cloud}.")]


class UnknownProviderError(LookupError):
    """The state was written by a newer version of this package."""


class LazyProvider(ResourceProvider):
    """A provider that imports its implementation at the first call. Its pickle is a name, and contains no secret."""

    serialize_as_secret_always = False
    abi_name = ""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (load, (self.abi_name,))

    def configure(self, req: ConfigureRequest) -> None:
        """Passes the configuration, the stack's or a Provider's, to the accounts, and keeps none of it."""
        from pulumi_cortecs.provider import process

        cloud = self.abi_name.partition(".")[0]
        process.preload(KINDS[f"{cloud}.Endpoint"].partition(":")[0].rpartition(".")[0])
        from pulumi_cortecs.provider import accounts

        silence_retry_log()
        process.install_once()
        kind: ResourceKind = _constant(self.abi_name)
        settings = {key: req.config.get(key) for key in kind.credentials.config_keys}
        accounts.configure(kind, {key: value for key, value in settings.items() if value is not None})


class OfInstances(LazyProvider):
    """A provider for the instances of a cloud."""

    @property
    def kind(self) -> InstanceKind:
        """The kind of the instances."""
        return load_kind(self.abi_name)


class InstanceProvider(OfInstances):
    """Serves the instances of a cloud; see provider/instance.py."""

    @provider_method
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from pulumi_cortecs.provider import instance_check

        return instance_check.check(self.kind, olds, news)

    @provider_method
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from pulumi_cortecs.provider import instance

        return instance.diff(self.kind, id_, olds, news)

    @provider_method
    def create(self, props: dict[str, Any]) -> CreateResult:
        from pulumi_cortecs.provider import instance

        return instance.create(self.kind, props)

    @provider_method
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from pulumi_cortecs.provider import instance

        return instance.read(self.kind, id_, props)

    @provider_method
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        from pulumi_cortecs.provider import instance

        return instance.update(self.kind, id_, olds, news)

    @provider_method
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        from pulumi_cortecs.provider import instance

        instance.delete(self.kind, id_, props)


class EndpointProvider(OfInstances):
    """Serves the Endpoints of a cloud's instances; see provider/endpoint.py."""

    @provider_method
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from pulumi_cortecs.provider import endpoint

        return endpoint.check(self.kind, news)

    @provider_method
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from pulumi_cortecs.provider import endpoint

        return endpoint.diff(self.kind, olds, news)

    @provider_method
    def create(self, props: dict[str, Any]) -> CreateResult:
        from pulumi_cortecs.provider import endpoint

        return endpoint.create(self.kind, props)

    @provider_method
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from pulumi_cortecs.provider import endpoint

        return endpoint.read(self.kind, id_, props)

    @provider_method
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        from pulumi_cortecs.provider import endpoint

        return endpoint.update(self.kind, olds, news)

    @provider_method
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Does nothing: the Instance deletes the instance at the vendor."""


class CrudProvider(LazyProvider):
    """Serves a plain resource type of a cloud; see provider/crud.py."""

    @property
    def kind(self) -> CrudKind[Any, Any]:
        """The kind of the resources."""
        kind: CrudKind[Any, Any] = _constant(self.abi_name)
        return kind

    @provider_method
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from pulumi_cortecs.provider import crud_check

        return crud_check.check(self.kind, olds, news)

    @provider_method
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from pulumi_cortecs.provider import crud

        return crud.diff(self.kind, id_, olds, news)

    @provider_method
    def create(self, props: dict[str, Any]) -> CreateResult:
        from pulumi_cortecs.provider import crud_create

        return crud_create.create(self.kind, props)

    @provider_method
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from pulumi_cortecs.provider import crud

        return crud.read(self.kind, id_, props)

    @provider_method
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        from pulumi_cortecs.provider import crud

        return crud.update(self.kind, id_, olds, news)

    @provider_method
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        from pulumi_cortecs.provider import crud

        crud.delete(self.kind, id_, props)


@provider_method
def load(name: str) -> ResourceProvider:
    """The provider that a state calls `name`. Raises UnknownProviderError for a name of a newer version."""
    if name not in KINDS:
        raise UnknownProviderError(
            f"this pulumi-cortecs has no provider {name!r}; a newer one has: pip install -U pulumi-cortecs"
        )
    return _class_of(name)()


@cache
def _class_of(name: str) -> type[LazyProvider]:
    served_by: type[LazyProvider] = EndpointProvider if name.endswith(".Endpoint") else InstanceProvider
    served_by = CrudProvider if name in PLAIN_RESOURCES else served_by
    return type(served_by.__name__, (served_by,), {"abi_name": name})
