"""One comment for ever, as a fake of the platforms' APIs on loopback judges it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from pulumi_cortecs.review.comment import Clock, Comment, CommentError, Comments, Outcome, post
from pulumi_cortecs.review.platforms import Bitbucket, Github, Gitlab, review_client
from pulumi_cortecs.review.sections import MARKER, Section, read_sections, write_body
from tests.review.fake_platform import HEAD, TOKEN, FakePlatform, fake_platform
from tests.review.turns import Turns

NO_WAIT = Clock(now=lambda: 0.0, wait=lambda seconds: None)
STACKS = ("shop/dev", "shop/prod", "chat/prod")


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    with fake_platform() as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with review_client() as shared:
        yield shared


def github(platform: FakePlatform, client: httpx.Client, token: str = TOKEN) -> Github:
    url = f"{platform.url}/github"
    return Github(url, f"{url}/graphql", "o/r", 7, token, client)


def gitlab(platform: FakePlatform, client: httpx.Client) -> Gitlab:
    return Gitlab(f"{platform.url}/gitlab", "12", 7, TOKEN, client)


def bitbucket(platform: FakePlatform, client: httpx.Client) -> Bitbucket:
    return Bitbucket(f"{platform.url}/bitbucket", "o/r", 7, TOKEN, client)


Connect = Callable[[FakePlatform, httpx.Client], Comments]
EVERY: list[Any] = [github, gitlab, bitbucket]


def section(stack: str = STACKS[0], run: int = 1, text: str = "+1.20 EUR/h: allowed", rank: int = 2) -> Section:
    return Section(stack, (run, 1), rank, text)


def test_more_sections_than_fit_are_an_error(platform: FakePlatform, client: httpx.Client) -> None:
    platform.say("us", write_body([section(f"shop/{number}") for number in range(2000)], 10**6))
    with pytest.raises(CommentError, match="2001 sections are more than"):
        post(section(), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT)
    assert platform.writes == []


@dataclass
class Slow:
    """Comments whose requests take their time: others write before and after each of them."""

    comments: Comments
    turns: Turns
    rng: random.Random

    @property
    def limit(self) -> int:
        return self.comments.limit

    def _take(self) -> None:
        self.turns.wait(self.rng.choice((0.0, 0.1, 1.0, 5.0)))

    def is_head(self, commit: str) -> bool:
        self._take()
        return self.comments.is_head(commit)

    def ours(self) -> Sequence[Comment]:
        self._take()
        listed = self.comments.ours()
        self.turns.wait(self.rng.choice((0.0, 0.1, 2.0)))
        return listed

    def create(self, body: str) -> None:
        self._take()
        self.comments.create(body)
        self._take()

    def update(self, comment_id: int, body: str) -> None:
        self._take()
        self.comments.update(comment_id, body)
        self._take()

    def delete(self, comment_id: int) -> None:
        self._take()
        self.comments.delete(comment_id)


@pytest.mark.parametrize("connect", EVERY)
def test_the_second_run_writes_into_the_comment_of_the_first(
    connect: Connect, platform: FakePlatform, client: httpx.Client
) -> None:
    for run, text in ((1, "first"), (2, "second")):
        comments = connect(platform, client)
        assert post(section(run=run, text=text), HEAD, comments, is_silent=False, clock=NO_WAIT) is Outcome.WRITTEN
    (remark,) = platform.of("us")
    assert remark.body.startswith("second\n")
    assert "first" not in remark.body


@pytest.mark.parametrize("seed", range(100, 106))
def test_of_twenty_overlapping_runs_of_three_stacks_each_section_is_the_newest(
    seed: int, platform: FakePlatform, client: httpx.Client
) -> None:
    rng, turns = random.Random(seed), Turns()
    connect = rng.choice(EVERY)
    sections = [section(rng.choice(STACKS), run, f"run {run}") for run in range(1, 21)]
    rng.shuffle(sections)
    clock = Clock(turns.now, turns.wait)

    def run_of(one: Section, own: random.Random) -> Callable[[], None]:
        def run() -> None:
            turns.wait(own.uniform(0, 30))
            post(one, HEAD, Slow(connect(platform, client), turns, own), is_silent=False, clock=clock)

        return run

    turns.play([run_of(one, random.Random(rng.random())) for one in sections])
    (remark,) = platform.of("us")
    newest = {stack: max(one.run[0] for one in sections if one.stack == stack) for stack in {s.stack for s in sections}}
    standing = {one.stack: one.run[0] for one in read_sections(remark.body)}
    assert standing == newest
    assert all(one.text == f"run {one.run[0]}" for one in read_sections(remark.body))


def test_several_comments_of_ours_become_the_oldest_with_the_sections_of_all(
    platform: FakePlatform, client: httpx.Client
) -> None:
    comments = github(platform, client)
    for stack, run in ((STACKS[0], 5), (STACKS[1], 6), (STACKS[0], 7)):
        comments.create(f"run {run}\n\n[//]: # (pulumi-cortecs section {stack} {run}.1 2)\n\n{MARKER}")
    oldest = min(remark.id for remark in platform.of("us"))
    post(section(STACKS[2], 8, "run 8"), HEAD, comments, is_silent=False, clock=NO_WAIT)
    (remark,) = platform.of("us")
    assert remark.id == oldest
    assert {one.stack: one.text for one in read_sections(remark.body)} == dict(
        zip(STACKS, ("run 7", "run 6", "run 8"), strict=True)
    )


@pytest.mark.parametrize("connect", EVERY)
def test_a_run_whose_commit_is_no_longer_the_head_writes_nothing(
    connect: Connect, platform: FakePlatform, client: httpx.Client
) -> None:
    platform.head[7] = "b" * 40
    assert post(section(), HEAD, connect(platform, client), is_silent=False, clock=NO_WAIT) is Outcome.NOT_HEAD
    assert platform.writes == []


def test_an_older_run_leaves_the_section_of_a_newer_one(platform: FakePlatform, client: httpx.Client) -> None:
    post(section(run=9, text="nine"), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT)
    platform.writes.clear()
    assert post(section(run=8), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT) is Outcome.NEWER
    assert platform.writes == []


@pytest.mark.parametrize("connect", EVERY)
def test_without_a_change_there_is_no_new_comment_and_one_that_stands_says_so(
    connect: Connect, platform: FakePlatform, client: httpx.Client
) -> None:
    silent = section(run=1)
    assert post(silent, HEAD, connect(platform, client), is_silent=True, clock=NO_WAIT) is Outcome.NOT_NEEDED
    assert platform.writes == []
    post(section(run=2), HEAD, connect(platform, client), is_silent=False, clock=NO_WAIT)
    post(section(run=3), HEAD, connect(platform, client), is_silent=True, clock=NO_WAIT)
    (remark,) = platform.of("us")
    assert remark.body.startswith(f"`{STACKS[0]}`: no change in cost at {HEAD[:10]}\n")


def test_comments_of_others_with_our_marker_are_left_alone(platform: FakePlatform, client: httpx.Client) -> None:
    forged = f"all is well\n\n[//]: # (pulumi-cortecs section {STACKS[0]} 999.1 2)\n\n{MARKER}"
    for _ in range(150):  # more than a page
        platform.say("mallory", forged)
    post(section(), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT)
    post(section(run=2), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT)
    assert {remark.body for remark in platform.of("mallory")} == {forged}
    assert len(platform.of("us")) == 1


def test_a_creation_whose_answer_is_lost_makes_no_second_comment(platform: FakePlatform, client: httpx.Client) -> None:
    platform.answers[:] = [502, 408]
    assert post(section(), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT) is Outcome.WRITTEN
    assert len(platform.of("us")) == 1


def test_a_comment_that_somebody_deletes_meanwhile_is_written_anew(
    platform: FakePlatform, client: httpx.Client
) -> None:
    post(section(run=1), HEAD, github(platform, client), is_silent=False, clock=NO_WAIT)
    comments = github(platform, client)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            platform.remarks[7].clear()

    post(section(run=2), HEAD, comments, is_silent=False, clock=Clock(lambda: 0.0, wait))
    assert len(platform.of("us")) == 1


def test_a_refused_token_is_an_error_that_does_not_show_it(platform: FakePlatform, client: httpx.Client) -> None:
    wrong = "token-that-is-wrong-9876543210"
    with pytest.raises(CommentError, match="401") as caught:
        post(section(), HEAD, github(platform, client, wrong), is_silent=False, clock=NO_WAIT)
    assert wrong not in str(caught.value)
    assert wrong not in repr(caught.value.__context__)


def test_a_list_that_took_long_is_read_again_before_a_write_goes_by_it(
    platform: FakePlatform, client: httpx.Client
) -> None:
    times = iter([0.0, 10.0, 20.0, 20.5])
    written: list[int] = []
    clock = Clock(lambda: next(times, 21.0), lambda seconds: written.append(len(platform.writes)))
    assert post(section(), HEAD, github(platform, client), is_silent=False, clock=clock) is Outcome.WRITTEN
    assert written == [0, 1]


def test_a_platform_that_stays_away_is_asked_four_times(platform: FakePlatform, client: httpx.Client) -> None:
    platform.answers[:] = [500] * 20
    waits: list[float] = []
    clock = Clock(lambda: 0.0, waits.append)
    with pytest.raises(CommentError, match="500"):
        post(section(), HEAD, github(platform, client), is_silent=False, clock=clock)
    assert len(waits) == 3


@pytest.mark.parametrize("connect", EVERY)
def test_the_longest_report_is_accepted_by_the_platform(
    connect: Connect, platform: FakePlatform, client: httpx.Client
) -> None:
    text = "+1.20 EUR/h: allowed\n\n| a |\n|---|\n" + "\n".join(f"| {'𝟙' * 40} |" for _ in range(2000))
    comments = connect(platform, client)
    for run, stack in enumerate(STACKS, 1):
        assert post(section(stack, run, text), HEAD, comments, is_silent=False, clock=NO_WAIT) is Outcome.WRITTEN
    (remark,) = platform.of("us")
    assert len(remark.body.encode()) <= comments.limit
    assert [one.text.split("\n")[0] for one in read_sections(remark.body)] == ["+1.20 EUR/h: allowed"] * 3
