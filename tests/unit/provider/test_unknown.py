"""Values that only `up` will know: nothing is bought with one that is still unknown when it is created."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_cortecs.provider import crud_create, instance
from pulumi_cortecs.provider.crud import CrudError, Kind
from pulumi_cortecs.provider.kind import InstanceKind
from pulumi_cortecs.provider.properties import UNKNOWN
from pulumi_cortecs.shadeform import kind as shadeform
from tests.acme import kind as acme
from tests.clouds.case import CloudCase
from tests.clouds.every import EVERY

IN_IT = {"envs": {"TOKEN": UNKNOWN}, "tags": ["a", UNKNOWN]}
"""Arguments of which a part is unknown."""


def unknown(kind: InstanceKind | Kind, argument: str) -> dict[str, Any]:
    """What create gets of a program that sets nothing but this argument, which is unknown."""
    return {**kind.arguments.defaults, "quote": {}, argument: IN_IT.get(argument, UNKNOWN)}


@pytest.mark.parametrize("cloud", EVERY.values(), ids=EVERY)
def test_no_instance_is_bought_with_an_unknown_argument(cloud: CloudCase) -> None:
    kind = cloud.kind()
    for argument in kind.arguments:
        with pytest.raises(instance.InstanceError, match=rf"^refused, because .*\b{argument} is unknown"):
            instance.create(kind, unknown(kind, argument))


@pytest.mark.parametrize("kind", [shadeform.VOLUME, shadeform.SSH_KEY, acme.DISK, acme.KEY], ids=lambda kind: kind.name)
def test_nothing_plain_is_created_with_an_unknown_argument(kind: Kind) -> None:
    for argument in kind.arguments:
        with pytest.raises(CrudError, match=rf"^refused, because .*\b{argument} is unknown"):
            crud_create.create(kind, unknown(kind, argument))
