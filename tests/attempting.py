"""Trying every action of the table of permissions, in three ways: by service, page and API.

Every attempt is undone, so that all roles try on one and the same thing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.test import Client
from rest_framework.test import APIClient

from allocations.lifecycle import services as lifecycle
from allocations.lifecycle.models import Appeal, ChangeRequest
from allocations.programme import services as programme
from allocations.programme.models import AllocationRequest
from allocations.reviews import services as reviews
from allocations.reviews.models import Review, ReviewScore
from portal.foundation.errors import IllegalState, NotAllowed
from portal.foundation.models import AuditRow
from portal.people.models import User
from tests.permitting import request_of
from tests.requesting import HOUR
from tests.reviewing import CRITERIA, word

LETTERS = {"y": "done", "n": "not allowed", "s": "illegal state"}
# Not seen at all: `h` because it is none of theirs, `g` because it is not to be seen in this state.
UNSEEN = {"h": "not allowed", "g": "illegal state"}
CHANNELS = ("service", "page", "api")


@dataclass(frozen=True)
class Way:
    """One action: the service's call, the page's address and form, the API's address and body.

    Addresses are relative to the thing's own: `at` says where else, as (page, API). `leads_to` is the state
    after it, where the action changes it.
    """

    call: Callable[[User, Any], Any]
    page: str
    form: dict[str, Any]
    api: str
    body: Callable[[Any], dict[str, Any]]
    leads_to: str | None = None
    method: str = "post"
    at: Callable[[Any], tuple[str, str]] | None = None


def _addresses(target: Any) -> tuple[str, str]:
    kind = {AllocationRequest: "requests", Review: "reviews", ChangeRequest: "changes", Appeal: "appeals"}
    where = f"/{kind[type(target)]}/{target.code}/"
    return where, f"/api/v1{where}"


def _to_appeal(target: Any) -> tuple[str, str]:
    return f"{_addresses(request_of(target))[0]}appeal/", "/api/v1/appeals/"


def _to_ask(change: ChangeRequest) -> tuple[str, str]:
    return f"/allocations/{change.allocation.code}/more/", "/api/v1/changes/"


def _same(**body: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda _target: body


def _word(action: str, outcome: str, call: Callable[..., Any], **form: Any) -> Way:
    """A decider's word, by the form that all outcomes share."""
    body = {"outcome": outcome, "reason": "So.", **form}
    return Way(call, "decide/", body, "decide/", _same(**body), leads_to=outcome)


def _check(user: User, request: AllocationRequest) -> Any:
    return programme.step_close(actor=user, request=request, passed=True)


def _answer(given: bool) -> Callable[[User, AllocationRequest], Any]:
    def answer(user: User, request: AllocationRequest) -> Any:
        place = request.lines.get().resource.site
        return programme.consent_answer(actor=user, request=request, site=place, given=given, reason="So.")

    return answer


def _consent(given: bool) -> Way:
    word = {"given": "yes" if given else "no", "reason": "So."}
    return Way(_answer(given), "consent/ned/", word, "consent/", _same(site="ned", given=given, reason="So."))


def _on_change(outcome: str) -> Callable[[User, ChangeRequest], Any]:
    return lambda user, change: lifecycle.change_decide(
        actor=user, change=change, outcome=outcome, reason="So."
    )


def _on_appeal(outcome: str) -> Callable[[User, Appeal], Any]:
    return lambda user, appeal: lifecycle.appeal_decide(
        actor=user, appeal=appeal, outcome=outcome, reason="So."
    )


REVIEWED = {**{f"score_{code}": "3" for code in CRITERIA}, **word()}
REVIEWED.pop("scores")
EDITED = {"justification": "Nine runs of it."}
MORE = {"gpu_hours": "250", "reason": "As the work goes."}

