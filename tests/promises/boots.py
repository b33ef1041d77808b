"""Boots whose endpoints do not answer when the vendor says so: by what each counts as ready, and what becomes of it."""

from __future__ import annotations

import errno
import random
import socket
import ssl
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from pulumi_cortecs.lifecycle.readiness import PAUSES, UNREACHABLE_SECONDS
from tests.clouds.case import LIST, CloudCase
from tests.promises.stage import Stage, stage

KEY: Final = "the-key-of-the-instance"
NEVER: Final = 1e9
BOOT: Final = 3.0
"""Seconds after which the vendor calls an instance ready."""
WAYS: Final = ("open", "black hole", "no route", "tls", "no such name", "refused")
"""The way from this machine to the instance."""


@dataclass(frozen=True)
class Boot:
    """One boot: seconds from the vendor's "ready" until the container answers, the key that stands before it (a
    gateway's, or its own), the way to it, and the program's arguments."""

    answers_after: float
    wants_key: bool
    way: str
    arguments: dict[str, Any]
    timeout: float

    @property
    def key(self) -> str:
        """The key that the program gives, "" for none."""
        return str(self.arguments.get("ready_key", ""))

    @property
    def is_unreachable(self) -> bool:
        """Returns whether no connection is possible."""
        return self.way not in ("open", "refused")


