"""The instances of an account and the rows of the stacks: one complete survey, or an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pulumi_cortecs.cli.output import exit_failed, print_error, print_lines

if TYPE_CHECKING:
    from pulumi_cortecs.cortecs import client as cortecs
    from pulumi_cortecs.cost import Money, PricedHardware
    from pulumi_cortecs.lifecycle.holdings import StackHoldings, StackResource
    from pulumi_cortecs.lifecycle.journal import Journal
    from pulumi_cortecs.lifecycle.listed_instance import ListedInstance
    from pulumi_cortecs.provider.accounts import Account
    from pulumi_cortecs.stacks.selection import StackSelection

EXIT_FOUND: Final = 3
"""The exit code of a command that has found instances and not deleted them."""
_MAX_PARALLEL: Final = 4

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
    """One survey. The list was requested before the states. `vendor_now` is by the vendor's clock, which dates its runs
    and the `expires_at` of states. `prices` is empty if they are not available. `labels` are by instance id: those that
    the journal of this machine or the vendor has."""

    account: Account
    listed: tuple[ListedInstance, ...]
    stacks: tuple[StackHoldings, ...]
    prices: Mapping[str, PricedHardware]
    vendor_now: datetime
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def shared(self) -> dict[str, tuple[StackResource, ...]]:
        """The listed instances that several rows own, with those rows."""
        from pulumi_cortecs.lifecycle.holdings import find_shared_instances

        there = {instance.instance_id for instance in self.listed}
        return {key: rows for key, rows in find_shared_instances(self.stacks).items() if key in there}


def stack_selection(
    stacks: list[str] | None, all_stacks: bool, backend_urls: list[str] | None, directory: Path
) -> StackSelection:
    """The selected stacks. Raises BadParameter for contradicting options."""
    from pulumi_cortecs.stacks.selection import StackSelection

    if stacks and all_stacks:
        raise typer.BadParameter("--stack and --all-stacks: give one of them")
    return StackSelection(stacks or [], all_stacks, backend_urls or [], directory)


def take_survey(where: StackSelection) -> Survey:
    """List the account, read every stack, and list the account again. Raises CloudError and StacksError."""
    from pulumi_cortecs.cortecs.market import live_offers
    from pulumi_cortecs.http.errors import CloudError

    account = environment_account()
    before = _list(account)
    stacks = where.read()
    after = _list(account)
    vendor_now = account.vendor_now()
    _require_complete(account, before, after, stacks, vendor_now)
    try:
        prices: Mapping[str, PricedHardware] = live_offers({}).hardware_types()
    except CloudError:
        prices = {}
    # a concurrent `destroy` has removed its deleted instances from the state
    listed = (
        after.get(key) or (instance if account.find(key) is not None else None) for key, instance in before.items()
    )
    instances = tuple(instance for instance in listed if instance is not None)
    return Survey(account, instances, stacks, prices, vendor_now, labels_by_id(account))


def environment_account() -> Account:
    """The account of the environment; no stack's config is read. Raises ConfigurationError."""
    from pulumi_cortecs.cortecs.kind import CREDENTIALS, INSTANCE
    from pulumi_cortecs.http.errors import ConfigurationError
    from pulumi_cortecs.provider import accounts

    if not any(os.environ.get(key.variable) for key in CREDENTIALS.parts):
        raise ConfigurationError(
            "no Cortecs credentials: set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET in the environment; this command "
            "reads no stack's config"
        )
    account = accounts.account(INSTANCE, {})
    for problem in account.problems:
        print_error(f"Warning: {problem}. This command ignores it")
    return account


def open_journal() -> Journal:
    """The journal of this machine."""
    from pulumi_cortecs.lifecycle.journal import Journal, journal_directory

    return Journal(journal_directory(os.environ))


@contextmanager
def cli_errors() -> Iterator[None]:
    """Turn expected errors into one line on stderr and exit code 1."""
    from pulumi_cortecs.http.errors import CloudError
    from pulumi_cortecs.lifecycle.expiry import ExpiryError
    from pulumi_cortecs.stacks.command import StacksError

    try:
        yield
    except (CloudError, StacksError, ExpiryError) as error:
        raise exit_failed(error) from None


def require_terminal(as_json: bool) -> None:
    """Raise BadParameter if a question cannot be shown."""
    if as_json or not sys.stdin.isatty():
        raise typer.BadParameter("not a terminal: use --yes to confirm")


def run_for_each(instance_ids: Sequence[str], act: Callable[[str], object]) -> dict[str, str]:
    """Run an action for each instance, several at a time. Returns the error of each id, "" for none."""
    from pulumi_cortecs.http.errors import CloudError
    from pulumi_cortecs.lifecycle.cloud import UnknownStatusError
    from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError

    def outcome(instance_id: str) -> str:
        try:
            act(instance_id)
        except (CloudError, DeletionUnconfirmedError, UnknownStatusError) as error:
            return f"it may still be billed: {error}"
        return ""

    with ThreadPoolExecutor(_MAX_PARALLEL) as pool:
        return dict(zip(instance_ids, pool.map(outcome, instance_ids), strict=True))


def print_outcomes(outcomes: Mapping[str, str], done: str) -> None:
    """Print the outcome of each instance."""
    for instance_id, error in outcomes.items():
        if error:
            print_error(f"Error: {instance_id}: {error}")
        else:
            print_lines(f"{instance_id} {done}")


def money_text(amount: Money | None) -> str:
    """The amount for a table."""
    return "unknown" if amount is None else str(amount)


