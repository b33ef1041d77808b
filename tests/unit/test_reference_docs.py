"""`docs/resources.md` and `docs/how-it-works.md` say what the code does: names, types, defaults, changes, figures."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pulumi
import pytest

from pulumi_cortecs import Endpoint, Instance, InstanceArgs
from pulumi_cortecs.cortecs import kind as of_cortecs
from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.cost import times
from pulumi_cortecs.lifecycle.waiting import SCHEDULE
from pulumi_cortecs.provider import arguments
from pulumi_cortecs.provider.properties import read_properties
from pulumi_cortecs.resources import types
from pulumi_cortecs.resources.constructor import create_timeout
from pulumi_cortecs.resources.instance import EndpointOutput, EndpointText
from pulumi_cortecs.simulator import running
from tests.contract.host import Host, Made, hosting
from tests.unit.mocked import run

DOCS = Path(__file__).parents[2] / "docs"
RESOURCES = (DOCS / "resources.md").read_text(encoding="utf-8")
HOW_IT_WORKS = (DOCS / "how-it-works.md").read_text(encoding="utf-8")
QWEN = "Qwen/Qwen2-7B-Instruct"

Rows = dict[str, list[str]]


def table(page: str, section: str, first: str) -> Rows:
    """The rows of the table in a section ("## `Endpoint`") whose first column is called `first`, by what is in it."""
    (_, separator, body) = page.partition(f"\n{section}\n")
    assert separator, section
    body = re.split(r"^##? ", body, maxsplit=1, flags=re.M)[0]
    lines = body.partition(f"| {first} |")[2].splitlines()
    rows: Rows = {}
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
        assert name not in rows, name
        rows[name.replace("`", "")] = cells
    assert rows, (section, first)
    return rows


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


def column(rows: Rows, number: int) -> dict[str, str]:
    return {name: cells[number] for name, cells in rows.items()}


ARGUMENTS = table(RESOURCES, "## `Instance`: arguments", "argument")
OUTPUTS = table(RESOURCES, "## `Instance`: outputs", "output")
QUOTE = table(RESOURCES, "## `Instance`: outputs", "in `quote`")
ATTRIBUTES = table(RESOURCES, "## `Instance`: outputs", "attribute")
ENDPOINT_INPUTS = table(RESOURCES, "## `Endpoint`", "input")
ENDPOINT_OUTPUTS = table(RESOURCES, "## `Endpoint`", "output")
READINESS = {"ready": "status", "ready_path": "/health", "ready_key": "a-key"}
NAMED = {"ttl": "8h", "max_price": "99.00 EUR", "price_tolerance": 5, **READINESS}
"""Arguments that are not in the state while they have their default, except adopt_id."""
_PARAMETERS = inspect.signature(InstanceArgs).parameters
SIGNATURE = {name: parameter for name, parameter in _PARAMETERS.items() if name != "self"}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A provider's host against a simulator in which instances boot at once."""
    with running(speed=60, boot=1) as simulator, hosting(simulator.env()) as host:
        yield host


@pytest.fixture(scope="module")
def bought(host: Host) -> Made:
    """An instance of a program that names the model, and what is not in the state otherwise."""
    return host.instance().buy({"model_id": QWEN, **NAMED})


@pytest.fixture(scope="module")
def ready(host: Host, bought: Made) -> Made:
    """Its Endpoint."""
    inputs = {
        "instance_id": bought.id,
        "state": "running",
        "spec_digest": "",
        "ready_timeout": 20,
        "on_timeout": "stop",
        **READINESS,
    }
    return host.endpoint().create(inputs)


def plainly(annotation: Any) -> str:
    """A type as the pages name it: that inside of an Input or Output."""
    words = re.sub(r"(typing\.)?Literal\[[^]]*\]|\b(State|OnTimeout|Ready|BillingInterval)\b", "str", str(annotation))
    words = re.sub(r"typing\.Optional\[(.*?)\]", r"\1 | None", words)
    text = re.sub(r"[\w.]*\b(Input|Output)\[(.*?)\]( \| None)?$", r"\2", words)
    text = text.replace(" | None", " or None")
    return re.sub(r"\[.*\]", "", text.removeprefix("typing.").removeprefix("collections.abc.")).replace("Any", "object")


