"""The reactions of a user to failures, and the check of the books afterwards."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from tests.clouds.case import Arguments
from tests.stateful.engine import Row, Stack
from tests.stateful.scene import Refusal, Scene, Wrong, unlike
from tests.ways_on import tells_of_what_is_left, ways_on

_TRIES: Final = 6
_TRIES_WITH_FAULTS: Final = 2
_UNTIL_THE_VENDOR_IS_DONE: Final = 40.0
_TAKEN: Final = re.compile(r"name: '(\S+?)' exists already")
"""In an error: a name that something else has."""
_UNCHANGED: Final = re.compile(r"(\S+) failed: [^;]*, still reported with another")
"""In an error: an instance that a change in place has not changed."""
_INFERRED: Final = re.compile(r"(\S+) was not (?:changed|stopped): [^;]* has it, and here its id was only inferred")
"""In an error: an instance that another stack has, too."""
_NAMESAKE: Final = re.compile(r"`pulumi state delete --target-dependents \S+::(\S+)` forgets this resource")
"""In an error: the resource whose name another's instance has since."""
_FAILED: Final = re.compile(r"`pulumi up --replace '?(\S+?)'?` orders another one")
"""In an error: the resource whose instance has failed for good."""


class User:
    """A user who goes on after each command.

    `edited_after`: the program was changed while a command was half done, so that its purchases may belong to no
    resource any more. `mends_shared`: two machines buy alike instances, so that one may own an instance of the other
    until its user follows the warning.
    """

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self.scene = scene
        self.edited_after = False
        self.mends_shared = False
        self._chance = chance
        self._adopting: dict[tuple[str, str], Arguments] = {}
        """The arguments before an adoption that a refusal had named, by stack and name."""

    def loses_journal(self) -> None:
        """Loses the journal with its machines. The user runs `orphans` now if the last error advised it: no later
        command will look."""
        scene = self.scene
        names_orphans = any(tells_of_what_is_left(error) for error in scene.reported)
        scene.counts["journal lost"] += 1
        scene.unreadable = 0.0
        scene.lose_journal()
        if names_orphans:
            scene.counts["journal lost after an error that names orphans"] += 1
            scene.quiet()
            scene.delete_orphans()

    def goes_on_with_replacing(self, stack: Stack, names: set[str]) -> None:
        """Makes each `up` until one succeeds replace these resources."""
        stack.replace = {name for name in names if stack.row(name) is not None}

    def goes_on_with_up(self, stacks: list[Stack]) -> None:
        """Runs `up` until it succeeds and shows no more changes, and looks at the books."""
        scene = self.scene
        for stack in stacks:
            self._until_done(stack, "up")
        scene.quiet()
        scene.settle()
        scene.passes(_UNTIL_THE_VENDOR_IS_DONE)
        for stack in stacks:  # what the vendor did to its instances is for a refresh to notice
            self._until_done(stack, "up", tries=_TRIES - _TRIES_WITH_FAULTS)
        if self.mends_shared:
            self._gives_back(stacks)
        self.mind_the_books(stacks)

    def _gives_back(self, stacks: list[Stack]) -> None:
        """Replaces the rows that may be another machine's, as their warning advises, and deletes unowned instances."""
        scene = self.scene
        rows = Counter(row.id for stack in stacks for row in stack.rows)
        for stack in stacks:
            names = {row.name for row in stack.rows if rows[row.id] > 1 and row.outputs.get("inferred")}
            if names:
                scene.counts["inferred, another's, and replaced"] += len(names)
                self.goes_on_with_replacing(stack, names)
                self._until_done(stack, "up", tries=_TRIES - _TRIES_WITH_FAULTS)
        if scene.alive().keys() - rows.keys():
            scene.delete_orphans()
        scene.look_at_shared()

    def _until_done(self, stack: Stack, command: str, tries: int = _TRIES) -> None:
        """Repeats a command until it succeeds: at first with whatever goes wrong, in the end without. A try after which
        another name is given counts only if there were more of them than resources."""
        scene, number, names = self.scene, _TRIES - tries, len(stack.program)
        while number < _TRIES:
            if number == _TRIES_WITH_FAULTS:
                scene.quiet()
            if scene.command(stack, command, refresh=number > 0 or self._chance.random() < 0.5):
                return
            scene.counts[f"{command} again"] += 1
            is_renamed = self._chooses_other_names(stack) and names > 0
            if scene.refusals:
                self.follows_ways_on(scene.refusals)
            elif number >= _TRIES_WITH_FAULTS:
                self._does_what_the_error_says(stack)
            names -= is_renamed
            number += not is_renamed
        scene.note(Wrong.UNRECOVERED, f"{command}: {scene.errors}")

    def _chooses_other_names(self, stack: Stack) -> bool:
        """Gives other names where another row's instance has those that the program gives, or what is kept as foreign,
        or where a replacement could not have the name of what it replaces. Returns whether it has given any."""
        owned = {row.id for other in self.scene.stacks for row in other.rows}
        named = set(_TAKEN.findall(" ".join(self.scene.errors)))
        taken = (owned | self.scene.foreign) & named
        for left in sorted(named - owned - self.scene.foreign):
            has_row = any(stack.row(key) for key, said in stack.program.items() if said.get("name") == left)
            if left in self.scene.alive() and (has_row or self.scene.is_stopped(left)):  # then it cannot be adopted
                self.scene.delete_orphans(left)
        before = stack.program
        for name, arguments in before.items():
            if arguments.get("name") in taken and "adopt_id" not in arguments:
                self.scene.counts["another name given"] += 1
                stack.replace -= {name}  # another name replaces by itself
                stack.program = {**stack.program, name: {**arguments, "name": f"{arguments['name']}-2"}}
        return stack.program is not before

    def _does_what_the_error_says(self, stack: Stack) -> None:
        scene = self.scene
        errors = " ".join(scene.errors)
        scene.settle()
        if "pulumi-cortecs orphans" in errors or "is not known" in errors:
            scene.counts["up again after orphans --delete"] += 1
            scene.delete_orphans()
        if "was not ready" in errors:
            scene.counts["stuck, and stopped in the console"] += scene.stop_what_is_stuck()
        if unchanged := set(_UNCHANGED.findall(errors)):  # some vendors cannot take a variable away
            self.goes_on_with_replacing(stack, {row.name for row in stack.rows if row.id in unchanged})
        if failed := {urn.rpartition("::")[2] for urn in _FAILED.findall(errors)}:
            scene.counts["failed, and replaced"] += len(failed)
            for name in failed & stack.program.keys():  # what is adopted would be adopted once more
                said = {key: value for key, value in stack.program[name].items() if key != "adopt_id"}
                stack.program = {**stack.program, name: said}
            self.goes_on_with_replacing(stack, failed & stack.program.keys())
        for name in _NAMESAKE.findall(errors):
            scene.counts["a namesake's, and forgotten"] += 1
            stack.forget(name)
        if inferred := {row.name for row in stack.rows if row.id in _INFERRED.findall(errors)}:
            scene.counts["inferred, another's, and replaced"] += len(inferred)
            self.goes_on_with_replacing(stack, inferred & stack.program.keys())
        if "created stopped" in errors or "stopped instance cannot be replaced" in errors:
            scene.counts["written as running"] += 1
            stack.program = {name: {**arguments, "state": "running"} for name, arguments in stack.program.items()}
        self._takes_back_adoptions(stack)
        if "to adopt any more" in errors or "leave adopt_id out" in errors or "to adopt it as it is" in errors:
            scene.counts["adoption given up"] += 1
            given_up = {
                name for name, arguments in stack.program.items() if "adopt_id" in arguments and stack.row(name) is None
            }
            scene.foreign |= {stack.program[name]["adopt_id"] for name in given_up}
            stack.program = {name: arguments for name, arguments in stack.program.items() if name not in given_up}

    def follows_ways_on(self, refusals: list[Refusal]) -> None:
        """Follows one of the ways that each text names, drawn; no two of them for the same instance."""
        scene = self.scene
        scene.quiet()
        scene.settle()
        done: set[str] = set()
        for refusal in refusals:
            named = [
                instance_id for instance_id in refusal.ids if instance_id in scene.unowned() and instance_id not in done
            ]
            ours = [instance_id for instance_id in named if instance_id not in scene.foreign]
            foreign = [instance_id for instance_id in named if instance_id in scene.foreign]
            ways = ways_on(refusal.text)
            adoptable = [instance_id for instance_id in ours if not scene.is_stopped(instance_id)]
            possible = [
                way
                for way in ways
                # where the resource has a row, what it adopts would be its replacement, and may be no change at all
                if (way == "adopt" and adoptable and self._may_adopt(refusal.stack, refusal.name))
                or (way == "delete" and ours)
                # alike orders are interchangeable: what is kept on one machine may be what another one finds
                or (way == "keep" and (foreign or (ours and self._has_one_machine())))
                or way == "clear"
            ]
            if not possible:
                continue
            way = self._chance.choice(possible)
            scene.counts[f"way on: {way}"] += 1
            if way == "adopt":
                chosen = self._chance.choice(adoptable)
                self._adopts(refusal.stack, refusal.name, chosen)
                done.add(chosen)
            elif way == "delete":
                chosen = self._chance.choice(ours)
                scene.delete_orphans(chosen)
                done.add(chosen)
            elif way == "keep":
                chosen = self._chance.choice(foreign or ours)
                scene.keep_orphan(chosen, refusal.stack.machine)
                done.add(chosen)
            else:
                refusal.stack.clear_pending()
                self._ends_orphans_but(done)

    def _has_one_machine(self) -> bool:
        return len({stack.machine for stack in self.scene.stacks}) == 1

    def _may_adopt(self, stack: Stack, name: str) -> bool:
        return name in stack.program and stack.row(name) is None

    def _ends_orphans_but(self, kept: set[str]) -> None:
        for instance_id in sorted(self.scene.unowned().keys() - kept - self.scene.foreign):
            self.scene.delete_orphans(instance_id)

    def _adopts(self, stack: Stack, name: str, instance_id: str) -> None:
        self._adopting.setdefault((stack.name, name), stack.program[name])
        adoption = {**self.scene.case.adopting, "adopt_id": instance_id}
        stack.program = {**stack.program, name: adoption | self.scene.reported_arguments(instance_id)}

    def _takes_back_adoptions(self, stack: Stack) -> None:
        """Takes back adoptions that did not happen: the named instance may be gone, or stopped, in the meantime."""
        for (of, name), before in list(self._adopting.items()):
            if of == stack.name and name in stack.program and stack.row(name) is None:
                self.scene.counts["adoption taken back"] += 1
                stack.program = {**stack.program, name: before}
                del self._adopting[of, name]

    def ends(self, stacks: list[Stack]) -> None:
        """Runs `destroy` until it succeeds, and `orphans --delete`, and looks at the books."""
        scene = self.scene
        for stack in stacks:
            self._until_done(stack, "destroy")
        scene.quiet()
        scene.settle()
        if left := len(scene.alive()):
            scene.counts["left by destroy, and ended by orphans --delete"] += left
            scene.delete_orphans()
        for instance_id in scene.alive():
            scene.note(Wrong.ORPHAN, f"{instance_id} after destroy and orphans --delete")
        for run in scene.world.ledger:
            if run.ended_at is None and run.instance_id not in scene.foreign:
                scene.note(Wrong.BILLED, run.instance_id)

    def mind_the_books(self, stacks: list[Stack]) -> None:
        """Checks the books after an `up` that succeeded with no fault in force."""
        scene = self.scene
        alive = scene.alive()
        for stack in stacks:
            rows = [row for row in stack.rows if not row.doomed]
            if sorted(row.name for row in rows) != sorted(stack.program) or len(rows) != len(stack.rows):
                scene.note(Wrong.OTHERWISE, f"{stack.name} has {[row.name for row in stack.rows]}")
            for row in rows:
                if row.id not in alive and scene.is_of_another_buyer(stack, row):
                    scene.counts["a namesake's, and deleted by its buyer"] += 1
                elif row.id not in alive:
                    scene.note(Wrong.DEAD_ROW, row.id)
                elif differing := [
                    *(
                        unlike({**self._defaults, **row.inputs}, alive[row.id])
                        if row.id not in scene.used_again
                        else ()
                    ),
                    *_unsaid(stack.program, row),
                ]:
                    scene.note(Wrong.OTHERWISE, f"{row.id} is not as {row.name} says: {', '.join(differing)}")
                elif row.endpoint is None or row.endpoint.inputs["instance_id"] != row.id:
                    scene.note(Wrong.OTHERWISE, f"{row.name} has no Endpoint of its own")
        recorded = {row.id: row for stack in stacks for row in stack.rows}
        strays = alive.keys() - recorded.keys()
        if strays and self.edited_after:
            scene.counts["left by up after an edit, and ended by orphans --delete"] += len(strays)
            scene.delete_orphans()
            strays = scene.alive().keys() - recorded.keys()
        for instance_id in sorted(strays):
            was_owned = any(instance_id in stack.owned for stack in stacks)
            wrong = (
                Wrong.FALSE_GONE
                if was_owned
                else Wrong.DOUBLE
                if self._is_wanted(instance_id, stacks)
                else Wrong.ORPHAN
            )
            scene.note(wrong, f"{instance_id} after up")
        for instance_id in scene.open_orders():
            if instance_id in recorded:
                scene.note(Wrong.LEFT_OPEN, instance_id)

    @property
    def _defaults(self) -> Mapping[str, object]:
        return self.scene.case.kind().arguments.defaults

    def _is_wanted(self, instance_id: str, stacks: list[Stack]) -> bool:
        urn = self.scene.bought[instance_id].urn if instance_id in self.scene.bought else ""
        return any(urn == stack.urn(name) for stack in stacks for name in stack.program)


def _unsaid(program: Mapping[str, Arguments], row: Row) -> list[str]:
    """The arguments of the program that its row has otherwise."""
    return [key for key, value in program.get(row.name, {}).items() if row.inputs.get(key) != value]
