"""`pulumi-cortecs policy`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulumi_cortecs.cli import app

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("pack", ["hardware", "cost", "guard"])
def test_it_tells_where_a_pack_lies(pack: str) -> None:
    told = CliRunner().invoke(app, ["policy", "path", pack])
    assert told.exit_code == 0
    run = Path(told.stdout.strip())
    assert os.access(run, os.X_OK)
    assert run == ROOT / "policies" / pack / "run"
    folder = CliRunner().invoke(app, ["policy", "path", pack, "--folder"])
    assert (Path(folder.stdout.strip()) / "PulumiPolicy.yaml").is_file()


def test_there_are_no_others() -> None:
    assert CliRunner().invoke(app, ["policy", "path", "gard"]).exit_code == 2
