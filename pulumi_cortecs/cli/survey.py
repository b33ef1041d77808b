"""The instances of the accounts and the rows of the stacks: one complete survey of each account, or its error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pulumi_cortecs.cli.output import exit_failed, print_error, print_lines

if TYPE_CHECKING:
    from pulumi_cortecs.cost import Money
    from pulumi_cortecs.lifecycle.holdings import StackHoldings, StackResource
    from pulumi_cortecs.lifecycle.journal import Journal
    from pulumi_cortecs.lifecycle.listed_instance import ListedInstance
    from pulumi_cortecs.provider.accounts import Account
    from pulumi_cortecs.provider.kind import InstanceKind
    from pulumi_cortecs.stacks.selection import StackSelection

Key = tuple[str, str]
"""A cloud and an id: two clouds may have one id."""

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
Cloud = Annotated[
    list[str] | None,
    typer.Option(
        "--cloud", help="A cloud to ask; once for each.", show_default="all with credentials in the environment"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True)
class Survey:
    """One survey of one account. The list was requested before the states, and `stacks` has their rows of this cloud
    only. `vendor_now` is by the vendor's clock, which dates its runs and the `expires_at` of states. `labels` are by
    instance id: those that the journal of this machine or the vendor has."""

    kind: InstanceKind
    account: Account
    listed: tuple[ListedInstance, ...]
    stacks: tuple[StackHoldings, ...]
    vendor_now: datetime
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def shared(self) -> dict[str, tuple[StackResource, ...]]:
        """The listed instances that several rows own, with those rows."""
        from pulumi_cortecs.lifecycle.holdings import find_shared_instances

        there = {instance.instance_id for instance in self.listed}
        return {key: rows for key, rows in find_shared_instances(self.stacks).items() if key in there}


@dataclass(frozen=True)
class Surveys:
    """The surveys of all clouds that were asked for. `errors` are those of the clouds that could not be surveyed, by
    the cloud's name, and `stacks` are the complete states."""

    accounts: tuple[Survey, ...]
    errors: Mapping[str, str]
    stacks: tuple[StackHoldings, ...]

    @property
    def has_several(self) -> bool:
        """True if more than one cloud was asked for."""
        return len(self.accounts) + len(self.errors) > 1

    @property
    def listed(self) -> int:
        """The number of everything that was listed."""
        return sum(len(survey.listed) for survey in self.accounts)

    @property
    def names(self) -> str:
        """The accounts, for a person."""
        names = ", ".join(survey.account.fingerprint for survey in self.accounts)
        return names if len(self.accounts) == 1 else f"{len(self.accounts)} accounts ({names})"

    @property
    def has_shared(self) -> bool:
        """True if several rows own one instance."""
        return any(survey.shared for survey in self.accounts)

    def as_json(self) -> dict[str, object]:
        """The accounts and the stacks, for JSON. `account` and `checked_at` are null where there are several."""
        accounts = [
            {
                "cloud": survey.kind.cloud,
                "account": survey.account.fingerprint,
                "checked_at": timestamp(survey.vendor_now),
                "instances": len(survey.listed),
            }
            for survey in self.accounts
        ]
        only = accounts[0] if not self.has_several else {"account": None, "checked_at": None}
        return {
            "account": only["account"],
            "checked_at": only["checked_at"],
            "instances": self.listed,
            "accounts": accounts,
            "errors": [{"cloud": cloud, "error": error} for cloud, error in self.errors.items()],
            "stacks": stacks_as_json(self.stacks),
        }


def stack_selection(
    stacks: list[str] | None, all_stacks: bool, backend_urls: list[str] | None, directory: Path
) -> StackSelection:
    """The selected stacks. Raises BadParameter for contradicting options."""
    from pulumi_cortecs.stacks.selection import StackSelection

    if stacks and all_stacks:
        raise typer.BadParameter("--stack and --all-stacks: give one of them")
    return StackSelection(stacks or [], all_stacks, backend_urls or [], directory)


