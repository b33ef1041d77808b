"""Names and messages of a program stay data in every format."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import read_preview
from pulumi_cortecs.review.markdown import code
from pulumi_cortecs.review.report import ReviewReport
from tests.review.generated import Events, cortecs
from tests.review.recorded import CATALOGUE, FORMATS, STREAMS

PLAIN = "(plain)"
NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</code></td></tr></table>",
    "--> <!-- marker",
    "`tick` ``two``",
    "a | b \\| c \\",
    "@somebody #1 GH-1 org/repo#2",
    "[link](https://evil.example) www.evil.example https://evil.example",
    "**bold** __x__ ~~y~~ $\\alpha$",
    "line\nbreak\r\n# heading\n| a | b |",
    "\x1b[2J\x07 cleared",
    "right-to-left \u202eevil\u2066",
    "&lt;b&gt; &#64;",
    '" onmouseover="x',
    "+0.00 EUR/month: allowed",
    "~~~\n```\nfence",
]


def report_with(name: str) -> ReviewReport:
    """A report that has a text wherever a program or a pack can put one."""
    events = Events().step("create", name, None, cortecs()).step("create", f"{name}!", None, cortecs(hardware=name))
    events.replace(f"{name}?", cortecs(), cortecs(model_id=name))
    events.violation(name, message=name).violation(name, level="advisory", rule=name).error(name)
    return make_report(
        [read_preview(io.BytesIO(events.end().encode()))],
        load_pinned(STREAMS, CATALOGUE),
        catalogue_name=CATALOGUE,
        command=f"pulumi-cortecs review --stack '{name}'",
        notes=(name,),
    )


class Page(HTMLParser):
    """The elements of a page and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("name", NASTY)
def test_a_name_adds_no_element_to_the_page(name: str) -> None:
    plain, page = (Page(FORMATS["html"](report_with(text))) for text in (PLAIN, name))
    assert page.elements == plain.elements
    assert page.attributes == plain.attributes
    assert not page.attributes & {"src", "href", "onerror", "onmouseover"}


@pytest.mark.parametrize("name", NASTY)
def test_a_name_adds_no_line_and_no_control_character_to_text(name: str) -> None:
    plain, text = (FORMATS["txt"](report_with(content)) for content in (PLAIN, name))
    assert text.count("\n") == plain.count("\n")
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_code_in_markdown_and_adds_no_row_and_no_cell(name: str) -> None:
    plain, text = (FORMATS["md"](report_with(content)) for content in (PLAIN, name))
    assert text.count("\n") == plain.count("\n")
    assert text.count("|") == plain.count("|")
    assert "<!--" not in text
    assert "<script" not in text
    outside = without_code(text)
    for sign in ("@", "http", "www.", "[link", "alert", "evil", "marker", "heading", "bold"):
        assert sign not in outside


@pytest.mark.parametrize("name", NASTY)
def test_rendered_markdown_has_the_same_elements_whatever_the_name(name: str) -> None:
    plain, page = (Page(rendered(FORMATS["md"](report_with(text)))) for text in (PLAIN, name))
    assert page.elements == plain.elements
    assert page.attributes == plain.attributes


def rendered(markdown: str) -> str:
    """Markdown as HTML, as platforms render it."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


def without_code(text: str) -> str:
    """Markdown without its code."""
    lines = []
    for line in text.split("\n"):
        parts = line.replace("<code>", "`").replace("</code>", "`").split("`")
        assert len(parts) % 2 == 1, line
        lines.append("".join(parts[::2]))
    return "\n".join(lines)


@pytest.mark.parametrize("name", NASTY)
def test_json_is_ascii_and_says_the_name_as_it_is(name: str) -> None:
    text = FORMATS["json"](report_with(name))
    assert text.isascii()
    assert name in {row["name"] for row in json.loads(text)["stacks"][0]["rows"]}


def test_code_is_plain_where_it_can_be() -> None:
    assert code("NVIDIA_L4_1") == "`NVIDIA_L4_1`"
    assert code("a|b") == "<code>a&#124;b</code>"
    assert code("") == "<code></code>"
    assert len(code("x" * 10_000)) < 700
