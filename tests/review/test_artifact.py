"""What a fork can put into an artifact, and what is read of it: one plain file, or nothing."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pulumi_cortecs.review import artifact
from pulumi_cortecs.review.artifact import MAX_PACKED, MAX_UNPACKED, ArtifactError, read_artifact

EVENTS = b'{"sequence": 0}\n'


def packed(*members: tuple[str, bytes], mode: int = stat.S_IFREG | 0o644, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, content)
    return buffer.getvalue()


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def encrypted() -> bytes:
    """An archive whose flags say that its member is."""
    content = bytearray(packed(("events.json", EVENTS)))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    return bytes(content)


def lying_about_its_size() -> bytes:
    """An archive that names a small size for what is a large one."""
    large = MAX_UNPACKED + 1
    content = packed(("events.json", bytes(large)))
    return replaced(content, large.to_bytes(4, "little"), (5).to_bytes(4, "little"))


WITH_NUL = replaced(packed(("events.jsonX.exe", EVENTS)), b"X", b"\0")

ATTACKS: dict[str, Callable[[], bytes]] = {
    "no archive": lambda: EVENTS,
    "empty": lambda: b"",
    "no member": lambda: packed(),
    "another name": lambda: packed(("report.md", EVENTS)),
    "two files": lambda: packed(("events.json", EVENTS), ("pr-number", b"1")),
    "a path upwards": lambda: packed(("../events.json", EVENTS)),
    "an absolute path": lambda: packed(("/etc/events.json", EVENTS)),
    "a folder": lambda: packed(("events.json/", b"")),
    "a NUL in the name": lambda: WITH_NUL,
    "a link": lambda: packed(("events.json", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
    "a device": lambda: packed(("events.json", b""), mode=stat.S_IFCHR | 0o666),
    "encrypted": encrypted,
    "another method": lambda: packed(("events.json", EVENTS), method=zipfile.ZIP_LZMA),
    "a bomb": lambda: packed(("events.json", bytes(MAX_UNPACKED + 1))),
    "a bomb that lies": lying_about_its_size,
    "too large": lambda: packed(("events.json", EVENTS)) + bytes(MAX_PACKED),
    "truncated": lambda: packed(("events.json", EVENTS * 50))[:-30],
    "another checksum": lambda: replaced(
        packed(("events.json", EVENTS), method=zipfile.ZIP_STORED), b"sequence", b"sequencE"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_one_plain_file_is_refused_without_a_word_of_it(attack: str, tmp_path: Path) -> None:
    file = tmp_path / "artifact.zip"
    file.write_bytes(ATTACKS[attack]())
    with pytest.raises(ArtifactError) as caught:
        read_artifact(file)
    assert "passwd" not in str(caught.value)
    assert "pr-number" not in str(caught.value)


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "artifact.zip"
    with pytest.warns(UserWarning, match="Duplicate name"):
        file.write_bytes(packed(("events.json", EVENTS), ("events.json", b"other")))
    with pytest.raises(ArtifactError):
        read_artifact(file)


def test_a_file_that_is_missing_is_an_error_of_the_same_kind(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError):
        read_artifact(tmp_path / "artifact.zip")


def test_what_a_job_of_ours_records_is_read(tmp_path: Path) -> None:
    file = tmp_path / "artifact.zip"
    file.write_bytes(packed(("events.json", EVENTS)))
    assert read_artifact(file) == EVENTS
    assert artifact.MEMBER == "events.json"
