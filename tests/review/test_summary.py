"""What a person reads first: why a change is not allowed, what it destroys, and the months."""

from __future__ import annotations

import io

import pytest

from pulumi_cortecs.policy.pinned import load_pinned
from pulumi_cortecs.review.compose import make_report
from pulumi_cortecs.review.events import read_preview
from pulumi_cortecs.review.gates import read_gates
from pulumi_cortecs.review.report import ReviewReport
from pulumi_cortecs.review.summary import Mark, summary
from tests.review.generated import GCORE, VOLUME, Events, cortecs, gcore, volume
from tests.review.recorded import CATALOGUE, FORMATS, STREAMS

FIRST_LINES = 15
FLAVOR = "inference-16vcpu-232gib-1xl40s-48gb"


def report_of(events: Events, **gates: list[str]) -> ReviewReport:
    previews = [read_preview(io.BytesIO(events.end().encode()))]
    prices = load_pinned(STREAMS, CATALOGUE)
    return make_report(previews, prices, catalogue_name=CATALOGUE, gates=read_gates(**gates))  # type: ignore[arg-type]


def texts(report: ReviewReport) -> list[str]:
    return [line.text for line in summary(report, "`{}`".format)]


def busy() -> ReviewReport:
    """The report of a change that has something of everything, in two currencies."""
    events = Events().replace("chat", cortecs(), cortecs(workers=2)).step("delete", "summaries", cortecs())
    events.step("create", "search", None, cortecs("NVIDIA_L40S_1"))
    events.step("update", "scales", gcore(FLAVOR, 0, 1), gcore(FLAVOR, 0, 2), resource_type=GCORE)
    events.replace("weights", volume(100), volume(200), resource_type=VOLUME)
    events.violation("weights", rule="hardware-allowed")
    for name in ("chat", "search"):
        events.violation(name, rule="ttl-required")
    gates = {"max_increase": ["2.00EUR/h"], "max_hourly": ["9EUR", "9USD"], "max_monthly": ["1EUR", "1USD"]}
    return report_of(events, **gates)


def test_a_refusal_says_what_could_be_taken_and_not_the_cost() -> None:
    message = (
        f"Only hardware on the list is bought.\n{'X1 is not allowed, ' * 20}sorry. What it would cost: 36.00 EUR/h "
    )
    message += "for 8 workers, by the catalogue of 2026-11-21. What could be taken: 1 x NVIDIA_L4_1 (1.20 EUR/h)."
    made = report_of(Events().violation("chat", message=message))
    line = texts(made)[0]
    assert line.endswith("… What could be taken: 1 x NVIDIA_L4_1 (1.20 EUR/h).`")
    assert "What it would cost" not in line
    assert all(" ".join(message.split()) in " ".join(FORMATS[name](made).split()) for name in ("txt", "md"))


def test_the_first_lines_of_markdown_have_the_whole_story() -> None:
    first = "\n".join(FORMATS["md"](busy()).split("\n")[:FIRST_LINES])
    for part in (
        "NOT ALLOWED: 3 policy violations, 4 cost limits exceeded; +1533.00 EUR/month and +",
        "❌ Policy `ttl-required` (`chat`, `search`): `",
        "❌ Policy `hardware-allowed` (`weights`): `",
        "❌ Cost limit: +2.10 EUR/h is more than the allowed +2.00 EUR/h (--max-increase)",
        "/h: no increase in USD is allowed, because --max-increase has no amount in USD",
        "3285.00 EUR/month is more than the allowed 1.00 EUR/month (--max-monthly)",
        "and 1 more cost limits: --max-monthly",
        "Within the cost limits: `--max-hourly 9 EUR`, `--max-hourly 9 USD`",
        "⚠️ Data that would be lost: instance `chat` (replaced), instance `summaries` (deleted), volume `weights` (repl",
        "Per month: `search` +1533.00 EUR (create), `scales` +1314.00 USD (update), `chat` +876.00 EUR (replace), and",
        "API addresses: `chat` gets a new address, `summaries` loses its address",
    ):
        assert part in first


@pytest.mark.parametrize("ending", ["md", "txt", "html"])
def test_the_summary_comes_right_after_the_verdict_and_before_the_totals(ending: str) -> None:
    report = FORMATS[ending](busy())
    parts = ("NOT ALLOWED", "Policy ", "Data that would be lost", "API addresses", "Per month", "month (730")
    places = [report.index(part) for part in parts]
    assert places == sorted(places)
    assert "gate" not in report


def test_rules_are_grouped_and_few() -> None:
    events = Events()
    for number in range(5):
        for rule in range(number + 1):
            events.violation(f"r{number}", rule=f"rule-{rule}")
    assert [text.partition(": ")[0] for text in texts(report_of(events))[:4]] == [
        "Policy `rule-0` (`r0`, `r1`, `r2`, and 2 more)",
        "Policy `rule-1` (`r1`, `r2`, `r3`, and 1 more)",
        "Policy `rule-2` (`r2`, `r3`, `r4`)",
        "and 2 more rules",
    ]


def test_a_rule_says_what_it_wants_and_what_it_found_where_that_is_the_same_for_all() -> None:
    events = Events().violation("a", rule="ttl", message="Say how long. ttl is not given.")
    events.violation("b", rule="ttl", message="Say how long. ttl is not given.")
    assert texts(report_of(events))[0] == "Policy `ttl` (`a`, `b`): `Say how long. ttl is not given.`"
    events.violation("c", rule="ttl", message="Say how long. ttl is 90h; 8h are allowed.")
    assert texts(report_of(events))[0] == "Policy `ttl` (`a`, `b`, `c`): `Say how long`"


def test_a_rule_that_objects_twice_to_the_same_is_named_once() -> None:
    events = Events().violation("", message="one").violation("", message="two")
    events.violation("chat", message="one").violation("chat", message="two").violation("chat", level="advisory")
    report = report_of(events)
    assert len(report.violations) == 4
    assert texts(report)[0] == "Policy `workers-max` (the stack, `chat`): `one`"


def test_what_is_left_of_an_earlier_replacement_is_the_old_one() -> None:
    events = Events().replace("chat", cortecs(), cortecs(workers=2))
    lines = texts(report_of(events.step("delete-replaced", "chat", cortecs(), old_id="i-0")))
    assert lines == [
        "Data that would be lost: instance `chat` (replaced), instance `chat` (the old one, deleted)",
        "API addresses: `chat` gets a new address, `chat` loses its old address",
        "Per month: `chat` +876.00 EUR (replace), `chat` -876.00 EUR (delete the old one)",
    ]


def test_nothing_lost_is_said() -> None:
    assert list(summary(report_of(Events().step("same", "chat", cortecs(), cortecs())), str)) == [
        (Mark.NONE, "Data that would be lost: none")
    ]
