"""`pulumi-cortecs import-file`: the file with which `pulumi import --file` takes over running instances, and the lines
of the program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pulumi_cortecs.cli.output import exit_failed, print_error
from pulumi_cortecs.cli.survey import Cloud, chosen_kinds, cli_errors, environment_account, find_account

if TYPE_CHECKING:
    from pulumi_cortecs.provider.kind import InstanceKind

_FILE: Final = Path("import.json")


def import_file(
    instance_ids: Annotated[list[str], typer.Argument(metavar="ID", help="The instances to take over.")],
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", help="An instance's name; once for each id, in their order.", show_default="its model or type"
        ),
    ] = None,
    cloud: Cloud = None,
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="The file to write.")] = _FILE,
) -> None:
    """Write the file for `pulumi import --file`, and print the matching lines for the program.

    The command buys, changes and deletes nothing. The accounts are those of the environment.
    """
    if doubles := sorted({instance_id for instance_id in instance_ids if instance_ids.count(instance_id) > 1}):
        raise typer.BadParameter(f"twice: {', '.join(doubles)}")
    if name and (len(name) != len(instance_ids) or len(set(name)) < len(name)):
        raise typer.BadParameter(f"--name: give {len(instance_ids)} different ones, or none")
    try:
        with cli_errors():
            text, program, booting = _compose(instance_ids, name, cloud)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise exit_failed(error) from None
    typer.echo(program, nl=False)
    typer.echo(
        f"{output} written, and the lines of the program are above. In the directory of your project:\n"
        f"  pulumi import --file {output} --yes --protect=false --generate-code=false\n"
        "  pulumi preview --expect-no-changes",
        err=True,
    )
    for instance_id in booting:
        print_error(f"{instance_id} is still booting: the preview shows that `pulumi up` waits for it")


def _compose(instance_ids: list[str], names: list[str] | None, clouds: list[str] | None) -> tuple[str, str, list[str]]:
    """The file, the program, and the instances that are still booting. Raises CloudError."""
    from pulumi_cortecs.provider.endpoint import EndpointError
    from pulumi_cortecs.provider.instance import InstanceError
    from pulumi_cortecs.stacks.import_file import import_file_text, import_lines, names_for_models, read_for_import

    kind_of = _kinds_of(instance_ids, clouds)
    try:
        instances = [read_for_import(kind_of[instance_id], instance_id) for instance_id in instance_ids]
    except (InstanceError, EndpointError) as error:
        raise exit_failed(error) from None
    names = names or names_for_models([instance.kind.name_for(instance.inputs) for instance in instances])
    named = [instance.renamed(name) for instance, name in zip(instances, names, strict=True)]
    kinds = [instance.kind for instance in named]
    qualified = len({kind.cloud for kind in kinds}) > 1
    program = "\n".join([import_lines(kinds), *(instance.program(qualified=qualified) for instance in named)])
    return import_file_text(named), program, [instance.instance_id for instance in named if not instance.ready]


def _kinds_of(instance_ids: list[str], clouds: list[str] | None) -> dict[str, InstanceKind]:
    """The cloud of each instance. The only cloud is not asked here, because the instance is read from it anyway. Raises
    CloudError."""
    kinds = {kind.cloud: kind for kind in chosen_kinds(clouds)}
    warned: set[str] = set()
    accounts = {cloud: environment_account(kind, warned) for cloud, kind in kinds.items()}
    if len(kinds) == 1:
        return dict.fromkeys(instance_ids, next(iter(kinds.values())))
    account_of = {instance_id: find_account(accounts, instance_id) for instance_id in instance_ids}
    if missing := [instance_id for instance_id, cloud in account_of.items() if not cloud]:
        vendors = " or ".join(kind.vendor for kind in kinds.values())
        raise exit_failed(f"{', '.join(missing)}: no such {vendors} instance in these accounts")
    return {instance_id: kinds[cloud] for instance_id, cloud in account_of.items()}
