"""The Gcore client: what it sends, what real answers may look like, and what no error says."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pulumi_cortecs.gcore.client import ApiDeployment, GcoreClient
from pulumi_cortecs.http.api_client import new_client
from pulumi_cortecs.http.credentials import Credentials
from pulumi_cortecs.http.errors import (
    BadAnswerError,
    ConfigurationError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from tests.unit.fakes import Answer, Script, answer

KEY = "4711$a-token-of-this-key"
LISTED = {
    "name": "llama",
    "status": "ACTIVE",
    "flavor_name": "inference-4vcpu-16gib",
    "containers": [
        {
            "region_id": 7,
            "address": None,
            "deploy_status": {"ready": 1, "total": 2},
            "error_message": None,
            "scale": {"min": 1, "max": 2, "cooldown_period": None, "polling_interval": 30, "triggers": {"cpu": None}},
        }
    ],
    "object_references": None,
}


def client(script: Answer, project: str = "1") -> GcoreClient:
    credentials = Credentials("gcore", "https://gcore.example", (KEY, project))
    return GcoreClient(credentials, new_client(httpx.MockTransport(script)))


def page(*rows: Any, count: int | None = None) -> Answer:
    return answer(200, {"count": len(rows) if count is None else count, "results": list(rows)})


def body_of(script: Script) -> Any:
    return json.loads(script.requests[-1].content)


def test_requests_name_the_project_and_carry_the_key() -> None:
    script = Script(page(LISTED))
    (deployment,) = client(script).deployments().values()
    (request,) = script.requests
    assert request.headers["Authorization"] == f"APIKey {KEY}"
    assert request.url.path == "/cloud/v3/inference/1/deployments"
    assert dict(request.url.params) == {"limit": "1000", "offset": "0"}
    scale = {"min": 1, "max": 2, "polling_interval": 30, "triggers": {"cpu": None}}
    assert deployment.containers[0].spec == {"region_id": 7, "scale": scale}
    assert deployment.object_references == []


def test_a_list_of_several_pages_is_whole() -> None:
    script = Script(page(LISTED, count=2), page({**LISTED, "name": "qwen"}, count=2))
    assert sorted(client(script).deployments()) == ["llama", "qwen"]
    assert [request.url.params["offset"] for request in script.requests] == ["0", "1"]


@pytest.mark.parametrize(
    "pages",
    [
        [page(LISTED, count=2), page(LISTED, count=2)],  # a page that repeats
        [page(LISTED, count=2), page(count=2)],  # a count that lies
        [page(LISTED, LISTED, count=1)],
        [page(LISTED, count=2), page({**LISTED, "name": "qwen"}, count=3)],  # it has changed in between
        [page({**LISTED, "containers": [{"region_id": 7}]})],  # what is billed cannot be read
        [page({**LISTED, "name": "../secrets/aws"})],
    ],
)
def test_a_list_that_may_lack_a_row_is_an_error(pages: list[Answer]) -> None:
    with pytest.raises(BadAnswerError):
        client(Script(*pages)).deployments()


def test_an_endless_list_ends() -> None:
    numbers = iter(range(10**6))

    def endless(_: httpx.Request) -> httpx.Response:
        return page({**LISTED, "name": f"d-{next(numbers)}"}, count=10**6)(_)

    with pytest.raises(BadAnswerError, match="50 rows"):
        client(endless).deployments()


def test_odd_informative_fields_hide_no_deployment() -> None:
    odd = {**LISTED, "image": None, "envs": [1], "timeout": "soon", "probes": 1, "created_at": 5, "api_keys": {}}
    deployment = client(Script(answer(200, odd))).deployment("llama")
    assert (deployment.image, deployment.envs, deployment.timeout, deployment.api_keys) == (None, None, None, None)


def test_odd_offers_are_dropped_and_a_list_of_them_is_an_error() -> None:
    flavors = Script(page({"name": "one", "gpu": None, "memory": 16}, {"gpu": 1}))
    assert [(flavor.name, flavor.memory) for flavor in client(flavors).flavors()] == [("one", Decimal(16))]
    with pytest.raises(BadAnswerError, match="no row"):
        client(Script(page({"gpu": 1}))).flavors()


def test_a_purchase_is_sent_once_and_other_changes_again() -> None:
    busy = answer(503, {"message": "busy"})
    script = Script(busy)
    with pytest.raises(UnavailableError):
        client(script).create_deployment({"name": "llama"})
    assert len(script.requests) == 1
    script = Script(busy, answer(200, {"tasks": []}))
    assert client(script).patch_deployment("llama", {"timeout": 1}) == []
    assert [request.method for request in script.requests] == ["PATCH", "PATCH"]


def test_an_exceeded_quota_is_final_and_named() -> None:
    refusal = {"exception_class": "QuotaExceededError", "message": "no quota", "request_id": "r-1"}
    script = Script(answer(429, refusal))
    with pytest.raises(RefusedError, match="no quota") as caught:
        client(script).patch_deployment("llama", {})
    assert (caught.value.code, len(script.requests)) == ("QuotaExceededError", 1)
    assert not isinstance(caught.value, UnavailableError)


def test_errors_contain_neither_the_key_nor_what_a_body_hides() -> None:
    words = f"token a-token-of-this-key of {KEY}: --hf-token=hf_secret, s3cret-value, Bearer p-r-o-b-e, dckr_pass"
    body = {
        "envs": {"HF_TOKEN": "s3cret-value"},
        "command": ["serve", "--hf-token=hf_secret"],
        "probes": {"liveness_probe": {"probe": {"http_get": {"headers": {"Authorization": "Bearer p-r-o-b-e"}}}}},
        "password": "dckr_pass",
    }
    with pytest.raises(RefusedError) as caught:
        client(Script(answer(400, {"message": words}))).create_deployment(body)
    for secret in ("a-token", "hf_secret", "s3cret", "p-r-o-b-e", "dckr"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("name", ["check_limits", "..", "a/b", ""])
def test_a_name_that_would_be_another_path_is_never_sent(name: str) -> None:
    script = Script(answer(200, {"tasks": []}))
    with pytest.raises(NotFoundError):
        client(script).delete_deployment(name)
    assert script.requests == []


def test_a_project_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be a number"):
        client(Script(page()), "1/../2").deployments()


def test_start_and_stop_answer_nothing() -> None:
    script = Script(lambda _: httpx.Response(204))
    client(script).switch_deployment("llama", "stop")
    client(script).switch_deployment("llama", "start")
    assert [path.rpartition("/")[2] for path in script.paths()] == ["stop", "start"]


def test_price_sends_the_most_replicas_only() -> None:
    told = {"price_status": "show", "currency_code": "EUR", "price_per_hour": 1.2, "tax_percent": 0}
    script = Script(answer(200, told))
    price = client(script).price("f", [{"region_id": 7, "scale": {"min": 0, "max": 2, "triggers": {}}}])
    assert body_of(script) == {"flavor_name": "f", "containers": [{"region_id": 7, "scale": {"max": 2}}]}
    assert (price.price_per_hour, price.currency_code, price.discount_percent) == (Decimal("1.2"), "EUR", None)


def test_a_quota_has_its_limit_its_usage_and_what_is_requested() -> None:
    told = {
        "inference_gpu_h100_count_limit": 0,
        "inference_gpu_h100_count_usage": 0,
        "inference_gpu_h100_count_requested": 2,
        "inference_instance_count_limit": 10,
        "inference_instance_count_usage": 1,
        "inference_instance_count_requested": 1,
    }
    quota = client(Script(answer(200, told))).check_limits("f", [])
    assert quota.rows == {"inference_gpu_h100_count": (0, 0, 2), "inference_instance_count": (10, 1, 1)}


def test_logs_are_the_last_lines_of_a_region() -> None:
    script = Script(page({"message": "no such image\x1b", "region_id": 7, "pod": "p", "time": "t"}, {"odd": 1}))
    (line,) = client(script).logs("llama", 5, 7)
    assert line.message == "no such image\\x1b"
    assert dict(script.requests[0].url.params) == {"limit": "5", "order_by": "time.desc", "region_id": "7"}


def test_a_created_key_has_its_secret_and_no_repr_shows_it() -> None:
    created = {"name": "key1", "secret": "qLyjWDarjtT1zdp7dc", "deployment_names": [], "created_at": "t"}
    made = client(Script(answer(200, created))).create("api_keys", {"name": "key1"})
    assert made.instance_id == "key1"
    assert made.instance.secret == created["secret"]
    assert str(created["secret"]) not in repr(made)
    assert "s3cret" not in repr(ApiDeployment.model_validate({**LISTED, "envs": {"A": "s3cret"}}))