def take_surveys(where: StackSelection, clouds: list[str] | None) -> Surveys:
    """List the accounts, read every stack, and list the accounts again. An error of one cloud is in `errors` if another
    one could be surveyed. Raises CloudError and StacksError."""
    from pulumi_cortecs.http.errors import CloudError

    begun: list[tuple[InstanceKind, Account, Mapping[str, ListedInstance]]] = []
    warned: set[str] = set()
    errors: dict[str, CloudError] = {}
    for kind in chosen_kinds(clouds):
        try:
            account = environment_account(kind, warned)
            begun.append((kind, account, _list(kind, account)))
        except CloudError as error:
            errors[kind.cloud] = error
    if not begun:
        raise next(iter(errors.values()))
    stacks = where.read()
    surveys: list[Survey] = []
    for kind, account, before in begun:
        try:
            surveys.append(_complete_survey(kind, account, before, stacks))
        except CloudError as error:
            errors[kind.cloud] = error
    if not surveys:
        raise next(iter(errors.values()))
    texts = {cloud: str(error) for cloud, error in errors.items()}
    for cloud, text in texts.items():
        print_error(f"Error: {cloud}: {text}")
    return Surveys(tuple(surveys), texts, stacks)


def chosen_kinds(clouds: list[str] | None) -> list[InstanceKind]:
    """The named clouds, or all those with credentials in the environment. Raises BadParameter for an unknown name, and
    ConfigurationError without credentials."""
    from pulumi_cortecs import _abi
    from pulumi_cortecs.http.errors import ConfigurationError

    kinds = _abi.instance_kinds()
    if unknown := [name for name in clouds or () if name not in kinds]:
        raise typer.BadParameter(f"--cloud: got {', '.join(unknown)}; allowed: {', '.join(kinds)}")
    asked = [kinds[name] for name in dict.fromkeys(clouds)] if clouds else list(kinds.values())
    with_credentials = [kind for kind in asked if any(os.environ.get(key.variable) for key in kind.credentials.parts)]
    without = [kind for kind in asked if kind not in with_credentials]
    if without and (clouds or not with_credentials):
        missing = (
            f"no {kind.vendor} credentials: set {' and '.join(key.variable for key in kind.credentials.parts)} in the "
            "environment"
            for kind in without
        )
        raise ConfigurationError(f"{'; '.join(missing)}; this command reads no stack's config")
    return with_credentials


def environment_account(kind: InstanceKind, warned: set[str]) -> Account:
    """The account of the environment at a cloud; no stack's config is read. It warns of variables that cannot be used,
    and of a user without a home, except by the texts in `warned`. Raises ConfigurationError."""
    from pulumi_cortecs.lifecycle.journal import journal_directory
    from pulumi_cortecs.lifecycle.state_directory import DIRECTORY_VARIABLE, NOWHERE
    from pulumi_cortecs.provider import accounts

    account = accounts.account(kind, {})
    texts = [f"{problem}. This command ignores it" for problem in account.problems]
    if journal_directory(os.environ) == NOWHERE:
        texts.append(f"this user has no home, so there is no journal; {DIRECTORY_VARIABLE} names a folder for it")
    for text in (text for text in texts if text not in warned):
        print_error(f"Warning: {text}")
    warned.update(texts)
    return account


def find_account(accounts: Mapping[str, Account], instance_id: str) -> str:
    """The cloud of the account that has the instance, "" if none has it. Raises CloudError, and BadParameter if several
    have it."""
    clouds = [cloud for cloud, account in accounts.items() if account.find(instance_id) is not None]
    require_one_cloud(instance_id, clouds)
    return "".join(clouds)


def require_one_cloud(instance_id: str, clouds: Sequence[str]) -> None:
    """Raise BadParameter for an id that several clouds have."""
    if len(clouds) > 1:
        raise typer.BadParameter(f"{instance_id}: {' and '.join(clouds)} have it; name one of them with --cloud")


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