WAYS: dict[tuple[str, str], Way] = {
    ("request", "edit"): Way(
        lambda user, request: programme.request_update(actor=user, request=request, **EDITED),
        "edit/",
        EDITED,
        "",
        _same(**EDITED),
        method="patch",
    ),
    ("request", "submit"): Way(
        lambda user, request: programme.request_submit(actor=user, request=request),
        "submit/",
        {},
        "submit/",
        _same(),
        leads_to="submitted",
    ),
    ("request", "withdraw"): Way(
        lambda user, request: programme.request_withdraw(actor=user, request=request),
        "withdraw/",
        {},
        "withdraw/",
        _same(),
        leads_to="withdrawn",
    ),
    ("request", "message"): Way(
        lambda user, request: programme.message_write(actor=user, request=request, text="When?"),
        "thread/",
        {"text": "When?", "audience": "all"},
        "messages/",
        _same(text="When?"),
    ),
    ("request", "check"): Way(
        _check, "check/", {"passed": "yes"}, "check/", _same(kind="technical", passed=True)
    ),
    ("request", "consent"): _consent(True),
    ("request", "refuse"): _consent(False),
    ("decision", "approve"): _word(
        "approve",
        "approved",
        lambda user, request: programme.request_approve(actor=user, request=request, gpu_seconds=100 * HOUR),
        gpu_hours="100",
        gpu_hours_0="100",
    ),
    ("decision", "decline"): _word(
        "decline",
        "declined",
        lambda user, request: programme.request_decline(actor=user, request=request, reason="So."),
    ),
    ("decision", "return"): _word(
        "return",
        "returned",
        lambda user, request: programme.request_return(actor=user, request=request, reason="So."),
    ),
    ("review", "accept"): Way(
        lambda user, review: reviews.review_accept(actor=user, review=review),
        "accept/",
        {},
        "accept/",
        _same(),
    ),
    ("review", "decline"): Way(
        lambda user, review: reviews.review_decline(actor=user, review=review, reason="No time."),
        "decline/",
        {"reason": "No time."},
        "decline/",
        _same(reason="No time."),
        leads_to="recused",
    ),
    ("review", "recuse"): Way(
        lambda user, review: reviews.review_recuse(actor=user, review=review),
        "recuse/",
        {},
        "recuse/",
        _same(),
        leads_to="recused",
    ),
    ("review", "save"): Way(
        lambda user, review: reviews.review_save(actor=user, review=review, scores={"benefit": 2}),
        "",
        {"draft": "1", "score_benefit": "2"},
        "",
        _same(scores={"benefit": 2}),
        method="patch",
    ),
    ("review", "submit"): Way(
        lambda user, review: reviews.review_submit(actor=user, review=review, **word()),
        "",
        REVIEWED,
        "submit/",
        _same(**word()),
        leads_to="submitted",
    ),
    ("change", "ask"): Way(
        lambda user, change: lifecycle.change_ask(
            actor=user, allocation=change.allocation, verb="more", reason="So.", gpu_seconds=250 * HOUR
        ),
        "",
        MORE,
        "",
        lambda change: {"allocation": change.allocation.code, "verb": "more", **MORE},
        at=_to_ask,
    ),
    ("change", "withdraw"): Way(
        lambda user, change: lifecycle.change_withdraw(actor=user, change=change),
        "withdraw/",
        {},
        "withdraw/",
        _same(),
        leads_to="withdrawn",
    ),
    ("change", "approve"): _word("approve", "approved", _on_change("approved")),
    ("change", "decline"): _word("decline", "declined", _on_change("declined")),
    ("appeal", "file"): Way(
        lambda user, target: lifecycle.appeal_file(
            actor=user, subject=request_of(target), grounds="It was misread."
        ),
        "",
        {"grounds": "It was misread."},
        "",
        lambda target: {"request": request_of(target).code, "grounds": "It was misread."},
        at=_to_appeal,
    ),
    ("appeal", "withdraw"): Way(
        lambda user, appeal: lifecycle.appeal_withdraw(actor=user, appeal=appeal),
        "withdraw/",
        {},
        "withdraw/",
        _same(),
        leads_to="withdrawn",
    ),
    ("appeal", "uphold"): _word("uphold", "upheld", _on_appeal("upheld")),
    ("appeal", "dismiss"): _word("dismiss", "dismissed", _on_appeal("dismissed")),
}


def promised(letter: str, channel: str) -> str:
    """What a letter of the table says of one way in."""
    if letter in UNSEEN:
        return UNSEEN[letter] if channel == "service" else "hidden"
    return LETTERS[letter]


class Attempts:
    """Everybody tries, each by their own browser and API client, and nothing remains of it."""

    def __init__(self, who: dict[str, User]) -> None:
        self.who = who
        # Signed in once: what is undone would take the session with it.
        self.browsers = {role: Client() for role in who}
        for role, user in who.items():
            self.browsers[role].force_login(user, backend="portal.people.backends.SignInBackend")

    def outcome(self, channel: str, role: str, way: Way, target: Any, state: str) -> str:
        """How the attempt ended, in words; what is refused must leave no trace, what is done must."""
        with undone():
            before = _traces()
            said = getattr(self, f"_by_{channel}")(role, way, target)
            acted = _traces() != before
            target_now = type(target).objects.get(pk=target.pk).state if way.leads_to else None
            if said == "sent":  # A button answers alike whether the service did it or told why not.
                said = "done" if acted else "illegal state"
            if acted != (said == "done"):
                return f"{said}, but {'something' if acted else 'nothing'} was recorded"
            if said == "done" and target_now not in (
                way.leads_to,
                "filed" if state == "first_word" else None,
            ):
                return f"done, but it is {target_now}"
        return said

    def _by_service(self, role: str, way: Way, target: Any) -> str:
        try:
            with transaction.atomic():
                way.call(self.who[role], target)
        except NotAllowed:
            return "not allowed"
        except IllegalState:
            return "illegal state"
        return "done"

    def _by_page(self, role: str, way: Way, target: Any) -> str:
        where = (way.at or _addresses)(target)[0] + way.page
        form = way.form | ({"project": target.project.code} if way.page == "edit/" else {})
        browser = self.browsers[role]
        browser.cookies.pop("messages", None)
        reply: Any = browser.post(where, form)
        if reply.status_code == 422:
            errors = reply.context["form"].errors
            return "illegal state" if set(errors) == {"__all__"} else f"422 {errors.as_json()}"
        if reply.status_code == 302 and "login" in reply["Location"]:
            return "signed out"
        return {302: "sent", 403: "not allowed", 404: "hidden", 409: "illegal state"}.get(
            reply.status_code, f"{reply.status_code}"
        )

    def _by_api(self, role: str, way: Way, target: Any) -> str:
        client = APIClient()
        client.force_authenticate(self.who[role])
        where = (way.at or _addresses)(target)[1] + way.api
        reply: Any = getattr(client, way.method)(where, way.body(target), format="json")
        if reply.status_code == 400 and way.at and b"does_not_exist" in reply.content:
            return "hidden"  # What is named in the body and isn't seen doesn't exist.
        return {
            200: "done",
            201: "done",
            204: "done",
            403: "not allowed",
            404: "hidden",
            409: "illegal state",
        }.get(reply.status_code, f"{reply.status_code} {reply.content!r}")


def _traces() -> tuple[int, int]:
    """What every action leaves: a row of the audit; a draft of a review only its scores."""
    return AuditRow.objects.count(), ReviewScore.objects.count()


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
