"""What an account runs beside what stacks hold: asked for once, whole, or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pulumi_cortecs.cli.printing import failed, tell, tell_aside

if TYPE_CHECKING:
    from pulumi_cortecs.cortecs import client as cortecs
    from pulumi_cortecs.cost import HardwareType, Money
    from pulumi_cortecs.lifecycle.listed import Listed
    from pulumi_cortecs.lifecycle.owners import Row, StackState
    from pulumi_cortecs.provider.accounts import Account
    from pulumi_cortecs.stacks.reading import Places

FOUND: Final = 3
"""What a command exits with that has found what should not be there, and left it."""
_AT_ONCE: Final = 4

Stack = Annotated[list[str] | None, typer.Option("--stack", help="A stack to read; once for each.")]
BackendUrl = Annotated[
    list[str] | None,
    typer.Option("--backend-url", help="A backend to look in; once for each.", show_default="pulumi's own choice"),
]
AllStacks = Annotated[bool, typer.Option("--all-stacks", help="Read all stacks of each backend.")]
Directory = Annotated[
    Path, typer.Option("--cwd", exists=True, file_okay=False, help="Where to run pulumi; a project, for short names.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True)
class Survey:
    """One look. The list was asked for before the states. `vendor_now` is by the vendor's clock, which dates its runs
    and the ends that states tell. `prices` is empty where they could not be asked for."""

    account: Account
    listed: tuple[Listed, ...]
    stacks: tuple[StackState, ...]
    prices: Mapping[str, HardwareType]
    vendor_now: datetime

    @property
    def shared(self) -> dict[str, tuple[Row, ...]]:
        """What is listed and several rows own, with those rows."""
        from pulumi_cortecs.lifecycle.owners import owned_more_than_once

        there = {each.instance_id for each in self.listed}
        return {key: rows for key, rows in owned_more_than_once(self.stacks).items() if key in there}


def places(stacks: list[str] | None, all_stacks: bool, backend_urls: list[str] | None, directory: Path) -> Places:
    """Where to look. Raises BadParameter for two answers to one question."""
    from pulumi_cortecs.stacks.reading import Places

    if stacks and all_stacks:
        raise typer.BadParameter("--stack and --all-stacks: give one of them")
    return Places(stacks or [], all_stacks, backend_urls or [], directory)


def surveyed(where: Places) -> Survey:
    """Looks at the account, at every stack, and at the account again. Raises CloudError and StacksError."""
    from pulumi_cortecs.cortecs.market import live_offers
    from pulumi_cortecs.http.errors import CloudError

    account = the_account()
    before = _list(account)
    stacks = where.read()
    after = _list(account)
    vendor_now = account.vendor_now()
    _must_be_whole(account, before, after, stacks, vendor_now)
    try:
        prices: Mapping[str, HardwareType] = live_offers({}).hardware_types()
    except CloudError:
        prices = {}
    # a `destroy` that went on meanwhile has taken what it ended out of its state
    listed = (after.get(key) or (each if account.find(key) is not None else None) for key, each in before.items())
    return Survey(account, tuple(each for each in listed if each is not None), stacks, prices, vendor_now)


def the_account() -> Account:
    """The account that the environment names; no stack's config is read. Raises ConfigurationError."""
    from pulumi_cortecs.cortecs.kind import CREDENTIALS, INSTANCE
    from pulumi_cortecs.http.errors import ConfigurationError
    from pulumi_cortecs.provider import accounts

    if not any(os.environ.get(key.variable) for key in CREDENTIALS.parts):
        raise ConfigurationError(
            "no Cortecs credentials: set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET in the environment; this command "
            "reads no stack's config"
        )
    found = accounts.account(INSTANCE, {})
    for problem in found.problems:
        tell_aside(f"Warning: {problem}. This command goes on without it")
    return found


@contextmanager
def telling() -> Iterator[None]:
    """What cannot be told ends as one line and exit code 1."""
    from pulumi_cortecs.http.errors import CloudError
    from pulumi_cortecs.lifecycle.expiry import ExpiryError
    from pulumi_cortecs.stacks.command import StacksError

    try:
        yield
    except (CloudError, StacksError, ExpiryError) as error:
        raise failed(error) from None


def somebody_can_be_asked(as_json: bool) -> None:
    """Raises BadParameter where nobody would see the question."""
    if as_json or not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: give --yes")


