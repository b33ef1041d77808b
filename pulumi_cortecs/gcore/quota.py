"""The quota and the capacity that an order needs: whether Gcore could carry it out now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from pulumi_cortecs.gcore.client import VENDOR, GcoreClient
from pulumi_cortecs.lifecycle.cloud import OrderProblem
from pulumi_cortecs.provider.kind import Alternative, Inputs, Problem
from pulumi_cortecs.provider.properties import has_unknown

Replicas: TypeAlias = dict[Any, int]
"""Numbers of replicas by region: by its id, or by its name where ids are not known."""

Names: TypeAlias = Mapping[int, str]
"""The names of the regions by id."""
_PLACES: Final = {"flavor_name", "containers"}


def order_problems(client: GcoreClient, inputs: Inputs, current: Inputs | None) -> list[OrderProblem]:
    """The shortfalls of an order or a change, as problems that a later run may not have."""
    return [OrderProblem(short.property, short.reason, is_final=False) for short in shortfalls(client, inputs, current)]


def shortfalls(client: GcoreClient, inputs: Inputs, current: Inputs | None) -> list[Problem]:
    """The reasons why Gcore could not carry out an order, or a change of the running deployment with the `current`
    inputs: a quota, or the room for the replicas that would start at once. Nothing as long as an argument is unknown,
    or a region is none. Raises CloudError."""
    if not inputs.keys() >= _PLACES or has_unknown(inputs["flavor_name"], inputs["containers"]):
        return []
    names = {region.id: region.slug for region in client.regions()}
    if not names.keys() >= replicas_of(inputs, "max", {name: key for key, name in names.items()}).keys():
        return []
    counted = current if current and current.keys() >= _PLACES else {}
    return [*_quota_problems(client, inputs, counted, names), *_room_problems(client, inputs, counted, names)]


def room_by_region(client: GcoreClient) -> dict[int, dict[str, int]]:
    """The number of replicas that can be had now, by region and flavor. Raises CloudError."""
    return {row.region_id: {cell.flavor_name: cell.capacity for cell in row.capacity} for row in client.capacity()}


def replicas_of(inputs: Inputs, end: str, ids: Mapping[str, int]) -> Replicas:
    """The replicas in each region at one `end` of the scale, "min" or "max". `ids` are those of the regions by name."""
    replicas: Replicas = {}
    for one in inputs.get("containers") or ():
        key = region_key(one["region_id"], ids)
        replicas[key] = replicas.get(key, 0) + int(one["scale"][end])  # the host passes every number as a float
    return replicas


def region_key(region: Any, ids: Mapping[str, int]) -> Any:
    """The id of a region that is named by its id or its name; the name where its id is not known."""
    return ids.get(region, region) if isinstance(region, str) else int(region)


def scales_of(inputs: Inputs, names: Names) -> list[dict[str, Any]]:
    """The containers as the API's check of quotas takes them."""
    ids = {name: key for key, name in names.items()}
    least, most = (replicas_of(inputs, end, ids) for end in ("min", "max"))
    return [{"region_id": key, "scale": {"min": least[key], "max": most[key]}} for key in most]


def _quota_problems(client: GcoreClient, inputs: Inputs, current: Inputs, names: Names) -> Iterator[Problem]:
    def requested(of: Inputs) -> dict[str, tuple[int, int, int]]:
        return client.check_limits(of["flavor_name"], scales_of(of, names)).rows

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
    flavor, ids = inputs["flavor_name"], {name: key for key, name in names.items()}
    room = {key: cells[flavor] for key, cells in room_by_region(client).items() if flavor in cells}
    there = replicas_of(current, "min", ids) if current.get("flavor_name") == flavor else {}
    wanted = replicas_of(inputs, "min", ids)
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
