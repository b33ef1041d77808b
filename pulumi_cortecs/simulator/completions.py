"""The answers of a simulated model, in the shape of OpenAI's chat and text completions: whole, or in chunks.

Tokens are words here: the numbers are consistent, but do not match any tokenizer.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Completion:
    """An answer: `choices` equal texts for a prompt of `prompt_tokens`; `created` is in Unix seconds."""

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
        completion = count_tokens(self.text) * self.choices
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }


def make_completion(
    model: str,
    created: int,
    prompt_tokens: int,
    *,
    choices: int = 1,
    max_tokens: int | None = None,
    chat: bool = True,
    as_json: bool = False,
) -> Completion:
    """The canned answer of `model`, within a JSON object with `as_json`, cut off after `max_tokens` words."""
    text = (
        f"This answer comes from the pulumi_cortecs simulator, which stands in for {model}. "
        "No model was run and no GPU was used."
    )
    words = (json.dumps({"answer": text}) if as_json else text).split()
    kept_words = words[:max_tokens]
    finish = "stop" if len(kept_words) == len(words) else "length"
    return Completion(model, created, prompt_tokens, choices, " ".join(kept_words), finish, chat)


def count_tokens(text: str) -> int:
    """The number of words in a text."""
    return len(text.split())


def completion_json(completion: Completion) -> Json:
    """The answer to a request without streaming."""
    return {
        **_head(completion, _new_id(completion), "chat.completion" if completion.chat else "text_completion"),
        "choices": [
            {"index": index, **_choice_content(completion), "logprobs": None, "finish_reason": completion.finish_reason}
            for index in range(completion.choices)
        ],
        "usage": completion.usage,
    }


def chunks_json(completion: Completion, *, with_usage: bool) -> Iterator[Json]:
    """The chunks of a streamed answer, word by word; a chat begins with a chunk that only names the role, and
    `with_usage` adds a last one."""
    head = _head(completion, _new_id(completion), "chat.completion.chunk" if completion.chat else "text_completion")
    if with_usage:
        head["usage"] = None
    for index in range(completion.choices):
        if completion.chat:
            yield {**head, "choices": [_chunk(completion, index, {"role": "assistant", "content": ""})]}
        for position, word in enumerate(completion.text.split()):
            content = word if position == 0 else f" {word}"
            yield {**head, "choices": [_chunk(completion, index, {"content": content} if completion.chat else content)]}
        last = _chunk(completion, index, {} if completion.chat else "")
        yield {**head, "choices": [{**last, "finish_reason": completion.finish_reason}]}
    if with_usage:
        yield {**head, "choices": [], "usage": completion.usage}


def _new_id(completion: Completion) -> str:
    return f"{'chatcmpl' if completion.chat else 'cmpl'}-{uuid.uuid4().hex}"


def _head(completion: Completion, answer_id: str, kind: str) -> Json:
    return {"id": answer_id, "object": kind, "created": completion.created, "model": completion.model}


def _choice_content(completion: Completion) -> Json:
    if completion.chat:
        return {"message": {"role": "assistant", "content": completion.text, "refusal": None}}
    return {"text": completion.text}


def _chunk(completion: Completion, index: int, content: Json | str) -> Json:
    return {"index": index, "delta" if completion.chat else "text": content, "logprobs": None, "finish_reason": None}
