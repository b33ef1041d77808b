"""The comments of a pull request at GitHub, GitLab and Bitbucket, over their REST APIs.

Only comments that this token's own user wrote count as ours: anybody can write a comment with our marker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import model_validator

from pulumi_cortecs.http.api_client import ApiClient, Retry, WireModel, new_client
from pulumi_cortecs.http.authentication import ApiKey
from pulumi_cortecs.http.errors import BadAnswerError
from pulumi_cortecs.http.vendor_api import VendorApi
from pulumi_cortecs.review.comment import Comment
from pulumi_cortecs.review.sections import BITBUCKET_LIMIT, GITHUB_LIMIT, GITLAB_LIMIT, is_ours

R = TypeVar("R", bound=WireModel)

_PAGE: Final = 100
_MAX_PAGES: Final = 50
_TIMEOUT: Final = httpx.Timeout(connect=2.0, read=8.0, write=8.0, pool=8.0)
"""Short: a write that arrives late undoes those of other runs, until they notice (comment.SETTLE_SECONDS)."""


def review_client() -> httpx.Client:
    """The connections of the requests to a platform."""
    client = new_client()
    client.timeout = _TIMEOUT
    return client


class _Rows(WireModel, Generic[R]):
    """An answer that is a list."""

    rows: list[R]

    @model_validator(mode="before")
    @classmethod
    def _wrapped(cls, answer: Any) -> Any:
        return {"rows": answer}


class _Commit(WireModel):
    sha: str
    repo: Mapping[str, Any] | None = None  # GitHub's, of the head of a pull request


class _PullRequest(WireModel):
    number: int
    head: _Commit


class _Login(WireModel):
    login: str


class _Viewer(WireModel):
    viewer: _Login


class _ViewerAnswer(WireModel):
    data: _Viewer


class _GithubComment(WireModel):
    id: int
    body: str | None = None
    user: _Login | None = None


class _UserId(WireModel):
    id: int


class _Note(WireModel):
    id: int
    body: str
    system: bool = False
    author: _UserId


class _Uuid(WireModel):
    uuid: str


class _Raw(WireModel):
    raw: str


class _BitbucketComment(WireModel):
    id: int
    content: _Raw
    user: _Uuid | None = None
    deleted: bool = False


class _Values(WireModel, Generic[R]):
    values: list[R]


class _Hash(WireModel):
    hash: str


class _Source(WireModel):
    commit: _Hash


class _BitbucketPullRequest(WireModel):
    source: _Source


class _Api(VendorApi):
    """The API of a platform, for the user of one token."""

    def __init__(self, base_url: str, sign: ApiKey, client: httpx.Client | None) -> None:
        super().__init__(base_url, client or review_client())
        self._core.auth = sign

    def _pages(self, path: str, row: type[R]) -> Iterator[R]:
        """The rows of a list in pages. Raises BadAnswerError if they do not end."""
        for number in range(1, _MAX_PAGES + 1):
            rows = self._page(f"{path}&page={number}", row)
            yield from rows
            if len(rows) < _PAGE:
                return
        raise BadAnswerError(f"{self.vendor}: a list has more than {_MAX_PAGES * _PAGE} rows")

    def _page(self, path: str, row: type[R]) -> list[R]:
        return self._get(path, _Rows[row]).rows  # type: ignore[valid-type]


class _Platform(_Api):
    """One pull request. `_comments` is the path of its comments."""

    limit: int
    _update_method: ClassVar[str] = "PUT"
    _comments: str
    _me: str | int | None = None

    def ours(self) -> Sequence[Comment]:
        """The comments with our marker that this token's user wrote, the lowest id first."""
        if self._me is None:
            self._me = self._user()
        mine = [Comment(number, body) for number, author, body in self._all() if author == self._me and is_ours(body)]
        return sorted(mine, key=lambda comment: comment.id)

    def create(self, body: str) -> None:
        """Writes a comment."""
        self._write("POST", self._comments, body)

    def update(self, comment_id: int, body: str) -> None:
        """Replaces the text of a comment."""
        self._write(self._update_method, self._comment(comment_id), body)

    def delete(self, comment_id: int) -> None:
        """Deletes a comment."""
        self._act("DELETE", self._comment(comment_id))

    def _write(self, method: str, path: str, body: str) -> None:
        # never repeated: a late repetition would undo what other runs have written
        self._core.call(method, path, WireModel, retry=Retry.IF_NEVER_SENT, body=self._content(body))

    def _comment(self, comment_id: int) -> str:
        return f"{self._comments}/{comment_id}"

    def _content(self, body: str) -> dict[str, Any]:
        return {"body": body}

    def _user(self) -> str | int:
        """The user of the token."""
        raise NotImplementedError

    def _all(self) -> Iterator[tuple[int, str | int | None, str]]:
        """Id, author and text of every comment."""
        raise NotImplementedError


