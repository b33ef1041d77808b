"""Names that check makes: the resource's own name, and a suffix that no other resource has.

The suffix is a digest of the backend, the URN and the name of the resource that is replaced. So it is the same in a
preview, its `up`, and a later run on any machine, and another one at each replacement.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from pulumi_cortecs.lifecycle.journal import ResourceKey

_SUFFIX_LENGTH: Final = 6


def generated_name(key: ResourceKey, former: str = "", max_length: int = 47) -> str:
    """The name of a new resource: lower-case letters, digits and hyphens. `former` is the name of the one that it
    replaces."""
    room = max_length - _SUFFIX_LENGTH - 1
    prefix = re.sub("[^a-z0-9]+", "-", key.name.lower())[:room].strip("-") or "resource"
    digest = hashlib.sha256(f"{key.backend}\n{key.urn}\n{former}".encode()).digest()
    return f"{prefix}-{base64.b32encode(digest).decode().lower()[:_SUFFIX_LENGTH]}"


def prefix_of(name: str) -> str:
    """The name without its suffix."""
    return name.rpartition("-")[0]