def done_to_each(instance_ids: Sequence[str], act: Callable[[str], object]) -> dict[str, str]:
    """Acts on the instances, some at a time. By id what went wrong, "" where nothing did."""
    from pulumi_cortecs.http.errors import CloudError
    from pulumi_cortecs.lifecycle.ending import NotGoneError
    from pulumi_cortecs.lifecycle.phases import UnknownStatusError

    def outcome(instance_id: str) -> str:
        try:
            act(instance_id)
        except (CloudError, NotGoneError, UnknownStatusError) as error:
            return f"it may be billed on: {error}"
        return ""

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(instance_ids, pool.map(outcome, instance_ids), strict=True))


def tell_outcomes(outcomes: Mapping[str, str], done: str) -> None:
    """Says of each instance what has become of it."""
    for instance_id, error in outcomes.items():
        if error:
            tell_aside(f"Error: {instance_id}: {error}")
        else:
            tell(f"{instance_id} {done}")


def in_figures(amount: Money | None) -> str:
    """The amount for a table."""
    return "unknown" if amount is None else str(amount)


def described(stacks: tuple[StackState, ...]) -> list[dict[str, object]]:
    """The stacks for JSON."""
    return [
        {
            "stack": stack.name,
            "backend": stack.backend,
            "instances": len({row.instance_id for row in stack.rows if row.owns}),
            "pending": [purchase.name for purchase in stack.pending],
            "locked": stack.updating,
        }
        for stack in stacks
    ]


def tell_shared(survey: Survey) -> None:
    """Names what several rows own, a line for each."""
    from pulumi_cortecs.lifecycle.owners import in_words

    for instance_id, rows in survey.shared.items():
        tell(
            f"{instance_id} is owned by {in_words(rows)}, so it is never ended here. `pulumi state delete` takes it "
            "out of one of them and ends nothing"
        )


def shared_as_json(survey: Survey) -> list[dict[str, object]]:
    """What several rows own, for JSON."""
    return [{"id": instance_id, "owners": owners(rows)} for instance_id, rows in survey.shared.items()]


def owners(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows for JSON."""
    return [{"stack": row.stack, "name": row.name, "protected": row.protected} for row in rows]


def instance_as_json(instance: Listed) -> dict[str, object]:
    """What the vendor tells of an instance, for JSON; null for what it does not tell."""
    return {
        "id": instance.instance_id,
        "model_id": instance.arguments.get("model_id"),
        "hardware_type_id": instance.arguments.get("hardware_type_id"),
        "context_length": instance.arguments.get("context_length"),
        "billing_interval": instance.arguments.get("billing_interval"),
        "num_workers": instance.arguments.get("num_workers"),
        "status": instance.status,
        "started_at": timestamp(instance.started_at),
    }


def timestamp(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if at is None else f"{at.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _list(account: Account) -> Mapping[str, Listed]:
    return {key: _listed(account, each) for key, each in account.poller.snapshot(max_age=0.0).instances.items()}


def _must_be_whole(
    account: Account,
    before: Mapping[str, Listed],
    after: Mapping[str, Listed],
    stacks: Sequence[StackState],
    now: datetime,
) -> None:
    """Raises BadAnswerError for a list that lacks what there is, as far as that can be told."""
    from pulumi_cortecs.http.errors import BadAnswerError
    from pulumi_cortecs.lifecycle.orphans import old

    rows = [row for stack in stacks for row in stack.rows]
    bought_meanwhile = {row.instance_id for row in rows}
    late = [each for key, each in after.items() if key not in before and key not in bought_meanwhile]
    ours = {row.instance_id for row in rows if row.account == account.fingerprint}
    by_id = [account.cloud.get_instance(each) for each in ours - before.keys() - after.keys()]
    if any(old(each, now) for each in (*late, *(_listed(account, each) for each in by_id if each is not None))):
        raise BadAnswerError("Cortecs' list of the instances is not whole, so nothing can be told from it; try again")


def _listed(account: Account, instance: cortecs.ApiInstance) -> Listed:
    from pulumi_cortecs.cost import BillingInterval
    from pulumi_cortecs.lifecycle.listed import Listed
    from pulumi_cortecs.lifecycle.phases import UnknownStatusError

    try:
        phase = account.cloud.phase(instance)
    except UnknownStatusError:
        phase = None
    arguments, status = instance.reported(), instance.instance_status
    interval = arguments.get("billing_interval")
    return Listed(
        instance_id=instance.instance_id,
        arguments=arguments,
        billing_interval=next((each for each in BillingInterval if each.value == interval), None),
        num_workers=None if "num_workers" not in arguments else int(arguments["num_workers"]),
        status=status.status,
        phase=phase,
        started_at=_moment(status.started_at),
        stopped_at=_moment(status.stopped_at),
    )


def _moment(text: str | None) -> datetime | None:
    try:
        # Python 3.10 does not read the Z
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