def annotated(cls: type) -> dict[str, str]:
    """The outputs that a class declares, with their types."""
    annotations = {
        name: str(annotation)
        for name, annotation in inspect.get_annotations(cls).items()
        if "Output[" in str(annotation)
    }
    return {name: plainly(text) for name, text in annotations.items()}


def test_the_arguments_are_those_of_the_program_and_of_the_provider() -> None:
    assert set(ARGUMENTS) == set(SIGNATURE)
    assert list(ARGUMENTS) == list(of_cortecs.ARGUMENTS)


def test_the_types_of_the_arguments() -> None:
    assert column(ARGUMENTS, 0) == {name: plainly(parameter.annotation) for name, parameter in SIGNATURE.items()}


def test_required_is_what_has_no_default() -> None:
    required = {name for name, text in column(ARGUMENTS, 1).items() if text == "required"}
    assert required == {name for name, parameter in SIGNATURE.items() if parameter.default is inspect.Parameter.empty}


def test_the_defaults_are_those_of_the_provider() -> None:
    by_the_market = {name for name, text in column(ARGUMENTS, 1).items() if text.startswith("kept, at first ")}
    assert by_the_market == {"hardware_type_id", "context_length"}
    for name, text in column(ARGUMENTS, 1).items():
        if name not in by_the_market and text != "required":
            assert quoted(text) == [str(of_cortecs.ARGUMENTS.defaults[name]) or '""'], name


def test_the_defaults_are_what_is_bought(bought: Made) -> None:
    for name, text in column(ARGUMENTS, 1).items():
        if name in bought.outs and name not in ("model_id", "hardware_type_id", *NAMED):
            assert [str(bought.outs[name]).removesuffix(".0") or '""'] == quoted(text), name


def accepted(name: str, value: Any) -> bool:
    return not [
        problem
        for problem in read_properties({"model_id": QWEN, name: value}, of_cortecs.ARGUMENTS)[1]
        if problem.property == name
    ]


def test_the_allowed_words_and_no_others_are_taken() -> None:
    words = {
        "billing_interval": get_args(types.BillingInterval),
        "state": get_args(types.State),
        "on_timeout": get_args(types.OnTimeout),
        "ready": get_args(types.Ready),
    }
    for name, allowed in words.items():
        assert tuple(quoted(ARGUMENTS[name][2])) == allowed
        assert all(accepted(name, word) for word in allowed)
        assert not accepted(name, "other")


def test_the_limits_are_the_outermost_that_are_taken() -> None:
    low, high = (int(number) for number in quoted(ARGUMENTS["num_workers"][2]))
    assert [accepted("num_workers", number) for number in (low - 1, low, high, high + 1)] == [False, True, True, False]
    (low,) = (int(number) for number in quoted(ARGUMENTS["context_length"][2]))
    assert [accepted("context_length", number) for number in (low - 1, low)] == [False, True]
    empty, shortest, longest, *units, example = quoted(ARGUMENTS["ttl"][2])
    assert (empty, longest) == ('""', "366d")
    assert [accepted("ttl", text) for text in ("", shortest, longest, example)] == [True] * 4
    assert [accepted("ttl", text) for text in ("0.9s", "367d")] == [False, False]
    assert set(units) == set(times.MILLISECONDS)
    assert [accepted("adopt_id", text) for text in ("", "some-id", " ")] == [True, True, False]
    same, also = quoted(ARGUMENTS["model_id"][2])
    assert read_properties({"model_id": same}, of_cortecs.ARGUMENTS) == read_properties(
        {"model_id": also}, of_cortecs.ARGUMENTS
    )


