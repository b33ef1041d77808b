"""Names of Gcore's deployments: each is the account's only one, made by check or given by the program, and proves an
order only as far as nobody else may have chosen it."""

from __future__ import annotations

import pytest

from pulumi_cortecs.simulator import Simulator
from tests.clouds.case import route_match as at
from tests.clouds.gcore import GCORE, PROGRAM
from tests.contract.bought import ids
from tests.contract.host import Host
from tests.contract.test_every_cloud import orders

GIVEN = {**PROGRAM, "name": "given"}


def test_a_name_is_free_again_once_a_refresh_has_found_it_gone(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=GCORE)
    made = resource.buy(PROGRAM)
    simulator.control.vanish(made.id)
    assert resource.read(made).id == ""
    assert resource.buy(PROGRAM).id == made.id
    assert (ids(simulator), orders(simulator, GCORE)) == ([made.id], 2)


@pytest.mark.parametrize(("program", "inferred"), [(PROGRAM, False), (GIVEN, True)])
def test_only_a_generated_name_proves_an_order_without_an_answer(
    host: Host, simulator: Simulator, program: dict[str, object], inferred: bool
) -> None:
    simulator.control.fault("lost_answer", **at(GCORE.order), count=1)
    made = host.instance(of=GCORE).buy(program)
    assert made.outs.get("inferred", False) is inferred
    assert ids(simulator) == [made.id]
