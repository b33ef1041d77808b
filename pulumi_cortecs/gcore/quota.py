"""The quota, the capacity and the names that an order needs: whether Gcore could carry it out now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

from pulumi_cortecs.gcore.client import VENDOR, GcoreClient
from pulumi_cortecs.http.errors import CloudError, none_if_unknown
from pulumi_cortecs.lifecycle.cloud import OrderProblem
from pulumi_cortecs.provider.kind import Alternative, Inputs, Problem
from pulumi_cortecs.provider.properties import has_unknown

Replicas: TypeAlias = dict[Any, int]
"""Numbers of replicas by region: by its id, or by its name where ids are not known."""

Names: TypeAlias = Mapping[int, str]
"""The names of the regions by id."""
_OF_PROGRAM: Final = "; one that the program creates comes first where its resource's `name` is passed"
_PLACES: Final = {"flavor_name", "containers"}


def order_problems(client: GcoreClient, inputs: Inputs, current: Inputs | None) -> list[OrderProblem]:
    """The shortfalls of an order or a change, and the names in it that nothing has, as problems that a later run may
    not have."""
    names = _used_names(inputs) - _used_names(current or {})
    missing = [
        OrderProblem(argument, f"{VENDOR} has no {word} {name!r} in this project{_OF_PROGRAM}", False, (kind, name))
        for argument, kind, word, name in sorted(names)
        if not _has(client, kind, name)
    ]
    short = shortfalls(client, inputs, current)
    return [*missing, *(OrderProblem(problem.property, problem.reason, is_final=False) for problem in short)]


def shortfalls(client: GcoreClient, inputs: Inputs, current: Inputs | None) -> list[Problem]:
    """The reasons why Gcore could not carry out an order, or a change of the running deployment with the `current`
    inputs: a quota, or the room for the replicas that would start at once. Nothing as long as an argument is unknown,
    or a region is none. Raises CloudError."""
    if not inputs.keys() >= _PLACES or has_unknown(inputs["flavor_name"], inputs["containers"]):
        return []
    names = {region.id: region.slug for region in client.regions()}
    if not names.keys() >= replicas_of(inputs, "max", names).keys():
        return []
    counted = current if current and current.keys() >= _PLACES else {}
    return [*_quota_problems(client, inputs, counted, names), *_room_problems(client, inputs, counted, names)]


def room_by_region(client: GcoreClient) -> dict[int, dict[str, int]]:
    """The number of replicas that can be had now, by region and flavor. Raises CloudError."""
    return {row.region_id: {cell.flavor_name: cell.capacity for cell in row.capacity} for row in client.capacity()}


def replicas_of(inputs: Inputs, end: str, names: Names) -> Replicas:
    """The replicas in each region at one `end` of the scale, "min" or "max"."""
    replicas: Replicas = {}
    for one in inputs.get("containers") or ():
        key = region_key(one["region_id"], names)
        replicas[key] = replicas.get(key, 0) + int(one["scale"][end])  # the host passes every number as a float
    return replicas


def region_key(region: Any, names: Names) -> Any:
    """The id of a region that is named by its id or its name; the name where its id is not known."""
    if not isinstance(region, str):
        return int(region)
    return next((key for key, name in names.items() if name == region), region)


def _has(client: GcoreClient, kind: str, name: str) -> bool:
    """Returns whether the project has a plain resource of this name; True where that cannot be found out. One that the
    same run has just created may be in no list yet."""
    with suppress(CloudError):
        return name in client.all_of(kind) or none_if_unknown(lambda: client.one_of(kind, name)) is not None
    return True


def _used_names(inputs: Inputs) -> set[tuple[str, str, str, str]]:
    """The names of plain resources in these inputs, as far as they are known: each with its argument, and the kind as
    the client and as a text calls it."""
    keys, login, rows = (
        [] if not inputs.get(key) or has_unknown(inputs[key]) else inputs[key]
        for key in ("api_keys", "credentials_name", "containers")
    )
    queues = [(row["scale"].get("triggers") or {}).get("sqs") for row in rows]
    return {
        *(("api_keys", "api_keys", "API key", str(name)) for name in keys),
        *(("credentials_name", "registry_credentials", "registry credential", name) for name in [login] if name),
        *(("containers", "secrets", "secret", str(queue["secret_name"])) for queue in queues if queue),
    }


def _quota_problems(client: GcoreClient, inputs: Inputs, current: Inputs, names: Names) -> Iterator[Problem]:
    def requested(of: Inputs) -> dict[str, tuple[int, int, int]]:
        least, most = (replicas_of(of, end, names) for end in ("min", "max"))
        scales = [{"region_id": key, "scale": {"min": least[key], "max": most[key]}} for key in most]
        return client.check_limits(of["flavor_name"], scales).rows

    counted = requested(current) if current else {}
    for name, (limit, used, wanted) in requested(inputs).items():
        more = wanted - counted.get(name, (0, 0, 0))[2]
        if more > 0 and used + more > limit:
            none = ", as on every new account" if limit == 0 else f", of which {used} are in use"
            text = (
                f"{more} more of {name} are needed, and the quota is {limit}{none}; ask for more in {VENDOR}'s portal, "
                "at Quotas, or its support: it mostly answers within 15 minutes"
            )
            yield Problem("flavor_name", text)


def _room_problems(client: GcoreClient, inputs: Inputs, current: Inputs, names: Names) -> Iterator[Problem]:
    flavor = inputs["flavor_name"]
    room = {key: cells[flavor] for key, cells in room_by_region(client).items() if flavor in cells}
    there = replicas_of(current, "min", names) if current.get("flavor_name") == flavor else {}
    wanted = replicas_of(inputs, "min", names)
    for number, (key, least) in enumerate(wanted.items()):
        more = max(least, 1) - (max(there[key], 1) if key in there else 0)
        if more > room.get(key, more):
            free = {name: room.get(other, 0) for other, name in names.items() if other not in wanted}
            where = f"{names.get(key, key)} has room for {room[key]} replicas of {flavor}"
            yield Problem(
                "containers", f"{where}, and {more} would start at once", _elsewhere(inputs, number, more, free)
            )


def _elsewhere(inputs: Inputs, number: int, more: int, free: Mapping[str, int]) -> tuple[Alternative, ...]:
    """The same with another region in place of one, those with the most room first."""
    containers = inputs["containers"]
    return tuple(
        Alternative(f"{name} (room for {room})", {**inputs, "containers": moved})
        for name, room in sorted(free.items(), key=lambda one: (-one[1], one[0]))
        if room >= more
        for moved in [[*containers[:number], {**containers[number], "region_id": name}, *containers[number + 1 :]]]
    )
