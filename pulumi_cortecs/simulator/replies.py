"""What a simulated model says, in the shape of OpenAI's chat and text completions: whole, or in chunks.

Tokens are words here: the numbers are consistent with each other, and those of no tokenizer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer in the making: `choices` equal texts for a prompt of `prompt_tokens`; `created` is in Unix seconds."""

    model: str
    created: int
    prompt_tokens: int
    choices: int
    text: str
    finish_reason: str
    chat: bool

    @property
    def usage(self) -> Json:
        """Prompt and completion, in words."""
        completion = tokens(self.text) * self.choices
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }


def reply(
    model: str, created: int, prompt_tokens: int, *, choices: int = 1, max_tokens: int | None = None, chat: bool = True
) -> Reply:
    """The canned answer of `model`, cut off after `max_tokens` words."""
    words = (
        f"This answer comes from the pulumi_cortecs simulator, which stands in for {model}. "
        "No model was run and no GPU was used."
    ).split()
    said = words[:max_tokens]
    finish = "stop" if len(said) == len(words) else "length"
    return Reply(model, created, prompt_tokens, choices, " ".join(said), finish, chat)


def tokens(text: str) -> int:
    """How many words a text has."""
    return len(text.split())


def whole(answer: Reply) -> Json:
    """The answer to a request without streaming."""
    return {
        **_head(answer, _new_id(answer), "chat.completion" if answer.chat else "text_completion"),
        "choices": [
            {"index": index, **_said(answer), "logprobs": None, "finish_reason": answer.finish_reason}
            for index in range(answer.choices)
        ],
        "usage": answer.usage,
    }


def chunks(answer: Reply, *, with_usage: bool) -> Iterator[Json]:
    """The same word by word; a chat begins with a chunk that only names the role, and `with_usage` adds a last one."""
    head = _head(answer, _new_id(answer), "chat.completion.chunk" if answer.chat else "text_completion")
    if with_usage:
        head["usage"] = None
    for index in range(answer.choices):
        if answer.chat:
            yield {**head, "choices": [_chunk(answer, index, {"role": "assistant", "content": ""})]}
        for position, word in enumerate(answer.text.split()):
            said = word if position == 0 else f" {word}"
            yield {**head, "choices": [_chunk(answer, index, {"content": said} if answer.chat else said)]}
        last = _chunk(answer, index, {} if answer.chat else "")
        yield {**head, "choices": [{**last, "finish_reason": answer.finish_reason}]}
    if with_usage:
        yield {**head, "choices": [], "usage": answer.usage}


def _new_id(answer: Reply) -> str:
    return f"{'chatcmpl' if answer.chat else 'cmpl'}-{uuid.uuid4().hex}"


def _head(answer: Reply, answer_id: str, kind: str) -> Json:
    return {"id": answer_id, "object": kind, "created": answer.created, "model": answer.model}


def _said(answer: Reply) -> Json:
    if answer.chat:
        return {"message": {"role": "assistant", "content": answer.text, "refusal": None}}
    return {"text": answer.text}


def _chunk(answer: Reply, index: int, said: Json | str) -> Json:
    return {"index": index, "delta" if answer.chat else "text": said, "logprobs": None, "finish_reason": None}
