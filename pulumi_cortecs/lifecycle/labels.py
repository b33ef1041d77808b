"""The labels of an instance: the program's own, and those that the purchase notes by itself. They name somebody to ask
about an instance whose stack is gone. Light: programs import it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_LABELS: Final = 32
LABEL_NAME: Final = re.compile(r"[A-Za-z0-9._/-]{1,63}")
ORDER_TAG: Final = "pulumi-cortecs:"
"""The beginning of the tags that name an order, and of nothing else, where tags are texts."""
LABEL_TAG: Final = "label:"
"""The beginning of the tags there that are labels."""
_MAX_VALUE_LENGTH: Final = 64
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_SHOWN_OF_A_COMMIT: Final = 12

_PULL_REQUEST: Final = re.compile(r"refs/pull/([0-9]+)/merge")
_GITHUB: Final = {"repository": "GITHUB_REPOSITORY", "commit": "GITHUB_SHA", "pull_request": "GITHUB_REF"}
_OF_PURCHASE: Final = frozenset({"stack", "project", *_GITHUB})
_GITLAB: Final = {"repository": "CI_PROJECT_PATH", "commit": "CI_COMMIT_SHA", "pull_request": "CI_MERGE_REQUEST_IID"}


@dataclass(frozen=True)
class Labels:
    """`own` are those of the program and its defaults; `purchase` are those of the run that bought the instance, which
    no later run changes."""

    own: Mapping[str, str] = field(default_factory=dict)
    purchase: Mapping[str, str] = field(default_factory=dict)

    @property
    def merged(self) -> dict[str, str]:
        """Both kinds; the program's own word counts."""
        return {**self.purchase, **self.own}

    def as_json(self) -> str:
        """The text for the journal."""
        kinds = {"own": dict(self.own), "purchase": dict(self.purchase)}
        return json.dumps({kind: labels for kind, labels in kinds.items() if labels})

    @classmethod
    def from_vendor(cls, merged: Mapping[str, str]) -> Labels:
        """The labels that a vendor has of an instance: those with a purchase's names are taken for the purchase's."""
        purchase = {name: value for name, value in merged.items() if name in _OF_PURCHASE}
        return cls({name: value for name, value in merged.items() if name not in purchase}, purchase)

    @classmethod
    def from_json(cls, text: str) -> Labels:
        """The labels of a journal's text. Raises ValueError for anything else."""
        kinds = json.loads(text)
        if not isinstance(kinds, dict):
            raise ValueError(f"labels: got {text!r}; allowed: an object")
        return cls(*(_strings(kinds.get(kind)) for kind in ("own", "purchase")))


NO_LABELS: Final = Labels()


def clip_value(text: str) -> str:
    """The value of a label, as plan, state, journal and vendor have it: at most 64 characters, and `?` for each one
    that is not printable ASCII."""
    return _UNPRINTABLE.sub("?", text[:_MAX_VALUE_LENGTH])


def labels_of_purchase(urn: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The labels that a purchase notes by itself: `stack` and `project` by its URN and, in the CI of GitHub or GitLab,
    `repository`, `commit` and `pull_request` by the environment."""
    stack, project = [*urn.removeprefix("urn:pulumi:").split("::"), ""][:2]
    variables = _GITHUB if environment.get("GITHUB_REPOSITORY") else _GITLAB
    of_ci = {name: environment.get(variable, "") for name, variable in variables.items()}
    if variables is _GITHUB:
        merge = _PULL_REQUEST.fullmatch(of_ci["pull_request"])
        of_ci["pull_request"] = merge[1] if merge else ""
    labels = {"stack": stack, "project": project, **of_ci}
    return {name: clip_value(value) for name, value in labels.items() if value}


def labels_text(labels: Mapping[str, str]) -> str:
    """The labels for a person: "team=search, commit=0123456789ab…"."""
    return ", ".join(f"{name}={_shortened(name, value)}" for name, value in labels.items())


def _shortened(name: str, value: str) -> str:
    is_long = name == "commit" and len(value) > _SHOWN_OF_A_COMMIT
    return f"{value[:_SHOWN_OF_A_COMMIT]}…" if is_long else value


def _strings(labels: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in labels.items()} if isinstance(labels, dict) else {}
