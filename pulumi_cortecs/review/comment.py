"""One comment for ever: writes the section of a run into the comment of its pull request, beside other runs that do
the same.

Platforms have no write that fails when somebody else has written since. So every run writes all sections that it has
just read and its own, waits for longer than a write by another run can be under way, and reads again: until its own
section, or a newer one of its stack, stands in the only comment of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from pulumi_cortecs.http.errors import CloudError, NotFoundError
from pulumi_cortecs.review.sections import Section, newest, read_sections, unchanged, write_body

FRESH_SECONDS: Final = 3.0
"""Seconds after a list for which a write may go by it."""

SETTLE_SECONDS: Final = 15.0
"""Seconds from a write to its check: FRESH_SECONDS, and the time that a write on its way takes."""

_MAX_ROUNDS: Final = 40
_MAX_FAILURES: Final = 4


class CommentError(Exception):
    """The comment could not be written. The text says why, without a credential."""


@dataclass(frozen=True)
class Comment:
    """A comment of ours. Ids grow with time."""

    id: int
    body: str


class Comments(Protocol):
    """The comments of one pull request, by the token of this job. Methods raise CloudError; a comment that is gone is a
    NotFoundError."""

    limit: int

    def is_head(self, commit: str) -> bool:
        """Returns whether a commit is the newest of the pull request."""
        ...

    def ours(self) -> Sequence[Comment]:
        """The comments with our marker that this token's user wrote, the lowest id first."""
        ...

    def create(self, body: str) -> None: ...

    def update(self, comment_id: int, body: str) -> None: ...

    def delete(self, comment_id: int) -> None: ...


class Outcome(Enum):
    """What became of a section."""

    WRITTEN = "the comment has this report"
    NOT_NEEDED = "nothing changed, and no comment has said otherwise: none is written"
    NOT_HEAD = "the commit is no longer the newest of the pull request: nothing is written"
    NEWER = "a newer run has reported this stack: nothing is written"


@dataclass(frozen=True)
class Clock:
    """Seconds that only grow, and a wait; the seam for tests."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def post(section: Section, commit: str, comments: Comments, *, is_silent: bool, clock: Clock | None = None) -> Outcome:
    """Writes a section into the one comment. `is_silent` for a run in which nothing changed: it replaces what stands
    and writes no comment of its own. Raises CommentError."""
    clock = clock or Clock()
    writing = _Writing(unchanged(section, commit) if is_silent else section, comments, clock)
    failures = 0
    for _ in range(_MAX_ROUNDS):
        try:
            if not comments.is_head(commit):
                return Outcome.NOT_HEAD
            if (outcome := writing.round(is_silent)) is not None:
                return outcome
        except CloudError as error:
            failures += 1
            is_over = not (error.transient or isinstance(error, NotFoundError))
            if is_over or failures == _MAX_FAILURES:
                raise CommentError(str(error)) from None
        clock.wait(SETTLE_SECONDS)
    raise CommentError(f"other runs kept changing the comment: {_MAX_ROUNDS} attempts")


@dataclass
class _Writing:
    section: Section
    comments: Comments
    clock: Clock
    has_written: bool = False

    def round(self, is_silent: bool) -> Outcome | None:
        """Reads, and writes where that is needed; None where the result has to be checked."""
        began = self.clock.now()
        standing = self.comments.ours()
        sections = [section for comment in standing for section in read_sections(comment.body)]
        if is_silent and all(section.stack != self.section.stack for section in sections):
            return Outcome.NOT_NEEDED
        merged = newest([self.section, *sections])
        body = write_body(merged.values(), self.comments.limit)
        if len(body.encode()) > self.comments.limit:
            raise CommentError(f"{len(merged)} sections are more than a comment of {self.comments.limit} bytes holds")
        if self._is_settled(standing, sections, list(merged.values()), body):
            is_newer = merged[self.section.stack].run > self.section.run
            return Outcome.NEWER if is_newer else Outcome.WRITTEN
        if self.clock.now() - began <= FRESH_SECONDS:
            self._write(standing, body)
        return None

    def _is_settled(
        self, standing: Sequence[Comment], sections: Sequence[Section], merged: Sequence[Section], body: str
    ) -> bool:
        """Returns whether there is one comment, and it has all sections."""
        if len(standing) != 1:
            return False
        if standing[0].body.replace("\r\n", "\n").strip() == body:
            return True
        runs = [sorted((section.stack, section.run) for section in either) for either in (sections, merged)]
        is_newer = self.section not in merged
        return runs[0] == runs[1] and (self.has_written or is_newer)

    def _write(self, standing: Sequence[Comment], body: str) -> None:
        self.has_written = True
        if not standing:
            self.comments.create(body)
            return
        lowest, *others = standing
        self.comments.update(lowest.id, body)
        for comment in others:
            self.comments.delete(comment.id)
