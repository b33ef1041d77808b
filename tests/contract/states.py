"""A stand-in for the CLI that has started a host: it prints the states that a test has written into a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = "CONTRACT_STATES"
"""The variable that names the folder. Without it there is one stack, and nothing in it."""

_INSTANCE = "pulumi-python:dynamic/cortecs:Instance"
_EMPTY = json.dumps({"version": 3, "deployment": {}})
_SCRIPT = f"""#!/bin/sh
folder="${{{FOLDER}:-/nowhere}}"
if [ "$1 $2" = "stack ls" ]; then
    [ -f "$folder/names" ] && exec cat "$folder/names"
    exec echo '[{{"name": "organization/tests/test"}}]'
fi
[ -f "$folder/unreadable" ] && echo "error: it cannot be read" >&2 && exit 255
file="$folder/$(basename "$4").json"
[ -f "$file" ] && exec cat "$file"
echo '{_EMPTY}'
"""


def fake_cli(folder: Path) -> Path:
    """Puts a `pulumi` into a folder, for PATH; that folder."""
    file = folder / "pulumi"
    file.write_text(_SCRIPT)
    file.chmod(0o755)
    return folder


def write(folder: Path, **stacks: list[dict[str, Any]]) -> None:
    """Writes the states: by stack the rows, each with `urn` and `instance_id`, and in `more` further keys of a row in
    a checkpoint."""
    folder.mkdir(exist_ok=True)
    (folder / "unreadable").unlink(missing_ok=True)
    for name, rows in stacks.items():
        resources = [
            {"urn": row["urn"], "type": _INSTANCE, "id": row["instance_id"], **row.get("more", {})} for row in rows
        ]
        export = {"version": 3, "deployment": {"resources": resources}}
        (folder / f"{name}.json").write_text(json.dumps(export))
    names = [
        {"name": f"organization/tests/{name}"} for name in ("test", *(stack for stack in stacks if stack != "test"))
    ]
    (folder / "names").write_text(json.dumps(names))


def unreadable(folder: Path) -> None:
    """From now on the states cannot be read."""
    folder.mkdir(exist_ok=True)
    (folder / "unreadable").touch()
