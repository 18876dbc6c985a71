"""The pages of reviews: what reviewers see and don't, what those who decide see, and what it costs."""

from typing import Any

import pytest
from django.core.files.base import ContentFile

from allocations.programme.choices import prior_usage_of
from allocations.programme.models import AllocationRequest, Attachment, Conflict
from allocations.reviews import services
from allocations.reviews.models import Review
from portal.foundation import clock
from portal.people.models import Membership, User
from tests.cast import Cast
from tests.requesting import approve, fund, submitted
from tests.reviewing import CRITERIA, in_review, invited, reviewer, submit

pytestmark = pytest.mark.django_db

MANY = 50


@pytest.fixture(autouse=True)
def funded(cast: Cast) -> None:
    fund(cast.resource)


def text(reply: Any) -> str:
    return " ".join(reply.content.decode().split())


def telling(cast: Cast) -> dict[str, Any]:
    """A request whose text names everything that it shouldn't."""
    names = f"{cast.organisation.name}, {cast.project.title}, {cast.pi.email} and Member Memberson"
    cast.member.name = "Member Memberson"
    cast.member.save()
    return {"justification": f"Eight runs at {names.upper()}, by {cast.member.name}.", "prior_usage": names}


def named(cast: Cast) -> list[str]:
    return [
        cast.organisation.name,
        cast.organisation.code,
        cast.project.title,
        cast.project.code,
        cast.pi.email,
        cast.pi.code,
        "Memberson",
    ]


def typed(score: int = 3, **fields: str) -> dict[str, str]:
    scores = {f"score_{code}": str(score) for code in CRITERIA}
    return {**scores, "recommendation": "fund", "comment_applicant": "A sound plan.", **fields}


def marked(review: Review, cast: Cast) -> AllocationRequest:
    """The request of `review`, its text telling who asks."""
    request = review.request
    for name, value in telling(cast).items():
        setattr(request, name, value)
    request.store("justification", "prior_usage")
    return request


# --- The reviewer's own -----------------------------------------------------------------------------
def test_from_the_list_to_submitted(cast: Cast, web: Any) -> None:
    review = invited(cast)[0]
    client, address = web(cast.reviewer), f"/reviews/{review.code}/"
    assert address in text(client.get("/reviews/"))
    page = text(client.get(address))
    assert "Take this review" in page
    assert "Eight runs of a small model." in page
    assert client.post(f"{address}accept/").status_code == 302
    assert client.post(address, {"score_merit": "4", "draft": "1"}).status_code == 302
    assert '<option value="4" selected>' in text(client.get(address))
    refused = client.post(address, {"score_merit": "4"})
    assert refused.status_code == 422
    assert "Benefit (25): This field is required." in text(refused)
    assert client.post(address, typed()).status_code == 302
    review.refresh_from_db()
    assert (review.state, review.score) == ("submitted", 3)
    done = text(client.get(address))
    assert "Submit the review" not in done
    assert "A sound plan." in done


@pytest.mark.parametrize("path", ["", "decline/", "recuse/"])
def test_a_double_blind_page_names_nobody(cast: Cast, web: Any, path: str) -> None:
    review = invited(cast)[0]
    marked(review, cast)
    page = web(cast.reviewer).get(f"/reviews/{review.code}/{path}")
    assert page.status_code == 200
    found = [name for name in named(cast) if name.casefold() in page.content.decode().casefold()]
    assert not found
    listing = web(cast.reviewer).get("/reviews/").content.decode()
    home = web(cast.reviewer).get("/").content.decode()
    notices = web(cast.reviewer).get("/notices/").content.decode()
    for other in (listing, home, notices):
        assert not [name for name in named(cast) if name in other]