CHANGES: Mapping[str, Any] = {
    "model_id": "microsoft--phi-4",
    "hardware_type_id": "NVIDIA_L4_2",
    "context_length": 16000,
    "billing_interval": "per_hour",
    "num_workers": 2,
    "state": "stopped",
    "restart_trigger": "now",
    "ttl": "9h",
    "on_timeout": "stop",
    "adopt_id": "another",
    "max_price": "98.00 EUR",
    "price_tolerance": 6,
    "ready": "answer",
    "ready_path": "/other",
    "ready_key": "another-key",
    "labels": {"team": "search"},
}


def test_what_a_change_of_each_argument_means_is_what_diff_says(host: Host, bought: Made) -> None:
    inputs = {key: value for key, value in bought.outs.items() if key in INSTANCE.inputs}
    for name, meaning in column(ARGUMENTS, 3).items():
        diffed = host.instance().diff(bought.outs, {**inputs, name: CHANGES[name]}, bought.id)
        effect = "replacement" if diffed.replaces else "nothing" if diffed.changes is False else "in place"
        assert (name, meaning) == (name, effect)


def test_the_outputs_are_those_of_the_class_and_of_what_create_returns(bought: Made) -> None:
    assert set(annotated(Instance)) == {*ARGUMENTS, *OUTPUTS}
    assert set(bought.outs) == {*ARGUMENTS, *OUTPUTS} - {"adopt_id", "labels"}
    assert column(OUTPUTS, 0) == {name: kind for name, kind in annotated(Instance).items() if name in OUTPUTS}
    echoed = {name: kind.removesuffix(" or None") for name, kind in annotated(Instance).items() if name in ARGUMENTS}
    assert echoed == column(ARGUMENTS, 0)


def test_which_outputs_are_none_where_there_is_none() -> None:
    (sentence,) = re.findall(
        r"All arguments are outputs(.*?) are None where there is none", " ".join(RESOURCES.split())
    )
    kinds = annotated(Instance)
    assert set(quoted(sentence)) - {"model_id", "--", "/"} == {
        name for name in ARGUMENTS if kinds[name].endswith(" or None")
    }
    assert set(of_cortecs.ARGUMENTS.omitted_when_default) <= set(quoted(sentence))


def test_the_outputs_are_known_when_the_page_says(host: Host, bought: Made) -> None:
    checked = host.instance().check({"model_id": QWEN, **NAMED}).inputs
    assert column(OUTPUTS, 1) == {name: "preview" if name in checked else "purchase" for name in OUTPUTS}
    assert bought.outs["instance_id"] == bought.id


def test_the_quote_has_the_parts_of_the_page(bought: Made) -> None:
    quote = bought.outs["quote"]
    assert set(quote) == set(QUOTE)
    assert {name: quoted(cells[0]) for name, cells in QUOTE.items() if quoted(cells[0])} == {
        "currency": [quote["currency"]],
        "source": ["live", quote["source"]],
    }


def test_the_attributes_are_those_of_an_instance() -> None:
    properties = dict(inspect.getmembers(Instance, lambda member: isinstance(member, property)))
    properties = {name: member for name, member in properties.items() if name not in dir(pulumi.CustomResource)}
    kinds = {
        name: plainly(get_type_hints(member.fget, vars(import_module(Instance.__module__)))["return"])
        for name, member in properties.items()
    }
    passed_on = dict(inspect.getmembers(Instance, lambda member: isinstance(member, EndpointOutput)))
    declared = annotated(Endpoint)
    kinds |= {
        name: f"{declared[name]} or None" if isinstance(member, EndpointText) else declared[name]
        for name, member in passed_on.items()
    }
    assert column(ATTRIBUTES, 0) == kinds


