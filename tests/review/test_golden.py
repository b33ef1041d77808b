"""The reports of recorded previews, in each format."""

from __future__ import annotations

import pytest

from pulumi_cortecs.review.report import Decision
from tests.review.recorded import EXPECTED, FORMATS, GOLDEN, RECORDED, report_of

DECISIONS = {
    "advice": Decision.NOT_ALLOWED,
    "bad_config": Decision.CANNOT_TELL,
    "change": Decision.NOT_ALLOWED,
    "denied": Decision.NOT_ALLOWED,
    "failed": Decision.CANNOT_TELL,
    "free_update": Decision.NOT_ALLOWED,
}


@pytest.mark.parametrize(("name", "ending"), EXPECTED)
def test_a_recording_has_the_expected_report(name: str, ending: str) -> None:
    expected = (GOLDEN / f"{name}.{ending}").read_text()
    assert FORMATS[ending](report_of(name)) == expected, "python -m tests.review.recorded writes it anew"


@pytest.mark.parametrize("name", RECORDED)
def test_the_first_120_characters_have_the_verdict_in_every_format(name: str) -> None:
    report = report_of(name)
    assert report.decision is DECISIONS.get(name, Decision.ALLOWED)
    for write in FORMATS.values():
        beginning = write(report)[:120]
        assert report.decision.value in beginning
        if report.decision is not Decision.CANNOT_TELL:
            assert "/month" in beginning or "no change in cost" in beginning


@pytest.mark.parametrize("name", RECORDED)
def test_no_format_shows_inputs_that_are_no_part_of_a_purchase(name: str) -> None:
    for write in FORMATS.values():
        shown = write(report_of(name))
        for word in ("[secret]", "__provider", "gASV", "ciphertext", "127.0.0.1", "vllm/vllm-openai", "04da6b54"):
            assert word not in shown