def test_a_double_blind_page_tells_nothing_that_the_register_shows(cast: Cast, web: Any) -> None:
    award = approve(cast, submitted(cast)).lines.get().award
    assert award is not None
    review = invited(cast)[0]
    request = review.request
    request.prior_usage = prior_usage_of(cast.project)
    request.justification = f"More of {award.allocation.code} ({award.code})."
    request.store("prior_usage", "justification")
    assert award.allocation.code in request.prior_usage
    page = text(web(cast.reviewer).get(f"/reviews/{review.code}/"))
    assert "100 GPU-hours were granted before, 0 of them are used." in page
    assert "More of" in page
    assert not [told for told in (award.allocation.code, award.code, "retinopathy") if told in page]


def test_a_single_blind_page_shows_the_organisation_but_no_person(cast: Cast, web: Any) -> None:
    review = invited(cast, blind="single")[0]
    marked(review, cast)
    page = web(cast.reviewer).get(f"/reviews/{review.code}/").content.decode()
    assert cast.organisation.name in page
    assert cast.project.title in page
    assert not [name for name in (cast.pi.email, cast.pi.code, "Memberson") if name in page]


def test_attachments_only_where_they_name_nobody(cast: Cast, web: Any, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    review = invited(cast)[0]
    telling_all, anonymous = (
        Attachment.objects.create(
            request=review.request,
            title="Plan of NED University",
            file=ContentFile(b"%PDF-1.4", name="plan.pdf"),
            size=8,
            sha256="0" * 64,
            anonymous=anonymous,
            uploaded_by=cast.pi,
        )
        for anonymous in (False, True)
    )
    client, address = web(cast.reviewer), f"/reviews/{review.code}/"
    page = text(client.get(address))
    assert anonymous.code in page
    assert telling_all.code not in page
    assert "Plan of NED University" not in page
    file = client.get(f"{address}attachments/{anonymous.code}/")
    assert file.status_code == 200
    assert b"".join(file.streaming_content) == b"%PDF-1.4"
    assert client.get(f"{address}attachments/{telling_all.code}/").status_code == 404
    assert web(reviewer("second")).get(f"{address}attachments/{anonymous.code}/").status_code == 404


def test_one_click_recuses_and_hides(cast: Cast, web: Any) -> None:
    review = invited(cast)[0]
    client, address = web(cast.reviewer), f"/reviews/{review.code}/"
    assert client.post(f"{address}recuse/").url == "/reviews/"
    assert client.get(address).status_code == 404
    assert review.code not in text(client.get("/reviews/"))
    assert Conflict.objects.get(user=cast.reviewer).severity == "real"
    assert client.get(f"/requests/{review.request.code}/").status_code == 404


def test_a_conflict_of_later_hides_too(cast: Cast, web: Any) -> None:
    review = invited(cast)[0]
    Membership.objects.create(organisation=cast.organisation, user=cast.reviewer)
    client = web(User.objects.get(pk=cast.reviewer.pk))
    assert client.get(f"/reviews/{review.code}/").status_code == 404
    assert client.post(f"/reviews/{review.code}/", typed()).status_code == 404


@pytest.mark.parametrize("who", ["pi", "member", "council", "outsider", "admin", "site_manager"])
def test_a_review_is_its_reviewers_page(cast: Cast, web: Any, who: str) -> None:
    review, client = invited(cast)[0], web(getattr(cast, who))
    assert client.get(f"/reviews/{review.code}/").status_code == 404
    assert client.post(f"/reviews/{review.code}/", typed()).status_code == 404
    assert client.get("/reviews/").status_code == 403
    assert client.get("/reviews/profile/").status_code == 403


def test_the_profile_is_kept(cast: Cast, web: Any) -> None:
    client = web(cast.reviewer)
    body = {"keywords": "retina, wheat rust\nUrdu", "sectors": ["health"], "most_open": "2"}
    assert client.post("/reviews/profile/", body).status_code == 302
    page = text(client.get("/reviews/profile/"))
    assert "wheat rust" in page
    assert client.post("/reviews/profile/", {**body, "most_open": "0"}).status_code == 422
    pool = text(web(cast.admin).get("/reviews/pool/?q=wheat"))
    assert "Reviewer" in pool
    assert "Health" in pool
    for who in (cast.reviewer, cast.council, cast.pi):
        assert web(who).get("/reviews/pool/").status_code == 403
        assert web(who).get("/reviews/rules/").status_code == 403


def test_the_menu_counts_open_reviews(cast: Cast, web: Any) -> None:
    review = invited(cast)[0]
    home = text(web(cast.reviewer).get("/"))
    assert '<a href="/reviews/">Reviews <span class="count">1</span>' in home
    assert review.get_absolute_url() in home
    assert "/reviews/panel/" in text(web(cast.council).get("/"))


# --- Those who assign and decide --------------------------------------------------------------------
def test_an_admin_confirms_the_proposal(cast: Cast, web: Any) -> None:
    request = in_review(cast, persons=2)
    second, tied = reviewer("second"), reviewer("tied")
    Membership.objects.create(organisation=cast.organisation, user=tied)
    client, address = web(cast.admin), f"/requests/{request.code}/reviewers/"
    page = text(client.get(address))
    assert f'value="{second.code}" checked' in page
    assert f'value="{tied.code}" disabled' in page
    assert "Real conflict" in page
    assert client.post(address, {"reviewers": [tied.code]}).status_code == 422
    assert client.post(address, {}).status_code == 422
    chosen = {"reviewers": [second.code, cast.reviewer.code]}
    assert client.post(address, chosen).url == f"/requests/{request.code}/reviews/"
    assert Review.objects.count() == 2
    for who, status in [(cast.council, 404), (cast.reviewer, 404), (cast.pi, 404), (cast.outsider, 404)]:
        assert web(who).get(address).status_code == status


def test_replace_and_extend_on_pages(cast: Cast, web: Any) -> None:
    review, second = invited(cast)[0], reviewer("second")
    client, address = web(cast.admin), f"/reviews/{review.code}/"
    assert client.post(f"{address}extend/", {"due_on": "2020-01-01"}).status_code == 422
    assert web(cast.council).get(f"{address}extend/").status_code == 404
    assert web(cast.reviewer).get(f"{address}replace/").status_code == 404
    client = web(cast.admin)
    assert second.code in text(client.get(f"{address}replace/"))
    assert client.post(f"{address}replace/", {"by": second.code, "reason": "Ill."}).status_code == 302
    assert Review.objects.get(state="assigned").reviewer == second


def test_who_decides_reads_all_and_who_asked_what_is_for_them(cast: Cast, web: Any) -> None:
    review = submit(invited(cast)[0])
    request = review.request
    address = f"/requests/{request.code}/reviews/"
    for who in (cast.council, cast.admin):
        page = text(web(who).get(address))
        assert "Fund it in part." in page
        assert "A sound plan." in page
        assert "3.00" in page
    part = text(web(cast.council).get(address, headers={"HX-Request": "true"}))
    assert "What the reviewers say" in part
    assert "<html" not in part
    for who in (cast.pi, cast.member, cast.outsider, cast.reviewer, cast.site_manager):
        assert web(who).get(address).status_code == 404
    request.refresh_from_db()
    approve(cast, request)
    page = text(web(cast.pi).get(address))
    assert "A sound plan." in page
    assert "Reviewer 1" in page
    assert not [word for word in ("Fund it in part.", "3.00", cast.reviewer.code) if word in page]
    assert "<bdi>Reviewer</bdi>" not in page
    assert address in text(web(cast.pi).get(f"/requests/{request.code}/"))
    assert "A sound plan." not in text(web(cast.site_manager).get(address))
    assert web(cast.outsider).get(address).status_code == 404


def test_drafts_are_the_reviewers_own(cast: Cast, web: Any) -> None:
    review = invited(cast)[0]
    services.review_save(
        actor=cast.reviewer, review=review, scores={"merit": 1}, comment_private="Too early to tell."
    )
    page = text(web(cast.admin).get(f"/requests/{review.request.code}/reviews/"))
    assert "Too early to tell." not in page


def test_the_panel_ranks_and_leaves_out_nobody(cast: Cast, web: Any) -> None:
    second = reviewer("second")
    better, worse = (invited(cast, cast.reviewer, second, persons=2) for _number in range(2))
    waiting = in_review(cast, persons=2)
    submit(better[0], 5)
    submit(better[1], 3)
    submit(worse[0], 2)
    page = text(web(cast.council).get("/reviews/panel/"))
    places = [
        page.index(f"/requests/{one.code}/reviews/") for one in (better[0].request, worse[0].request, waiting)
    ]
    assert places == sorted(places)
    assert "4.00" in page
    assert "3.00 – 5.00" in page
    assert "1 missing" in page
    assert "2 missing" in page
    upside_down = text(web(cast.council).get("/reviews/panel/?ordering=score"))
    assert upside_down.index(worse[0].request.code) < upside_down.index(better[0].request.code)
    for who in (cast.reviewer, cast.pi, cast.outsider):
        assert web(who).get("/reviews/panel/").status_code == 403
        assert web(who).get("/reviews/panel.csv").status_code == 403


def test_a_recused_panel_member_sees_that_and_nothing_else(cast: Cast, web: Any) -> None:
    review = submit(invited(cast)[0], 5)
    request = review.request
    Conflict.objects.create(request=request, user=cast.council, severity="real", kind="declared")
    client = web(cast.council)
    page = text(client.get("/reviews/panel/"))
    assert "Recused" in page
    assert request.code not in page
    assert cast.project.title not in page
    version = request.track_version
    assert version is not None
    for narrowed in ("q=Retina", f"state={request.state}", f"track={version.track.code}", "sector=health"):
        assert "Recused" not in text(client.get(f"/reviews/panel/?{narrowed}"))
    file = b"".join(client.get("/reviews/panel.csv")).decode()
    assert request.code not in file
    assert file.count("yes") == 1
    assert client.get(f"/requests/{request.code}/reviews/").status_code == 404
    assert request.code in b"".join(web(cast.admin).get("/reviews/panel.csv")).decode()


def multiply(cast: Cast, count: int, first: Review) -> None:
    """So many further requests in review, each with a review of the reviewer's and one of another's."""
    pattern = first.request
    people = User.objects.bulk_create(
        User(email=f"r{number}@example.pk", name=f"Judge {number}") for number in range(count)
    )
    for user in people:
        user.programme_roles.create(role="reviewer")
    requests = AllocationRequest.objects.bulk_create(
        AllocationRequest(
            project=cast.project,
            requested_by=cast.pi,
            state="submitted",
            round=1,
            track_version=pattern.track_version,
            submitted_at=clock.now(),
            starts_on=pattern.starts_on,
            ends_on=pattern.ends_on,
        )
        for _number in range(count)
    )
    for request, judge in zip(requests, people, strict=True):
        step = request.steps.create(
            round=1, step=first.step.step, position=0, kind="review", state="open", opened_at=clock.now()
        )
        for user in (cast.reviewer, judge):
            Review.objects.create(
                request=request,
                round=1,
                step=step,
                rubric=first.rubric,
                reviewer=user,
                due_on=first.due_on,
                invited_at=clock.now(),
            )


@pytest.mark.parametrize("count", [5, MANY])
def test_queries(cast: Cast, web: Any, django_assert_max_num_queries: Any, count: int) -> None:
    review = invited(cast, persons=2)[0]
    multiply(cast, count, review)
    budgets = {
        cast.reviewer: {"/reviews/": 10, f"/reviews/{review.code}/": 15},
        cast.admin: {
            # Of these an admin's menu with all its figures takes ten.
            "/reviews/pool/": 15,
            "/reviews/panel/": 15,
            f"/requests/{review.request.code}/reviews/": 20,
            f"/requests/{review.request.code}/reviewers/": 20,
        },
    }
    for user, addresses in budgets.items():
        client = web(user)
        client.get("/")  # what is kept in the cache is kept now
        for address, budget in addresses.items():
            with django_assert_max_num_queries(budget, info=address):
                assert client.get(address).status_code == 200
