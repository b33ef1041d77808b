"""The contract of a simulated cloud, which its folder in this package implements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from pulumi_cortecs.simulator.control_client import RowReaders
from pulumi_cortecs.simulator.openai_api import ModelLookup
from pulumi_cortecs.simulator.world import World


@dataclass(frozen=True)
class OpenCloud:
    """A cloud that is part of a world: its routes, and the lookup of the models that its instances serve."""

    routers: Sequence[APIRouter]
    find_served_model: ModelLookup


@dataclass(frozen=True)
class Vendor:
    """One cloud for the shared parts; `clouds` adds its settings and its control methods.

    `open` makes it a part of a world. `environment` has the variables that point its clients at a simulator's URL.
    `arguments` are the names and types of an order's arguments; faults match by those in `matched_by`. An instance runs
    after `boot_steps` steps of its boot. `rows` reads the cloud's rows in the answers of `/_sim`. `hosts` are the
    vendor's own, for clients whose URL cannot be changed.
    """

    name: str
    open: Callable[[World], OpenCloud]
    environment: Callable[[str], Mapping[str, str]]
    arguments: Mapping[str, type]
    matched_by: Sequence[str]
    boot_steps: int
    rows: RowReaders
    hosts: Sequence[str] = ()
