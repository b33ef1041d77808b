"""docs/gcore.md says what the code does: its program, the arguments with what a change means, and the outputs."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from pulumi_cortecs.gcore import ApiKey, Endpoint, InferenceDeploymentArgs, RegistryCredential, Secret
from pulumi_cortecs.gcore.kind import ARGUMENTS
from pulumi_cortecs.provider.arguments import LIFE_CYCLE
from pulumi_cortecs.provider.kind import Change, Required
from pulumi_cortecs.resources.plain import PlainResource
from tests.unit.test_reference_docs import annotated, column, quoted, table

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "gcore.md").read_text(encoding="utf-8")
ROWS = table(PAGE, "## `gcore.InferenceDeployment`: arguments", "argument")
OUTPUTS = table(PAGE, "## Outputs", "output")


def test_its_first_program_is_the_example() -> None:
    program = PAGE.partition("```python\n")[2].partition("```")[0]
    example = (ROOT / "examples" / "gcore_autoscale" / "__main__.py").read_text(encoding="utf-8")
    assert program in example


def test_the_arguments_are_those_of_the_program_and_of_the_provider() -> None:
    named = [name for name in ARGUMENTS if name not in LIFE_CYCLE]
    assert sorted(ROWS) == sorted(named)
    assert set(inspect.signature(InferenceDeploymentArgs).parameters) == {*named, *LIFE_CYCLE}


@pytest.mark.parametrize("name", ROWS)
def test_each_argument_is_described(name: str) -> None:
    argument, (_, default, _, meaning) = ARGUMENTS[name], ROWS[name]
    assert (default == "required") is isinstance(argument.default, Required)
    if quoted(default):
        assert quoted(default) == [str(argument.default) or '""']
    effect = {Change.REPLACE: "replacement", Change.UPDATE: "in place", Change.NOTHING: "nothing"}[argument.change]
    assert meaning.startswith(effect)
    assert ("interrupt" in meaning) is bool(argument.interrupts)


def test_the_outputs_are_those_of_the_endpoint() -> None:
    own = {
        name: kind
        for name, kind in annotated(Endpoint).items()
        if name not in ("instance_id", "state", "price_difference")
    }
    assert set(own) <= set(OUTPUTS)
    shown = {name: kind.removesuffix(" or None") for name, kind in column(OUTPUTS, 0).items()}
    assert {name: shown[name] for name in own} == own


@pytest.mark.parametrize("resource", [ApiKey, RegistryCredential, Secret])
def test_the_plain_resources_are_described(resource: type[PlainResource]) -> None:
    section = PAGE.partition("## `gcore.ApiKey`")[2].partition("\n## ")[0]
    rows = section.partition(f"| `{resource.__name__}` |")[2].partition("\n* ")[0]
    named = rows.partition("| `RegistryCredential`" if resource is ApiKey else "| `Secret`")[0]
    assert set(annotated(resource)) - {"name", "account"} <= set(quoted(named))
