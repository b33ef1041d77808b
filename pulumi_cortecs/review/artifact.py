"""The events that a fork's own job recorded, in the archive that the platform made of them.

Everything in it is data of a stranger: it has to be one plain file of one name and a bounded size, and is never written
to a disk.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path
from typing import Final

MEMBER: Final = "events.json"
MAX_PACKED: Final = 20 * 1024 * 1024
"""Bytes of the archive: the events of 2,000 instances have 1 MB packed."""

MAX_UNPACKED: Final = 128 * 1024 * 1024

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ArtifactError(Exception):
    """An archive is not what a job of ours records. The text says why, without anything of its content."""


def read_artifact(file: Path) -> bytes:
    """The recorded events. Raises ArtifactError."""
    try:
        size = file.stat().st_size
        if size > MAX_PACKED:
            raise ArtifactError(f"the artifact has {size} bytes; allowed: {MAX_PACKED}")
        with zipfile.ZipFile(file) as archive:
            return _read_member(archive)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ArtifactError(f"the artifact is no readable archive: {type(error).__name__}") from None


def _read_member(archive: zipfile.ZipFile) -> bytes:
    members = archive.infolist()
    if len(members) != 1 or members[0].filename != MEMBER or members[0].orig_filename != MEMBER:
        raise ArtifactError(f"the artifact has other files than {MEMBER}: {len(members)} in all")
    member = members[0]
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or member.is_dir():
        raise ArtifactError(f"{MEMBER} in the artifact is no plain file")
    if member.flag_bits & 1 or member.compress_type not in _METHODS:
        raise ArtifactError(f"{MEMBER} in the artifact is encrypted, or packed by an unusual method")
    with archive.open(member) as stream:
        # not what the archive says its size is
        content = stream.read(MAX_UNPACKED + 1)
    if len(content) > MAX_UNPACKED:
        raise ArtifactError(f"{MEMBER} in the artifact has more than {MAX_UNPACKED} bytes")
    return content
