"""Two accounts in one program, keys that change, and the account rule: another account's "no" never counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pulumi_cortecs.simulator import Simulator
from pulumi_cortecs.simulator.cortecs.tokens import TOKEN_PREFIX
from tests.engine.documented import program_of
from tests.engine.pulumi import Stack

B = "key-of-b"
SECRET_OF_B = "secret-of-account-b"
ROTATED = "rotated-secret-of-b"
TWO = "Two accounts in one program"
BY_CONFIG, BY_VARIABLES, BY_COMPONENT = range(3)


def accounts_of(simulator: Simulator) -> dict[str, str]:
    """The account in which each instance was bought, by its id."""
    return {instance.instance_id: instance.account for instance in simulator.control.instances()}


def billed_accounts(simulator: Simulator) -> list[str]:
    return sorted(entry.account for entry in simulator.control.ledger().open)


def everything_below(directory: Path) -> str:
    """The contents of all files, states with their backups and histories among them."""
    return "\n".join(path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file())


def assert_nothing_leaked(places: Mapping[str, str]) -> None:
    for place, text in places.items():
        assert "theirs" in text
        for secret in (SECRET_OF_B, ROTATED, TOKEN_PREFIX):
            assert secret not in text, f"a credential is in the {place}"


def variables_of_b(simulator: Simulator, client_id: str = B, secret: str = SECRET_OF_B) -> dict[str, str]:
    return {
        "CORTECS_B_CLIENT_ID": client_id,
        "CORTECS_B_CLIENT_SECRET": secret,
        "CORTECS_B_API_BASE_URL": simulator.base_url,
    }


def with_keys_of_b_in_its_config(stack: Stack, simulator: Simulator) -> Stack:
    simulator.control.register(B, SECRET_OF_B, "acct-b")
    plain = ("--plaintext", f"apiBaseUrlB={simulator.base_url}", "--plaintext", f"clientIdB={B}")
    stack.run("config", "set-all", *plain, "--secret", f"clientSecretB={SECRET_OF_B}")
    return stack


@pytest.fixture
def of_b(stack: Stack, simulator: Simulator, tmp_path: Path) -> Stack:
    """A stack with one instance of account b, whose key is in variables that the program names."""
    simulator.control.register(B, SECRET_OF_B, "acct-b")
    stack.environment |= {**variables_of_b(simulator), "PULUMI_DEBUG_GRPC": str(tmp_path / "grpc.json")}
    stack.program(program_of("accounts.md", TWO, BY_VARIABLES))
    stack.up()
    assert list(accounts_of(simulator).values()) == ["acct-b"]
    return stack


def test_each_instance_lives_in_its_own_account_and_no_key_is_readable(stack: Stack, simulator: Simulator) -> None:
    with_keys_of_b_in_its_config(stack, simulator)
    stack.program(program_of("accounts.md", TWO, BY_CONFIG))
    printed = stack.preview("--diff").text
    assert printed.count('hourly_total    : "1.20"') == 2
    assert "cortecs:clientId       : [secret]" in printed

    printed += stack.up().text
    accounts = accounts_of(simulator)
    rows = {row["urn"].rpartition("::")[2]: row for row in stack.resources("Instance")}
    assert {name: accounts[row["id"]] for name, row in rows.items()} == {"ours": "sim", "theirs": "acct-b"}
    ours, theirs = stack.outputs()["accounts"]
    assert ours != theirs
    stack.drift(expect=0)
    printed += stack.refresh().text
    printed += stack.destroy().text
    assert (accounts_of(simulator), stack.resources()) == ({}, [])
    assert_nothing_leaked({"state": everything_below(stack.directory), "output": printed})


def test_a_component_hands_its_account_on(stack: Stack, simulator: Simulator) -> None:
    with_keys_of_b_in_its_config(stack, simulator)
    stack.program(program_of("accounts.md", TWO, BY_COMPONENT))
    stack.up()
    assert list(accounts_of(simulator).values()) == ["acct-b", "acct-b"]
    assert len({row["provider"] for row in (*stack.resources("Instance"), *stack.resources("Endpoint"))}) == 1
    outputs = stack.outputs()
    assert (outputs["status"], type(outputs["left"])) == (["running", "running"], str)
    stack.drift(expect=0)
    stack.destroy()
    assert accounts_of(simulator) == {}


def test_a_rotated_key_goes_on_everywhere_and_is_written_nowhere(of_b: Stack, simulator: Simulator) -> None:
    ids = of_b.instance_ids()
    simulator.control.register(B, "no longer known to anybody", "acct-b")
    simulator.control.expire_tokens()
    simulator.control.register("rotated", ROTATED, "acct-b")
    of_b.environment |= variables_of_b(simulator, "rotated", ROTATED)
    of_b.drift(expect=0)
    printed = of_b.refresh().text + of_b.up().text
    assert of_b.instance_ids() == set(accounts_of(simulator)) == ids
    printed += of_b.destroy().text
    assert (accounts_of(simulator), of_b.resources()) == ({}, [])
    # not even in the calls that configure the provider: it is told names
    trace = Path(of_b.environment["PULUMI_DEBUG_GRPC"]).read_text()
    assert_nothing_leaked({"state": everything_below(of_b.directory), "output": printed, "trace": trace})


def test_a_rotated_key_in_arguments_reaches_refresh_by_the_program(stack: Stack, simulator: Simulator) -> None:
    with_keys_of_b_in_its_config(stack, simulator)
    stack.program(program_of("accounts.md", TWO, BY_CONFIG))
    stack.up()
    accounts = accounts_of(simulator)
    simulator.control.register(B, ROTATED, "acct-b")
    stack.run("config", "set", "--secret", "clientSecretB", ROTATED)
    for refresh in (stack.refresh(expect=1), stack.up("--refresh", expect=1)):
        assert "state stays as it was" in refresh.text
    stack.refresh("--run-program")
    stack.up()
    assert accounts_of(simulator) == accounts
    stack.destroy()
    assert accounts_of(simulator) == {}


def test_another_accounts_key_refuses_and_forgets_nothing(of_b: Stack, simulator: Simulator) -> None:
    ids, accounts = of_b.instance_ids(), accounts_of(simulator)
    simulator.control.register("key-of-c", "secret-of-account-c", "acct-c")
    of_b.environment |= variables_of_b(simulator, "key-of-c", "secret-of-account-c")
    for run in (of_b.refresh(expect=1), of_b.up("--refresh", expect=1), of_b.destroy(expect=1)):
        assert "was created with other credentials" in run.text
        assert "use the credentials of its account" in run.text
        assert "gone" not in run.text
        assert (of_b.instance_ids(), accounts_of(simulator)) == (ids, accounts)
    assert billed_accounts(simulator) == ["acct-b"]
    of_b.environment |= variables_of_b(simulator)
    of_b.up()
    of_b.drift(expect=0)


def test_a_variable_that_is_not_set_is_never_made_up_for(stack: Stack, simulator: Simulator) -> None:
    # CORTECS_CLIENT_ID of the default account is there, and the engine leaves it there
    stack.environment |= {"CORTECS_B_CLIENT_SECRET": SECRET_OF_B, "CORTECS_B_API_BASE_URL": simulator.base_url}
    stack.program(program_of("accounts.md", TWO, BY_VARIABLES))
    assert 'hourly_total    : "1.20"' in stack.preview("--diff").text
    run = stack.up(expect=1)
    assert "nothing was bought" in run.text
    assert "CORTECS_B_CLIENT_ID is not set" in run.text
    assert accounts_of(simulator) == {}


def test_a_stacks_config_cannot_pass_for_a_provider(stack: Stack) -> None:
    run = stack.run("config", "set", "cortecs:provider:source", "environment", expect=None)
    assert run.code != 0
    assert "could not parse cortecs:provider:source as a configuration key" in run.text


def test_a_changed_provider_is_shown_and_refused_and_up_replace_moves(stack: Stack, simulator: Simulator) -> None:
    with_keys_of_b_in_its_config(stack, simulator)
    program = program_of("accounts.md", TWO, BY_CONFIG)
    stack.program(program)
    stack.up()
    before = accounts_of(simulator)
    (ours,) = (row["urn"] for row in stack.resources("Instance") if row["urn"].endswith("::ours"))

    stack.program(program.replace('Instance("ours", ', 'Instance("ours", pulumi.ResourceOptions(provider=b), '))
    preview = stack.preview("--diff").text
    assert "[provider: " in preview
    assert "1 to update" in preview
    for run in (stack.up(expect=1), stack.up("--refresh", expect=1)):
        assert "was created with other credentials" in run.text
        assert accounts_of(simulator) == before
        assert stack.instance_ids() == set(before)
    stack.drift(expect=0)  # the state still has it in its own account

    stack.up("--replace", ours)
    assert list(accounts_of(simulator).values()) == ["acct-b", "acct-b"]
    assert billed_accounts(simulator) == ["acct-b", "acct-b"]
    stack.drift(expect=0)
