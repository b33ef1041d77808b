"""The pull request of a CI job, by the variables that each platform sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulumi_cortecs.review.comment import Clock, CommentError, Outcome, post
from pulumi_cortecs.review.jobs import current_job
from pulumi_cortecs.review.platforms import Bitbucket, review_client
from pulumi_cortecs.review.sections import Section
from tests.review.fake_platform import HEAD, TOKEN, FakePlatform, fake_platform

SECTION = Section("shop/prod", (1, 1), 2, "+1.20 EUR/h: allowed")
FORK = {
    "workflow_run": {
        "head_sha": HEAD,
        "head_repository": {"full_name": "stranger/r"},
        "id": 55,
        "run_attempt": 2,
        "pull_requests": [],
    }
}


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with fake_platform() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with review_client() as shared:
        yield shared


def pull_request(repository: str | None = "o/r") -> dict[str, Any]:
    repo = None if repository is None else {"full_name": repository}
    return {"pull_request": {"number": 7, "head": {"sha": HEAD, "repo": repo}}}


def github(folder: Path, platform: FakePlatform, event: Any) -> dict[str, str]:
    """The variables of an action."""
    (folder / "event.json").write_text(json.dumps(event))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": f"{platform.url}/github",
        "GITHUB_GRAPHQL_URL": f"{platform.url}/github/graphql",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "123",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_SHA": "c" * 40,  # of a merge that nobody has pushed
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_TOKEN": TOKEN,
    }


def gitlab(platform: FakePlatform, **more: str) -> dict[str, str]:
    """The variables of a job of a merge request's pipeline."""
    variables = {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{platform.url}/gitlab",
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_COMMIT_SHA": HEAD,
        "CI_JOB_ID": "991",
        "GITLAB_TOKEN": TOKEN,
    }
    return {**variables, **more}


BITBUCKET = {
    "BITBUCKET_PR_ID": "7",
    "BITBUCKET_REPO_FULL_NAME": "o/r",
    "BITBUCKET_COMMIT": HEAD,
    "BITBUCKET_BUILD_NUMBER": "12",
    "BITBUCKET_TOKEN": TOKEN,
}


def test_an_action_comments_on_the_pull_request_of_its_event(
    tmp_path: Path, platform: FakePlatform, client: httpx.Client
) -> None:
    job = current_job(github(tmp_path, platform, pull_request()), client)
    assert (job.commit, job.run, job.is_fork) == (HEAD, (123, 1), False)
    clock = Clock(lambda: 0.0, lambda seconds: None)
    assert post(SECTION, job.commit, job.comments, is_silent=False, clock=clock) is Outcome.WRITTEN


@pytest.mark.parametrize("repository", ["stranger/r", None])
def test_a_pull_request_from_a_fork_is_noticed(
    repository: str | None, tmp_path: Path, platform: FakePlatform, client: httpx.Client
) -> None:
    assert current_job(github(tmp_path, platform, pull_request(repository)), client).is_fork


def test_a_job_after_the_forks_finds_the_pull_request_by_its_commit_and_goes_by_its_run(
    tmp_path: Path, platform: FakePlatform, client: httpx.Client
) -> None:
    platform.head.update(dict.fromkeys(range(1000, 1150), "d" * 40))
    job = current_job(github(tmp_path, platform, FORK), client)
    assert (job.commit, job.run) == (HEAD, (55, 2))
    assert job.comments.is_head(HEAD)


def test_a_pull_request_of_the_same_commit_from_another_fork_is_another(
    tmp_path: Path, platform: FakePlatform, client: httpx.Client
) -> None:
    platform.head, platform.forks = {7: HEAD, 8: HEAD}, {8: "another/r"}
    job = current_job(github(tmp_path, platform, FORK), client)
    job.comments.create("text")
    assert platform.writes == [("POST", "/github/repos/o/r/issues/7/comments")]


@pytest.mark.parametrize("heads", [{}, {7: HEAD, 8: HEAD}, {7: "d" * 40}])
def test_a_commit_of_no_or_several_pull_requests_reaches_none(
    heads: dict[int, str], tmp_path: Path, platform: FakePlatform, client: httpx.Client
) -> None:
    platform.head = heads
    with pytest.raises(CommentError, match="exactly one open pull request"):
        current_job(github(tmp_path, platform, FORK), client)


def test_a_job_of_a_merge_request_comments_on_it(platform: FakePlatform, client: httpx.Client) -> None:
    job = current_job(gitlab(platform), client)
    assert (job.commit, job.run) == (HEAD, (991, 1))
    assert job.comments.is_head(HEAD)
    merged = gitlab(platform, CI_COMMIT_SHA="c" * 40, CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=HEAD)
    assert current_job(merged, client).commit == HEAD


def test_a_step_of_a_pipeline_comments_on_its_pull_request() -> None:
    job = current_job(BITBUCKET)
    assert isinstance(job.comments, Bitbucket)
    assert job.comments.base_url == "https://api.bitbucket.org/2.0"
    assert (job.commit, job.run) == (HEAD, (12, 1))


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_RUN_ID", "GITHUB_EVENT_PATH", "GITHUB_API_URL"])
def test_a_variable_that_is_missing_is_named(name: str, tmp_path: Path, platform: FakePlatform) -> None:
    variables = github(tmp_path, platform, pull_request())
    del variables[name]
    with pytest.raises(CommentError, match=f"{name} is not set"):
        current_job(variables)


@pytest.mark.parametrize("event", [{}, [], {"pull_request": {"number": "7"}}, {"workflow_run": {"head_sha": None}}])
def test_an_event_of_no_pull_request_is_refused(event: Any, tmp_path: Path, platform: FakePlatform) -> None:
    with pytest.raises(CommentError, match="of no pull request"):
        current_job(github(tmp_path, platform, event))


def test_a_token_is_never_sent_in_the_clear(platform: FakePlatform) -> None:
    with pytest.raises(CommentError, match="https://"):
        current_job(gitlab(platform, CI_API_V4_URL="http://gitlab.example/api/v4"))


def test_elsewhere_there_is_no_pull_request() -> None:
    with pytest.raises(CommentError, match="no job for a pull request"):
        current_job({})
