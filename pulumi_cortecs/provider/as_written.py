"""Texts quote a value exactly as the program wrote it, and not as check spells it or Python prints it: the CLI hides a
secret of the stack's config only in its own spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_cortecs.provider import session
from pulumi_cortecs.provider.kind import ArgumentTable


def record(urn: str, arguments: ArgumentTable, news: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    """Records the strings of a resource in the program, `news`, by the other spellings that a text may have of them.
    `inputs` are the same as the table of arguments reads them."""
    table: dict[str, str] = {}
    for key, value in news.items():
        for text in _strings(value):
            if text.isprintable():  # a control character stays escaped
                table.update(dict.fromkeys({_printed(text)} - {text}, text))
        read = inputs.get(key)
        if isinstance(value, str) and isinstance(read, str) and (spelled := arguments[key].spell(read)) != read:
            table.update(dict.fromkeys({read, spelled, _printed(read), _printed(spelled)} - {value}, value))
    session.current().written[urn] = table


def as_written(urn: str, text: str) -> str:
    """The text about a resource, with its values as the program wrote them."""
    if not (table := session.current().written.get(urn)):
        return text
    spellings = "|".join(re.escape(spelling) for spelling in sorted(table, key=len, reverse=True))
    return re.sub(spellings, lambda match: table[match[0]], text)


def _printed(text: str) -> str:
    return repr(text)[1:-1]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
