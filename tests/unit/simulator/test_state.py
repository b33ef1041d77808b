"""The file that everything is kept in: what comes back out of it, and which files it is not."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import PlainSerializer
from pydantic_core import PydanticSerializationError

from pulumi_cortecs.simulator.state import FORMAT, State, StateError, open_state

KEYS = st.sampled_from("abcd")
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers()),
        st.tuples(st.just("remove"), KEYS, st.just(0)),
        st.tuples(st.just("clear"), st.just(""), st.just(0)),
        st.tuples(st.just("save"), st.just(""), st.just(0)),
    ),
    max_size=30,
)


@dataclass(frozen=True)
class Thing:
    at: datetime
    amount: Decimal
    seconds: float
    inner: dict[str, bool | int | float | str]
    nothing: str | None = None


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def state_in(path: Path) -> Iterator[State]:
    with closing(open_state(path)) as state:
        yield state


@settings(max_examples=25, deadline=None)
@given(changes=CHANGES)
@example([("put", "a", 1), ("save", "", 0), ("remove", "a", 0)])
@example([("put", "a", 1), ("put", "b", 1), ("save", "", 0), ("remove", "a", 0), ("put", "a", 2)])
@example([("put", "a", 1), ("save", "", 0), ("clear", "", 0), ("put", "b", 1)])
def test_a_table_is_a_dict_that_is_kept(changes: list[tuple[str, str, int]]) -> None:
    with TemporaryDirectory() as folder:
        path, plain = Path(folder) / "sim.db", dict[str, int]()
        with state_in(path) as state:
            table = state.table("numbers", int)
            for change, key, value in changes:
                if change == "put":
                    table[key] = plain[key] = value
                elif change == "remove":
                    assert table.pop(key, None) == plain.pop(key, None)
                elif change == "clear":
                    table.clear()
                    plain.clear()
                else:
                    state.save()
            assert list(table.items()) == list(plain.items())
            state.save()
        with state_in(path) as again:
            assert list(again.table("numbers", int).items()) == list(plain.items())


def test_values_come_back_exactly(tmp_path: Path) -> None:
    thing = Thing(
        at=datetime(2025, 3, 1, 12, 0, 0, 123457, tzinfo=timezone.utc),
        amount=Decimal("1000.00"),
        seconds=0.1 + 0.2,
        inner={"whole": 500, "broken": 500.5, "flag": True, "word": "é"},
    )
    with state_in(tmp_path / "sim.db") as state:
        state.table("things", Thing)["one"] = thing
        state.save()
    with state_in(tmp_path / "sim.db") as again:
        kept = again.table("things", Thing)["one"]
    assert kept == thing
    assert repr(kept.amount) == "Decimal('1000.00')"
    assert [type(value) for value in kept.inner.values()] == [int, float, bool, str]


def test_what_is_not_saved_is_not_kept(tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db") as state:
        state.table("numbers", int)["one"] = 1
    with state_in(tmp_path / "sim.db") as again:
        assert dict(again.table("numbers", int)) == {}


def test_what_is_saved_is_in_the_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with state_in(tmp_path / "sim.db") as state:
        state.table("numbers", int)["one"] = 1
        state.save()
        for file in tmp_path.glob("sim.db*"):
            shutil.copy(file, tmp_path / "copy")
    with state_in(tmp_path / "copy" / "sim.db") as again:
        assert dict(again.table("numbers", int)) == {"one": 1}


def test_a_save_writes_what_has_changed_and_no_more(tmp_path: Path) -> None:
    written = list[int]()

    def serialize_once(value: int) -> int:
        written.append(value)
        return value

    with state_in(tmp_path / "sim.db") as state:
        table = state.table("numbers", Annotated[int, PlainSerializer(serialize_once)])  # type: ignore[arg-type]
        table.update(a=1, b=2)
        state.save()
        table["a"] = 3
        del table["b"]
        state.save()
        state.save()
    assert written == [1, 2, 3]


def test_a_save_that_fails_keeps_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db") as state:
        numbers, others = state.table("numbers", int), state.table("others", int)
        numbers["one"], others["two"] = 1, object()  # type: ignore[assignment]
        with pytest.raises(PydanticSerializationError):
            state.save()
        others["two"] = 2
        state.save()
    with state_in(tmp_path / "sim.db") as again:
        assert (dict(again.table("numbers", int)), dict(again.table("others", int))) == ({"one": 1}, {"two": 2})


def test_in_memory_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(open_state(None)) as state:
        state.table("numbers", int)["one"] = 1
        state.save()
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db"):
        assert (tmp_path / "sim.db").stat().st_mode & 0o777 == 0o600


def test_an_empty_file_is_a_new_state(tmp_path: Path) -> None:
    (tmp_path / "sim.db").touch()
    with state_in(tmp_path / "sim.db") as state:
        assert dict(state.table("numbers", int)) == {}


@pytest.mark.parametrize("name", ["with space.db", "100%25?mode=memory#x.db", ":memory:", "ünï.db"])
def test_any_name_will_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for expected in ({}, {"one": 1}):
        with state_in(Path(name)) as state:
            table = state.table("numbers", int)
            assert dict(table) == expected
            table["one"] = 1
            state.save()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_second_simulator_on_the_file_is_refused(tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db") as state:
        with pytest.raises(StateError, match="in use by another simulator"):
            open_state(tmp_path / "sim.db")
        script = (
            "import sys, pathlib; from pulumi_cortecs.simulator.state import open_state; "
            "open_state(pathlib.Path(sys.argv[1]))"
        )
        other = subprocess.run([sys.executable, "-c", script, str(tmp_path / "sim.db")], capture_output=True, text=True)
        assert other.stderr.endswith("sim.db is in use by another simulator\n")
        state.table("numbers", int)["one"] = 1
        state.save()
    with state_in(tmp_path / "sim.db") as again:
        assert dict(again.table("numbers", int)) == {"one": 1}


def foreign_database(path: Path, *, wal: bool = False) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as theirs:
        if wal:
            theirs.execute("PRAGMA journal_mode = WAL")
        theirs.execute("CREATE TABLE kept (position, shelf, key, value)")
        theirs.execute("INSERT INTO kept VALUES (1, 'numbers', 'one', '1')")


@pytest.mark.parametrize("text", ["x", "CORTECS=1\n" * 1000, "SQLite format 3\0"])
def test_a_file_that_is_no_database_is_refused_and_left_alone(text: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(text)
    before = contents(tmp_path)
    with pytest.raises(StateError, match="is not a state of this simulator"):
        open_state(tmp_path / "notes")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("wal", [False, True])
def test_another_programs_database_is_refused_and_left_alone(wal: bool, tmp_path: Path) -> None:
    foreign_database(tmp_path / "theirs.db", wal=wal)
    before = contents(tmp_path)
    with pytest.raises(StateError, match="is not a state of this simulator"):
        open_state(tmp_path / "theirs.db")
    assert contents(tmp_path) == before


def test_another_programs_open_database_is_left_alone_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "theirs.db", isolation_level=None)) as theirs:
        theirs.execute("PRAGMA journal_mode = WAL")
        theirs.execute("CREATE TABLE t (a)")
        before = contents(tmp_path)
        with pytest.raises(StateError, match="is not a state of this simulator"):
            open_state(tmp_path / "theirs.db")
        assert contents(tmp_path) == before


def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db") as state:
        state.save()
    with closing(sqlite3.connect(tmp_path / "sim.db", isolation_level=None)) as newer:
        newer.execute(f"PRAGMA user_version = {FORMAT + 1}")
    before = contents(tmp_path)
    with pytest.raises(StateError, match=f"newer version \\(format {FORMAT + 1}, this one knows {FORMAT}\\)"):
        open_state(tmp_path / "sim.db")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("value", ["no JSON", '"no number"', "{}"])
def test_a_damaged_row_is_named_in_a_line(value: str, tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db") as state:
        state.table("numbers", int)["one"] = 1
        state.save()
    with closing(sqlite3.connect(tmp_path / "sim.db", isolation_level=None)) as damaged:
        damaged.execute("UPDATE kept SET value = ?", (value,))
    with state_in(tmp_path / "sim.db") as again, pytest.raises(StateError, match="is damaged, at its numbers") as error:
        again.table("numbers", int)
    assert "\n" not in str(error.value)


def test_a_file_with_a_hole_in_it_is_damaged(tmp_path: Path) -> None:
    with state_in(tmp_path / "sim.db") as state:
        table = state.table("numbers", int)
        for number in range(2000):
            table[str(number)] = number
        state.save()
    whole = (tmp_path / "sim.db").read_bytes()
    (tmp_path / "sim.db").write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StateError, match=r"is damaged|cannot be used"), state_in(tmp_path / "sim.db") as again:
        again.table("numbers", int)


def test_a_place_where_no_file_can_be_is_a_short_error(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "sim.db", tmp_path):
        with pytest.raises(StateError, match="cannot be opened") as error:
            open_state(path)
        assert "\n" not in str(error.value)
