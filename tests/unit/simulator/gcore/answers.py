"""What an answer of the simulated Gcore says, of the expected status."""

from __future__ import annotations

from typing import Any

import httpx


def body_of(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def message_of(response: httpx.Response, status: int) -> str:
    error = body_of(response, status)
    assert set(error) == {"exception_class", "message", "request_id"}
    return str(error["message"])
