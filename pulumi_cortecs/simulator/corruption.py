"""Corruption of good answers: in their shape, which a JSON parser does not notice, or in their delivery."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Collection
from enum import Enum
from typing import Any

MEGABYTE = 1_000_000
_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_RAW = -zlib.MAX_WBITS


class WrongShape(str, Enum):
    """The kinds: fields are `missing`, `null` or of a `wrong_type`, or the whole answer is an empty `array`."""

    MISSING = "missing"
    NULL = "null"
    WRONG_TYPE = "wrong_type"
    ARRAY = "array"


def corrupt(answer: Any, how: WrongShape, field: str = "") -> Any:
    """The answer with `field` corrupted at every depth, or several fields with commas between; "" means all fields of
    the outermost object."""
    if how is WrongShape.ARRAY:
        return []
    if field:
        return _spoiled(answer, how, frozenset(field.split(",")))
    if not isinstance(answer, dict):
        return answer
    return {} if how is WrongShape.MISSING else {name: _wrong(value, how) for name, value in answer.items()}


def with_empty_lists(answer: Any) -> Any:
    """The answer with all its lists empty, and with a count that says so."""
    if not isinstance(answer, dict):
        return answer
    emptied = {name: [] if isinstance(value, list) else value for name, value in answer.items()}
    return {**emptied, "count": 0} if "count" in answer else emptied


def bomb(body: bytes, megabytes: int) -> bytes:
    """`body` after so many megabytes of spaces, as gzip of about a thousandth of that. The result is valid JSON.

    It compresses one megabyte and repeats the bytes: after a full flush, blocks do not depend on each other.
    """
    spaces = b" " * MEGABYTE
    packing = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    block = packing.compress(spaces) + packing.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(spaces, checksum)
    last = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    end = last.compress(body) + last.flush()
    size = (megabytes * MEGABYTE + len(body)) % 2**32
    return b"".join((_HEAD, block * megabytes, end, struct.pack("<II", zlib.crc32(body, checksum), size)))


async def drips(body: bytes, real_seconds: float) -> AsyncIterator[bytes]:
    """The bytes of `body` one by one, each after a pause."""
    for at in range(len(body)):
        await asyncio.sleep(real_seconds)
        yield body[at : at + 1]


def _spoiled(value: Any, how: WrongShape, fields: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_spoiled(row, how, fields) for row in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _wrong(content, how) if name in fields else _spoiled(content, how, fields)
        for name, content in value.items()
        if name not in fields or how is not WrongShape.MISSING
    }


def _wrong(value: Any, how: WrongShape) -> Any:
    """Null, or an object in place of another value: lenient readers convert strings, numbers and booleans into each
    other."""
    if how is WrongShape.NULL:
        return None
    return ["unexpected"] if isinstance(value, dict) else {"unexpected": True}
