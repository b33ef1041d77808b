"""All deployments in their true state, and as late answers show them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pulumi_cortecs.simulator.gcore.deployments import Deployment, deployment_id
from pulumi_cortecs.simulator.lags import NO_LAG, Lag

Json = dict[str, Any]


@dataclass(frozen=True)
class Echo:
    """An answer of the past that is still given for a while, also if the deployment has gone."""

    project_id: int
    answer: Json
    listed_until: datetime
    found_until: datetime


class Fleet:
    """The deployments by their ids, in the order of their creation, and the echoes of changed ones."""

    def __init__(self, deployments: MutableMapping[str, Deployment], echoes: MutableMapping[str, Echo]):
        self._deployments = deployments
        self._echoes = echoes

    def __iter__(self) -> Iterator[Deployment]:
        return iter(list(self._deployments.values()))

    def get(self, instance_id: str) -> Deployment | None:
        """A deployment in its true state."""
        return self._deployments.get(instance_id)

    def find(self, project_id: int, name: str) -> Deployment | None:
        """A deployment in its true state."""
        return self.get(deployment_id(project_id, name))

    def put(self, deployment: Deployment) -> Deployment:
        """Add a deployment, or replace its state."""
        self._deployments[deployment.id] = deployment
        return deployment

    def remove(self, deployment: Deployment) -> None:
        """Remove a deployment; only its echo can still show it."""
        del self._deployments[deployment.id]

    def clear(self) -> None:
        """Remove all deployments."""
        self._deployments.clear()
        self._echoes.clear()

    def due(self, now: datetime) -> Deployment | None:
        """The deployment with the first change that is due by `now`."""
        changes = [(deployment.next_change, deployment) for deployment in self._deployments.values()]
        due = [(moment, deployment) for moment, deployment in changes if moment is not None and moment <= now]
        return min(due, key=lambda change: change[0])[1] if due else None

    def keep_echo(self, deployment: Deployment, answer: Json, since: datetime, lag: Lag) -> None:
        """Keep giving this answer for the time of `lag`, in place of an earlier echo; without a lag there is none."""
        self._echoes.pop(deployment.id, None)
        if lag == NO_LAG:
            return
        until = [since + timedelta(seconds=seconds) for seconds in (lag.in_lists, lag.by_id)]
        self._echoes[deployment.id] = Echo(deployment.project_id, answer, *until)

    def echo_by_id(self, project_id: int, name: str, now: datetime) -> Json | None:
        """The late answer by name, or None."""
        echo = self._echoes.get(deployment_id(project_id, name))
        return echo.answer if echo is not None and echo.found_until > now else None

    def echoes_in_lists(self, project_id: int, now: datetime) -> dict[str, Json]:
        """The late answers in lists, by the deployments' ids."""
        return {
            instance_id: echo.answer
            for instance_id, echo in self._echoes.items()
            if echo.project_id == project_id and echo.listed_until > now
        }
