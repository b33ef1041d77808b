"""The tasks of orders, updates and deletions (docs/apis/gcore.md#tasks), which say nothing about containers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pulumi_cortecs.simulator.clock import timestamp

Json = dict[str, Any]
_NULL = (
    "acknowledged_at", "acknowledged_by", "detailed_state", "job_id", "lifecycle_policy_id", "region_id", "request_id",
    "schedule_id", "user_client_id",
)  # fmt: skip
_ACCOUNT = 1


class TaskState(str, Enum):
    """The states of the API."""

    NEW = "NEW"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Task:
    """A task of `seconds`, the first third of them new; it ends with an `error`, or makes what `creates` names."""

    id: str
    kind: str
    project_id: int
    created_at: datetime
    seconds: float
    creates: str = ""
    error: str = ""

    @property
    def starts_at(self) -> datetime:
        """The moment from which it runs."""
        return self.created_at + timedelta(seconds=self.seconds / 3)

    @property
    def ends_at(self) -> datetime:
        """The moment of its end."""
        return self.created_at + timedelta(seconds=self.seconds)

    def state(self, at: datetime) -> TaskState:
        """The state at a moment."""
        if self.ends_at <= at:
            return TaskState.ERROR if self.error else TaskState.FINISHED
        return TaskState.RUNNING if self.starts_at <= at else TaskState.NEW


def task_json(task: Task, at: datetime) -> Json:
    """The answer by id; what was created shows once the task is finished."""
    state = task.state(at)
    created = [task.creates] if task.creates and state is TaskState.FINISHED else []
    has_ended = state in (TaskState.FINISHED, TaskState.ERROR)
    return {
        **dict.fromkeys(_NULL),
        "id": task.id,
        "task_type": task.kind,
        "state": state.value,
        "client_id": _ACCOUNT,
        "user_id": _ACCOUNT,
        "project_id": task.project_id,
        "created_on": timestamp(task.created_at),
        "updated_on": timestamp(min(at, task.ends_at)),
        "finished_on": timestamp(task.ends_at) if has_ended else None,
        "created_resources": {"inference_instances": created} if created else None,
        "data": None,
        "error": task.error if state is TaskState.ERROR else None,
    }
