"""`pulumi-cortecs new`: writes a project that previews, buys and ends on the simulator as it stands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from string import Template
from typing import Annotated, Final

import typer

from pulumi_cortecs.cli.output import exit_failed, print_lines
from pulumi_cortecs.cli.shipped import PACKAGE, NotShippedError, shipped
from pulumi_cortecs.cost.pricelist import LOCK_FILE

PACK: Final = "policy/guard"
"""The pack's folder in a project."""
_LEFT_ALONE: Final = frozenset({".git", ".venv"})
_SIMULATED: Final = '{"file": "simulator.lock.yaml"}'


@dataclass(frozen=True)
class Start:
    """What a project begins with: the folder of an example, limits of the pack that match the simulator's prices, and
    the command that sets its configuration, "" for none."""

    example: str
    limits: str
    config: str = ""


STARTS: Final[Mapping[str, Start]] = {
    "cortecs": Start("quickstart", "demo.json"),
    "shadeform": Start(
        "shadeform_vllm", "demo-shadeform.json", "openssl rand -hex 24 | pulumi config set --secret key"
    ),
    "gcore": Start("gcore_autoscale", "demo-gcore.json"),
}


def new(
    directory: Annotated[Path, typer.Argument(file_okay=False, help="The folder to write; it must be empty.")],
    cloud: Annotated[str, typer.Option(help=f"The cloud of its program: {', '.join(STARTS)}.")] = "cortecs",
) -> None:
    """Write a project: program, Pulumi.yaml, policy pack with limits and prices, CI job, requirements.

    The prices are the simulator's. In the folder may be a .git and a .venv, which are left alone.
    """
    if cloud not in STARTS:
        raise typer.BadParameter(f"--cloud: got {cloud!r}; allowed: {', '.join(STARTS)}")
    start = STARTS[cloud]
    try:
        if there := sorted({path.name for path in directory.iterdir()} - _LEFT_ALONE) if directory.exists() else []:
            raise exit_failed(
                f"{directory} is not empty: it has {', '.join(there[:5])}{', ...' if there[5:] else ''}; "
                "name a folder that is empty, or does not exist"
            )
        written = write_project(directory, cloud, start)
    except (OSError, NotShippedError) as error:
        raise exit_failed(error) from None
    print_lines(f"{directory}: {', '.join(written)}")
    here = f"cd {shlex.quote(str(directory))} && " if directory.resolve() != Path.cwd() else ""
    print_lines(f"Next: {here}pulumi-cortecs doctor", "      pulumi stack init dev")
    if start.config:
        print_lines(f"      {start.config}")
    print_lines(f"      pulumi up --policy-pack {PACK}/run --policy-pack-config {PACK}/limits.json")


def write_project(directory: Path, cloud: str, start: Start) -> list[str]:
    """Writes the files and returns their names. Raises OSError and NotShippedError."""
    from pulumi_cortecs import _abi

    pack = shipped("policies/guard")
    catalogue, digest = _simulators_prices(cloud)
    pin = json.dumps({"file": LOCK_FILE, "sha256": digest})
    names = {
        "project": re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.resolve().name)[:100] or "llm",
        "vendor": _abi.instance_kinds()[cloud].vendor,
        "source": package_source(distribution("pulumi-cortecs")),
    }
    files = {
        "__main__.py": shipped(f"examples/{start.example}/__main__.py").read_text(encoding="utf-8"),
        "Pulumi.yaml": _filled("Pulumi.yaml", names),
        "requirements.txt": _filled("requirements.txt", names),
        f"{PACK}/limits.json": (pack / "limits" / start.limits).read_text(encoding="utf-8").replace(_SIMULATED, pin),
        f"{PACK}/{LOCK_FILE}": catalogue,
        f"{PACK}/requirements.txt": _filled("policy-requirements.txt", names),
        ".github/workflows/preview.yml": _template("preview.yml"),
        ".gitignore": _template("gitignore"),
    }
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("run", "__main__.py", "PulumiPolicy.yaml"):
        shutil.copy(pack / name, directory / PACK / name)
    return [*files, f"{PACK}/run"]


def _simulators_prices(cloud: str) -> tuple[str, str]:
    """The simulator's catalogue of one cloud, as text, and its digest."""
    from pulumi_cortecs.cost import catalogue

    every = catalogue.load(PACKAGE / "catalogues" / "simulator.lock.yaml")
    one = catalogue.Catalogue({cloud: every.price_lists[cloud]})
    return catalogue.dump(one), one.digest


def package_source(installed: Distribution) -> str:
    """Where pip finds this very package again: "==0.1.0", or " @ " and the URL that it was installed from."""
    direct = json.loads(installed.read_text("direct_url.json") or "{}")
    if "vcs_info" in direct:
        return f" @ {direct['vcs_info']['vcs']}+{direct['url']}@{direct['vcs_info']['commit_id']}"
    return f" @ {direct['url']}" if "url" in direct else f"=={installed.version}"


def _template(name: str) -> str:
    return (PACKAGE / "templates" / name).read_text(encoding="utf-8")


def _filled(name: str, names: Mapping[str, str]) -> str:
    return Template(_template(name)).substitute(names)
