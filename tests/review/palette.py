"""A screenshot with a palette of 256 colours, which takes a third of its bytes."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RGB: Final = 3
_COLOURS: Final = 256
_SIMILAR: Final = 24
_PALETTE: Final = 3
"""The type of a PNG with a palette: https://www.w3.org/TR/png/#11IHDR"""


def with_palette(picture: bytes) -> bytes:
    """The PNG of 8-bit RGB, as a browser takes it, in few colours: each becomes the nearest of them."""
    chunks = list(_chunks(picture))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert (depth, kind) == (8, 2), "not a PNG of 8-bit RGB"
    content = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows = [[row[x : x + _RGB] for x in range(0, len(row), _RGB)] for row in _rows(content, width * _RGB)]
    palette = _colours(Counter(colour for row in rows for colour in row))

    @cache
    def nearest(colour: bytes) -> int:
        return min(
            range(len(palette)),
            key=lambda index: sum((a - b) ** 2 for a, b in zip(palette[index], colour, strict=True)),
        )

    lines = b"".join(b"\0" + bytes(map(nearest, row)) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in parts)


def _colours(counts: Counter[bytes]) -> list[bytes]:
    """The most frequent colour of each group of similar ones, so that a small mark keeps its own."""
    chosen: dict[tuple[int, ...], bytes] = {}
    for colour, _ in counts.most_common():
        chosen.setdefault(tuple(value // _SIMILAR for value in colour), colour)
    return list(chosen.values())[:_COLOURS]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = len(_SIGNATURE)
    while start < len(picture):
        (size,) = struct.unpack(">I", picture[start : start + 4])
        yield picture[start + 4 : start + 8], picture[start + 8 : start + 8 + size]
        start += size + 12


def _rows(content: bytes, size: int) -> Iterator[bytes]:
    """The bytes of each row, without the filters: https://www.w3.org/TR/png/#9Filter-types"""
    above = bytes(size)
    for start in range(0, len(content), size + 1):
        kind, row = content[start], bytearray(content[start + 1 : start + 1 + size])
        for x in range(size) if kind else ():
            left, corner = (row[x - _RGB], above[x - _RGB]) if x >= _RGB else (0, 0)
            guess = (left, above[x], (left + above[x]) // 2, _paeth(left, above[x], corner))[kind - 1]
            row[x] = (row[x] + guess) & 0xFF
        above = bytes(row)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
