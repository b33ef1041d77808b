"""Threads that take turns: one runs at a time, who is next is drawn from a seed, and time passes only while all sleep.

What is drawn decides everything, so that a run can be had again. A thread gives its turn away where it sleeps, where it
waits for a lock or for others, and at every marked `point`.
"""

from __future__ import annotations

import random
import threading
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, ClassVar

MOST_TURNS = 60_000


class Killed(BaseException):
    """The process of this thread is dead. Like SIGKILL: nothing that would be done on the way out may have an effect,
    and whatever reaches beyond a process looks whether it is dead."""


class StuckError(Exception):
    """All tasks wait for one another, or the tasks go on without an end."""


class Process:
    """A process that can be killed. `enter` is called whenever one of its threads gets the turn."""

    dead = False

    def enter(self) -> None:
        """Puts the variables of the process in place."""


class _Status(Enum):
    READY = auto()
    SLEEPS = auto()
    BLOCKED = auto()
    JOINS = auto()
    DONE = auto()


class Task:
    """A piece of work with a thread of its own. `error` is what it ended with, None for nothing."""

    def __init__(self, work: Callable[[], Any], process: Process | None, thread: _Thread | None) -> None:
        self.work = work
        self.process = process
        self.status = _Status.READY
        self.wakes_at = 0.0
        self.waits_for: object = None
        self.interruptible = False
        self.interrupted = False
        self.error: BaseException | None = None
        self.gate = allocate_lock() if thread is None else thread.gate
        self.ident = get_ident() if thread is None else thread.ident
        if thread is None:
            self.gate.acquire()


class _Thread:
    """A thread that is used again and again: starting one costs more than most of what it does."""

    idle: ClassVar[list[_Thread]] = []

    def __init__(self) -> None:
        self.gate = allocate_lock()
        self.gate.acquire()
        self.crowd: Crowd | None = None
        self.task: Task | None = None
        thread = threading.Thread(target=self._works, daemon=True)
        thread.start()
        assert thread.ident is not None
        self.ident = thread.ident

    def _works(self) -> None:
        while True:
            self.gate.acquire()
            crowd, task = self.crowd, self.task
            assert crowd is not None
            assert task is not None
            try:
                crowd.entered(task)
                task.work()
            except BaseException as error:
                task.error = error
            self.crowd = self.task = None
            self.idle.append(self)
            crowd.ended(task)


