"""All clouds that the suites run over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.tested.cloud import Tested
from tests.tested.cortecs import CORTECS

EVERY: Final[Mapping[str, Tested]] = {each.name: each for each in (CORTECS,)}
