"""The engine as far as a life cycle needs one: what it calls for a program, and what it writes into its state when.

A row is in the state as soon as the call that made it has returned and the engine still lives; a creation that never
returned stays as a pending operation. Deletions come last, and only if everything before them went well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pulumi_cortecs.provider.arguments import LIFE_CYCLE
from pulumi_cortecs.resources.constructor import service_digest
from tests.clouds.case import Arguments, CloudCase
from tests.clouds.cortecs import CORTECS
from tests.stateful.crowd import Crowd, Killed, Process, Task
from tests.stateful.hosts import Host

_CHILD = "endpoint of "
DATA = "data of "
"""The beginning of the names of volumes. They are there before the Instances, and go after them."""
_READY_TIMEOUT = 40


@dataclass
class Row:
    """An Instance in a state with its Endpoint, None as long as there is none. `doomed`: it was replaced. `deleting`:
    its deletion has begun, and no end of it is known; `to_go`: a command has tried to delete it."""

    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    doomed: bool = False
    deleting: bool = False
    to_go: bool = False
    endpoint: Endpoint | None = None


@dataclass
class Endpoint:
    """An Endpoint in a state."""

    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


@dataclass
class Stack:
    """A stack's program and state. `pending` are the creations without an end in the state: those that a run with a
    killed engine has begun stay there until `clear_pending`. `machine` runs its commands; `replace` has the names of
    the resources that the next `up` replaces (`--replace`)."""

    name: str
    program: dict[str, Arguments] = field(default_factory=dict)
    delete_first: bool = False
    rows: list[Row] = field(default_factory=list)
    pending: list[tuple[str, Arguments]] = field(default_factory=list)
    owned: set[str] = field(default_factory=set)
    """All ids that it ever had."""
    project: str = "tests"
    machine: int = 0
    replace: set[str] = field(default_factory=set)
    of: CloudCase = CORTECS
    """The cloud that its Instances are in."""

    def urn(self, name: str) -> str:
        """The URN of an Instance in this stack, of its Endpoint, or of a volume."""
        token = self.of.token
        kind = f"{token}${self.of.endpoint_token}" if name.startswith(_CHILD) else token
        kind = self.of.volume_token if name.startswith(DATA) else kind
        return f"urn:pulumi:{self.name}::{self.project}::{kind}::{name.removeprefix(_CHILD).removeprefix(DATA)}"

    def row(self, name: str) -> Row | None:
        """The row of a resource that is not about to go."""
        return next((row for row in self.rows if row.name == name and not row.doomed), None)

    def forget(self, name: str) -> None:
        """`pulumi state delete --target-dependents` of an Instance."""
        self.rows = [row for row in self.rows if row.name != name]

    def clear_pending(self) -> None:
        """`pulumi refresh --clear-pending-creates`, as far as it is not a refresh."""
        self.pending.clear()


class StepError(Exception):
    """A step of the engine's failed. The text is the provider's."""


class Run(Process):
    """One command of the engine with a provider of its own. `point` is called for every answer before it is acted
    upon, and for every change of the state; `gone` for each id that does not exist according to a read or a deletion;
    `failed` for every failed creation of an Instance: its stack, name, inputs, start, and the provider's text."""

    def __init__(
        self,
        crowd: Crowd,
        stack: Stack,
        host: Callable[[Run], Host],
        point: Callable[[Run, str, str], None],
        gone: Callable[[str, str], None],
        failed: Callable[[Stack, str, Arguments, float, str], None],
    ) -> None:
        self._crowd = crowd
        self.stack = stack
        self.host = host(self)
        self.cancelled = False
        self.errors: list[str] = []
        self._point = point
        self._gone = gone
        self._failed = failed

    @property
    def failed(self) -> bool:
        """True if the command failed."""
        return self.dead or bool(self.errors) or self.cancelled or self.host.killed

    def up(self, *, refresh: bool) -> None:
        """`pulumi up`."""
        if refresh and not self._refresh_all():
            return
        program = self.stack.program
        if any(name.startswith(DATA) for name in program):
            data = [(name, arguments) for name, arguments in program.items() if name.startswith(DATA)]
            if not self._run_steps(data, lambda item: self._instance(*item)):
                return
            program = {
                name: self._with_ids(arguments) for name, arguments in program.items() if (name, arguments) not in data
            }
        if not self._run_steps(program.items(), lambda item: self._apply(*item)):
            return
        self._delete_rows([row for row in self.stack.rows if row.doomed or row.name not in self.stack.program])

    def refresh(self) -> None:
        """`pulumi refresh`."""
        self._refresh_all()

    def destroy(self, *, refresh: bool) -> None:
        """`pulumi destroy`."""
        if not refresh or self._refresh_all():
            self._delete_rows(list(self.stack.rows))

    def _refresh_all(self) -> bool:
        return self._run_steps(list(self.stack.rows), self._read)

    def _delete_rows(self, rows: list[Row]) -> bool:
        data = [row for row in rows if row.name.startswith(DATA)]
        gone = self._run_steps([row for row in rows if row not in data], self._delete_row)
        return gone and (not data or self._run_steps(data, self._delete_row))

    def _with_ids(self, arguments: Arguments) -> Arguments:
        """The arguments with the ids of volumes in place of their names."""
        rows = {row.name: row.id for row in self.stack.rows}
        return {**arguments, "volume_ids": [rows[name] for name in arguments["volume_ids"]]}

    def _run_steps(self, items: Iterable[Any], step: Callable[[Any], None]) -> bool:
        """Runs steps at the same time; returns whether all of them succeeded and the next may begin."""

        def make_step(item: Any) -> Callable[[], None]:
            def work() -> None:
                if self.cancelled:
                    return
                try:
                    step(item)
                except StepError as error:
                    self.errors.append(str(error))

            return work

        tasks: list[Task] = [self._crowd.spawn(make_step(item), self) for item in items]
        self._crowd.join(tasks)
        for task in tasks:
            if task.error is not None and not isinstance(task.error, Killed):
                raise task.error
        return not self.errors and not self.cancelled

    def _apply(self, name: str, arguments: Arguments) -> None:
        row = self._instance(name, arguments)
        if not self.cancelled:
            self._endpoint(row)

    def _instance(self, name: str, arguments: Arguments) -> Row:
        row = self.stack.row(name)
        if row is not None and name in self.stack.replace:  # with one check, as of something new, and without a diff
            return self._replace(row, arguments)
        inputs = self._check_inputs(name, {} if row is None else row.inputs, arguments)
        if row is None:
            return self._create(name, inputs)
        diff = self._call("Diff", name, id=row.id, olds=row.outputs, news=inputs)
        if diff.replaces:
            return self._replace(row, arguments)
        if diff.changes is not False:
            outputs = self._call("Update", name, id=row.id, olds=row.outputs, news=inputs).outs
            row.outputs = dict(outputs)
        row.inputs = inputs
        self._point(self, "saved", "Update")
        return row

    def _replace(self, old: Row, arguments: Arguments) -> Row:
        inputs = self._check_inputs(old.name, {}, arguments)
        if self.stack.delete_first:
            self._delete_row(old, of_replacement=True)
            new = self._create(old.name, inputs)
        else:
            new = self._create(old.name, inputs, replaces=old)
        new.endpoint, old.endpoint = old.endpoint, None
        return new

    def _check_inputs(self, name: str, olds: Arguments, news: Arguments) -> dict[str, Any]:
        checked = self._call("Check", name, olds=olds, news=news)
        if checked.failures:
            raise StepError("; ".join(f"{failure.property}: {failure.reason}" for failure in checked.failures))
        return dict(checked.inputs)

    def _create(self, name: str, inputs: dict[str, Any], replaces: Row | None = None) -> Row:
        pending, began_at = (name, inputs), self._crowd.now
        self.stack.pending.append(pending)
        try:
            made = self._call("Create", name, properties=inputs)
        except StepError as error:  # also when the provider died: an engine that lives knows that the step has ended
            self.stack.pending.remove(pending)
            self._failed(self.stack, name, inputs, began_at, str(error))
            raise
        self.stack.pending.remove(pending)
        row = Row(name, made.id, inputs, dict(made.outs))
        if replaces is not None:
            replaces.doomed = True
        self.stack.rows.append(row)
        self.stack.owned.add(row.id)
        self._point(self, "saved", "Create")
        return row

    def _endpoint(self, row: Row) -> None:
        kind = self.stack.of.kind()
        service = {key: row.outputs[key] for key in kind.arguments.interrupting if key in row.outputs}
        inputs: dict[str, Any] = {
            "instance_id": row.id,
            "state": row.outputs["state"],
            "spec_digest": service_digest(kind.arguments, service),
            "ready_timeout": _READY_TIMEOUT,
            **{key: row.inputs[key] for key in kind.endpoint_arguments if key in row.inputs},
        }
        if row.outputs["on_timeout"] != LIFE_CYCLE["on_timeout"].default:
            inputs["on_timeout"] = row.outputs["on_timeout"]
        old = row.endpoint
        inputs = self._check_inputs(_child(row.name), {} if old is None else old.inputs, inputs)
        if old is None:
            made = self._call("Create", _child(row.name), properties=inputs)
            row.endpoint = Endpoint(made.id, inputs, dict(made.outs))
            return
        diff = self._call("Diff", _child(row.name), id=old.id, olds=old.outputs, news=inputs)
        if diff.changes is not False:
            old.outputs = dict(self._call("Update", _child(row.name), id=old.id, olds=old.outputs, news=inputs).outs)
        old.inputs = inputs

    def _read(self, row: Row) -> None:
        was = row.inputs
        read = self._call("Read", row.name, id=row.id, properties=row.outputs)
        if not read.id:
            self._gone(row.id, "a refresh")
            self.stack.rows.remove(row)
            self._point(self, "saved", "Read")
            return
        row.inputs, row.outputs = dict(read.inputs), dict(read.outs)
        self._call("Diff", row.name, id=row.id, olds=row.outputs, news=was)
        if row.endpoint is None:
            return
        read = self._call("Read", _child(row.name), id=row.endpoint.id, properties=row.endpoint.outputs)
        if not read.id:
            self._gone(str(row.endpoint.outputs["instance_id"]), "an Endpoint's refresh")
            row.endpoint = None
        else:
            row.endpoint.inputs, row.endpoint.outputs = dict(read.inputs), dict(read.outs)

    def _delete_row(self, row: Row, *, of_replacement: bool = False) -> None:
        if row.endpoint is not None and not of_replacement:
            self._call("Delete", _child(row.name), id=row.endpoint.id, properties=row.endpoint.outputs)
            row.endpoint = None
        row.deleting = row.to_go = True
        try:
            self._call("Delete", row.name, id=row.id, properties=row.outputs)
        except StepError:
            row.deleting = False
            raise
        self._gone(row.id, "a deletion")
        self.stack.rows.remove(row)
        self._point(self, "saved", "Delete")

    def _call(self, method: str, name: str, **request: Any) -> Any:
        """A call of the provider's. Raises StepError, and Killed when the engine is dead."""
        if self.host.dead:
            raise StepError("the provider is gone")
        try:
            answer = self.host.call(method, self.stack.urn(name), **request)
        except Killed:
            if self.dead:
                raise
            self._crowd.moved_to(self)
            raise StepError("the provider died") from None
        except Exception as error:
            if not type(error).__module__.startswith("pulumi_cortecs."):
                raise
            self._crowd.moved_to(self)
            raise StepError(str(error)) from error
        self._crowd.moved_to(self)
        self._point(self, "returned", method)
        return answer


def _child(name: str) -> str:
    return f"{_CHILD}{name}"
