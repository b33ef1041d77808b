"""A resource logs where the program declares it, in a review only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging
import sys
import pulumi
from pulumi_cortecs import Instance, shadeform

class Mocks(pulumi.runtime.Mocks):
    def call(self, args):
        return {}

    def new_resource(self, args):
        return args.name, {**args.inputs, "state": "running", "on_timeout": "keep", "restart_trigger": ""}

logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(message)s")
pulumi.runtime.set_mocks(Mocks())

class Sized(Instance):
    def __init__(self, name, **arguments):
        super().__init__(name, hardware_type_id="NVIDIA_L4_1", **arguments)

def declare(name):
    return Instance(name, model_id="m")  # a function of the program

@pulumi.runtime.test
def main():
    Sized("sized", model_id="m")  # a subclass
    declare("within")
    volume = shadeform.Volume("disk", cloud="c", region="r", size_in_gb=1)  # a plain resource
    return pulumi.Output.all(volume.urn)

main()
"""


def lines_of(folder: Path, **variables: str) -> list[str]:
    """The messages of the program about source lines."""
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sorted(line for line in done.stdout.splitlines() if "declared at" in line)


def line_number(comment: str) -> int:
    return next(number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith(f"# {comment}"))


def test_in_a_review_it_is_the_line_of_the_users_call(tmp_path: Path) -> None:
    comments = ("a subclass", "a function of the program", "a plain resource")
    numbers = sorted(line_number(comment) for comment in comments)
    declared = [f"pulumi-cortecs: declared at {tmp_path}/program.py:{number}" for number in numbers]
    assert lines_of(tmp_path, PULUMI_CORTECS_REVIEW="1") == declared


def test_otherwise_nothing_is_logged(tmp_path: Path) -> None:
    assert lines_of(tmp_path, PULUMI_CORTECS_REVIEW="0") == []