class GithubRepository(_Api):
    """A repository at GitHub, `OWNER/NAME`."""

    vendor = "GitHub"

    def __init__(self, base_url: str, repository: str, token: str, client: httpx.Client | None = None) -> None:
        super().__init__(base_url, ApiKey("Authorization", token, "Bearer"), client)
        self._pulls = f"/repos/{quote(repository)}/pulls"

    def pull_requests_of(self, commit: str, fork: str) -> list[int]:
        """The numbers of a fork's open pull requests whose newest commit is this one."""
        pages = self._pages(f"{self._pulls}?state=open&per_page={_PAGE}", _PullRequest)
        heads = [(pull_request.number, pull_request.head) for pull_request in pages]
        return [number for number, head in heads if (head.sha, (head.repo or {}).get("full_name")) == (commit, fork)]


class Github(_Platform):
    """A pull request at GitHub, by number. `base_url` is that of the REST API, `graphql_url` that of the other: only
    that one says who a job's token is."""

    vendor = "GitHub"
    limit = GITHUB_LIMIT.size
    _update_method = "PATCH"

    def __init__(
        self,
        base_url: str,
        graphql_url: str,
        repository: str,
        number: int,
        token: str,
        client: httpx.Client | None = None,
    ) -> None:
        client = client or review_client()
        super().__init__(base_url, ApiKey("Authorization", token, "Bearer"), client)
        self._graphql = ApiClient(self.vendor, graphql_url, client)
        self._graphql.auth = self._core.auth
        self._repository = f"/repos/{quote(repository)}"
        self._pull_request = f"{self._repository}/pulls/{number}"
        self._comments = f"{self._repository}/issues/{number}/comments"

    def is_head(self, commit: str) -> bool:
        """Returns whether a commit is the newest of the pull request."""
        return self._get(self._pull_request, _PullRequest).head.sha == commit

    def _comment(self, comment_id: int) -> str:
        return f"{self._repository}/issues/comments/{comment_id}"

    def _user(self) -> str:
        question = {"query": "{viewer{login}}"}
        answer = self._graphql.call("POST", "", _ViewerAnswer, retry=Retry.IDEMPOTENT, body=question)
        return answer.data.viewer.login

    def _all(self) -> Iterator[tuple[int, str | int | None, str]]:
        for row in self._pages(f"{self._comments}?per_page={_PAGE}", _GithubComment):
            yield row.id, row.user.login if row.user else None, row.body or ""


class Gitlab(_Platform):
    """A merge request at GitLab, by its number in the project."""

    vendor = "GitLab"
    limit = GITLAB_LIMIT.size

    def __init__(
        self, base_url: str, project: str, number: int, token: str, client: httpx.Client | None = None
    ) -> None:
        super().__init__(base_url, ApiKey("PRIVATE-TOKEN", token), client)
        self._merge_request = f"/projects/{quote(project, safe='')}/merge_requests/{number}"
        self._comments = f"{self._merge_request}/notes"

    def is_head(self, commit: str) -> bool:
        """Returns whether a commit is the newest of the merge request."""
        return self._get(self._merge_request, _Commit).sha == commit

    def _user(self) -> int:
        return self._get("/user", _UserId).id

    def _all(self) -> Iterator[tuple[int, str | int | None, str]]:
        for row in self._pages(f"{self._comments}?sort=asc&order_by=created_at&per_page={_PAGE}", _Note):
            if not row.system:
                yield row.id, row.author.id, row.body


class Bitbucket(_Platform):
    """A pull request at Bitbucket Cloud, by number."""

    vendor = "Bitbucket"
    limit = BITBUCKET_LIMIT.size

    def __init__(
        self, base_url: str, repository: str, number: int, token: str, client: httpx.Client | None = None
    ) -> None:
        super().__init__(base_url, ApiKey("Authorization", token, "Bearer"), client)
        self._pull_request = f"/repositories/{quote(repository)}/pullrequests/{number}"
        self._comments = f"{self._pull_request}/comments"

    def is_head(self, commit: str) -> bool:
        """Returns whether a commit is the newest of the pull request, of which Bitbucket tells the first digits."""
        head = self._get(self._pull_request, _BitbucketPullRequest).source.commit.hash
        return len(head) >= 12 and commit.startswith(head)

    def _content(self, body: str) -> dict[str, Any]:
        return {"content": {"raw": body}}

    def _user(self) -> str:
        return self._get("/user", _Uuid).uuid

    def _all(self) -> Iterator[tuple[int, str | int | None, str]]:
        for row in self._pages(f"{self._comments}?pagelen={_PAGE}", _BitbucketComment):
            if not row.deleted:
                yield row.id, row.user.uuid if row.user else None, row.content.raw

    def _page(self, path: str, row: type[R]) -> list[R]:
        return self._get(path, _Values[row]).values  # type: ignore[valid-type]
