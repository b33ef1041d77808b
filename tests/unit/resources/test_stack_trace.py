"""The call stack of a row is short, and no other is."""

from __future__ import annotations

import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

from pulumi.runtime import resource as sdk

from pulumi_cortecs.resources.stack_trace import NO_FRAMES, USER_FRAMES, limited_stack_trace


class Registered:
    """A stack of constructors as deep as the SDK looks for: a resource's, its base's and its base's base's."""

    def __init__(self, depth: int = 2) -> None:
        self.trace = Registered(depth - 1).trace if depth else sdk._get_stack_trace()


def frames() -> int:
    return len(Registered().trace.frames)


def test_a_block_keeps_the_newest_frames() -> None:
    whole = Registered().trace.frames
    with limited_stack_trace(USER_FRAMES):
        newest = Registered().trace.frames
    assert len(whole) > len(newest) == USER_FRAMES
    assert [frame.pc.uri for frame in newest] == [frame.pc.uri for frame in whole[:USER_FRAMES]]
    with limited_stack_trace(NO_FRAMES):
        assert frames() == 0
    assert frames() > USER_FRAMES


def test_resources_and_tracebacks_outside_of_a_threads_block_are_whole() -> None:
    entered, release = threading.Event(), threading.Event()

    def construct() -> None:
        with limited_stack_trace(NO_FRAMES):
            entered.set()
            release.wait(timeout=10)

    thread = threading.Thread(target=construct)
    whole = frames(), len(traceback.extract_stack())
    thread.start()
    assert entered.wait(timeout=10)
    try:
        assert (frames(), len(traceback.extract_stack())) == whole
    finally:
        release.set()
        thread.join()


def test_blocks_in_many_threads_leave_pythons_own_tracebacks_alone() -> None:
    both = threading.Barrier(8)

    def construct(_: int) -> None:
        with limited_stack_trace(USER_FRAMES):
            both.wait(timeout=10)
            with limited_stack_trace(NO_FRAMES):
                both.wait(timeout=10)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(construct, range(40)))
    assert not hasattr(sys, "tracebacklimit")
