"""All clouds that the suites run over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.clouds.acme import ACME
from tests.clouds.case import CloudCase
from tests.clouds.cortecs import CORTECS
from tests.clouds.gcore import GCORE
from tests.clouds.shadeform import SHADEFORM

EVERY: Final[Mapping[str, CloudCase]] = {cloud.name: cloud for cloud in (CORTECS, ACME, SHADEFORM, GCORE)}
