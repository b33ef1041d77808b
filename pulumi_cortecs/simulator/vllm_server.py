"""What a container serves, by its arguments: a vLLM server's model, name, context length and key."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_CONTEXT = 8192
_KEY_VARIABLE = "VLLM_API_KEY"


@dataclass(frozen=True)
class Server:
    """An OpenAI-compatible server; `api_key` "" wants none."""

    model: str
    name: str
    context_length: int
    api_key: str


def read_server(image: str, arguments: str, variables: Mapping[str, str]) -> Server:
    """The server of a container. Without a model in its arguments it serves one that is called like the image."""
    words = _words(arguments)
    named = _option(words, "--model")
    first = words[0] if words and not words[0].startswith("-") else ""
    model = named or first or image
    length = _option(words, "--max-model-len")
    return Server(
        model=model,
        name=_option(words, "--served-model-name") or model,
        context_length=int(length) if length.isdecimal() and int(length) else _CONTEXT,
        api_key=_option(words, "--api-key") or variables.get(_KEY_VARIABLE, ""),
    )


def _words(arguments: str) -> Sequence[str]:
    try:
        return shlex.split(arguments)
    except ValueError:  # an open quote
        return arguments.split()


def _option(words: Sequence[str], name: str) -> str:
    """The value of an option, as `--name value` or `--name=value`; "" without it."""
    for at, word in enumerate(words):
        if word == name and at + 1 < len(words):
            return words[at + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""
