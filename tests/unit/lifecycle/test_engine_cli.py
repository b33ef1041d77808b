"""The CLI above a process, as a process tree shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.engine_cli import EngineCli, find_in_ancestors

ENVIRON = b"PATH=/bin\0PULUMI_BACKEND_URL=s3://b?a=b\0EMPTY=\0ODD\xff=\xfe\0"


class Tree:
    """Processes in a folder like /proc."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def put(self, pid: int, parent: int, executable: str, environ: bytes = b"", *words: str) -> None:
        folder = self.directory / str(pid)
        folder.mkdir()
        (folder / "exe").symlink_to(executable)
        (folder / "cwd").symlink_to("/home/me/project")
        (folder / "stat").write_text(f"{pid} (a (b) c) S {parent} 1 1 0\n")
        (folder / "environ").write_bytes(environ)
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_it_is_found_above_the_launcher_with_all_that_it_was_started_with(tree: Tree) -> None:
    tree.put(30, 20, "/usr/bin/dash", b"PULUMI_BACKEND_URL=s3://lie\0")
    tree.put(20, 10, "/opt/pulumi", ENVIRON, "pulumi", "up", "--stack", "dev", "")
    tree.put(10, 1, "/usr/bin/bash")
    assert find_in_ancestors(30, tree.directory) == EngineCli(
        20,
        "/opt/pulumi",
        ("pulumi", "up", "--stack", "dev", ""),
        {"PATH": "/bin", "PULUMI_BACKEND_URL": "s3://b?a=b", "EMPTY": "", "ODD\udcff": "\udcfe"},
        Path("/home/me/project"),
    )


def test_the_nearest_one_counts(tree: Tree) -> None:
    tree.put(30, 20, "/a/pulumi")
    tree.put(20, 1, "/b/pulumi")
    cli = find_in_ancestors(30, tree.directory)
    assert cli is not None
    assert cli.executable == "/a/pulumi"


def test_one_that_was_replaced_while_it_runs_can_still_be_started(tree: Tree) -> None:
    tree.put(20, 1, "/opt/pulumi (deleted)")
    cli = find_in_ancestors(20, tree.directory)
    assert cli is not None
    assert cli.executable == f"{tree.directory}/20/exe"


def test_what_is_called_otherwise_or_is_too_far_up_is_none(tree: Tree) -> None:
    for pid in range(20, 40):
        tree.put(pid, pid + 1, "/usr/bin/pulumi-language-python")
    tree.put(40, 1, "/opt/pulumi")
    assert find_in_ancestors(20, tree.directory) is None
    assert find_in_ancestors(40, tree.directory) is not None


def test_where_nothing_can_be_looked_at_there_is_none(tree: Tree) -> None:
    assert find_in_ancestors(20, tree.directory) is None
    tree.put(20, 1, "/opt/pulumi")
    (tree.directory / "20" / "environ").unlink()
    assert find_in_ancestors(20, tree.directory) is None
