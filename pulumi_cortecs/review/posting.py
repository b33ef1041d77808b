"""A report as a section of its pull request's comment."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from pulumi_cortecs.review.comment import Clock, CommentError, post
from pulumi_cortecs.review.jobs import ReviewJob, current_job
from pulumi_cortecs.review.platforms import review_client
from pulumi_cortecs.review.report import Decision, ReviewReport
from pulumi_cortecs.review.sections import Section

FORK_NOTE: Final = "figures come from the fork's own run"

_FORK: Final = "a job of a fork has no token that writes; the report is in the job's summary"
_RANKS: Final = {Decision.NOT_ALLOWED: 0, Decision.CANNOT_TELL: 1, Decision.ALLOWED: 2}
_SILENT_RANK: Final = 3
_MAX_NAME, _SHOWN_NAME = 200, 40
"""Bytes of a section's name, and the characters that a longer one keeps."""


def post_report(
    report: ReviewReport, text: str, unnamed: str, environment: Mapping[str, str], clock: Clock | None = None
) -> str:
    """Writes the report into the comment of this job's pull request, and returns what became of it. `text` is the
    report as Markdown; `unnamed` is the stack of a preview that failed before it named its own."""
    try:
        with review_client() as client:
            return _post(report, text, unnamed, current_job(environment, client), clock)
    except CommentError as error:
        return f"no comment: {error}"


def _post(report: ReviewReport, text: str, unnamed: str, job: ReviewJob, clock: Clock | None) -> str:
    if job.is_fork:
        return f"no comment: {_FORK}"
    silent = is_silent(report)
    rank = _SILENT_RANK if silent else _RANKS[report.decision]
    section = Section(_stack_of(report) or unnamed, job.run, rank, text)
    return f"comment: {post(section, job.commit, job.comments, is_silent=silent, clock=clock).value}"


def is_silent(report: ReviewReport) -> bool:
    """Returns whether a report says nothing that anybody has to read."""
    return report.decision is Decision.ALLOWED and not report.has_changes


def _stack_of(report: ReviewReport) -> str:
    """The names of the stacks; of long ones a beginning and a digest, because the comment has the whole of them."""
    name = "+".join(f"{stack.project}/{stack.stack}" for stack in report.stacks if stack.stack)
    if len(name.encode()) <= _MAX_NAME:
        return name
    return f"{name[:_SHOWN_NAME]}-{sha256(name.encode()).hexdigest()[:16]}"
