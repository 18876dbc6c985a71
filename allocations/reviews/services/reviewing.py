"""What a reviewer does with a review: take it, draft it, submit it, or step back."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from allocations.programme.models import Conflict
from allocations.programme.transitions import StepState
from allocations.reviews.models import Review, ReviewScore
from allocations.reviews.models.review import HIGHEST
from allocations.reviews.scoring import weighted_mean
from allocations.reviews.selectors import IN_REVIEW, unconflicted
from allocations.reviews.services._gate import leave, locked, note, require_open
from allocations.reviews.services.announce import tell_reviewer
from allocations.reviews.services.assigning import replacement_seek
from allocations.reviews.services.closing import close_if_enough
from allocations.reviews.transitions import REVIEW
from portal.foundation import clock
from portal.foundation.errors import IllegalState, InvalidInput
from portal.foundation.policies import require
from portal.foundation.services import audit
from portal.people.models import User

TEXTS = ("recommendation", "comment_private", "comment_applicant")


@transaction.atomic
def review_accept(*, actor: Any, review: Review) -> Review:
    """Say yes to an invitation; saying it twice changes nothing. Raises NotAllowed, IllegalState."""
    review = _opened(actor, review)
    _accept(review, actor)
    return review


@transaction.atomic
def review_decline(*, actor: Any, review: Review, reason: str) -> None:
    """Say no, with a reason; somebody else is asked. Raises InvalidInput, NotAllowed, IllegalState."""
    review = _opened(actor, review)
    if not reason.strip():
        raise InvalidInput(
            _("A reason is needed."),
            field="reason",
            remedy=_("One line will do; only programme admins see it."),
        )
    leave(review, Review.Left.DECLINED, actor=actor, action="review_decline", reason=reason)
    replacement_seek(review, why="declined")


@transaction.atomic
def review_recuse(
    *, actor: Any, review: Review, severity: str = Conflict.Severity.REAL, reason: str = ""
) -> None:
    """Declare a conflict of interest and leave: the request is hidden from the reviewer at once.

    The conflict stays on record, and the database refuses their decision about the request too, unless it
    is only potential. Raises InvalidInput, NotAllowed, IllegalState.
    """
    review = _opened(actor, review)
    if severity not in Conflict.Severity.values:
        raise InvalidInput(
            _("Choose how severe the conflict is."),
            field="severity",
            remedy=", ".join(Conflict.Severity.values),
        )
    conflict, is_new = Conflict.objects.get_or_create(
        request=review.request,
        user=actor,
        kind=Conflict.Kind.DECLARED,
        defaults={"severity": severity, "note": reason.strip()[:2000]},
    )
    if is_new:
        after = {"user": actor.code, "kind": conflict.kind, "severity": conflict.severity}
        audit.record(
            actor=actor, action="conflict_declare", target=review.request, after=after, reason=conflict.note
        )
    leave(review, Review.Left.CONFLICT, actor=actor, action="review_recuse", reason=reason)
    replacement_seek(review, why="conflict")


@transaction.atomic
def review_save(*, actor: Any, review: Review, scores: Mapping[str, int | None], **texts: str) -> Review:
    """Keep a draft. `scores` by the criterion's code, None takes one back; what isn't given stays as it is.

    Raises InvalidInput for a criterion or a score that there isn't, NotAllowed, IllegalState.
    """
    review = _opened(actor, review)
    _write(review, scores, texts)
    return review


@transaction.atomic
def review_submit(
    *, actor: Any, review: Review, scores: Mapping[str, int | None] | None = None, **texts: str
) -> Review:
    """Hand a review in, with a last change if there is one; then it is frozen, until it is revised.

    Every criterion needs a score, and the applicant a comment and those who decide a recommendation. Once as
    many are in as the step asks for, the step closes. Raises InvalidInput, NotAllowed, IllegalState.
    """
    review = _opened(actor, review)
    _accept(review, actor)
    _write(review, scores or {}, texts)
    review.score = weighted_mean(_complete_scores(review))
    _require_words(review)
    before = review.snapshot("state")
    review.state = REVIEW.target(state=review.state, action="submit")
    review.submitted_at = clock.now()
    review.store("state", "submitted_at", "score")
    note(actor, "review_submit", review, before=before)
    tell_reviewer(review, "thanked")
    close_if_enough(review)
    return review


def _opened(actor: Any, review: Review) -> Review:
    """The review, locked, once it is sure that `actor` may write it now."""
    review = locked(review)
    require(actor, "reviews.write", review, message=_("Only its reviewer writes a review."))
    require_open(review)
    if review.step.state != StepState.OPEN or review.request.state not in IN_REVIEW:
        raise IllegalState(_("The review of this request is over."))
    if not unconflicted(actor).filter(pk=review.request_id).exists():
        raise IllegalState(_("You have a conflict of interest with this request."))
    return review


def _accept(review: Review, actor: User) -> None:
    if review.accepted_at is None:
        review.accepted_at = clock.now()
        review.store("accepted_at")
        note(actor, "review_accept", review)


def _write(review: Review, scores: Mapping[str, int | None], texts: Mapping[str, str]) -> None:
    """Keep what is given. Drafts leave no audit row: nobody but the reviewer reads them."""
    if unknown := texts.keys() - set(TEXTS):
        raise TypeError(f"A review has no {', '.join(sorted(unknown))}.")
    if texts.get("recommendation") and texts["recommendation"] not in Review.Recommendation.values:
        raise InvalidInput(
            _("There is no such recommendation."),
            field="recommendation",
            remedy=", ".join(Review.Recommendation.values),
        )
    criteria = {criterion.code: criterion for criterion in review.rubric.criteria.all()}
    for code, score in scores.items():
        if code not in criteria:
            raise InvalidInput(
                _("The rubric has no criterion “%(code)s”.") % {"code": code},
                field="scores",
                remedy=", ".join(criteria),
            )
        if score is None:
            ReviewScore.objects.filter(review=review, criterion=criteria[code]).delete()
            continue
        if not 0 <= score <= HIGHEST:
            raise InvalidInput(
                _("Scores run from 0 to %(highest)s.") % {"highest": HIGHEST}, field=f"score_{code}"
            )
        ReviewScore.objects.update_or_create(
            review=review, criterion=criteria[code], defaults={"score": score}
        )
    for name, text in texts.items():
        setattr(review, name, text.strip())
    if texts:
        review.store(*texts)


def _complete_scores(review: Review) -> list[tuple[int, int]]:
    """(score, weight) of every criterion. Raises InvalidInput for the first that has none."""
    given = dict(ReviewScore.objects.filter(review=review).values_list("criterion", "score"))
    for criterion in review.rubric.criteria.all():
        if criterion.pk not in given:
            raise InvalidInput(
                _("“%(criterion)s” has no score yet.") % {"criterion": criterion},
                field=f"score_{criterion.code}",
                remedy=_("Score every criterion from 0 to %(highest)s.") % {"highest": HIGHEST},
            )
    return [(given[criterion.pk], criterion.weight) for criterion in review.rubric.criteria.all()]


def _require_words(review: Review) -> None:
    if not review.recommendation:
        raise InvalidInput(
            _("The recommendation is missing."), field="recommendation", remedy=_("Choose one of the three.")
        )
    if not review.comment_applicant:
        raise InvalidInput(
            _("The comment for the applicant is missing."),
            field="comment_applicant",
            remedy=_(
                "Say what is good and what would have to be different: they read it once it is decided."
            ),
        )
