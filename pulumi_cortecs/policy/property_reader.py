"""A reader of pulumi-policy's properties, which returns Known, Unknown and Missing.

When a rule reads an unknown value, pulumi-policy only gives an advice, which would let a purchase pass; so no other
module uses its proxies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import struct_pb2
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY, deserialize_properties
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from pulumi_cortecs.policy.field import Field, malformed
from pulumi_cortecs.policy.mapped_properties import MappedProperties


class ProxiedProperties(MappedProperties):
    """The properties behind pulumi-policy's proxies."""

    UNKNOWN_ERRORS = (UnknownValueError,)


class UnreadableProperties:
    """Properties of a request that cannot be decoded: every one is unknown, with the reason."""

    def __init__(self, why: str) -> None:
        self._why = why

    def string(self, key: str) -> Field[str]:
        """Unknown."""
        return malformed(key, self._why)

    def integer(self, key: str) -> Field[int]:
        """Unknown."""
        return malformed(key, self._why)

    def mapping(self, key: str) -> Field[Any]:
        """Unknown."""
        return malformed(key, self._why)

    def strings(self, key: str) -> Field[Mapping[str, Field[str]]]:
        """Unknown."""
        return malformed(key, self._why)

    def mappings(self, key: str) -> Field[Sequence[Any]]:
        """Unknown."""
        return malformed(key, self._why)

    def length(self, key: str) -> Field[int]:
        """Unknown."""
        return malformed(key, self._why)


def read(properties: struct_pb2.Struct) -> ProxiedProperties | UnreadableProperties:
    """The properties of a request, with secrets in plain text, of which a finding shows only the values that a rule
    names."""
    try:
        return ProxiedProperties(unknown_checking_proxy(deserialize_properties(_decode(properties))))
    except Exception as error:  # for example an archive without assets: pulumi-policy asserts
        return UnreadableProperties(f"cannot be read: {error}")


def reveal_secrets(properties: struct_pb2.Struct) -> dict[str, Any]:
    """The properties with the plain values of secrets. It does not distinguish unknowns from values that look like
    one."""
    return {key: _without_marker(value) for key, value in _decode(properties).items()}


def _without_marker(value: Any) -> Any:
    while isinstance(value, dict) and value.get(SPECIAL_SIG_KEY) == SPECIAL_SECRET_SIG:
        value = value.get("value")
    if isinstance(value, dict):
        return {key: _without_marker(item) for key, item in value.items()}
    return [_without_marker(item) for item in value] if isinstance(value, list) else value


def _decode(properties: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _decode_value(value) for key, value in properties.fields.items()}


def _decode_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _decode_value(field) for key, field in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_decode_value(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
