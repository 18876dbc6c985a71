"""The page and the API that estimate GPU-hours: for everybody, without JavaScript."""

from typing import Any

import pytest

from tests.cast import Cast

pytestmark = pytest.mark.django_db

SEVEN_B = {"kind": "finetune", "parameters": "7B", "tokens": "200 M", "epochs": "1", "gpu": "h100"}


def text(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


def test_a_visitor_gets_a_range_with_its_assumptions(web: Any) -> None:
    page = text(web(None).get("/estimate/", SEVEN_B))
    for told in ("At least", "At most", "989 TFLOP/s", "arXiv 2001.08361", "H100 datasheet", "for 1"):
        assert told in page
    assert "/requests/new/?model=Full+fine-tuning%3A+7B&amp;gpus=" in page
    assert "Llama 3.1 405B" in page  # how far off it is


@pytest.mark.parametrize("kind", ["finetune", "lora", "qlora", "pretrain", "inference", "vision", "known"])
def test_each_kind_asks_for_its_own_and_answers(web: Any, kind: str) -> None:
    client = web(None)
    asked = client.get("/estimate/", {"kind": kind})
    assert asked.status_code == 200
    names = set(asked.context["form"].fields)
    answer = client.get(
        "/estimate/", {"kind": kind, "gpu": "a100-80", **dict.fromkeys(names - {"gpu"}, "3M")}
    )
    assert answer.context["found"].gpu_hours.high > 0


def test_bad_input_keeps_what_was_typed(web: Any) -> None:
    reply = web(None).get("/estimate/", {**SEVEN_B, "tokens": "plenty"})
    assert reply.status_code == 422
    assert 'value="plenty"' in text(reply)
    assert 'value="7B"' in text(reply)
    assert "Write digits and a unit" in text(reply)


def test_it_begins_with_the_gpu_of_the_resource(cast: Cast, web: Any) -> None:
    cast.resource.gpu_model = "NVIDIA L40S 48 GB"
    cast.resource.save()
    page = text(web(None).get("/estimate/", {"resource": cast.resource.code}))
    assert '<option value="l40s" selected>' in page
    assert 'name="resource" value="ned-h100"' in page


def test_it_is_in_the_menu(cast: Cast, web: Any) -> None:
    assert 'href="/estimate/"' in text(web(None).get("/"))
    assert 'href="/estimate/"' in text(web(cast.pi).get("/"))


def test_over_the_api(api: Any) -> None:
    client = api(None)
    told = client.get("/api/v1/estimate/", SEVEN_B).json()
    assert told["gpu_hours"]["low"] < told["gpu_hours"]["middle"] < told["gpu_hours"]["high"]
    assert told["flops"]["low"] == 8.4e18
    assert told["least_gpus"] == 2
    assert told["assumptions"]
    missing = client.get("/api/v1/estimate/", {"kind": "vision", "gpu": "h100"})
    assert missing.status_code == 400
    assert {error["field"] for error in missing.json()["errors"]} == {"images", "gmacs"}
    assert client.get("/api/v1/estimate/", {**SEVEN_B, "gpu": "abacus"}).status_code == 400
