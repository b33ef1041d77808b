"""`stacks/`: states read through the `pulumi` command, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulumi_cortecs.cortecs.kind import INSTANCE
from pulumi_cortecs.lifecycle.holdings import PendingPurchase, StackHoldings, StackResource
from pulumi_cortecs.lifecycle.pulumi_cli import without_credentials
from pulumi_cortecs.stacks.command import Pulumi, StacksError
from pulumi_cortecs.stacks.import_file import constructor, names_for_models
from pulumi_cortecs.stacks.selection import StackSelection
from tests.unit.stacked import Backend, creating, endpoint_row, installed, row, urn

DEV, PROD = "organization/shop/dev", "organization/shop/prod"


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.setenv("PATH", installed(tmp_path / "bin"))
    return Backend(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Backend:
    return Backend(tmp_path / "two")


def read(*backends: Backend, stacks: tuple[str, ...] = ()) -> tuple[StackHoldings, ...]:
    return StackSelection(stacks, not stacks, [backend.url for backend in backends], Path("/")).read()


def owned(states: tuple[StackHoldings, ...]) -> dict[str, list[str]]:
    return {state.name: [row.instance_id for row in state.rows] for state in states}


def test_all_stacks_of_all_backends_are_read(backend: Backend, other: Backend) -> None:
    backend.put(DEV, row("a"), row("b"))
    backend.put(PROD)
    other.put("organization/else/test", row("c"))
    assert owned(read(backend, other)) == {DEV: ["a", "b"], PROD: [], "organization/else/test": ["c"]}


def test_only_instances_count_and_those_that_wait_for_their_deletion_do(backend: Backend) -> None:
    backend.put(DEV, endpoint_row("e"), row("old", delete=True), row("seen", external=True), row("kept", protect=True))
    (state,) = read(backend, stacks=(DEV,))
    assert state.rows == (
        StackResource(DEV, urn("chat"), "old", doomed=True),
        StackResource(DEV, urn("chat"), "seen", external=True),
        StackResource(DEV, urn("chat"), "kept", protected=True),
    )


def test_creations_that_never_ended_are_told(backend: Backend) -> None:
    updating = {**creating("other"), "type": "updating"}
    backend.put(DEV, pending=[creating(num_workers=2), updating])
    (state,) = read(backend)
    assert state.pending == (PendingPurchase(DEV, urn("chat"), {"num_workers": 2}),)
    assert state.pending[0].name == "chat"


def test_a_stack_that_was_never_updated_has_nothing(backend: Backend) -> None:
    backend.says(DEV, '{"version": 3, "deployment": null}')
    backend.says(PROD, '{"version": 3, "deployment": {"resources": null, "manifest": {}}}')
    assert owned(read(backend)) == {DEV: [], PROD: []}


@pytest.mark.parametrize(
    "exported",
    [
        "",
        "garbage",
        "{}",
        '{"version": 3}',
        '{"version": 5, "deployment": {}}',
        '{"version": 3, "deployment": []}',
        '{"version": 3, "deployment": {"resources": [{"type": "t", "id": "i"}]}}',
    ],
)
def test_what_is_no_whole_state_of_a_known_form_is_an_error(backend: Backend, exported: str) -> None:
    backend.put(PROD, row("a"))
    backend.says(DEV, exported)
    with pytest.raises(StacksError, match=f"the state of {DEV} cannot be read"):
        read(backend)


def test_one_stack_that_cannot_be_read_fails_all(backend: Backend) -> None:
    backend.put(DEV, row("a"))
    backend.put(PROD, row("b"))
    backend.breaks(PROD, "error: no access")
    with pytest.raises(StacksError, match=r"prod on file://.*: error: no access"):
        read(backend)


def test_a_name_that_no_backend_has_is_an_error(backend: Backend, other: Backend) -> None:
    backend.put(DEV, row("a"))
    other.put(PROD, row("b"))
    assert owned(read(backend, other, stacks=(DEV, PROD))) == {DEV: ["a"], PROD: ["b"]}
    with pytest.raises(StacksError, match="organization/shop/typo: no such stack in file://"):
        read(backend, other, stacks=(DEV, "organization/shop/typo"))


def test_a_backend_without_a_stack_is_taken_for_the_wrong_one(backend: Backend, other: Backend) -> None:
    backend.put(DEV, row("a"))
    other.empty()
    with pytest.raises(StacksError, match=r"file://.*two has no stacks; is it the right backend"):
        read(backend, other)


def test_a_list_that_cannot_be_read_is_an_error(backend: Backend) -> None:
    backend.put(DEV)
    backend.breaks("ls", "error: logged out")
    with pytest.raises(StacksError, match="logged out"):
        read(backend)


def test_a_command_that_prints_no_list_is_an_error(backend: Backend) -> None:
    backend.empty()
    (backend.directory / "said" / "ls").write_text('{"name": "dev"}')
    with pytest.raises(StacksError, match=r"the list of the stacks in file://.* cannot be read"):
        read(backend)


def test_no_name_and_no_command_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StacksError, match="no stack is named"):
        StackSelection((), False, (), tmp_path).read()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StacksError, match="no pulumi CLI on PATH"):
        StackSelection((DEV,), False, (), tmp_path).read()


def test_a_command_that_never_ends_is_given_up(tmp_path: Path) -> None:
    installed(tmp_path / "bin", "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(StacksError, match=r"pulumi stack ls on .* did not end within 0.1 s"):
        Pulumi(str(tmp_path / "bin" / "pulumi"), tmp_path, "file://~", longest=0.1).ask("stack", "ls")


def test_a_lock_is_seen_where_a_directory_keeps_it(backend: Backend, other: Backend) -> None:
    backend.put(DEV, row("a"))
    backend.put("organization/other/dev", row("b", urn=urn("chat", project="other")))
    backend.lock("shop", "dev")
    assert [state.updating for state in read(backend)] == [True, False]


@pytest.mark.parametrize("place", ["project", "login"])
def test_a_lock_is_seen_in_the_backend_of_the_project_and_of_the_login(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("backend: {url: 'file://../one'}\n" if place == "project" else "")
    (tmp_path / "credentials.json").write_text(json.dumps({"current": backend.url if place == "login" else "s3://x"}))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    cli = f'#!/bin/sh\nPULUMI_BACKEND_URL={backend.url} exec {tmp_path}/bin/pulumi "$@"\n'
    monkeypatch.setenv("PATH", installed(tmp_path / "logged-in", cli))
    backend.put(DEV, row("a"))
    backend.put(PROD, row("b", urn=urn("chat", stack="prod")))
    backend.lock("shop", "dev")
    assert [state.updating for state in StackSelection((), True, (), project).read()] == [True, False]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://u:s3cret@host:5432/db?password=s3cret", "postgres://host:5432/db"),
        ('open "postgres://u:s@cret@host/db": refused', 'open "postgres://host/db": refused'),
        ("s3://bucket/path?region=eu&awssdk=v2", "s3://bucket/path"),
        ("file:///home/a@b/state", "file:///home/a@b/state"),
        ("https://api.pulumi.com", "https://api.pulumi.com"),
    ],
)
def test_no_credential_of_a_backend_is_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_what_pulumi_says_is_shown_without_credentials(tmp_path: Path) -> None:
    complaint = '#!/bin/sh\necho "error: unable to open $PULUMI_BACKEND_URL" >&2\nexit 1\n'
    installed(tmp_path / "bin", complaint)
    cli = Pulumi(str(tmp_path / "bin" / "pulumi"), tmp_path, "postgres://u:s3cret@host/db")
    with pytest.raises(StacksError) as failure:
        cli.ask("stack", "ls")
    assert str(failure.value) == "pulumi stack ls on postgres://host/db: error: unable to open postgres://host/db"


@pytest.mark.parametrize("url", ["postgres://u:p/w@host/db", "postgres://u:p?w@host/db"])
def test_a_url_that_pulumi_would_quote_in_pieces_is_refused(backend: Backend, url: str) -> None:
    with pytest.raises(StacksError, match="percent-encode the user and password before its @"):
        StackSelection((DEV,), False, (url,), Path("/")).read()


def test_lines_of_a_program_leave_out_what_is_a_default() -> None:
    arguments = {"model_id": "q--w--e", "hardware_type_id": "L4", "billing_interval": "per_minute", "num_workers": 1}
    assert constructor(INSTANCE, "chat", {**arguments, "context_length": 9, "state": "running", "quote": {}}) == (
        'Instance(\n    "chat",\n    model_id="q/w--e",\n    hardware_type_id="L4",\n    context_length=9,\n'
        "    # ttl=...,  # a policy may require it\n    # labels=...,  # a policy may require it\n)\n"
    )
    assert constructor(INSTANCE, "chat", {**arguments, "num_workers": 2, "state": "stopped"}, adopt_id="i") == (
        'Instance(\n    "chat",\n    model_id="q/w--e",\n    hardware_type_id="L4",\n    num_workers=2,\n'
        '    state="stopped",\n    adopt_id="i",\n    # context_length=...,  # Cortecs does not report it\n'
        "    # ttl=...,  # a policy may require it\n    # labels=...,  # a policy may require it\n)\n"
    )


def test_names_are_those_of_the_models_and_never_alike() -> None:
    assert names_for_models(["Qwen--Qwen2-7B", "x--qwen2_7b", "phi", "qwen2-7b-2", ""]) == [
        "qwen2-7b",
        "qwen2-7b-2",
        "phi",
        "qwen2-7b-2-2",
        "instance",
    ]


def test_every_row_of_a_whole_state_is_read_whatever_else_is_in_it(backend: Backend) -> None:
    stack = {"urn": "u", "type": "pulumi:pulumi:Stack", "outputs": {"a": [1, None]}, "inputs": None, "custom": False}
    backend.says(DEV, json.dumps({"version": 4, "features": ["x"], "deployment": {"resources": [stack, row("a")]}}))
    assert owned(read(backend)) == {DEV: ["a"]}