def run_for_each(keys: Sequence[Key], act: Callable[[Key], object]) -> dict[Key, str]:
    """Run an action for each instance, several at a time. Returns the error of each instance, "" for none."""
    from pulumi_cortecs.http.errors import CloudError
    from pulumi_cortecs.lifecycle.cloud import UnknownStatusError
    from pulumi_cortecs.lifecycle.deletion import DeletionUnconfirmedError

    def outcome(key: Key) -> str:
        try:
            act(key)
        except (CloudError, DeletionUnconfirmedError, UnknownStatusError) as error:
            return f"it may still be billed: {error}"
        return ""

    with ThreadPoolExecutor(_MAX_PARALLEL) as pool:
        return dict(zip(keys, pool.map(outcome, keys), strict=True))


def print_outcomes(outcomes: Mapping[Key, str], done: str) -> None:
    """Print the outcome of each instance."""
    for (_, instance_id), error in outcomes.items():
        if error:
            print_error(f"Error: {instance_id}: {error}")
        else:
            print_lines(f"{instance_id} {done}")


def money_text(amount: Money | None, *, is_at_most: bool = False) -> str:
    """The amount for a person; nothing is not called the most."""
    if amount is None:
        return "unknown"
    return f"at most {amount}" if is_at_most and amount.amount else str(amount)


def stacks_as_json(stacks: tuple[StackHoldings, ...]) -> list[dict[str, object]]:
    """The stacks for JSON."""
    return [
        {
            "stack": stack.name,
            "backend": stack.backend,
            "instances": len({(row.resource_type, row.instance_id) for row in stack.rows if row.is_owner}),
            "pending": [purchase.name for purchase in stack.pending],
            "locked": stack.updating,
        }
        for stack in stacks
    ]


def print_shared(surveys: Surveys) -> None:
    """Print each instance that several rows own."""
    from pulumi_cortecs.lifecycle.holdings import row_names

    for survey in surveys.accounts:
        for instance_id, rows in survey.shared.items():
            print_lines(
                f"{instance_id} is owned by {row_names(rows)}, so this command never deletes it. `pulumi state delete` "
                "removes it from one of them, and deletes nothing"
            )


def shared_as_json(surveys: Surveys) -> list[dict[str, object]]:
    """The instances that several rows own, for JSON."""
    return [
        {"cloud": survey.kind.cloud, "id": instance_id, "owners": owners(rows)}
        for survey in surveys.accounts
        for instance_id, rows in survey.shared.items()
    ]


def owners(rows: Sequence[StackResource]) -> list[dict[str, object]]:
    """The rows for JSON."""
    return [{"stack": row.stack, "name": row.name, "protected": row.protected} for row in rows]


def labels_column(pairs: Sequence[tuple[Survey, ListedInstance]]) -> list[str]:
    """The labels of each instance for a table; empty if none has any."""
    from pulumi_cortecs.lifecycle.labels import labels_text

    labels = [labels_text(survey.labels.get(instance.instance_id, {})) for survey, instance in pairs]
    return labels if any(labels) else []


def instance_as_json(instance: ListedInstance, survey: Survey) -> dict[str, object]:
    """An instance for JSON; null for values that the vendor leaves out. An argument that has the name of another field
    is prefixed: the `cloud` of an order at Shadeform is `shadeform_cloud`."""
    is_instance = instance.noun == "instance"
    keys = survey.kind.arguments.purchased if is_instance else instance.arguments
    fields = {
        "cloud": survey.kind.cloud,
        "id": instance.instance_id,
        **({} if is_instance else {"kind": instance.noun}),
    }
    return {
        **fields,
        **{f"{survey.kind.cloud}_{key}" if key in fields else key: instance.arguments.get(key) for key in keys},
        "status": instance.status,
        "started_at": timestamp(instance.started_at),
        "labels": dict(survey.labels.get(instance.instance_id, {})),
    }


