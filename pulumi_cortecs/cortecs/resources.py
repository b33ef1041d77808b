"""Cortecs instances as Pulumi resources, and their account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from pulumi import Input, Output, ResourceOptions

from pulumi_cortecs.cortecs.arguments import InstanceArgs
from pulumi_cortecs.cortecs.kind import BASE_URL, CLIENT_ID, CLIENT_SECRET, CREDENTIALS, INSTANCE
from pulumi_cortecs.resources.account import ExplicitProvider
from pulumi_cortecs.resources.instance import (
    EndpointOutput,
    EndpointOutputs,
    EndpointResource,
    EndpointText,
    InstanceForm,
    InstanceResource,
)
from pulumi_cortecs.resources.types import BillingInterval

if TYPE_CHECKING:
    from typing_extensions import Required, Unpack

    from pulumi_cortecs.resources.instance import LifeCycleArguments, ReadinessArguments


class Provider(ExplicitProvider):
    """A Cortecs account, for `opts.provider` of resources, components and data sources.

    It takes `client_id` and `client_secret`, and `api_base_url` if it is not https://cortecs.ai/api/v1; or the names of
    environment variables, `opts=ResourceOptions(env_var_mappings={"CORTECS_B_CLIENT_ID": "CORTECS_CLIENT_ID", ...})`,
    for CORTECS_CLIENT_ID, CORTECS_CLIENT_SECRET and, where needed, CORTECS_API_BASE_URL. See `ExplicitProvider`.
    """

    def __init__(
        self,
        resource_name: str,
        opts: ResourceOptions | None = None,
        *,
        client_id: Input[str] | None = None,
        client_secret: Input[str] | None = None,
        api_base_url: Input[str] | None = None,
        default_labels: Input[Mapping[str, Input[str]]] | None = None,
    ) -> None:
        arguments = {CLIENT_ID: client_id, CLIENT_SECRET: client_secret, BASE_URL: api_base_url}
        super().__init__(resource_name, CREDENTIALS, arguments, opts, default_labels)


if TYPE_CHECKING:

    class _InstanceArguments(LifeCycleArguments, total=False):
        model_id: Required[Input[str]]
        hardware_type_id: Input[str] | None
        context_length: Input[int] | None
        billing_interval: Input[BillingInterval] | None
        num_workers: Input[int] | None


class _Outputs(EndpointOutputs):
    worker_statuses = EndpointOutput[list[Any]]()
    """One entry per worker, with its `init_progress`."""
    started_at = EndpointText()
    """The time of its last start, ISO-8601."""
    stopped_at = EndpointText()
    """The time at which it was stopped, ISO-8601; None while it runs."""


class Endpoint(_Outputs, EndpointResource, cloud="cortecs"):
    """The address of an Instance. `Instance` creates it as its child; it waits until the instance is usable.

    Outputs: `base_url` ("" while stopped), `status` (pending, running, stopped), `worker_statuses` (one per worker,
    with `init_progress` while it has any), `started_at` and `stopped_at` (ISO-8601, "" for none), and `ready_by`, the
    reason why it counts as ready: `answer` (it answered a request), `refused` (it refused a request's key), `status`
    (Cortecs calls it running), "" while stopped; `price_difference` names the quoted price and the billed one, if they
    differed at the purchase.
    """


class Instance(_Outputs, InstanceResource, form=InstanceForm(INSTANCE, InstanceArgs, Endpoint)):
    """A rented instance that serves one model: bought by `pulumi up`, deleted by `pulumi destroy`.

    `base_url`, `status` and their like wait until the instance can answer; `instance.id` does not. To make another
    resource wait, use `depends_on=[instance.endpoint]`: `depends_on=[instance]` waits for the purchase only.
    """

    model_id: Output[str]
    """The model, with `--` for `/`."""
    hardware_type_id: Output[str]
    context_length: Output[int]
    """In tokens."""
    billing_interval: Output[BillingInterval]
    num_workers: Output[int]

    endpoint: Endpoint

    if TYPE_CHECKING:

        @overload
        def __init__(self, resource_name: str, args: InstanceArgs, opts: ResourceOptions | None = None) -> None: ...

        @overload
        def __init__(
            self, resource_name: str, opts: ResourceOptions | None = None, **arguments: Unpack[_InstanceArguments]
        ) -> None: ...

        def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None: ...

    @staticmethod
    def get(
        resource_name: str, id: Input[str], opts: ResourceOptions | None = None, **endpoint: Unpack[ReadinessArguments]
    ) -> Instance:
        """Reads a running instance, which this program neither buys, changes nor deletes.

        Its endpoint waits like any other's. The engine's read fails for an id that does not exist.
        """
        return Instance._reading(resource_name, id, opts, **endpoint)

    @property
    def instance_status(self) -> Output[dict[str, Any]]:
        """`status`, `started_at` and `stopped_at` in one object, as Cortecs' API has them, with the `init_progress` of
        the first worker."""
        first = self.worker_statuses.apply(lambda workers: workers[0].get("init_progress") if workers else None)
        parts = {"status": self.status, "started_at": self.started_at, "stopped_at": self.stopped_at}
        return Output.all(**parts, init_progress=first).apply(dict)

    @property
    def instance_args(self) -> Output[dict[str, Any]]:
        """The arguments of the purchase in one object, as Cortecs' API has them."""
        names = ("model_id", "hardware_type_id", "context_length", "billing_interval", "num_workers")
        return Output.all(**{name: getattr(self, name) for name in names}).apply(dict)

    @property
    def model_name(self) -> Output[str]:
        """The model as requests name it, with `/`."""
        return self.model_id.apply(lambda model_id: model_id.replace("--", "/"))

    def chat_openai_config(self, **kwargs: Any) -> Output[dict[str, Any]]:
        """The arguments of LangChain's `ChatOpenAI`: `model_name`, `base_url` and further ones, for example
        `temperature=0.2`; a `model` takes the place of `model_name`.

        It does not contain the API key. Secret Outputs among the arguments stay secret.
        """
        named = {} if "model" in kwargs else {"model_name": self.model_name}
        return self.openai_client_config(**{**named, **kwargs})

    def openai_client_config(self, **kwargs: Any) -> Output[dict[str, Any]]:
        """The arguments of `openai.OpenAI`: `base_url` and further ones, for example `api_key=key`. Its requests take
        `model=chat.model_name`.

        It does not contain the API key. Secret Outputs among the arguments stay secret.
        """
        config: dict[str, Any] = {"base_url": self.base_url, **kwargs}
        return Output.from_input(config)
