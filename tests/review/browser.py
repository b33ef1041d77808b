"""Chromium without a window, driven over a pipe."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_LONGEST: Final = 30.0
_MOST_LOOKS: Final = 5000
_OPTIONS: Final = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars "
    "--remote-debugging-pipe"
)


@dataclass
class Browser:
    """A page. `events` are those that came so far."""

    commands: int
    answers: int
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _sent: int = 0
    _received: bytes = b""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command of the DevTools protocol."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._sent:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self.answers], [], [], _LONGEST)
            content = os.read(self.answers, 2**16) if ready else b""
            assert content, "the browser does not answer"
            self._received += content
        line, _, self._received = self._received.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def opened(page: Path, profile: Path) -> Iterator[Browser]:
    """The page in a browser of its own, loaded."""
    (their_in, commands), (answers, their_out) = os.pipe(), os.pipe()
    command = f'exec "{CHROMIUM}" {_OPTIONS} --user-data-dir="{profile}" about:blank 3<&{their_in} 4>&{their_out}'
    process = subprocess.Popen(
        ["bash", "-c", command], pass_fds=(their_in, their_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        os.close(their_in)
        os.close(their_out)
        browser = Browser(commands, answers)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            browser.call(f"{domain}.enable")
        browser.call("Page.navigate", url=page.as_uri())
        loaded = (browser.evaluate("location.protocol + document.readyState") for _ in range(_MOST_LOOKS))
        assert "file:complete" in loaded, "the page is not loaded"
        yield browser
        browser.session = ""
        browser.call("Browser.close")
    finally:
        process.kill()
        process.wait(timeout=10)
        os.close(commands)
        os.close(answers)
