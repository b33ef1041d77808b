"""The two providers that states of Cortecs resources point to. Thin on purpose: a program imports this module with the
resources, and only the engine's own host process needs what is behind it."""

from __future__ import annotations

import gc
import sys
from functools import cache
from typing import Any

from pulumi.dynamic import (
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from pulumi_cortecs import _abi
from pulumi_cortecs.clouds.cortecs_keys import CREDENTIALS
from pulumi_cortecs.provider.host import keep_quiet, served


class _Provider(ResourceProvider):
    """What both have in common: nothing of ours is secret in its pickle, and the pickle is a name."""

    serialize_as_secret_always = False
    abi_name = ""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (_abi.load, (self.abi_name,))

    def configure(self, req: ConfigureRequest) -> None:
        """Hands the configuration, the stack's or a Provider's, to the accounts; nothing of it is kept here."""
        _load()
        from pulumi_cortecs.provider import accounts, process

        keep_quiet()
        process.taken_over()
        accounts.configure(
            {key: value for key in CREDENTIALS.config_keys if (value := req.config.get(key)) is not None}
        )


@cache
def _load() -> None:
    """Imports all that the calls need, the first of which waits for it: a third of it is the garbage collector looking
    at what stays anyway, and httpx's own command line (it does without where it cannot be imported)."""
    absent: dict[str, Any] = sys.modules
    absent.setdefault("httpx._main", None)
    gc.disable()
    try:
        from pulumi_cortecs.provider.cortecs import checking, endpoint, instance  # noqa: F401
    finally:
        gc.enable()
    gc.freeze()


class InstanceProvider(_Provider):
    """Serves `pulumi-python:dynamic/cortecs:Instance`; see provider/cortecs/instance.py."""

    abi_name = "cortecs.Instance"

    @served
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from pulumi_cortecs.provider.cortecs import checking
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return checking.check(INSTANCE, olds, news)

    @served
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from pulumi_cortecs.provider.cortecs import instance
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return instance.diff(INSTANCE, id_, olds, news)

    @served
    def create(self, props: dict[str, Any]) -> CreateResult:
        from pulumi_cortecs.provider.cortecs import instance
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return instance.create(INSTANCE, props)

    @served
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from pulumi_cortecs.provider.cortecs import instance
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return instance.read(INSTANCE, id_, props)

    @served
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        from pulumi_cortecs.provider.cortecs import instance
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return instance.update(INSTANCE, id_, olds, news)

    @served
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        from pulumi_cortecs.provider.cortecs import instance
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        instance.delete(INSTANCE, id_, props)


class EndpointProvider(_Provider):
    """Serves `pulumi-python:dynamic/cortecs:Endpoint`; see provider/cortecs/endpoint.py."""

    abi_name = "cortecs.Endpoint"

    @served
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from pulumi_cortecs.provider.cortecs import endpoint
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return endpoint.check(INSTANCE, news)

    @served
    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        from pulumi_cortecs.provider.cortecs import endpoint

        return endpoint.diff(olds, news)

    @served
    def create(self, props: dict[str, Any]) -> CreateResult:
        from pulumi_cortecs.provider.cortecs import endpoint
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return endpoint.create(INSTANCE, props)

    @served
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from pulumi_cortecs.provider.cortecs import endpoint

        return endpoint.read(id_, props)

    @served
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        from pulumi_cortecs.provider.cortecs import endpoint
        from pulumi_cortecs.provider.cortecs.kind import INSTANCE

        return endpoint.update(INSTANCE, olds, news)

    @served
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Nothing ends at the vendor with an Endpoint: the Instance does that."""