def test_the_inputs_of_an_endpoint_are_what_an_instance_passes_on() -> None:
    parameters = inspect.signature(Endpoint.__init__).parameters
    assert list(ENDPOINT_INPUTS) == [
        name for name in parameters if name not in ("self", "resource_name", "opts", "own")
    ]
    assert column(ENDPOINT_INPUTS, 0) == {name: plainly(parameters[name].annotation) for name in ENDPOINT_INPUTS}
    (registered,) = [
        resource["inputs"]
        for resource in run(f'Instance("chat", model_id="q/w", on_timeout="stop", **{READINESS})')["registered"]
        if resource["type"].endswith(":Endpoint")
    ]
    assert set(registered) == set(ENDPOINT_INPUTS)
    *_, low, high, usual = quoted(ENDPOINT_INPUTS["ready_timeout"][1])
    assert (int(low), int(high), int(usual)) == (1, arguments.MAX_READY_TIMEOUT, registered["ready_timeout"])
    assert registered["spec_digest"] == ""


def test_what_a_change_of_an_endpoints_input_means_is_what_diff_says(host: Host, ready: Made) -> None:
    inputs = {name: ready.outs[name] for name in ENDPOINT_INPUTS}
    changes = {"instance_id": "i", "state": "stopped", "spec_digest": "d", "ready_timeout": 60.0, "on_timeout": "keep"}
    changes |= {"ready": "answer", "ready_path": "/other", "ready_key": "another-key"}
    assert host.endpoint().diff(ready.outs, inputs).changes is False
    for name, meaning in column(ENDPOINT_INPUTS, 2).items():
        diffed = host.endpoint().diff(ready.outs, {**inputs, name: changes[name]})
        assert not diffed.replaces
        assert (name, meaning) == (name, "nothing" if diffed.changes is False else "waits")


def test_the_outputs_of_an_endpoint_are_what_create_returns(ready: Made) -> None:
    assert set(ready.outs) == {*ENDPOINT_INPUTS, *ENDPOINT_OUTPUTS}
    assert column(ENDPOINT_OUTPUTS, 0) == {name: type(ready.outs[name]).__name__ for name in ENDPOINT_OUTPUTS}
    declared = annotated(Endpoint)
    kinds = {name: kind for name, kind in column(ENDPOINT_OUTPUTS, 0).items() if name in declared}
    assert {name: kind for name, kind in declared.items() if name not in ENDPOINT_INPUTS} == kinds
    (worker,) = ready.outs["worker_statuses"]
    progress, *parts = quoted(ATTRIBUTES["worker_statuses"][1])
    assert {progress: set(parts)} == {name: set(columns) for name, columns in worker.items()}


def test_on_timeout_has_a_row_for_each_word() -> None:
    assert tuple(table(RESOURCES, "### `on_timeout`", "value")) == get_args(types.OnTimeout)


def test_the_options_are_pulumis() -> None:
    options = table(RESOURCES, "## Pulumi's options", "option")
    assert set(options) <= set(inspect.signature(pulumi.ResourceOptions).parameters)
    (shown,) = re.findall(r"^`Instance\.get\(([\w, ]+)\)`", RESOURCES, re.M)
    assert shown.split(", ") == ["name", "id", "opts", *arguments.READINESS]


def test_the_longest_wait_that_can_be_asked_for() -> None:
    (text,) = table(RESOURCES, "## Pulumi's options", "option")["custom_timeouts"]
    (hours,) = re.findall(r"at most (\d+) hours", text)
    (minutes,) = re.findall(r"without it (\d+) minutes", text)

    def seconds(create: str) -> int:
        return create_timeout(pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=create)), 0)

    assert seconds(f"{hours}h") == arguments.MAX_READY_TIMEOUT
    with pytest.raises(ValueError, match="must be at most"):
        seconds(f"{hours}h1m")
    assert int(minutes) * 60 == int(quoted(ENDPOINT_INPUTS["ready_timeout"][1])[-1])
    assert [seconds(example) for example in re.findall(r"`([0-9hms]+)`", text)] == [900, 5400]


def test_the_schedule_of_the_wait() -> None:
    rows = table(HOW_IT_WORKS, "## The wait", "up to this age")
    shown = [
        (math.inf if age == "older" else float(age.split()[0]), float(every[0].split()[0]))
        for age, every in rows.items()
    ]
    assert shown == list(SCHEDULE)