def timestamp(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    from pulumi_cortecs.cost.times import utc_seconds_text

    return None if at is None else utc_seconds_text(at)


def labels_by_id(account: Account) -> dict[str, Mapping[str, str]]:
    """The labels of instances. The vendor's count more: another machine may have changed them."""
    from pulumi_cortecs.lifecycle.cloud import HasLabels
    from pulumi_cortecs.lifecycle.journal import JournalError

    labels: dict[str, Mapping[str, str]] = {}
    try:
        labels |= {key: of_order.merged for key, of_order in open_journal().labels(account.fingerprint).items()}
    except JournalError as error:
        print_error(f"Warning: {error}: the labels in the journal of this machine are not shown")
    if isinstance(account.cloud, HasLabels):
        listed = account.poller.snapshot(max_age=float("inf")).instances
        labels |= {key: {**labels.get(key, {}), **account.cloud.labels_of(item)} for key, item in listed.items()}
    return labels


def _list(kind: InstanceKind, account: Account) -> dict[str, ListedInstance]:
    """Everything that costs money in the account, by its id."""
    listed = account.poller.snapshot(max_age=0.0).instances
    instances = _describe(kind, account, listed.values())
    others = [item for other in kind.other_purchases for item in other.listed(account.cloud)]
    return {item.instance_id: item for item in (*instances, *others)}


def _describe(kind: InstanceKind, account: Account, instances: Iterable[Any]) -> list[ListedInstance]:
    from pulumi_cortecs.lifecycle.listed_instance import describe_instance
    from pulumi_cortecs.provider.arguments import updatable_by_vendor

    price, now, table = _price_reader(account), account.vendor_now(), kind.arguments
    names = (*table.replacing, *updatable_by_vendor(table))

    def shown(item: Any) -> list[str]:  # that there is no secret is none
        reported = account.cloud.reported_inputs(item)
        return [
            key for key in names if not table[key].secret or (key in reported and table.is_default(key, reported[key]))
        ]

    return [describe_instance(account.cloud, item, shown(item), now, price) for item in instances]


def _price_reader(account: Account) -> Callable[[Any], Money | None]:
    """A function that returns the hourly price of an instance, None where it is unknown. The first error is the last
    request: a thousand instances do not ask a thousand times."""
    from pulumi_cortecs.http.errors import CloudError

    is_unreachable = False

    def hourly_price(instance: Any) -> Money | None:
        nonlocal is_unreachable
        billed = account.cloud.billed_price(instance)
        if billed is not None or is_unreachable:
            return billed
        try:
            return account.cloud.hourly_price(instance)
        except CloudError:
            is_unreachable = True
            return None

    return hourly_price


def _complete_survey(
    kind: InstanceKind, account: Account, before: Mapping[str, ListedInstance], stacks: Sequence[StackHoldings]
) -> Survey:
    """The survey of an account that was listed before the states were read. Raises CloudError."""
    own_stacks = tuple(stack.of_types(kind.tokens, account.fingerprint) for stack in stacks)
    after = _list(kind, account)
    _require_complete(kind, account, before, after, own_stacks)
    # a concurrent `destroy` has removed its deleted instances from the state
    listed = (after.get(key) or (item if _still_exists(account, item) else None) for key, item in before.items())
    instances = tuple(item for item in listed if item is not None)
    return Survey(kind, account, instances, own_stacks, account.vendor_now(), labels_by_id(account))


def _still_exists(account: Account, item: ListedInstance) -> bool:
    return item.noun == "instance" and account.find(item.instance_id) is not None


def _require_complete(
    kind: InstanceKind,
    account: Account,
    before: Mapping[str, ListedInstance],
    after: Mapping[str, ListedInstance],
    stacks: Sequence[StackHoldings],
) -> None:
    """Raise BadAnswerError for a list that is known to lack instances."""
    from pulumi_cortecs.http.errors import BadAnswerError
    from pulumi_cortecs.lifecycle.orphans import is_past_grace

    rows = [row for stack in stacks for row in stack.rows]
    bought_meanwhile = {row.instance_id for row in rows}
    late = [item for key, item in after.items() if key not in before and key not in bought_meanwhile]
    ours = {row.instance_id for row in rows if row.account == account.fingerprint and row.resource_type == kind.token}
    by_id = [account.cloud.get_instance(instance_id) for instance_id in ours - before.keys() - after.keys()]
    late += _describe(kind, account, [instance for instance in by_id if instance is not None])
    now = account.vendor_now()
    if any(is_past_grace(item, now) for item in late):
        raise BadAnswerError(
            f"{kind.possessive} list of the instances is incomplete, so the command did nothing; try again"
        )
