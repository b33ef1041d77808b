"""The pull request that a CI job is about, by the variables of GitHub, GitLab or Bitbucket. Tokens come from the
environment only, and what an artifact says about a pull request is never asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from pulumi_cortecs.http.base_url import check_base_url
from pulumi_cortecs.http.errors import CloudError
from pulumi_cortecs.review.comment import CommentError, Comments
from pulumi_cortecs.review.platforms import Bitbucket, Github, GithubRepository, Gitlab

_BITBUCKET_API: Final = "https://api.bitbucket.org/2.0"
_NO_JOB: Final = (
    "this is no job for a pull request at GitHub, GitLab or Bitbucket: GITHUB_ACTIONS, GITLAB_CI and BITBUCKET_PR_ID "
    "are not set"
)


@dataclass(frozen=True)
class ReviewJob:
    """A job. `commit` is the one that it reviews, and `run` its number, which grows. `is_fork` for a change from a
    fork's own job, which has no token that may write."""

    comments: Comments
    commit: str
    run: tuple[int, int]
    is_fork: bool = False


def current_job(environment: Mapping[str, str], client: httpx.Client | None = None) -> ReviewJob:
    """The job of this environment. Raises CommentError, which names the variable that is missing."""
    variables = _Variables(environment)
    try:
        if environment.get("GITHUB_ACTIONS") == "true":
            return _github_job(variables, client)
        if environment.get("GITLAB_CI") == "true":
            return _gitlab_job(variables, client)
        if environment.get("BITBUCKET_PR_ID"):
            return _bitbucket_job(variables, client)
    except CloudError as error:
        raise CommentError(str(error)) from None
    raise CommentError(_NO_JOB)


@dataclass(frozen=True)
class _Variables:
    environment: Mapping[str, str]

    def text(self, name: str) -> str:
        value = self.environment.get(name, "").strip()
        if not value:
            raise CommentError(f"{name} is not set")
        return value

    def number(self, name: str) -> int:
        value = self.text(name)
        if not (value.isascii() and value.isdecimal()):
            raise CommentError(f"{name}: {value!r} is not a number")
        return int(value)

    def url(self, name: str) -> str:
        return check_base_url(self.text(name), name)


def _github_job(variables: _Variables, client: httpx.Client | None) -> ReviewJob:
    base_url, repository = variables.url("GITHUB_API_URL"), variables.text("GITHUB_REPOSITORY")
    event = _event(Path(variables.text("GITHUB_EVENT_PATH")))
    token = variables.text("GITHUB_TOKEN")
    run = (variables.number("GITHUB_RUN_ID"), variables.number("GITHUB_RUN_ATTEMPT"))
    is_fork = False
    match event:
        case {
            "workflow_run": {
                "head_sha": str(commit),
                "head_repository": {"full_name": str(fork)},
                "id": int(run_id),
                "run_attempt": int(attempt),
            }
        }:
            run = (run_id, attempt)
            # another fork can open a pull request of the same commit
            numbers = GithubRepository(base_url, repository, token, client).pull_requests_of(commit, fork)
            number = _only_one(numbers, commit)
        case {"pull_request": {"number": int(number), "head": {"sha": str(commit), "repo": head}}}:
            is_fork = not isinstance(head, dict) or head.get("full_name") != repository
        case _:
            raise CommentError(f"the event in {variables.text('GITHUB_EVENT_PATH')} is of no pull request")
    graphql_url = variables.url("GITHUB_GRAPHQL_URL")
    return ReviewJob(Github(base_url, graphql_url, repository, number, token, client), commit, run, is_fork)


def _only_one(numbers: list[int], commit: str) -> int:
    if len(numbers) != 1:
        names = ", ".join(f"#{number}" for number in numbers) or "none"
        raise CommentError(f"the newest commit of exactly one open pull request must be {commit[:10]}: {names}")
    return numbers[0]


def _gitlab_job(variables: _Variables, client: httpx.Client | None) -> ReviewJob:
    project, number = variables.text("CI_PROJECT_ID"), variables.number("CI_MERGE_REQUEST_IID")
    comments = Gitlab(variables.url("CI_API_V4_URL"), project, number, variables.text("GITLAB_TOKEN"), client)
    # of a pipeline for merged results CI_COMMIT_SHA is a commit that nobody has pushed
    commit = variables.environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or variables.text("CI_COMMIT_SHA")
    return ReviewJob(comments, commit, (variables.number("CI_JOB_ID"), 1))


def _bitbucket_job(variables: _Variables, client: httpx.Client | None) -> ReviewJob:
    repository, number = variables.text("BITBUCKET_REPO_FULL_NAME"), variables.number("BITBUCKET_PR_ID")
    comments = Bitbucket(_BITBUCKET_API, repository, number, variables.text("BITBUCKET_TOKEN"), client)
    return ReviewJob(comments, variables.text("BITBUCKET_COMMIT"), (variables.number("BITBUCKET_BUILD_NUMBER"), 1))


def _event(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommentError(f"GITHUB_EVENT_PATH: {file} cannot be read: {error}") from None
