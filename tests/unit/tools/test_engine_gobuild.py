"""The Go that may build, and its environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.engine import gobuild, gotool
from tools.engine.gotool import Go

ANSWERS = {
    "GOVERSION": "go1.26.8",
    "GOTOOLCHAIN": "auto",
    "GOHOSTOS": "linux",
    "GOHOSTARCH": "arm64",
    "GOFLAGS": "-mod=vendor -p=1",
}


def fake_go(folder: Path, **answers: str) -> Path:
    """A Go that can only say what it is."""
    go = folder / "go"
    go.write_text(f"#!/bin/sh\necho '{json.dumps({**ANSWERS, **answers})}'\n")
    go.chmod(0o755)
    return go


def examine(tmp_path: Path, **answers: str) -> Go:
    fake_go(tmp_path, **answers)
    return gotool.on_path({"PATH": str(tmp_path)}, tmp_path)


def test_a_recent_go_on_path_is_taken(tmp_path: Path) -> None:
    assert examine(tmp_path) == Go(tmp_path / "go", "go1.26.8", ("linux", "arm64"), "-mod=vendor -p=1", False)


@pytest.mark.parametrize("toolchain", ["local", "", "go1.24.1"])
def test_an_old_go_that_must_not_fetch_another_is_refused(tmp_path: Path, toolchain: str) -> None:
    with pytest.raises(gotool.NoGo, match=r"go1\.25\.10, older than 1\.25\.11, and GOTOOLCHAIN=") as refusal:
        examine(tmp_path, GOVERSION="go1.25.10", GOTOOLCHAIN=toolchain)
    assert f"GOTOOLCHAIN={toolchain or 'local'} keeps" in str(refusal.value)


@pytest.mark.parametrize("toolchain", ["auto", "local+auto", "go1.24.1+path"])
def test_an_old_go_that_may_fetch_another_is_given_a_try(tmp_path: Path, toolchain: str) -> None:
    assert examine(tmp_path, GOVERSION="go1.24.1", GOTOOLCHAIN=toolchain).fetches_another


def test_the_oldest_go_that_will_do_is_taken_and_so_is_an_unknown_one(tmp_path: Path) -> None:
    assert not examine(tmp_path, GOVERSION="go1.25.11", GOTOOLCHAIN="local").fetches_another
    assert not examine(tmp_path, GOVERSION="devel go1.28-abc", GOTOOLCHAIN="local").fetches_another


def test_no_go_and_a_broken_go_are_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(gotool.NoGo, match="no go on PATH"):
        gotool.on_path({"PATH": str(tmp_path)}, tmp_path)
    go = tmp_path / "go"
    for text in ("#!/bin/sh\necho broken >&2; exit 2\n", "#!/bin/sh\necho not json\n", "#!/bin/sh\necho '[]'\n"):
        go.write_text(text)
        go.chmod(0o755)
        with pytest.raises(gotool.NoGo, match="go does not work"):
            gotool.on_path({"PATH": str(tmp_path)}, tmp_path)


def go_with(flags: str) -> Go:
    return Go(Path("/go"), "go1.26.8", ("linux", "amd64"), flags, False)


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        ("", ""),
        ("-mod=vendor", ""),
        ("-p=1 --mod=vendor -x", "-p=1 -x"),
        ("-modfile=other.mod -overlay=o.json -tags=x -ldflags=-s -buildmode=pie -race -n", ""),
        ("-modcacherw -buildvcs=false", "-modcacherw -buildvcs=false"),
    ],
)
def test_flags_of_the_users_that_would_build_something_else_are_dropped(tmp_path: Path, flags: str, kept: str) -> None:
    # -mod=readonly is always there: an empty GOFLAGS would bring back the one of `go env -w`
    env = gobuild.environment(go_with(flags), tmp_path, {})
    assert env["GOFLAGS"] == f"-mod=readonly {kept}".strip()


def test_how_modules_are_reached_stays_the_users_and_caches_are_ours(tmp_path: Path) -> None:
    theirs = {"GOPROXY": "file:///mirror", "GONOSUMDB": "*", "HTTPS_PROXY": "http://127.0.0.1:1", "PATH": "/bin"}
    overruled = {"GOWORK": "/w/go.work", "GOOS": "windows", "GOARCH": "wasm", "GO111MODULE": "off", "GOMODCACHE": "/m"}
    env = gobuild.environment(go_with(""), tmp_path, theirs | overruled)
    assert {name: env[name] for name in theirs} == theirs
    assert (env["GOWORK"], env["GO111MODULE"], env["CGO_ENABLED"]) == ("off", "on", "0")
    assert (env["GOOS"], env["GOARCH"]) == ("linux", "amd64")
    for cache in ("GOMODCACHE", "GOCACHE", "GOTMPDIR"):
        assert Path(env[cache]).is_relative_to(tmp_path)


def test_too_little_space_is_said_before_the_build(tmp_path: Path) -> None:
    gobuild.check_space(gobuild.NEEDED_SPACE, tmp_path)
    with pytest.raises(gobuild.BuildFailed, match=r"needs 6 GB for some minutes, and there are 3\.2 GB free at"):
        gobuild.check_space(3_200_000_000, tmp_path)
