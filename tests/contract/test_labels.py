"""Labels: those of the program change only state, journal and tags; those of the purchase stay what they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_cortecs.lifecycle.journal import Journal
from pulumi_cortecs.lifecycle.labels import Labels
from pulumi_cortecs.simulator import Simulator
from tests.clouds.acme import ACME
from tests.clouds.case import CloudCase
from tests.contract.bought import INPUTS, QWEN, bought, ids
from tests.contract.engine import listening
from tests.contract.host import UNKNOWN, CallFailedError, Host, Made, Resource
from tests.contract.test_every_cloud import at
from tests.contract.test_intents import killed_while_it_buys

StartHost = Callable[..., Host]
LABELS = {"team": "search", "cost_center": "4711"}
PATCH = ACME.one.replace("GET", "PATCH")
OF_STACK = {"stack": "test", "project": "tests"}


def of_commit(commit: str) -> dict[str, str]:
    """The environment of a run in the CI of GitHub."""
    return {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_SHA": commit, "GITHUB_REF": "refs/pull/12/merge"}


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The variables of a machine, whose runs share one journal."""
    return {"PULUMI_CORTECS_STATE_DIR": str(tmp_path / "state")}


def journal_of(machine: dict[str, str]) -> dict[str, Labels]:
    """The labels in the journal of a machine, by instance id."""
    journal = Journal(Path(machine["PULUMI_CORTECS_STATE_DIR"]))
    try:
        with journal.transaction() as connection:
            accounts = [str(row[0]) for row in connection.execute("SELECT DISTINCT account FROM orders")]
        return {key: labels for account in accounts for key, labels in journal.labels(account).items()}
    finally:
        journal.close()


def requests(simulator: Simulator) -> int:
    return sum(simulator.control.requests().counts.values())


def up(resource: Resource, program: dict[str, Any], made: Made) -> tuple[bool, Made]:
    """An `up` of an existing resource: whether it changes anything, and the resource after it."""
    olds = {key: value for key, value in made.outs.items() if key in (*INPUTS, "labels", "ttl")}
    checked = resource.check(program, olds)
    assert checked.failures == ()
    if resource.diff(made.outs, checked.inputs, made.id).changes is False:
        return False, made
    return True, resource.update(made, checked.inputs)


# -- the labels of the program


def test_plan_state_and_journal_have_the_same_labels(
    start_host: StartHost, machine: dict[str, str], cloud: CloudCase
) -> None:
    resource = start_host(machine).instance(of=cloud)
    inputs = resource.check({**cloud.programs[0], "labels": {"team": "é" + "x" * 70}}).inputs
    made = resource.create(inputs)
    cut = {"team": "?" + "x" * 63}
    assert (inputs["labels"], made.outs["labels"], journal_of(machine)[made.id].own) == (cut, cut, cut)
    assert made.outs["purchase_labels"] == OF_STACK == journal_of(machine)[made.id].purchase


def test_without_labels_neither_plan_nor_state_has_them(host: Host, cloud: CloudCase) -> None:
    resource = host.instance(of=cloud)
    inputs = resource.check({**cloud.programs[0], "labels": {}}).inputs
    assert "labels" not in inputs
    assert "labels" not in resource.create(inputs).outs


def test_other_labels_are_an_update_that_asks_the_vendor_nothing(
    start_host: StartHost, machine: dict[str, str], simulator: Simulator
) -> None:
    made = start_host({**machine, **of_commit("first")}).instance("chat").buy({"model_id": QWEN, "labels": LABELS})
    simulator.control.stop(made.id)  # a change of labels does not start it, either
    before = requests(simulator)
    for labels in ({"team": "ads"}, {}, LABELS):
        changed, made = up(start_host(machine).instance("chat"), {"model_id": QWEN, "labels": labels}, made)
        assert changed
        assert made.outs.get("labels", {}) == labels == journal_of(machine)[made.id].own
        assert made.outs["purchase_labels"]["commit"] == "first" == journal_of(machine)[made.id].purchase["commit"]
    assert requests(simulator) == before
    assert [instance.status for instance in simulator.control.instances()] == ["stopped"]


