"""The HTML page in a browser: its filters, its width on a telephone, and nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.review.browser import CHROMIUM, opened
from tests.review.recorded import FORMATS, report_of

ROWS = "[...document.querySelectorAll('.row')]"
SHOWN = f"{ROWS}.filter(row => row.offsetParent).map(row => row.querySelector('.name').textContent)"
CLICK = """document.querySelector('.filters [data-action="{}"]').click()"""
FIELD = "document.querySelector('.filters input')"
TYPE = f"{FIELD}.value = '{{}}'; {FIELD}.dispatchEvent(new Event('input'))"


def test_the_page_names_no_other_place() -> None:
    page = FORMATS["html"](report_of("change"))
    for word in ("//", "src=", "href=", "url(", "@import", "fetch", "<link", "<iframe"):
        assert word not in page


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")
def test_the_filters_of_the_page_work_in_a_browser(tmp_path: Path) -> None:
    page = tmp_path / "review.html"
    page.write_text(FORMATS["html"](report_of("change")))
    with opened(page, tmp_path / "profile") as browser:
        assert browser.evaluate(SHOWN) == ["fresh", "batch", "chat", "old"]
        browser.evaluate(CLICK.format("replace"))
        assert browser.evaluate(SHOWN) == ["chat"]
        assert browser.evaluate("document.querySelector('#shown').textContent") == "1"
        browser.evaluate(CLICK.format(""))
        browser.evaluate(TYPE.format("l4_2"))
        assert browser.evaluate(SHOWN) == ["fresh"]
        browser.evaluate(TYPE.format("nothing has this"))
        assert browser.evaluate(SHOWN) == []
        browser.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        light = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        browser.call("Emulation.setEmulatedMedia", features=dark)
        assert browser.evaluate("getComputedStyle(document.body).backgroundColor") != light
        methods = [event["method"] for event in browser.events]
        assert "Log.entryAdded" not in methods
        assert methods.count("Network.requestWillBeSent") == 1
