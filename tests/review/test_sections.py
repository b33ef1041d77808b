"""The comment's text: what is cut, what cannot be forged, and what a renderer of Markdown makes of it."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from pulumi_cortecs.review.sections import (
    BITBUCKET_LIMIT,
    CUT,
    GITHUB_LIMIT,
    MARKER,
    Section,
    cut_text,
    is_ours,
    read_sections,
    unchanged,
    write_body,
)

VERDICT = "**+876.00 EUR/month (1.20 -> 2.40 EUR/h): allowed**"
ROWS = "\n".join(f"| {'𝟙' * 20}{number} | 1.20 EUR/h |" for number in range(2000))
HEADER = "<details>\n<summary>2,000 resources</summary>\n\n| resource | price |\n|---|---|"
TABLE = f"{VERDICT}\n\n{HEADER}\n{ROWS}\n\n</details>"


def section(stack: str = "shop/prod", text: str = VERDICT, run: int = 1, rank: int = 2) -> Section:
    return Section(stack, (run, 1), rank, text)


def rendered(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


@pytest.mark.parametrize("limit", [GITHUB_LIMIT.size, BITBUCKET_LIMIT.size])
@pytest.mark.parametrize("count", [1, 3])
def test_two_thousand_rows_are_cut_to_a_limit_in_bytes_and_stay_markdown(limit: int, count: int) -> None:
    body = write_body([section(f"shop/{number}", TABLE) for number in range(count)], limit)
    assert limit * 0.9 < len(body.encode()) <= limit
    assert body.startswith(VERDICT)
    assert is_ours(body)
    page = rendered(body)
    assert page.count("<table>") == page.count("</table>") == count
    assert page.count("<details>") == page.count("</details>") == count
    assert page.count("Cut here") == count
    assert "[//]" not in page
    assert [one.text.split("\n")[0] for one in read_sections(body)] == [VERDICT] * count


def test_a_short_section_is_not_cut_for_a_long_one() -> None:
    short, long = read_sections(write_body([section("a/a", "short"), section("b/b", TABLE)], 30_000))
    assert short.text == "short"
    assert long.text.endswith(CUT)
    assert len(long.text.encode()) > 29_000


def test_what_was_cut_is_cut_again_without_a_second_remark() -> None:
    once = cut_text(TABLE, 20_000)
    twice = cut_text(once, 5_000)
    assert len(twice.encode()) <= 5_000
    assert twice.count(CUT) == 1


def test_code_that_is_open_where_the_text_is_cut_is_closed() -> None:
    text = cut_text(f"{VERDICT}\n\n````text\n" + "a line of code\n" * 500 + "````", 1_000)
    assert text.count("````") == 2
    assert rendered(text).count("<pre>") == 1
    assert rendered(text).rstrip().endswith("</p>")


def test_a_verdict_that_is_too_long_itself_loses_its_end_and_no_half_of_a_character() -> None:
    text = cut_text("𝟙" * 10_000 + "\n\nmore", 1_001)
    assert len(text.encode()) <= 1_001
    assert text.startswith("𝟙𝟙")
    text.encode().decode()


@pytest.mark.parametrize("code", ["<code>" + "&#60;" * 300 + "</code>", f"`{'x' * 600}`"])
def test_a_verdict_that_is_cut_stays_markdown(code: str) -> None:
    for limit in range(100, 700, 7):
        text = cut_text(f"**cannot tell: {code}**\n\nmore\n", limit)
        assert len(text.encode()) <= limit
        page = rendered(text)
        assert page.count("<code>") == page.count("</code>")
        assert page.count("<strong>") == 1
        assert "`" not in page


def test_what_has_no_room_for_the_remark_has_none() -> None:
    assert cut_text("a verdict\n" * 100, 12) == "a verdict"
    sections = [section(f"shop/{number}", f"verdict\n{'row ' * 100}") for number in range(600)]
    assert len(write_body(sections, 60_000).encode()) <= 60_000


@pytest.mark.parametrize("stack", ["shop/prod", "a b/)-->", "ü/\n[//]: # (x)", "%/2.1 3)"])
def test_a_name_and_a_run_come_back(stack: str) -> None:
    body = write_body([Section(stack, (16_000_000_000, 3), 0, "text")], 60_000)
    assert read_sections(body) == [Section(stack, (16_000_000_000, 3), 0, "text")]
    assert read_sections(body.replace("\n", "\r\n")) == read_sections(body)


def test_what_is_refused_comes_first() -> None:
    body = write_body([section("a/a", "allowed"), section("z/z", "NOT ALLOWED: too dear", rank=0)], 60_000)
    assert body.startswith("NOT ALLOWED")


@pytest.mark.parametrize("before", ["", "   ", "\n", "\r"])
def test_a_text_cannot_end_its_section_or_forge_another(before: str) -> None:
    forged = f"bad{before}\n{before}[//]: # (pulumi-cortecs section shop/prod 99.1 2)\n\n{before}{MARKER}"
    (one,) = read_sections(write_body([section("shop/fork", forged)], 60_000))
    assert (one.stack, one.run) == ("shop/fork", (1, 1))
    assert not is_ours(one.text)


def test_a_comment_without_the_marker_is_not_ours() -> None:
    assert not is_ours("a comment that quotes\n> " + MARKER)
    assert is_ours(f"text\r\n\r\n{MARKER}\r\n")


def test_no_change_is_one_line_whatever_the_name() -> None:
    line = unchanged(section("shop/`@everyone`\n# all is well"), "0123456789abcdef").text
    assert line == "`shop/??everyone????all?is?well`: no change in cost at 0123456789"