def test_other_labels_and_a_restart_are_both_carried_out(host: Host, simulator: Simulator) -> None:
    made = bought(simulator, labels=LABELS)
    updated = host.instance().update(made, {**INPUTS, "labels": {"team": "ads"}, "restart_trigger": "now"})
    assert updated.outs == {**made.outs, "labels": {"team": "ads"}, "restart_trigger": "now"}
    assert simulator.control.requests().count("POST /api/v1/instances/restart") == 1


def test_other_labels_are_no_reason_to_replace_or_to_quote_again(host: Host, simulator: Simulator) -> None:
    made = bought(simulator, labels=LABELS)
    diffed = host.instance().diff(made.outs, {**INPUTS, "labels": {"team": "ads"}})
    assert (diffed.changes, diffed.replaces) == (None, ())
    assert host.instance().diff(made.outs, {**INPUTS, "labels": LABELS}).changes is False
    simulator.control.reprice("NVIDIA_L4_1", "2.40")
    assert host.instance().update(made, {**INPUTS, "labels": {"team": "ads"}}).outs["quote"] == INPUTS["quote"]


def test_a_label_that_only_up_will_know_is_unknown_in_the_plan(host: Host) -> None:
    checked = host.instance().check({"model_id": QWEN, "labels": {"team": "search", "id": UNKNOWN}})
    assert (checked.failures, checked.inputs["labels"]) == ((), {"team": "search", "id": UNKNOWN})
    assert host.instance().check({"model_id": QWEN, "labels": UNKNOWN}).inputs["labels"] == UNKNOWN


def test_odd_labels_are_a_failure_of_the_property(host: Host, cloud: CloudCase) -> None:
    failures = host.instance(of=cloud).check({**cloud.programs[0], "labels": {"cost_center": 4711}}).failures
    assert failures == (("labels", "cost_center: must be a string; got 4711"),)


def test_a_policys_remediation_of_labels_is_cut_as_well(host: Host) -> None:
    resource = host.instance()
    inputs = {**resource.check({"model_id": QWEN}).inputs, "labels": {"team": "x" * 70}}
    assert resource.create(inputs).outs["labels"] == {"team": "x" * 64}


def test_a_replacement_has_the_reviewed_labels(host: Host, simulator: Simulator) -> None:
    made, resource = bought(simulator, labels=LABELS), host.instance()
    program = {"model_id": QWEN, "num_workers": 2, "labels": {"team": "ads"}}
    inputs = resource.check(program, {**INPUTS, "labels": LABELS}).inputs
    assert resource.diff(made.outs, inputs, made.id).replaces == ("num_workers",)
    again = resource.check(program).inputs
    assert again["labels"] == {"team": "ads"}
    assert resource.create(again).outs["labels"] == {"team": "ads"}


def test_a_refresh_passes_both_kinds_on(host: Host, start_host: StartHost, cloud: CloudCase) -> None:
    made = host.instance("chat", of=cloud).buy({**cloud.programs[0], "labels": LABELS})
    read = start_host(of_commit("another")).instance("chat", of=cloud).read(made)
    assert read.outs == made.outs
    assert read.inputs is not None
    assert (read.inputs["labels"], "purchase_labels" in read.inputs) == (LABELS, False)


def test_a_state_without_labels_of_the_purchase_stays_so(host: Host, simulator: Simulator) -> None:
    made, resource = bought(simulator), host.instance()
    assert "purchase_labels" not in resource.read(made).outs
    assert up(resource, {"model_id": QWEN}, made) == (False, made)
    assert "purchase_labels" not in up(resource, {"model_id": QWEN, "labels": LABELS}, made)[1].outs


# -- the labels of the purchase


def test_twenty_commits_change_nothing(start_host: StartHost, machine: dict[str, str], simulator: Simulator) -> None:
    program = {"model_id": QWEN, "labels": LABELS}
    made = start_host({**machine, **of_commit("commit-0")}).instance("chat").buy(program)
    of_run = {"repository": "acme/shop", "commit": "commit-0", "pull_request": "12"}
    assert made.outs["purchase_labels"] == {**OF_STACK, **of_run}
    before = requests(simulator)
    for number in range(1, 21):
        resource = start_host({**machine, **of_commit(f"commit-{number}")}).instance("chat")
        assert up(resource, program, made) == (False, made)
    assert requests(simulator) == before
    assert journal_of(machine)[made.id] == Labels(LABELS, made.outs["purchase_labels"])