@dataclass
class Tally:
    """The outcomes, and what was wrong with them."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def draw(chance: random.Random, case: CloudCase) -> Boot:
    """A boot, mostly with something wrong."""
    ready = "status" if chance.random() < 0.05 else "answer"
    arguments: dict[str, Any] = {} if ready == "answer" else {"ready": ready}
    if (key := chance.choice(("", "", KEY, KEY, "a-wrong-key"))) != "":
        arguments["ready_key"] = key
    if chance.random() < 0.2:
        arguments["ready_path"] = "/health"
    on_timeout = chance.choice(("keep", "stop", "delete") if case.can_stop else ("keep", "delete"))
    if on_timeout != "keep":
        arguments["on_timeout"] = on_timeout
    return Boot(
        answers_after=chance.choice((0.0, chance.uniform(0, 20), chance.uniform(20, 400), NEVER)),
        wants_key=chance.random() < 0.5,
        way=chance.choices(WAYS, (10, 4, 1, 1, 1, 1))[0],
        arguments=arguments,
        timeout=chance.choice((60.0, 300.0, 600.0)),
    )


class _Endpoint:
    """The instance behind its address, with what stands before it."""

    def __init__(self, staged: Stage, boot: Boot, ready_at: float) -> None:
        self._stage, self._boot, self._ready_at = staged, boot, ready_at
        self.probed_at: list[float] = []
        self.answered = self.refused = False

    @property
    def is_up(self) -> bool:
        """Returns whether the container answers now."""
        return self._stage.clock.now() >= self._ready_at + self._boot.answers_after

    def __call__(self, request: httpx.Request) -> httpx.Response:
        boot, clock = self._boot, self._stage.clock
        if request.method == "GET":
            self.probed_at.append(clock.now())
        if boot.way == "black hole":
            clock.advance(3)
            raise httpx.ConnectTimeout("timed out")
        if boot.is_unreachable or boot.way == "refused":
            causes: dict[str, OSError] = {
                "no route": OSError(errno.EHOSTUNREACH, "No route to host"),
                "tls": ssl.SSLError("wrong version number"),
                "no such name": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
                "refused": ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            }
            raise httpx.ConnectError(boot.way) from causes[boot.way]
        has_key = request.headers.get("Authorization") == f"Bearer {KEY}"
        if self._stage.gateway and boot.wants_key and not has_key:
            return httpx.Response(401)  # the gateway looks at the key before it looks for the container
        if not self.is_up:
            return httpx.Response(503)
        if boot.wants_key and not has_key:
            self.refused = True
            return httpx.Response(401)
        self.answered = True
        return httpx.Response(200, json={"data": []})


def play(case: CloudCase, directory: Path, seed: int, boots: int, *, until_wrong: bool = False) -> Tally:
    """Plays `boots` boots, each of which follows from the seed and its number;
    `until_wrong`: not further than to the first that is wrong."""
    tally = Tally()
    with stage(case, directory) as staged:
        for number in range(boots):
            boot = draw(random.Random(f"{seed} {number}"), case)
            outcome, wrong = _play(staged, f"n{number}", boot)
            tally.outcomes[outcome] += 1
            tally.wrong += [f"seed {seed}, boot {number}: {text}; {boot}" for text in wrong]
            if until_wrong and tally.wrong:
                break
    return tally


def _play(staged: Stage, name: str, boot: Boot) -> tuple[str, list[str]]:
    staged.new_process()
    bought = staged.buy(name, {**staged.case.programs[0], **staged.case.serving, **boot.arguments})
    endpoint = _Endpoint(staged, boot, staged.clock.now() + BOOT)
    staged.endpoint = endpoint
    staged.lines.clear()
    lists, began = staged.requests.count(LIST), staged.clock.now()
    props = {"instance_id": bought.id, "state": "running", "spec_digest": "", "ready_timeout": boot.timeout}
    try:
        outs = staged.call("Create", staged.endpoint_urn(name), properties={**props, **boot.arguments}).outs
        outcome, text = str(outs["ready_by"]), ""
    except Exception as error:
        outcome, text = "error", str(error)
    warnings = " ".join(line for line in staged.lines if "counts as ready" in line)
    passed = staged.clock.now() - began
    wrong = [
        *_wrong_readiness(staged, boot, endpoint, outcome, warnings, passed),
        *_wrong_end(staged, boot, bought.id, outcome, f"{text} {warnings}"),
    ]
    listed = staged.requests.count(LIST) - lists
    if listed > 2 * passed + 8:
        wrong.append(f"{listed} lists in {passed:.0f} s")
    pauses = [later - earlier for earlier, later in zip(endpoint.probed_at, endpoint.probed_at[1:], strict=False)]
    steps = [*PAUSES, *(PAUSES[-1:] * len(pauses))]
    last_steps = 1 if boot.is_unreachable else 0  # the end of two minutes comes before the next step
    if any(pause < step for pause, step in list(zip(pauses, steps, strict=False))[: len(pauses) - last_steps]):
        wrong.append(f"probed at {[round(at - began, 1) for at in endpoint.probed_at]}")
    if boot.key and boot.key in " ".join([*staged.lines, text]):
        wrong.append("the key is in a text")
    for instance_id in list(staged.cloud.every()):
        staged.cloud.vanish(instance_id)
    return f"{outcome}, {boot.way}" if boot.way == "black hole" else outcome, wrong


def _wrong_readiness(
    staged: Stage, boot: Boot, endpoint: _Endpoint, outcome: str, warnings: str, passed: float
) -> list[str]:
    if outcome == "answer":
        return [] if endpoint.answered and endpoint.is_up else ["ready by an answer that the container did not give"]
    if outcome == "refused":
        return [] if endpoint.refused and endpoint.is_up else ["ready by a refusal that the container did not give"]
    if outcome != "status":
        return []
    if boot.arguments.get("ready") == "status":
        return ["a warning, although the status was asked for"] if warnings else []
    if not warnings:
        return ["ready by status without a warning"]
    if boot.is_unreachable:
        return [] if passed >= UNREACHABLE_SECONDS else [f"ready by status after {passed:.0f} s"]
    if staged.gateway and boot.wants_key and not boot.key:
        return []
    return ["ready by status, although it could be asked"]


def _wrong_end(staged: Stage, boot: Boot, instance_id: str, outcome: str, text: str) -> list[str]:
    """What is wrong with an instance that on_timeout must have left alone, or was to end."""
    real = staged.cloud.every().get(instance_id)
    ended = real is None or real.stopped
    refused_key = boot.way == "open" and staged.gateway and boot.wants_key and boot.key not in ("", KEY)
    if outcome != "error":
        return ["it was ended, although it is ready"] if ended else []
    if boot.arguments.get("ready") == "status":
        return ["a wait for the status failed"]
    if boot.is_unreachable or refused_key:
        says = "on_timeout leaves it as it is" in text
        return ["it was ended, although it could not be asked"] if ended else [] if says else [f"it says: {text}"]
    wanted = boot.arguments.get("on_timeout", "keep") != "keep"
    return [] if ended is wanted else [f"on_timeout: ended is {ended}: {text}"]