class Crowd:
    """All threads of a scene; whoever makes it is one of them. `now` is in seconds since the beginning."""

    active: ClassVar[Crowd | None] = None

    def __init__(self, chance: random.Random) -> None:
        self.now = 0.0
        self.turns = 0
        self._chance = chance
        self._main = self.current = Task(lambda: None, None, None)
        self._live = [self._main]
        self._stuck = ""
        Crowd.active = self

    def spawn(self, work: Callable[[], Any], process: Process | None) -> Task:
        """Starts a thread, which begins when its turn comes."""
        thread = _Thread.idle.pop() if _Thread.idle else _Thread()
        task = Task(work, process, thread)
        thread.crowd, thread.task = self, task
        self._live.append(task)
        return task

    def join(self, tasks: Sequence[Task]) -> None:
        """Waits until all have ended. Raises Killed, and StuckError in the thread that made the crowd."""
        if any(task.status is not _Status.DONE for task in tasks):
            self.current.waits_for = tasks
            self._give_away(_Status.JOINS)

    def join_all(self) -> None:
        """Wait until all other tasks have ended."""
        self.join(self._live[1:])

    def sleep(self, seconds: float, *, interruptible: bool = False) -> bool:
        """Lets time pass; returns False when `interrupt` has cut it short."""
        task = self.current
        task.wakes_at = self.now + max(seconds, 0.0)
        task.interruptible, task.interrupted = interruptible, False
        self._give_away(_Status.SLEEPS)
        return not task.interrupted

    def point(self, chance: float) -> None:
        """Give the turn away."""
        if len(self._live) > 1 and self._chance.random() < chance:
            self._give_away(_Status.READY)

    def interrupt(self, process: Process) -> None:
        """Ends the interruptible sleeps of a process."""
        for task in self._live:
            if task.process is process and task.status is _Status.SLEEPS and task.interruptible:
                task.status, task.interrupted = _Status.READY, True

    def kill(self, process: Process) -> None:
        """Kills a process: none of its threads does anything any more."""
        process.dead = True
        for task in self._live:
            if task.process is process and task.status in (_Status.SLEEPS, _Status.BLOCKED, _Status.JOINS):
                task.status = _Status.READY

    def moved_to(self, process: Process | None) -> None:
        """Moves the current thread's work to another process. Raises Killed."""
        self.current.process = process
        self.entered(self.current)

    def is_mine(self) -> bool:
        """Returns whether it is the calling thread's turn."""
        return self.current.ident == get_ident()

    def wait_for(self, lock: object) -> None:
        """Blocks the current task until the lock is released."""
        self.current.waits_for = lock
        self._give_away(_Status.BLOCKED)

    def released(self, lock: object) -> None:
        """Lets the tasks that wait for the lock try again."""
        for task in self._live:
            if task.waits_for is lock and task.status is _Status.BLOCKED:
                task.status = _Status.READY

    def entered(self, task: Task) -> None:
        """Called by a thread that has got the turn. Raises Killed and StuckError."""
        if task is self._main and self._stuck:
            text, self._stuck = self._stuck, ""
            raise StuckError(text)
        if task.process is not None:
            task.process.enter()
            if task.process.dead:
                raise Killed

    def ended(self, task: Task) -> None:
        """Called by a thread at its end: it never gets a turn again."""
        task.status = _Status.DONE
        self._live.remove(task)
        for other in self._live:
            if other.status is _Status.JOINS and all(awaited.status is _Status.DONE for awaited in other.waits_for):  # type: ignore[attr-defined]
                other.status = _Status.READY
        self.current = self._next()
        self.current.gate.release()

    def _give_away(self, status: _Status) -> None:
        task = self.current
        task.status = status
        chosen = self._next()
        if chosen is not task:
            self.current = chosen
            chosen.gate.release()
            task.gate.acquire()
        task.waits_for = None
        self.entered(task)

    def _next(self) -> Task:
        self.turns += 1
        if self.turns > MOST_TURNS:
            self.turns = 0
            return self._gives_up("it does not come to an end")
        ready = [task for task in self._live if task.status is _Status.READY]
        if not ready:
            sleepers = [task for task in self._live if task.status is _Status.SLEEPS]
            if not sleepers:
                return self._gives_up("all tasks wait for each other")
            self.now = max(self.now, min(task.wakes_at for task in sleepers))
            ready = [task for task in sleepers if task.wakes_at <= self.now]
            for task in ready:
                task.status = _Status.READY
        return ready[0] if len(ready) == 1 else self._chance.choice(ready)

    def _gives_up(self, text: str) -> Task:
        self._stuck = text
        self._main.status = _Status.READY
        return self._main


class CrowdLock:
    """The stand-in for `threading.Lock`: a thread that has to wait for it gives the turn away instead of holding it."""

    def __init__(self) -> None:
        self._real = allocate_lock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquires the lock as `threading.Lock.acquire` does. Raises Killed."""
        crowd = Crowd.active
        while not self._real.acquire(False):
            if not blocking:
                return False
            if crowd is None or not crowd.is_mine():
                return self._real.acquire(True, timeout)
            crowd.wait_for(self)
        return True

    def release(self) -> None:
        """Releases the lock as `threading.Lock.release` does."""
        self._real.release()
        if Crowd.active is not None:
            Crowd.active.released(self)

    def locked(self) -> bool:
        """Returns what `threading.Lock.locked` does."""
        return self._real.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()