def stacks_as_json(stacks: tuple[StackHoldings, ...]) -> list[dict[str, object]]:
    """The stacks for JSON."""
    return [
        {
            "stack": stack.name,
            "backend": stack.backend,
            "instances": len({row.instance_id for row in stack.rows if row.is_owner}),
            "pending": [purchase.name for purchase in stack.pending],
            "locked": stack.updating,
        }
        for stack in stacks
    ]


def print_shared(survey: Survey) -> None:
    """Print each instance that several rows own."""
    from pulumi_cortecs.lifecycle.holdings import row_names

    for instance_id, rows in survey.shared.items():
        print_lines(
            f"{instance_id} is owned by {row_names(rows)}, so this command never deletes it. `pulumi state delete` "
            "removes it from one of them, and deletes nothing"
        )


def shared_as_json(survey: Survey) -> list[dict[str, object]]:
    """The instances that several rows own, for JSON."""
    return [{"id": instance_id, "owners": owners(rows)} for instance_id, rows in survey.shared.items()]


def owners(rows: Sequence[StackResource]) -> list[dict[str, object]]:
    """The rows for JSON."""
    return [{"stack": row.stack, "name": row.name, "protected": row.protected} for row in rows]


def labels_column(survey: Survey, instances: Sequence[ListedInstance]) -> dict[str, str]:
    """The labels of each instance for a table, by its id; empty if none has any."""
    from pulumi_cortecs.lifecycle.labels import labels_text

    ids = [instance.instance_id for instance in instances]
    return {key: labels_text(survey.labels.get(key, {})) for key in ids} if survey.labels.keys() & ids else {}


def instance_as_json(instance: ListedInstance, survey: Survey) -> dict[str, object]:
    """An instance for JSON; null for values that the vendor leaves out."""
    return {
        "id": instance.instance_id,
        "model_id": instance.arguments.get("model_id"),
        "hardware_type_id": instance.arguments.get("hardware_type_id"),
        "context_length": instance.arguments.get("context_length"),
        "billing_interval": instance.arguments.get("billing_interval"),
        "num_workers": instance.arguments.get("num_workers"),
        "status": instance.status,
        "started_at": timestamp(instance.started_at),
        "labels": dict(survey.labels.get(instance.instance_id, {})),
    }


def timestamp(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    from pulumi_cortecs.cost.times import utc_seconds_text

    return None if at is None else utc_seconds_text(at)


def _list(account: Account) -> Mapping[str, ListedInstance]:
    return {key: _listed(account, instance) for key, instance in account.poller.snapshot(max_age=0.0).instances.items()}


def labels_by_id(account: Account) -> dict[str, Mapping[str, str]]:
    """The labels of instances. The vendor's count more: another machine may have changed them."""
    from pulumi_cortecs.lifecycle.cloud import HasLabels
    from pulumi_cortecs.lifecycle.journal import JournalError

    labels: dict[str, Mapping[str, str]] = {}
    try:
        labels |= {key: of_order.merged for key, of_order in open_journal().labels().items()}
    except JournalError as error:
        print_error(f"Warning: {error}: the labels in the journal of this machine are not shown")
    if isinstance(account.cloud, HasLabels):
        listed = account.poller.snapshot(max_age=float("inf")).instances
        labels |= {key: {**labels.get(key, {}), **account.cloud.labels_of(item)} for key, item in listed.items()}
    return labels


def _require_complete(
    account: Account,
    before: Mapping[str, ListedInstance],
    after: Mapping[str, ListedInstance],
    stacks: Sequence[StackHoldings],
    now: datetime,
) -> None:
    """Raise BadAnswerError for a list that is known to lack instances."""
    from pulumi_cortecs.http.errors import BadAnswerError
    from pulumi_cortecs.lifecycle.orphans import is_past_grace

    rows = [row for stack in stacks for row in stack.rows]
    bought_meanwhile = {row.instance_id for row in rows}
    late = [instance for key, instance in after.items() if key not in before and key not in bought_meanwhile]
    ours = {row.instance_id for row in rows if row.account == account.fingerprint}
    by_id = [account.cloud.get_instance(instance_id) for instance_id in ours - before.keys() - after.keys()]
    if any(
        is_past_grace(instance, now)
        for instance in (*late, *(_listed(account, instance) for instance in by_id if instance is not None))
    ):
        raise BadAnswerError("Cortecs' list of the instances is incomplete, so the command did nothing; try again")


def _listed(account: Account, instance: cortecs.ApiInstance) -> ListedInstance:
    from pulumi_cortecs.cost import BillingInterval
    from pulumi_cortecs.cost.times import parse_time
    from pulumi_cortecs.lifecycle.cloud import UnknownStatusError
    from pulumi_cortecs.lifecycle.listed_instance import ListedInstance

    try:
        phase = account.cloud.phase(instance)
    except UnknownStatusError:
        phase = None
    arguments, status = instance.reported(), instance.instance_status
    interval = arguments.get("billing_interval")
    return ListedInstance(
        instance_id=instance.instance_id,
        arguments=arguments,
        billing_interval=next((item for item in BillingInterval if item.value == interval), None),
        num_workers=None if "num_workers" not in arguments else int(arguments["num_workers"]),
        status=status.status,
        phase=phase,
        started_at=parse_time(status.started_at, default_zone=timezone.utc),
        stopped_at=parse_time(status.stopped_at, default_zone=timezone.utc),
    )
