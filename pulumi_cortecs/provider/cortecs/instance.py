"""What happens to an Instance: bought at once, changed in place where the vendor can, and provably ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, UpdateResult

from pulumi_cortecs.clouds import cortecs
from pulumi_cortecs.clouds.errors import CloudError
from pulumi_cortecs.cost import BillingInterval, quote
from pulumi_cortecs.lifecycle.ending import NotGoneError
from pulumi_cortecs.lifecycle.phases import Phase, UnknownStatusError
from pulumi_cortecs.lifecycle.purchases import NotBoughtError, UnclearPurchaseError
from pulumi_cortecs.provider import accounts, host
from pulumi_cortecs.provider.accounts import Account
from pulumi_cortecs.provider.cortecs import judged
from pulumi_cortecs.provider.cortecs.arguments import PURCHASE, default, read_arguments, same
from pulumi_cortecs.provider.cortecs.checking import bought_differs

_IN_PLACE = ("state", "restart_trigger")
_INPUTS = (*PURCHASE, *_IN_PLACE, "quote")
_WHOLE_NUMBERS = ("context_length", "num_workers")
_BY_HAND = "Cortecs' console"


class InstanceError(Exception):
    """An instance could not be bought, changed, read or ended. The text says what that means for the bill."""


def diff(olds: Mapping[str, Any], news: Mapping[str, Any]) -> DiffResult:
    """A purchase argument that changed replaces; state and restart_trigger change in place; nothing else counts.

    Pure towards the vendor: refresh calls it too.
    """
    judged.amend(host.current_call().urn, _plain(news))
    replaces = [key for key in PURCHASE if not same(olds.get(key), news.get(key))]
    if replaces or any(not same(olds.get(key), news.get(key)) for key in _IN_PLACE):
        # None: the engine works the details out by itself, and replace_on_changes counts
        return DiffResult(changes=None, replaces=replaces)
    return DiffResult(changes=False)


def create(props: Mapping[str, Any]) -> CreateResult:
    """Sends the order and returns at once with the id; nothing that can fail stands between the two.

    Raises InstanceError.
    """
    call = host.current_call()
    inputs = _settled(props)
    shown = judged.of(call.urn)
    if shown is not None and (differing := bought_differs(inputs, shown)):
        raise InstanceError(f"refused: {', '.join(differing)} would be bought otherwise than shown; nothing was bought")
    if inputs["state"] == "stopped":
        raise InstanceError("refused: it would be bought and booted, and state says 'stopped'; nothing was bought")
    try:
        account = accounts.account()
        args = cortecs.InstanceArgs(**{key: inputs[key] for key in PURCHASE})

        def order() -> cortecs.Instance:
            if call.caller_is_gone():
                raise InstanceError("the engine was gone before anything was ordered; nothing was bought")
            return account.client.start(args)

        bought = account.purchases.buy(
            tuple(inputs[key] for key in PURCHASE), order, lambda instance: instance.instance_id
        )
    except UnclearPurchaseError as error:
        raise InstanceError(_unclear(error)) from None
    except NotBoughtError as error:
        raise InstanceError(f"nothing was bought: {error}. Run `pulumi up` again") from None
    except CloudError as error:
        raise InstanceError(f"nothing was bought: {error}") from None
    instance_id = bought.instance_id
    account.poller.began(instance_id)
    if call.caller_is_gone():
        account.ending().end(instance_id)
        raise InstanceError(
            f"the engine was gone when {instance_id} had been started: it was stopped and deleted again"
        )
    return CreateResult(instance_id, _outputs(inputs, instance_id, account))


def read(instance_id: str, props: Mapping[str, Any]) -> ReadResult:
    """The instance as it is; what differs from what is wanted shows through the inputs.

    Gone only by good answers. Raises InstanceError when that cannot be told, or when there is no such instance to get.
    """
    recorded = "instance_id" in props
    try:
        account = accounts.account()
        account.must_own(instance_id, props.get("account"))
        seen = account.find(instance_id)
        if seen is None:
            if recorded:
                return ReadResult("", {})
            raise InstanceError(f"there is no Cortecs instance {instance_id!r} in this account")
        inputs = _as_inputs(seen, props)
    except (CloudError, UnknownStatusError) as error:
        raise InstanceError(f"cannot tell how {instance_id} is, so the state stays as it was: {error}") from None
    return ReadResult(instance_id, _outputs(inputs, instance_id, account), inputs)


def update(instance_id: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> UpdateResult:
    """Starts, stops or restarts in place. Raises InstanceError."""
    inputs = _settled(news)
    try:
        account = accounts.account()
        account.must_own(instance_id, olds.get("account"))
        live = account.by_id(instance_id)
        if live is None:
            raise InstanceError(
                f"Cortecs does not know {instance_id} any more; `pulumi up --refresh` notices and makes a new one"
            )
        if inputs["state"] == "stopped":
            if accounts.phase(live) is not Phase.STOPPED:
                _stop(account, instance_id)
        elif accounts.phase(live) is Phase.STOPPED:
            _start(account, instance_id)
        elif not same(olds.get("restart_trigger", ""), inputs["restart_trigger"]):
            _stop(account, instance_id)
            _start(account, instance_id)
    except (CloudError, UnknownStatusError) as error:
        raise InstanceError(f"{instance_id} may not be as wanted, and may be billed: {error}") from None
    return UpdateResult(_outputs(inputs, instance_id, account))


def delete(instance_id: str, props: Mapping[str, Any]) -> None:
    """Returns when the bill has provably ended. Raises InstanceError otherwise."""
    try:
        account = accounts.account()
        account.must_own(instance_id, props.get("account"))
        account.ending().end(instance_id)
    except (CloudError, NotGoneError) as error:
        raise InstanceError(
            f"{instance_id} may still exist and be billed: {error}. Run `pulumi destroy` again, or end it in {_BY_HAND}"
        ) from None


def _stop(account: Account, instance_id: str) -> None:
    """Stops an instance. A refusal because it has stopped already is as good: a lost answer is asked for again."""
    try:
        account.client.stop(instance_id)
    except CloudError:
        live = account.by_id(instance_id)
        if live is None or accounts.phase(live) is not Phase.STOPPED:
            raise
    finally:
        account.poller.changed(instance_id)


def _start(account: Account, instance_id: str) -> None:
    """Starts a stopped instance. The vendor refuses that for one that runs, which is as good."""
    try:
        account.client.restart(instance_id)
    except CloudError:
        live = account.by_id(instance_id)
        if live is None or accounts.phase(live) is Phase.STOPPED:
            raise
    finally:
        account.poller.changed(instance_id)
        account.poller.began(instance_id)


def _plain(props: Mapping[str, Any]) -> dict[str, Any]:
    """Our inputs out of what the host passes, where every whole number has become a float."""
    inputs = {key: props[key] for key in _INPUTS if key in props}
    for key in _WHOLE_NUMBERS:
        if isinstance(inputs.get(key), float) and inputs[key].is_integer():
            inputs[key] = int(inputs[key])
    return inputs


def _settled(props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs as check settled them. Raises InstanceError for any others.

    A policy's remediation comes after check, and on a new resource nothing else looks at what it made of them.
    """
    settled, problems = read_arguments({key: value for key, value in props.items() if key != "quote"})
    refusals = [f"{problem.property} {problem.reason}" for problem in problems]
    refusals += [f"{key} is missing" for key in _INPUTS if key not in props and key != "model_id"]
    if refusals:
        raise InstanceError(f"refused, because this is not what was checked: {'; '.join(refusals)}")
    return {**settled, "quote": props["quote"]}