FIGURES = table(HOW_IT_WORKS, "## Figures", "what")
FIGURE_PLACES = {
    "seconds for which Cortecs' list may miss a new instance; PULUMI_CORTECS_LIST_LAG": "provider.settings._LIST_LAG",
    "seconds for one request, from connection to last byte": "http.api_client.MAX_ANSWER_SECONDS",
    "bytes of a decompressed answer; more are not read": "http.api_client.MAX_ANSWER_BYTES",
    "seconds of validity left when a token signs, or half of its life": "http.authentication._RENEWAL_MARGIN",
    "further seconds for the token of an order": "http.authentication._ORDER_MARGIN",
    "seconds without a retry after a journal or ledger failed slowly": "lifecycle.shared_file._RETRY_AFTER",
    "shortest list lag in seconds for the ceiling of an account": "lifecycle.spend_guard._MIN_LAG",
    "seconds for which models and prices are cached": "provider.settings._MARKET_AGE",
    "seconds for which one listing serves the reads of a refresh": "lifecycle.presence._READ_MAX_AGE",
    "highest age in seconds of the listing before an order": "lifecycle.purchases._BASELINE_AGE",
    "seconds of retries for a list after a lost answer": "lifecycle.purchases._LISTING_TIMEOUT",
    "multiple of the list's lag after which a purchase is listed": "lifecycle.purchases.SETTLE_LAGS",
    "seconds of waiting for other orders in progress": "lifecycle.purchases.MAX_ORDER_SECONDS",
    "seconds of waiting for the confirmation of a deletion, or twice the lag": "lifecycle.cloud.DELETION_SECONDS",
    "seconds after which unchanged progress is reported again": "lifecycle.waiting._REPORT_INTERVAL",
    "threads of a provider process": "provider.process.THREADS",
    "seconds between checks for the engine": "_engine_watch._CHECK_INTERVAL",
    "seconds for which a call may continue after the engine is gone": "provider.process._GRACE",
    "longest wait of an Endpoint in seconds": "provider.arguments.MAX_READY_TIMEOUT",
}
"""The constant of each figure: the page is for users and does not name them."""


@pytest.mark.parametrize("what", FIGURES)
def test_each_figure_is_the_one_in_the_code(what: str) -> None:
    (value,) = FIGURES[what]
    module, _, name = FIGURE_PLACES[what].rpartition(".")
    assert getattr(import_module(f"pulumi_cortecs.{module}"), name) == float(value)


def test_the_calls_described_are_all_that_the_providers_serve() -> None:
    for kind in ("Instance", "Endpoint"):
        rows = table(HOW_IT_WORKS, "## What each call does", f"`{kind}`")
        assert {call for row in rows for call in row.split(", ")} == {
            "check",
            "diff",
            "create",
            "read",
            "update",
            "delete",
        }


def test_the_pieces_that_can_be_left_alone_are_named() -> None:
    rows = table(HOW_IT_WORKS, "## What leans on the host's internals", "piece")
    (switch,) = re.findall(r"`PULUMI_CORTECS_HOST_WITHOUT=([\w,]+)`", HOW_IT_WORKS)
    process = import_module("pulumi_cortecs.provider.process")
    assert set(switch.split(",")) == set(process.install(switch)) <= set(rows)


def test_links_and_files_named_exist() -> None:
    for page in (RESOURCES, HOW_IT_WORKS):
        for link in re.findall(r"\]\(([^)#]+)\)", page):
            assert (DOCS / link).is_file(), link
        for path in re.findall(r"`((?:cortecs|http|lifecycle|provider|resources)/[\w/]+\.py)`", page):
            assert (DOCS.parent / "pulumi_cortecs" / path).is_file(), path
        for path in re.findall(r"`(tests/[\w/]+\.py)`", page):
            assert (DOCS.parent / path).is_file(), path
