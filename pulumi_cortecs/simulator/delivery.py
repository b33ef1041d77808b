"""Answers that are right and never end: they unpack to far more than was sent, or come a byte at a time."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator

MEGABYTE = 1_000_000
_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_RAW = -zlib.MAX_WBITS


def bomb(body: bytes, megabytes: int) -> bytes:
    """`body` behind so many megabytes of spaces, as gzip: about a thousandth of that. JSON begins with any of them.

    One megabyte is packed, and its bytes are repeated: a full flush leaves nothing that the next block depends on.
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
