"""Writes the pictures of docs/review.md: the page of a recording, and its comment as a platform renders it.

python -m tests.review.pictures
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Final

from tests.review.browser import opened
from tests.review.recorded import FORMATS, report_of
from tests.review.test_names import rendered

_PICTURES: Final = Path(__file__).parents[2] / "docs" / "images"
_RECORDING: Final = "change"
_WIDTH: Final = 900
_COMMENT: Final = """<!doctype html><meta charset="utf-8"><style>
body { margin: 1.5rem; font: 14px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; }
table { border-collapse: collapse; margin: 0 0 1rem; } td, th { border: 1px solid #d0d7de; padding: .35rem .7rem; }
code { background: #eff1f3; padding: .15em .35em; border-radius: .3em; font: .86em ui-monospace, monospace; }
h3 { font-size: 1.15rem; }</style>"""


def main() -> None:
    """Writes both pictures."""
    report = report_of(_RECORDING)
    _PICTURES.mkdir(exist_ok=True)
    _take(FORMATS["html"](report), _PICTURES / "review-page.png")
    _take(_COMMENT + rendered(FORMATS["md"](report)), _PICTURES / "review-comment.png")


def _take(page: str, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "page.html"
        path.write_text(page, encoding="utf-8")
        with opened(path, Path(directory) / "profile") as browser:
            screen = {"width": _WIDTH, "height": 600, "deviceScaleFactor": 1, "mobile": False}
            browser.call("Emulation.setDeviceMetricsOverride", **screen)
            taken = browser.call("Page.captureScreenshot", captureBeyondViewport=True)
    picture.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    main()
