"""Running instances answer like an OpenAI server, and honestly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from pulumi_cortecs.simulator import Simulator, running

QWEN = "Qwen--Qwen2-7B-Instruct"
NAME = "Qwen/Qwen2-7B-Instruct"


@dataclass(frozen=True)
class Chat:
    """A running instance, and what it serves."""

    sim: Simulator
    instance_id: str
    api: httpx.Client

    def ask(self, path: str = "/chat/completions", **changed: Any) -> httpx.Response:
        body: dict[str, Any] = {"model": NAME}
        body |= (
            {"messages": [{"role": "user", "content": "one two three"}]} if "chat" in path else {"prompt": "one two"}
        )
        return self.api.post(path, json=body | changed)


@pytest.fixture
def chat() -> Iterator[Chat]:
    with running(boot=10) as sim, sim.client() as vendor:
        sim.control.pause()
        started = vendor.post("/instances/start", json={"model_id": QWEN, "context_length": 100}).json()["instance"]
        sim.control.advance(10)
        instance = vendor.get(f"/instances/{started['instance_id']}").json()["instance"]
        with httpx.Client(base_url=instance["base_url"]) as api:
            yield Chat(sim, instance["instance_id"], api)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_the_base_url_lists_the_model_by_its_hugging_face_name(chat: Chat) -> None:
    listed = chat.api.get("/models").json()
    assert listed["object"] == "list"
    assert [card["id"] for card in listed["data"]] == [NAME]
    assert chat.api.get(f"/models/{NAME}").json() == listed["data"][0]


def test_an_answer_says_that_it_is_the_simulators(chat: Chat) -> None:
    answer = chat.ask().json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == NAME
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert "pulumi_cortecs simulator" in choice["message"]["content"]
    assert "No model was run" in choice["message"]["content"]


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def test_a_tool_that_may_be_called_is_not(chat: Chat) -> None:
    (choice,) = chat.ask(tools=[TOOL], tool_choice="auto").json()["choices"]
    assert (choice["finish_reason"], "tool_calls" in choice["message"]) == ("stop", False)


def test_a_json_object_is_one(chat: Chat) -> None:
    form = {"type": "json_object"}
    (choice,) = chat.ask(response_format=form).json()["choices"]
    assert "pulumi_cortecs simulator" in json.loads(choice["message"]["content"])["answer"]
    parts = [
        chunk["choices"][0]["delta"].get("content", "") for chunk in events(chat.ask(response_format=form, stream=True))
    ]
    assert "".join(parts) == choice["message"]["content"]


@pytest.mark.parametrize(
    ("path", "changed", "message"),
    [
        ("/chat/completions", {"tools": [TOOL], "tool_choice": "required"}, 'tool_choice "required": the simulator'),
        ("/chat/completions", {"tool_choice": {"type": "function", "function": {"name": "weather"}}}, "tool_choice {"),
        (
            "/chat/completions",
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format json_s",
        ),
        ("/embeddings", {"input": "one"}, "the embeddings of a model: the simulator runs no model"),
    ],
)
def test_what_no_canned_answer_can_be_is_refused_in_openais_shape(
    chat: Chat, path: str, changed: dict[str, Any], message: str
) -> None:
    answer = chat.ask(path, **changed)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (400, "invalid_request_error", "not_simulated")
    assert error["message"].startswith(message)


def test_usage_adds_up(chat: Chat) -> None:
    answer = chat.ask(n=2).json()
    words = len(answer["choices"][0]["message"]["content"].split())
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2 * words, "total_tokens": 3 + 2 * words}


def test_a_stream_says_the_same_word_by_word(chat: Chat) -> None:
    whole = chat.ask().json()["choices"][0]["message"]["content"]
    chunks = events(chat.ask(stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == whole
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert all("usage" not in chunk for chunk in chunks)


def test_a_stream_ends_with_usage_when_it_is_asked_for(chat: Chat) -> None:
    chunks = events(chat.ask(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == chat.ask().json()["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cut_the_answer_off(limit: str, chat: Chat) -> None:
    (choice,) = chat.ask(**{limit: 4}).json()["choices"]
    assert choice["message"]["content"] == "This answer comes from"
    assert choice["finish_reason"] == "length"
    assert events(chat.ask(stream=True, **{limit: 4}))[-1]["choices"][0]["finish_reason"] == "length"


def test_a_text_completion_does_the_same_without_roles(chat: Chat) -> None:
    answer = chat.ask("/completions").json()
    assert answer["object"] == "text_completion"
    assert "simulator" in answer["choices"][0]["text"]
    chunks = events(chat.ask("/completions", stream=True))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == answer["choices"][0]["text"]


def test_several_prompts_get_an_answer_each(chat: Chat) -> None:
    answer = chat.ask("/completions", prompt=["one two", "three"]).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["usage"]["prompt_tokens"] == 3
    assert chat.ask("/completions", prompt=[]).status_code == 400


def test_the_vendors_form_of_the_model_name_is_understood(chat: Chat) -> None:
    assert chat.ask(model=QWEN).json()["model"] == NAME


def test_contents_may_be_parts_and_unknown_fields_are_ignored(chat: Chat) -> None:
    parts = [{"type": "text", "text": "one two"}, {"type": "image_url", "image_url": {"url": "x"}}]
    turns = [{"role": "user", "content": parts, "name": "n"}, {"role": "assistant", "content": None}]
    assert chat.ask(messages=turns, temperature=0.5, tools=[]).json()["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"model": "gpt-4"}, 404, "model_not_found"),
        ({"messages": []}, 400, "invalid_request"),
        ({"messages": [{"content": "no role"}]}, 400, "invalid_request"),
        ({"messages": None}, 400, "invalid_request"),
        ({"model": None}, 400, "invalid_request"),
        ({"n": 0}, 400, "invalid_request"),
        ({"stream": "yes"}, 400, "invalid_request"),
        ({"max_tokens": 98}, 400, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "word " * 101}]}, 400, "context_length_exceeded"),
    ],
)
def test_errors_have_openais_shape(changed: dict[str, Any], status: int, code: str, chat: Chat) -> None:
    answer = chat.ask(**changed)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_cannot_be_read_has_that_shape_too(content: bytes, chat: Chat) -> None:
    answer = chat.api.post("/chat/completions", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert chat.sim.control.requests().refused == {"POST /serve/{instance_id}/v1/chat/completions": 1}


def test_the_context_length_may_be_used_up_to_the_last_token(chat: Chat) -> None:
    assert chat.ask(max_tokens=97).status_code == 200


def test_a_stopped_instance_serves_nothing(chat: Chat) -> None:
    chat.sim.control.stop(chat.instance_id)
    answer = chat.ask()
    assert answer.status_code == 503
    assert "stopped" in answer.json()["error"]["message"]
    assert chat.api.get("/models").status_code == 503


def test_a_pending_instance_serves_nothing_yet(chat: Chat) -> None:
    with chat.sim.client() as vendor:
        instance_id = vendor.post("/instances/start", json={"model_id": QWEN}).json()["instance"]["instance_id"]
    assert httpx.get(f"{chat.sim.url}/serve/{instance_id}/v1/models").status_code == 503


def test_an_unknown_instance_is_a_404(chat: Chat) -> None:
    answer = httpx.get(f"{chat.sim.url}/serve/nope/v1/models")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "instance_not_found"


def test_faults_reach_served_models_by_their_path_only(chat: Chat) -> None:
    chat.sim.control.fault("server_error")
    assert chat.ask().status_code == 200
    chat.sim.control.fault("too_many_requests", path="/serve/*/chat/completions", count=1)
    limited = chat.ask()
    assert limited.status_code == 429
    assert set(limited.json()["error"]) == {"message", "type", "param", "code"}
