"""What a reviewer says about one round of a request."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from allocations.programme.models import AllocationRequest, Criterion, RequestStep, Rubric
from allocations.reviews.transitions import REVIEW, ReviewState
from portal.foundation.codes import CodeField
from portal.foundation.models import Record
from portal.foundation.transitions import append_only

HIGHEST = 5

# Whoever belongs to the project or its organisation, wrote the request, or has a conflict (SQL).
CONCERNED = (
    "EXISTS (SELECT 1 FROM programme_conflict c WHERE c.request_id = NEW.request_id "
    "AND c.user_id = NEW.reviewer_id AND c.severity IN ('real', 'apparent')) "
    "OR EXISTS (SELECT 1 FROM programme_allocationrequest r JOIN projects_project p ON p.id = r.project_id "
    "WHERE r.id = NEW.request_id AND (r.requested_by_id = NEW.reviewer_id "
    "OR EXISTS (SELECT 1 FROM projects_projectmember m "
    "WHERE m.project_id = p.id AND m.user_id = NEW.reviewer_id) "
    "OR EXISTS (SELECT 1 FROM people_membership o "
    "WHERE o.organisation_id = p.organisation_id AND o.user_id = NEW.reviewer_id)))"
)
INCOMPLETE = (
    "(SELECT count(*) FROM reviews_reviewscore s WHERE s.review_id = NEW.id) < "
    "(SELECT count(*) FROM programme_criterion c WHERE c.rubric_id = NEW.rubric_id)"
)


class Review(Record):
    """One reviewer's word on one round of a request: asked for, drafted, submitted; then it is frozen.

    Until its step closes it may be opened again; what it said is kept as a ReviewVersion then. Whoever steps
    back has *left*, for one of the reasons in `left`. `score` is the weighted mean of the scores (0 to 5),
    set when it is submitted. `reminders` counts those that were due.
    """

    class Left(models.TextChoices):
        DECLINED = "declined", _("Declined")
        CONFLICT = "conflict", _("Conflict of interest")
        REPLACED = "replaced", _("Replaced")
        NOT_NEEDED = "not_needed", _("No longer needed")

    class Recommendation(models.TextChoices):
        FUND = "fund", _("Grant it as asked")
        PART = "part", _("Grant a part")
        DECLINE = "decline", _("Don't grant it")

    code = CodeField(prefix="rev")
    request = models.ForeignKey(AllocationRequest, on_delete=models.PROTECT, related_name="reviews")
    round = models.PositiveSmallIntegerField(_("round"))
    step = models.ForeignKey(RequestStep, on_delete=models.PROTECT, related_name="reviews")
    rubric = models.ForeignKey(Rubric, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    state = models.CharField(_("state"), max_length=10, choices=ReviewState, default=ReviewState.ASSIGNED)
    due_on = models.DateField(_("due"))
    invited_at = models.DateTimeField(_("asked"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    reminded_at = models.DateTimeField(_("reminded"), null=True, blank=True)
    reminders = models.PositiveSmallIntegerField(default=0)
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    recommendation = models.CharField(
        _("recommendation"), max_length=10, choices=Recommendation, blank=True, default=""
    )
    comment_private = models.TextField(_("for those who decide"), max_length=8000, blank=True)
    comment_applicant = models.TextField(_("for the applicant"), max_length=8000, blank=True)
    score = models.DecimalField(_("score"), max_digits=4, decimal_places=3, null=True, blank=True)
    left = models.CharField(_("why it ended"), max_length=10, choices=Left, blank=True, default="")
    reason = models.TextField(_("reason"), max_length=2000, blank=True)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["due_on", "id"]
        constraints = [
            REVIEW.check(name="review_state"),
            models.UniqueConstraint(fields=["request", "round", "reviewer"], name="review_once"),
            models.CheckConstraint(
                name="review_complete",
                condition=~models.Q(state="submitted")
                | models.Q(score__range=(0, HIGHEST), submitted_at__isnull=False)
                & ~models.Q(recommendation="")
                & ~models.Q(comment_applicant=""),
            ),
            models.CheckConstraint(
                name="review_left",
                condition=models.Q(state="recused") & ~models.Q(left="")
                | ~models.Q(state="recused") & models.Q(left=""),
            ),
        ]
        indexes = [
            models.Index(fields=["reviewer", "state"], name="review_reviewer"),
            models.Index(fields=["due_on"], name="review_due", condition=models.Q(state="assigned")),
        ]
        triggers = [
            REVIEW.trigger(name="review_steps"),
            pgtrigger.Trigger(
                name="frozen",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.state <> 'assigned'"),
                # Only opening it again changes it, while its step is open and what it said is kept.
                func=(
                    "IF OLD.state = 'submitted' AND NEW.state = 'assigned' "
                    "AND (NEW.request_id, NEW.round, NEW.step_id, NEW.rubric_id, NEW.reviewer_id) "
                    "= (OLD.request_id, OLD.round, OLD.step_id, OLD.rubric_id, OLD.reviewer_id) "
                    "AND EXISTS (SELECT 1 FROM programme_requeststep s "
                    "WHERE s.id = OLD.step_id AND s.state = 'open') "
                    "AND EXISTS (SELECT 1 FROM reviews_reviewversion v "
                    "WHERE v.review_id = OLD.id AND v.submitted_at = OLD.submitted_at) "
                    "THEN RETURN NEW; END IF; "
                    "RAISE EXCEPTION 'a review that is % stays as it is', OLD.state "
                    "USING ERRCODE = 'check_violation';"
                ),
            ),
            pgtrigger.Trigger(
                name="independent",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.state IN ('assigned', 'submitted')"),
                func=(
                    f"IF {CONCERNED} THEN RAISE EXCEPTION 'nobody reviews where they have a conflict' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Trigger(
                name="complete",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.state = 'submitted'"),
                func=(
                    f"IF {INCOMPLETE} THEN RAISE EXCEPTION 'every criterion needs a score' "
                    "USING ERRCODE = 'check_violation'; END IF; RETURN NEW;"
                ),
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return str(self.code)

    def get_absolute_url(self) -> str:
        return reverse("review", args=[self.code])

    @property
    def is_open(self) -> bool:
        return self.state == ReviewState.ASSIGNED


class ReviewScore(Record):
    """What a reviewer gives one criterion, from 0 to 5. It changes only while the review is a draft."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="scores")
    criterion = models.ForeignKey(Criterion, on_delete=models.PROTECT, related_name="+")
    score = models.PositiveSmallIntegerField(_("score"))

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        ordering = ["criterion__position", "criterion_id"]
        constraints = [
            models.UniqueConstraint(fields=["review", "criterion"], name="review_score_once"),
            models.CheckConstraint(name="review_score_range", condition=models.Q(score__lte=HIGHEST)),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="frozen",
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.Before,
                func=(
                    "IF EXISTS (SELECT 1 FROM reviews_review r WHERE r.state <> 'assigned' "
                    "AND r.id = CASE WHEN TG_OP = 'INSERT' THEN NEW.review_id ELSE OLD.review_id END) "
                    "THEN RAISE EXCEPTION 'the scores of a review that ended stay as they are' "
                    "USING ERRCODE = 'check_violation'; END IF; "
                    "RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;"
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.score}"


class ReviewVersion(models.Model):
    """What a review said before it was opened again, by whom and why. `scores`: criterion's code → score."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField(_("version"))
    score = models.DecimalField(_("score"), max_digits=4, decimal_places=3)
    scores = models.JSONField(_("scores"))
    recommendation = models.CharField(_("recommendation"), max_length=10, choices=Review.Recommendation)
    comment_private = models.TextField(_("for those who decide"), blank=True)
    comment_applicant = models.TextField(_("for the applicant"))
    submitted_at = models.DateTimeField(_("submitted"))
    reopened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(_("reason"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("earlier version of a review")
        verbose_name_plural = _("earlier versions of reviews")
        ordering = ["review", "number"]
        constraints = [models.UniqueConstraint(fields=["review", "number"], name="review_version_once")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.review_id}: {self.number}"
