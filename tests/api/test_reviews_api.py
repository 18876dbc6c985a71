"""Reviews over the API."""

import json
from typing import Any

import pytest

from allocations.programme.models import Conflict
from allocations.reviews.models import Review
from tests.cast import Cast
from tests.requesting import approve, fund
from tests.reviewing import CRITERIA, in_review, invited, reviewer, submit

pytestmark = pytest.mark.django_db

WORD = {
    "scores": dict.fromkeys(CRITERIA, 4),
    "recommendation": "part",
    "comment_applicant": "Say more about the data.",
}


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def test_a_review_from_invitation_to_submission(cast: Cast, api: Any) -> None:
    request = in_review(cast, persons=2)
    admin, second = api(cast.admin), reviewer("second")
    address = f"/api/v1/requests/{request.code}/"
    candidates = admin.get(f"{address}reviewers/").json()
    assert {one["reviewer"] for one in candidates} == {cast.reviewer.code, second.code}
    assert api(cast.council).get(f"{address}reviewers/").status_code == 404
    reply = admin.post(f"{address}reviews/", {"reviewers": [cast.reviewer.code]}, format="json")
    assert reply.status_code == 201
    code = reply.json()[0]["code"]
    mine = api(cast.reviewer)
    assert [one["code"] for one in mine.get("/api/v1/reviews/").json()["results"]] == [code]
    assert mine.post(f"/api/v1/reviews/{code}/accept/").json()["accepted_at"]
    draft = mine.patch(f"/api/v1/reviews/{code}/", {"scores": {"merit": 2}}, format="json")
    assert draft.json()["scores"] == [{"criterion": "merit", "score": 2}]
    early = mine.post(f"/api/v1/reviews/{code}/submit/", {}, format="json")
    assert early.status_code == 400
    done = mine.post(f"/api/v1/reviews/{code}/submit/", WORD, format="json")
    assert (done.json()["state"], float(done.json()["score"])) == ("submitted", 4)
    again = mine.post(f"/api/v1/reviews/{code}/submit/", WORD, format="json")
    assert again.status_code == 409
    told = api(cast.council).get(f"{address}reviews/").json()
    assert float(told["score"]) == 4
    assert told["missing"] == 1
    assert told["reviews"][0]["recommendation"] == "part"


def test_a_double_blind_answer_names_nobody(cast: Cast, api: Any) -> None:
    review = invited(cast)[0]
    request = review.request
    request.justification = f"At {cast.organisation.name} for {cast.project.title}, by {cast.pi.email}."
    request.store("justification")
    client = api(cast.reviewer)
    for address in ("/api/v1/reviews/", f"/api/v1/reviews/{review.code}/", "/api/v1/notices/"):
        reply = client.get(address)
        assert reply.status_code == 200
        answer = json.dumps(reply.json(), ensure_ascii=False)
        names = (
            cast.organisation.name,
            cast.organisation.code,
            cast.project.title,
            cast.project.code,
            cast.pi.email,
            cast.pi.code,
            request.code,
        )
        assert not [name for name in names if name in answer]
    shown = client.get(f"/api/v1/reviews/{review.code}/").json()
    assert shown["content"]["organisation"] == shown["content"]["title"] == ""
    assert shown["content"]["gpu_seconds"] == request.gpu_seconds


@pytest.mark.parametrize("step", ["decline", "recuse"])
def test_stepping_back_hides_it(cast: Cast, api: Any, step: str) -> None:
    review, client = invited(cast)[0], api(cast.reviewer)
    reply = client.post(f"/api/v1/reviews/{review.code}/{step}/", {"reason": "A cousin."}, format="json")
    assert reply.status_code == 204
    assert client.get(f"/api/v1/reviews/{review.code}/").status_code == 404
    assert client.get("/api/v1/reviews/").json()["results"] == []
    assert Conflict.objects.filter(user=cast.reviewer).exists() == (step == "recuse")


@pytest.mark.parametrize("who", ["pi", "member", "council", "admin", "auditor", "outsider"])
def test_others_reviews_dont_exist(cast: Cast, api: Any, who: str) -> None:
    review, client = invited(cast)[0], api(getattr(cast, who))
    address = f"/api/v1/reviews/{review.code}/"
    assert client.get(address).status_code == 404
    for step in ("accept", "decline", "recuse", "submit"):
        assert client.post(f"{address}{step}/", {"reason": "So.", **WORD}, format="json").status_code == 404
    assert client.patch(address, {"scores": {}}, format="json").status_code == 404
    if who != "admin":
        body = {"due_on": "2099-01-01", "reason": "So."}
        assert client.post(f"{address}extend/", body, format="json").status_code == 404
        assert client.post(f"{address}replace/", body, format="json").status_code == 404
        assert client.get("/api/v1/reviewers/").json()["results"] == []


def test_replacing_over_the_api(cast: Cast, api: Any) -> None:
    review, second = invited(cast)[0], reviewer("second")
    body = {"by": second.code, "reason": "Ill."}
    reply = api(cast.admin).post(f"/api/v1/reviews/{review.code}/replace/", body, format="json")
    assert reply.json()["reviewer"] == second.code
    assert Review.objects.get(pk=review.pk).left == "replaced"


def test_the_panel(cast: Cast, api: Any) -> None:
    review = submit(invited(cast)[0], 5)
    row = api(cast.council).get("/api/v1/panel/").json()["results"][0]
    assert (row["request"], row["rank"], float(row["score"])) == (review.request.code, 1, 5)
    Conflict.objects.create(request=review.request, user=cast.council, severity="apparent", kind="declared")
    hidden = api(cast.council).get("/api/v1/panel/").json()["results"][0]
    assert (hidden["recused"], hidden["request"], hidden["score"]) == (True, None, None)
    assert api(cast.pi).get("/api/v1/panel/").json()["results"] == []


def test_applicants_read_comments_once_it_is_decided(cast: Cast, api: Any) -> None:
    review = submit(invited(cast)[0])
    address = f"/api/v1/requests/{review.request.code}/reviews/"
    assert api(cast.pi).get(address).status_code == 404
    review.request.refresh_from_db()
    approve(cast, review.request)
    told = api(cast.pi).get(address).json()
    assert told["comments"] == ["A sound plan."]
    assert (told["reviews"], told["score"]) == ([], None)
    assert cast.reviewer.code not in json.dumps(told)


def test_the_profile(cast: Cast, api: Any) -> None:
    client = api(cast.reviewer)
    body = {"keywords": ["retina"], "sectors": ["health"], "most_open": 2}
    assert client.patch("/api/v1/reviewer-profile/", body, format="json").status_code == 200
    kept = client.patch("/api/v1/reviewer-profile/", {"most_open": 4}, format="json").json()
    assert (kept["keywords"], kept["sectors"], kept["most_open"]) == (["retina"], ["health"], 4)
    assert api(cast.pi).get("/api/v1/reviewer-profile/").status_code == 403
    pool = api(cast.admin).get("/api/v1/reviewers/").json()["results"]
    assert pool[0]["profile"]["keywords"] == ["retina"]
