"""The text of the one comment that all reviews of a pull request share: a section for each stack, each with the number
of the run that wrote it.

The marks between sections are link definitions, which GitHub, GitLab and Bitbucket do not show; Bitbucket would show
an HTML comment. They come after what they mark, so that a comment begins with a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

MARKER: Final = "[//]: # (pulumi-cortecs review)"
CUT: Final = "_Cut here: the rest is in the HTML report._"

_END: Final = re.compile(r"^\[//\]: # \(pulumi-cortecs section (\S+) (\d{1,20})\.(\d{1,9}) (\d)\)$", re.M)
_DEFINITION: Final = re.compile(r"^([^\S\n]*)(?=\[//\]:)", re.M)
_FENCE: Final = re.compile(r"\s*(`{3,}|~{3,})")
_HALF: Final = re.compile(r"(&[^;]*|<[^>]*)$")
"""The beginning of an entity or of a tag."""
_DETAILS: Final = re.compile(r"<(/?)details\b")


@dataclass(frozen=True)
class Section:
    """What one run says about one stack. `stack` is `PROJECT/STACK`; a `run` with a higher number replaces one with a
    lower; sections of a lower `rank` come first. The first line of `text` is the verdict."""

    stack: str
    run: tuple[int, int]
    rank: int
    text: str


@dataclass(frozen=True)
class BodyLimit:
    """The most bytes of UTF-8 in a comment of ours, below the platform's own limit, and the source of that."""

    size: int
    platform: str
    source: str


GITHUB_LIMIT: Final = BodyLimit(60_000, "65,536 characters", "https://github.com/orgs/community/discussions/41331")
GITLAB_LIMIT: Final = BodyLimit(60_000, "1,000,000 characters", "https://docs.gitlab.com/api/notes/")
BITBUCKET_LIMIT: Final = BodyLimit(32_000, "32,768 characters", "https://github.com/jfrog/froggit-go/pull/133")


def is_ours(body: str) -> bool:
    """Returns whether a comment has our marker."""
    return MARKER in body.replace("\r\n", "\n").split("\n")


def read_sections(body: str) -> list[Section]:
    """The sections of a comment."""
    sections, start = [], 0
    body = body.replace("\r\n", "\n")
    for end in _END.finditer(body):
        stack, number, attempt, rank = end.groups()
        text = body[start : end.start()].strip()
        sections.append(Section(unquote(stack), (int(number), int(attempt)), int(rank), text))
        start = end.end()
    return sections


def newest(sections: Iterable[Section]) -> Mapping[str, Section]:
    """The section with the highest run of each stack; of equal ones the first."""
    chosen: dict[str, Section] = {}
    for section in sections:
        if section.stack not in chosen or section.run > chosen[section.stack].run:
            chosen[section.stack] = section
    return chosen


def write_body(sections: Iterable[Section], limit: int) -> str:
    """A comment of at most `limit` bytes. Where all sections together are longer, the longest are cut to one length."""
    ordered = sorted(sections, key=lambda section: (section.rank, section.stack))
    ends = [_end_of(section) for section in ordered]
    room = limit - _size(MARKER) - sum(map(_size, ends))
    texts = [_without_definitions(section.text) for section in ordered]
    shares = _shares([_size(text) for text in texts], room)
    parts = [f"{cut_text(text, share)}{end}" for text, share, end in zip(texts, shares, ends, strict=True)]
    return "".join([*parts, MARKER])


def unchanged(section: Section, commit: str) -> Section:
    """The section of a run that found no change, in place of what an earlier run had found."""
    name = re.sub(r"[^\w./-]", "?", section.stack, flags=re.ASCII)
    return replace(section, text=f"`{name}`: no change in cost at {commit[:10]}")


def cut_text(text: str, limit: int) -> str:
    """The text in at most `limit` bytes: whole lines of it, with what is open in them closed, and a line that says so.
    The first line, the verdict, stays, if need be without its end."""
    if _size(text) <= limit:
        return text
    first, *lines = text.split("\n")
    room = limit - _size(CUT) - 2
    if room < 0:
        return _cut_line(first, limit)
    kept = [_cut_line(first, room)]
    size, fence, depth, closing = _size(kept[0]), "", 0, ""
    for line in lines:
        fence, depth = _open_after(line, fence, depth)
        size += _size(line) + 1
        after = (f"\n{fence}" if fence else "") + "\n</details>" * depth
        if size + _size(after) > room:
            break
        kept.append(line)
        closing = after
    return "\n".join(kept).rstrip() + f"{closing}\n\n{CUT}"


def _cut_line(line: str, room: int) -> str:
    """The line in at most `room` bytes, with what is open in it closed."""
    if _size(line) <= room:
        return line
    start = line.encode()[: max(0, room - _size("</code>**"))].decode(errors="ignore")
    start = _HALF.sub("", start).rstrip("* ")
    if start.count("<code>") > start.count("</code>"):
        start += "</code>"
    elif start.count("`") % 2:
        start += "`"
    return start + "**" * (start.startswith("**"))


def _open_after(line: str, fence: str, depth: int) -> tuple[str, int]:
    """The fence of code and the number of `<details>` that are open after a line."""
    match = _FENCE.match(line)
    if fence:
        closes = match is not None and match[1].startswith(fence) and line.strip() == match[1]
        return ("" if closes else fence), depth
    if match is not None:
        return match[1], depth
    return "", max(0, depth + sum(-1 if slash else 1 for slash in _DETAILS.findall(line)))


def _end_of(section: Section) -> str:
    number, attempt = section.run
    name = quote(section.stack, safe="")
    return f"\n\n[//]: # (pulumi-cortecs section {name} {number}.{attempt} {section.rank})\n\n"


def _without_definitions(text: str) -> str:
    """The text without lines that would be taken for a mark of ours."""
    return _DEFINITION.sub(r"\1\\", text.replace("\r", "")).strip()


def _shares(sizes: list[int], room: int) -> list[int]:
    """The room of each text: its size where that is small, and the same for all others."""
    shares = [0] * len(sizes)
    for rank, index in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        shares[index] = min(sizes[index], room // (len(sizes) - rank))
        room -= shares[index]
    return shares


def _size(text: str) -> int:
    return len(text.encode())