def test_what_a_killed_run_bought_keeps_the_commit_of_that_run(
    start_host: StartHost, machine: dict[str, str], simulator: Simulator
) -> None:
    killed_id = killed_while_it_buys(start_host({**machine, **of_commit("killed")}), simulator)
    with listening() as engine:
        later = start_host({**machine, **of_commit("later")}, engine=engine.address)
        made = later.instance("chat").create({**INPUTS, "labels": LABELS})
    assert (made.id, made.outs["labels"]) == (killed_id, LABELS)
    assert made.outs["purchase_labels"]["commit"] == "killed"
    assert journal_of(machine)[made.id] == Labels(LABELS, made.outs["purchase_labels"])


def test_an_adopted_instance_has_the_programs_labels_only(
    start_host: StartHost, machine: dict[str, str], cloud: CloudCase
) -> None:
    made = start_host({**machine, **of_commit("first")}).instance("chat", of=cloud).buy(cloud.programs[0])
    adopting = start_host({**machine, **of_commit("second")}).instance("other", of=cloud)
    adopted = adopting.buy({**cloud.adopting, "adopt_id": made.id, "labels": LABELS})
    assert (adopted.outs["labels"], adopted.outs.get("purchase_labels")) == (LABELS, None)
    assert journal_of(machine)[made.id] == Labels(LABELS, made.outs["purchase_labels"])


def test_a_journal_that_cannot_be_written_stops_no_labels(
    start_host: StartHost, tmp_path: Path, simulator: Simulator
) -> None:
    (tmp_path / "orders.sqlite3").write_text("no database, but long enough to be looked at" * 20)
    resource = start_host({"PULUMI_CORTECS_STATE_DIR": str(tmp_path)}).instance()
    made = resource.buy({"model_id": QWEN, "labels": LABELS})
    assert (made.outs["labels"], made.outs["purchase_labels"]) == (LABELS, OF_STACK)
    updated = resource.update(made, {**INPUTS, "labels": {"team": "ads"}})
    assert updated.outs["labels"] == {"team": "ads"}
    assert ids(simulator) == [made.id]


# -- the labels of a whole program


def configured(host: Host, labels: object, cloud: CloudCase, **more: str) -> None:
    """Configures the host with default labels, as the engine does: an object arrives as JSON."""
    text = labels if isinstance(labels, str) else json.dumps(labels)
    host.configure({cloud.kind().credentials.default_labels: text, **more})


def test_default_labels_are_in_the_plan_below_the_programs_own(start_host: StartHost, cloud: CloudCase) -> None:
    host = start_host()
    configured(host, {"team": "search", "cost_center": 4711, "spot": True}, cloud)
    resource = host.instance(of=cloud)
    checked = resource.check({**cloud.programs[0], "labels": {"team": "ads"}})
    assert checked.inputs["labels"] == {"team": "ads", "cost_center": "4711", "spot": "true"}
    assert resource.create(checked.inputs).outs["labels"] == checked.inputs["labels"]
    without = host.instance(of=cloud).check(cloud.programs[0]).inputs
    assert without["labels"] == {"team": "search", "cost_center": "4711", "spot": "true"}
    assert host.instance(of=cloud).check({**cloud.programs[0], "labels": UNKNOWN}).inputs["labels"] == UNKNOWN


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("team=search", "must be an object"),
        ('["team"]', "must be an object"),
        ({"my team": "x"}, "must have names of 1 to 63 letters, digits and . _ / -; got 'my team'"),
        ({"team": {"name": "x"}}, "team: must be a string"),
        ({"team": 1.5}, "team: must be a string; got 1.5"),
    ],
)
def test_odd_default_labels_are_a_failure_that_names_the_key(start_host: StartHost, labels: object, says: str) -> None:
    host = start_host()
    configured(host, labels, ACME)
    ((name, reason),) = host.instance(of=ACME).check(ACME.programs[0]).failures
    assert (name, reason.partition(says)[:2]) == ("labels", ("acme:defaultLabels of the config: ", says))


def test_an_explicit_provider_is_named_in_place_of_the_config(start_host: StartHost) -> None:
    host = start_host()
    configured(host, ["team"], ACME, **{"acme:provider:source": "environment", "acme:provider:apiKey": "ACME_API_KEY"})
    ((_, reason),) = host.instance(of=ACME).check(ACME.programs[0]).failures
    assert reason.startswith("default_labels of the Provider: must be an object")


