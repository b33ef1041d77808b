"""A class of arguments is the type that programs write, the rows of a table, and the reader of an object."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.provider.kind import GENERATED, Change, Required
from pulumi_cortecs.provider.named_arguments import ABSENT, NamedArguments, arguments_of, optional, reader_of, required
from pulumi_cortecs.provider.properties import InvalidValueError, integer, string


class Base(NamedArguments):
    """`port`: where it listens."""

    port: int = required(integer(1), "on which port?", Change.UPDATE, interrupts=True)
    key: str | None = optional(string, default="", secret=True)


class Server(Base):
    """`name`: its name."""

    name: str | None = optional(string, default=GENERATED)
    path: str | None = optional(string, default="/")
    host: str | None = optional(string, default=ABSENT)
    port: int = required(integer(2), "on which port?")


def test_its_own_arguments_come_first_and_win() -> None:
    rows = arguments_of(Server)
    assert list(rows) == ["name", "path", "host", "port", "key"]
    assert (rows["port"].default, rows["port"].change) == (Required("on which port?"), Change.REPLACE)
    assert [name for name, row in rows.items() if row.in_state_if_default] == ["name", "port"]
    assert arguments_of(Base)["port"].interrupts is True


def test_its_text_has_that_of_its_bases() -> None:
    assert Server.__doc__ == "`name`: its name.\n\n`port`: where it listens."


def test_an_argument_that_is_left_out_is_none_and_a_secret_is_not_shown() -> None:
    server = Server(port=3, key="s3cret")
    assert (server.name, server.path) == (None, None)
    assert "s3cret" not in repr(server)
    assert server == Server(port=3, key="s3cret") != Server(port=4)
    named: dict[str, Any] = {}
    with pytest.raises(TypeError, match=r"Server needs port: on which port\?"):
        Server(**named)
    named["prt"] = 3
    with pytest.raises(TypeError, match="Server has no argument prt; did you mean port"):
        Server(**named)


def test_the_defaults_of_its_reader_are_what_the_vendor_fills_in() -> None:
    reader = reader_of(Server)
    with pytest.raises(InvalidValueError, match="port is required"):
        reader({"path": "/a"})
    assert reader.minimal({"port": 3, "path": "/"}) == {"port": 3}
    assert reader.full({"port": 3}) == {"port": 3, "path": "/", "name": GENERATED, "key": ""}
