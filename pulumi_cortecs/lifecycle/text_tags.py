"""Orders and labels as tags that are plain texts: `pulumi-cortecs:order=KEY.TOKEN.DIGEST`, and `label:NAME=VALUE`."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pulumi_cortecs.lifecycle.cloud import HasLabels, OrderRef
from pulumi_cortecs.lifecycle.labels import LABEL_TAG, ORDER_TAG

T = TypeVar("T")


class HasTextTags(HasLabels[T]):
    """A cloud whose instances have texts as tags, which its list returns.

    `unreported` are the arguments of an order that the vendor does not report: the tag has a digest of them.
    """

    unreported: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def tags_of(self, instance: T) -> Sequence[str]:
        """All tags of an instance."""

    def tags_for(self, inputs: Mapping[str, Any], order: OrderRef) -> list[str]:
        """The tags of an order of these inputs: those of the program, the labels, and that of the order."""
        tag = f"{ORDER_TAG}order={order.key}.{order.token}.{self._digest(inputs)}"
        return [*inputs["tags"], *_label_tags(inputs["labels"]), tag]

    def order_ref(self, instance: T) -> OrderRef | None:
        key, token, _ = self._order_of(instance)
        return OrderRef(token, key) if token else None

    def may_be_of(self, instance: T, inputs: Mapping[str, Any]) -> bool:
        return self._order_of(instance)[2] in ("", self._digest(inputs))

    def labels_of(self, instance: T) -> Mapping[str, str]:
        return dict(_label(tag) for tag in self.tags_of(instance) if tag.startswith(LABEL_TAG))

    def _order_of(self, instance: T) -> tuple[str, str, str]:
        """Key, token and digest of the order's tag; empty texts without one."""
        start = f"{ORDER_TAG}order="
        for tag in self.tags_of(instance):
            if tag.startswith(start):
                key, token, digest = [*tag.removeprefix(start).split("."), "", ""][:3]
                return key, token, digest
        return "", "", ""

    def _digest(self, inputs: Mapping[str, Any]) -> str:
        """A digest of the arguments that are not reported; defaults count as left out."""
        spec = {key: inputs[key] for key in self.unreported if inputs.get(key)}
        return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def own_tags(tags: Iterable[str]) -> list[str]:
    """The tags that are the program's own."""
    return [tag for tag in tags if not tag.startswith((ORDER_TAG, LABEL_TAG))]


def with_own_tags(tags: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """The tags with others of the program's own."""
    own = own_tags(tags)
    return [*wanted, *(tag for tag in tags if tag not in own)]


def with_labels(tags: Iterable[str], labels: Mapping[str, str], removed: frozenset[str]) -> list[str]:
    """The tags with these labels, and without those of the names `removed`."""
    kept = [tag for tag in tags if not tag.startswith(LABEL_TAG) or _label(tag)[0] not in {*labels, *removed}]
    return [*kept, *_label_tags(labels)]


def _label_tags(labels: Mapping[str, str]) -> list[str]:
    return [f"{LABEL_TAG}{name}={value}" for name, value in labels.items()]


def _label(tag: str) -> tuple[str, str]:
    name, _, value = tag.removeprefix(LABEL_TAG).partition("=")
    return name, value