def test_defaults_and_labels_of_the_program_are_counted_together(start_host: StartHost) -> None:
    host = start_host()
    configured(host, {f"default-{number}": "x" for number in range(20)}, ACME)
    labels = {f"own-{number}": "x" for number in range(13)}
    failures = host.instance(of=ACME).check({**ACME.programs[0], "labels": labels}).failures
    assert failures == (("labels", "must be at most 32 labels; got 33"),)


# -- the vendor's tags


def tags(simulator: Simulator) -> dict[str, str]:
    """The tags of the one machine at Acme."""
    (machine,) = simulator.control.instances()
    return dict(machine.answer["tags"])


def test_the_vendor_has_the_labels_of_both_kinds(start_host: StartHost, simulator: Simulator) -> None:
    start_host(of_commit("first")).instance(of=ACME).buy({**ACME.programs[0], "labels": {**LABELS, "stack": "mine"}})
    of_run = {"repository": "acme/shop", "commit": "first", "pull_request": "12"}
    given = {name: value for name, value in tags(simulator).items() if ":" not in name}
    assert given == {**OF_STACK, **of_run, **LABELS, "stack": "mine"}


def test_an_update_changes_no_tags_but_its_labels(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=ACME)
    made = resource.buy({**ACME.programs[0], "labels": {**LABELS, "stack": "mine"}})
    bought_with = tags(simulator)
    by_hand = {**bought_with, "written-by": "a user"}
    _patch(simulator, made.id, by_hand)
    before = simulator.control.requests()
    inputs = {key: value for key, value in made.outs.items() if key in (*ACME.kind().arguments, "quote")}
    updated = resource.update(made, {**inputs, "labels": {"team": "ads"}})
    kept = {name: value for name, value in by_hand.items() if name not in LABELS}
    assert tags(simulator) == {**kept, "stack": "test", "team": "ads"}
    counts = {route: count - before.count(route) for route, count in simulator.control.requests().counts.items()}
    assert {route: count for route, count in counts.items() if count} == {
        ACME.one: 1,
        PATCH: 1,
    }
    assert updated.outs == {**made.outs, "labels": {"team": "ads"}}


def test_a_vendor_that_refuses_labels_leaves_the_state_as_it_was(host: Host, simulator: Simulator) -> None:
    resource = host.instance(of=ACME)
    made = resource.buy({**ACME.programs[0], "labels": LABELS})
    inputs = {key: value for key, value in made.outs.items() if key in (*ACME.kind().arguments, "quote")}
    simulator.control.fault("server_error", **at(PATCH))
    with pytest.raises(CallFailedError, match=f"{made.id} may not have the wanted state"):
        resource.update(made, {**inputs, "labels": {"team": "ads"}})
    simulator.control.clear_faults()
    assert tags(simulator).items() >= LABELS.items()
    assert resource.update(made, {**inputs, "labels": {"team": "ads"}}).outs["labels"] == {"team": "ads"}


def test_what_a_killed_run_bought_gets_the_labels_of_today(
    start_host: StartHost, machine: dict[str, str], simulator: Simulator
) -> None:
    buying = start_host({**machine, **of_commit("killed")})
    inputs = buying.instance(of=ACME).check({**ACME.programs[0], "labels": LABELS}).inputs
    buying.instance("chat", of=ACME).create(inputs)
    buying.process.kill()
    buying.process.wait(timeout=10)
    made = start_host(machine).instance("chat", of=ACME).create({**inputs, "labels": {"team": "ads"}})
    assert made.outs["purchase_labels"]["commit"] == "killed" == tags(simulator)["commit"]
    assert (tags(simulator)["team"], "cost_center" in tags(simulator)) == ("ads", False)


def _patch(simulator: Simulator, instance_id: str, wanted: dict[str, str]) -> None:
    """Changes the tags of a machine as a user does it."""
    import httpx

    env = simulator.env()
    with httpx.Client(base_url=env["ACME_API_BASE_URL"], headers={"X-Api-Key": env["ACME_API_KEY"]}) as client:
        client.patch(f"/machines/{instance_id}", json={"tags": wanted}).raise_for_status()