def _as_inputs(seen: cortecs.Instance, props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that describe the instance as it is, so that drift shows as a change of inputs."""
    inputs = _plain(props)
    inputs |= {key: value for key, value in seen.instance_args.model_dump().items() if value is not None}
    inputs["model_id"] = inputs["model_id"].replace("/", "--")  # spelled otherwise, it would be replaced
    inputs["state"] = "stopped" if accounts.phase(seen) is Phase.STOPPED else "running"
    for key in ("billing_interval", "num_workers", "restart_trigger"):
        inputs.setdefault(key, default(key))
    if "quote" not in inputs:
        inputs["quote"] = _quote(inputs)
    return inputs


def _quote(inputs: Mapping[str, Any]) -> dict[str, str]:
    """What an instance found by its id costs today; empty for hardware that is not on offer any more."""
    hardware = accounts.market().hardware_types().get(str(inputs.get("hardware_type_id")))
    if hardware is None:
        return {}
    interval = BillingInterval(inputs["billing_interval"])
    return quote(hardware, interval, inputs["num_workers"], source="live").as_property()


def _outputs(inputs: Mapping[str, Any], instance_id: str, account: Account) -> dict[str, Any]:
    return {**inputs, "instance_id": instance_id, "account": account.fingerprint}


def _unclear(error: UnclearPurchaseError) -> str:
    if not error.candidates:
        return (
            f"it cannot be told whether something was bought: {error}. Look into {_BY_HAND} before you run "
            "`pulumi up` again: a second run would buy a second one"
        )
    return (
        f"it cannot be told what was bought: {error}: {', '.join(error.candidates)}. End those that nothing uses in "
        f"{_BY_HAND} before you run `pulumi up` again"
    )
