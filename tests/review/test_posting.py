"""Which reports are worth a comment, and under which name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pulumi_cortecs.review.comment import Clock
from pulumi_cortecs.review.posting import post_report
from pulumi_cortecs.review.report import (
    Action,
    CatalogueReference,
    GateResult,
    PolicyResult,
    ResourceRow,
    ReviewReport,
    StackReview,
)
from pulumi_cortecs.review.sections import read_sections
from tests.review.fake_platform import FakePlatform, fake_platform
from tests.review.test_jobs import gitlab

NO_WAIT = Clock(lambda: 0.0, lambda seconds: None)
STACK = StackReview("shop", "prod")
REPORT = ReviewReport((STACK,), CatalogueReference("simulator", "2026-08-20", "0" * 64))
ROW = ResourceRow("urn", "chat", "cortecs.Instance", Action.CREATE, None, None)
VIOLATION = PolicyResult("ttl-required", "cortecs-cost", True, "high", "urn", "chat", "has no ttl")


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with fake_platform() as running:
        yield running


def posted(platform: FakePlatform, report: ReviewReport, job: int = 991) -> str:
    return post_report(report, "the report", "shop/prod", gitlab(platform, CI_JOB_ID=str(job)), NO_WAIT)


@pytest.mark.parametrize(
    ("report", "rank"),
    [
        (replace(REPORT, stacks=(replace(STACK, findings=(VIOLATION,)),)), 0),
        (replace(REPORT, gates=(GateResult("--max-hourly 1EUR", False, "2 EUR"),)), 0),
        (replace(REPORT, stacks=(replace(STACK, problems=("no summary",)),)), 1),
        (replace(REPORT, stacks=(replace(STACK, rows=(ROW,)),)), 2),
    ],
    ids=["a violation without a change", "a gate", "no whole preview", "a change"],
)
def test_what_somebody_has_to_read_is_written(report: ReviewReport, rank: int, platform: FakePlatform) -> None:
    assert posted(platform, report).startswith("comment: the comment has")
    (remark,) = platform.of("us")
    (section,) = read_sections(remark.body)
    assert (section.stack, section.rank, section.text) == ("shop/prod", rank, "the report")


def test_an_unchanged_program_gets_no_comment_and_ends_the_one_that_stands(platform: FakePlatform) -> None:
    assert "none is written" in posted(platform, REPORT)
    assert platform.remarks == {}
    # a preview that failed before it named its stack has the section of that stack all the same
    posted(platform, replace(REPORT, stacks=(StackReview("", "", problems=("no such pack",)),)), 992)
    posted(platform, REPORT, 993)
    (remark,) = platform.of("us")
    assert remark.body.startswith("`shop/prod`: no change in cost at ")
    assert len(read_sections(remark.body)) == 1


def test_without_a_job_the_reason_is_said() -> None:
    assert post_report(REPORT, "", "shop/prod", {}).startswith("no comment: this is no job")
