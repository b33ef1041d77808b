"""Every cloud has all its parts, under its own name. Clouds are found by looking: whatever names one counts, so that a
part that is taken away is missed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pulumi_cortecs import _abi, _tokens
from pulumi_cortecs.cost import limits_file
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.lifecycle.clock import SystemClock
from pulumi_cortecs.policy.clouds import RESOURCE_TYPES
from pulumi_cortecs.provider.answer_cache import AnswerCache
from pulumi_cortecs.provider.kind import GENERATED, CrudKind
from pulumi_cortecs.simulator.clouds import CLOUDS as SIMULATED
from tests.clouds.case import CloudCase
from tests.clouds.every import EVERY

ROOT = Path(__file__).parents[2]
FILES = ("__init__", "client", "cloud", "data", "kind", "market", "resources")
OF_TESTS = frozenset({"acme"})
"""Clouds of the tests alone: no other code simulates them, buys there, or documents them."""


@dataclass(frozen=True)
class Tree:
    """The tree: paths of files, and the names in each register."""

    files: frozenset[str]
    providers: frozenset[str]
    tokens: frozenset[str]
    limits: frozenset[str]
    extracted: frozenset[str]
    simulated: frozenset[str]
    cases: frozenset[str]

    def without(self, part: str) -> Tree:
        """The same with a part taken away."""
        where, _, name = part.partition(": ")
        return replace(self, **{where: getattr(self, where) - {name}})

    def has(self, part: str) -> bool:
        """Returns whether a part is there."""
        return self.without(part) != self

    def clouds(self) -> frozenset[str]:
        """All that anything here names."""
        modules = (path.split("/") for path in self.files)
        folders = {path[1] for path in modules if path[0] == "pulumi_cortecs" and path[2:] == ["client.py"]}
        named = {name.partition(".")[0] for name in self.providers | self.tokens}
        return frozenset(folders | named | self.limits | self.simulated | self.cases)


def as_it_is() -> Tree:
    """This tree."""
    looked_at = ("pulumi_cortecs/*/*.py", "tests/*/*.py", "docs/apis/*.md", "pulumi_cortecs/simulator/*/__init__.py")
    tokens = _tokens.TOKENS
    return Tree(
        files=frozenset(str(path.relative_to(ROOT)) for glob in looked_at for path in ROOT.glob(glob)),
        providers=frozenset(_abi.KINDS),
        tokens=frozenset(tokens),
        limits=frozenset(limits_file.CLOUDS),
        extracted=frozenset(name for name, token in tokens.items() if token in RESOURCE_TYPES),
        simulated=frozenset(cloud.name for cloud in SIMULATED),
        cases=frozenset(EVERY),
    )


def needed(cloud: str, providers: Iterable[str]) -> list[str]:
    """The parts that a cloud has to have; `providers` are the names of those of its types."""
    registers = [f"limits: {cloud}", f"cases: {cloud}"]
    registers += [f"{register}: {name}" for name in providers for register in ("providers", "tokens")]
    if cloud in OF_TESTS:
        return [*(f"files: tests/{cloud}/{name}.py" for name in (*FILES, "api")), *registers]
    return [
        *(f"files: pulumi_cortecs/{cloud}/{name}.py" for name in FILES),
        f"files: pulumi_cortecs/policy/{cloud}.py",
        f"files: pulumi_cortecs/simulator/{cloud}/__init__.py",
        f"files: docs/apis/{cloud}.md",
        f"simulated: {cloud}",
        *(f"extracted: {name}" for name in providers),
        *registers,
    ]


def missing(tree: Tree) -> list[str]:
    """The parts that any of its clouds lacks."""
    lacking = list[str]()
    for cloud in sorted(tree.clouds()):
        of_it = {name for name in tree.providers | tree.tokens if name.startswith(f"{cloud}.")}
        providers = sorted(of_it | {f"{cloud}.Endpoint"})
        lacking += [part for part in needed(cloud, providers) if not tree.has(part)]
    return lacking


TREE = as_it_is()
PARTS = [
    part
    for cloud in sorted(TREE.clouds())
    for part in needed(cloud, sorted(name for name in TREE.providers if name.startswith(f"{cloud}.")))
]


def test_every_cloud_is_whole() -> None:
    assert {"cortecs", *OF_TESTS} <= TREE.clouds()
    assert missing(TREE) == []


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_taken_away_is_missed(part: str) -> None:
    assert part in missing(TREE.without(part))


def test_a_folder_alone_is_no_cloud() -> None:
    begun = replace(TREE, files=TREE.files | {"pulumi_cortecs/other/client.py"})
    assert "files: pulumi_cortecs/other/cloud.py" in missing(begun)
    assert "limits: other" in missing(begun)


@pytest.mark.parametrize("case", EVERY.values(), ids=list(EVERY))
def test_a_cloud_is_called_the_same_everywhere(case: CloudCase) -> None:
    kind = case.kind()
    assert {kind.cloud, case.simulated.name, *(name.partition(".")[0] for name in (case.instance, case.endpoint))} == {
        case.name
    }
    assert (kind.token, kind.endpoint_token) == tuple(_tokens.TOKENS[name] for name in (case.instance, case.endpoint))
    assert all(key.config.startswith(f"{case.name}:") for key in kind.credentials.keys)
    assert set(case.simulated.environment("http://localhost")) == {key.variable for key in kind.credentials.keys}


@pytest.mark.parametrize("case", EVERY.values(), ids=list(EVERY))
def test_a_cloud_does_all_that_its_contract_says(case: CloudCase) -> None:
    kind = case.kind()
    url = kind.credentials.default_url
    credentials = Credentials(kind.cloud, url, tuple("x" * 20 for _ in kind.credentials.parts))
    cloud = kind.connect(credentials, 10.0, lambda inputs: None)  # an abstract method that is left would be an error
    assert (cloud.fingerprint, cloud.base_url, cloud.list_lag) == (credentials.fingerprint, url, 10.0)
    market = kind.open_market(url, lambda: credentials, AnswerCache(SystemClock(), 10.0))
    lists = limits_file.CLOUDS[case.name].values()
    judged = (*kind.arguments.replacing, *kind.arguments.priced)  # a change of any other is not compared with limits
    assert {listed.argument for listed in lists} <= set(judged)
    values = market.policy_values({**dict.fromkeys(kind.arguments.replacing, "x"), **case.programs[0]})
    assert {listed.value for listed in lists} <= set(values)


@pytest.mark.parametrize("name", sorted(_tokens.PLAIN_RESOURCES))
def test_a_plain_resource_is_called_the_same_everywhere(name: str) -> None:
    kind = _abi.load(name).kind
    assert isinstance(kind, CrudKind)
    assert name == f"{kind.cloud}.{kind.name}"
    assert kind.token == _tokens.TOKENS[name]
    assert "name" in kind.arguments.replacing
    assert kind.arguments["name"].default is GENERATED
    # the cost of an account is the same, whichever of its resources is bought
    assert (kind in kind.instances.billed_kinds) == (kind.market is not None)
    assert kind.billed_kinds == kind.instances.billed_kinds == EVERY[kind.cloud].kind().billed_kinds
    credentials = Credentials(kind.cloud, kind.credentials.default_url, tuple("x" * 20 for _ in kind.credentials.parts))
    cloud = kind.open_cloud(credentials, 10.0, lambda inputs: None)
    assert cloud.fingerprint == credentials.fingerprint != cloud.journal_account
