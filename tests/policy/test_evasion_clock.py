"""The evasion suite against a clock that was moved: that of a pack, and that of a provider, which a program can move by
`env_var_mappings`.

By libfaketime (Debian's package of that name); where it is not installed nothing of this is tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.policy.testing import sample_catalogue
from pulumi_cortecs.simulator import Simulator
from tests.contract.bought import INPUTS, QWEN, ids
from tests.contract.host import IMPATIENT, CallFailedError, Host, hosting
from tests.contract.patience import until
from tests.policy.attempts import Attempts
from tests.policy.test_evasion import sold
from tests.policy.test_evasion_process import Pack, serving, struct
from tests.policy.test_evasion_second_line import machine
from tests.unit.policy.test_limits import DEMO

_FOUND = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
pytestmark = pytest.mark.skipif(not _FOUND, reason="libfaketime moves the clock: not tried")

DAY = timedelta(days=1)
AS_OF = sample_catalogue().as_of
ENDS = (AS_OF + 10 * DAY).date().isoformat()
AGING = {**DEMO, "catalogue-fresh": {"warn_after": "14d", "block_after": "45d"}}
EXEMPTION = {
    "rule": "workers-max",
    "resource": "urn:pulumi:test::tests::*::three",
    "up_to": "9.00 EUR",
    "until": ENDS,
    "owner": "somebody",
    "reason": "a test",
}


def moved(by: str) -> dict[str, str]:
    """The environment of a process whose clocks go wrong."""
    return {"LD_PRELOAD": str(_FOUND[0]), "FAKETIME": by, "TZ": "UTC"}


def at(moment: datetime) -> dict[str, str]:
    return moved(f"@{moment:%Y-%m-%d %H:%M:%S}")


def refused(moment: datetime, limits: Mapping[str, Any], name: str = "small", **changed: Any) -> bool:
    """Returns whether a pack whose clock shows that moment refuses an instance."""
    with serving(at(moment)) as pack:
        configured: Pack = pack.configured(previews=True, limits=limits)
        return configured.refuses(name, struct(**changed))


def test_a_catalogue_is_as_old_as_the_clock_of_the_pack_says(attempts: Attempts) -> None:
    assert not refused(AS_OF + DAY, AGING)
    stale, ahead = refused(AS_OF + 46 * DAY, AGING), refused(AS_OF - 2 * DAY, AGING)
    attempts.tried("a clock moved forward, and a catalogue that is stale then", through=not stale)
    attempts.tried("a clock moved back before the day of the catalogue", through=not ahead)


def test_an_exemption_ends_by_the_clock_of_the_pack(attempts: Attempts) -> None:
    limits = {**DEMO, "exemptions-valid": {"exemptions": [EXEMPTION]}}
    assert not refused(AS_OF + DAY, limits, "three", num_workers=3)
    ended = refused(AS_OF + 11 * DAY, limits, "three", num_workers=3)
    attempts.tried("an exemption after its end, by a clock moved forward", through=not ended)
    fresh = {**limits, "catalogue-fresh": AGING["catalogue-fresh"]}
    back = refused(AS_OF - 2 * DAY, fresh, "three", num_workers=3)
    attempts.tried("an exemption, and a clock set back, with catalogue-fresh", through=not back)
    attempts.out_of_reach(
        "a machine's clock that was set back to before an exemption's end",
        stopped_by="whoever may set it; catalogue-fresh, where the catalogue is younger than that",
    )


@pytest.fixture
def next_host(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Host]]:
    """Hosts of one machine, that share a journal; each kills the one before it."""
    with ExitStack() as stack:

        def start(environment: dict[str, str]) -> Host:
            stack.close()
            shared = {**simulator.env(), "PULUMI_CORTECS_STATE_DIR": str(tmp_path)}
            return stack.enter_context(hosting({**shared, **environment}))

        yield start


@pytest.mark.parametrize("by", ["+400d", "-400d"])
def test_a_moved_clock_of_a_provider_buys_and_prolongs_nothing(
    next_host: Callable[[dict[str, str]], Host], simulator: Simulator, attempts: Attempts, by: str
) -> None:
    host = next_host(moved(by))
    lasting = host.instance("lasting").buy({"model_id": QWEN, "ttl": "8h"})
    expires_at = datetime.fromisoformat(lasting.outs["expires_at"].replace("Z", "+00:00"))
    left = expires_at - simulator.control.clock().now
    attempts.tried(f"a ttl under a clock moved by {by}", through=abs(left - timedelta(hours=8)) > timedelta(hours=1))

    lost = next_host({}).instance("lost").create(INPUTS)
    later = next_host(moved(by))
    later.instance("more").create({**INPUTS, "context_length": 4096})
    after = len(ids(simulator))
    try:
        instance_id = next_host({}).instance("lost").create(INPUTS).id
    except CallFailedError:  # told of, and not bought
        instance_id = lost.id
    through = instance_id != lost.id or len(ids(simulator)) > after
    attempts.tried(f"a killed run's order, forgotten under a clock moved by {by}", through=through)


@pytest.fixture
def ceiling_for_one(simulator: Simulator, tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Host]]:
    """Begins provider processes of one machine, under a ceiling for one instance."""
    limits = machine(tmp_path, simulator, account_hourly_ceiling="1.20 EUR")
    with ExitStack() as stack:
        yield lambda environment: stack.enter_context(
            hosting({**simulator.env(), **limits, **environment}, before=IMPATIENT, machine=str(tmp_path))
        )


def buys(host: Host) -> bool:
    try:
        host.instance().create(INPUTS)
    except CallFailedError as error:
        if "the ceiling of the account is 1.20 EUR" in str(error):
            return False
        raise
    return True


@pytest.mark.parametrize("by", ["@1970-01-01 00:01:00", "+0 x20"])
def test_a_moved_clock_forgets_no_order_on_its_way(
    ceiling_for_one: Callable[[dict[str, str]], Host], simulator: Simulator, attempts: Attempts, by: str
) -> None:
    one, odd = ceiling_for_one({}), ceiling_for_one(moved(by))
    simulator.control.fault("slow_answer", path="/instances/start", real_seconds=8, after_side_effect=False, count=1)
    with ThreadPoolExecutor(1) as pool:
        order = pool.submit(buys, one)
        until(lambda: simulator.control.requests().count("POST /api/v1/instances/start") == 1)
        began, through = time.monotonic(), False
        while not through and time.monotonic() - began < 7:
            through = buys(odd)
            time.sleep(1)
        assert order.result() or through
    attempts.tried(f"an order on its way, by a clock moved by {by}", through=through or len(sold(simulator)) != 1)


@pytest.mark.parametrize("by", ["+400d", "+0 x20"])
def test_a_moved_clock_forgets_nothing_that_runs(
    ceiling_for_one: Callable[[dict[str, str]], Host], simulator: Simulator, attempts: Attempts, by: str
) -> None:
    one, odd = ceiling_for_one({}), ceiling_for_one(moved(by))
    assert buys(one)
    assert not buys(one)  # and the ledger has it that the list shows it
    simulator.control.fault("empty_list", count=50, path="/api/v1/instances")
    through = any([buys(odd), buys(odd), buys(ceiling_for_one({}))])
    attempts.tried(f"lists that are empty, by a clock moved by {by}", through=through)
